# SPDX-License-Identifier: Apache-2.0
"""One label for each position."""

import keras

from albert.modeling.classifier import AlbertClassifier


@keras.saving.register_keras_serializable(package="albert")
class AlbertTokenClassifier(AlbertClassifier):
    """A linear layer on the sequence output. The original has none.

    Args:
      config: ``AlbertConfig``, or its dict.
      num_labels: int.
      classifier_dropout: float in [0, 1), on the sequence output.

    Call arguments:
      inputs: dict as of ``AlbertEncoder``.
      training: bool, whether dropout is active.

    Returns:
      dict of logits: float32 [B, S, num_labels].
    """

    def call(self, inputs, training=False):
        encoded = self.encoder(inputs, training=training)
        return {
            "logits": self.classifier(
                encoded["sequence_output"], training=training
            )
        }
