# SPDX-License-Identifier: Apache-2.0
"""FLOPs of ALBERT's matrix products, for one sequence.

A matrix product of [m, k] and [k, n] counts 2·m·k·n. What is element-wise is
not counted: it should cost no time next to the products.
"""


def dense_flops(config, tokens):
    """Returns the FLOPs of a forward pass's products with layers' weights.

    Args:
      config: ``AlbertConfig``.
      tokens: int, positions of all sequences.
    """
    hidden, inner = config.hidden_size, config.intermediate_size
    layers = config.num_hidden_layers * config.inner_group_num
    return layers * tokens * 2 * (4 * hidden * hidden + 2 * hidden * inner)


def forward_flops(config, length, predictions=0):
    """Returns the FLOPs of a forward pass for one sequence.

    Args:
      config: ``AlbertConfig``.
      length: int, positions of the sequence.
      predictions: int, masked positions that the pretraining heads predict;
        0 for the encoder alone.
    """
    hidden = config.hidden_size
    layers = config.num_hidden_layers * config.inner_group_num
    attention = layers * 2 * 2 * length * length * hidden
    flops = dense_flops(config, length) + attention
    if config.embedding_size != hidden:
        flops += length * 2 * config.embedding_size * hidden
    flops += 2 * hidden * hidden  # The pooler.
    head = 2 * config.embedding_size * (hidden + config.vocab_size)
    return flops + predictions * head


def training_flops(config, length, predictions):
    """Returns the FLOPs of a pretraining step for one sequence.

    A backward pass costs two forward passes. Arguments: of ``forward_flops``.
    """
    return 3 * forward_flops(config, length, predictions)
