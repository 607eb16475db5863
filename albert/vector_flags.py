# SPDX-License-Identifier: Apache-2.0
"""Defines the flags of how texts become vectors."""

# Those of ``modeling.pooling``, which loads TensorFlow.
POOLINGS = ("mean", "cls", "max")


def define_vector_flags(group, pooling=POOLINGS[0], normalize=False):
    """Defines --pooling and --normalize.

    Args:
      group: ``FlagGroup`` that they belong to.
      pooling, normalize: their defaults; None where it matters whether they
        were given.
    """
    group.choice(
        "pooling",
        pooling,
        list(POOLINGS),
        "mean: of all pieces, [CLS] and [SEP] too. cls: the vector of [CLS]. "
        "max: the largest values of all pieces."
        + ("" if pooling else f" Default: {POOLINGS[0]}."),
    )
    group.boolean("normalize", normalize, "Give vectors the length 1.")
