# SPDX-License-Identifier: Apache-2.0
"""One table of names: ours and those of Google's released checkpoints.

A row maps a layer; the variable's own name (kernel, bias, gamma, beta, …) is
the same on both sides, and so are all shapes. ``{g}`` is the group and
``{j}`` the inner group. Google's ``attention_1``, ``ffn_1`` and
``LayerNorm_1`` are constant: TensorFlow 1 made them unique by counting.
Source: the variables that the original's modeling.py and run_pretraining.py
create.
"""

import re

_BLOCK = "bert/encoder/transformer/group_{g}/inner_group_{j}"

_LAYERS = (
    ("encoder/embeddings", "bert/embeddings"),
    ("encoder/embeddings/layer_norm", "bert/embeddings/LayerNorm"),
    (
        "encoder/embedding_projection",
        "bert/encoder/embedding_hidden_mapping_in",
    ),
    (
        "encoder/attention_{g}_{j}/query",
        f"{_BLOCK}/attention_1/self/query",
    ),
    ("encoder/attention_{g}_{j}/key", f"{_BLOCK}/attention_1/self/key"),
    ("encoder/attention_{g}_{j}/value", f"{_BLOCK}/attention_1/self/value"),
    (
        "encoder/attention_{g}_{j}/output",
        f"{_BLOCK}/attention_1/output/dense",
    ),
    ("encoder/attention_{g}_{j}/layer_norm", f"{_BLOCK}/LayerNorm"),
    (
        "encoder/feed_forward_{g}_{j}/intermediate",
        f"{_BLOCK}/ffn_1/intermediate/dense",
    ),
    (
        "encoder/feed_forward_{g}_{j}/output",
        f"{_BLOCK}/ffn_1/intermediate/output/dense",
    ),
    ("encoder/feed_forward_{g}_{j}/layer_norm", f"{_BLOCK}/LayerNorm_1"),
    ("encoder/pooler", "bert/pooler/dense"),
    ("masked_lm/transform", "cls/predictions/transform/dense"),
    ("masked_lm/layer_norm", "cls/predictions/transform/LayerNorm"),
    ("masked_lm", "cls/predictions"),
    ("sentence_order", "cls/seq_relationship"),
)


def _pattern(template):
    escaped = re.escape(template)
    return re.compile(
        escaped.replace(r"\{g\}", r"(?P<g>\d+)").replace(
            r"\{j\}", r"(?P<j>\d+)"
        )
    )


_TO_GOOGLE = [(_pattern(ours), google) for ours, google in _LAYERS]


def google_name(name):
    """Returns Google's name of our variable ``name``.

    Args:
      name: str as given by ``named_variables``, e.g.
        "encoder/attention_0_0/query/kernel".

    Raises:
      KeyError: the table has no row for it.
    """
    layer, _, variable = name.rpartition("/")
    for pattern, template in _TO_GOOGLE:
        match = pattern.fullmatch(layer)
        if match:
            return f"{template.format(**match.groupdict())}/{variable}"
    raise KeyError(f"no row of the table of names maps {name!r}")


def named_variables(model):
    """Returns the model's weights by name, in the order of creation.

    The name does not depend on how the user named the model: an
    ``AlbertEncoder`` alone and the one inside a pretrainer give the same.

    Args:
      model: ``AlbertEncoder``, or a model with one as ``model.encoder``.

    Returns:
      dict of str to ``keras.Variable``, trainable weights only.
    """
    encoder = getattr(model, "encoder", model)
    named = {}
    for variable in model.trainable_variables:
        for layer, prefix in ((encoder, "encoder/"), (model, "")):
            start = f"{layer.path or layer.name}/"
            if variable.path.startswith(start):
                named[prefix + variable.path[len(start) :]] = variable
                break
        else:
            raise ValueError(f"{variable.path} lies outside the model")
    return named
