# SPDX-License-Identifier: Apache-2.0
"""One label for each position."""

import keras

from albert.config import AlbertConfig
from albert.modeling.encoder import AlbertEncoder
from albert.modeling.output_head import OutputHead


@keras.saving.register_keras_serializable(package="albert")
class AlbertTokenClassifier(keras.Model):
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

    def __init__(self, config, num_labels, classifier_dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(config, AlbertConfig):
            config = AlbertConfig.from_dict(config)
        self.config = config
        self.num_labels = num_labels
        self.classifier_dropout = classifier_dropout
        options = {"dtype": self.dtype_policy}
        self.encoder = AlbertEncoder(config, name="encoder", **options)
        self.classifier = OutputHead(
            config, num_labels, classifier_dropout, name="classifier", **options
        )
        self.build()

    def build(self, input_shape=None):
        self.classifier.build()
        self.built = True

    def call(self, inputs, training=False):
        encoded = self.encoder(inputs, training=training)
        return {
            "logits": self.classifier(
                encoded["sequence_output"], training=training
            )
        }

    def get_config(self):
        return {
            **super().get_config(),
            "config": self.config.to_dict(),
            "num_labels": self.num_labels,
            "classifier_dropout": self.classifier_dropout,
        }
