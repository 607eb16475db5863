# SPDX-License-Identifier: Apache-2.0
"""Positions that are not learned, against equations written out in NumPy."""

import fractions
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.modeling import positions
from albert.modeling.positions import RelativeBias
from albert.modeling.rows import padding_skipped

BATCH, LENGTH, LAYERS, HEADS = 3, 13, 3, 2
EMBEDDING, HIDDEN = 7, 26
VARIANTS = ("learned", "sinusoidal", "relative_bias")
UNLIMITED = VARIANTS[1:]
# Of hidden vectors, whose largest value is about 4.
ROUNDING = 2e-5


def make_config(variant, **changes):
    values = {
        "vocab_size": 97,
        "embedding_size": EMBEDDING,
        "hidden_size": HIDDEN,
        "num_attention_heads": HEADS,
        "intermediate_size": 37,
        "num_hidden_layers": LAYERS,
        "max_position_embeddings": 17,
        "initializer_range": 0.3,
        "position_embedding": variant,
    }
    return albert.AlbertConfig(**{**values, **changes})


def make_encoder(variant, dtype="float32", **changes):
    keras.utils.set_random_seed(5)
    encoder = albert.AlbertEncoder(make_config(variant, **changes), dtype=dtype)
    perturb(encoder)
    return encoder


def perturb(model):
    rng = np.random.default_rng(2)
    for variable in model.trainable_variables:
        # Biases of distances are told apart by what is about the scores' size.
        scale = 1.0 if "relative_bias" in variable.path else 0.1
        noise = rng.normal(0, scale, variable.shape)
        variable.assign(variable.numpy() + noise)


def make_inputs(length=LENGTH):
    rng = np.random.default_rng(1)
    lengths = np.array([length, length - 5, 3])
    return {
        "input_ids": rng.integers(0, 97, (BATCH, length)).astype("int32"),
        "input_mask": (np.arange(length) < lengths[:, None]).astype("int32"),
        "segment_ids": rng.integers(0, 2, (BATCH, length)).astype("int32"),
    }


def difference(a, b):
    return np.max(np.abs(np.asarray(a, "float64") - np.asarray(b, "float64")))


# ---------------------------------------------------------------- in NumPy


def vaswani(length, width):
    """PE(p, 2i) = sin(p / 10000^(2i/W)), PE(p, 2i + 1) = cos(the same)."""
    table = np.empty((length, width))
    for p in range(length):
        for i in range((width + 1) // 2):
            angle = p / 10000 ** (2 * i / width)
            table[p, 2 * i] = math.sin(angle)
            if 2 * i + 1 < width:
                table[p, 2 * i + 1] = math.cos(angle)
    return table


def t5_size(distance):
    """T5's bucket of a distance in one of two directions, of 16 buckets."""
    if distance < 8:
        return distance
    # floor(log(distance / 8) / log(128 / 8) * 8), but exactly.
    ratio = fractions.Fraction(distance, 8) ** 8
    steps = 0
    while ratio >= fractions.Fraction(128, 8) ** (steps + 1):
        steps += 1
    return min(8 + steps, 15)


def row_of(distance):
    return 15 + (1 if distance > 0 else -1) * t5_size(abs(distance))


def normalized(x, layer):
    centred = x - x.mean(-1, keepdims=True)
    deviation = np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
    return centred / deviation * layer["gamma"] + layer["beta"]


def gelu(x):
    return x / 2 * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def weights_of(layer):
    """Returns a layer's weights as a tree of float64 arrays."""
    tree = {}
    for variable in layer.trainable_variables:
        path = variable.path.removeprefix(f"{layer.path}/").split("/")
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = variable.numpy().astype("float64")
    return tree


def dense(x, layer):
    return x @ layer["kernel"] + layer["bias"]


def written_out(encoder, inputs):
    """Returns the outputs of the layers: list of float64 [B, S, H]."""
    weights = weights_of(encoder)
    ids, mask = inputs["input_ids"], inputs["input_mask"]
    length = ids.shape[1]
    variant = encoder.config.position_embedding
    tables = weights["embeddings"]
    x = (
        tables["word_embeddings"][ids]
        + tables["token_type_embeddings"][inputs["segment_ids"]]
    )
    theta = np.zeros((HEADS, length, length))
    if variant == "learned":
        x = x + tables["position_embeddings"][:length]
    elif variant == "sinusoidal":
        # Words times √E: section 3.4 of the paper.
        x = x * math.sqrt(EMBEDDING) + vaswani(length, EMBEDDING)
    else:
        bias = weights["relative_bias"]["bias"]
        for i in range(length):
            for j in range(length):
                theta[:, i, j] = bias[row_of(j - i)]
    x = normalized(x, tables["layer_norm"])
    x = dense(x, weights["embedding_projection"])
    layers = []
    for _ in range(LAYERS):
        attention = weights["attention_0_0"]
        query, key, value = (
            dense(x, attention[part]).reshape(BATCH, length, HEADS, -1)
            for part in ("query", "key", "value")
        )
        scores = np.einsum("bind,bjnd->bnij", query, key)
        scores = scores / math.sqrt(HIDDEN // HEADS) + theta
        scores = np.where(mask[:, None, None, :], scores, -np.inf)
        probabilities = np.exp(scores - scores.max(-1, keepdims=True))
        probabilities /= probabilities.sum(-1, keepdims=True)
        context = np.einsum("bnij,bjnd->bind", probabilities, value)
        context = context.reshape(BATCH, length, HIDDEN)
        update = dense(context, attention["output"])
        x = normalized(x + update, attention["layer_norm"])
        forward = weights["feed_forward_0_0"]
        wide = gelu(dense(x, forward["intermediate"]))
        x = normalized(
            x + dense(wide, forward["output"]), forward["layer_norm"]
        )
        layers.append(x)
    return layers


@pytest.mark.parametrize("variant", VARIANTS)
def test_encoder_is_its_equation(variant):
    encoder, inputs = make_encoder(variant), make_inputs()
    real = inputs["input_mask"] > 0
    found = encoder(inputs)["layer_outputs"]
    expected = written_out(encoder, inputs)
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert difference(one.numpy()[real], other[real]) < ROUNDING


@pytest.mark.parametrize("width", [7, 8])
def test_sinusoids_are_the_paper_s(width):
    found = positions.sinusoids(tf.range(311), width)
    # float32 leaves an angle of p radians p * 6e-8 of error.
    assert difference(found, vaswani(311, width)) < 3e-5


def test_buckets_are_t5_s():
    distances = range(301)
    sizes = np.searchsorted(positions.BUCKET_STARTS, distances, "right")
    assert sizes.tolist() == [t5_size(distance) for distance in distances]
    rows = {row_of(distance) for distance in range(-300, 301)}
    assert rows == set(range(positions.NUM_BUCKETS))


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("length", [1, 2, 139])
def test_bias_is_that_of_the_distance(length, jit_compile):
    layer = RelativeBias(make_config("relative_bias"))
    layer.build()
    perturb(layer)
    upstream = np.random.default_rng(3).normal(size=(1, HEADS, length, length))

    @tf.function(jit_compile=jit_compile)
    def call():
        with tf.GradientTape() as tape:
            bias = layer(tf.constant(length))
            total = tf.reduce_sum(bias * tf.constant(upstream, tf.float32))
        return bias, tape.gradient(total, layer.bias.value)

    bias, gradient = call()
    table = layer.bias.numpy()
    expected = np.empty((1, HEADS, length, length), "float32")
    of_table = np.zeros((positions.NUM_BUCKETS, HEADS))
    for i in range(length):
        for j in range(length):
            row = row_of(j - i)
            expected[0, :, i, j] = table[row]
            of_table[row] += upstream[0, :, i, j]
    assert np.array_equal(bias, expected)
    assert difference(gradient, of_table) < 1e-4


# -------------------------------------------------------------- properties


def shifted(inputs, by):
    """Puts padding before the sequences: int32 [B, by + S]."""
    return {k: np.pad(v, ((0, 0), (by, 0))) for k, v in inputs.items()}


def test_only_distances_count_for_relative_bias():
    inputs, by = make_inputs(), 11
    real = inputs["input_mask"] > 0
    differences = {}
    for variant in UNLIMITED:
        encoder = make_encoder(variant)
        here = encoder(inputs)["sequence_output"].numpy()
        there = encoder(shifted(inputs, by))["sequence_output"].numpy()
        differences[variant] = difference(here[real], there[:, by:][real])
    assert differences["relative_bias"] < ROUNDING
    assert differences["sinusoidal"] > 0.1


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("jit_compile", [False, True])
def test_position_ids_say_where_each_piece_stands(variant, jit_compile):
    inputs, encoder = make_inputs(), make_encoder(variant)
    here = encoder(inputs)["sequence_output"].numpy()
    call = tf.function(encoder, jit_compile=jit_compile)
    shifts = np.array([0, 1, 4])
    position_ids = (shifts[:, None] + np.arange(LENGTH)).astype("int32")
    found = call({**inputs, "position_ids": position_ids})
    found = found["sequence_output"].numpy()
    for row, shift in enumerate(shifts):
        real = inputs["input_mask"][row] > 0
        there = encoder(shifted(inputs, shift))["sequence_output"].numpy()
        assert difference(found[row][real], there[row, shift:][real]) < ROUNDING
        changes = variant != "relative_bias" and shift > 0
        assert (difference(found[row][real], here[row][real]) > 0.1) == changes


@pytest.mark.parametrize("variant", UNLIMITED)
def test_order_of_the_pieces_counts(variant):
    inputs = make_inputs()
    inputs["input_mask"][:] = 1
    inputs["segment_ids"][:] = 0
    turned = {**inputs, "input_ids": inputs["input_ids"][:, ::-1]}
    encoder = make_encoder(variant)
    here = encoder(inputs)["sequence_output"].numpy()
    there = encoder(turned)["sequence_output"].numpy()[:, ::-1]
    assert difference(here, there) > 0.1


@pytest.mark.parametrize("variant", UNLIMITED)
def test_sequences_may_be_longer_than_the_configuration_says(variant):
    encoder = make_encoder(variant)
    inputs = make_inputs(149)
    assert encoder.config.max_position_embeddings < 149
    real = inputs["input_mask"] > 0
    found = encoder(inputs)["sequence_output"].numpy()
    assert (
        difference(found[real], written_out(encoder, inputs)[-1][real]) < 1e-4
    )


@pytest.mark.parametrize("variant", UNLIMITED)
def test_padding_that_is_skipped_changes_nothing(variant):
    encoder, inputs = make_encoder(variant), make_inputs()
    real = inputs["input_mask"] > 0

    @tf.function
    def call(inputs, skipped):
        with padding_skipped(skipped):
            return encoder(inputs)["sequence_output"]

    whole, skipped = (call(inputs, each).numpy() for each in (False, True))
    assert difference(whole[real], skipped[real]) < ROUNDING
    assert difference(whole[~real], skipped[~real]) > 1e-3


# --------------------------------------------------------------- gradients


def gradients(
    variant,
    *,
    training=True,
    jit_compile=False,
    recompute_layers=False,
    dtype="float32",
    **changes,
):
    """Returns the sequence output at pieces and all gradients, by path."""
    encoder = make_encoder(variant, dtype, **changes)
    encoder.recompute_layers = recompute_layers
    inputs = make_inputs()
    upstream = np.random.default_rng(7).normal(size=(BATCH, LENGTH, HIDDEN))
    upstream = upstream * inputs["input_mask"][..., np.newaxis]

    @tf.function(jit_compile=jit_compile)
    def step():
        with tf.GradientTape() as tape:
            outputs = encoder(inputs, training=training)
            output = tf.cast(outputs["sequence_output"], tf.float32)
            total = tf.reduce_sum(output * tf.constant(upstream, tf.float32))
        variables = [v.value for v in encoder.trainable_variables]
        found = tape.gradient(total, variables, unconnected_gradients="zero")
        return [output * tf.cast(upstream != 0, tf.float32)] + [
            tf.convert_to_tensor(each) for each in found
        ]

    paths = ["output", *(v.path for v in encoder.trainable_variables)]
    values = (value.numpy() for value in step())
    return dict(zip(paths, values, strict=True))


def largest(values):
    return max(np.max(np.abs(value)) for value in values.values())


def assert_close(found, expected, tolerance):
    assert [v.shape for v in found.values()] == [
        v.shape for v in expected.values()
    ]
    size = largest(expected)
    for one, (path, other) in zip(
        found.values(), expected.items(), strict=True
    ):
        assert difference(one, other) < tolerance * size, path


GROUPS = {"num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        pytest.param(GROUPS, marks=pytest.mark.slow),
        pytest.param({"sharing": "none"}, marks=pytest.mark.slow),
        pytest.param({"sharing": "ffn"}, marks=pytest.mark.slow),
    ],
    ids=["all", "groups", "none", "ffn"],
)
def test_gradients_of_all_layers_are_added_up(changes):
    # Without training, TensorFlow adds them up.
    expected = gradients("relative_bias", training=False, **changes)
    assert_close(gradients("relative_bias", **changes), expected, 2e-6)
    (of_bias,) = (v for path, v in expected.items() if "relative_bias" in path)
    # Of the distances that there are, up to 12.
    rows = {row_of(d) for d in range(1 - LENGTH, LENGTH)}
    assert set(np.flatnonzero(np.abs(of_bias).max(1) > 1e-4)) == rows


def test_gradient_of_the_bias_is_the_slope():
    encoder, inputs = make_encoder("relative_bias"), make_inputs()
    upstream = np.random.default_rng(7).normal(size=(BATCH, LENGTH, HIDDEN))
    upstream = upstream * inputs["input_mask"][..., np.newaxis]
    found = next(
        value
        for path, value in gradients("relative_bias").items()
        if path.endswith("relative_bias/bias")
    )
    bias = encoder.relative_bias.bias
    start = bias.numpy()
    for row, head in ((15, 0), (14, 1), (17, 0), (24, 1)):
        totals = []
        for step in (-1e-3, 1e-3):
            moved = start.copy()
            moved[row, head] += step
            bias.assign(moved)
            output = written_out(encoder, inputs)[-1]
            totals.append(np.sum(output * upstream))
        slope = (totals[1] - totals[0]) / 2e-3
        assert abs(slope - found[row, head]) < 1e-3 * np.abs(found).max()


@pytest.mark.parametrize("variant", UNLIMITED)
@pytest.mark.parametrize(
    ("settings", "tolerance"),
    [
        pytest.param({"jit_compile": True}, 2e-5, marks=pytest.mark.slow),
        ({"recompute_layers": True}, 2e-5),
        # 8 bits of each value.
        pytest.param({"dtype": "mixed_bfloat16"}, 0.05, marks=pytest.mark.slow),
    ],
    ids=["xla", "recomputed", "bfloat16"],
)
def test_other_ways_to_compute_a_step(variant, settings, tolerance):
    assert_close(gradients(variant, **settings), gradients(variant), tolerance)


@pytest.mark.parametrize("variant", UNLIMITED)
def test_there_is_no_table_of_positions(variant):
    paths = [v.path for v in make_encoder(variant).trainable_variables]
    assert not any("position_embeddings" in path for path in paths)
    assert any("relative_bias" in path for path in paths) == (
        variant == "relative_bias"
    )
    counts = {
        name: albert.AlbertEncoder(make_config(name)).count_params()
        for name in VARIANTS
    }
    difference_of_tables = counts["learned"] - counts[variant]
    bias = positions.NUM_BUCKETS * HEADS if variant == "relative_bias" else 0
    assert difference_of_tables == 17 * EMBEDDING - bias
