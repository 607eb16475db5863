# SPDX-License-Identifier: Apache-2.0
"""Directories of transformers: read, written, and not trusted."""

import json
import pathlib
import shutil
import struct

import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

import albert
from albert.interchange import huggingface
from albert.interchange import huggingface_config
from albert.interchange.names import named_variables
from albert.interchange.starting_point import open_starting_point

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "hf_tiny"
SPM = GOLDEN.parent / "tokenization" / "spm2000.model"
TOLERANCE = 1e-5

CONFIG = {
    "vocab_size": 53,
    "embedding_size": 11,
    "hidden_size": 26,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 37,
    "max_position_embeddings": 19,
    "type_vocab_size": 3,
}


def small_config(**changes):
    return albert.AlbertConfig.from_dict({**CONFIG, **changes})


def perturbed(model, seed=5):
    rng = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    return model


def weights(model):
    return {k: v.numpy() for k, v in named_variables(model).items()}


def golden(architecture):
    def arrays(name):
        with np.load(GOLDEN / architecture / f"{name}.npz") as file:
            return {key: file[key] for key in file.files}

    inputs = arrays("inputs")
    batch = {
        "input_ids": tf.constant(inputs["input_ids"], tf.int32),
        "input_mask": tf.constant(inputs["attention_mask"], tf.int32),
        "segment_ids": tf.constant(inputs["token_type_ids"], tf.int32),
    }
    return GOLDEN / architecture, batch, arrays("outputs")


def largest_difference(actual, expected):
    actual = np.asarray(actual, np.float64)
    assert actual.shape == expected.shape
    return np.max(np.abs(actual - expected))


# ------------------------------------------------- models of transformers


def test_pretraining_model():
    path, batch, outputs = golden("AlbertForPreTraining")
    start = open_starting_point(path)
    assert start.head == "pretraining"
    assert start.config.hidden_act == "gelu"
    model = albert.AlbertPretrainer(start.config)
    report = albert.load_weights(model, path)
    assert len(report.loaded) == 32
    assert report.unused == report.fresh == []
    positions = np.tile(np.arange(0, 20, 3, dtype=np.int32), (3, 1))
    found = model({**batch, "masked_lm_positions": tf.constant(positions)})
    for name, theirs in (
        ("masked_lm_logits", "prediction_logits"),
        ("sentence_order_logits", "sop_logits"),
    ):
        assert largest_difference(found[name], outputs[theirs]) < TOLERANCE


@pytest.mark.parametrize(
    ("architecture", "head", "make", "pooler"),
    [
        (
            "AlbertForSequenceClassification",
            "classification",
            lambda config: albert.AlbertClassifier(config, 3),
            True,
        ),
        (
            "AlbertForMultipleChoice",
            "multiple_choice",
            lambda config: albert.AlbertMultipleChoice(config),
            True,
        ),
        (
            "AlbertForTokenClassification",
            "token_classification",
            lambda config: albert.AlbertTokenClassifier(config, 5),
            False,
        ),
        (
            "AlbertForQuestionAnswering",
            "span_v1",
            lambda config: albert.AlbertSpanPredictor(config, "v1"),
            False,
        ),
    ],
)
def test_fine_tuned_models(architecture, head, make, pooler):
    path, batch, outputs = golden(architecture)
    start = open_starting_point(path)
    assert start.head == head
    model = perturbed(make(start.config))
    report = albert.load_weights(model, path)
    pooler_names = ["encoder/pooler/bias", "encoder/pooler/kernel"]
    assert report.fresh == ([] if pooler else pooler_names)
    found = model(batch)
    for name, expected in outputs.items():
        assert largest_difference(found[name], expected) < TOLERANCE


# -------------------------------------------------------- there and back

GROUPS = {"num_hidden_groups": 2, "inner_group_num": 2, "hidden_act": "relu"}
MODELS = {
    "AlbertModel": lambda config: albert.AlbertEncoder(config),
    "AlbertForPreTraining": lambda config: albert.AlbertPretrainer(config),
    "AlbertForSequenceClassification": lambda config: albert.AlbertClassifier(
        config, 5, classifier_dropout=0.3
    ),
    "AlbertForMultipleChoice": lambda config: albert.AlbertMultipleChoice(
        config
    ),
    "AlbertForTokenClassification": lambda config: albert.AlbertTokenClassifier(
        config, 7
    ),
    "AlbertForQuestionAnswering": lambda config: albert.AlbertSpanPredictor(
        config
    ),
}


@pytest.mark.parametrize(
    ("architecture", "changes"),
    [
        *((architecture, GROUPS) for architecture in MODELS),
        ("AlbertForPreTraining", {}),
        ("AlbertForPreTraining", {"sharing": "none", "hidden_act": "gelu_erf"}),
        ("AlbertModel", {"embedding_size": 26, "hidden_dropout_prob": 0.2}),
    ],
)
def test_round_trip_is_exact(tmp_path, architecture, changes):
    model = perturbed(MODELS[architecture](small_config(**changes)))
    left = albert.save_weights(model, tmp_path / "x", format="huggingface")
    values = json.loads((tmp_path / "x" / "config.json").read_text())
    assert values["architectures"] == [architecture]
    start = open_starting_point(tmp_path / "x")
    assert start.config.num_attention_groups == (
        model.config.num_attention_groups
    )
    assert start.config.hidden_act == model.config.hidden_act
    again = MODELS[architecture](start.config)
    report = albert.load_weights(again, tmp_path / "x")
    assert sorted(left) == report.fresh
    without_pooler = architecture in (
        "AlbertForTokenClassification",
        "AlbertForQuestionAnswering",
    )
    assert len(left) == (2 if without_pooler else 0)
    for name, value in weights(model).items():
        if name not in left:
            assert np.array_equal(weights(again)[name], value), name
    if architecture == "AlbertForSequenceClassification":
        assert start.classifier_dropout == 0.3
        assert len(values["id2label"]) == start.num_labels == 5


def test_files_and_their_names(tmp_path):
    model = albert.AlbertEncoder(small_config(vocab_size=2000))
    albert.save_weights(
        model,
        tmp_path / "x",
        format="huggingface",
        tokenizer=albert.Tokenizer(SPM, lower_case=False),
    )
    assert sorted(path.name for path in (tmp_path / "x").iterdir()) == [
        "config.json",
        "model.safetensors",
        "spiece.model",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    modes = {path.stat().st_mode for path in (tmp_path / "x").iterdir()}
    assert len(modes) == 1
    tensors = safetensors.numpy.load_file(tmp_path / "x" / "model.safetensors")
    assert "encoder.embedding_hidden_mapping_in.weight" in tensors
    assert not open_starting_point(tmp_path / "x").tokenizer.lower_case
    assert list(tmp_path.iterdir()) == [tmp_path / "x"]


def test_what_transformers_cannot_hold(tmp_path):
    for model, words in (
        (albert.AlbertSpanPredictor(small_config(), "v2"), "the head span_v2"),
        (albert.AlbertEncoder(small_config(sharing="ffn")), "sharing 'ffn'"),
    ):
        with pytest.raises(albert.UserError, match=words):
            albert.save_weights(model, tmp_path / "x", format="huggingface")
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------- the configuration


def test_defaults_are_those_of_transformers():
    config, head, dropout = huggingface_config.from_values({}, "x")
    assert config == albert.AlbertConfig.named("xxlarge")
    assert head is None
    assert dropout == 0.1
    values = {"hidden_dropout_prob": 0.4, "classifier_dropout_prob": None}
    assert huggingface_config.from_values(values, "x")[2] == 0.4


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("gelu_new", "gelu"),
        ("gelu_pytorch_tanh", "gelu"),
        ("gelu", "gelu_erf"),
        ("relu", "relu"),
    ],
)
def test_activations(theirs, ours):
    values = {**CONFIG, "hidden_act": theirs}
    config, _, _ = huggingface_config.from_values(values, "x")
    assert config.hidden_act == ours


def test_as_many_groups_as_layers_in_any_number():
    # 22 is refused as "all", because the original's rounding mixes it up.
    values = {**CONFIG, "num_hidden_layers": 22, "num_hidden_groups": 22}
    config, _, _ = huggingface_config.from_values(values, "x")
    assert config.num_attention_groups == config.num_ffn_groups == 22
    back = huggingface_config.to_values(config, "none", 0, 0.1, None, {})
    assert back["num_hidden_groups"] == 22


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "roberta"}, "model_type is 'roberta'"),
        ({"layer_norm_eps": 1e-5}, "layer_norm_eps is 1e-05"),
        ({"position_embedding_type": "relative_key"}, "relative_key"),
        ({"tie_word_embeddings": False}, "tie_word_embeddings is False"),
        ({"is_decoder": True}, "is_decoder"),
        ({"quantization_config": {}}, "quantization_config"),
        ({"hidden_act": "swish"}, "hidden_act is 'swish': it must be one of"),
        ({"hidden_act": ["gelu"]}, "hidden_act"),
        ({"hidden_size": "26"}, "hidden_size"),
        ({"hidden_size": 27}, "not a multiple of num_attention_heads"),
        ({"num_hidden_layers": None}, "num_hidden_layers is None"),
        ({"num_hidden_layers": True}, "num_hidden_layers is True"),
        ({"classifier_dropout_prob": "x"}, "classifier_dropout_prob is 'x'"),
    ],
)
def test_configurations_that_are_not_ours(directory, changes, words):
    file = directory / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))
    with pytest.raises(albert.UserError, match=words) as error:
        loaded(directory)
    assert str(error.value).startswith(f"{file}: ")
    assert "\n" not in str(error.value)


# ------------------------------------------------------------- the weights


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("written") / "x"
    model = perturbed(albert.AlbertPretrainer(small_config()))
    albert.save_weights(model, path, format="huggingface")
    return path


@pytest.fixture
def directory(tmp_path, written):
    """A written AlbertForPreTraining."""
    shutil.copytree(written, tmp_path / "x")
    return tmp_path / "x"


def rewrite(directory, change):
    file = directory / "model.safetensors"
    tensors = safetensors.numpy.load_file(file)
    change(tensors)
    safetensors.numpy.save_file(tensors, file)


def loaded(directory):
    return dict(open_starting_point(directory).source.tensors)


def test_weights_that_older_versions_wrote_twice(directory):
    before = loaded(directory)

    def change(tensors):
        words = tensors["albert.embeddings.word_embeddings.weight"]
        tensors["predictions.decoder.weight"] = words.copy()
        tensors["predictions.decoder.bias"] = tensors.pop("predictions.bias")
        tensors["albert.embeddings.position_ids"] = np.arange(19)[np.newaxis]

    rewrite(directory, change)
    for name, value in loaded(directory).items():
        assert np.array_equal(value, before[name]), name


def test_weights_that_are_not_tied(directory):
    def change(tensors):
        words = tensors["albert.embeddings.word_embeddings.weight"]
        tensors["predictions.decoder.weight"] = words + 1

    rewrite(directory, change)
    with pytest.raises(albert.UserError, match="decoder.weight differs"):
        loaded(directory)


@pytest.mark.parametrize("dtype", [np.float16, ml_dtypes.bfloat16])
def test_half_precision(directory, dtype):
    before = loaded(directory)

    def change(tensors):
        for name in tensors:
            tensors[name] = tensors[name].astype(dtype)

    rewrite(directory, change)
    for name, value in loaded(directory).items():
        expected = before[name].astype(dtype).astype(np.float32)
        assert np.array_equal(value, expected), name


def test_projection_where_ours_has_none(tmp_path):
    config = small_config(embedding_size=26)
    model = albert.AlbertEncoder(config)
    albert.save_weights(model, tmp_path / "x", format="huggingface")

    def change(tensors):
        tensors["encoder.embedding_hidden_mapping_in.bias"][3] = 0.5

    rewrite(tmp_path / "x", change)
    with pytest.raises(albert.UserError, match="projection between them"):
        albert.load_weights(model, tmp_path / "x")


def test_misfits_are_listed_by_their_names(directory):
    def change(tensors):
        name = "albert.encoder.embedding_hidden_mapping_in.weight"
        tensors[name] = np.ascontiguousarray(tensors[name].T)
        tensors["predictions.bias"] = np.zeros(54, np.float32)

    rewrite(directory, change)
    with pytest.raises(albert.UserError) as error:
        loaded(directory)
    message = str(error.value)
    assert "2 weights do not fit its configuration" in message
    assert "mapping_in.weight has shape [11, 26] instead of [26, 11]" in message
    assert "predictions.bias has shape [54] instead of [53]" in message


def test_missing_and_foreign_weights(directory):
    def change(tensors):
        del tensors["albert.pooler.bias"]
        tensors["albert.mystery"] = np.zeros(3, np.float32)
        tensors["lm_head.weight"] = np.zeros(3, np.float32)

    rewrite(directory, change)
    with pytest.raises(albert.UserError) as error:
        albert.load_weights(albert.AlbertPretrainer(small_config()), directory)
    message = str(error.value)
    assert "2 differences" in message
    assert "missing albert.pooler.bias" in message
    assert "no place for albert.mystery" in message
    unknown = open_starting_point(directory).source.unknown
    assert unknown == ["albert.mystery", "lm_head.weight"]


def say_architectures(directory, architectures):
    file = directory / "config.json"
    values = json.loads(file.read_text())
    file.write_text(json.dumps({**values, "architectures": architectures}))


@pytest.mark.parametrize(
    "architectures",
    [
        ["AlbertCRF"],
        ["AlbertForMaskedLM", "AlbertCRF"],
        ["Albert\nCRF"],
        "AlbertCRF",
        [7],
    ],
)
def test_the_head_of_an_unknown_class_is_not_guessed(directory, architectures):
    say_architectures(directory, architectures)
    start = open_starting_point(directory)
    with pytest.raises(albert.UserError) as error:
        start.head  # noqa: B018 (a property that refuses)
    message = str(error.value)
    assert message.startswith(f"{directory / 'config.json'}: architectures is ")
    assert "--head=none" in message
    assert "\n" not in message
    assert not start.has_head("pretraining")
    # Its encoder is nevertheless that of an ALBERT.
    albert.load_weights(albert.AlbertEncoder(small_config()), start)


@pytest.mark.parametrize(
    "architectures", [["TFAlbertForPreTraining"], ["AlbertModel"], [], None]
)
def test_classes_that_are_known(directory, architectures):
    say_architectures(directory, architectures)
    start = open_starting_point(directory)
    assert start.head == "pretraining"
    assert start.has_head("pretraining")


def test_an_encoder_of_an_unknown_class_has_no_head(directory):
    def change(tensors):
        for name in [each for each in tensors if each[:7] != "albert."]:
            del tensors[name]

    rewrite(directory, change)
    say_architectures(directory, ["AlbertForSentences"])
    assert open_starting_point(directory).head == "none"


def test_weights_that_nothing_is_computed_with_are_named(directory, caplog):
    def change(tensors):
        tensors["crf.transitions"] = np.zeros((3, 3), np.float32)
        tensors["lstm.weight_ih_l0"] = np.zeros(3, np.float32)

    model = albert.AlbertEncoder(small_config())
    albert.load_weights(model, directory)
    assert caplog.messages == []
    rewrite(directory, change)
    albert.load_weights(model, directory)
    (message,) = caplog.messages
    assert message.startswith(f"{directory}: 2 weights are of no part that is")
    assert message.endswith("crf.transitions, lstm.weight_ih_l0")


# ------------------------------------------------------------------ shards


def split(directory):
    file = directory / "model.safetensors"
    tensors = safetensors.numpy.load_file(file)
    file.unlink()
    where = {}
    for number in range(3):
        part = f"model-{number + 1:05}-of-00003.safetensors"
        names = sorted(tensors)[number::3]
        safetensors.numpy.save_file(
            {name: tensors[name] for name in names}, directory / part
        )
        where |= dict.fromkeys(names, part)
    write_index(directory, where)
    return where


def write_index(directory, where):
    (directory / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 1}, "weight_map": where})
    )


def test_shards(directory):
    before = loaded(directory)
    split(directory)
    for name, value in loaded(directory).items():
        assert np.array_equal(value, before[name]), name


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("../secret.safetensors", "expected the name of a file"),
        ("/etc/passwd", "expected the name of a file"),
        ("config.json", "no .safetensors file of this directory"),
        (7, "expected the name of a file, found 7"),
        ("absent.safetensors", "absent.safetensors: cannot be read"),
        ("a\0.safetensors", "expected the name of a file"),
        ("model-00002-of-00003.safetensors", "which the index does not say"),
    ],
)
def test_indices_that_lie(directory, place, words):
    where = split(directory)
    # Outside the directory lies a file that would otherwise be read.
    shutil.copyfile(
        directory / "model-00001-of-00003.safetensors",
        directory.parent / "secret.safetensors",
    )
    name = next(n for n, file in where.items() if "00001" in file)
    write_index(directory, {**where, name: place})
    with pytest.raises(albert.UserError, match=words):
        loaded(directory)


@pytest.mark.parametrize("where", [None, [], {}, "x"])
def test_indices_without_a_map(directory, where):
    split(directory)
    write_index(directory, where)
    with pytest.raises(albert.UserError, match="json: weight_map"):
        loaded(directory)


def test_index_with_a_weight_that_is_nowhere(directory):
    where = split(directory)
    write_index(directory, {**where, "x": "model-00001-of-00003.safetensors"})
    with pytest.raises(albert.UserError, match="no file holds: x:"):
        loaded(directory)


# ------------------------------------------------------------ hostile files


def header(entries, data=b"", length=None):
    text = entries if isinstance(entries, bytes) else json.dumps(entries)
    text = text if isinstance(text, bytes) else text.encode()
    size = len(text) if length is None else length
    return struct.pack("<Q", size) + text + data


def entry(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x00\x00\x00",
        header({}, length=1 << 60),
        header({}, length=1 << 20),
        header(b"{]"),
        header(b"[]"),
        header(b'{"a": "\xff"}'),
        header(b'{"a":' + b"[" * 100000 + b"]" * 100000 + b"}"),
        header({"a": entry([2], 0, 4)}, b"1234"),
        header({"a": entry([1], 0, 4)}, b"12"),
        header({"a": entry([-1], 0, 4)}, b"1234"),
        header({"a": entry([1 << 40], 0, 1 << 42)}, b"1234"),
        header({"a": entry([1 << 62, 16], 0, 0)}),
        header({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}, b"1234"),
        header({"a": entry([1], 4, 8)}, b"12345678"),
        header({"a": entry([1], 0, 4, "F999")}, b"1234"),
        header({"a": entry([4], 0, 4, "I8")}, b"1234"),
    ],
)
def test_hostile_safetensors(directory, content):
    (directory / "model.safetensors").write_bytes(content)
    with pytest.raises(albert.UserError) as error:
        loaded(directory)
    assert str(error.value).startswith(f"{directory}/model.safetensors: ")
    assert "\n" not in str(error.value)


def test_truncated_safetensors(directory):
    file = directory / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(albert.UserError, match="not a readable safetensors"):
        loaded(directory)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "not valid JSON"),
        (b"[]", "expected an object, found a list"),
        (b"{", "not valid JSON"),
        (b'{"a": \xff}', "not valid JSON"),
        (b"[" * 100000, "not valid JSON"),
    ],
)
def test_hostile_configurations(directory, content, words):
    (directory / "config.json").write_bytes(content)
    with pytest.raises(albert.UserError, match=words):
        loaded(directory)


def test_pickles_are_not_opened(directory):
    (directory / "model.safetensors").rename(directory / "pytorch_model.bin")
    for path in (directory, directory / "pytorch_model.bin"):
        with pytest.raises(albert.UserError, match="save_pretrained"):
            loaded(path)


def test_values_that_are_no_numbers(directory):
    def change(tensors):
        tensors["predictions.bias"][5] = np.nan

    rewrite(directory, change)
    model = perturbed(albert.AlbertPretrainer(small_config()))
    before = weights(model)
    with pytest.raises(albert.UserError, match="predictions.bias holds NaN"):
        albert.load_weights(model, directory)
    for name, value in weights(model).items():
        assert np.array_equal(before[name], value), name


def test_what_is_recognised(directory, tmp_path):
    assert huggingface.matches(directory)
    assert not huggingface.matches(tmp_path)
    assert not huggingface.matches(directory / "config.json")
    start = open_starting_point(directory / "model.safetensors")
    assert start.source.path == str(directory)
