# SPDX-License-Identifier: Apache-2.0
"""The models: an encoder and the heads of one task.

That of spans is in ``span_predictor``.

Letters: B sequences, S positions, P masked positions, V pieces in the
vocabulary.
"""

import keras
import tensorflow as tf

from albert.config import AlbertConfig
from albert.modeling.base_model import BaseModel
from albert.modeling.encoder import AlbertEncoder
from albert.modeling.head_layers import MaskedLanguageModelHead
from albert.modeling.head_layers import OutputHead

# Finite, as losses and metrics want it; exp() of it is 0.
_LOGIT_OF_NO_CHOICE = -1e9


class ModelWithHeads(BaseModel):
    """Base of the models: configuration, dtype and encoder.

    A subclass makes its heads, with the dtype of the model, and then calls
    ``build``.

    Args:
      config: ``AlbertConfig``, or its dict.
    """

    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(config, AlbertConfig):
            config = AlbertConfig.from_dict(config)
        self.config = config
        self.encoder = AlbertEncoder(
            config, name="encoder", dtype=self.dtype_policy
        )

    def build(self, input_shape=None):
        for layer in self.layers:
            if layer is not self.encoder:  # which builds itself
                layer.build()
        self.built = True

    # No property: Keras would save the layers by its name.
    def list_attentions(self):
        """Returns each ``SelfAttention`` once, whatever layers share it."""
        return [each for group in self.encoder.attentions for each in group]

    def get_config(self):
        return {**super().get_config(), "config": self.config.to_dict()}


@keras.saving.register_keras_serializable(package="albert")
class AlbertPretrainer(ModelWithHeads):
    """Model for pretraining: masked language modelling and sentence order.

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

    Example:
      >>> import albert
      >>> import tensorflow as tf
      >>> model = albert.AlbertPretrainer(albert.AlbertConfig.named("tiny"))
      >>> ids, positions = tf.constant([[2, 17, 4, 3]]), tf.constant([[2]])
      >>> outputs = model({"input_ids": ids, "masked_lm_positions": positions})
      >>> outputs["masked_lm_logits"].shape
      TensorShape([1, 1, 4000])
      >>> outputs["sentence_order_logits"].shape
      TensorShape([1, 2])
    """

    def __init__(self, config, **kwargs):
        super().__init__(config, **kwargs)
        self.masked_lm = MaskedLanguageModelHead(
            self.config, name="masked_lm", dtype=self.dtype_policy
        )
        # 0: segment A came first in the text; 1: segment B did.
        self.sentence_order = OutputHead(
            self.config, 2, name="sentence_order", dtype=self.dtype_policy
        )
        self.build()

    def further_inputs(self):
        """Returns the input of the masked-LM head."""
        return ("masked_lm_positions",)

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


@keras.saving.register_keras_serializable(package="albert")
class AlbertClassifier(ModelWithHeads):
    """Model that classifies a text or a pair of texts, or scores it.

    A linear layer on the pooled output. Source: ``create_model`` of the
    original's classifier_utils.py, where the dropout is always 0.1.

    Args:
      config: ``AlbertConfig``, or its dict.
      num_labels: int; 1 is regression.
      classifier_dropout: float in [0, 1), on the pooled output.

    Call arguments:
      inputs: dict as of ``AlbertEncoder``.
      training: bool, whether dropout is active.

    Returns:
      dict of logits: float32 [B, num_labels].

    Example:
      >>> import albert
      >>> import tensorflow as tf
      >>> config = albert.AlbertConfig.named("tiny")
      >>> model = albert.AlbertClassifier(config, num_labels=3)
      >>> outputs = model({"input_ids": tf.constant([[2, 17, 43, 3]])})
      >>> outputs["logits"].shape
      TensorShape([1, 3])
    """

    def __init__(self, config, num_labels, classifier_dropout=0.1, **kwargs):
        super().__init__(config, **kwargs)
        self.num_labels = num_labels
        self.classifier_dropout = classifier_dropout
        self.classifier = OutputHead(
            self.config,
            num_labels,
            classifier_dropout,
            name="classifier",
            dtype=self.dtype_policy,
        )
        self.build()

    def call(self, inputs, training=False):
        pooled_output = self.encoder(inputs, training=training)["pooled_output"]
        return {"logits": self.classifier(pooled_output, training=training)}

    def get_config(self):
        return {
            **super().get_config(),
            "num_labels": self.num_labels,
            "classifier_dropout": self.classifier_dropout,
        }


@keras.saving.register_keras_serializable(package="albert")
class AlbertTokenClassifier(AlbertClassifier):
    """Model that gives each position a label. The original has none.

    A linear layer on the sequence output.

    Args:
      config: ``AlbertConfig``, or its dict.
      num_labels: int.
      classifier_dropout: float in [0, 1), on the sequence output.

    Call arguments:
      inputs: dict as of ``AlbertEncoder``.
      training: bool, whether dropout is active.

    Returns:
      dict of logits: float32 [B, S, num_labels].

    Example:
      >>> import albert
      >>> import tensorflow as tf
      >>> config = albert.AlbertConfig.named("tiny")
      >>> model = albert.AlbertTokenClassifier(config, num_labels=9)
      >>> outputs = model({"input_ids": tf.constant([[2, 17, 43, 3]])})
      >>> outputs["logits"].shape
      TensorShape([1, 4, 9])
    """

    def call(self, inputs, training=False):
        encoded = self.encoder(inputs, training=training)
        return {
            "logits": self.classifier(
                encoded["sequence_output"], training=training
            )
        }


@keras.saving.register_keras_serializable(package="albert")
class AlbertMultipleChoice(ModelWithHeads):
    """Model that chooses one of several continuations of a text.

    One logit for each choice, from a linear layer on its pooled output.
    Source: ``create_model`` of the original's race_utils.py. A choice whose
    ``input_mask`` is all 0 is none: its logit is so low that its probability
    is 0. So questions may have different numbers of choices.

    Args:
      config: ``AlbertConfig``, or its dict.
      classifier_dropout: float in [0, 1), on the pooled output.

    Call arguments:
      inputs: dict of input_ids, input_mask, segment_ids as of
        ``AlbertEncoder``, but int32 [B, C, S] for at most C choices.
      training: bool, whether dropout is active.

    Returns:
      dict of logits: float32 [B, C].

    Example:
      >>> import albert
      >>> import tensorflow as tf
      >>> config = albert.AlbertConfig.named("tiny")
      >>> model = albert.AlbertMultipleChoice(config)
      >>> ids = tf.constant([[[2, 17, 3], [2, 43, 3]]])
      >>> outputs = model({"input_ids": ids})
      >>> outputs["logits"].shape
      TensorShape([1, 2])
    """

    def __init__(self, config, classifier_dropout=0.1, **kwargs):
        super().__init__(config, **kwargs)
        self.classifier_dropout = classifier_dropout
        self.classifier = OutputHead(
            self.config,
            1,
            classifier_dropout,
            name="classifier",
            dtype=self.dtype_policy,
        )
        self.build()

    def input_signature(self):
        """Returns the inputs, each of all choices."""
        return {
            name: tf.TensorSpec((None, None, None), tf.int32, name)
            for name in super().input_signature()
        }

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
        logits = tf.reshape(logits, (batch, choices))
        input_mask = inputs.get("input_mask")
        if input_mask is not None:
            is_there = tf.reduce_any(tf.cast(input_mask, tf.bool), axis=2)
            # Added, as the mask of attention is: where all are there, every
            # bit of logits and gradients is that of a model without it.
            logits += (
                1.0 - tf.cast(is_there, tf.float32)
            ) * _LOGIT_OF_NO_CHOICE
        return {"logits": logits}

    def get_config(self):
        return {
            **super().get_config(),
            "classifier_dropout": self.classifier_dropout,
        }
