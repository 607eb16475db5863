# SPDX-License-Identifier: Apache-2.0
"""Predictions are those of each example alone, in the examples' order."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.records.feature_batches import finetuning_dataset
from albert.tasks.features import Features
from albert.training import distribution
from albert.training import losses
from albert.training.feature_data import FeatureData
from albert.training.inference_loop import InferenceLoop

EXAMPLES = 23
# Of logits up to 5: one unit in the last place of every weight changes them by
# up to 2.7e-6.
ROUNDING = 2e-5
CONFIG = {
    "vocab_size": 89,
    "embedding_size": 7,
    "hidden_size": 22,
    "num_attention_heads": 2,
    "intermediate_size": 31,
    "num_hidden_layers": 3,
    "max_position_embeddings": 37,
    "initializer_range": 0.3,
}


def make_features():
    rng = np.random.default_rng(5)
    lengths = rng.integers(3, 30, EXAMPLES)
    return Features.from_sequences(
        [rng.integers(5, 89, length) for length in lengths],
        lengths // 2,
        per_example={
            "label_ids": rng.integers(0, 5, EXAMPLES).astype(np.int32)
        },
    )


def make_loop(make_model, strategy_name="one_device", **options):
    keras.utils.set_random_seed(7)
    strategy = distribution.get_strategy(strategy_name)
    with strategy.scope():
        model = make_model(albert.AlbertConfig(**CONFIG))
    objective = losses.ClassificationObjective()
    return InferenceLoop(model, objective, strategy, **options)


def classifier(config):
    return albert.AlbertClassifier(config, 5)


def predict(loop, features, batch_size, **options):
    batches = finetuning_dataset(
        features, batch_size, [8, 16, 31], training=False
    )
    return loop.predict(loop.distribute(batches), EXAMPLES, **options)


def one_by_one(loop, features):
    """The outputs of each example in a batch of its own, without padding."""
    outputs = []
    for index in range(EXAMPLES):
        begin, end = features.row_splits[index : index + 2]
        length = end - begin
        segments = np.arange(length) >= features.segment_starts[index]
        inputs = {
            "input_ids": features.input_ids[np.newaxis, begin:end],
            "segment_ids": segments[np.newaxis].astype(np.int32),
        }
        outputs.append(loop.model(inputs)["logits"][0].numpy())
    return outputs


def test_replicas_are_given_tensors_alone(monkeypatch):
    """As ``TPUStrategy.run`` makes one of each argument."""
    loop = make_loop(classifier)
    run = loop.strategy.run
    monkeypatch.setattr(
        loop.strategy,
        "run",
        lambda function, args: run(
            function, tf.nest.map_structure(tf.convert_to_tensor, args)
        ),
    )
    features = make_features()
    batches = loop.distribute(
        finetuning_dataset(features, 4, [8, 16, 31], training=False)
    )
    deep, shallow = loop.evaluate(batches), loop.evaluate(batches, 1)
    _, metrics = predict(loop, features, 4, evaluate=True)
    assert metrics == pytest.approx(deep)
    assert shallow["loss"] != pytest.approx(deep["loss"])


@pytest.mark.parametrize("batch_size", [4, 23, 24])
def test_batches_do_not_matter(batch_size):
    features = make_features()
    loop = make_loop(classifier)
    outputs, metrics = predict(loop, features, batch_size, evaluate=True)
    expected = np.stack(one_by_one(loop, features))
    assert np.max(np.abs(outputs["logits"] - expected)) < ROUNDING
    labels = features.per_example["label_ids"]
    hits = np.argmax(expected, axis=-1) == labels
    assert abs(metrics["accuracy"] - np.mean(hits)) < 1e-6
    shifted = expected - expected.max(-1, keepdims=True)
    log_probs = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    loss = -np.mean(log_probs[np.arange(EXAMPLES), labels])
    assert abs(metrics["loss"] - loss) < ROUNDING


def test_few_examples_without_a_dataset():
    """One trace serves all numbers and lengths but the first ones."""
    features = make_features()
    loop = make_loop(classifier)
    expected = np.stack(one_by_one(loop, features))
    calls = []
    infer = loop._infer
    loop._infer = lambda batch: calls.append(1) or infer(batch)
    for first, number in ((0, 1), (3, 5), (9, 4), (22, 1), (0, 23)):
        chosen = np.arange(first, first + number)
        data = FeatureData(features.select(chosen), [8, 16, 31])
        outputs = loop.infer(data.only_batch())
        difference = np.abs(outputs["logits"] - expected[chosen])
        assert outputs["logits"].shape == (number, 5)
        assert np.max(difference) < ROUNDING
    assert len(calls) <= 2


def test_outputs_of_different_lengths_are_filled_up():
    features = make_features()
    loop = make_loop(lambda config: albert.AlbertTokenClassifier(config, 3))
    outputs, metrics = predict(loop, features, 4)
    assert metrics == {}
    assert outputs["logits"].shape == (EXAMPLES, 31, 3)
    for index, expected in enumerate(one_by_one(loop, features)):
        actual = outputs["logits"][index, : len(expected)]
        assert np.max(np.abs(actual - expected)) < ROUNDING


def test_xla_predicts_the_same():
    features = make_features()
    a, _ = predict(make_loop(classifier), features, 4)
    b, _ = predict(make_loop(classifier, jit_compile=True), features, 4)
    assert np.max(np.abs(a["logits"] - b["logits"])) < ROUNDING


def test_two_replicas_predict_the_same(run_on_two_devices):
    printed = run_on_two_devices(
        __file__,
        """
        features = t.make_features()
        results = [
            t.predict(t.make_loop(t.classifier, name), features, 6,
                      evaluate=True)
            for name in ("one_device", "mirrored")
        ]
        (a, a_metrics), (b, b_metrics) = results
        print(np.max(np.abs(a["logits"] - b["logits"])))
        print(max(abs(a_metrics[n] - b_metrics[n]) for n in a_metrics))
        """,
    )
    assert max(map(float, printed.split())) < ROUNDING


def test_a_missing_example_is_an_error():
    features = make_features()
    loop = make_loop(classifier)
    batches = finetuning_dataset(features, 4, [31], training=False).take(3)
    with pytest.raises(ValueError, match="12 predictions .* 23 examples"):
        loop.predict(loop.distribute(batches), EXAMPLES)
