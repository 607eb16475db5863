# SPDX-License-Identifier: Apache-2.0
"""Defines what all models share where Keras itself works with them."""

import keras
import tensorflow as tf

from albert.modeling.layers import refuse_quantization

# What every model reads; see ``AlbertEncoder``.
_INPUTS = ("input_ids", "input_mask", "segment_ids")


class BaseModel(keras.Model):
    """Base of the encoder and of the models with heads.

    ``save``, ``fit`` and the like are Keras's own; ``export`` knows what the
    model reads, and ``quantize`` is refused.
    """

    def input_signature(self):
        """Returns what a call reads: dict from name to ``tf.TensorSpec``."""
        return {
            name: tf.TensorSpec((None, None), tf.int32, name)
            for name in (*_INPUTS, *self.further_inputs())
        }

    # No property: Keras would save it by its name.
    def further_inputs(self):
        """Returns the names of what it reads besides: tuple of str."""
        return ()

    def export(
        self,
        filepath,
        format="tf_saved_model",
        verbose=None,
        input_signature=None,
        **kwargs,
    ):
        """Exports the model for inference, as ``keras.Model.export`` does.

        Args:
          filepath, format, verbose, kwargs: as there.
          input_signature: as there; None: ``[self.input_signature()]``.
        """
        return super().export(
            filepath,
            format=format,
            verbose=verbose,
            input_signature=input_signature or [self.input_signature()],
            **kwargs,
        )

    def quantize(self, mode=None, **kwargs):
        """Refuses to quantize the weights in place.

        Raises:
          UserError: always; it names what quantizes.
        """
        refuse_quantization(self)
