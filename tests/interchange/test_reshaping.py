# SPDX-License-Identifier: Apache-2.0
"""Models that start from weights of another shape."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.interchange import tensor_bundle
from albert.interchange.names import google_name
from albert.interchange.names import named_variables
from albert.interchange.weights import google_tensors

SIZES = {
    "vocab_size": 53,
    "embedding_size": 26,
    "hidden_size": 26,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 37,
    "max_position_embeddings": 19,
    "type_vocab_size": 3,
}


def config_of(**changes):
    return albert.AlbertConfig(**SIZES | changes)


@pytest.fixture
def saved(tmp_path):
    """Function of a configuration's changes: (model, path of its weights)."""

    def save(make=albert.AlbertPretrainer, format="model_dir", **changes):
        model = make(config_of(**changes))
        rng = np.random.default_rng(5)
        for variable in model.trainable_variables:
            variable.assign(rng.normal(scale=0.3, size=variable.shape))
        albert.save_weights(model, tmp_path / "saved", format=format)
        return model, tmp_path / "saved"

    return save


def weights(model):
    return {k: v.numpy() for k, v in named_variables(model).items()}


def encode(model):
    rng = np.random.default_rng(11)
    batch = {
        "input_ids": rng.integers(0, 53, (3, 13)),
        "input_mask": np.arange(13) < np.array([[13], [5], [9]]),
        "segment_ids": rng.integers(0, 3, (3, 13)),
    }
    batch = {name: tf.constant(each, tf.int32) for name, each in batch.items()}
    return model.encoder(batch)["sequence_output"].numpy()


def test_an_unshared_model_of_a_shared_one_is_the_same_at_first(saved):
    old, path = saved(embedding_size=11)
    new = albert.AlbertPretrainer(config_of(embedding_size=11, sharing="none"))
    report = albert.load_weights(new, path, layers_from=2)
    assert report.fresh == report.unused == []
    assert report.notes == [
        "4 set(s) of attention weights and 4 of feed-forward weights, for 4 "
        "layers, each layer 2 of 4 layers"
    ]
    assert np.max(np.abs(encode(new) - encode(old))) < 1e-5


def test_a_shared_model_of_an_unshared_one_has_its_layer(saved):
    old, path = saved(sharing="none")
    new = albert.AlbertPretrainer(config_of(num_hidden_layers=7))
    albert.load_weights(new, path, layers_from=2)
    found, expected = weights(new), weights(old)
    for name in (
        "attention_{}_0/value/kernel",
        "feed_forward_{}_0/output/bias",
    ):
        ours, theirs = f"encoder/{name.format(0)}", f"encoder/{name.format(2)}"
        assert np.array_equal(found[ours], expected[theirs])
    # Embeddings, pooler and all heads are as they were.
    same = [name for name in expected if "_0/" not in name and "_1" not in name]
    same = [name for name in same if name in found]
    assert len(same) == 14
    for name in same:
        assert np.array_equal(found[name], expected[name]), name


def test_an_albert_of_a_bert(saved):
    """Unlike the layers, which are one of four, the embeddings may be exact."""
    old, path = saved(format="bert", sharing="none", max_position_embeddings=23)
    new = albert.AlbertPretrainer(config_of(embedding_size=11))
    at_first = weights(new)
    report = albert.load_weights(new, path, layers_from="mean")
    assert report.fresh == [
        *(f"encoder/pooler/{name}" for name in ("bias", "kernel")),
        *(f"sentence_order/output_{name}" for name in ("bias", "weights")),
    ]
    found, expected = weights(new), weights(old)
    for name in report.fresh:
        assert np.array_equal(found[name], at_first[name]), name
    for name in ("transform/kernel", "transform/bias", "layer_norm/gamma"):
        name = f"masked_lm/{name}"
        assert not np.array_equal(found[name], at_first[name])
    name = "masked_lm/output_bias"
    assert np.array_equal(found[name], expected[name])
    layers, embeddings = report.notes
    assert layers.endswith("for 4 layers, each the mean of 4 layers")
    assert "11 instead of 26 wide (rank 10)" in embeddings
    table = expected["encoder/embeddings/word_embeddings"].astype(np.float64)
    table -= table.mean(axis=1, keepdims=True)
    kept = found["encoder/embeddings/word_embeddings"].astype(np.float64)
    share = 100 * np.sum(kept**2) / np.sum(table**2)
    assert f"keep, of the variance, {share:.1f}% of word_emb" in embeddings
    positions = found["encoder/embeddings/position_embeddings"]
    assert positions.shape == (19, 11)


def test_low_rank_embeddings_start_as_they_were(saved, tmp_path):
    old, _ = saved()
    rng = np.random.default_rng(9)
    for name, variable in named_variables(old).items():
        if name.startswith("encoder/embeddings/") and len(variable.shape) == 2:
            rows = rng.normal(size=(variable.shape[0], 5))
            variable.assign(rows @ np.eye(5, 26, k=3))
    albert.save_weights(old, tmp_path / "low", format="model_dir")
    # Centred, they have one dimension more: that of all entries alike.
    new = albert.AlbertPretrainer(config_of(embedding_size=7))
    albert.load_weights(new, tmp_path / "low", layers_from=0)
    assert np.max(np.abs(encode(new) - encode(old))) < 1e-5
    wide = albert.AlbertPretrainer(config_of(embedding_size=9))
    albert.load_weights(wide, tmp_path / "low", layers_from=0)
    albert.save_weights(wide, tmp_path / "wide", format="model_dir")
    # Of an ALBERT that has a projection already.
    again = albert.AlbertPretrainer(config_of(embedding_size=7))
    report = albert.load_weights(again, tmp_path / "wide", layers_from=0)
    assert np.max(np.abs(encode(again) - encode(old))) < 1e-5
    assert "7 instead of 9 wide" in report.notes[1]


def test_positions_that_are_not_in_the_embeddings(saved):
    old, path = saved(position_embedding="relative_bias")
    changes = {"position_embedding": "relative_bias", "embedding_size": 11}
    new = albert.AlbertPretrainer(config_of(**changes))
    report = albert.load_weights(new, path, layers_from=0)
    assert report.fresh == []
    assert "position_embeddings" not in report.notes[1]
    name = "encoder/relative_bias/bias"
    assert np.array_equal(weights(new)[name], weights(old)[name])


def test_sinusoids_are_not_factorised(saved):
    old, path = saved(position_embedding="sinusoidal")
    same = albert.AlbertPretrainer(
        config_of(position_embedding="sinusoidal", max_position_embeddings=99)
    )
    albert.load_weights(same, path, layers_from=0)
    assert np.max(np.abs(encode(same) - encode(old))) < 1e-5
    changes = {"position_embedding": "sinusoidal", "embedding_size": 12}
    new = albert.AlbertPretrainer(config_of(**changes))
    with pytest.raises(albert.UserError, match="embedding_size, 26"):
        albert.load_weights(new, path, layers_from=0)


def test_the_two_gelus_are_alike_enough(saved):
    _, path = saved(format="bert", hidden_act="gelu_erf")
    new = albert.AlbertPretrainer(config_of())
    _, note = albert.load_weights(new, path, layers_from=0).notes
    assert note.startswith("hidden_act gelu_erf there, gelu here: two forms")


def test_another_epsilon_of_the_masked_lm_head_is_told(saved, caplog):
    _, path = saved(masked_lm_epsilon=1e-12)
    for epsilon, count in ((1e-12, 0), (1e-3, 1)):
        new = albert.AlbertPretrainer(
            config_of(embedding_size=11, masked_lm_epsilon=epsilon)
        )
        albert.load_weights(new, path, layers_from=0)
        assert caplog.text.count("masked_lm_epsilon 1e-12, this") == count


@pytest.mark.parametrize(
    ("changes", "layer", "words"),
    [
        ({}, 4, "saved.* has the layers 0 to 3: give one of them, or mean"),
        ({}, -1, "_from=-1: .* has the layers 0 to 3: give one"),
        ({}, 1.5, "_from=1.5: .* has the layers 0 to 3: give one"),
        ({}, "Mean", "_from=Mean: .*: give one of them, or mean"),
        ({"hidden_size": 22}, 0, "hidden_size 26 there, 22 here"),
        ({"vocab_size": 54}, 0, "vocab_size 53 there, 54 here"),
        ({"intermediate_size": 38}, 0, "intermediate_size 37 there, 38 here"),
        ({"num_attention_heads": 13}, 0, "num_attention_heads 2 there"),
        ({"position_embedding": "sinusoidal"}, 0, "learned there, sinus"),
        ({"inner_group_num": 2}, 0, "inner_group_num 1 there, 2 here"),
        ({"hidden_act": "relu"}, 0, "hidden_act 'gelu' there, 'relu' here"),
        ({"max_position_embeddings": 20}, 0, "has 19 positions, the model 20"),
        ({"embedding_size": 27}, 0, "must be 2 to 25 .* it is 27"),
        ({"embedding_size": 1}, 0, "must be 2 to 25 .* it is 1"),
    ],
)
def test_weights_of_which_no_start_is_made(saved, changes, layer, words):
    _, path = saved()
    new = albert.AlbertPretrainer(config_of(**changes))
    before = weights(new)
    with pytest.raises(albert.UserError, match=words) as error:
        albert.load_weights(new, path, layers_from=layer)
    assert "\n" not in str(error.value)
    for name, value in weights(new).items():
        assert np.array_equal(value, before[name])


def test_weights_that_are_not_whole_or_finite(saved, tmp_path):
    model, path = saved(sharing="none")
    kernel = model.encoder.attentions[3][0].query.kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    albert.save_weights(model, tmp_path / "nan", format="model_dir")
    new = albert.AlbertPretrainer(config_of())
    with pytest.raises(albert.UserError, match=r"group_3/.*holds NaN"):
        albert.load_weights(new, tmp_path / "nan", layers_from="mean")
    config = dataclasses.replace(model.config, num_hidden_layers=5)
    config.to_json(path / "albert_config.json")
    (path / "checksums.json").unlink()
    with pytest.raises(albert.UserError, match="missing .*group_4"):
        albert.load_weights(new, path, layers_from=0)
    (path / "albert_config.json").unlink()
    with pytest.raises(albert.UserError, match="without a configuration"):
        albert.load_weights(new, path, layers_from=0)


@pytest.mark.parametrize("embedding_size", [26, 11])
@pytest.mark.parametrize(
    ("lost", "part", "stored"),
    [
        ("masked_lm/transform/kernel", "masked_lm", "transform/dense/kernel"),
        ("masked_lm/output_bias", "masked_lm", "cls/predictions/output_bias"),
        ("encoder/pooler/bias", "pooler", "bert/pooler/dense/bias"),
    ],
)
def test_a_part_of_a_head_is_refused(
    saved, tmp_path, embedding_size, lost, part, stored
):
    old, path = saved()
    tensors = google_tensors(old)
    del tensors[google_name(lost)]
    tensor_bundle.write(str(path / "model.ckpt-best"), tensors)
    new = albert.AlbertPretrainer(config_of(embedding_size=embedding_size))
    before = weights(new)
    with pytest.raises(albert.UserError, match=f"a part of {part}") as error:
        albert.load_weights(new, path, layers_from=0)
    assert f"{stored}: give" in str(error.value)
    for name, value in weights(new).items():
        assert np.array_equal(value, before[name])
    report = albert.load_weights(new, path, layers_from=0, fresh=[part])
    kept = "encoder/pooler/" if part == "pooler" else f"{part}/"
    assert all(name.startswith(kept) for name in report.fresh)


def test_an_encoder_alone_leaves_the_heads_new(saved):
    _, path = saved(make=albert.AlbertEncoder)
    new = albert.AlbertPretrainer(config_of(embedding_size=11))
    report = albert.load_weights(new, path, layers_from=0)
    assert len(report.fresh) == 7
    assert {name.split("/")[0] for name in report.fresh} == {
        "masked_lm",
        "sentence_order",
    }
