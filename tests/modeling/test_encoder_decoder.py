# SPDX-License-Identifier: Apache-2.0
"""The decoder: its equation, its cache, sharing, masks and precision."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.errors import UserError
from albert.modeling.rows import padding_skipped

# Primes but for the hidden size, no two alike.
CONFIG = albert.AlbertConfig(
    vocab_size=41,
    embedding_size=7,
    hidden_size=26,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=29,
    max_position_embeddings=31,
    initializer_range=0.3,
)
LAYERS, SOURCES = 2, 3
INPUTS = {
    "input_ids": np.array(
        [[2, 17, 5, 29, 3], [2, 8, 3, 0, 0], [2, 40, 19, 3, 0]], np.int32
    ),
    "input_mask": np.array(
        [[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [1, 1, 1, 1, 0]], np.int32
    ),
    "segment_ids": np.array(
        [[0, 0, 1, 1, 1], [0, 0, 0, 0, 0], [0, 1, 1, 1, 0]], np.int32
    ),
    "target_input_ids": np.array(
        [
            [2, 11, 7, 6, 31, 13, 9],
            [2, 23, 5, 0, 0, 0, 0],
            [2, 0, 0, 0, 0, 0, 0],
        ],
        np.int32,
    ),
}
REAL = INPUTS["target_input_ids"] != 0


def make_model(config=CONFIG, sharing="all", **options):
    keras.utils.set_random_seed(5)
    model = albert.AlbertEncoderDecoder(config, LAYERS, sharing, **options)
    rng = np.random.default_rng(11)
    for variable in model.trainable_variables:
        noise = rng.normal(0, 0.1, variable.shape)
        variable.assign_add(noise.astype(np.float32))
    return model


@pytest.fixture(scope="module")
def model():
    return make_model()


@pytest.fixture(scope="module")
def logits(model):
    return model(INPUTS)["logits"].numpy()


# ------------------------------------------------------- the equation in NumPy


def normalize(x, layer):
    x = x - x.mean(-1, keepdims=True)
    x = x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-12)
    return x * layer.gamma.numpy() + layer.beta.numpy()


def dense(x, layer):
    return x @ layer.kernel.numpy().astype(float) + layer.bias.numpy()


def gelu(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def attend(layer, hidden, others, visible):
    """One sequence: hidden [T, H] looks at others [S, H] where visible."""
    size = CONFIG.hidden_size // CONFIG.num_attention_heads
    query, key, value = (
        dense(x, part)
        for x, part in (
            (hidden, layer.query),
            (others, layer.key),
            (others, layer.value),
        )
    )
    heads, weights = [], []
    for head in range(CONFIG.num_attention_heads):
        part = slice(head * size, (head + 1) * size)
        scores = query[:, part] @ key[:, part].T / np.sqrt(size)
        scores = np.where(visible, scores, -np.inf)
        scores = np.exp(scores - scores.max(-1, keepdims=True))
        weights.append(scores / scores.sum(-1, keepdims=True))
        heads.append(weights[-1] @ value[:, part])
    update = dense(np.concatenate(heads, 1), layer.output_projection)
    return normalize(hidden + update, layer.layer_norm), np.stack(weights)


def decode(model, row):
    """Returns logits [T, V] and attention [L, N, T, S] of one pair."""
    encoded = model.encoder({k: v[row : row + 1] for k, v in INPUTS.items()})
    source = encoded["sequence_output"][0].numpy()[
        INPUTS["input_mask"][row] == 1
    ]
    target = INPUTS["target_input_ids"][row][REAL[row]]
    tables = model.encoder.embeddings
    words = tables.word_embeddings.numpy().astype(float)
    hidden = (
        words[target]
        + tables.token_type_embeddings.numpy()[0]
        + tables.position_embeddings.numpy()[: len(target)]
    )
    hidden = normalize(hidden, tables.layer_norm)
    hidden = dense(hidden, model.encoder.embedding_projection)
    blocks = model.decoder.blocks
    attention = []
    for index in range(LAYERS):
        block = blocks[min(index, len(blocks) - 1)]
        earlier = np.tri(len(target), dtype=bool)
        hidden, _ = attend(block.self_attention, hidden, hidden, earlier)
        hidden, weights = attend(block.cross_attention, hidden, source, True)
        wide = gelu(dense(hidden, block.feed_forward.intermediate))
        hidden = normalize(
            hidden + dense(wide, block.feed_forward.output_projection),
            block.feed_forward.layer_norm,
        )
        attention.append(weights)
    head = model.decoder.output_head
    hidden = normalize(gelu(dense(hidden, head.transform)), head.layer_norm)
    return hidden @ words.T + head.output_bias.numpy(), np.stack(attention)


@pytest.mark.parametrize("sharing", ["all", "none"])
def test_equation(sharing):
    model = make_model(sharing=sharing)
    assert len(model.decoder.blocks) == (1 if sharing == "all" else LAYERS)
    logits = model(INPUTS)["logits"].numpy()
    assert logits.shape == (*REAL.shape, CONFIG.vocab_size)
    attention = model.cross_attention(INPUTS).numpy()
    assert attention.shape == (SOURCES, LAYERS, 2, *REAL.shape[1:], 5)
    for row in range(SOURCES):
        expected, weights = decode(model, row)
        received = logits[row][REAL[row]]
        assert np.abs(received - expected).max() < 2e-5
        length = INPUTS["input_mask"][row].sum()
        received = attention[row][:, :, REAL[row]]
        assert np.abs(received[..., :length] - weights).max() < 2e-6
        assert not received[..., length:].any()


# ----------------------------------------------------------- masks and padding


def test_later_pieces_do_not_matter(model, logits):
    changed = INPUTS["target_input_ids"].copy()
    changed[0, 4:] = [9, 2, 30]
    other = model({**INPUTS, "target_input_ids": changed})["logits"].numpy()
    assert np.abs(other - logits)[:, :4].max() < 1e-6
    assert np.abs(other - logits)[0, 4:].max() > 0.01


def test_padding_of_the_source_does_not_matter(model, logits):
    for row in range(SOURCES):
        length = INPUTS["input_mask"][row].sum()
        alone = {name: v[row : row + 1] for name, v in INPUTS.items()}
        for name in ("input_ids", "input_mask", "segment_ids"):
            alone[name] = alone[name][:, :length]
        # A mask of ones is the default.
        del alone["input_mask"]
        received = model(alone)["logits"].numpy()[0]
        assert np.abs(received - logits[row])[REAL[row]].max() < 1e-5


def test_padding_may_be_skipped(model, logits):
    with padding_skipped():
        received = model(INPUTS)["logits"].numpy()
    assert np.abs(received - logits)[REAL].max() < 1e-5
    assert np.isfinite(received).all()


def test_the_piece_0_is_no_padding_where_the_batch_says_so(model):
    """As of a vocabulary whose first piece stands for unknown ones."""
    ids = INPUTS["target_input_ids"].copy()
    ids[:, 2] = 0
    batch = {
        **INPUTS,
        "target_input_ids": ids,
        "target_weights": REAL.astype(np.float32),
    }
    expected = model(batch)["logits"].numpy()
    with padding_skipped():
        received = model(batch)["logits"].numpy()
    assert np.abs(received - expected)[REAL].max() < 1e-5


# ------------------------------------------------------------- step by step


@pytest.mark.parametrize(
    ("sharing", "positions"),
    [("all", "learned"), ("none", "learned"), ("all", "sinusoidal")],
)
def test_cache_gives_what_no_cache_gives(sharing, positions):
    """For several sequences of each source, which must not be mixed up."""
    config = dataclasses.replace(CONFIG, position_embedding=positions)
    model = make_model(config, sharing)
    beams, length = 5, 6
    rng = np.random.default_rng(3)
    targets = rng.integers(5, 41, (SOURCES, beams, length)).astype(np.int32)
    encoded = model.encode(INPUTS)
    caches = model.empty_caches(SOURCES * beams)
    steps = []
    for position in range(length):
        logits, caches = model.extend(
            targets[:, :, position], position, caches, encoded
        )
        assert logits.shape == (SOURCES, beams, CONFIG.vocab_size)
        steps.append(logits.numpy())
    assert len(caches) == LAYERS
    assert caches[0][0].shape == (SOURCES * beams, 2, length, 13)
    for beam in range(beams):
        whole = model({**INPUTS, "target_input_ids": targets[:, beam]})
        for position in range(length):
            difference = whole["logits"][:, position] - steps[position][:, beam]
            assert np.abs(difference).max() < 1e-5


# ------------------------------------------------------ precision and memory


def test_half_precision_is_close(logits):
    model = make_model(dtype="mixed_bfloat16")
    received = model(INPUTS)["logits"]
    assert received.dtype == tf.float32
    difference = np.abs(received.numpy() - logits)[REAL].max()
    assert 1e-5 < difference < 0.5


def gradients(model, inputs, jit_compile=False):
    @tf.function(jit_compile=jit_compile, autograph=False)
    def compute(inputs):
        with tf.GradientTape() as tape:
            logits = model(inputs, training=True)["logits"]
            loss = tf.reduce_mean(tf.nn.log_softmax(logits)[..., 17])
        variables = [v.value for v in model.trainable_variables]
        return tape.gradient(loss, variables, unconnected_gradients="zero")

    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    found = [tf.convert_to_tensor(each).numpy() for each in compute(tensors)]
    return dict(
        zip([v.path for v in model.trainable_variables], found, strict=True)
    )


def largest_difference(first, second):
    assert first.keys() == second.keys()
    scale = max(np.abs(value).max() for value in first.values())
    return max(np.abs(first[k] - second[k]).max() for k in first) / scale


@pytest.mark.slow
@pytest.mark.parametrize("sharing", ["all", "none"])
def test_layers_may_be_computed_again(sharing):
    config = dataclasses.replace(
        CONFIG, hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.3
    )
    plain = gradients(make_model(config, sharing), INPUTS)
    model = make_model(config, sharing)
    model.encoder.recompute_layers = True
    again = gradients(model, INPUTS)
    # Keras numbers the models.
    again = dict(zip(plain, again.values(), strict=True))
    # Sums in another order; 1.06e-5 was seen.
    assert largest_difference(plain, again) < 3e-5
    for path, value in plain.items():
        # The keys' bias has no effect, and the pooler has no part in this.
        if not ("pooler" in path or path.endswith("key/bias")):
            assert value.any(), path


@pytest.mark.slow
def test_xla_gives_the_same(model):
    plain = gradients(model, INPUTS)
    compiled = gradients(model, INPUTS, jit_compile=True)
    assert largest_difference(plain, compiled) < 1e-5


# ----------------------------------------------------------------- arguments


def test_model_is_made_again_of_its_configuration():
    model = make_model(sharing="none")
    other = albert.AlbertEncoderDecoder.from_config(model.get_config())
    assert other.num_decoder_layers == LAYERS
    assert len(other.decoder.blocks) == LAYERS
    default = albert.AlbertEncoderDecoder(CONFIG)
    assert default.num_decoder_layers == CONFIG.num_hidden_layers
    assert len(default.decoder.blocks) == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"decoder_sharing": "ffn"}, "decoder_sharing is 'ffn'"),
        ({"num_decoder_layers": 0}, "num_decoder_layers is 0"),
    ],
)
def test_impossible_decoders(arguments, message):
    with pytest.raises(ValueError, match=message):
        albert.AlbertEncoderDecoder(CONFIG, **arguments)


def test_decoder_without_positions():
    config = dataclasses.replace(CONFIG, position_embedding="relative_bias")
    with pytest.raises(UserError, match="has no place in a decoder"):
        albert.AlbertEncoderDecoder(config)


def test_target_longer_than_the_positions(model):
    long = np.full((SOURCES, 32), 7, np.int32)
    with pytest.raises(ValueError, match="max_position_embeddings = 31"):
        model({**INPUTS, "target_input_ids": long})
