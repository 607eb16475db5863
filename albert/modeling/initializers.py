# SPDX-License-Identifier: Apache-2.0
"""How every matrix starts (biases start at zero, gammas at one)."""

import keras


def weight_initializer(config):
    """Returns the truncated normal of the original's ``create_initializer``.

    A new object for each variable: a Keras initializer draws the same
    numbers each time it is used.
    """
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)
