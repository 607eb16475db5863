# SPDX-License-Identifier: Apache-2.0
"""Directories of sentence-transformers: their files, and what is refused.

tests/peers opens them with the library.
"""

import json
import pathlib

import pytest

import albert
from albert import vector_flags
from albert.convert import convert
from albert.errors import UserError
from albert.export import sentence_transformers

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"


def read(directory, *names):
    return json.loads(directory.joinpath(*names).read_text())


def test_steps_lead_from_the_text_to_the_vector(models, tmp_path, small_config):
    report = sentence_transformers.export(
        str(models("pretraining")),
        str(tmp_path / "a"),
        11,
        pooling="max",
        normalize=True,
    )
    steps = read(tmp_path / "a", "modules.json")
    assert [(step["idx"], step["path"]) for step in steps] == [
        (0, ""),
        (1, "1_Pooling"),
        (2, "2_Normalize"),
    ]
    assert [step["type"].rpartition(".")[2] for step in steps] == [
        "Transformer",
        "Pooling",
        "Normalize",
    ]
    for step in steps:
        assert (tmp_path / "a" / step["path"] / "config.json").is_file()
    pooling = read(tmp_path / "a", "1_Pooling", "config.json")
    width = small_config["hidden_size"]
    assert pooling.pop("word_embedding_dimension") == width
    assert [k for k, v in pooling.items() if v] == ["pooling_mode_max_tokens"]
    length = read(tmp_path / "a", "sentence_bert_config.json")
    assert length == {"max_seq_length": 11, "do_lower_case": False}
    config = read(tmp_path / "a", "config.json")
    assert config["architectures"] == ["AlbertModel"]
    assert (
        f"Vectors: {width} numbers, pooling max, of length 1; texts are cut "
        "at 11 pieces"
    ) in report.lines()
    assert any("cls/predictions" in line for line in report.lines())
    assert not any("No pooler" in line for line in report.lines())


def test_every_pooling_has_its_name_there():
    assert tuple(sentence_transformers._MODES) == vector_flags.POOLINGS


def test_length_is_that_of_embed(models, tmp_path):
    """A model of a task cuts texts where its training did."""
    report = sentence_transformers.export(
        str(models("classification")), str(tmp_path / "a")
    )
    length = read(tmp_path / "a", "sentence_bert_config.json")
    assert length["max_seq_length"] == 29
    steps = read(tmp_path / "a", "modules.json")
    assert [step["path"] for step in steps] == ["", "1_Pooling"]
    pooling = read(tmp_path / "a", "1_Pooling", "config.json")
    assert pooling["pooling_mode_mean_tokens"] is True
    assert "task_specific_params" not in read(tmp_path / "a", "config.json")
    assert any("cut at 29 pieces" in line for line in report.lines())


def test_weights_without_a_pooler_have_vectors(models, tmp_path):
    convert(
        models("pretraining"), tmp_path / "a", "huggingface", head="masked_lm"
    )
    report = sentence_transformers.export(
        str(tmp_path / "a"), str(tmp_path / "b")
    )
    assert any(line.startswith("No pooler") for line in report.lines())
    weights = (tmp_path / "b" / "model.safetensors").read_bytes()
    assert b"encoder.embedding_hidden_mapping_in" in weights
    assert b"pooler" not in weights


def test_an_export_is_replaced_and_not_exported_again(models, tmp_path):
    place = str(tmp_path / "a")
    sentence_transformers.export(str(models("pretraining")), place)
    with pytest.raises(UserError, match="exists already"):
        sentence_transformers.export(str(models("pretraining")), place)
    sentence_transformers.export(
        str(models("pretraining")), place, pooling="cls", overwrite=True
    )
    pooling = read(tmp_path / "a", "1_Pooling", "config.json")
    assert pooling["pooling_mode_cls_token"] is True
    with pytest.raises(UserError, match="modules.json: tells that this is"):
        sentence_transformers.export(place, str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("changes", "length", "message"),
    [
        ({"position_embedding": "sinusoidal"}, None, "sinusoidal"),
        ({"max_position_embeddings": 23}, 24, "has 23 positions"),
    ],
)
def test_what_cannot_be_said_there_is_refused(
    small_config, tmp_path, changes, length, message
):
    tokenizer = albert.Tokenizer(GOLDEN / "spm2000.model")
    model = albert.AlbertEncoder(
        albert.AlbertConfig.from_dict({**small_config, **changes})
    )
    albert.save_weights(model, tmp_path / "a", "model_dir", tokenizer)
    with pytest.raises(UserError, match=message):
        sentence_transformers.export(
            str(tmp_path / "a"), str(tmp_path / "b"), length
        )
    assert not (tmp_path / "b").exists()


def test_a_model_without_a_tokenizer_is_refused(small_config, tmp_path):
    model = albert.AlbertEncoder(albert.AlbertConfig.from_dict(small_config))
    albert.save_weights(model, tmp_path / "a", "model_dir")
    with pytest.raises(UserError, match="tokenizer|vocabulary"):
        sentence_transformers.export(str(tmp_path / "a"), str(tmp_path / "b"))
    assert not (tmp_path / "b").exists()
