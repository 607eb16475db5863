# SPDX-License-Identifier: Apache-2.0
"""Runs that go on, or are refused, in the directory of a run."""

import json
import os
import pathlib
import shlex
import shutil

import pytest

from albert.interchange import tensor_bundle


def test_same_command_again_trains_nothing(
    inputs, trained, model, contents, train, without_path
):
    before = contents(model)
    printed, errors = train(inputs, model, "--do_eval", "--do_predict")
    assert "continuing at step 4 of 4" in errors
    assert "all 4 steps were made before" in printed
    after = contents(model)
    for name in ("eval_results.json", "test_results.json"):
        one, two = (
            without_path(json.loads(files.pop(name)))
            for files in (before, after)
        )
        assert one == two
    assert before.items() <= after.items()
    assert all("events" in name for name in after.keys() - before.keys())


def test_killed_run_ends_as_if_it_had_not_been(
    inputs,
    trained,
    model,
    train,
    assert_same_tensors,
    contents,
    without_path,
    results_of,
):
    for name in os.listdir(model):
        kept = name.startswith(("model.ckpt-2.", "albert", "run", "spiece"))
        if not kept and (model / name).is_file():
            (model / name).unlink()
    (model / ".model.ckpt-4.albert-incomplete" / "new").mkdir(parents=True)
    # The first evaluation is the best so far: the kill left that of step 2.
    best = {
        name: value
        for name, value in tensor_bundle.read(model / "model.ckpt-2").items()
        if not name.endswith(("/adam_m", "/adam_v"))
        and not name.startswith("training_state/")
    }
    tensor_bundle.write(model / "model.ckpt-best", best)
    _, errors = train(inputs, model, "--do_eval", "--do_predict")
    assert "continuing at step 2 of 4" in errors
    assert "weights loaded" not in errors
    for name in ("model.ckpt-4", "model.ckpt-best"):
        assert_same_tensors(trained[0] / name, model / name)
    whole, parts = contents(trained[0]), contents(model)
    for name in whole.keys() - {"eval_results.json", "test_results.json"}:
        if not name.endswith((".png", ".index")) and "events" not in name:
            assert parts[name] == whole[name], name
    results = without_path(results_of(model))
    assert results == without_path(results_of(trained[0]))


@pytest.mark.parametrize(
    "changes, words",
    [
        (["--train_batch_size=4"], ["train_batch_size 5 there, 4 here"]),
        (["--num_train_steps=3"], ["num_train_steps 4 there, 3 here"]),
        (["--max_seq_length=31"], ["max_seq_length 37 there, 31 here"]),
        (["--classifier_dropout=0"], ["classifier_dropout 0.1 there"]),
        (["--data_dir={t}"], ["training_data '101 examples, checksum "]),
        (["--labels=ward,blackmore"], ["labels ['blackmore', 'ward'] there"]),
        (
            ["--task_name=rte", "--data_dir={g}"],
            ["holds a model of tsv, not of rte", "--task_name=tsv"],
        ),
    ],
)
def test_directory_of_another_run(
    inputs,
    glue,
    trained,
    tmp_path,
    changes,
    words,
    contents,
    run,
    training_flags,
    assert_refused,
):
    text = (inputs / "sample" / "train.tsv").read_text()
    (tmp_path / "train.tsv").write_text(text.replace("the", "a", 1))
    before = contents(trained[0])
    changes = [change.format(t=tmp_path, g=glue) for change in changes]
    outcome = run(trained[0], *training_flags(inputs), *changes)
    assert_refused(*outcome, words)
    assert contents(trained[0]) == before


@pytest.mark.slow
def test_more_steps_with_another_label_from_the_command_that_is_told(
    inputs, trained, tmp_path, run, training_flags, results_of, read
):
    """The head goes on label by label; the labels weigh, in each mode."""
    rows = (inputs / "sample" / "train.tsv").read_text().splitlines()
    folder = tmp_path / "data"
    shutil.copytree(inputs / "sample", folder)
    rows += [f"a text of nobody number {number}\tnobody" for number in range(9)]
    (folder / "train.tsv").write_text("\n".join(rows) + "\n")
    arguments = [
        *training_flags(inputs),
        f"--data_dir={folder}",
        "--do_eval",
        "--num_train_steps=6",
        "--class_weights=balanced",
        "--focal_gamma=1.5",
        "--best_metric=f1_ward",
    ]
    first = shutil.copytree(trained[0], tmp_path / "first")
    code, _, errors = run(first, *arguments)
    assert code == 2
    assert "num_train_steps 4 there, 6 here" in errors
    _, command = errors.split("with these settings: ")
    out = f"{first}-2"
    flags = shlex.split(command)[2:]
    assert {f"--output_dir={out}", f"--init_checkpoint={first}"} < set(flags)
    flags = [flag for flag in flags if not flag.startswith("--output_dir")]
    code, printed, errors = run(out, *flags)
    assert code == 0, errors
    assert "taken blackmore, ward; new nobody: --fresh_head" in errors
    assert "new: none; not used: none" in errors
    assert "nobody 4.074 (9 examples)" in errors
    results = results_of(pathlib.Path(out))
    assert results["loss"] != results["cross_entropy_loss"] > 0
    assert "f1_ward" in results and "f1_nobody" not in results
    modes = ["--do_eval", "--do_predict"]
    code, _, errors = run(
        out, "--task_name=tsv", f"--data_dir={folder}", *modes
    )
    assert code == 0, errors
    assert results_of(pathlib.Path(out)) == results
    tested = read(pathlib.Path(out), "test_results.json")
    assert tested["loss"] != tested["cross_entropy_loss"] > 0


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_new_dev_set_forgets_the_old_best(
    inputs, model, trained, tmp_path, train, results_of
):
    """The best value was measured on something else; its results are kept."""
    for name in os.listdir(model):
        if name.startswith("model.ckpt-4"):
            (model / name).unlink()
    folder = tmp_path / "data"
    shutil.copytree(inputs / "sample", folder)
    text = (folder / "test.tsv").read_text()
    (folder / "dev.tsv").write_text(text)
    _, errors = train(inputs, model, f"--data_dir={folder}", "--do_eval")
    assert "the evaluation has changed" in errors
    best = tensor_bundle.read(model / "model.ckpt-best")
    assert best["global_step"] == 4
    (data,) = results_of(model)["data"]
    assert (data["split"], data["examples"]) == ("dev", 23)
    assert data["path"] == str(folder)
    assert len((model / "dev_predictions.tsv").read_text().splitlines()) == 24
    (data,) = results_of(trained[0])["data"]
    earlier = model / "earlier_results" / f"dev-61-{data['checksum']}"
    assert f"it is in {earlier} now" in errors
    for name in ("eval_results.json", "dev_predictions.tsv"):
        assert (earlier / name).read_text() == (trained[0] / name).read_text()
    assert (earlier / "confusion_matrix.png").exists()
