# SPDX-License-Identifier: Apache-2.0
"""The encoder with the two heads it is pretrained with."""

import keras

from albert.config import AlbertConfig
from albert.modeling.encoder import AlbertEncoder
from albert.modeling.masked_lm_head import MaskedLanguageModelHead
from albert.modeling.output_head import OutputHead


@keras.saving.register_keras_serializable(package="albert")
class AlbertPretrainer(keras.Model):
    """Masked language modelling and sentence-order prediction.

    Args:
      config: ``AlbertConfig``, or its dict.

    Call arguments:
      inputs: dict as of ``AlbertEncoder``, and
        masked_lm_positions: int32 [B, P].
      training: bool, whether dropout is active.

    Returns:
      dict of
        masked_lm_logits: float32 [B, P, V];
        sentence_order_logits: float32 [B, 2].
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(config, AlbertConfig):
            config = AlbertConfig.from_dict(config)
        self.config = config
        options = {"dtype": self.dtype_policy}
        self.encoder = AlbertEncoder(config, name="encoder", **options)
        self.masked_lm = MaskedLanguageModelHead(
            config, name="masked_lm", **options
        )
        # 0: segment A came first in the text; 1: segment B did.
        self.sentence_order = OutputHead(
            config, 2, name="sentence_order", **options
        )
        self.build()

    def build(self, input_shape=None):
        self.masked_lm.build()
        self.sentence_order.build()
        self.built = True

    def call(self, inputs, training=False):
        encoded = self.encoder(inputs, training=training)
        return {
            "masked_lm_logits": self.masked_lm(
                encoded["sequence_output"],
                inputs["masked_lm_positions"],
                self.encoder.embeddings.word_embeddings.value,
            ),
            "sentence_order_logits": self.sentence_order(
                encoded["pooled_output"]
            ),
        }

    def get_config(self):
        return {**super().get_config(), "config": self.config.to_dict()}
