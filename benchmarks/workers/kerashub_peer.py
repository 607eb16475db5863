# SPDX-License-Identifier: Apache-2.0
"""Worker of KerasHub, with TensorFlow.

Its masked-LM task has no sentence order. Training is with AdamW, without
clipping; nothing is compiled by XLA, which makes it slower on a CPU. See
``compare.py``.
"""

import keras
import keras_hub
import numpy as np
import tensorflow as tf

from workers import batches
from workers import protocol

_INPUTS = {
    "token_ids": "input_ids",
    "padding_mask": "input_mask",
    "segment_ids": "segment_ids",
}


def pretraining(work):
    """Returns a function that makes a step of masked-LM training."""
    model = keras_hub.models.AlbertMaskedLM(
        _make_backbone(work), preprocessor=None
    )
    model.compile(
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        optimizer=keras.optimizers.AdamW(1e-4),
        weighted_metrics=[],
        jit_compile=False,
    )
    batch = _make_batch(work)
    inputs = _inputs(batch) | {"mask_positions": batch["masked_lm_positions"]}
    examples = (inputs, batch["masked_lm_ids"], batch["masked_lm_weights"])
    iterator = iter(tf.data.Dataset.from_tensors(examples).repeat())
    return lambda: model.train_on_batch(*next(iterator))


def encode(work):
    """Returns a function that computes the encoder's output of a batch."""
    backbone = _make_backbone(work)

    @tf.function
    def forward(inputs):
        return backbone(inputs, training=False)["sequence_output"]

    inputs = {
        name: tf.constant(value)
        for name, value in _inputs(_make_batch(work)).items()
    }
    return lambda: forward(inputs).numpy()


def predict(work):
    """Returns a function that computes two logits of each sequence."""
    sequences = batches.read_sequences(work["sequences"])
    model = keras_hub.models.AlbertTextClassifier(
        _make_backbone(work), num_classes=2, preprocessor=None
    )
    model.compile(jit_compile=False)
    signature = {
        name: tf.TensorSpec([None, None], tf.int32) for name in _INPUTS
    }

    def examples():
        for batch in batches.evaluation_batches(
            sequences, work["batch"], work["sort"]
        ):
            yield _inputs(batch)

    options = tf.data.Options()
    # With it, runs wait at their end: see ``albert.records.prefetching``.
    options.autotune.enabled = False

    def run():
        dataset = tf.data.Dataset.from_generator(
            examples, output_signature=signature
        )
        dataset = dataset.prefetch(2).with_options(options)
        return np.asarray(model.predict(dataset, verbose=0))

    return run


def _make_backbone(work):
    keras.config.set_dtype_policy(
        "mixed_bfloat16" if work["dtype"] == "bfloat16" else "float32"
    )
    config = work["config"]
    return keras_hub.models.AlbertBackbone(
        vocabulary_size=config["vocab_size"],
        num_layers=config["num_hidden_layers"],
        num_heads=config["num_attention_heads"],
        embedding_dim=config["embedding_size"],
        hidden_dim=config["hidden_size"],
        intermediate_dim=config["intermediate_size"],
        dropout=config["hidden_dropout_prob"],
        max_sequence_length=config["max_position_embeddings"],
    )


def _make_batch(work):
    return batches.pretraining_batch(
        work["config"]["vocab_size"],
        work["batch"],
        work["length"],
        work["predictions"],
    )


def _inputs(batch):
    return {name: batch[own] for name, own in _INPUTS.items()}


if __name__ == "__main__":
    protocol.serve(
        {"encode": encode, "predict": predict, "pretraining": pretraining},
        {
            "keras-hub": keras_hub.__version__,
            "keras": keras.__version__,
            "tensorflow": tf.__version__,
        },
    )
