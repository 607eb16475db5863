# SPDX-License-Identifier: Apache-2.0
"""Defines the model that finds the span of a text that answers a question.

Letters: B sequences, S positions, K starts.
"""

import keras
import tensorflow as tf

from albert.modeling.head_layers import AnswerClass
from albert.modeling.head_layers import EndLogits
from albert.modeling.head_layers import OutputHead
from albert.modeling.head_layers import StartLogits
from albert.modeling.head_layers import masked_log_softmax
from albert.modeling.models import ModelWithHeads


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
