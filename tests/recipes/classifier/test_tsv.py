# SPDX-License-Identifier: Apache-2.0
"""A task of one's own: columns, labels, line ends."""

import pytest

HEADER = "text\tlabel\n"


@pytest.mark.usefixtures("steps_without_gradients")
def test_columns_by_name(
    inputs, sentences, tmp_path, write_rows, train_task, rows_of, run
):
    for split in ("train", "dev"):
        write_rows(
            tmp_path / f"{split}.tsv",
            ["stars", "what", "where"],
            *(["12"[n % 2], sentences[n], sentences[-n]] for n in range(13)),
        )
    out = tmp_path / "model"
    columns = [
        "--text_column=where",
        "--text_b_column=what",
        "--label_column=stars",
    ]
    train_task(inputs, out, "tsv", tmp_path, *columns)
    header, first, *_ = rows_of(out / "dev_predictions.tsv")
    assert header[:4] == ["id", "text", "text_b", "label"]
    assert first[1:4] == [sentences[0], sentences[0], "1"]
    # It is no model of single texts.
    before = (out / "eval_results.json").read_text()
    code, _, errors = run(
        out,
        "--task_name=tsv",
        f"--data_dir={tmp_path}",
        "--do_eval",
        *columns[::2],
    )
    assert code == 2 and "on pairs of texts, and dev has single" in errors
    assert (out / "eval_results.json").read_text() == before


@pytest.mark.usefixtures("steps_without_gradients")
def test_columns_by_number(
    inputs, sentences, tmp_path, write_rows, train_task, rows_of
):
    for split in ("train", "dev"):
        write_rows(
            tmp_path / f"{split}.tsv",
            *([f"{n}", "xyz"[n % 3], sentences[n]] for n in range(13)),
        )
    out = tmp_path / "model"
    train_task(
        inputs,
        out,
        "tsv",
        tmp_path,
        "--text_column=3",
        "--label_column=2",
        "--labels=z,y,x",
    )
    rows = rows_of(out / "dev_predictions.tsv")
    assert len(rows) == 1 + 13
    assert rows[0][-3:] == [f"probability of {label}" for label in "zyx"]
    assert [row[1] for row in rows[1:]] == sentences[:13]


@pytest.mark.usefixtures("steps_without_gradients")
def test_regression_of_ones_own(
    inputs, sentences, tmp_path, write_rows, train_task, results_of, run
):
    for split in ("train", "dev"):
        write_rows(
            tmp_path / f"{split}.tsv",
            ["text", "label"],
            *([sentences[n], f"{n / 10}"] for n in range(13)),
        )
    out = tmp_path / "model"
    train_task(inputs, out, "tsv", tmp_path, "--regression")
    results = results_of(out)
    assert {"pearson", "spearman", "mse"} <= results.keys()
    # Means over 13 rows, in float64 and in float32: 13 * 2**-24.
    assert results["mse"] == pytest.approx(results["loss"], rel=1e-5)
    assert results["baseline"]["mse"] == pytest.approx(0.14)
    code, _, errors = run(
        out, "--task_name=tsv", f"--data_dir={tmp_path}", "--do_eval"
    )
    assert code == 2
    assert "a model of a regression, not of a classification: give" in errors
    assert results_of(out) == results


def test_line_ends_marks_and_quotes(
    inputs, trained, model, tmp_path, evaluate, results_of, rows_of
):
    """As they come: BOM, CRLF, no last line end, quotes."""
    folder = tmp_path / "data"
    folder.mkdir()
    text = (inputs / "sample" / "dev.tsv").read_text()
    (folder / "dev.tsv").write_bytes(
        b"\xef\xbb\xbf" + text.rstrip("\n").replace("\n", "\r\n").encode()
    )
    results = evaluate(inputs, model, f"--data_dir={folder}")
    assert results["loss"] == results_of(trained[0])["loss"]
    (folder / "dev.tsv").write_text(
        HEADER + '"It began\tward\nHe said "No\tblackmore\n'
    )
    evaluate(inputs, model, f"--data_dir={folder}")
    rows = rows_of(model / "dev_predictions.tsv")[1:]
    assert [row[1] for row in rows] == ['"It began', 'He said "No']
