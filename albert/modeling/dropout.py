# SPDX-License-Identifier: Apache-2.0
"""Dropout whose replicas draw different masks."""

import keras
import tensorflow as tf


class Dropout(keras.layers.Dropout):
    """``keras.layers.Dropout``, but not the same mask in every replica.

    The state of Keras's generators is equal on all replicas of a
    distribution strategy, so that N devices would drop the same entries of N
    different examples. The replica's number is folded into the seed.
    """

    def draw_seed(self):
        """Returns the seed of the next mask, int64 [2]; None at rate 0."""
        if not self.rate:
            return None
        seed = tf.cast(self.seed_generator.next(), tf.int64)
        context = tf.distribute.get_replica_context()
        replica = context.replica_id_in_sync_group if context else 0
        return tf.random.experimental.stateless_fold_in(
            seed, tf.cast(replica, tf.int64)
        )

    def call(self, inputs, training=False, seed=None):
        if not training or not self.rate:
            return inputs
        seed = self.draw_seed() if seed is None else seed
        return tf.nn.experimental.stateless_dropout(inputs, self.rate, seed)
