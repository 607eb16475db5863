# SPDX-License-Identifier: Apache-2.0
"""Penalties of the attention's weights: their equations, gradients, updates."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.training import distribution
from albert.training import optimizers
from albert.training.loop import TrainingLoop
from albert.training.losses import PretrainingObjective
from albert.training.regularizers import AttentionRegularizer

HEADS, WIDTH = 3, 7  # so that H is 21
BOTH = {"attention_head_l2": 0.3, "attention_l2": 0.5}
DECODER = {"make": albert.AlbertEncoderDecoder}
KERNELS = ("query", "key", "value", "output")
# Of weights and gradients below 1.
ROUNDING = 2e-6


def make_model(
    dtype="float32", make=albert.AlbertPretrainer, arguments=(), **changes
):
    keras.utils.set_random_seed(5)
    config = albert.AlbertConfig(
        **{
            "vocab_size": 29,
            "embedding_size": 5,
            "hidden_size": HEADS * WIDTH,
            "num_attention_heads": HEADS,
            "intermediate_size": 11,
            "num_hidden_layers": 2,
            "max_position_embeddings": 13,
            "initializer_range": 0.3,
            **changes,
        }
    )
    return make(config, *arguments, dtype=dtype)


def kernels_of(model):
    """Kernels by (path of the attention, name): numpy arrays [H, H]."""
    found = {}
    for variable in model.trainable_variables:
        attention, name, last = variable.path.rsplit("/", 2)
        if "attention" in attention and last == "kernel":
            found[attention, name] = variable.numpy()
    return found


def weights_of_head(kernels, attention, head):
    """All weights of a head as one vector."""
    part = slice(head * WIDTH, (head + 1) * WIDTH)
    return np.concatenate(
        [
            *(
                kernels[attention, name][:, part].ravel()
                for name in KERNELS[:3]
            ),
            kernels[attention, "output"][part].ravel(),
        ]
    ).astype(float)


def expected_gradients(kernels):
    """The gradients of ``BOTH`` in closed form, as ``kernels_of``."""
    gradients = {}
    for (attention, name), kernel in kernels.items():
        norms = np.repeat(
            [
                np.linalg.norm(weights_of_head(kernels, attention, head))
                for head in range(HEADS)
            ],
            WIDTH,
        )
        norms = norms[:, None] if name == "output" else norms
        gradients[attention, name] = kernel * (0.3 / norms + 0.5)
    return gradients


@pytest.mark.parametrize(
    "changes, attentions",
    [
        ({}, 1),
        ({"sharing": "none"}, 2),
        ({"inner_group_num": 2}, 2),
        # Of the decoder, those to the target and to the source.
        (DECODER | {"arguments": (3, "all")}, 1 + 2),
        (DECODER | {"arguments": (3, "none"), "sharing": "none"}, 2 + 2 * 3),
    ],
    ids=str,
)
def test_equations(changes, attentions):
    model = make_model(**changes)
    kernels = kernels_of(model)
    names = sorted({attention for attention, _ in kernels})
    assert len(names) == attentions
    vectors = [
        weights_of_head(kernels, attention, head)
        for attention in names
        for head in range(HEADS)
    ]
    expected = {
        "attention_head_l2": 0.3 * sum(map(np.linalg.norm, vectors)),
        "attention_l2": 0.5 * sum(v @ v for v in vectors) / 2,
    }
    # The second does not know of heads.
    whole = sum(np.sum(k.astype(float) ** 2) for k in kernels.values())
    assert abs(expected["attention_l2"] - 0.25 * whole) < 1e-9 * whole
    regularizer = AttentionRegularizer(model, **BOTH)
    assert regularizer.names == list(expected)
    found = regularizer.penalties()
    compiled = tf.function(regularizer.penalties, jit_compile=True)()
    for name, value in expected.items():
        assert abs(found[name] - value) < 1e-6 * value
        assert abs(compiled[name] - value) < 1e-6 * value
    for name, value in BOTH.items():
        alone = AttentionRegularizer(model, **{name: value})
        assert alone.names == [name]
        assert alone.penalties().keys() == {name}


def test_a_head_that_has_vanished_stays():
    model = make_model()
    attention = model.encoder.attentions[0][0]
    keep = np.repeat([1.0, 0.0, 1.0], WIDTH)
    for layer in (attention.query, attention.key, attention.value):
        layer.kernel.assign(layer.kernel * keep)
    output = attention.output_projection.kernel
    output.assign(output * keep[:, None])
    regularizer = AttentionRegularizer(model, attention_head_l2=0.3)
    variables = [attention.query.kernel, output]
    zeros = [tf.zeros(variable.shape) for variable in variables]
    (of_query, of_output), _ = regularizer.add_gradients(zeros, variables)
    middle = slice(WIDTH, 2 * WIDTH)
    assert not of_query[:, middle].numpy().any()
    assert not of_output[middle].numpy().any()
    assert np.abs(of_query).max() > 0.01
    assert np.isfinite(of_query).all()


# ------------------------------------------------------------- in the loop


def make_loop(
    strategy_name="one_device", penalties=BOTH, dtype=None, **options
):
    """A loop of gradient descent: an update is the gradient."""
    strategy = distribution.get_strategy(strategy_name)
    with strategy.scope():
        model = make_model(dtype or "float32", sharing="ffn")
        # Rate times g / (|g| + epsilon), which is g.
        optimizer = optimizers.AdamW(
            1e6, beta_1=0.0, beta_2=0.0, epsilon=1e6, weight_decay_rate=0.0
        )
        optimizer.build(model.trainable_variables)
    regularizer = None
    if penalties:
        regularizer = AttentionRegularizer(model, **penalties)
    return TrainingLoop(
        model,
        optimizer,
        PretrainingObjective(),
        strategy,
        regularizer=regularizer,
        clip_norm=1e6,
        **options,
    )


def train(loop):
    """Makes one step; returns (kernels before, gradients, history)."""
    rng = np.random.default_rng(3)
    batch, length, predictions = 12, 11, 2
    shapes = {
        "input_ids": (29, (batch, length)),
        "input_mask": (2, (batch, length)),
        "segment_ids": (2, (batch, length)),
        "masked_lm_positions": (length, (batch, predictions)),
        "masked_lm_ids": (29, (batch, predictions)),
        "next_sentence_labels": (2, (batch, 1)),
    }
    features = {
        name: rng.integers(0, high, shape).astype("int32")
        for name, (high, shape) in shapes.items()
    } | {
        "masked_lm_weights": np.ones((batch, predictions), "float32"),
        "example_weights": np.ones(batch, "float32"),
    }
    before = kernels_of(loop.model)
    dataset = tf.data.Dataset.from_tensors(features)
    history = loop.train(iter(loop.distribute(dataset)), 1)
    after = kernels_of(loop.model)
    gradients = {key: before[key] - after[key] for key in before}
    return before, gradients, history


def check_addition(loop, plain):
    """Compares what a regulariser adds to a gradient with its equation."""
    before, gradients, history = train(loop)
    _, without, history_without = train(plain)
    assert len(before) == 8  # two attentions
    for key, expected in expected_gradients(before).items():
        found = gradients[key] - without[key]
        assert np.abs(expected).max() > 0.05
        assert np.abs(found - expected).max() < ROUNDING, key
    assert history.keys() - history_without.keys() == BOTH.keys()
    # What the task's losses are does not change.
    for name in ("masked_lm_loss", "sentence_order_loss"):
        assert abs(history[name] - history_without[name]) < 1e-5
    total = sum(
        np.linalg.norm(weights_of_head(before, attention, head))
        for attention in {attention for attention, _ in before}
        for head in range(HEADS)
    )
    assert abs(history["attention_head_l2"] - 0.3 * total) < 1e-5
    assert history["gradient_norm"] > history_without["gradient_norm"]


@pytest.mark.parametrize(
    "options",
    [
        {"accumulation_steps": 4},
        pytest.param({"dtype": "mixed_bfloat16"}, marks=pytest.mark.slow),
        pytest.param({"jit_compile": True}, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_an_update_has_the_gradient_of_the_penalties_once(options):
    check_addition(make_loop(**options), make_loop(penalties=None, **options))


@pytest.mark.slow
def test_two_replicas_add_the_penalties_once(run_on_two_devices):
    run_on_two_devices(
        __file__,
        """
        loop = t.make_loop("mirrored", accumulation_steps=3)
        assert loop.strategy.num_replicas_in_sync == 2
        t.check_addition(loop, t.make_loop(penalties=None))
        """,
    )
