# SPDX-License-Identifier: Apache-2.0
"""The same five updates, evaluations and predictions on any devices.

Run by test_equality.py in processes of its own, because devices and workers
are fixed when TensorFlow starts:

    python equality_program.py RECORDS OUTPUT.npz replicas
    TF_CONFIG=... python equality_program.py RECORDS OUTPUT.npz workers

"replicas" computes on two logical CPU devices, and also on one device and in
four accumulation steps; "workers" is one of the workers of TF_CONFIG.
OUTPUT.npz gets arrays named CASE/KIND/NAME.
"""

import sys

import keras
import numpy as np
import tensorflow as tf

import albert
from albert.interchange.names import named_variables
from albert.records.feature_batches import finetuning_dataset
from albert.records.pretraining_batches import pretraining_dataset
from albert.records.record_set import RecordSet
from albert.tasks.features import Features
from albert.training import coordination
from albert.training import distribution
from albert.training import losses
from albert.training import optimizers
from albert.training import schedules
from albert.training.inference_loop import InferenceLoop
from albert.training.loop import TrainingLoop

STEPS, BATCH, LENGTH, PREDICTIONS = 5, 32, 13, 5
SHALLOW_STEPS = 2
# Of 19 examples in batches of 8 the last three are all on the first replica.
EXAMPLES, EVALUATION_BATCH = 19, 8
CONFIG = albert.AlbertConfig(
    vocab_size=89,
    embedding_size=7,
    hidden_size=22,
    num_attention_heads=2,
    intermediate_size=31,
    num_hidden_layers=2,
    max_position_embeddings=37,
    initializer_range=0.3,
)


class ClippedPerReplica(TrainingLoop):
    """The trap: each replica clips what it adds to the global gradient."""

    def _accumulate(self, *arguments):
        gradients, numerators = super()._accumulate(*arguments)
        gradients, _ = optimizers.clip_by_global_norm(gradients, 1.0)
        return gradients, numerators


def global_batches():
    """Five batches whose rows have different numbers of masked pieces."""
    rng = np.random.default_rng(3)
    shape = (STEPS, BATCH)
    # Long rows come first, so that the replicas' sums differ as well.
    lengths = -np.sort(-rng.integers(6, LENGTH + 1, shape), axis=1)
    masked = -np.sort(-rng.integers(1, PREDICTIONS + 1, shape), axis=1)
    integers = {
        "input_ids": rng.integers(0, 89, (*shape, LENGTH)),
        "input_mask": np.arange(LENGTH) < lengths[..., None],
        "segment_ids": rng.integers(0, 2, (*shape, LENGTH)),
        "masked_lm_positions": rng.integers(0, 6, (*shape, PREDICTIONS)),
        "masked_lm_ids": rng.integers(0, 89, (*shape, PREDICTIONS)),
        "next_sentence_labels": rng.integers(0, 2, (*shape, 1)),
    }
    weights = np.arange(PREDICTIONS) < masked[..., None]
    return tf.data.Dataset.from_tensor_slices(
        {
            **{name: value.astype("int32") for name, value in integers.items()},
            "masked_lm_weights": weights.astype("float32"),
            "example_weights": np.ones(shape, "float32"),
        }
    )


def make_features():
    """Examples of different lengths with every label that a head may ask."""
    rng = np.random.default_rng(5)
    lengths = rng.integers(7, 30, EXAMPLES)
    labels = {
        "label_ids": rng.integers(0, 5, EXAMPLES),
        "start_positions": rng.integers(0, 3, EXAMPLES),
        "end_positions": rng.integers(3, 7, EXAMPLES),
        "is_impossible": rng.integers(0, 2, EXAMPLES),
    }
    return Features.from_sequences(
        [rng.integers(5, 89, length) for length in lengths],
        lengths // 2,
        per_token={"p_mask": [np.arange(n) > n // 2 for n in lengths]},
        per_example={
            name: values.astype(np.int32) for name, values in labels.items()
        },
    )


def train(strategy, loop_class=TrainingLoop, accumulation_steps=1):
    keras.utils.set_random_seed(7)
    with strategy.scope():
        model = albert.AlbertPretrainer(CONFIG)
        # Of --train_minutes: 10 ms are over after each step.
        schedule = schedules.TimedSchedule(
            schedules.PolynomialDecayWithWarmup(0.004, 100, 0)
        )
        optimizer = optimizers.Lamb(schedule)
        optimizer.build(model.trainable_variables)
    loop = loop_class(
        model,
        optimizer,
        losses.PretrainingObjective(),
        strategy,
        accumulation_steps=accumulation_steps,
    )
    named = sorted(named_variables(model).items())
    initial = [variable.numpy() for _, variable in named]
    iterator = iter(loop.distribute(global_batches()))
    schedule.set(0, 0, 10.0)
    # Of --num_layers_schedule: one layer first.
    shallow = loop.train(iterator, SHALLOW_STEPS, num_layers=1)
    schedule.set(SHALLOW_STEPS, 10 * SHALLOW_STEPS, 10.0)
    deep = loop.train(iterator, STEPS - SHALLOW_STEPS)
    history = {
        name: np.concatenate([values, deep[name]])
        for name, values in shallow.items()
    }
    found = {}
    for (name, variable), before in zip(named, initial, strict=True):
        copies = strategy.experimental_local_results(variable.value)
        first, last = copies[0].numpy(), copies[-1].numpy()
        found[f"weights/{name}"] = first
        found[f"moved/{name}"] = np.max(np.abs(first - before))
        found[f"spread/{name}"] = np.max(np.abs(first - last))
    return found | {f"history/{name}": x for name, x in history.items()}


HEADS = {
    "classifier": (
        lambda: albert.AlbertClassifier(CONFIG, 5),
        losses.ClassificationObjective,
    ),
    "span_v1": (
        lambda: albert.AlbertSpanPredictor(CONFIG, "v1"),
        losses.SpanObjective,
    ),
    "span_v2": (
        lambda: albert.AlbertSpanPredictor(CONFIG, "v2", 3, 2),
        losses.SpanWithAnswerabilityObjective,
    ),
}


def evaluate_and_predict(strategy, records):
    """Metrics and outputs of models with random weights."""
    found = {}
    batches = pretraining_dataset(
        RecordSet.open(records), EVALUATION_BATCH, training=False, seed=1
    )
    keras.utils.set_random_seed(11)
    with strategy.scope():
        model = albert.AlbertPretrainer(CONFIG)
    loop = InferenceLoop(model, losses.PretrainingObjective(), strategy)
    for depth in (1, None):
        metrics = loop.evaluate(loop.distribute(batches), depth)
        for name, value in metrics.items():
            found[f"evaluation/pretraining {depth} {name}"] = value
    features = make_features()
    for head, (make_model, objective) in HEADS.items():
        keras.utils.set_random_seed(11)
        with strategy.scope():
            model = make_model()
        loop = InferenceLoop(model, objective(), strategy)
        batches = finetuning_dataset(
            features, EVALUATION_BATCH, [8, 16, 31], training=False
        )
        outputs, metrics = loop.predict(
            loop.distribute(batches), EXAMPLES, evaluate=head != "span_v2"
        )
        for name, value in outputs.items():
            found[f"prediction/{head} {name}"] = value
        for name, value in metrics.items():
            found[f"evaluation/{head} {name}"] = value
    return found


def main(records, output, where):
    if where == "replicas":
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration()] * 2
        )
        one = distribution.get_strategy("one_device")
        two = distribution.get_strategy("mirrored")
        cases = {
            "one": {**train(one), **evaluate_and_predict(one, records)},
            "accumulated": train(one, accumulation_steps=4),
            "trap": train(two, ClippedPerReplica),
        }
    else:
        two = distribution.get_strategy("multi_worker_mirrored")
        cases = {}
    assert two.num_replicas_in_sync == 2
    cases[where] = {**train(two), **evaluate_and_predict(two, records)}
    np.savez(
        output,
        **{
            f"{case}/{key}": value
            for case, found in cases.items()
            for key, value in found.items()
        },
    )
    coordination.wait_for_workers(two)


if __name__ == "__main__":
    main(*sys.argv[1:])
