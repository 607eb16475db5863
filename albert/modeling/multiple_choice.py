# SPDX-License-Identifier: Apache-2.0
"""The best of several continuations of a text."""

import keras
import tensorflow as tf

from albert.config import AlbertConfig
from albert.modeling.encoder import AlbertEncoder
from albert.modeling.output_head import OutputHead


@keras.saving.register_keras_serializable(package="albert")
class AlbertMultipleChoice(keras.Model):
    """One logit for each choice, from a linear layer on its pooled output.

    Source: ``create_model`` of the original's race_utils.py.

    Args:
      config: ``AlbertConfig``, or its dict.
      classifier_dropout: float in [0, 1), on the pooled output.

    Call arguments:
      inputs: dict of input_ids, input_mask, segment_ids as of
        ``AlbertEncoder``, but int32 [B, C, S] for C choices.
      training: bool, whether dropout is active.

    Returns:
      dict of logits: float32 [B, C].
    """

    def __init__(self, config, classifier_dropout=0.1, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(config, AlbertConfig):
            config = AlbertConfig.from_dict(config)
        self.config = config
        self.classifier_dropout = classifier_dropout
        options = {"dtype": self.dtype_policy}
        self.encoder = AlbertEncoder(config, name="encoder", **options)
        self.classifier = OutputHead(
            config, 1, classifier_dropout, name="classifier", **options
        )
        self.build()

    def build(self, input_shape=None):
        self.classifier.build()
        self.built = True

    def call(self, inputs, training=False):
        batch, choices, length = tf.unstack(tf.shape(inputs["input_ids"]))
        static_length = inputs["input_ids"].shape[2]
        sequences = {
            name: tf.ensure_shape(
                tf.reshape(inputs[name], (batch * choices, length)),
                (None, static_length),
            )
            for name in ("input_ids", "input_mask", "segment_ids")
            if inputs.get(name) is not None
        }
        encoded = self.encoder(sequences, training=training)
        logits = self.classifier(encoded["pooled_output"], training=training)
        return {"logits": tf.reshape(logits, (batch, choices))}

    def get_config(self):
        return {
            **super().get_config(),
            "config": self.config.to_dict(),
            "classifier_dropout": self.classifier_dropout,
        }
