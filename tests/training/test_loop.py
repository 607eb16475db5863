# SPDX-License-Identifier: Apache-2.0
"""One update is that of the global batch, however it is cut up."""

import functools
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.training import distribution
from albert.training import optimizers
from albert.training.loop import TrainingLoop
from albert.training.loop import count_tokens
from albert.training.losses import ClassificationObjective
from albert.training.losses import PretrainingObjective

BATCH, LENGTH, PREDICTIONS = 12, 13, 5
# Of how far a variable moves, and of the largest value of a history: one unit
# in the last place of every weight changes these by up to 1.5e-4 and 1e-5. An
# update divides by the root of the gradient's square, so that small gradients,
# which are rounding for the most part, move weights as far as large ones.
OF_MOVEMENT, OF_HISTORY = 2e-3, 2e-4


def make_config(**changes):
    values = {
        "vocab_size": 89,
        "embedding_size": 7,
        "hidden_size": 22,
        "num_attention_heads": 2,
        "intermediate_size": 31,
        "num_hidden_layers": 3,
        "max_position_embeddings": 17,
        "initializer_range": 0.3,
    }
    return albert.AlbertConfig(**{**values, **changes})


def make_batch(seed, batch=BATCH):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(6, LENGTH + 1, batch)
    # Rows with different numbers of masked tokens: a mean of the replicas'
    # means would differ from the mean of the global batch.
    predictions = rng.integers(1, PREDICTIONS + 1, batch)
    mask = np.arange(LENGTH) < lengths[:, None]
    weights = np.arange(PREDICTIONS) < predictions[:, None]
    return {
        "input_ids": rng.integers(0, 89, (batch, LENGTH)).astype("int32"),
        "input_mask": mask.astype("int32"),
        "segment_ids": rng.integers(0, 2, (batch, LENGTH)).astype("int32"),
        "masked_lm_positions": rng.integers(0, 6, (batch, PREDICTIONS)).astype(
            "int32"
        ),
        "masked_lm_ids": rng.integers(0, 89, (batch, PREDICTIONS)).astype(
            "int32"
        ),
        "masked_lm_weights": weights.astype("float32"),
        "next_sentence_labels": rng.integers(0, 2, (batch, 1)).astype("int32"),
        "example_weights": np.ones(batch, "float32"),
    }


def make_loop(strategy_name="one_device", **options):
    keras.utils.set_random_seed(7)
    strategy = distribution.get_strategy(strategy_name)
    with strategy.scope():
        model = albert.AlbertPretrainer(make_config())
        optimizer = optimizers.Lamb(0.005)
        optimizer.build(model.trainable_variables)
    return TrainingLoop(
        model, optimizer, PretrainingObjective(), strategy, **options
    )


def dataset(steps=5):
    batches = [make_batch(seed) for seed in range(steps)]
    return tf.data.Dataset.from_tensor_slices(
        {name: np.stack([b[name] for b in batches]) for name in batches[0]}
    )


def train(loop, steps=5):
    iterator = iter(loop.distribute(dataset(steps)))
    history = loop.train(iterator, steps)
    return weights_of(loop), history


@pytest.fixture(scope="module")
def whole():
    """Weights and history of a run on whole batches."""
    return train(make_loop())


def weights_of(loop):
    return {name_of(v): v.numpy() for v in loop.model.trainable_variables}


def name_of(variable):
    # Without the model's own name, which Keras numbers.
    return variable.path.partition("/")[-1]


@functools.cache
def first_weights():
    return weights_of(make_loop())


def difference(a, b):
    """Largest difference of equally named weights, of how far they moved.

    The loss does not depend on the bias of the keys, which moves by rounding.
    """
    before = first_weights()
    assert a.keys() == b.keys() == before.keys()
    return max(
        np.max(np.abs(a[name] - b[name]))
        / np.max(np.abs(a[name] - before[name]))
        for name in a
        if not name.endswith("key/bias")
    )


def history_difference(a, b):
    """Largest difference of equally named histories, of their largest value."""
    assert a.keys() == b.keys()
    return max(
        np.max(np.abs(a[name] - b[name])) / np.max(np.abs(a[name]))
        for name in a
    )


def test_tokens_are_those_of_inputs_and_targets_of_rows_that_count():
    mask = tf.constant([[1, 1, 0], [1, 1, 1], [1, 0, 0]])
    rows = tf.constant([1.0, 0.0, 1.0])
    batch = {"input_mask": mask, "example_weights": rows}
    assert count_tokens(batch) == 3
    targets = tf.constant([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    assert count_tokens(batch | {"target_weights": targets}) == 6
    # Choices of a question.
    assert count_tokens(batch | {"input_mask": tf.stack([mask] * 2, 1)}) == 6


def megabytes_of_an_update(rows, parts):
    """What an update adds to the memory of a process."""
    program = pathlib.Path(__file__).with_name("accumulation_memory.py")
    done = subprocess.run(
        [sys.executable, program, str(rows), str(parts)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(done.stdout)


@pytest.mark.slow
def test_of_a_batch_in_parts_one_is_in_memory():
    part = megabytes_of_an_update(13, 1)
    # 24 layers keep at least 24 x 13 x 128 x 1024 floats: 156 MiB.
    assert part > 156
    assert megabytes_of_an_update(13, 8) < 1.3 * part


def test_accumulation_gives_the_update_of_the_whole_batch(whole):
    weights, history = whole
    assert (history["gradient_norm"][:4] > 1.0).all()  # clipping is active
    parts, other = train(make_loop(accumulation_steps=4))
    assert difference(weights, parts) < OF_MOVEMENT
    assert history_difference(history, other) < OF_HISTORY


def test_xla_gives_the_same_update(whole):
    compiled, _ = train(make_loop(jit_compile=True))
    assert difference(whole[0], compiled) < OF_MOVEMENT


def test_steps_per_loop_do_not_matter(whole):
    expected, history = whole
    loop = make_loop()
    iterator = iter(loop.distribute(dataset()))
    parts = [loop.train(iterator, count) for count in (2, 1, 2)]
    for name, weights in weights_of(loop).items():
        assert np.array_equal(expected[name], weights), name
    for name in history:
        joined = np.concatenate([part[name] for part in parts])
        assert np.array_equal(joined, history[name]), name


@pytest.fixture(scope="module")
def on_two_devices(run_on_two_devices):
    """What a process with two devices prints: list of words, line by line."""
    printed = run_on_two_devices(
        __file__,
        """
        one, history = t.train(t.make_loop())
        loop = t.make_loop("mirrored", accumulation_steps=3)
        assert loop.strategy.num_replicas_in_sync == 2
        two, other = t.train(loop)
        assert (history["gradient_norm"][:4] > 1.0).all()
        print("weights", t.difference(one, two))
        print("history", t.history_difference(history, other))
        batches = t.dataset(3)
        a = loop.evaluate(loop.distribute(batches))
        single = t.make_loop()
        for variable in single.model.trainable_variables:
            variable.assign(two[t.name_of(variable)])
        b = single.evaluate(single.distribute(batches))
        print("evaluation", max(abs(a[n] - b[n]) for n in b))

        from albert.modeling.layers import Dropout
        with loop.strategy.scope():
            layer = Dropout(0.5)
        draw = tf.function(lambda: loop.strategy.run(
            lambda: layer(tf.ones((7, 13)), training=True)))
        for _ in range(2):
            for mask in loop.strategy.experimental_local_results(draw()):
                print("mask", "".join(map(str, mask.numpy().astype(int).flat)))
        """,
    )
    return [line.split() for line in printed.splitlines()]


def test_two_replicas_give_the_update_of_one_device(on_two_devices):
    found = dict(on_two_devices)
    assert float(found["weights"]) < OF_MOVEMENT
    assert float(found["history"]) < OF_HISTORY
    # Of the loss, which is about 5.
    assert float(found["evaluation"]) < 1e-5


def train_weighted(strategy_name, **options):
    """Trains two steps with weights of labels; returns the history."""
    keras.utils.set_random_seed(7)
    strategy = distribution.get_strategy(strategy_name)
    with strategy.scope():
        model = albert.AlbertClassifier(
            make_config(), num_labels=2, classifier_dropout=0.0
        )
        optimizer = optimizers.Lamb(0.005)
        optimizer.build(model.trainable_variables)
    loop = TrainingLoop(
        model,
        optimizer,
        # Sums of weights in a part of a batch are well below 1.
        ClassificationObjective([0.01, 0.09], focal_gamma=1.5),
        strategy,
        **options,
    )
    batches = dataset(2).map(
        lambda batch: batch | {"label_ids": batch["next_sentence_labels"][:, 0]}
    )
    return loop.train(iter(loop.distribute(batches)), 2)


@pytest.mark.slow
def test_weights_of_labels_are_summed_over_replicas(run_on_two_devices):
    printed = run_on_two_devices(
        __file__,
        """
        one = t.train_weighted("one_device")
        two = t.train_weighted("mirrored", accumulation_steps=3)
        assert {"loss", "cross_entropy_loss", "gradient_norm"} < one.keys()
        assert abs(one["loss"][0] - one["cross_entropy_loss"][0]) > 0.05
        print(t.history_difference(one, two))
        """,
    )
    assert float(printed) < OF_HISTORY


def test_replicas_draw_their_own_dropout(on_two_devices):
    # Two replicas, twice: all are different.
    masks = [value for name, value in on_two_devices if name == "mask"]
    assert len(set(masks)) == len(masks) == 4
    assert all(set(mask) == {"0", "2"} for mask in masks)


def test_evaluation_counts_real_examples_only():
    loop = make_loop()
    real = make_batch(3, batch=7)
    padded = {
        name: np.pad(value, [(0, 5)] + [(0, 0)] * (value.ndim - 1))
        for name, value in real.items()
    }
    a = loop.evaluate(loop.distribute(tf.data.Dataset.from_tensors(real)))
    b = loop.evaluate(loop.distribute(tf.data.Dataset.from_tensors(padded)))
    for name in a:
        # Of the loss, which is about 5.
        assert abs(a[name] - b[name]) < 1e-5, name


def test_evaluation_is_that_of_one_large_batch():
    loop = make_loop()
    pieces = dataset(3)
    joined = pieces.unbatch().batch(3 * BATCH)
    a = loop.evaluate(loop.distribute(pieces))
    b = loop.evaluate(loop.distribute(joined))
    for name in a:
        assert abs(a[name] - b[name]) < 1e-5, name
    assert loop.evaluate(loop.distribute(pieces.take(0))) is None


def test_losses_by_hand():
    objective = PretrainingObjective()
    outputs = {
        "masked_lm_logits": tf.math.log([[[0.5, 0.25, 0.25], [0.1, 0.8, 0.1]]]),
        "sentence_order_logits": tf.math.log([[0.25, 0.75]]),
    }
    batch = {
        "masked_lm_ids": tf.constant([[1, 1]]),
        "masked_lm_weights": tf.constant([[1.0, 1.0]]),
        "next_sentence_labels": tf.constant([[1]]),
        "segment_ids": tf.constant([[0, 1]]),
        "example_weights": tf.constant([1.0]),
    }
    numerators = objective.numerators(outputs, batch)
    denominators = objective.denominators(batch)
    metrics = objective.metrics(numerators, denominators)
    masked = (-np.log(0.25) - np.log(0.8)) / 2.00001
    assert abs(metrics["masked_lm_loss"] - masked) < 1e-6
    assert abs(metrics["masked_lm_accuracy"] - 1 / 2.00001) < 1e-6
    assert abs(metrics["sentence_order_loss"] + np.log(0.75)) < 1e-6
    assert metrics["sentence_order_accuracy"] == 1.0
    total = objective.loss(numerators, denominators)
    assert abs(total - (masked - np.log(0.75))) < 1e-6


def test_without_sentence_order_its_weights_are_left_alone():
    """LAMB would shrink a weight without a gradient at the full rate."""
    keras.utils.set_random_seed(7)
    strategy = distribution.get_strategy("one_device")
    with strategy.scope():
        model = albert.AlbertPretrainer(make_config())
        optimizer = optimizers.Lamb(0.01)
        optimizer.build(model.trainable_variables)
    objective = PretrainingObjective(sentence_order=False)
    loop = TrainingLoop(model, optimizer, objective, strategy)
    idle = [*model.sentence_order.weights, *model.encoder.pooler.weights]
    before = [v.numpy() for v in idle]
    word_embeddings = model.encoder.embeddings.word_embeddings.numpy()
    history = loop.train(iter(loop.distribute(dataset())), 5)
    assert "sentence_order_loss" not in history
    for variable, value in zip(idle, before, strict=True):
        assert np.array_equal(variable, value)
    after = model.encoder.embeddings.word_embeddings.numpy()
    assert not np.array_equal(word_embeddings, after)


def test_a_batch_that_cannot_be_cut_evenly():
    assert distribution.check_batch_size("train_batch_size", 24, 2, 3) == 4
    with pytest.raises(albert.UserError, match="train_batch_size 25.* of 6"):
        distribution.check_batch_size("train_batch_size", 25, 2, 3)


@pytest.mark.parametrize(
    "options",
    [
        {},
        pytest.param({"accumulation_steps": 3}, marks=pytest.mark.slow),
        pytest.param({"jit_compile": True}, marks=pytest.mark.slow),
    ],
)
def test_fewer_layers_are_a_shallower_model_with_the_same_weights(options):
    """And all of them again from then on."""
    deep = make_loop(**options)
    iterator = iter(deep.distribute(dataset()))
    first = deep.train(iterator, 2, num_layers=1)
    keras.utils.set_random_seed(7)
    model = albert.AlbertPretrainer(make_config(num_hidden_layers=1))
    optimizer = optimizers.Lamb(0.005)
    optimizer.build(model.trainable_variables)
    shallow = TrainingLoop(
        model, optimizer, PretrainingObjective(), deep.strategy, **options
    )
    weights, history = train(shallow, 2)
    assert difference(weights, weights_of(deep)) < OF_MOVEMENT
    assert history_difference(history, first) < OF_HISTORY
    evaluated = {
        num_layers: deep.evaluate(
            deep.distribute(dataset().take(2)), num_layers
        )
        for num_layers in (1, None)
    }
    expected = shallow.evaluate(shallow.distribute(dataset().take(2)))
    for name, value in expected.items():
        assert abs(evaluated[1][name] - value) < 1e-5, name
    loss = "masked_lm_loss"
    assert abs(evaluated[None][loss] - expected[loss]) > 1e-3
    whole, _ = train(make_loop(**options), 2)
    assert difference(whole, weights) > 0.1
    # The third step is of three layers: as that of a model which has them.
    third = deep.train(iterator, 1)
    again = make_loop(**options)
    for ours, theirs in zip(
        again.model.variables, shallow.model.variables, strict=True
    ):
        ours.assign(theirs)
    batches = again.distribute(dataset().skip(2))
    expected = again.train(iter(batches), 1)
    for name in ("masked_lm_loss", "sentence_order_loss", "gradient_norm"):
        assert abs(third[name][0] / expected[name][0] - 1) < OF_HISTORY, name
