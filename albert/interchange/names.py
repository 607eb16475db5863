# SPDX-License-Identifier: Apache-2.0
"""Names the variables of a model, as every format does.

All directions derive from ``albert.interchange.variable_table``, and a name
that is not in it is an error.
"""

import functools
import re

from albert.heads import HEADS
from albert.interchange.variable_table import ROWS


def google_name(name):
    """Returns Google's name of our variable ``name``; see ``peer_name``."""
    return peer_name(name, "google")


def peer_name(name, format):
    """Returns what a format calls our variable.

    Args:
      name: str as given by ``named_variables``, e.g.
        "encoder/attention_0_0/query/kernel".
      format: one of ``FORMATS`` or ``BERT_FORMATS`` of the table.

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


def expected_shapes(
    config, head="pretraining", num_labels=1, num_decoder_blocks=1
):
    """Returns the names and shapes of a model's variables without making it.

    Args:
      config: ``AlbertConfig``.
      head: a key of ``albert.heads.HEADS``.
      num_labels: int, outputs of a "classifier".
      num_decoder_blocks: int, layers of a "decoder" with weights of their own.

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
        "layer": num_decoder_blocks,
    }
    shapes = {}
    for row in ROWS:
        component, layer, *_ = row.ours.split("/")
        if component not in ("encoder", *HEADS[head].components):
            continue
        if not _has(config, row.ours):
            continue
        kind, numbered, _ = layer.partition("_{g}")
        count = (
            groups[kind] if numbered else 1,
            config.inner_group_num if "{j}" in layer else 1,
        )
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
      dict of str to ``keras.Variable``: all weights, those that are not
      trained (``layer.trainable = False``) too; no states of generators.
    """
    encoder = getattr(model, "encoder", model)
    named = {}
    for variable in model.weights:
        for layer, prefix in ((encoder, "encoder/"), (model, "")):
            start = f"{layer.path or layer.name}/"
            if variable.path.startswith(start):
                named[prefix + variable.path[len(start) :]] = variable
                break
        else:
            raise ValueError(f"{variable.path} lies outside the model")
    return named
