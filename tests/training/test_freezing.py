# SPDX-License-Identifier: Apache-2.0
"""Frozen parts stay as they are, and the rest learns as it did."""

import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert import freeze_flag
from albert.errors import UserError
from albert.interchange.names import named_variables
from albert.training import distribution
from albert.training import freezing
from albert.training import losses
from albert.training import optimizers
from albert.training.loop import TrainingLoop

LABELS = 3


def make_config():
    return albert.AlbertConfig(
        vocab_size=89,
        embedding_size=7,
        hidden_size=22,
        num_attention_heads=2,
        intermediate_size=31,
        num_hidden_layers=1,
        max_position_embeddings=17,
        initializer_range=0.3,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )


def make_loop(part=None, strategy_name="one_device", **options):
    keras.utils.set_random_seed(7)
    strategy = distribution.get_strategy(strategy_name)
    with strategy.scope():
        model = albert.AlbertClassifier(
            make_config(), num_labels=LABELS, classifier_dropout=0.0
        )
        freezing.freeze(model, part)
        optimizer = optimizers.AdamW(0.01)
        optimizer.build(model.trainable_variables)
    return TrainingLoop(
        model, optimizer, losses.ClassificationObjective(), strategy, **options
    )


def make_batch(examples=12, length=13):
    rng = np.random.default_rng(5)
    lengths = rng.integers(4, length + 1, examples)
    return {
        "input_ids": rng.integers(0, 89, (examples, length)).astype("int32"),
        "input_mask": (np.arange(length) < lengths[:, None]).astype("int32"),
        "segment_ids": rng.integers(0, 2, (examples, length)).astype("int32"),
        "label_ids": rng.integers(0, LABELS, examples).astype("int32"),
        "example_weights": np.ones(examples, "float32"),
    }


def weights_of(loop):
    return {
        name: variable.numpy()
        for name, variable in named_variables(loop.model).items()
    }


def train(loop, steps=3):
    data = tf.data.Dataset.from_tensors(make_batch()).repeat()
    loop.train(iter(loop.distribute(data)), steps)
    return weights_of(loop)


def largest_difference(a, b):
    assert a.keys() == b.keys()
    return max(np.max(np.abs(a[name] - b[name])) for name in a)


def is_frozen(name, part):
    places = {
        "embeddings": ("encoder/embeddings/", "encoder/embedding_projection/"),
        "encoder": ("encoder/",),
    }
    return name.startswith(places[part])


def test_every_value_of_the_flag_is_known():
    assert tuple(freezing.PARTS) == freeze_flag.PARTS
    assert freezing.canonical(None) is None
    assert freezing.canonical(["embeddings"]) == "embeddings"
    # The encoder holds the embeddings.
    assert freezing.canonical(["encoder", "embeddings"]) == "encoder"


@pytest.mark.parametrize("part", freezing.PARTS)
def test_what_is_frozen_stays_and_has_no_moments(part):
    loop = make_loop(part)
    before, after = weights_of(loop), train(loop)
    for name in before:
        same = np.array_equal(before[name], after[name])
        assert same == is_frozen(name, part), name
    trained = [name for name in before if not is_frozen(name, part)]
    assert len(loop.trained_variables) == len(trained)
    assert len(loop.optimizer.adam_m) == len(trained)
    parts = train(make_loop(part, accumulation_steps=3))
    assert largest_difference(after, parts) < 1e-5


def test_what_is_trained_has_the_gradients_of_the_whole_model():
    batch = {name: tf.constant(x) for name, x in make_batch().items()}
    found, products = {}, {}
    for part in (None, *freezing.PARTS):
        loop = make_loop(part)
        arguments = batch, loop.objective.denominators(batch), None
        traced = loop._micro_step.get_concrete_function(*arguments)
        products[part] = sum(
            operation.type.endswith("MatMul")
            and operation.name.startswith("gradient")
            for operation in traced.graph.get_operations()
        )
        gradients, _ = loop._micro_step(*arguments)
        paths = [v.path.split("/", 1)[1] for v in loop.trained_variables]
        found[part] = dict(zip(paths, gradients, strict=True))
    for part in freezing.PARTS:
        assert found[part].keys() < found[None].keys()
        for name, value in found[part].items():
            whole = found[None][name]
            scale = np.max(np.abs(whole)) + 1e-3
            assert np.max(np.abs(value - whole)) < 1e-4 * scale, name
    # The one that is left is that of the classifier's weights.
    assert products[None] > products["embeddings"] > products["encoder"] == 1


def make_span_loop(**options):
    keras.utils.set_random_seed(7)
    model = albert.AlbertSpanPredictor(make_config(), version="v1")
    freezing.freeze(model, "encoder")
    optimizer = optimizers.AdamW(0.01)
    optimizer.build(model.trainable_variables)
    strategy = distribution.get_strategy("one_device")
    return TrainingLoop(
        model, optimizer, losses.SpanObjective(), strategy, **options
    )


def test_padding_that_a_loss_reads_is_computed():
    """The original's loss of SQuAD 1.1 has padding in its softmax."""
    batch = make_batch()
    del batch["label_ids"]
    batch["example_index"] = np.arange(12, dtype="int32")
    first = np.argmax(np.cumsum(batch["input_mask"], axis=1), axis=1) // 2
    batch["start_positions"] = batch["end_positions"] = first.astype("int32")
    found = []
    for jit_compile in (False, True):  # XLA leaves out no padding.
        loop = make_span_loop(jit_compile=jit_compile)
        data = tf.data.Dataset.from_tensors(batch).repeat()
        before = loop.evaluate(loop.distribute(data.take(1)))["loss"]
        batches = loop.distribute(data.take(1))
        _, predicted = loop.predict(batches, len(first), evaluate=True)
        history = loop.train(iter(loop.distribute(data)), 3)["loss"]
        found.append([before, predicted["loss"], *history])
    assert found[0][0] > found[0][-1] > 0.1
    np.testing.assert_allclose(*found, rtol=0, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("part", freezing.PARTS)
def test_two_replicas_make_the_same_update(run_on_two_devices, part):
    # A process for each: TensorFlow mixes up the sums of two such loops.
    printed = run_on_two_devices(
        __file__,
        f"""
        two = t.make_loop("{part}", "mirrored", accumulation_steps=2)
        assert two.strategy.num_replicas_in_sync == 2
        one = t.make_loop("{part}")
        print(t.largest_difference(t.train(one), t.train(two)))
        """,
    )
    assert float(printed) < 1e-5


def test_what_is_trained_is_counted(caplog):
    loop = make_loop("encoder")
    with caplog.at_level("INFO", logger="absl"):
        freezing.log_trained(loop, "encoder")
    # 22 weights and a bias of each of the 3 labels.
    total = f"{loop.model.count_params():,}"
    assert f"--freeze=encoder: 69 of {total} parameters" in caplog.text


def test_random_weights_are_not_frozen():
    loop = make_loop("encoder")
    fresh = ["classifier/output_bias", "encoder/pooler/kernel"]
    with pytest.raises(UserError, match="encoder/pooler/kernel would stay"):
        freezing.check_loaded(loop, fresh)
    freezing.check_loaded(loop, fresh[:1])
    # Where nothing depends on them, it does not matter.
    loop.objective = types.SimpleNamespace(trains=lambda path: False)
    freezing.check_loaded(loop, fresh)
