# SPDX-License-Identifier: Apache-2.0
"""The command `albert predict`: each head, order, bad rows, files."""

import csv
import gzip
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.interchange.starting_point import open_starting_point
from albert.prediction import __main__ as predict
from albert.prediction import row_kinds

WORDS = ("the", "wild", "river", "sang", "beside", "a", "very", "old", "mill")


def text(number):
    """Returns a text of its own for each number, of differing lengths."""
    return " ".join(
        WORDS[(number * step + step) % 9] for step in range(1 + number * 5 % 17)
    )


ROWS = {
    "classification": [{"id": f"r{n}", "text": text(n)} for n in range(23)],
    "regression": [{"id": f"r{n}", "text": text(n)} for n in range(5)],
    "multiple_choice": [
        {
            "id": f"r{n}",
            "context": text(n),
            "question": text(n + 1),
            "options": [text(n + k) for k in range(2, 4 + n % 2)],
        }
        for n in range(7)
    ],
    "token_classification": [
        {"id": f"r{n}", "words": [*text(n).split(), "New York"]}
        for n in range(9)
    ],
    "span_v1": [
        {"id": f"r{n}", "context": text(n + 12), "question": text(n)}
        for n in range(6)
    ],
}
ROWS["span_v2"] = ROWS["span_v1"]
ROWS["multi_label"] = ROWS["classification"]


@pytest.fixture
def run(run_module):
    return lambda *arguments: run_module(predict, *arguments)


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def read_jsonl(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def few_rows_together(monkeypatch, most):
    for kind in row_kinds.ROW_KINDS.values():
        monkeypatch.setattr(kind, "most_rows", most)


def values(rows):
    """Returns all numbers of predictions, in their order."""
    return [
        number
        for row in rows
        for value in row.values()
        for number in (value.values() if isinstance(value, dict) else [value])
        if isinstance(number, float)
    ]


@pytest.mark.parametrize("head", ROWS)
def test_each_head_predicts_each_row(run, models, tmp_path, monkeypatch, head):
    few_rows_together(monkeypatch, 4)
    given = ROWS[head][:6]
    source = write_jsonl(tmp_path / "rows.jsonl", given)
    out = tmp_path / "out.jsonl"
    code, printed, errors = run(
        models(head), f"--input_file={source}", f"--output_file={out}"
    )
    assert code == 0, errors
    assert str(out) in printed
    rows = read_jsonl(out)
    assert [row["id"] for row in rows] == [row["id"] for row in given]
    for row, example in zip(rows, given, strict=True):
        if head == "token_classification":
            assert row["words"] == example["words"]
            assert len(row["tags"]) == len(row["words"])
        if head == "multiple_choice":
            has_third = len(example["options"]) == 3
            assert (row["probability"]["C"] > 0) is has_third
        if head == "multi_label":
            # Its own thresholds: of 0, and one that no probability reaches.
            # And its own separator, as `albert classify` has it.
            assert row["prediction"] == "bird / dog"
        if head.startswith("span") and row["prediction"]:
            end = row["start"] + len(row["prediction"])
            assert example["context"][row["start"] : end] == row["prediction"]


def test_windows_and_batches_do_not_matter(run, models, tmp_path, monkeypatch):
    source = write_jsonl(tmp_path / "rows.jsonl", ROWS["classification"])
    found = []
    for most, batch in ((1000, 8), (4, 3)):
        few_rows_together(monkeypatch, most)
        code, printed, errors = run(
            models("classification"),
            f"--input_file={source}",
            f"--predict_batch_size={batch}",
        )
        assert code == 0, errors
        found.append([json.loads(line) for line in printed.splitlines()])
    whole, parts = found
    assert [row["prediction"] for row in whole] == [
        row["prediction"] for row in parts
    ]
    assert values(whole) == pytest.approx(values(parts), abs=1e-5)
    # Rows differ, so that another order would show.
    assert len(set(values(whole)[::3])) > 15


def test_probabilities_are_those_of_the_model(run, models, tmp_path):
    source = write_jsonl(tmp_path / "rows.jsonl", ROWS["classification"][:5])
    out = tmp_path / "out.jsonl"
    code, _, errors = run(
        models("classification"),
        f"--input_file={source}",
        f"--output_file={out}",
    )
    assert code == 0, errors
    start = open_starting_point(str(models("classification")))
    config, tokenizer = start.find_config_and_tokenizer()
    model = albert.AlbertClassifier(config, 3)
    albert.load_weights(model, start)
    for row, given in zip(
        read_jsonl(out), ROWS["classification"][:5], strict=True
    ):
        ids = [
            tokenizer.cls_id,
            *tokenizer.encode(given["text"])[:27],
            tokenizer.sep_id,
        ]
        logits = model({"input_ids": np.array([ids], np.int32)})["logits"]
        wanted = tf.nn.softmax(logits)[0].numpy()
        assert list(row["probability"].values()) == pytest.approx(
            wanted, abs=1e-5
        )
        assert row["prediction"] == ["bird", "cat", "dog"][wanted.argmax()]


def test_forms_and_columns(run, models, tmp_path):
    rows = ROWS["classification"][:3]
    (tmp_path / "rows.csv").write_text(
        "n,review\n" + "".join(f'"{r["id"]}","{r["text"]}"\n' for r in rows)
    )
    with gzip.open(tmp_path / "plain.tsv.gz", "wt") as file:
        file.writelines(f"{r['text']}\t{r['id']}\n" for r in rows)
    code, _, errors = run(
        models("classification"),
        f"--input_file={tmp_path / 'rows.csv'}",
        f"--output_file={tmp_path / 'new' / 'out.csv'}",
        "--text_column=review",
        "--id_column=n",
    )
    assert code == 0, errors
    with open(tmp_path / "new" / "out.csv", newline="") as file:
        table = list(csv.reader(file))
    assert table[0] == [
        *("id", "prediction", "probability of bird", "probability of cat"),
        "probability of dog",
    ]
    assert [row[0] for row in table[1:]] == ["r0", "r1", "r2"]
    code, printed, errors = run(
        models("classification"),
        f"--input_file={tmp_path / 'plain.tsv.gz'}",
        "--text_column=1",
        "--id_column=2",
    )
    assert code == 0, errors
    lines = [line.split("\t") for line in printed.splitlines()]
    assert lines == table


def test_a_header_above_columns_given_by_number(run, models, tmp_path):
    source = tmp_path / "rows.tsv"
    source.write_text("id\ttext\n7\tgood film\n8\tbad film\n")
    arguments = (models("classification"), f"--input_file={source}")
    code, printed, errors = run(*arguments, "--text_column=2")
    assert (code, printed) == (2, "")
    assert f"{source}:1: looks like a header (the text is 'text')" in errors


def test_words_a_line(run, models, tmp_path):
    source = tmp_path / "rows.conll"
    source.write_text("New York\tO\nsang\tO\n\n\nold\tO\n")
    code, printed, errors = run(
        models("token_classification"), f"--input_file={source}"
    )
    assert code == 0, errors
    lines = [line.split("\t") for line in printed.splitlines()]
    assert [line[0] for line in lines] == ["New York", "sang", "", "old", ""]
    assert {len(line) for line in lines if line[0]} == {2}


def test_rows_that_were_cut_or_empty_are_counted(run, models, tmp_path):
    source = tmp_path / "rows.txt"
    source.write_text("short\n" + "long " * 99 + "\n\n")
    code, printed, errors = run(
        models("classification"), f"--input_file={source}"
    )
    assert code == 0
    assert len(printed.splitlines()) == 4
    assert "1 of 3 rows were cut at 29 pieces" in errors
    assert "1 rows or words in 3 rows have no text" in errors
    assert "unknown to the vocabulary" not in errors


def test_unknown_pieces_are_counted(run, models, tmp_path):
    source = tmp_path / "rows.tsv"
    rows = ["text\ttext_b", "the river\tthe mill", "猫 犬\told", "mill\t猫"]
    source.write_text("\n".join(rows) + "\n")
    arguments = (models("classification"), f"--input_file={source}")
    code, _, errors = run(*arguments, "--text_b_column=text_b")
    assert code == 0
    assert "1 rows or words in 3 rows have no text" in errors
    assert "1 of 3 rows have no second text that the model knows" in errors
    assert "% of the pieces are unknown to the vocabulary" in errors
    source = write_jsonl(tmp_path / "rows.jsonl", [{"words": ["a", "犬"]}])
    _, _, errors = run(models("token_classification"), f"--input_file={source}")
    assert "% of the pieces are unknown to the vocabulary" in errors


def test_questions_that_were_cut_are_told_apart_from_rows(
    run, models, tmp_path
):
    source = write_jsonl(
        tmp_path / "rows.jsonl",
        [
            {"question": "Who?", "context": "long " * 99},
            {"question": "who " * 99, "context": "A fox."},
        ],
    )
    code, _, errors = run(models("span_v1"), f"--input_file={source}")
    assert code == 0, errors
    assert "1 of 2 questions were cut at 11 pieces" in errors
    assert "rows were cut" not in errors


BAD = {
    "no column": ("rows.jsonl", '{"text": "a"}\n{"txt": "b"}\n', ":2: "),
    "no text": ("rows.jsonl", '{"text": "a"}\n{"text": 3}\n', ":2: "),
    "not valid JSON": ("rows.jsonl", '{"text": "a"}\n{"te\n', ":2: "),
    "no JSON object": ("rows.jsonl", '{"text": "a"}\n[1]\n', ":2: "),
    "surrogate": ("rows.jsonl", '{"text": "\\ud800"}\n', ":1: "),
    "columns below": ("rows.tsv", "text\tb\na\tb\nc\n", ":3: "),
    "not UTF-8": ("rows.tsv", b"text\na\n\xff\n", ":3: "),
    "no column 'text'": ("rows.tsv", "review\na\n", ":2: "),
    "no rows": ("rows.tsv", "text\n", ": "),
    "two columns are named": ("rows.tsv", "text\ttext\na\tb\n", ":1: "),
    "separated by commas": ("rows.tsv", "text,b\na,b\n", ": "),
    "nothing says": ("rows", "text\na\n", ": "),
}


@pytest.mark.parametrize("words", BAD)
def test_bad_rows_are_refused_with_their_line(run, models, tmp_path, words):
    name, content, place = BAD[words]
    source = tmp_path / name
    if isinstance(content, str):
        content = content.encode()
    source.write_bytes(content)
    out = tmp_path / "out" / "out.tsv"
    code, printed, errors = run(
        models("classification"),
        f"--input_file={source}",
        f"--output_file={out}",
    )
    assert (code, printed) == (2, "")
    assert errors.count("\n") == 1
    assert f"{source}{place}" in errors
    assert words in errors
    assert not out.parent.exists()


def test_bad_rows_are_left_out_and_counted(run, models, tmp_path):
    source = tmp_path / "rows.jsonl"
    source.write_text('{"text": "a"}\n{"txt": "b"}\nx\n{"text": "c"}\n')
    code, printed, errors = run(
        models("classification"), f"--input_file={source}", "--skip_bad_rows"
    )
    assert code == 0
    # The numbers are those of the file.
    assert [json.loads(line)["id"] for line in printed.splitlines()] == [
        *("0", "3"),
    ]
    assert "2 bad rows left out, 2 read (50.0% lost)" in errors


def test_more_than_half_of_the_rows_are_bad(run, models, tmp_path):
    source = tmp_path / "rows.jsonl"
    source.write_text('{"text": "a"}\n' + '{"txt": "b"}\n' * 2)
    out = tmp_path / "out.jsonl"
    code, _, errors = run(
        models("classification"),
        f"--input_file={source}",
        f"--output_file={out}",
        "--skip_bad_rows",
    )
    assert code == 2 and errors.count("\n") == 1
    assert "2 bad rows left out, 1 read (66.7% lost), more than half" in errors
    assert f"{source}:2: no column 'text'" in errors
    assert not out.exists()


def test_a_bad_row_far_behind_leaves_no_file(
    run, models, tmp_path, monkeypatch
):
    monkeypatch.setattr(row_kinds.TextRows, "most_rows", 3)
    source = write_jsonl(
        tmp_path / "rows.jsonl", [*ROWS["classification"], {"text": None}]
    )
    out = tmp_path / "out.jsonl"
    out.write_text("mine")
    arguments = (
        models("classification"),
        f"--input_file={source}",
        f"--output_file={out}",
    )
    code, _, errors = run(*arguments, "--overwrite")
    assert code == 2
    assert f"{source}:24: " in errors
    assert out.read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        *("out.jsonl", "rows.jsonl"),
    ]
    code, _, errors = run(*arguments)
    assert code == 2
    assert "--overwrite" in errors


REFUSED = {
    "--text_b_column": ("token_classification", ["--text_b_column=a"]),
    "--option_columns": ("classification", ["--option_columns=a,b"]),
    "--null_score_diff_threshold": (
        "classification",
        ["--null_score_diff_threshold=1"],
    ),
    "answers every question": ("span_v1", ["--null_score_diff_threshold=1"]),
    "--delimiter": ("classification", ["--delimiter=;"]),
    "--input_format=conll": ("classification", ["--input_format=conll"]),
    "--output_format=conll": ("classification", ["--output_format=conll"]),
    "albert translate": ("text_to_text", []),
    "no head of a task": ("pretraining", []),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_does_not_fit_the_model_is_refused(run, models, tmp_path, words):
    head, arguments = REFUSED[words]
    row = dict.fromkeys(("text", "words", "question", "context"), "a")
    source = write_jsonl(tmp_path / "rows.jsonl", [row])
    code, _, errors = run(models(head), f"--input_file={source}", *arguments)
    assert code == 2
    assert errors.count("\n") == 1
    assert words in errors


def test_a_model_of_pairs_needs_both_texts(run, models, tmp_path):
    source = write_jsonl(tmp_path / "rows.jsonl", ROWS["classification"])
    place = tmp_path / "pairs"
    place.mkdir()
    for path in models("classification").iterdir():
        (place / path.name).write_bytes(path.read_bytes())
    task = json.loads((place / "task.json").read_text())
    (place / "task.json").write_text(json.dumps(task | {"text_pairs": True}))
    code, _, errors = run(place, f"--input_file={source}")
    assert code == 2
    assert "no column 'text_b'" in errors


def test_thresholds_that_are_still_to_be_tuned(run, models, tmp_path):
    folder = shutil.copytree(models("multi_label"), tmp_path / "model")
    task = json.loads((folder / "task.json").read_text())
    for changes, words in (
        ({"thresholds": [0.5]}, "has 1 thresholds, and 3 labels"),
        ({"thresholds": None}, "its thresholds were to be tuned"),
    ):
        changed = task | {"tune_thresholds": True} | changes
        changed = {k: v for k, v in changed.items() if v is not None}
        (folder / "task.json").write_text(json.dumps(changed))
        source = write_jsonl(tmp_path / "rows.jsonl", ROWS["multi_label"])
        out = tmp_path / "out.jsonl"
        code, _, errors = run(
            folder, f"--input_file={source}", f"--output_file={out}"
        )
        assert code == 2 and words in errors
        assert not out.exists()


def test_a_second_text_is_not_dropped(run, models, tmp_path):
    """Nothing says whether the model was trained on pairs."""
    rows = [{"text": "the river", "text_b": "the mill"}]
    source = write_jsonl(tmp_path / "rows.jsonl", rows)
    out = tmp_path / "out.jsonl"
    arguments = (
        models("classification"),
        f"--input_file={source}",
        f"--output_file={out}",
    )
    code, _, errors = run(*arguments)
    assert code == 2 and "give --text_b_column=text_b" in errors
    code, _, errors = run(*arguments, "--text_b_column=text_b")
    assert code == 0, errors
    code, _, errors = run(*arguments, "--text_b_column=text", "--overwrite")
    assert code == 2 and "'text' is given as both texts of a pair" in errors


def test_a_model_that_does_not_say_how_many_options_there_are():
    with pytest.raises(albert.UserError, match="how many options"):
        row_kinds.QuestionRows(row_kinds.Columns(), {})
