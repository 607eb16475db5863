# SPDX-License-Identifier: Apache-2.0
"""Named entities: a label for each word."""

import json

import numpy as np
import pytest


@pytest.fixture(scope="module")
def ner(sentences, tmp_path_factory, write_rows):
    """IOB1; one sentence is longer than the model's positions."""
    folder = tmp_path_factory.mktemp("ner")
    for split, sizes in (
        ("train", [*range(2, 19), 71]),
        ("dev", [3, 71, 5, 7]),
        ("test", [4, 73]),
    ):
        lines = ["-DOCSTART- O", ""]
        words = iter(" ".join(sentences).split())
        for size in sizes:
            for position, word in zip(range(size), words, strict=False):
                tag = ["O", "I-PER", "I-PER", "B-PER", "O", "I-LOC"]
                lines.append(f"{word} {tag[position % 6]}")
            lines.append("")
        write_rows(folder / f"{split}.txt", *([line] for line in lines))
    return folder


@pytest.mark.slow
def test_tagging_with_windows(
    inputs, ner, tmp_path, train_task, results_of, rows_of, make_records, run
):
    out = tmp_path / "model"
    _, errors = train_task(
        inputs, out, "ner", ner, "--do_predict", "--learning_rate=0.01"
    )
    description = json.loads((out / "task.json").read_text())
    assert description["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    results = results_of(out)
    assert {
        "entity_f1",
        "entity_precision",
        "entity_recall",
        "accuracy",
    } < results.keys()
    assert "train: 20 examples" in errors and "1 (5.6%) cut in parts" in errors
    for split in ("dev", "test"):
        # Each word of the file has a line, those of cut sentences too.
        given = (ner / f"{split}.txt").read_text().splitlines()[2:]
        rows = rows_of(out / f"{split}_predictions.txt")
        assert [row[0] for row in rows] == [
            line.split(" ")[0] for line in given
        ]
    rows = [row for row in rows_of(out / "dev_predictions.txt") if row[0]]
    assert rows[1][1] == "B-PER"  # I-PER in IOB1
    right = np.mean([row[1] == row[2] for row in rows])
    assert results["accuracy"] == pytest.approx(right)
    assert (out / "confusion_matrix.png").read_bytes().startswith(b"\x89PNG")
    make_records(
        tmp_path / "records",
        "ner",
        ner,
        "--splits=dev",
        "--max_seq_length=47",
    )
    code, _, errors = run(
        out,
        "--task_name=ner",
        "--do_eval",
        f"--eval_file={tmp_path}/records/ner_dev.tfrecord",
    )
    assert code == 0, errors
    found = results_of(out)
    # A mean over fewer than 100 words, in float32: 100 * 2**-24.
    assert found.pop("loss") == pytest.approx(results.pop("loss"), rel=1e-5)
    for name in ("path", "files"):
        assert found["data"][0].pop(name) != results["data"][0].pop(name)
    # Sentences of several sequences are whole there too.
    assert found == results
