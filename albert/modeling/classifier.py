# SPDX-License-Identifier: Apache-2.0
"""One label, or one number, for a text or a pair of texts."""

import keras

from albert.config import AlbertConfig
from albert.modeling.encoder import AlbertEncoder
from albert.modeling.output_head import OutputHead


@keras.saving.register_keras_serializable(package="albert")
class AlbertClassifier(keras.Model):
    """A linear layer on the pooled output.

    Source: ``create_model`` of the original's classifier_utils.py, where the
    dropout is always 0.1.

    Args:
      config: ``AlbertConfig``, or its dict.
      num_labels: int; 1 is regression.
      classifier_dropout: float in [0, 1), on the pooled output.

    Call arguments:
      inputs: dict as of ``AlbertEncoder``.
      training: bool, whether dropout is active.

    Returns:
      dict of logits: float32 [B, num_labels].
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
                encoded["pooled_output"], training=training
            )
        }

    def get_config(self):
        return {
            **super().get_config(),
            "config": self.config.to_dict(),
            "num_labels": self.num_labels,
            "classifier_dropout": self.classifier_dropout,
        }
