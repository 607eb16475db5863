# SPDX-License-Identifier: Apache-2.0
"""Decides what a variable is to the optimizer by its path alone.

Whether it is decayed, how deep it is, whether it is an embedding table, and
whether it is a hidden matrix.
"""

import re

# Which variables get weight decay: (regular expression, yes or no), the first
# that is found in the variable's path decides. The first row is the original's
# list (optimization.py, create_optimizer; "bias" finds output_bias too). The
# second names what is decayed, so that a variable nobody thought of is an
# error instead of silently decayed.
WEIGHT_DECAY_RULES = (
    (r"LayerNorm|layer_norm|bias", False),
    (r"(kernel|embeddings|output_weights)$", True),
)

# Which variables are hidden matrices, that map vectors to vectors: the rows
# are as above. Tables of embeddings are looked up in, and the weights of a
# head give logits, so that neither is one (K. Jordan, "Muon", 2024).
HIDDEN_MATRIX_RULES = (
    (r"LayerNorm|layer_norm|bias|(embeddings|output_weights)$", False),
    (r"kernel$", True),
)


def apply_rules(rules, paths):
    """Decides for each path by the first rule that matches it.

    Args:
      rules: sequence of (regular expression, yes or no); the first
        expression found in the path decides.
      paths: list of variable paths.

    Returns:
      tuple of bool, one per path.

    Raises:
      ValueError: paths that no rule covers, all of them listed.
    """
    decisions = [
        next(
            (
                decision
                for pattern, decision in rules
                if re.search(pattern, path)
            ),
            None,
        )
        for path in paths
    ]
    uncovered = [
        path
        for path, decision in zip(paths, decisions, strict=True)
        if decision is None
    ]
    if uncovered:
        raise ValueError(
            f"No rule covers {', '.join(uncovered)}. Add a row for each to "
            f"the rules: {', '.join(repr(pattern) for pattern, _ in rules)}"
        )
    return tuple(decisions)


def is_embedding_table(path):
    """Tells whether a variable is a table of embeddings.

    The tables are those of words, token types and positions. The table of
    words is the output layer of masked language modelling too, which is the
    same variable. Neither the embeddings' normalisation nor their projection
    to the hidden size is a table.

    Args:
      path: ``variable.path``.
    """
    return bool(re.search(r"(^|/)embeddings/\w+_embeddings$", path))


def variable_depth(path, config):
    """Returns the depth of a variable, for layer-wise learning-rate decay.

    | variable | depth |
    |---|---|
    | embeddings, their norm and their projection to the hidden size | 0 |
    | of a block of the encoder | 1 + the last layer (from 0) that uses it |
    | biases of relative distances, which all layers use | num_hidden_layers |
    | pooler | num_hidden_layers + 1 |
    | anything else: the heads | num_hidden_layers + 2 |

    The heads have depth L + 2 and the embeddings 0 as in ELECTRA
    (model/optimization.py, _get_layer_lrs). ALBERT's layers share variables:
    one serves the top layer as much as the bottom one, so it gets the depth
    of the highest layer that uses it. With everything shared, layer-wise
    decay thus has four rates: embeddings, encoder, pooler, heads.

    Args:
      path: ``variable.path``.
      config: ``AlbertConfig`` of the model.

    Returns:
      int, 0 to ``num_hidden_layers + 2``.

    Raises:
      ValueError: a block that such a model does not have.
    """
    layers = config.num_hidden_layers
    if re.search(r"(^|/)(embeddings|embedding_projection)/", path):
        return 0
    if re.search(r"(^|/)relative_bias/", path):
        return layers
    for part, groups in (
        ("attention", config.num_attention_groups),
        ("feed_forward", config.num_ffn_groups),
    ):
        if block := re.search(rf"(?:^|/){part}_(\d+)_\d+/", path):
            group = int(block[1])
            if group >= groups:
                raise ValueError(
                    f"{path} is of group {group}, but the model has {groups}"
                )
            return (group + 1) * layers // groups
    if re.search(r"(^|/)pooler/", path):
        return layers + 1
    return layers + 2
