# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json
import math
import os
import pathlib
import shutil

import h5py
import numpy as np
import pytest

import albert
from albert.errors import UserError
from albert.interchange import hdf5
from albert.interchange import kerashub
from albert.interchange import names
from albert.interchange.names import named_variables
from albert.interchange.source import Tensors
from albert.interchange.source import to_peer
from albert.text.tokenizer import Tokenizer
from albert.text.vocabulary import train_vocabulary

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TINY = GOLDEN / "kerashub_tiny"
GROUPS = GOLDEN / "kerashub_groups"
VOCABULARY = GOLDEN / "tokenization" / "spm2000.model"
QUERY = "layers/transformer_encoder/_self_attention_layer/query_dense/vars/0"


def small_config(**changes):
    return albert.AlbertConfig(
        **{
            "vocab_size": 53,
            "hidden_size": 22,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "intermediate_size": 37,
            "embedding_size": 7,
            "max_position_embeddings": 19,
            "type_vocab_size": 3,
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            **changes,
        }
    )


def perturbed(model):
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return model


def read(path):
    """Returns the source and its arrays."""
    source = kerashub.open_source(path)
    return source, dict(source.tensors)


def refusal(path):
    with pytest.raises(albert.UserError) as error:
        read(path)
    message = str(error.value)
    assert "\n" not in message
    assert str(path) in message
    return message


def golden_inputs(folder):
    inputs = np.load(folder / "inputs.npz")
    return inputs, {
        "input_ids": inputs["token_ids"],
        "input_mask": inputs["padding_mask"].astype(np.int32),
        "segment_ids": inputs["segment_ids"],
    }


def largest(ours, theirs):
    """The largest difference, relative to theirs where these are above 1.

    One unit in the last place of every weight makes it up to 8e-7.
    """
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    return np.max(np.abs(ours - theirs)) / max(1.0, np.max(np.abs(theirs)))


def test_weights_without_a_pooler_get_one_of_zeros(tmp_path, caplog):
    """Which KerasHub's models cannot lack."""
    config = small_config()
    arrays = named_variables(perturbed(albert.AlbertEncoder(config)))
    poolers = [name for name in arrays if name.startswith("encoder/pooler/")]
    assert len(poolers) == 2
    for name in poolers:
        del arrays[name]
    left = kerashub.write(
        str(tmp_path),
        config,
        Tensors.from_arrays(arrays),
        None,
        "none",
        None,
        {},
    )
    assert left == []
    assert "as zeros, so that pooled_output says nothing" in caplog.text
    _, tensors = read(tmp_path)
    for name, values in tensors.items():
        if name in poolers:
            assert not values.any()
        else:
            assert largest(values, arrays[name]) == 0


# -------------------------------------------------------------------- goldens


@pytest.mark.parametrize(
    "preset, outputs, prefix",
    [
        (TINY / "backbone", TINY / "outputs.npz", "backbone/"),
        (TINY / "masked_lm", TINY / "outputs.npz", "masked_lm/backbone_"),
        (GROUPS / "classifier", GROUPS / "outputs.npz", ""),
        (GROUPS / "sharded", GROUPS / "outputs.npz", ""),
        (GROUPS / "keras_nlp", GROUPS / "keras_nlp_outputs.npz", ""),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_the_encoder_of_a_preset_gives_its_outputs(preset, outputs, prefix):
    source, _ = read(preset)
    encoder = albert.AlbertEncoder(source.config)
    albert.load_weights(encoder, preset)
    _, inputs = golden_inputs(preset.parent)
    ours = encoder(inputs)
    theirs = np.load(outputs)
    for name in ("sequence_output", "pooled_output"):
        assert largest(ours[name], theirs[prefix + name]) < 1e-5


def test_the_classifier_of_a_preset_gives_its_logits():
    source, _ = read(GROUPS / "classifier")
    assert source.head == "classification"
    assert source.classifier_dropout == 0.2
    model = albert.AlbertClassifier(source.config, num_labels=5)
    report = albert.load_weights(model, GROUPS / "classifier")
    assert report.unused == []
    _, inputs = golden_inputs(GROUPS)
    theirs = np.load(GROUPS / "outputs.npz")["logits"]
    assert largest(model(inputs)["logits"], theirs) < 1e-5


def test_the_masked_lm_of_a_preset():
    source, _ = read(TINY / "masked_lm")
    assert source.head == "masked_lm"
    assert source.config.masked_lm_epsilon == 1e-5
    model = albert.AlbertPretrainer(source.config)
    with pytest.raises(albert.UserError, match="missing sentence_order"):
        albert.load_weights(model, TINY / "masked_lm")
    albert.load_weights(model, TINY / "masked_lm", fresh=["sentence_order"])
    raw, inputs = golden_inputs(TINY)
    inputs["masked_lm_positions"] = raw["mask_positions"]
    theirs = np.load(TINY / "outputs.npz")["masked_lm/output"]
    assert largest(model(inputs)["masked_lm_logits"], theirs) < 1e-5
    # With the original's epsilon it would not be.
    config = dataclasses.replace(source.config, masked_lm_epsilon=1e-12)
    model = albert.AlbertPretrainer(config)
    albert.load_weights(model, TINY / "masked_lm", fresh=["sentence_order"])
    assert largest(model(inputs)["masked_lm_logits"], theirs) > 1e-5


def test_configuration_and_tokenizer_of_a_preset():
    source, _ = read(TINY / "masked_lm")
    assert source.config == albert.AlbertConfig(
        vocab_size=2000,
        hidden_size=64,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=128,
        embedding_size=32,
        max_position_embeddings=64,
        masked_lm_epsilon=1e-5,
    )
    # Its vocabulary has capitals, and nothing else says so.
    tokenizer = source.tokenizer.load()
    assert not tokenizer.lower_case
    check = json.loads((TINY / "tokenizer_check.json").read_text())
    assert tokenizer.encode_batch(check["texts"]) == check["token_ids"]
    source, _ = read(GROUPS / "sharded")
    assert source.tokenizer is None
    assert source.config == small_config(num_hidden_groups=2, inner_group_num=2)


def test_what_is_no_preset(tmp_path):
    assert kerashub.matches(TINY / "backbone")
    assert not kerashub.matches(tmp_path / "nowhere")
    assert not kerashub.matches(TINY)
    for content in ("{", "[]", '{"model_type": "albert"}'):
        (tmp_path / "config.json").write_text(content)
        assert not kerashub.matches(tmp_path)


# ---------------------------------------------------------------- round trips


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_hidden_groups": 2, "inner_group_num": 3},
        {"sharing": "none", "initializer_range": 0.014},
        {"num_hidden_groups": 4},
        {"embedding_size": 22},
    ],
)
def test_a_round_trip_is_exact(tmp_path, changes):
    model = perturbed(albert.AlbertPretrainer(small_config(**changes)))
    homeless = albert.save_weights(model, tmp_path, "kerashub")
    assert sorted(homeless) == [
        "sentence_order/output_bias",
        "sentence_order/output_weights",
    ]
    source, arrays = read(tmp_path)
    assert source.config == model.config
    assert source.head == "masked_lm"
    assert source.unknown == []
    ours = named_variables(model)
    assert arrays.keys() | set(homeless) == ours.keys()
    for name, array in arrays.items():
        assert array.dtype == np.float32
        assert np.array_equal(array, ours[name].numpy()), name


def test_an_encoder_and_a_classifier_round_trip(tmp_path):
    encoder = perturbed(albert.AlbertEncoder(small_config()))
    assert albert.save_weights(encoder, tmp_path / "a", "kerashub") == []
    assert not (tmp_path / "a" / "task.json").exists()
    source, arrays = read(tmp_path / "a")
    assert source.head == "none"
    assert arrays.keys() == named_variables(encoder).keys()

    model = albert.AlbertClassifier(
        small_config(), num_labels=5, classifier_dropout=0.3
    )
    perturbed(model)
    assert albert.save_weights(model, tmp_path / "b", "kerashub") == []
    source, arrays = read(tmp_path / "b")
    assert source.classifier_dropout == 0.3
    weights = named_variables(model)["classifier/output_weights"].numpy()
    assert weights.shape == (5, 22)
    assert np.array_equal(arrays["classifier/output_weights"], weights)
    with h5py.File(tmp_path / "b" / "task.weights.h5") as file:
        kernel = file["layers/dense/vars/0"]
        assert np.array_equal(kernel, weights.T)


@pytest.mark.parametrize(
    "model_class",
    [albert.AlbertTokenClassifier, albert.AlbertMultipleChoice],
)
def test_a_head_that_kerashub_has_not_is_refused(tmp_path, model_class):
    labels = (
        {} if model_class is albert.AlbertMultipleChoice else {"num_labels": 5}
    )
    model = model_class(small_config(), **labels)
    with pytest.raises(UserError, match="no task for .*--head=none"):
        albert.save_weights(model, tmp_path, "kerashub")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_the_span_heads_are_refused(tmp_path, version):
    model = albert.AlbertSpanPredictor(small_config(), version=version)
    with pytest.raises(UserError, match="no task for the head span_"):
        albert.save_weights(model, tmp_path, "kerashub")


def test_the_tokenizer_comes_back_as_it_was(tmp_path):
    tokenizer = Tokenizer(VOCABULARY, lower_case=True)
    encoder = albert.AlbertEncoder(small_config(vocab_size=2000))
    albert.save_weights(encoder, tmp_path, "kerashub", tokenizer)
    source, _ = read(tmp_path)
    again = source.tokenizer.load()
    assert again.model_proto == tokenizer.model_proto
    assert again.fingerprint == tokenizer.fingerprint
    # KerasHub saves only the vocabulary: its ids are the same.
    (tmp_path / "spiece.model").unlink()
    source, _ = read(tmp_path)
    text = "Où sont les ＮＥＩＧＥＳ d’antan? 1,250\u00a0pounds."
    assert source.tokenizer.model_file.endswith("vocabulary.spm")
    raw = Tokenizer(source.tokenizer.model_file, source.tokenizer.lower_case)
    assert raw.encode(text) == tokenizer.encode(text)


def test_accents_that_kerashub_does_not_tell_of(tmp_path):
    (tmp_path / "text").write_text("Où ngã, ngá và ngà.\n" * 20)
    train_vocabulary(
        [str(tmp_path / "text")],
        str(tmp_path / "v"),
        vocabulary_size=23,
        strip_accents=False,
    )
    tokenizer = Tokenizer(tmp_path / "v.model", strip_accents=False)
    encoder = albert.AlbertEncoder(small_config(vocab_size=23))
    albert.save_weights(encoder, tmp_path / "x", "kerashub", tokenizer)
    (tmp_path / "x" / "spiece.model").unlink()
    source, _ = read(tmp_path / "x")
    found = source.tokenizer
    assert (found.lower_case, found.strip_accents) == (True, False)


@pytest.mark.parametrize(
    "changed",
    [{"digit_comma": "none"}, {"lower_case": "yes"}, {"strip_accents": 1}],
)
def test_damaged_settings_of_the_tokenizer_are_not_guessed(tmp_path, changed):
    encoder = albert.AlbertEncoder(small_config(vocab_size=2000))
    albert.save_weights(encoder, tmp_path, "kerashub", Tokenizer(VOCABULARY))
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    metadata["albert"]["tokenizer"] |= changed
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    source, _ = read(tmp_path)
    with pytest.raises(
        albert.UserError, match="metadata.json: its tokenizer has"
    ):
        source.tokenizer.load()


def test_a_changed_vocabulary_is_the_one_that_counts(tmp_path):
    encoder = albert.AlbertEncoder(small_config(vocab_size=2000))
    albert.save_weights(encoder, tmp_path, "kerashub", Tokenizer(VOCABULARY))
    asset = tmp_path / "assets" / "tokenizer" / "vocabulary.spm"
    shutil.copy(TINY / "backbone" / "assets/tokenizer/vocabulary.spm", asset)
    source, _ = read(tmp_path)
    assert source.tokenizer.model_file == str(asset)


def test_a_description_that_kerashub_overtook_does_not_count(tmp_path):
    albert.save_weights(
        albert.AlbertEncoder(small_config()), tmp_path, "kerashub"
    )
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    metadata["albert"]["config"]["hidden_act"] = "relu"
    (tmp_path / "metadata.json").write_text(json.dumps(metadata))
    assert read(tmp_path)[0].config == small_config()


# ------------------------------------------------- what cannot be said there


@pytest.mark.parametrize(
    "changes, reason",
    [
        ({"hidden_act": "relu"}, "hidden_act is 'relu'"),
        ({"hidden_dropout_prob": 0.2}, "one dropout for both"),
        ({"sharing": "attention"}, "shares whole layers or none"),
        ({"sharing": "ffn"}, "shares whole layers or none"),
    ],
)
def test_what_kerashub_cannot_express_is_refused(tmp_path, changes, reason):
    encoder = albert.AlbertEncoder(small_config(**changes))
    with pytest.raises(albert.UserError, match=reason):
        albert.save_weights(encoder, tmp_path, "kerashub")
    assert list(tmp_path.iterdir()) == []


def test_all_reasons_are_in_one_message(tmp_path):
    encoder = albert.AlbertEncoder(
        small_config(
            hidden_act="tanh", hidden_dropout_prob=0.2, sharing="attention"
        )
    )
    with pytest.raises(albert.UserError) as error:
        albert.save_weights(encoder, tmp_path, "kerashub")
    for word in ("hidden_act", "dropout", "sharing"):
        assert word in str(error.value)


# -------------------------------------------------------- hostile and damaged


@pytest.fixture
def preset(tmp_path):
    """A copy of a preset that a test may spoil."""
    shutil.copytree(GROUPS / "classifier", tmp_path / "preset")
    return tmp_path / "preset"


def edit(path, change):
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda v: v.update(registered_name="keras_hub>BertBackbone"), "Bert"),
        (lambda v: v.update(registered_name=7), "registered_name is 7"),
        (lambda v: v.update(config=[]), "'config' is not a JSON object"),
        (lambda v: v["config"].pop("num_heads"), "it has no num_heads"),
        (lambda v: v["config"].update(norm="rms"), "norm is not known"),
        (lambda v: v["config"].update(num_heads="2"), "num_attention_heads"),
        (lambda v: v["config"].update(num_heads=[2]), "num_attention_heads"),
        (lambda v: v["config"].update(hidden_dim=-22), "at least 1"),
        (lambda v: v["config"].update(num_groups=3), "not a multiple"),
        (lambda v: v["config"].update(dropout=None), "hidden_dropout_prob"),
        (lambda v: v["config"].update(dtype="int8"), "dtype 'int8'"),
        (
            lambda v: v["config"].update(
                dtype={"class_name": "DTypePolicyMap", "config": {}}
            ),
            "DTypePolicyMap",
        ),
    ],
)
def test_a_wrong_configuration_is_one_line(preset, change, reason):
    edit(preset / "config.json", change)
    assert reason in refusal(preset)


@pytest.mark.parametrize(
    "change, reason",
    [
        (lambda v: v.update(registered_name="keras_hub>AlbertTwo"), "none of"),
        (lambda v: v["config"].update(activation="softmax"), "activation"),
        (lambda v: v["config"].update(num_classes=True), "num_classes"),
        (lambda v: v["config"].update(num_classes=10**12), "shape [22, 5]"),
        (lambda v: v["config"].update(dropout="0.1"), "dropout is '0.1'"),
        (lambda v: v["config"].update(dropout=1), "not in [0, 1)"),
        (lambda v: v["config"].update(backbone=None), "'backbone' is not"),
        (
            lambda v: v["config"]["backbone"]["config"].update(num_heads=11),
            "another than that of config.json",
        ),
    ],
)
def test_a_wrong_task_is_one_line(preset, change, reason):
    edit(preset / "task.json", change)
    assert reason in refusal(preset)


def test_sizes_are_checked_before_anything_is_read(preset):
    edit(
        preset / "config.json",
        lambda v: v["config"].update(vocabulary_size=10**7),
    )
    edit(
        preset / "task.json",
        lambda v: v["config"]["backbone"]["config"].update(
            vocabulary_size=10**7
        ),
    )
    message = refusal(preset)
    assert "token_embedding" in message
    assert "[53, 7] instead of [10000000, 7]" in message


@pytest.mark.parametrize("damage", ["missing", "empty", "half", "not HDF5"])
def test_a_damaged_file_is_one_line(preset, damage):
    weights = preset / "model.weights.h5"
    content = weights.read_bytes()
    weights.unlink()
    if damage != "missing":
        weights.write_bytes(
            {
                "empty": b"",
                "half": content[: len(content) // 2],
                "not HDF5": b"PK\x03\x04" + content[4:],
            }[damage]
        )
    assert "model.weights.h5" in refusal(preset)


def spoil(preset, change):
    with h5py.File(preset / "model.weights.h5", "a") as file:
        value = file[QUERY][()]
        del file[QUERY]
        change(file, value, preset)


def external_link(file, value, preset):
    file[QUERY] = h5py.ExternalLink("/etc/hostname", "/x")


def soft_link(file, value, preset):
    file[QUERY] = h5py.SoftLink("/layers/dense/vars/0")


def external_storage(file, value, preset):
    (preset / "raw").write_bytes(value.tobytes())
    file.create_dataset(
        QUERY,
        shape=value.shape,
        dtype="float32",
        external=[(str(preset / "raw"), 0, value.nbytes)],
    )


def virtual(file, value, preset):
    layout = h5py.VirtualLayout(shape=value.shape, dtype="float32")
    layout[:] = h5py.VirtualSource("other.h5", "x", shape=value.shape)
    file.create_virtual_dataset(QUERY, layout)


def compressed(file, value, preset):
    file.create_dataset(QUERY, data=value, compression="gzip")


def hollow(file, value, preset):
    file.create_dataset(QUERY, shape=value.shape, dtype="float32")


def bomb(file, value, preset):
    file.create_dataset("layers/x", shape=(10**6, 10**6, 10**6), dtype="f4")


def circle(file, value, preset):
    file["layers/again"] = file["layers"]


def data_type(file, value, preset):
    file["layers/type"] = np.dtype("float32")


def empty(file, value, preset):
    file[QUERY] = h5py.Empty("float32")


@pytest.mark.parametrize(
    "change, reason",
    [
        (external_link, "is a link"),
        (soft_link, "is a link"),
        (external_storage, "in another file"),
        (virtual, "in another file"),
        (compressed, "chunked or compressed"),
        (hollow, "fewer values"),
        (bomb, "fewer values"),
        (circle, "has no end"),
        (data_type, "neither a group"),
        (empty, "is empty"),
    ],
)
def test_a_hostile_file_is_refused(preset, change, reason):
    spoil(preset, change)
    assert reason in refusal(preset)


def test_reading_a_variable_checks_no_other_one(preset, monkeypatch):
    checked = []
    check = hdf5._check_stored

    def counting(path, name, dataset):
        checked.append(name)
        check(path, name, dataset)

    monkeypatch.setattr(hdf5, "_check_stored", counting)
    entries = hdf5.find_entries(preset / "model.weights.h5")
    for _, read_one in entries.values():
        read_one()
    assert checked == [*entries, *entries]


def gone(file, value, preset):
    pass


def moved_below(file, value, preset):
    folder = QUERY.removesuffix("/0")
    del file[folder]
    file[folder] = value


def now_a_group(file, value, preset):
    file.create_group(QUERY)


def linked_on_the_way(file, value, preset):
    folder = QUERY.removesuffix("/0")
    del file[folder]
    file["elsewhere/0"] = value
    file[folder] = h5py.SoftLink("/elsewhere")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (gone, "or gone"),
        (moved_below, "is not in a group"),
        (now_a_group, "is not a data set"),
        (linked_on_the_way, "is a link"),
        (external_link, "is a link"),
        (compressed, "chunked or compressed"),
    ],
)
def test_a_file_that_was_replaced_is_checked_again(
    preset, change, reason, monkeypatch
):
    # As if it were replaced right after it was found to be the same.
    monkeypatch.setattr(hdf5, "check_same", lambda *_: None)
    source = kerashub.open_source(preset)
    spoil(preset, change)
    with pytest.raises(albert.UserError, match=reason) as error:
        dict(source.tensors)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("dtype", ["float64", "int32", "S4"])
def test_other_types_are_refused(preset, dtype):
    spoil(
        preset,
        lambda file, value, _: file.create_dataset(
            QUERY, data=np.zeros(value.shape, dtype)
        ),
    )
    assert "not a float" in refusal(preset)


def test_half_precision_is_read(preset):
    bfloat16 = np.dtype("V2")
    expected = np.arange(22 * 22, dtype=np.float32).reshape(22, 2, 11) / 64
    bits = (expected.view(np.uint32) >> 16).astype(np.uint16)

    def change(file, value, _):
        dataset = file.create_dataset(QUERY, data=bits.view(bfloat16))
        dataset.attrs["dtype"] = "bfloat16"

    spoil(preset, change)
    _, arrays = read(preset)
    kept = (bits.astype(np.uint32) << 16).view(np.float32)
    query = arrays["encoder/attention_0_0/query/kernel"]
    assert np.array_equal(query, kept.reshape(22, 22))


def test_missing_unknown_and_misshapen_variables_are_listed(preset):
    def change(file, value, _):
        file[QUERY] = value.transpose(1, 0, 2)
        file["layers/dense/vars/2"] = np.zeros(3, "float32")
        file["layers/mystery/vars/0"] = np.zeros(3, "float32")
        del file["layers/dense_1/vars/1"]

    spoil(preset, change)
    assert "[2, 22, 11] instead of [22, 2, 11]" in refusal(preset)
    with h5py.File(preset / "model.weights.h5", "a") as file:
        value = file[QUERY][()].transpose(1, 0, 2)
        del file[QUERY]
        file[QUERY] = value
    message = refusal(preset)
    assert "no place for" in message
    assert "embedding_projection/vars/2" in message
    assert "layers/mystery/vars/0" in message
    with h5py.File(preset / "model.weights.h5", "a") as file:
        del file["layers/dense/vars/2"], file["layers/mystery"]
    source, arrays = read(preset)
    assert "encoder/pooler/bias" not in arrays
    model = albert.AlbertClassifier(source.config, num_labels=5)
    with pytest.raises(albert.UserError, match="missing pooled_dense/vars/1"):
        albert.load_weights(model, preset)


def test_a_task_s_other_weights_are_named(preset):
    with h5py.File(preset / "task.weights.h5", "a") as file:
        file["layers/mystery/vars/0"] = np.zeros(3, "float32")
    source, _ = read(preset)
    assert source.unknown == ["task.weights.h5:layers/mystery/vars/0"]


def test_more_layers_than_the_configuration_says(preset):
    def change(value):
        value["config"]["num_groups"] = 1

    edit(preset / "config.json", change)
    edit(preset / "task.json", lambda v: change(v["config"]["backbone"]))
    assert "no place for layers/transformer_encoder_2/" in refusal(preset)


def test_a_damaged_vocabulary_leaves_the_weights(tmp_path):
    shutil.copytree(TINY / "backbone", tmp_path / "preset")
    asset = tmp_path / "preset" / "assets" / "tokenizer" / "vocabulary.spm"
    asset.write_bytes(b"\x01" + asset.read_bytes())
    source, _ = read(tmp_path / "preset")
    with pytest.raises(albert.UserError, match="not a SentencePiece model"):
        source.tokenizer.load()


@pytest.mark.parametrize(
    "part", ["../model_00000.weights.h5", "/etc/passwd", 7, None, ["x.h5"]]
)
def test_parts_lie_beside_their_index(tmp_path, part):
    shutil.copytree(GROUPS / "sharded", tmp_path / "preset")
    edit(
        tmp_path / "preset" / "model.weights.json",
        lambda v: v["weight_map"].update({"/layers/dense/vars": part}),
    )
    assert "is not the name of a part" in refusal(tmp_path / "preset")


def test_parts_that_are_missing_or_twice(tmp_path):
    preset = tmp_path / "preset"
    shutil.copytree(GROUPS / "sharded", preset)
    shutil.copy(
        preset / "model_00000.weights.h5", preset / "model_00001.weights.h5"
    )
    assert "in another part too" in refusal(preset)
    (preset / "model_00001.weights.h5").unlink()
    assert "No such file" in refusal(preset)
    (preset / "model.weights.json").write_text('{"weight_map": []}')
    assert "weight_map: expected an object" in refusal(preset)


def test_own_key_of_another_type_is_no_trap(preset):
    edit(preset / "metadata.json", lambda v: v.update(albert=[1]))
    assert "albert: expected an object, found a list" in refusal(preset)
    edit(
        preset / "metadata.json",
        lambda v: v.update(albert={"tokenizer": 3, "config": {"a": 1}}),
    )
    assert "unknown key 'a'" in refusal(preset)


@pytest.mark.parametrize(
    "name, count",
    [
        ("base", 11_683_584),
        ("large", 17_683_968),
        ("xlarge", 58_724_864),
        ("xxlarge", 222_595_584),
    ],
)
def test_the_released_sizes_have_kerashub_s_counts(name, count):
    # The counts are those of KerasHub's albert_presets.py.
    config = albert.AlbertConfig.named(name)
    shapes = names.expected_shapes(config, "none")
    # Nothing is read, so nothing is allocated.
    ours = Tensors({key: (shape, None) for key, shape in shapes.items()})
    theirs, homeless = to_peer(ours, "kerashub", config)
    assert homeless == []
    assert sum(math.prod(theirs.shape(key)) for key in theirs) == count
    query = "group_0_inner_layer_0/_self_attention_layer/query_dense/vars/0"
    heads, size = config.num_attention_heads, config.hidden_size
    assert theirs.shape(query) == (size, heads, size // heads)
