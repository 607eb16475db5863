# SPDX-License-Identifier: Apache-2.0
"""Records of examples in place of texts."""

import json

import pytest


@pytest.fixture(scope="module")
def records(inputs, tmp_path_factory, make_records):
    folder = tmp_path_factory.mktemp("records")
    make_records(
        folder,
        "tsv",
        inputs / "sample",
        "--splits=train,dev,test",
        "--num_shards=2",
    )
    return folder


def test_records_give_the_same_evaluation(
    inputs,
    records,
    trained,
    model,
    without_path,
    results_of,
    evaluate,
    assert_close,
    run,
    rows_of,
):
    results = without_path(results_of(trained[0]))
    found = evaluate(
        inputs,
        model,
        f"--data_dir={records}/none",
        f"--eval_file={records}/tsv_dev-*",
    )
    assert_close(without_path(found), results)
    assert found["baseline"] == results["baseline"]
    code, _, errors = run(
        model,
        "--task_name=tsv",
        "--do_predict",
        f"--predict_file={records}/tsv_test-*",
    )
    assert code == 0, errors
    _, *rows = rows_of(model / "test_predictions.tsv")
    _, *expected = rows_of(trained[0] / "test_predictions.tsv")
    assert [row[0] for row in rows] == [row[0] for row in expected]
    assert [row[1] for row in rows] == [row[3] for row in expected]


@pytest.mark.usefixtures("steps_without_gradients")
def test_training_on_records(
    inputs,
    records,
    trained,
    tmp_path,
    training_flags,
    run,
    results_of,
    evaluate,
    without_path,
):
    out = tmp_path / "model"
    arguments = [
        *training_flags(inputs),
        f"--train_file={records}/tsv_train-*",
        "--do_eval",
        f"--eval_file={records}/tsv_dev-*",
    ]
    code, _, errors = run(out, *arguments, f"--data_dir={tmp_path}/none")
    assert code == 0, errors
    assert "train: 101 records of 37 pieces" in errors
    described, expected = (
        json.loads((folder / "task.json").read_text())
        for folder in (out, trained[0])
    )
    # Records do not say whether texts are pairs.
    assert expected.pop("text_pairs") is False
    assert described == expected  # The labels too.
    results = without_path(results_of(out))
    assert without_path(evaluate(inputs, out)) == results
    code, printed, errors = run(out, *arguments)
    assert code == 0, errors
    assert "all 4 steps were made before" in printed
    # Texts to evaluate, with the labels of the records.
    code, _, errors = run(out, *arguments[:-1])
    assert code == 0, errors
    assert without_path(results_of(out)) == results


def test_records_of_something_else(
    inputs,
    records,
    glue,
    tmp_path,
    make_records,
    contents,
    run,
    training_flags,
    assert_refused,
):
    make_records(tmp_path / "rte", "rte", glue, "--splits=dev,test")
    long = tmp_path / "long"
    make_records(long, "tsv", inputs / "sample", "--max_seq_length=41")
    before = contents(tmp_path)
    for arguments, words in (
        (
            [f"--eval_file={tmp_path}/rte/rte_dev.tfrecord"],
            ["rte_dev.tfrecord", "examples of rte"],
        ),
        (
            [f"--eval_file={long}/tsv_dev.tfrecord"],
            ["--max_seq_length must have one length, not 37, 41"],
        ),
        (
            [f"--eval_file={long}/tsv_dev.tfrecord", "--labels=x,y"],
            ["labels"],
        ),
        (
            [f"--eval_file={records}/tsv_dev.json"],
            ["no record file"],
        ),
    ):
        outcome = run(
            tmp_path / "model",
            *training_flags(inputs),
            f"--train_file={records}/tsv_train-*",
            "--do_eval",
            *arguments,
        )
        assert_refused(*outcome, words)
        assert contents(tmp_path) == before
