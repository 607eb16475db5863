# SPDX-License-Identifier: Apache-2.0
"""Worker of this project: the training loop and the model of its commands.

Pretraining is with LAMB and clipped gradients; fine-tuning with AdamW, batches
of similar length, and clipped gradients. See ``compare.py``.
"""

import itertools

import keras
import tensorflow as tf

import albert
from albert import heads
from albert.records import batch_plan
from albert.tasks.features import Features
from albert.training import distribution
from albert.training import optimizers
from albert.training.feature_data import FeatureData
from albert.training.inference_loop import InferenceLoop
from albert.training.loop import TrainingLoop
from albert.training.options import DTYPE_POLICIES
from workers import batches
from workers import protocol

_CLASSIFIER = {"num_labels": 2, "classifier_dropout": 0.0}


def pretraining(work):
    """Returns a function that makes a pretraining step."""
    loop = _make_loop(work, "pretraining", optimizers.Lamb)
    dataset = tf.data.Dataset.from_tensors(batches.batch_of(work)).repeat()
    iterator = iter(loop.distribute(dataset))
    return lambda: loop.train(iterator, 1)


def encode(work):
    """Returns a function that computes the encoder's output of a batch."""
    encoder = albert.AlbertEncoder(**_model_options(work))

    @tf.function
    def forward(inputs):
        return encoder(inputs, training=False)["sequence_output"]

    names = ("input_ids", "input_mask", "segment_ids")
    batch = batches.batch_of(work)
    inputs = {name: tf.constant(batch[name]) for name in names}
    return lambda: forward(inputs).numpy()


def predict(work):
    """Returns a function that computes two logits of each sequence."""
    data = _read_data(work)
    loop = _make_loop(work, "classification", None, **_CLASSIFIER)

    def run():
        dataset = data.evaluation_batches(work["batch"])
        loop.predict(loop.distribute(dataset), data.num_examples)

    return run


def finetuning(work):
    """Returns a function that trains a classifier for one epoch."""
    data = _read_data(work)
    loop = _make_loop(work, "classification", optimizers.AdamW, **_CLASSIFIER)
    epochs = itertools.count()
    steps = data.num_examples // work["batch"]

    def run():
        dataset = data.training_batches(
            work["batch"],
            seed=next(epochs),
            num_steps=steps,
            start_step=0,
            bucket_by_length=True,
        )
        loop.train(iter(loop.distribute(dataset)), steps)

    return run


def _model_options(work):
    return {
        "config": albert.AlbertConfig.from_dict(work["config"]),
        "dtype": DTYPE_POLICIES[work["dtype"]],
    }


def _make_loop(work, head, optimizer_class, **options):
    strategy = distribution.get_strategy("one_device")
    objective = heads.make_objective(head)
    with strategy.scope():
        model = heads.make_model(head, **_model_options(work), **options)
        if optimizer_class is None:
            return InferenceLoop(model, objective, strategy)
        optimizer = optimizer_class(1e-4)
        optimizer.build(model.trainable_variables)
    return TrainingLoop(model, optimizer, objective, strategy)


def _read_data(work):
    arrays = batches.read_sequences(work["sequences"])
    labels = {"label_ids": arrays.pop("label_ids")}
    lengths = batch_plan.padded_lengths(work["length"])
    return FeatureData(Features(**arrays, per_example=labels), lengths)


if __name__ == "__main__":
    protocol.serve(
        {
            "encode": encode,
            "finetuning": finetuning,
            "predict": predict,
            "pretraining": pretraining,
        },
        {
            "albert": albert.__version__,
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
        },
    )
