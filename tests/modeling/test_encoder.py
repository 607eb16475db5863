# SPDX-License-Identifier: Apache-2.0
"""Properties of the encoder that no golden pins."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert

BATCH, LENGTH, PREDICTIONS = 3, 11, 5
# Of hidden vectors, whose largest value is about 4: one unit in the last place
# of every weight changes them by up to 1.5e-6.
ROUNDING = 1e-5


def tiny_config(**changes):
    values = {
        "vocab_size": 97,
        "embedding_size": 7,
        "hidden_size": 26,
        "num_attention_heads": 2,
        "intermediate_size": 37,
        "num_hidden_layers": 4,
        "max_position_embeddings": 17,
        "initializer_range": 0.2,
    }
    return albert.AlbertConfig(**{**values, **changes})


def make_inputs(seed=1):
    rng = np.random.default_rng(seed)
    lengths = np.array([11, 8, 5])
    mask = (np.arange(LENGTH) < lengths[:, None]).astype("int32")
    return {
        "input_ids": rng.integers(0, 97, (BATCH, LENGTH)).astype("int32"),
        "input_mask": mask,
        "segment_ids": rng.integers(0, 2, (BATCH, LENGTH)).astype("int32"),
        "masked_lm_positions": rng.integers(0, 5, (BATCH, PREDICTIONS)).astype(
            "int32"
        ),
    }


def perturb(model, seed=2):
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        noise = rng.normal(0, 0.1, variable.shape)
        variable.assign(variable.numpy() + noise)


def difference(a, b):
    return np.max(np.abs(np.asarray(a, "float64") - np.asarray(b, "float64")))


SHARINGS = [
    {},
    {"sharing": "attention"},
    {"sharing": "ffn"},
    {"sharing": "none"},
    {"num_hidden_groups": 2, "inner_group_num": 3},
    {"sharing": "attention", "num_hidden_groups": 2, "inner_group_num": 2},
]


def unshared_block(layers, layer, config, inner):
    groups = len(layers)
    return layers[layer * groups // config.num_hidden_layers][inner]


@pytest.mark.parametrize("changes", SHARINGS)
def test_sharing_is_an_unshared_model_with_equal_weights(changes):
    config = tiny_config(**changes)
    shared = albert.AlbertEncoder(config)
    perturb(shared)
    inner = config.inner_group_num
    layers = config.num_hidden_layers
    unshared = albert.AlbertEncoder(
        tiny_config(num_hidden_layers=layers * inner, sharing="none")
    )
    for name in ("embeddings", "embedding_projection", "pooler"):
        for to, source in zip(
            getattr(unshared, name).weights,
            getattr(shared, name).weights,
            strict=True,
        ):
            to.assign(source)
    for part in ("attentions", "feed_forwards"):
        for position in range(layers * inner):
            layer, j = divmod(position, inner)
            source = unshared_block(getattr(shared, part), layer, config, j)
            to = getattr(unshared, part)[position][0]
            for variable, value in zip(to.weights, source.weights, strict=True):
                variable.assign(value)
    inputs = make_inputs()
    expected, actual = unshared(inputs), shared(inputs)
    assert len(actual["layer_outputs"]) == layers * inner
    for a, b in zip(
        actual["layer_outputs"], expected["layer_outputs"], strict=True
    ):
        assert difference(a, b) < ROUNDING
    pooled = [outputs["pooled_output"] for outputs in (actual, expected)]
    assert difference(*pooled) < ROUNDING


@pytest.mark.parametrize("changes", SHARINGS)
def test_every_weight_has_a_gradient(changes):
    model = albert.AlbertPretrainer(tiny_config(**changes))
    perturb(model)
    with tf.GradientTape() as tape:
        outputs = model(make_inputs())
        loss = tf.reduce_sum(
            outputs["masked_lm_logits"][..., 3] ** 2
        ) + tf.reduce_sum(outputs["sentence_order_logits"][..., 1] ** 2)
    variables = [v.value for v in model.trainable_variables]
    gradients = tape.gradient(loss, variables)
    for variable, gradient in zip(
        model.trainable_variables, gradients, strict=True
    ):
        dense = np.asarray(tf.convert_to_tensor(gradient))
        if not variable.path.endswith("key/bias"):  # cancels in the softmax
            assert np.abs(dense).max() > 1e-7, variable.path


def test_padding_cannot_change_what_is_real():
    model = albert.AlbertEncoder(tiny_config())
    perturb(model)
    inputs = make_inputs()
    other = {**inputs, "input_ids": inputs["input_ids"].copy()}
    padding = inputs["input_mask"] == 0
    other["input_ids"][padding] = (other["input_ids"][padding] + 13) % 97
    a = np.asarray(model(inputs)["sequence_output"])
    b = np.asarray(model(other)["sequence_output"])
    assert difference(a[~padding], b[~padding]) == 0.0
    assert difference(a[padding], b[padding]) > 0.1


def test_longer_padding_cannot_change_what_is_real():
    model = albert.AlbertEncoder(tiny_config())
    perturb(model)
    inputs = make_inputs()
    del inputs["masked_lm_positions"]
    longer = {k: np.pad(v, ((0, 0), (0, 6))) for k, v in inputs.items()}
    real = inputs["input_mask"] == 1
    a = np.asarray(model(inputs)["sequence_output"])[real]
    b = np.asarray(model(longer)["sequence_output"])[:, :LENGTH][real]
    assert difference(a, b) < ROUNDING


def test_no_projection_where_the_widths_are_equal():
    model = albert.AlbertEncoder(tiny_config(embedding_size=26))
    assert model.embedding_projection is None
    outputs = model(make_inputs())
    assert outputs["embedding_output"].shape == (BATCH, LENGTH, 26)


def test_too_long_a_sequence_is_refused():
    model = albert.AlbertEncoder(tiny_config())
    with pytest.raises(ValueError, match="18 pieces.*= 17"):
        model({"input_ids": np.zeros((2, 18), "int32")})


def test_dropout_acts_in_training_only():
    config = tiny_config(
        hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3
    )
    model = albert.AlbertEncoder(config)
    inputs = make_inputs()
    runs = [model(inputs, training=True)["pooled_output"] for _ in range(2)]
    assert difference(*runs) > 1e-3
    runs = [model(inputs, training=False)["pooled_output"] for _ in range(2)]
    assert difference(*runs) == 0.0


@pytest.mark.parametrize(
    "site",
    [
        ("embeddings", "dropout"),
        ("attention", "probabilities_dropout"),
        ("attention", "output_dropout"),
        ("feed_forward", "dropout"),
    ],
)
def test_every_place_of_dropout_acts(site):
    model = albert.AlbertEncoder(
        tiny_config(hidden_dropout_prob=0.4, attention_probs_dropout_prob=0.4)
    )
    parts = {
        "embeddings": model.embeddings,
        "attention": model.attentions[0][0],
        "feed_forward": model.feed_forwards[0][0],
    }
    places = {
        (part, name): getattr(layer, name)
        for part, layer in parts.items()
        for name in ("dropout", "probabilities_dropout", "output_dropout")
        if hasattr(layer, name)
    }
    assert len(places) == 4
    for place, layer in places.items():
        assert layer.rate == 0.4
        layer.rate = 0.4 if place == site else 0.0
    a, b = (model(make_inputs(), training=True) for _ in range(2))
    assert difference(a["pooled_output"], b["pooled_output"]) > 1e-4


@pytest.mark.parametrize("jit_compile", [False, True])
def test_bfloat16_computes_in_half_and_keeps_float32_where_it_matters(
    jit_compile,
):
    config = tiny_config()
    keras.utils.set_random_seed(3)
    full = albert.AlbertPretrainer(config)
    half = albert.AlbertPretrainer(config, dtype="mixed_bfloat16")
    for to, source in zip(half.weights, full.weights, strict=True):
        assert to.dtype == "float32"
        to.assign(source)
    inputs = {k: tf.constant(v) for k, v in make_inputs().items()}
    call = tf.function(half, jit_compile=jit_compile)
    outputs, expected = call(inputs), full(inputs)
    for name in expected:
        assert outputs[name].dtype == tf.float32
        # bfloat16 has 8 bits, and eight normalizations magnify what they
        # lose: with other weights 0.01 to 0.07, of numbers up to 1.5.
        assert 0 < difference(outputs[name], expected[name]) < 0.3, name
    encoded = half.encoder(inputs)
    assert encoded["sequence_output"].dtype == tf.bfloat16


def test_forward_pass_compiles_with_xla():
    model = albert.AlbertPretrainer(tiny_config(sharing="attention"))
    perturb(model)
    inputs = {k: tf.constant(v) for k, v in make_inputs().items()}
    compiled = tf.function(model, jit_compile=True)(inputs)
    plain = model(inputs)
    for name in plain:
        assert difference(compiled[name], plain[name]) < ROUNDING, name


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("input_ids", 97),
        ("input_ids", -1),
        ("segment_ids", 2),
        ("position_ids", 17),
    ],
)
def test_ids_of_no_table_give_no_numbers(name, value):
    """Not even where XLA computes, which takes another row for them."""
    encoder = albert.AlbertEncoder(tiny_config())
    inputs = make_inputs()
    del inputs["masked_lm_positions"]
    inputs["position_ids"] = np.tile(
        np.arange(inputs["input_ids"].shape[1], dtype="int32"), (3, 1)
    )
    compiled = tf.function(encoder, jit_compile=True)
    right = compiled(inputs)["sequence_output"].numpy()
    assert np.isfinite(right).all()
    inputs[name][1, 3] = value
    wrong = compiled(inputs)["sequence_output"].numpy()
    assert np.isnan(wrong[1]).all()
    assert np.array_equal(wrong[[0, 2]], right[[0, 2]])
    if name == "segment_ids":
        plain = encoder(inputs)["sequence_output"].numpy()
        assert np.isnan(plain[1]).all()
    else:
        with pytest.raises(tf.errors.InvalidArgumentError):
            encoder(inputs)


def test_keras_can_save_load_and_fit(tmp_path):
    model = albert.AlbertPretrainer(tiny_config())
    inputs = make_inputs()
    expected = model(inputs)["masked_lm_logits"]
    path = tmp_path / "model.keras"
    model.save(path)
    again = keras.saving.load_model(path)
    assert difference(again(inputs)["masked_lm_logits"], expected) == 0.0
    again.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss={
            name: keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            for name in ("masked_lm_logits", "sentence_order_logits")
        },
    )
    labels = {
        "masked_lm_logits": np.full((BATCH, PREDICTIONS), 5),
        "sentence_order_logits": np.array([0, 1, 1]),
    }
    history = again.fit(inputs, labels, epochs=5, verbose=0)
    losses = history.history["loss"]
    assert losses[-1] < 0.8 * losses[0]


def test_variable_names_are_pinned():
    model = albert.AlbertPretrainer(
        tiny_config(sharing="attention", num_hidden_layers=2)
    )
    from albert.interchange.names import named_variables

    block = [
        f"encoder/attention_0_0/{name}/{part}"
        for name in ("key", "output", "query", "value")
        for part in ("bias", "kernel")
    ] + [f"encoder/attention_0_0/layer_norm/{p}" for p in ("beta", "gamma")]
    for layer in (0, 1):
        block += [
            f"encoder/feed_forward_{layer}_0/{name}"
            for name in (
                "intermediate/bias",
                "intermediate/kernel",
                "layer_norm/beta",
                "layer_norm/gamma",
                "output/bias",
                "output/kernel",
            )
        ]
    assert sorted(named_variables(model)) == sorted(
        block
        + [
            "encoder/embedding_projection/bias",
            "encoder/embedding_projection/kernel",
            "encoder/embeddings/layer_norm/beta",
            "encoder/embeddings/layer_norm/gamma",
            "encoder/embeddings/position_embeddings",
            "encoder/embeddings/token_type_embeddings",
            "encoder/embeddings/word_embeddings",
            "encoder/pooler/bias",
            "encoder/pooler/kernel",
            "masked_lm/layer_norm/beta",
            "masked_lm/layer_norm/gamma",
            "masked_lm/output_bias",
            "masked_lm/transform/bias",
            "masked_lm/transform/kernel",
            "sentence_order/output_bias",
            "sentence_order/output_weights",
        ]
    )
