# SPDX-License-Identifier: Apache-2.0
"""The command `albert score`: files, flags, errors."""

import json
import os
import pathlib
import re

import pytest

import albert
from albert import model_directory
from albert.errors import UserError
from albert.score import __main__ as score
from albert.score.pseudo_likelihood import Scorer

SPM = (
    pathlib.Path(__file__).parents[1] / "golden" / "tokenization/spm2000.model"
)


@pytest.fixture(scope="module")
def directories(tmp_path_factory):
    """Model directories with random weights: pretrained, and a classifier."""
    tokenizer = albert.Tokenizer(SPM)
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
    found = []
    for name, model in (
        ("model", albert.AlbertPretrainer(config)),
        ("classifier", albert.AlbertClassifier(config, 3)),
    ):
        path = tmp_path_factory.mktemp("score") / name
        path.mkdir()
        model_directory.write_description(path, config, tokenizer)
        albert.save_weights(model, path / "model.ckpt-3")
        found.append(path)
    return found


@pytest.fixture
def run(run_main, directories, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def run(*arguments, model=directories[0]):
        return run_main(
            score.main,
            score.define_flags,
            model,
            *arguments,
            positional=score.POSITIONAL,
        )

    return run


def test_sentences_of_the_command_line_and_of_a_file(run):
    texts = ["She went.", "He\twent  home."]
    code, printed, _ = run(*texts)
    assert code == 0
    header, *rows = [line.split("\t") for line in printed.splitlines()]
    assert header == ["line", "score", "pieces", "text"]
    assert [(row[0], row[3]) for row in rows] == [
        ("1", "She went."),
        ("2", "He went home."),
    ]
    assert all(float(row[1]) < 0 for row in rows)
    pathlib.Path("lines.txt").write_text("\n".join(texts))
    code, told, errors = run(
        "--input_file=lines.txt", "--output_file=made/scores.tsv"
    )
    assert code == 0, errors
    assert pathlib.Path("made/scores.tsv").read_text() == printed
    assert "2 sentences" in told and "pseudo-perplexity" in told
    code, _, errors = run(
        "--input_file=lines.txt", "--output_file=made/scores.tsv"
    )
    assert code == 2 and "exists: choose another" in errors


def test_pairs(run):
    rows = [
        {"sentence_good": f"He sees {i}.", "sentence_bad": f"He see {i}."}
        for i in range(5)
    ]
    pathlib.Path("rule.jsonl").write_text("\n".join(map(json.dumps, rows)))
    code, printed, errors = run("--pairs_file=rule.jsonl", "--output_dir=out")
    assert code == 0, errors
    results = json.loads(pathlib.Path("out/results.json").read_text())
    assert results["num_pairs"] == 5
    assert list(results["paradigms"]) == ["rule"]
    assert results["weights"].endswith("model.ckpt-3")
    assert f"{results['accuracy']:.1%}" in printed
    assert pathlib.Path("out/accuracies.png").stat().st_size > 1000


def test_results_are_there_when_the_table_cannot_be_printed(run, monkeypatch):
    def print_nothing(*arguments):
        raise UserError("the reader has gone")

    pathlib.Path("rule.tsv").write_text(
        "sentence_good\tsentence_bad\nThey go.\tthey  go.\n"
    )
    monkeypatch.setattr(score.minimal_pairs, "table", print_nothing)
    code, _, errors = run("--pairs_file=rule.tsv", "--output_dir=out")
    assert code == 2 and "has gone" in errors
    results = json.loads(pathlib.Path("out/results.json").read_text())
    assert results["num_same_pieces"] == results["num_ties"] == 1
    assert results["num_same_sentences"] == results["num_windowed_sentences"]


def test_pairs_of_a_pipe(run):
    # As of <(…) in a shell.
    reading, writing = os.pipe()
    os.write(writing, b"sentence_good\tsentence_bad\na\tb\n")
    os.close(writing)
    code, _, errors = run(f"--pairs_file=/dev/fd/{reading}", "--output_dir=out")
    os.close(reading)
    assert code == 0, errors
    results = json.loads(pathlib.Path("out/results.json").read_text())
    assert (results["num_pairs"], results["files"]) == (1, [])


def test_all_lengths_are_checked_before_the_first_score(run, monkeypatch):
    def score_nothing(*arguments):
        raise AssertionError

    monkeypatch.setattr(Scorer, "score", score_nothing)
    lines = ["It went."] * 2000 + ["word " * 40]
    pathlib.Path("lines").write_text("\n".join(lines))
    code, _, errors = run("--input_file=lines")
    assert code == 2
    assert "lines:2001: 40 pieces" in errors
    rows = ["sentence_good\tsentence_bad", *(f"a\t{line}" for line in lines)]
    pathlib.Path("pairs").write_text("\n".join(rows))
    code, _, errors = run("--pairs_file=pairs")
    assert code == 2
    assert "pairs:2002: 40 pieces" in errors


def test_unknown_pieces_are_warned_of(run, caplog):
    with caplog.at_level("WARNING", logger="absl"):
        assert run("她们 回家 了")[0] == 0
    assert "unknown to the vocabulary" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "there is nothing to score"),
        (["a", "--input_file=b"], "one of them"),
        (["a", "--text_field=b"], "--text_field needs --input_file"),
        (["a", "--output_dir=b"], "--output_dir needs --pairs_file"),
        (["--pairs_file=a", "--output_file=b"], "give that"),
        (["--pairs_file=a", "--overwrite"], "is of --output_file"),
        (["a", "--good_field=b"], "--good_field is of --pairs_file"),
        (["--input_file=missing"], "missing"),
        (["--pairs_file=missing"], "missing"),
        (["--input_file=lines", "--output_file=lines"], "input and output"),
        (["--input_file=lines"], "lines:2: no text"),
        (["--input_file=empty"], "empty: no sentence"),
        (["--pairs_file=pairs", "--paradigm_field=rules"], "field 'rules'"),
        (["--pairs_file=pairs", "--phenomenon_field=is"], "field 'is'"),
        (["word " * 40], "sentence 1: .* at most 35"),
    ],
)
def test_what_is_refused(run, arguments, words):
    pathlib.Path("lines").write_text("One.\n\nTwo.\n")
    pathlib.Path("empty").touch()
    pathlib.Path("pairs").write_text("sentence_good\tsentence_bad\na\tb\n")
    before = sorted(pathlib.Path().iterdir())
    code, _, errors = run(*arguments)
    assert code == 2
    assert errors.splitlines()[-1].startswith("error: ")
    assert re.search(words, errors), errors
    assert sorted(pathlib.Path().iterdir()) == before


def test_files_of_the_model_are_not_replaced(run, directories):
    code, _, errors = run(
        "It went.",
        f"--output_file={directories[0] / 'model.ckpt-3.index'}",
        "--overwrite",
    )
    assert code == 2
    assert "both input and output" in errors


def test_model_without_the_head(run, directories):
    code, _, errors = run("It went.", model=directories[1])
    assert code == 2
    assert "no masked-LM head" in errors
