# SPDX-License-Identifier: Apache-2.0
"""The command `albert glue`, with a stand-in for `albert classify`."""

import dataclasses
import json
import shutil
import zipfile

import pytest

from albert.errors import UserError
from albert.glue import __main__ as command
from albert.glue import submission
from albert.glue.benchmark import BENCHMARK

TRAINED = ["cola", "sst-2", "mrpc", "sts-b", "qqp", "mnli", "qnli", "rte"]
TRAINED += ["wnli"]


@pytest.fixture
def place(tmp_path, make_glue):
    """A folder with GLUE and a pretrained model, of which the name counts."""
    make_glue(tmp_path / "glue")
    (tmp_path / "pretrained").mkdir()
    return tmp_path


@pytest.fixture
def run(place, run_main):
    """The command in that folder: (exit status, stdout, stderr)."""
    return lambda *arguments: run_main(
        command.main,
        command.define_flags,
        f"--data_dir={place}/glue",
        f"--init_checkpoint={place}/pretrained",
        f"--output_dir={place}/out",
        *arguments,
    )


@pytest.fixture
def server(monkeypatch):
    """A server whose test sets are as small as those here."""
    small = [
        dataclasses.replace(
            entry,
            test_rows={
                name: 3 + list(entry.task.files).index(split)
                for split, name in entry.task.submissions.items()
            },
        )
        for entry in BENCHMARK
    ]
    monkeypatch.setattr(submission, "BENCHMARK", small)


def test_every_task_with_every_seed(place, run, classify):
    classify.values = lambda name, seed: seed / 10
    code, printed, errors = run("--seeds=7,9,8", "--learning_rate=1e-3")
    assert code == 0, errors
    trained = [
        (given["task_name"], given["seed"])
        for given in classify.calls
        if "do_train" in given
    ]
    assert sorted(trained) == sorted(
        (name, seed) for name in TRAINED for seed in "789"
    )
    for given in classify.calls:
        name, seed = given["task_name"], given["seed"]
        start = given.get("init_checkpoint")
        if name == "ax":
            assert start == f"{place}/out/mnli/seed_9"
            assert "do_eval" in given and "do_predict" in given
            assert given["output_dir"] == f"{place}/out/ax"
            continue
        assert given["output_dir"] == f"{place}/out/{name}/seed_{seed}"
        assert given["learning_rate"] == "0.001"
        if "do_predict" in given:
            # The best of three alone, with the weights that are there.
            assert (seed, start) == ("9", None)
        elif name in ("mrpc", "rte", "sts-b"):
            assert start == f"{place}/out/mnli/seed_{seed}"
        else:
            assert start == f"{place}/pretrained"
    results = json.loads((place / "out/glue_results.json").read_text())
    assert results["tasks"]["cola"]["medians"]["matthews"] == 0.8
    assert results["tasks"]["mnli"]["values"]["accuracy_mismatched"] == [
        0.7,
        0.9,
        0.8,
    ]
    assert results["tasks"]["ax"]["seeds"] == [9]
    assert results["average"] == pytest.approx(0.8)
    assert results["published"]["size"] == "base"
    assert results["flags"] == ["--learning_rate=0.001"]
    assert (place / "out/glue_results.md").read_text() in printed
    assert "GLUE's server will refuse" in errors
    assert "CoLA.tsv has 5 rows, the server expects 1063" in errors
    with zipfile.ZipFile(place / "out/submission_incomplete.zip") as archive:
        names = archive.namelist()
        assert archive.read("AX.tsv") == b"index\tprediction\n" + b"".join(
            b"%d\t9\n" % row for row in range(4)
        )
    assert sorted(names) == sorted(
        name for entry in BENCHMARK for name in entry.test_rows
    )


def test_a_command_that_was_interrupted_goes_on(place, run, classify):
    def fail(given):
        if given["task_name"] == "qnli":
            raise UserError("the machine is off")

    classify.fails = fail
    flags = ("--num_seeds=2", "--seed=5")
    code, _, errors = run(*flags)
    assert code == 2 and "the machine is off" in errors
    table = (place / "out/glue_results.md").read_text()
    assert "| qnli  | not done yet" in table
    before = list(classify.calls)
    classify.fails = lambda given: None
    code, printed, errors = run(*flags)
    assert code == 0, errors
    # The last of them failed.
    made = classify.calls[len(before) :]
    assert made[0] == before[-1]
    assert not any(given in before[:-1] for given in made)
    assert "---- cola, seed 5, training: finished before" in printed
    # Now all have finished.
    number = len(classify.calls)
    assert run(*flags)[0] == 0
    assert len(classify.calls) == number
    # A further seed leaves those that are there alone.
    assert run("--num_seeds=3", "--seed=5")[0] == 0
    new = classify.calls[number:]
    assert {given["seed"] for given in new if "do_train" in given} == {"7"}


def test_tasks_of_several_commands_are_collected(place, run, classify):
    for name in [*TRAINED, "ax"]:
        # Those that start from MNLI come after it.
        if name not in ("mrpc", "sts-b"):
            assert run(f"--tasks={name}")[0] == 0
    assert run("--tasks=mrpc,sts-b")[0] == 0
    number = len(classify.calls)
    code, printed, errors = run()
    assert code == 0, errors
    assert len(classify.calls) == number
    results = json.loads((place / "out/glue_results.json").read_text())
    assert set(results["tasks"]) == {*TRAINED, "ax"}


def test_diagnostics_alone_without_their_labels(place, run, classify):
    (place / "glue/diagnostic/diagnostic-full.tsv").unlink()
    assert run("--tasks=mnli")[0] == 0
    (place / "out/glue_results.json").unlink()
    code, printed, errors = run("--tasks=ax", "--num_train_steps=9")
    assert code == 0, errors
    assert "No results: predictions alone." in printed
    assert not (place / "out/glue_results.json").exists()
    assert (place / "out/submission_incomplete.zip").exists()


def test_a_run_of_other_data_or_settings_is_made_again(place, run, classify):
    assert run("--tasks=wnli,rte", "--nofrom_mnli")[0] == 0
    number = len(classify.calls)
    with open(place / "glue/WNLI/dev.tsv", "a") as file:
        file.write("one more\trow\t1\n")
    assert run("--tasks=wnli,rte", "--nofrom_mnli")[0] == 0
    (again,) = classify.calls[number:]
    assert again["task_name"] == "wnli" and "do_train" in again
    assert run("--tasks=rte", "--nofrom_mnli", "--poly_power=2")[0] == 0
    assert [given["task_name"] for given in classify.calls[number + 1 :]] == [
        "rte",
        "rte",
    ]


def test_a_model_of_mnli_that_is_given(place, run, classify):
    (place / "mine").mkdir()
    code, _, errors = run(
        f"--mnli_checkpoint={place}/mine", "--tasks=RTE,cola,ax"
    )
    assert code == 0, errors
    starts = {
        given["task_name"]: given["init_checkpoint"]
        for given in classify.calls
        if "init_checkpoint" in given
    }
    assert starts == {
        "rte": f"{place}/mine",
        "ax": f"{place}/mine",
        "cola": f"{place}/pretrained",
    }


def test_a_model_of_mnli_of_an_earlier_command(place, run, classify):
    assert run("--tasks=mnli")[0] == 0
    assert run("--tasks=rte,ax")[0] == 0
    assert "made otherwise" not in (place / "out/glue_results.md").read_text()
    code, _, errors = run("--tasks=rte,ax", "--num_train_steps=9")
    assert code == 0, errors
    note = (
        "The model of mnli of seed 12345, which is used by rte, ax, was made "
        "otherwise: without --num_train_steps=9."
    )
    assert note in errors
    assert note in (place / "out/glue_results.md").read_text()
    results = json.loads((place / "out/glue_results.json").read_text())
    assert results["notes"] == [note]
    assert {
        given["init_checkpoint"]
        for given in classify.calls[2:]
        if "init_checkpoint" in given
    } == {f"{place}/out/mnli/seed_12345"}


def test_flags_about_the_pretrained_model_are_not_for_that_of_mnli(
    run, classify
):
    code, _, errors = run("--tasks=mnli,rte,ax", "--init_layers_from=mean")
    assert code == 0, errors
    given = {
        (given["task_name"], "do_train" in given): given.get("init_layers_from")
        for given in classify.calls
    }
    assert given == {
        ("mnli", True): "mean",
        ("mnli", False): None,
        ("rte", True): None,
        ("rte", False): None,
        ("ax", False): None,
    }


@pytest.mark.parametrize(
    "given", ["early_stopping_patience=3", "freeze=embeddings,encoder"]
)
def test_flags_of_training_alone(place, run, classify, given):
    code, _, errors = run("--tasks=mnli,rte,ax", f"--{given}")
    assert code == 0, errors
    name, _, value = given.partition("=")
    told = [
        ("do_train" in each, each[name])
        for each in classify.calls
        if name in each
    ]
    assert told == [(True, value)] * 2
    results = json.loads((place / "out/glue_results.json").read_text())
    assert results["flags"] == [f"--{given}"]


def test_without_predictions(place, run, classify):
    for path in place.glob("glue/*/test*.tsv"):
        path.unlink()
    (place / "glue/diagnostic/diagnostic.tsv").unlink()

    def fail(given):
        if given["task_name"] == "sst-2":
            raise UserError("the machine is off")

    classify.fails = fail
    assert run("--nodo_predict")[0] == 2
    assert "| cola  | matthews" in (place / "out/glue_results.md").read_text()
    classify.fails = lambda given: None
    code, _, errors = run("--nodo_predict")
    assert code == 0, errors
    assert not any("do_predict" in given for given in classify.calls)
    assert not list(place.glob("out/*.zip"))
    assert (
        "ax"
        in json.loads((place / "out/glue_results.json").read_text())["tasks"]
    )


def test_missing_folders(place, run, classify, make_glue):
    few = make_glue(place / "few", ["cola", "rte"])
    code, _, errors = run(
        f"--data_dir={few}", "--allow_missing", "--nofrom_mnli"
    )
    assert code == 0, errors
    assert {given["task_name"] for given in classify.calls} == {"cola", "rte"}
    assert "sst-2 is left out: no folder" in errors
    table = (place / "out/glue_results.md").read_text()
    assert "| qqp   | no folder" in table
    assert "other settings: --nofrom_mnli." in table
    assert "No average: sst-2, mrpc, sts-b, qqp, mnli, qnli, wnli" in table
    assert "QQP.tsv is missing" in errors


@pytest.mark.parametrize(
    "flags, words",
    [
        (["--data_dir={place}/few"], ["no folder SST-2, MRPC", "for sst-2"]),
        (
            ["--data_dir={place}/few", "--tasks=cola,qqp"],
            ["no folder QQP in it, for qqp"],
        ),
        (
            ["--data_dir={place}/few", "--allow_missing"],
            ["rte start", "--mnli_checkpoint", "--nofrom_mnli"],
        ),
        (["--tasks=ax"], ["ax start", "add mnli to --tasks"]),
        (
            ["--tasks=ax", "--mnli_checkpoint={place}/pretrained"],
            ["no task is left to do"],
        ),
        (["--data_dir={place}/glue/CoLA"], ["none of the folders CoLA"]),
        (["--data_dir={place}/none"], ["no such folder"]),
        (["--tasks=cola,xnli"], ["xnli is no task of GLUE", "cola, sst-2"]),
        (["--tasks=race"], ["race is no task of GLUE"]),
        (["--tasks=cola,CoLA"], ["CoLA comes twice"]),
        (["--seeds=1,2,1"], ["1 comes twice"]),
        (["--seeds=1,-2"], ["-2", "a whole number"]),
        (["--seeds=1,2", "--num_seeds=2"], ["leave out --num_seeds"]),
        (["--seeds=1,2", "--seed=2"], ["leave out --num_seeds"]),
        (
            ["--seed=4294967295", "--num_seeds=2"],
            ["the largest is 4294967295"],
        ),
        (["--init_checkpoint={place}/none"], ["none: no such checkpoint"]),
        (["--mnli_checkpoint={place}/none"], ["none: no such checkpoint"]),
        (
            ["--num_train_steps=3", "--num_train_epochs=3"],
            ["say the same thing"],
        ),
        (["--freeze=encoders"], ["no part 'encoders'", "encoder"]),
        (
            ["--freeze=encoder", "--attention_l2=1"],
            ["--attention_l2 is about weights"],
        ),
        (["--distribution_strategy=tpu"], ["`albert classify` for each task"]),
    ],
)
def test_bad_input(
    place, run, classify, make_glue, assert_refused, flags, words
):
    make_glue(place / "few", ["cola", "rte"])
    outcome = run(*(flag.format(place=place) for flag in flags))
    assert_refused(*outcome, words)
    assert not classify.calls
    assert not (place / "out").exists()


def test_all_files_are_read_before_the_first_run(
    place, run, classify, assert_refused
):
    with open(place / "glue/WNLI/test.tsv", "a") as file:
        file.write("too few columns\n")
    outcome = run()
    assert_refused(*outcome, ["WNLI/test.tsv:7"])
    assert not classify.calls
    assert not (place / "out").exists()
    assert run("--skip_bad_rows")[0] == 0
    assert all(given["skip_bad_rows"] == "true" for given in classify.calls)


def test_a_directory_whose_evaluation_was_removed_is_made_again(
    place, run, classify
):
    assert run("--tasks=cola")[0] == 0
    (place / "out/cola/seed_12345/eval_results.json").unlink()
    number = len(classify.calls)
    assert run("--tasks=cola")[0] == 0
    assert len(classify.calls) == number + 1


def test_a_complete_submission(place, run, classify, server):
    assert run("--tasks=cola")[0] == 0
    assert (place / "out/submission_incomplete.zip").exists()
    code, _, errors = run()
    assert code == 0, errors
    assert "refuse" not in errors
    assert (place / "out/submission.zip").exists()
    assert not (place / "out/submission_incomplete.zip").exists()
    # One task of them again, with the others as they are.
    before = (place / "out/submission.zip").read_bytes()
    table = (place / "out/glue_results.md").read_text()
    (place / "out/glue_results.md").unlink()
    assert run("--tasks=sst-2")[0] == 0
    assert (place / "out/submission.zip").read_bytes() == before
    assert (place / "out/glue_results.md").read_text() == table
    # Others were made otherwise.
    code, _, errors = run("--tasks=sst-2", "--learning_rate=1e-3")
    assert code == 0
    assert "submission.zip, which was complete, is removed" in errors
    assert not (place / "out/submission.zip").exists()
    table = (place / "out/glue_results.md").read_text()
    assert "| cola  | there, made otherwise" in table


def test_a_task_of_an_earlier_command_whose_start_is_gone(place, run, classify):
    assert run("--tasks=mnli,rte")[0] == 0
    shutil.rmtree(place / "out/mnli")
    shutil.rmtree(place / "glue/RTE")
    assert run("--tasks=cola")[0] == 0
    results = json.loads((place / "out/glue_results.json").read_text())
    assert set(results["tasks"]) == {"cola"}
