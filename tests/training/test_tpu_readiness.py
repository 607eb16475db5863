# SPDX-License-Identifier: Apache-2.0
"""What a TPU asks of a step, as far as it shows on a machine without one.

The step of each recipe, update included, compiles under XLA with the static
shapes of --pad_to_max_length and gives what it gives without; and nothing in
it is of a kind that a TPU cannot hold.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.training import distribution
from albert.training import losses
from albert.training import optimizers
from albert.training.loop import TrainingLoop

ROWS, LENGTH, CHOICES, SLOTS = 6, 13, 3, 5
CONFIG = {
    "vocab_size": 89,
    "embedding_size": 7,
    "hidden_size": 22,
    "num_attention_heads": 2,
    "intermediate_size": 31,
    "num_hidden_layers": 2,
    "max_position_embeddings": 17,
    "initializer_range": 0.3,
}
# Of TensorFlow's types, those that a TPU computes with.
TYPES = {
    tf.bool,
    tf.bfloat16,
    tf.float32,
    tf.int32,
    tf.int64,
    tf.uint64,  # keys of random numbers
    tf.resource,
}
# Their outputs are axes, which the compiler computes from static shapes.
AXES = {"BroadcastGradientArgs"}


def tokens(*leading):
    rng = np.random.default_rng(3)
    shape = (*leading, LENGTH)
    lengths = rng.integers(6, LENGTH + 1, leading)
    return {
        "input_ids": rng.integers(0, 89, shape).astype("int32"),
        "input_mask": (np.arange(LENGTH) < lengths[..., None]).astype("int32"),
        "segment_ids": rng.integers(0, 2, shape).astype("int32"),
        "example_weights": np.ones(leading[0], "float32"),
        "example_index": np.arange(leading[0]),
    }


def integers(limit, *shape):
    values = np.random.default_rng(5).integers(0, limit, shape)
    return values.astype("int32")


def pretraining():
    batch = tokens(ROWS) | {
        "masked_lm_positions": integers(6, ROWS, SLOTS),
        "masked_lm_ids": integers(89, ROWS, SLOTS),
        "masked_lm_weights": np.ones((ROWS, SLOTS), "float32"),
        "next_sentence_labels": integers(2, ROWS, 1),
    }
    return albert.AlbertPretrainer, losses.PretrainingObjective(), batch


def classification():
    return (
        lambda config, **kwargs: albert.AlbertClassifier(config, 4, **kwargs),
        losses.ClassificationObjective(),
        tokens(ROWS) | {"label_ids": integers(4, ROWS)},
    )


def multiple_choice():
    return (
        albert.AlbertMultipleChoice,
        losses.ClassificationObjective(),
        tokens(ROWS, CHOICES) | {"label_ids": integers(CHOICES, ROWS)},
    )


def tagging():
    return (
        lambda config, **kwargs: albert.AlbertTokenClassifier(
            config, 4, **kwargs
        ),
        losses.TokenClassificationObjective(),
        tokens(ROWS) | {"label_ids": integers(4, ROWS, LENGTH)},
    )


def spans(version):
    objective = {
        "v1": losses.SpanObjective,
        "v2": losses.SpanWithAnswerabilityObjective,
    }[version]
    batch = tokens(ROWS) | {
        "start_positions": integers(6, ROWS),
        "end_positions": integers(6, ROWS),
        "is_impossible": integers(2, ROWS),
        "p_mask": integers(2, ROWS, LENGTH),
    }
    return (
        lambda config, **kwargs: albert.AlbertSpanPredictor(
            config, version, **kwargs
        ),
        objective(),
        batch,
    )


RECIPES = {
    "pretraining": pretraining,
    "classification": classification,
    "multiple_choice": multiple_choice,
    "tagging": tagging,
    "span_v1": lambda: spans("v1"),
    "span_v2": lambda: spans("v2"),
}


def make_loop(name, dropout=0.0, dtype="float32", **options):
    """Returns a loop and a batch; compiled as a whole, as on a TPU, or not."""
    make_model, objective, batch = RECIPES[name]()
    config = albert.AlbertConfig(
        **CONFIG,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    keras.utils.set_random_seed(7)
    strategy = distribution.get_strategy("one_device")
    own = {} if name == "pretraining" else {"classifier_dropout": dropout}
    with strategy.scope():
        model = make_model(config, dtype=dtype, **own)
        optimizer = optimizers.Lamb(0.005)
        optimizer.build(model.trainable_variables)
    model.encoder.recompute_layers = bool(dropout)
    loop = TrainingLoop(model, optimizer, objective, strategy, **options)
    return loop, {name: tf.constant(value) for name, value in batch.items()}


def all_graphs(graph):
    """A graph and those of the functions that it calls, however deep."""
    yield graph
    for operation in graph.get_operations():
        for value in operation.node_def.attr.values():
            for name in [value.func.name, *(f.name for f in value.list.func)]:
                if name:
                    function = graph._get_function(name)
                    yield from all_graphs(function.graph)


def assert_fits_a_tpu(concrete_function):
    operations = [
        operation
        for graph in all_graphs(concrete_function.graph)
        for operation in graph.get_operations()
    ]
    assert len(operations) > 100
    for operation in operations:
        assert "PyFunc" not in operation.type, operation.name
        for output in operation.outputs:
            assert output.dtype in TYPES, operation
            if output.dtype == tf.resource or operation.type in AXES:
                continue
            # What the condition of a loop is given and does not look at.
            if "redundant_placeholder" not in operation.name:
                assert output.shape.is_fully_defined(), operation


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_the_step_compiles_and_gives_the_same(name):
    loop, batch = make_loop(name)
    compiled, _ = make_loop(name, jit_compile=True)

    def update(loop, batch):
        stop = tf.constant(0.0)
        return loop.strategy.run(loop._update, args=(batch, stop, None))[0]

    expected = tf.function(update)(loop, batch)
    step = tf.function(update, jit_compile=True)
    found = step(compiled, batch)
    assert np.max(np.abs(expected - found)) < 1e-4
    for a, b in zip(
        loop.model.trainable_variables,
        compiled.model.trainable_variables,
        strict=True,
    ):
        # Weights move by 1e-3 and more, but for those that the loss does not
        # depend on, as the bias of the keys: these move by rounding, 6e-6.
        assert np.max(np.abs(a.numpy() - b.numpy())) < 5e-5


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_in_it_is_dynamic_or_of_the_host(name):
    loop, batch = make_loop(
        name, dropout=0.1, dtype="mixed_bfloat16", jit_compile=True
    )
    stop = tf.constant(0.0)
    # What spans are worth is found from their predictions.
    labelled = not name.startswith("span")
    bodies = [
        lambda batch, stop: loop._update(batch, stop, None),
        lambda batch, stop: loop._predict_replica(batch, stop, labelled),
    ]
    if labelled:
        bodies.append(
            lambda batch, stop: loop._sum_evaluation(batch, stop, None)
        )
    for body in bodies:
        function = tf.function(
            lambda batch, stop, body=body: loop.strategy.run(
                body, args=(batch, stop)
            )
        )
        assert_fits_a_tpu(function.get_concrete_function(batch, stop))


def test_micro_batches_are_static_too():
    loop, batch = make_loop(
        "pretraining", jit_compile=True, accumulation_steps=3
    )
    function = tf.function(
        lambda batch: loop.strategy.run(
            lambda batch: loop._update(batch, tf.constant(0.0), None),
            args=(batch,),
        )
    )
    assert_fits_a_tpu(function.get_concrete_function(batch))


def test_the_check_finds_what_does_not_fit():
    for body in (
        lambda x: tf.strings.length(tf.strings.as_string(x)),
        lambda x: tf.boolean_mask(x, x > 0),
        lambda x: tf.numpy_function(np.abs, [x], tf.float32),
    ):

        @tf.function
        def function(x, body=body):
            for _ in range(150):
                x = x + 1.0
            return tf.cond(x[0] > 0, lambda: body(x), lambda: body(-x))

        with pytest.raises(AssertionError):
            assert_fits_a_tpu(
                function.get_concrete_function(tf.zeros((3,), tf.float32))
            )
