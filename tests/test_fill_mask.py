# SPDX-License-Identifier: Apache-2.0
"""Filling masks: the right places, the right order, readable errors."""

import pathlib

import numpy as np
import pytest

import albert
from albert import fill_mask
from albert import model_directory
from albert.errors import UserError
from albert.text.vocabulary import train_vocabulary

GOLDEN = pathlib.Path(__file__).parent / "golden"
MODEL = GOLDEN / "tokenization" / "spm2000.model"
TEXT = GOLDEN / "pretraining_data" / "input.txt"


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    """A model directory with random weights."""
    path = tmp_path_factory.mktemp("fill") / "model"
    config = albert.AlbertConfig(
        vocab_size=2000,
        embedding_size=6,
        hidden_size=22,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=26,
        max_position_embeddings=37,
        initializer_range=0.3,
    )
    path.mkdir()
    model_directory.write_description(path, config, albert.Tokenizer(MODEL))
    albert.save_weights(albert.AlbertPretrainer(config), path / "model.ckpt-3")
    return path


@pytest.fixture
def run(run_main):
    return lambda *arguments: run_main(
        fill_mask.main,
        fill_mask.define_flags,
        *arguments,
        positional=("DIR", "TEXT..."),
    )


def test_masks_are_where_they_were_written():
    tokenizer = albert.Tokenizer(MODEL)
    ids = fill_mask.encode_masked(tokenizer, "the [MASK] of the house.")
    assert [tokenizer.pieces[id_] for id_ in ids] == [
        "[CLS]",
        *tokenizer.tokenize("the"),
        "[MASK]",
        *tokenizer.tokenize("of the house."),
        "[SEP]",
    ]
    # Nor before letters that would be a word of their own.
    part = next(
        piece[1:]
        for piece in tokenizer.pieces
        if piece[:1] == "\u2581" and piece[1:].isalpha()
    )
    ids = fill_mask.encode_masked(tokenizer, f"a[MASK]{part} b")
    (inside,) = tokenizer.encode_batch([f"{part} b"], after_space=False)
    assert ids[2:] == [tokenizer.mask_id, *inside, tokenizer.sep_id]
    assert tokenizer.pieces[inside[0]][0] != "\u2581"
    ids = fill_mask.encode_masked(tokenizer, "[MASK][MASK], [MASK].")
    # No space before the comma: no new word there.
    assert [tokenizer.pieces[id_] for id_ in ids] == [
        "[CLS]",
        "[MASK]",
        "[MASK]",
        ",",
        "[MASK]",
        ".",
        "[SEP]",
    ]


def test_predictions_do_not_depend_on_the_other_rows(directory):
    model, tokenizer = fill_mask.load(directory)
    rows = [
        fill_mask.encode_masked(tokenizer, text)
        for text in ("a [MASK].", "the [MASK] of the old [MASK] was open.")
    ]
    together = fill_mask.fill_masks(model, tokenizer, rows, top=7)
    assert [len(fillings) for fillings in together] == [1, 2]
    for row, fillings in zip(rows, together, strict=True):
        (alone,) = fill_mask.fill_masks(model, tokenizer, [row], top=7)
        for one, two in zip(fillings, alone, strict=True):
            assert one.pieces == two.pieces
            difference = np.subtract(one.probabilities, two.probabilities)
            assert np.abs(difference).max() < 1e-6
            assert sorted(one.probabilities, reverse=True) == list(
                one.probabilities
            )
    # All of the vocabulary: probabilities that sum to one.
    ((filling,),) = fill_mask.fill_masks(model, tokenizer, rows[:1], top=2000)
    assert abs(sum(filling.probabilities) - 1) < 1e-5


def test_one_word_of_each_sentence_is_hidden():
    tokenizer = albert.Tokenizer(MODEL)
    sentences = TEXT.read_text().split("\n")[:300]
    hidden = fill_mask.hide_words(tokenizer, sentences, num_sentences=5, seed=3)
    assert len(hidden) == 5
    for text, word in hidden:
        assert text.split().count("[MASK]") == 1
        assert len(tokenizer.encode(word)) == 1
        restored = text.replace("[MASK]", word)
        assert restored in {" ".join(s.split()) for s in sentences}
    assert hidden == fill_mask.hide_words(tokenizer, sentences, 5, 3)
    assert hidden != fill_mask.hide_words(tokenizer, sentences, 5, 4)


@pytest.mark.parametrize("vocabulary", ["wordpiece", "sentencepiece"])
def test_pieces_of_a_script_without_spaces_are_hidden(tmp_path, vocabulary):
    sentences = [
        "曹操說天下英雄，不使公与操。",
        "曹操。",
        "玄德 說：公不与操！",
    ] * 9
    model = MODEL.parents[1] / "wordpiece" / "vocab.txt"
    if vocabulary == "sentencepiece":
        (tmp_path / "zh.txt").write_text("\n".join(sentences))
        model = tmp_path / "zh.model"
        train_vocabulary([str(tmp_path / "zh.txt")], str(tmp_path / "zh"), 32)
    tokenizer = albert.load_tokenizer(model)
    hidden = fill_mask.hide_words(tokenizer, sentences, 18, 3)
    assert len(hidden) == 18
    assert len({word for _, word in hidden}) > 4
    for text, word in hidden:
        assert word.isalpha()
        assert text.count("[MASK]") == 1
        assert text.replace("[MASK]", word) in sentences


def test_texts_of_the_command_line(run, directory):
    code, printed, errors = run(
        directory, "--top=3", "A [MASK].", "The [MASK] and the [MASK]"
    )
    assert (code, errors) == (0, "")
    lines = printed.splitlines()
    assert lines[0] == "A [MASK]."
    assert lines[2] == "The [MASK] and the [MASK]"
    assert len(lines) == 5
    assert all(lines[number].count("%") == 3 for number in (1, 3, 4))


def test_text_file(run, directory):
    code, printed, _ = run(
        directory, f"--text_file={TEXT}", "--num_sentences=4"
    )
    assert code == 0
    assert printed.count("the author wrote: ") == 4
    assert printed.count("[MASK]") == 4


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ["DIR", "--help"]),
        (["{d}"], ["[MASK]", "--text_file"]),
        (["{d}", "no mask"], ["no mask", "[MASK]"]),
        (["{d}", "a [mask]"], ["a [mask]", "[MASK]"]),
        (["{d}", "[MASK] " * 99], ["101 pieces", "37"]),
        (["{t}/missing", "[MASK]"], ["{t}/missing", "no such checkpoint"]),
        (["{t}", "[MASK]"], ["{t}", "holds no checkpoint"]),
        (["{t}/short.txt", "[MASK]"], ["short.txt", "no checkpoint that"]),
        (["{t}/latin.txt", "[MASK]"], ["latin.txt", "no checkpoint that"]),
        (["", "[MASK]"], ["DIR", "it is empty"]),
        (["gs://a/b", "[MASK]"], ["DIR gs://a/b", "file system"]),
        (["{d}", "\udce9 [MASK]"], ["'\\udce9 [MASK]' is not UTF-8"]),
        (["{d}", "--text_file={t}/latin.txt"], ["latin.txt: line 2", "UTF-8"]),
        (["{d}", "--text_file={t}/missing"], ["{t}/missing"]),
        (["{d}", "--text_file={t}/short.txt"], ["short.txt", "words"]),
        (["{d}", "--top=0", "[MASK]"], ["--top"]),
    ],
)
def test_bad_input(run, directory, tmp_path, arguments, words):
    (tmp_path / "short.txt").write_text("too short.\n")
    (tmp_path / "latin.txt").write_bytes(b"The\ncaf\xe9.\n")
    names = {"d": directory, "t": tmp_path}
    code, printed, errors = run(*[a.format(**names) for a in arguments])
    assert (code, printed) == (2, "")
    *log, last = errors.splitlines()
    assert last.startswith("error: ")
    assert not any("error" in line for line in log)
    for word in words:
        assert word.format(**names) in last


def test_directory_without_weights(run, directory, tmp_path):
    for name in ("albert_config.json", "spiece.model", "spiece.json"):
        (tmp_path / name).write_bytes((directory / name).read_bytes())
    code, _, errors = run(tmp_path, "[MASK]")
    assert code == 2
    assert "no checkpoint" in errors


def test_model_that_fills_no_masks(directory, tmp_path):
    """Its remedy is not one of training, nor of Python."""
    config = model_directory.read_config(directory)
    model_directory.write_description(tmp_path, config, albert.Tokenizer(MODEL))
    albert.save_weights(
        albert.AlbertClassifier(config, 3), tmp_path / "model.ckpt-3"
    )
    with pytest.raises(UserError, match="no masked-LM head: give a pretr"):
        fill_mask.load(tmp_path)


def test_tokenizer_of_another_model(directory, tmp_path):
    config = model_directory.read_config(directory).to_dict()
    model_directory.write_description(
        tmp_path,
        albert.AlbertConfig(**config | {"vocab_size": 1999}),
        albert.Tokenizer(MODEL),
    )
    for path in directory.glob("model.ckpt-3.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="1999.*2000"):
        fill_mask.load(tmp_path)


def test_command_is_quiet(directory, run_process):
    completed = run_process("-m", "albert.fill_mask", directory, "The [MASK].")
    assert (completed.returncode, completed.stderr) == (0, "")
    assert completed.stdout.startswith("The [MASK].\n    ")
