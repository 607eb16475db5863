# SPDX-License-Identifier: Apache-2.0
"""The models: an encoder and the heads of one task.

Letters: B sequences, S positions, P masked positions, V pieces in the
vocabulary.
"""

import keras
import tensorflow as tf

from albert.config import AlbertConfig
from albert.modeling.base_model import BaseModel
from albert.modeling.encoder import AlbertEncoder
from albert.modeling.head_layers import AnswerClass
from albert.modeling.head_layers import EndLogits
from albert.modeling.head_layers import MaskedLanguageModelHead
from albert.modeling.head_layers import OutputHead
from albert.modeling.head_layers import StartLogits
from albert.modeling.head_layers import masked_log_softmax

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


@keras.saving.register_keras_serializable(package="albert")
class AlbertSpanPredictor(ModelWithHeads):
    """Model that predicts the span of a text that answers a question.

    Has either of the original's heads. "v1" scores start and end apart
    (``run_squad_v1.py``). "v2" scores the end given the start, and whether
    there is an answer at all (``create_v2_model`` of squad_utils.py): the
    true start while training, a beam of ``start_n_top`` starts and
    ``end_n_top`` ends for each of them otherwise.

    Args:
      config: ``AlbertConfig``, or its dict.
      version: "v1" or "v2".
      start_n_top, end_n_top: ints, the beam of "v2".
      classifier_dropout: float in [0, 1), inside the answerability part of
        "v2". "v1" has no dropout of its own.

    Call arguments:
      inputs: dict as of ``AlbertEncoder``; for "v2" also
        p_mask: int32 [B, S], 1 where no answer can be, and, while training,
        start_positions: int32 [B].
      training: bool, whether dropout is active and, for "v2", whether the
        true start is given.

    Returns:
      dict of float32 tensors, except the indices (int32). "v1":
        start_logits, end_logits: [B, S].
      "v2" while training:
        start_log_probs, end_log_probs: [B, S]; cls_logits: [B].
      "v2" otherwise, with s = start_n_top and e = end_n_top, each at most S:
        start_top_log_probs, start_top_index: [B, s];
        end_top_log_probs, end_top_index: [B, s·e], e of the first start,
          then e of the second, …;
        cls_logits: [B], high where there is no answer.

    Example:
      >>> import albert
      >>> import tensorflow as tf
      >>> config = albert.AlbertConfig.named("tiny")
      >>> model = albert.AlbertSpanPredictor(config)
      >>> outputs = model({"input_ids": tf.constant([[2, 17, 3, 43, 52, 3]])})
      >>> outputs["start_logits"].shape, outputs["end_logits"].shape
      (TensorShape([1, 6]), TensorShape([1, 6]))
    """

    def __init__(
        self,
        config,
        version="v1",
        start_n_top=5,
        end_n_top=5,
        classifier_dropout=0.1,
        **kwargs,
    ):
        if version not in ("v1", "v2"):
            raise ValueError(f"version is {version!r}: it must be 'v1' or 'v2'")
        super().__init__(config, **kwargs)
        self.version = version
        self.start_n_top = start_n_top
        self.end_n_top = end_n_top
        self.classifier_dropout = classifier_dropout
        config, options = self.config, {"dtype": self.dtype_policy}
        if version == "v1":
            self.span = OutputHead(config, 2, name="span", **options)
        else:
            self.start = StartLogits(config, name="start", **options)
            self.end = EndLogits(config, name="end", **options)
            self.answer_class = AnswerClass(
                config, classifier_dropout, name="answer_class", **options
            )
        self.build()

    def further_inputs(self):
        """Returns the input of "v2"."""
        return ("p_mask",) if self.version == "v2" else ()

    def call(self, inputs, training=False):
        sequence_output = self.encoder(inputs, training=training)[
            "sequence_output"
        ]
        if self.version == "v1":
            logits = self.span(sequence_output, training=training)
            start_logits, end_logits = tf.unstack(logits, axis=-1)
            return {"start_logits": start_logits, "end_logits": end_logits}
        impossible = tf.cast(inputs["p_mask"], tf.float32)
        start_log_probs = masked_log_softmax(
            self.start(sequence_output), impossible
        )
        cls_logits = self.answer_class(
            sequence_output, start_log_probs, training=training
        )
        if training:
            starts = inputs["start_positions"][:, tf.newaxis]
            end_log_probs = self._end_log_probs(
                sequence_output, starts, impossible
            )
            return {
                "start_log_probs": start_log_probs,
                "end_log_probs": end_log_probs[:, 0],
                "cls_logits": cls_logits,
            }
        length = tf.shape(start_log_probs)[1]
        start_top_log_probs, starts = tf.math.top_k(
            start_log_probs, tf.minimum(self.start_n_top, length)
        )
        end_log_probs = self._end_log_probs(sequence_output, starts, impossible)
        end_top_log_probs, ends = tf.math.top_k(
            end_log_probs, tf.minimum(self.end_n_top, length)
        )
        flat = (tf.shape(start_log_probs)[0], -1)
        return {
            "start_top_log_probs": start_top_log_probs,
            "start_top_index": starts,
            "end_top_log_probs": tf.reshape(end_top_log_probs, flat),
            "end_top_index": tf.reshape(ends, flat),
            "cls_logits": cls_logits,
        }

    def _end_log_probs(self, sequence_output, starts, impossible):
        """Returns log-probabilities [B, K, S] of the end for starts [B, K]."""
        start_features = tf.gather(sequence_output, starts, batch_dims=1)
        end_logits = self.end(sequence_output, start_features)
        return masked_log_softmax(end_logits, impossible[:, tf.newaxis])

    def get_config(self):
        return {
            **super().get_config(),
            "version": self.version,
            "start_n_top": self.start_n_top,
            "end_n_top": self.end_n_top,
            "classifier_dropout": self.classifier_dropout,
        }
