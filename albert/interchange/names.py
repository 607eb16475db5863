# SPDX-License-Identifier: Apache-2.0
"""Lists every variable's name here, at Google, in transformers and KerasHub.

A row is a variable: its name and shape here, its name in each format, and how
its values are arranged there. ``None`` is a variable that the format has no
place for. ``{g}`` is the group and ``{j}`` the inner group. All directions
derive from the table, and a name that is not in it is an error.

Sources: the variables that the original's modeling.py, run_pretraining.py,
classifier_utils.py, race_utils.py and squad_utils.py create;
modeling_albert.py of transformers 5; albert_backbone.py and
albert_masked_lm.py of keras-hub 0.32. Google's ``attention_1``, ``ffn_1`` and
``LayerNorm_1`` are constant: TensorFlow 1 made them unique by counting.
"""

import dataclasses
import functools
import re

from albert.heads import HEADS
from albert.interchange import bert_names
from albert.interchange.arrangements import HEADS_BIAS
from albert.interchange.arrangements import HEADS_IN
from albert.interchange.arrangements import HEADS_OUT
from albert.interchange.arrangements import SAME
from albert.interchange.arrangements import TRANSPOSED

FORMATS = ("google", "huggingface", "kerashub")
# Those of BERT, which have a place for unshared layers alone.
BERT_FORMATS = ("google_bert", "huggingface_bert")


@dataclasses.dataclass(frozen=True)
class Row:
    """A variable, with its name and layout in every format.

    Attributes:
      ours: str, the name of ``named_variables``.
      shape: str, letters of the shape here: V vocabulary, E embedding, H
        hidden, I intermediate, P positions, T segment types, N heads, C
        labels, and numbers. 2H is twice H.
      google, huggingface, kerashub: str or None, the name there. KerasHub's
        is the layer's name in the functional model, then the path below it
        in its HDF5 file.
      google_bert, huggingface_bert: str or None, the name in a BERT.
      huggingface_order, kerashub_order: str, the arrangement there. Google's
        is ours.
    """

    ours: str
    shape: str
    google: str
    huggingface: str | None = None
    kerashub: str | None = None
    huggingface_order: str = SAME
    kerashub_order: str = SAME
    google_bert: str | None = None
    huggingface_bert: str | None = None

    def name(self, format):
        """Returns the template of the name in ``format``."""
        return getattr(self, format)

    def order(self, format):
        """Returns the arrangement of the values in ``format``."""
        peer = format.removesuffix("_bert")
        return SAME if peer == "google" else getattr(self, f"{peer}_order")


def _dense(ours, shape, google, huggingface, kerashub, kernel=SAME, bias=SAME):
    def below(name, variable, separator="/"):
        return None if name is None else f"{name}{separator}{variable}"

    return (
        Row(
            f"{ours}/kernel",
            shape,
            f"{google}/kernel",
            below(huggingface, "weight", "."),
            below(kerashub, "vars/0"),
            TRANSPOSED,
            kernel,
        ),
        Row(
            f"{ours}/bias",
            shape.split()[-1],
            f"{google}/bias",
            below(huggingface, "bias", "."),
            below(kerashub, "vars/1"),
            SAME,
            bias,
        ),
    )


def _norm(ours, shape, google, huggingface=None, kerashub=None):
    return tuple(
        Row(
            f"{ours}/{variable}",
            shape,
            f"{google}/{variable}",
            huggingface and f"{huggingface}.{peer_variable}",
            kerashub and f"{kerashub}/vars/{index}",
        )
        for index, (variable, peer_variable) in enumerate(
            (("gamma", "weight"), ("beta", "bias"))
        )
    )


def _head(ours, shape, google, huggingface=None, weights=None, bias=None):
    """Returns the rows of an original head, whose weights are [outputs, H]."""
    return (
        Row(
            f"{ours}/output_weights",
            shape,
            f"{google}output_weights",
            huggingface and f"{huggingface}.weight",
            weights,
            kerashub_order=TRANSPOSED,
        ),
        Row(
            f"{ours}/output_bias",
            shape.split()[0],
            f"{google}output_bias",
            huggingface and f"{huggingface}.bias",
            bias,
        ),
    )


_EMBEDDINGS = (
    ("word_embeddings", "V E", "token_embedding"),
    ("token_type_embeddings", "T E", "segment_embedding"),
    ("position_embeddings", "P E", "position_embedding"),
)
_G = "bert/encoder/transformer/group_{g}/inner_group_{j}"
_HF = "albert.encoder.albert_layer_groups.{g}.albert_layers.{j}"
_KH = "group_{g}_inner_layer_{j}"

_ROWS = (
    *(
        Row(
            f"encoder/embeddings/{name}",
            shape,
            f"bert/embeddings/{name}",
            f"albert.embeddings.{name}.weight",
            f"{kerashub}/vars/0",
        )
        for name, shape, kerashub in _EMBEDDINGS
    ),
    *_norm(
        "encoder/embeddings/layer_norm",
        "E",
        "bert/embeddings/LayerNorm",
        "albert.embeddings.LayerNorm",
        "embeddings_layer_norm",
    ),
    *_dense(
        "encoder/embedding_projection",
        "E H",
        "bert/encoder/embedding_hidden_mapping_in",
        "albert.encoder.embedding_hidden_mapping_in",
        "embedding_projection",
    ),
    Row(
        "encoder/relative_bias/bias",
        "31 N",
        "bert/encoder/relative_bias/bias",
    ),
    *(
        row
        for part in ("query", "key", "value")
        for row in _dense(
            f"encoder/attention_{{g}}_{{j}}/{part}",
            "H H",
            f"{_G}/attention_1/self/{part}",
            f"{_HF}.attention.{part}",
            f"{_KH}/_self_attention_layer/{part}_dense",
            HEADS_OUT,
            HEADS_BIAS,
        )
    ),
    *_dense(
        "encoder/attention_{g}_{j}/output",
        "H H",
        f"{_G}/attention_1/output/dense",
        f"{_HF}.attention.dense",
        f"{_KH}/_self_attention_layer/output_dense",
        HEADS_IN,
    ),
    *_norm(
        "encoder/attention_{g}_{j}/layer_norm",
        "H",
        f"{_G}/LayerNorm",
        f"{_HF}.attention.LayerNorm",
        f"{_KH}/_self_attention_layer_norm",
    ),
    *_dense(
        "encoder/feed_forward_{g}_{j}/intermediate",
        "H I",
        f"{_G}/ffn_1/intermediate/dense",
        f"{_HF}.ffn",
        f"{_KH}/_feedforward_intermediate_dense",
    ),
    *_dense(
        "encoder/feed_forward_{g}_{j}/output",
        "I H",
        f"{_G}/ffn_1/intermediate/output/dense",
        f"{_HF}.ffn_output",
        f"{_KH}/_feedforward_output_dense",
    ),
    *_norm(
        "encoder/feed_forward_{g}_{j}/layer_norm",
        "H",
        f"{_G}/LayerNorm_1",
        f"{_HF}.full_layer_layer_norm",
        f"{_KH}/_feedforward_layer_norm",
    ),
    *_dense(
        "encoder/pooler",
        "H H",
        "bert/pooler/dense",
        "albert.pooler",
        "pooled_dense",
    ),
    *_dense(
        "masked_lm/transform",
        "H E",
        "cls/predictions/transform/dense",
        "predictions.dense",
        "mlm_head/_intermediate_dense",
    ),
    *_norm(
        "masked_lm/layer_norm",
        "E",
        "cls/predictions/transform/LayerNorm",
        "predictions.LayerNorm",
        "mlm_head/_intermediate_layer_norm",
    ),
    Row(
        "masked_lm/output_bias",
        "V",
        "cls/predictions/output_bias",
        "predictions.bias",
        "mlm_head/vars/0",
    ),
    *_head(
        "sentence_order",
        "2 H",
        "cls/seq_relationship/",
        "sop_classifier.classifier",
    ),
    *_head(
        "classifier",
        "C H",
        "",
        "classifier",
        "logits/vars/0",
        "logits/vars/1",
    ),
    *_head("span", "2 H", "cls/squad/", "qa_outputs"),
    *_dense("start/dense", "H 1", "start_logits/dense", None, None),
    *_dense("end/dense_0", "2H H", "end_logits/dense_0", None, None),
    *_norm("end/layer_norm", "H", "end_logits/LayerNorm"),
    *_dense("end/dense_1", "H 1", "end_logits/dense_1", None, None),
    *_dense("answer_class/dense_0", "2H H", "answer_class/dense_0", None, None),
    Row("answer_class/dense_1/kernel", "H 1", "answer_class/dense_1/kernel"),
)
ROWS = tuple(
    dataclasses.replace(row, **bert_names.find(row.ours, row.google))
    for row in _ROWS
)


# ----------------------------------------------------------------- directions


def google_name(name):
    """Returns Google's name of our variable ``name``; see ``peer_name``."""
    return peer_name(name, "google")


def peer_name(name, format):
    """Returns what a format calls our variable.

    Args:
      name: str as given by ``named_variables``, e.g.
        "encoder/attention_0_0/query/kernel".
      format: one of ``FORMATS`` or ``BERT_FORMATS``.

    Returns:
      str, or None where the format has no place for it.

    Raises:
      KeyError: the table has no row for the name.
    """
    row, numbers = _find(name, "ours")
    template = row.name(format)
    # A layer of a BERT has no inner ones.
    if template is None or (
        numbers.get("j", "0") != "0" and "{j}" not in template
    ):
        return None
    return template.format(**numbers)


def our_name(name, format):
    """Returns our name of a format's variable; the reverse of ``peer_name``.

    Raises:
      KeyError: the table has no row for the name.
    """
    row, numbers = _find(name, format)
    return row.ours.format(**{"j": 0, **numbers})


def arrangement(name, format):
    """Returns how a format arranges the values of our variable ``name``."""
    return _find(name, "ours")[0].order(format)


def _find(name, column):
    exact, patterns = _index(column)
    if name in exact:
        return exact[name], {}
    for pattern, row in patterns:
        match = pattern.fullmatch(name)
        if match:
            return row, match.groupdict()
    raise KeyError(f"no row of the table of names maps {name!r}")


@functools.cache
def _index(column):
    """Returns the rows by a format's names: (dict, list of patterns)."""
    exact, patterns = {}, []
    for row in ROWS:
        template = getattr(row, column)
        if template is None:
            continue
        if "{g}" in template:
            patterns.append((_pattern(template), row))
        else:
            exact[template] = row
    return exact, patterns


def _pattern(template):
    # No leading zeros: two names must never be one variable.
    digits = r"(?P<{}>0|[1-9]\d*)"
    escaped = re.escape(template)
    for letter in "gj":
        escaped = escaped.replace(rf"\{{{letter}\}}", digits.format(letter))
    return re.compile(escaped, re.ASCII)


# ---------------------------------------------------------------- our variables


def expected_shapes(config, head="pretraining", num_labels=1):
    """Returns the names and shapes of a model's variables without making it.

    Args:
      config: ``AlbertConfig``.
      head: a key of ``albert.heads.HEADS``.
      num_labels: int, outputs of a "classifier".

    Returns:
      dict of our name to shape (tuple of ints), in the table's order.
    """
    sizes = {
        "V": config.vocab_size,
        "E": config.embedding_size,
        "H": config.hidden_size,
        "2H": 2 * config.hidden_size,
        "I": config.intermediate_size,
        "P": config.max_position_embeddings,
        "T": config.type_vocab_size,
        "N": config.num_attention_heads,
        "C": num_labels,
    }
    groups = {
        "attention": config.num_attention_groups,
        "feed_forward": config.num_ffn_groups,
    }
    shapes = {}
    for row in ROWS:
        component, layer, *_ = row.ours.split("/")
        if component not in ("encoder", *HEADS[head].components):
            continue
        if not _has(config, row.ours):
            continue
        kind, numbered, _ = layer.partition("_{g}")
        count = (groups[kind], config.inner_group_num) if numbered else (1, 1)
        shape = tuple(
            sizes[letter] if letter in sizes else int(letter)
            for letter in row.shape.split()
        )
        for g in range(count[0]):
            for j in range(count[1]):
                shapes[row.ours.format(g=g, j=j)] = shape
    return shapes


def _has(config, name):
    """Returns whether a model has a variable that not every encoder has."""
    if name.startswith("encoder/embedding_projection/"):
        return config.embedding_size != config.hidden_size
    if name == "encoder/embeddings/position_embeddings":
        return config.position_embedding == "learned"
    if name.startswith("encoder/relative_bias/"):
        return config.position_embedding == "relative_bias"
    return True


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
