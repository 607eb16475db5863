# SPDX-License-Identifier: Apache-2.0
"""What was written is read again, and differences are counted."""

import builtins
import pathlib
import sys
import types

import pytest

import albert
from albert.interchange import huggingface_tokenizer
from albert.interchange.sentencepiece_rules import self_contained_model
from albert.interchange.tokenizer_comparison import compare
from albert.interchange.tokenizer_comparison import compare_ids

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
SPM = GOLDEN / "spm2000.model"
DIGIT_COMMA_SPM = GOLDEN / "spm2000_numcomma.model"


def preset(tmp_path, model):
    folder = tmp_path / "assets" / "tokenizer"
    folder.mkdir(parents=True)
    (folder / "vocabulary.spm").write_bytes(model)
    return tmp_path


def test_the_same_ids(tmp_path):
    tokenizer = albert.Tokenizer(SPM)
    directory = preset(tmp_path, self_contained_model(tokenizer))
    found = compare(directory, "kerashub", tokenizer)
    assert found.different == []
    assert found.texts > 20
    assert str(found) == (
        f"Tokenizer: 0 of {found.texts} test strings have other ids in "
        "vocabulary.spm"
    )


def test_a_model_without_our_normalisation_is_found_out(tmp_path):
    tokenizer = albert.Tokenizer(SPM)
    directory = preset(tmp_path, tokenizer.model_proto)
    found = compare(directory, "kerashub", tokenizer)
    assert any("Caf" in text for text in found.different)
    assert len(found.different) < found.texts
    assert f", such as {found.different[0]!r}" in str(found)


@pytest.mark.parametrize(
    ("rule", "differs"), [("original", True), ("stripped", False)]
)
def test_the_stray_mark_in_a_word_is_found_out(tmp_path, rule, differs):
    tokenizer = albert.Tokenizer(DIGIT_COMMA_SPM, digit_comma=rule)
    directory = preset(tmp_path, self_contained_model(tokenizer))
    found = compare(directory, "kerashub", tokenizer)
    assert found.texts > 109
    assert ("It was9, they say" in found.different) == differs


def test_the_file_of_transformers_is_read_by_its_library(tmp_path, monkeypatch):
    tokenizer = albert.Tokenizer(SPM)

    class Theirs:
        def from_file(path):
            assert path == str(tmp_path / "tokenizer.json")
            return Theirs()

        def encode(self, text, add_special_tokens):
            assert not add_special_tokens
            ids = tokenizer.encode(text)
            return types.SimpleNamespace(ids=ids[1:] if "2010" in text else ids)

    library = types.SimpleNamespace(Tokenizer=Theirs)
    monkeypatch.setitem(sys.modules, "tokenizers", library)
    found = compare(str(tmp_path), "huggingface", tokenizer)
    assert [text[:8] for text in found.different] == ["In 2010,"]


def test_without_that_library_it_is_said(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *arguments):
        if name == "tokenizers":
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(builtins, "__import__", without)
    assert huggingface_tokenizer.load_written(str(tmp_path)) is None
    found = compare(str(tmp_path), "huggingface", albert.Tokenizer(SPM))
    assert str(found) == (
        "Tokenizer: tokenizer.json was not compared with this package, "
        "because tokenizers is not installed (pip install tokenizers)"
    )


def test_a_function_that_gives_other_ids():
    tokenizer = albert.Tokenizer(SPM)
    same = compare_ids("x/y.model", tokenizer.encode, tokenizer)
    assert same.different == []
    assert str(same).endswith("test strings have other ids in y.model")
    other = compare_ids("y.model", lambda text: [0, 1], tokenizer)
    assert len(other.different) == other.texts == same.texts
    assert compare_ids("y.model", None, tokenizer).texts == 0


def test_a_model_that_is_written_as_it_is_needs_no_comparison(tmp_path):
    assert compare(str(tmp_path), "google", albert.Tokenizer(SPM)) is None
