# SPDX-License-Identifier: Apache-2.0
"""Commands that make several runs, each by a process of its own."""

import csv
import json

import pytest
from absl import flags

from albert.errors import UserError


def read_table(path):
    with path.open(newline="") as stream:
        return list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.slow
def test_folds_are_joined_and_made_once(inputs, tmp_path, run, training_flags):
    out = tmp_path / "folds"
    given = [*training_flags(inputs), "--do_eval", "--num_folds=2"]
    code, printed, errors = run(out, *given)
    assert code == 0, errors
    first, *rows = read_table(out / "out_of_fold_predictions.tsv")
    whole = read_table(inputs / "sample" / "train.tsv")[1:]
    assert [row[first.index("id")] for row in rows] == [
        str(number) for number in range(len(whole))
    ]
    results = json.loads((out / "eval_results.json").read_text())
    folds = [
        json.loads((out / f"fold_{n}" / "eval_results.json").read_text())
        for n in (1, 2)
    ]
    assert sum(fold["data"][0]["examples"] for fold in folds) == len(whole)
    mean = sum(fold["accuracy"] for fold in folds) / 2
    assert abs(results["accuracy"] - mean) < 1e-12
    right = sum(
        row[first.index("label")] == row[first.index("prediction")]
        for row in rows
    )
    counted = sum(
        fold["accuracy"] * fold["data"][0]["examples"] for fold in folds
    )
    assert abs(right - counted) < 1e-6
    # The last weights are measured: none were chosen on the fold.
    assert not list(out.glob("fold_*/model.ckpt-best*"))
    code, again, errors = run(out, *given)
    assert code == 0, errors
    assert errors.count("finished before") == 2
    assert again == printed
    # Results that are not those of the run are made again, the model is not.
    (out / "fold_2" / "eval_results.json").write_text('{"accuracy": 1.0}')
    (out / "fold_2" / "dev_fold_2_predictions.tsv").unlink()
    before = (out / "fold_2" / "model.ckpt-4.index").stat().st_mtime_ns
    code, again, errors = run(out, *given)
    assert code == 0, errors
    assert errors.count("finished before") == 1
    assert again == printed
    assert (out / "fold_2" / "model.ckpt-4.index").stat().st_mtime_ns == before


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            ["--sweep=class_weights=balanced,good:2,god:2"],
            "class_weights=god:2: .*no label god: is good meant",
        ),
        (["--sweep=class_weights=1,2"], "class_weights=1: .*1 weights for 2"),
        (
            ["--sweep=focal_gamma=0,2", "--regression"],
            "focal_gamma=2.*: --focal_gamma is for classes and tags",
        ),
        (
            ["--sweep=seed=1,2", "--class_weights=god:2"],
            "seed=1: .*no label god",
        ),
        (
            ["--sweep=seed=1,2", "--tune_thresholds"],
            "seed=1: --tune_thresholds is for --multi_label",
        ),
        (
            ["--num_folds=2", "--class_weights=god:2"],
            "fold=1: .*no label god",
        ),
    ],
)
def test_what_a_run_would_refuse_is_said_before_the_first(
    tmp_path, load_recipe, monkeypatch, given, message
):
    (tmp_path / "train.tsv").write_text(
        "text\tlabel\none\tgood\ntwo\tbad\nthree\tgood\nfour\tbad\n"
    )
    (tmp_path / "dev.tsv").write_text("text\tlabel\nsix\tgood\nten\tbad\n")
    recipe = load_recipe("run_classifier.py")
    monkeypatch.setattr(recipe.run_lists, "carry_out", lambda *_: [])
    fv = flags.FlagValues()
    recipe.define_flags(fv)
    out = tmp_path / "out"
    common = ["--task_name=tsv", f"--data_dir={tmp_path}", "--do_train"]
    common += [f"--init_checkpoint={tmp_path}"]
    fv(["classify", *common, "--do_eval", f"--output_dir={out}", *given])
    with pytest.raises(UserError, match=message):
        recipe.main(fv)
    assert not out.exists()


@pytest.mark.slow
def test_a_run_that_fails_leaves_the_others(
    inputs, tmp_path, run, training_flags
):
    out = tmp_path / "sweep"
    given = [
        flag
        for flag in training_flags(inputs)
        if not flag.startswith("--max_seq_length")
    ]
    # The model has 53 positions.
    code, printed, errors = run(
        out, *given, "--do_eval", "--sweep=max_seq_length=59,37"
    )
    assert code == 2
    assert "error: 1 of 2 runs failed: max_seq_length=59: see" in errors
    results = json.loads((out / "sweep_results.json").read_text())
    assert results["metric"] == "accuracy"
    assert [each["flags"] for each in results["runs"]] == [
        {"max_seq_length": "37"}
    ]
    assert printed.endswith(f"Its best run: {out}/max_seq_length=37\n")
    assert [each["flags"] for each in results["failed"]] == [
        {"max_seq_length": "59"}
    ]
    assert not (out / "max_seq_length=59").exists()
