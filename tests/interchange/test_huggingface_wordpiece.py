# SPDX-License-Identifier: Apache-2.0
"""A WordPiece vocabulary as transformers has it, there and back.

That the ids are equal is tested with transformers, in tests/peers.
"""

import json
import pathlib

import pytest

import albert
from albert.errors import UserError
from albert.interchange import huggingface_tokenizer

VOCABULARY = (
    pathlib.Path(__file__).parents[1] / "golden" / "wordpiece" / "vocab.txt"
)


@pytest.mark.parametrize(
    "lower_case, strip_accents",
    [(True, True), (True, False), (False, False)],
)
def test_there_and_back(tmp_path, lower_case, strip_accents):
    tokenizer = albert.load_tokenizer(
        VOCABULARY, lower_case, strip_accents=strip_accents
    )
    huggingface_tokenizer.write(tmp_path, tokenizer, 53)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    again = huggingface_tokenizer.find(tmp_path).load()
    assert again.kind == "wordpiece"
    assert again.fingerprint == tokenizer.fingerprint
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert settings["do_lower_case"] is lower_case
    assert settings["strip_accents"] is strip_accents
    assert settings["unk_token"] == "[UNK]"
    assert "digit_comma" not in settings


def test_settings_of_others(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(VOCABULARY.read_bytes())
    assert huggingface_tokenizer.find(tmp_path).load().lower_case
    settings_file = tmp_path / "tokenizer_config.json"
    for settings, is_supported in (
        ({"do_lower_case": False}, True),
        ({"do_lower_case": False, "strip_accents": False}, True),
        ({"strip_accents": True, "tokenize_chinese_chars": True}, True),
        ({"strip_accents": False}, True),
        ({"strip_accents": 0}, False),
        ({"do_lower_case": False, "strip_accents": True}, False),
        ({"tokenize_chinese_chars": False}, False),
        ({"do_basic_tokenize": False}, False),
        ({"do_lower_case": 1}, False),
        ({"word_tokenizer_type": "mecab"}, False),
        ({"subword_tokenizer_type": "character"}, False),
        ({"tokenizer_class": "BertJapaneseTokenizer"}, False),
        ({"tokenizer_class": "BertTokenizer"}, True),
    ):
        settings_file.write_text(json.dumps(settings))
        file = huggingface_tokenizer.find(tmp_path)
        if is_supported:
            tokenizer = file.load()
            lower_case = settings.get("do_lower_case", True)
            assert tokenizer.lower_case is lower_case
            assert tokenizer.strip_accents is settings.get(
                "strip_accents", lower_case
            )
        else:
            with pytest.raises(albert.UserError) as caught:
                file.load()
            name = list(settings)[-1]
            assert f"{settings_file}: {name} is" in str(caught.value)


def test_a_tokenizer_that_the_configuration_alone_names(tmp_path):
    (tmp_path / "vocab.txt").write_bytes(VOCABULARY.read_bytes())
    (tmp_path / "config.json").write_text(
        '{"tokenizer_class": "BertJapaneseTokenizer"}'
    )
    file = huggingface_tokenizer.find(tmp_path)
    with pytest.raises(
        albert.UserError, match=r"/config\.json: .*words are cut otherwise"
    ):
        file.load()


def test_a_directory_without_vocabulary_has_none(tmp_path):
    (tmp_path / "tokenizer_config.json").write_text("damaged")
    assert huggingface_tokenizer.find(tmp_path) is None


def test_a_pipeline_alone_is_refused(tmp_path):
    """As transformers 5 writes it, which needs no vocab.txt."""
    huggingface_tokenizer.write(tmp_path, albert.load_tokenizer(VOCABULARY), 53)
    (tmp_path / "vocab.txt").unlink()
    file = huggingface_tokenizer.find(tmp_path)
    with pytest.raises(UserError, match="--vocab_file") as error:
        file.load()
    assert str(error.value).startswith(f"{tmp_path / 'tokenizer.json'}: a Word")
    for other in ({"model": {"type": "Unigram"}}, {"model": None}, {}):
        (tmp_path / "tokenizer.json").write_text(json.dumps(other))
        assert huggingface_tokenizer.find(tmp_path) is None


def test_other_formats(tmp_path):
    model = albert.AlbertEncoder(
        albert.AlbertConfig(
            vocab_size=916,
            embedding_size=6,
            hidden_size=22,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=26,
        )
    )
    tokenizer = albert.load_tokenizer(VOCABULARY)
    with pytest.raises(albert.UserError, match="no SentencePiece model"):
        albert.save_weights(model, tmp_path / "x", "kerashub", tokenizer)
    assert not (tmp_path / "x").exists()
