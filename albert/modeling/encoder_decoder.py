# SPDX-License-Identifier: Apache-2.0
"""The model from text to text: an ALBERT encoder and a decoder.

Letters: B sequences, S source positions, T target positions, K sequences that
are decoded for each source, L decoder layers, N heads, D width of a head, H
hidden width, V pieces in the vocabulary.
"""

import keras
import tensorflow as tf

from albert.errors import UserError
from albert.modeling.decoder import SHARING
from albert.modeling.decoder import Decoder
from albert.modeling.models import ModelWithHeads
from albert.modeling.rows import Rows
from albert.modeling.rows import padding_skipped
from albert.modeling.transformer_block import MASKED_SCORE


@keras.saving.register_keras_serializable(package="albert")
class AlbertEncoderDecoder(ModelWithHeads):
    """Model that writes a target text given a source text.

    Both texts have one vocabulary. The target is embedded as the source is,
    by the encoder's tables, normalisation and projection: an ALBERT that was
    pretrained brings what it knows of each piece, which is in the table and
    the projection together, and a decoder adds no table. The logits come from
    the same table, through a head as of the masked language model (Press and
    Wolf 2017 and Vaswani et al. 2017, section 3.4, tie all three as well).

    Args:
      config: ``AlbertConfig``, or its dict, of encoder and decoder.
      num_decoder_layers: int; None: as many as the encoder has.
      decoder_sharing: "all": the decoder's layers share their weights;
        "none": each has its own.

    Call arguments:
      inputs: dict as of ``AlbertEncoder``, and
        target_input_ids: int32 [B, T], [CLS] and the target's pieces, filled
          up with 0 behind them.
      training: bool, whether dropout is active.

    Returns:
      dict of logits: float32 [B, T, V], of the piece that follows each.

    Example:
      >>> import albert
      >>> import tensorflow as tf
      >>> config = albert.AlbertConfig.named("tiny")
      >>> model = albert.AlbertEncoderDecoder(config)
      >>> source = tf.constant([[2, 17, 43, 3]])
      >>> target = tf.constant([[2, 52]])
      >>> inputs = {"input_ids": source, "target_input_ids": target}
      >>> model(inputs)["logits"].shape
      TensorShape([1, 2, 4000])
    """

    def __init__(
        self, config, num_decoder_layers=None, decoder_sharing="all", **kwargs
    ):
        super().__init__(config, **kwargs)
        if self.config.position_embedding == "relative_bias":
            # The decoder has the encoder's embeddings, which lack positions.
            raise UserError(
                "position_embedding 'relative_bias' has no place in a decoder: "
                "use learned or sinusoidal positions"
            )
        if decoder_sharing not in SHARING:
            raise ValueError(
                f"decoder_sharing is {decoder_sharing!r}: it must be one of "
                f"{', '.join(SHARING)}"
            )
        if num_decoder_layers is None:
            num_decoder_layers = self.config.num_hidden_layers
        if num_decoder_layers < 1:
            raise ValueError(
                f"num_decoder_layers is {num_decoder_layers}: it must be at "
                "least 1"
            )
        self.num_decoder_layers = num_decoder_layers
        self.decoder_sharing = decoder_sharing
        self.decoder = Decoder(
            self.config,
            num_decoder_layers,
            decoder_sharing,
            name="decoder",
            dtype=self.dtype_policy,
        )
        self.build()

    def further_inputs(self):
        """Returns the input of the decoder."""
        return ("target_input_ids",)

    def list_attentions(self):
        """Returns each ``SelfAttention`` once, those of the decoder too."""
        return [*super().list_attentions(), *self.decoder.list_attentions()]

    def call(self, inputs, training=False):
        hidden, rows, _ = self._decode(inputs, training)
        shape = tf.shape(inputs["target_input_ids"])
        # [B·T, H]; what stands at positions of padding does not matter.
        logits = self._score(rows.spread(hidden))
        return {"logits": tf.reshape(logits, (*tf.unstack(shape), -1))}

    def cross_attention(self, inputs):
        """Returns how much each target position looks at each of the source.

        Args:
          inputs: dict as of a call.

        Returns:
          float32 [B, L, N, T, S]; rows sum to 1.
        """
        *_, weights = self._decode(inputs, training=False)
        return tf.cast(tf.stack(weights, axis=1), tf.float32)

    def encode(self, inputs):
        """Reads the sources, for ``extend``.

        Args:
          inputs: dict as of ``AlbertEncoder``.

        Returns:
          dict of what the decoder needs of them, and of its own weights.
        """
        encoded = self.encoder(inputs, training=False)["sequence_output"]
        return {
            "memory": self.decoder.remember(encoded),
            "mask_scores": _mask_scores(inputs),
            "weights": self.decoder.step_weights(),
        }

    def empty_caches(self, num_sequences):
        """Returns the caches before the first position, for ``extend``.

        Args:
          num_sequences: int32 scalar, B·K.

        Returns:
          list of L pairs of tensors [B·K, N, 0, D].
        """
        heads = self.config.num_attention_heads
        shape = (num_sequences, heads, 0, self.config.hidden_size // heads)
        empty = tf.zeros(shape, self.compute_dtype)
        return [(empty, empty)] * self.num_decoder_layers

    def extend(self, piece_ids, position, caches, encoded):
        """Decodes one position of K sequences for each source.

        Args:
          piece_ids: int32 [B, K], the last piece of each sequence; [CLS]
            first.
          position: int32 scalar, where they stand, from 0.
          caches: of ``empty_caches``, or of the position before.
          encoded: of ``encode``.

        Returns:
          (float32 logits [B, K, V] of the next piece, caches).
        """
        with padding_skipped(False):
            rows = Rows(tf.ones_like(piece_ids))
        # Each is the one piece of its sequence here.
        alone = tf.reshape(piece_ids, (-1, 1))
        hidden, caches = self.decoder.extend(
            self._embed(alone, rows, False, position),
            caches,
            encoded["memory"],
            encoded["mask_scores"],
            rows,
            encoded["weights"],
        )
        shape = tf.unstack(tf.shape(piece_ids))
        return tf.reshape(self._score(hidden), (*shape, -1)), caches

    def _decode(self, inputs, training):
        """Returns hidden vectors, their ``Rows``, and attention's weights."""
        target_ids = inputs["target_input_ids"]
        encoded = self.encoder(inputs, training=training)["sequence_output"]
        # A batch says what is padding: 0 may be a piece of the vocabulary.
        present = inputs.get("target_weights", target_ids)
        rows = Rows(tf.cast(present != 0, tf.int32))
        hidden, weights = self.decoder(
            self._embed(target_ids, rows, training),
            self.decoder.remember(encoded),
            _mask_scores(inputs),
            rows=rows,
            length=tf.shape(target_ids)[1],
            training=training,
            recompute_layers=self.encoder.recompute_layers,
        )
        return hidden, rows, weights

    def _embed(self, piece_ids, rows, training, first_position=0):
        """Returns [R, H] of pieces of the target."""
        encoder, config = self.encoder, self.config
        hidden = rows.take(
            encoder.embeddings(
                piece_ids,
                tf.zeros_like(piece_ids),
                training=training,
                first_position=first_position,
            ),
            (-1, config.embedding_size),
        )
        if encoder.embedding_projection is not None:
            hidden = encoder.embedding_projection(hidden)
        return hidden

    def _score(self, hidden):
        return self.decoder.output_head.score_pieces(
            hidden, self.encoder.embeddings.word_embeddings.value
        )

    def get_config(self):
        return {
            **super().get_config(),
            "num_decoder_layers": self.num_decoder_layers,
            "decoder_sharing": self.decoder_sharing,
        }


def _mask_scores(inputs):
    """Returns what hides the padding of the sources: float32 [B, 1, 1, S]."""
    mask = inputs.get("input_mask")
    if mask is None:
        mask = tf.ones_like(inputs["input_ids"])
    visible = tf.cast(mask, tf.float32)[:, tf.newaxis, tf.newaxis, :]
    return (1.0 - visible) * MASKED_SCORE
