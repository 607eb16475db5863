# SPDX-License-Identifier: Apache-2.0
"""Writes the encoder as TF Hub's reusable SavedModel.

Sources: TF Hub's pages "Reusable SavedModels" and "Common SavedModel APIs
for Text Tasks", and the names of its ALBERT modules, version 3.

Letters: B sequences, S positions, P masked positions, H hidden width,
V vocabulary.
"""

import os
import tempfile

import numpy as np
import tensorflow as tf

from albert import model_directory

INPUTS = ("input_word_ids", "input_mask", "input_type_ids")
POSITIONS = "masked_lm_positions"
# By the kind of the tokenizer: the asset of its vocabulary, as TF Hub's ALBERT
# and BERT modules name it.
VOCABULARY_ASSETS = {
    "sentencepiece": "sp_model_file",
    "wordpiece": "vocab_file",
}


class Reusable(tf.train.Checkpoint):
    """A function with its variables, to be called and trained once loaded.

    Args:
      function: ``tf.function``, traced.
      variables: list of ``tf.Variable`` that the function reads.
    """

    def __init__(self, function, variables):
        super().__init__()
        self.__call__ = function
        self.variables = variables
        self.trainable_variables = [
            variable for variable in variables if variable.trainable
        ]
        self.regularization_losses = []


def save(directory, encoder, tokenizer, masked_lm=None, sentence_order=None):
    """Writes the encoder's SavedModel.

    Loaded, it is called with a dict of int32 [B, S] (``INPUTS``) and gives a
    dict of float32: "pooled_output" and "default" [B, H], "sequence_output"
    [B, S, H], "encoder_outputs", a list of [B, S, H] for each layer.
    ``training=True`` turns dropout on. Its ``mlm`` takes "masked_lm_positions",
    int32 [B, P], besides and adds "mlm_logits" [B, P, V]; its
    ``sentence_order`` adds "sentence_order_logits" [B, 2].

    Args:
      directory: str, does not exist yet.
      encoder: ``AlbertEncoder`` in float32.
      tokenizer: ``TokenizerInterface``, an asset with its settings.
      masked_lm: ``MaskedLanguageModelHead``, or None for no ``mlm``.
      sentence_order: ``OutputHead``, or None for no ``sentence_order``.
    """
    encode = _encoding_function(encoder)
    module = Reusable(encode, _variables(encoder))
    if masked_lm is not None:
        module.mlm = Reusable(
            _masked_lm_function(encode, encoder, masked_lm),
            _variables(encoder, masked_lm),
        )
    if sentence_order is not None:
        module.sentence_order = Reusable(
            _sentence_order_function(encode, sentence_order),
            _variables(encoder, sentence_order),
        )

    @tf.function(
        autograph=False, input_signature=[_spec(name) for name in INPUTS]
    )
    def serve(*tensors):
        outputs = encode(dict(zip(INPUTS, tensors, strict=True)))
        return {
            name: outputs[name] for name in ("pooled_output", "sequence_output")
        }

    with tempfile.TemporaryDirectory() as assets:
        model_directory.write_description(assets, encoder.config, tokenizer)
        vocabulary_file, settings_file = model_directory.TOKENIZER_FILES[
            tokenizer.kind
        ]
        for attribute, file in (
            ("config_file", model_directory.CONFIG_FILE),
            (VOCABULARY_ASSETS[tokenizer.kind], vocabulary_file),
            ("tokenizer_settings", settings_file),
        ):
            asset = tf.saved_model.Asset(os.path.join(assets, file))
            setattr(module, attribute, asset)
        tf.saved_model.save(
            module,
            directory,
            signatures={"serving_default": serve},
            # Without them a loaded model cannot be trained: layer
            # normalisation and gelu have gradients of their own.
            options=tf.saved_model.SaveOptions(
                experimental_custom_gradients=True
            ),
        )


def _encoding_function(encoder):
    limit = encoder.config.longest_sequence

    @tf.function(autograph=False)
    def encode(inputs, training=False):
        input_ids = inputs["input_word_ids"]
        tf.debugging.assert_less_equal(
            tf.shape(input_ids)[1],
            limit,
            f"input_word_ids: the model has {limit} positions",
        )
        outputs = encoder(
            {
                "input_ids": input_ids,
                "input_mask": inputs["input_mask"],
                "segment_ids": inputs["input_type_ids"],
            },
            training=training,
        )
        return {
            "pooled_output": outputs["pooled_output"],
            "default": outputs["pooled_output"],
            "sequence_output": outputs["sequence_output"],
            "encoder_outputs": outputs["layer_outputs"],
        }

    return _traced(encode, INPUTS)


def _masked_lm_function(encode, encoder, head):
    @tf.function(autograph=False)
    def predict(inputs, training=False):
        inputs = dict(inputs)
        positions = inputs.pop(POSITIONS)
        outputs = encode(inputs, training=training)
        logits = head(
            outputs["sequence_output"],
            positions,
            encoder.embeddings.word_embeddings.value,
        )
        return {**outputs, "mlm_logits": logits}

    return _traced(predict, (*INPUTS, POSITIONS))


def _sentence_order_function(encode, head):
    @tf.function(autograph=False)
    def predict(inputs, training=False):
        outputs = encode(inputs, training=training)
        logits = head(outputs["pooled_output"], training=training)
        return {**outputs, "sentence_order_logits": logits}

    return _traced(predict, INPUTS)


def _traced(function, inputs):
    """Traces a function for training and for inference, its only modes."""
    for training in (False, True):
        function.get_concrete_function(
            {name: _spec(name) for name in inputs}, training=training
        )
    return function


def _spec(name):
    return tf.TensorSpec((None, None), tf.int32, name=name)


def _variables(*layers):
    """Returns the ``tf.Variable`` of layers, dropout's state among them."""
    return [variable.value for layer in layers for variable in layer.variables]


def difference(directory, encoder):
    """Returns the largest difference between a written encoder and the model.

    Args:
      directory: str, the SavedModel.
      encoder: ``AlbertEncoder`` that it was made of.

    Returns:
      float, the largest absolute difference of sequence and pooled outputs
      on a batch of random pieces, segments and paddings.
    """
    config = encoder.config
    random = np.random.default_rng(0)
    size = (3, min(config.longest_sequence, 31))
    ids = random.integers(0, config.vocab_size, size)
    lengths = random.integers(1, size[1] + 1, (size[0], 1))
    inputs = {
        "input_ids": ids,
        "input_mask": np.arange(size[1]) < lengths,
        "segment_ids": random.integers(0, config.type_vocab_size, size),
    }
    inputs = {
        name: tf.constant(value, tf.int32) for name, value in inputs.items()
    }
    expected = encoder(inputs)
    written = tf.saved_model.load(directory)(
        dict(zip(INPUTS, inputs.values(), strict=True))
    )
    return max(
        float(tf.reduce_max(tf.abs(written[name] - expected[name])))
        for name in ("sequence_output", "pooled_output")
    )
