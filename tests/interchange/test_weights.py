# SPDX-License-Identifier: Apache-2.0
import pathlib

import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.interchange import tensor_bundle
from albert.interchange.names import google_name
from albert.interchange.names import named_variables
from albert.interchange.weights import load_slots
from albert.training.muon import Muon
from albert.training.optimizers import Lamb

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "encoder_tiny_a"


def golden_config(**changes):
    config = albert.AlbertConfig.from_json(GOLDEN / "albert_config.json")
    return albert.AlbertConfig.from_dict({**config.to_dict(), **changes})


def small_config(**changes):
    return albert.AlbertConfig.named(
        "tiny",
        **{
            "vocab_size": 53,
            "hidden_size": 26,
            "embedding_size": 11,
            "num_attention_heads": 2,
            "num_hidden_layers": 4,
            "intermediate_size": 37,
            "max_position_embeddings": 19,
            **changes,
        },
    )


def perturb(model):
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))


def weights(model):
    return {k: v.numpy() for k, v in named_variables(model).items()}


@pytest.mark.parametrize("path", [GOLDEN, GOLDEN / "model.ckpt-best"])
def test_a_directory_and_a_prefix_are_the_same(path):
    model = albert.AlbertPretrainer(golden_config())
    report = albert.load_weights(model, path)
    assert len(report.loaded) == 32
    assert report.unused == []
    assert report.source == str(GOLDEN / "model.ckpt-best")


def test_an_encoder_names_the_heads_it_leaves_out():
    report = albert.load_weights(albert.AlbertEncoder(golden_config()), GOLDEN)
    assert len(report.loaded) == 25
    assert len(report.unused) == 7
    assert all(name.startswith("cls/") for name in report.unused)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_hidden_groups": 2, "inner_group_num": 3},
        {"sharing": "attention"},
        {"sharing": "ffn"},
        {"sharing": "none", "embedding_size": 26},
        {"position_embedding": "relative_bias"},
    ],
)
def test_round_trip_is_exact(tmp_path, changes):
    model = albert.AlbertPretrainer(small_config(**changes))
    perturb(model)
    albert.save_weights(model, tmp_path / "model.ckpt-best")
    again = albert.AlbertPretrainer(small_config(**changes), name="renamed")
    albert.load_weights(again, tmp_path)
    for name, value in weights(model).items():
        assert np.array_equal(weights(again)[name], value), name
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "model.ckpt-best.data-00000-of-00001",
        "model.ckpt-best.index",
    ]


def test_what_is_written_has_the_original_s_names(tmp_path):
    model = albert.AlbertPretrainer(golden_config())
    albert.save_weights(model, tmp_path / "x")
    ours = tf.train.load_checkpoint(str(tmp_path / "x"))
    original = tf.train.load_checkpoint(str(GOLDEN / "model.ckpt-best"))
    shapes = dict(original.get_variable_to_shape_map())
    del shapes["global_step"]
    assert ours.get_variable_to_shape_map() == shapes


def test_names_are_one_to_one():
    model = albert.AlbertPretrainer(
        small_config(num_hidden_groups=2, inner_group_num=2)
    )
    names = [google_name(name) for name in named_variables(model)]
    assert len(set(names)) == len(names) == len(model.trainable_variables)
    assert (
        "bert/encoder/transformer/group_1/inner_group_0/LayerNorm_1/gamma"
        in names
    )
    with pytest.raises(KeyError, match="classifier/kernel"):
        google_name("classifier/kernel")


def test_all_misfits_are_listed_and_nothing_is_changed(tmp_path):
    model = albert.AlbertPretrainer(small_config())
    perturb(model)
    tensors = {
        google_name(name): value for name, value in weights(model).items()
    }
    del tensors["bert/pooler/dense/bias"]
    tensors["bert/embeddings/word_embeddings"] = np.zeros((54, 11), "float32")
    tensors["bert/encoder/mystery/kernel"] = np.zeros(3, "float32")
    tensor_bundle.write(tmp_path / "x", tensors)
    target = albert.AlbertPretrainer(small_config())
    before = weights(target)
    with pytest.raises(albert.UserError) as error:
        albert.load_weights(target, tmp_path / "x")
    message = str(error.value)
    assert "3 differences" in message
    assert "missing bert/pooler/dense/bias" in message
    assert "word_embeddings has shape [54, 11] instead of [53, 11]" in message
    assert "no place for bert/encoder/mystery/kernel" in message
    for name, value in weights(target).items():
        assert np.array_equal(before[name], value), name


def test_groups_that_the_model_does_not_have_are_no_detail(tmp_path):
    grouped = albert.AlbertPretrainer(small_config(num_hidden_groups=2))
    albert.save_weights(grouped, tmp_path / "x")
    model = albert.AlbertPretrainer(small_config())
    with pytest.raises(albert.UserError, match="no place for .*group_1"):
        albert.load_weights(model, tmp_path / "x")


def test_best_wins_over_the_latest_step(tmp_path):
    for name in ("model.ckpt-90", "model.ckpt-700"):
        tensor_bundle.write(tmp_path / name, {"a": np.float32(1)})
    assert tensor_bundle.resolve(tmp_path) == str(tmp_path / "model.ckpt-700")
    tensor_bundle.write(tmp_path / "model.ckpt-best", {"a": np.float32(1)})
    assert tensor_bundle.resolve(tmp_path) == str(tmp_path / "model.ckpt-best")
    assert tensor_bundle.steps(tmp_path) == [90, 700]
    prefix = str(tmp_path / "model.ckpt-90")
    assert tensor_bundle.resolve(prefix + ".index") == prefix


@pytest.mark.parametrize("damage", ["empty", "half", "flipped", "no data"])
def test_a_damaged_checkpoint_is_one_line(tmp_path, damage):
    prefix = tmp_path / "model.ckpt-3"
    tensor_bundle.write(prefix, {"a": np.arange(1000, dtype="float32")})
    data = tmp_path / "model.ckpt-3.data-00000-of-00001"
    content = data.read_bytes()
    if damage == "empty":
        data.write_bytes(b"")
    elif damage == "half":
        data.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        data.write_bytes(content[:9] + b"!" + content[10:])
    else:
        data.unlink()
    with pytest.raises(albert.UserError, match="ckpt-3: not a readable"):
        tensor_bundle.read(prefix)


def test_nothing_there(tmp_path):
    with pytest.raises(albert.UserError, match="holds no checkpoint"):
        tensor_bundle.resolve(tmp_path)
    with pytest.raises(albert.UserError, match="no such checkpoint"):
        tensor_bundle.resolve(tmp_path / "model.ckpt-3")


def test_a_failed_write_leaves_the_old_checkpoint(tmp_path):
    prefix = tmp_path / "model.ckpt-best"
    tensor_bundle.write(prefix, {"a": np.float32(1)})
    with pytest.raises(ValueError):
        tensor_bundle.write(prefix, {"a": object()})
    assert tensor_bundle.read(prefix)["a"] == 1.0
    assert len(list(tmp_path.iterdir())) == 2


# --------------------------------------------------------------- fine-tuning


def component(name):
    return name.split("/")[0]


def test_a_head_that_the_file_has_not_must_be_named(tmp_path):
    pretrainer = albert.AlbertPretrainer(small_config())
    perturb(pretrainer)
    albert.save_weights(pretrainer, tmp_path / "x")
    model = albert.AlbertClassifier(small_config(), 3)
    before = weights(model)
    with pytest.raises(albert.UserError, match="missing output_w.*; m") as e:
        albert.load_weights(model, tmp_path / "x")
    assert str(e.value).endswith(
        "The encoder fits: give weights that were trained with the same "
        "classifier, or let it start anew: --do_train does, and in Python "
        "fresh=('classifier',)"
    )
    report = albert.load_weights(model, tmp_path / "x", fresh=("classifier",))
    assert report.fresh == [
        "classifier/output_bias",
        "classifier/output_weights",
    ]
    assert len(report.loaded) == 25
    assert len(report.unused) == 7
    assert all(name.startswith("cls/") for name in report.unused)
    for name, value in weights(model).items():
        expected = before if name in report.fresh else weights(pretrainer)
        assert np.array_equal(value, expected[name]), name


@pytest.mark.parametrize("num_labels", [3, 5])
def test_a_head_that_starts_fresh_takes_nothing(tmp_path, num_labels):
    trained = albert.AlbertClassifier(small_config(), num_labels)
    perturb(trained)
    albert.save_weights(trained, tmp_path / "x")
    model = albert.AlbertClassifier(small_config(), 3)
    before = weights(model)
    report = albert.load_weights(model, tmp_path / "x", fresh=("classifier",))
    assert report.unused == ["output_bias", "output_weights"]
    for name, value in weights(model).items():
        is_head = component(name) == "classifier"
        expected = before if is_head else weights(trained)
        assert np.array_equal(value, expected[name]), name
    if num_labels == 5:
        with pytest.raises(
            albert.UserError, match=r"\[5\] instead of \[3\].*fresh=\('class"
        ):
            albert.load_weights(model, tmp_path / "x")


def test_a_fresh_pooler(tmp_path):
    albert.save_weights(albert.AlbertEncoder(small_config()), tmp_path / "x")
    model = albert.AlbertPretrainer(small_config())
    heads = ("masked_lm", "sentence_order")
    report = albert.load_weights(
        model, tmp_path / "x", fresh=("pooler", *heads)
    )
    assert report.unused == [
        "bert/pooler/dense/bias",
        "bert/pooler/dense/kernel",
    ]
    assert {component(name) for name in report.fresh} == {"encoder", *heads}
    with pytest.raises(ValueError, match="must be of the model's masked_lm, p"):
        albert.load_weights(model, tmp_path / "x", fresh=("classifier",))


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_only_heads_on_the_pooler_need_it(tmp_path, version):
    encoder = albert.AlbertEncoder(small_config())
    tensors = {
        google_name(name): value
        for name, value in weights(encoder).items()
        if "pooler" not in name
    }
    tensor_bundle.write(tmp_path / "x", tensors)
    model = albert.AlbertSpanPredictor(small_config(), version)
    heads = {component(name) for name in weights(model)} - {"encoder"}
    report = albert.load_weights(model, tmp_path / "x", fresh=heads)
    assert {"encoder/pooler/bias", "encoder/pooler/kernel"} < set(report.fresh)
    for model, fresh in (
        (encoder, ()),
        (albert.AlbertClassifier(small_config(), 3), ("classifier",)),
    ):
        with pytest.raises(albert.UserError, match="missing bert/pooler") as e:
            albert.load_weights(model, tmp_path / "x", fresh=fresh)
        assert "fresh=('pooler',)" in str(e.value)


def test_weights_of_another_configuration(tmp_path):
    """A head that starts anew would not help: it is not offered."""
    albert.save_weights(albert.AlbertPretrainer(small_config()), tmp_path / "x")
    model = albert.AlbertClassifier(small_config(intermediate_size=43), 3)
    with pytest.raises(albert.UserError, match=r"instead of \[43\]") as e:
        albert.load_weights(model, tmp_path / "x")
    assert str(e.value).endswith(
        "Use the configuration that the checkpoint was trained with"
    )


# ------------------------------------------------------------- wrong files


@pytest.mark.parametrize(
    ("tensors", "words"),
    [
        ({}, "it holds no weights at all"),
        ({"beta1_power": np.float32(1)}, "it has 1 others, such as beta1_"),
        ({"output_bias": np.zeros(3, "float32")}, "such as output_bias"),
        ({"_CHECKPOINTABLE_OBJECT_GRAPH": "x"}, "of TensorFlow 2 objects"),
    ],
)
def test_a_checkpoint_without_an_encoder(tmp_path, tensors, words):
    tensor_bundle.write(tmp_path / "x", {"global_step": np.int64(3), **tensors})
    model = albert.AlbertClassifier(small_config(), 3)
    with pytest.raises(albert.UserError, match="no weights of an ALBERT") as e:
        albert.load_weights(model, tmp_path / "x", fresh=("classifier",))
    assert words in str(e.value)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite(tmp_path, value):
    model = albert.AlbertEncoder(small_config())
    perturb(model)
    before = weights(model)
    tensors = {google_name(name): each for name, each in before.items()}
    # The last variable, when all others would be set already.
    tensors["bert/pooler/dense/bias"] = np.full(26, value, "float32")
    tensor_bundle.write(tmp_path / "x", tensors)
    perturb(model)
    with pytest.raises(albert.UserError, match="pooler/dense/bias holds NaN"):
        albert.load_weights(model, tmp_path / "x")
    for name, each in weights(model).items():
        assert np.array_equal(before[name], each), name


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_attention_heads": 13}, "num_attention_heads 13 there, 2 here"),
        ({"hidden_act": "relu"}, "hidden_act 'relu' there, 'gelu' here"),
        (
            {"position_embedding": "sinusoidal"},
            "position_embedding 'sinusoidal' there, 'learned' here",
        ),
    ],
)
def test_settings_that_make_other_models_of_the_weights(
    tmp_path, changes, words
):
    other = albert.AlbertEncoder(small_config(**changes))
    albert.save_weights(other, tmp_path / "x", format="model_dir")
    model = albert.AlbertEncoder(small_config())
    with pytest.raises(albert.UserError, match=words):
        albert.load_weights(model, tmp_path / "x")


_TABLE = "bert/embeddings/position_embeddings"
_BIAS = "bert/encoder/relative_bias/bias"


@pytest.mark.parametrize(
    ("there", "here", "words"),
    [
        (
            "learned",
            "relative_bias",
            rf"missing {_BIAS}; no place for {_TABLE}\. Use the config",
        ),
        ("learned", "sinusoidal", rf"\(1 differences\): no place for {_TABLE}"),
        ("sinusoidal", "learned", rf"\(1 differences\): missing {_TABLE}"),
        ("sinusoidal", "relative_bias", rf"\(1 differ.*: missing {_BIAS}"),
        ("relative_bias", "sinusoidal", rf"\(1 differ.*: no place for {_BIAS}"),
    ],
)
def test_weights_of_other_positions(tmp_path, there, here, words):
    # No configuration beside them tells what they are.
    other = albert.AlbertEncoder(small_config(position_embedding=there))
    albert.save_weights(other, tmp_path / "x")
    model = albert.AlbertEncoder(small_config(position_embedding=here))
    perturb(model)
    before = weights(model)
    with pytest.raises(albert.UserError, match=words):
        albert.load_weights(model, tmp_path / "x")
    for name, each in weights(model).items():
        assert np.array_equal(before[name], each), name


# ----------------------------------------------------------------- momentum


def trained_checkpoint(path):
    """Writes weights with moments, as training does; returns the model."""
    model = albert.AlbertPretrainer(small_config())
    perturb(model)
    tensors = {"global_step": np.int64(71)}
    for number, (name, value) in enumerate(weights(model).items()):
        tensors[google_name(name)] = value
        tensors[f"{google_name(name)}/adam_m"] = value * 0 + number + 0.25
        tensors[f"{google_name(name)}/adam_v"] = value * 0 + number + 0.5
    tensor_bundle.write(path, tensors)
    return model


def test_moments_of_a_checkpoint(tmp_path):
    trained_checkpoint(tmp_path / "x")
    model = albert.AlbertPretrainer(small_config())
    optimizer = Lamb(0.1)
    optimizer.build(model.trainable_variables)
    assert load_slots(optimizer, model, tmp_path / "x") == 71
    assert int(optimizer.iterations.numpy()) == 0
    position = {
        id(each): index for index, each in enumerate(model.trainable_variables)
    }
    for number, variable in enumerate(named_variables(model).values()):
        index = position[id(variable)]
        for slot, part in ((optimizer.adam_m, 0.25), (optimizer.adam_v, 0.5)):
            assert slot[index].shape == variable.shape
            assert np.all(slot[index].numpy() == number + part)


def test_moments_of_matrices_without_their_squares(tmp_path):
    trained_checkpoint(tmp_path / "x")
    tensors = tensor_bundle.read(tmp_path / "x")
    hidden = [name for name in tensors if name.endswith("kernel/adam_v")]
    for name in hidden:
        del tensors[name]
    tensor_bundle.write(tmp_path / "y", tensors)
    model = albert.AlbertPretrainer(small_config())
    for optimizer in (Muon(0.1), Lamb(0.1)):
        optimizer.build(model.trainable_variables)
        if isinstance(optimizer, Muon):
            assert load_slots(optimizer, model, tmp_path / "y") == 71
            continue
        with pytest.raises(albert.UserError) as error:
            load_slots(optimizer, model, tmp_path / "y")
        assert f"({len(hidden)} differences)" in str(error.value)
        assert f"missing {hidden[0]}" in str(error.value)


def test_moments_that_do_not_fit(tmp_path):
    trained_checkpoint(tmp_path / "x")
    tensors = tensor_bundle.read(tmp_path / "x")
    del tensors["bert/pooler/dense/bias/adam_m"]
    tensors["cls/predictions/output_bias/adam_v"] = np.zeros(7, "float32")
    tensor_bundle.write(tmp_path / "y", tensors)
    model = albert.AlbertPretrainer(small_config())
    optimizer = Lamb(0.1)
    optimizer.build(model.trainable_variables)
    with pytest.raises(albert.UserError) as error:
        load_slots(optimizer, model, tmp_path / "y")
    assert "(2 differences)" in str(error.value)
    assert "missing bert/pooler/dense/bias/adam_m" in str(error.value)
    assert "output_bias/adam_v has shape [7] instead of [53]" in str(
        error.value
    )
    assert not np.any(optimizer.adam_m[0].numpy())
    corrected = Lamb(0.1, bias_correction=True)
    corrected.build(model.trainable_variables)
    with pytest.raises(albert.UserError, match="--bias_correction"):
        load_slots(corrected, model, tmp_path / "x")
