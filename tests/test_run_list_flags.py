# SPDX-License-Identifier: Apache-2.0
"""Lists of runs are planned from flags, or refused."""

import pytest
from absl import flags

from albert import __main__ as front_door
from albert import run_list_flags
from albert.errors import UserError

COMMAND = (
    "--task_name=tsv",
    "--data_dir=data",
    "--init_checkpoint=model",
    "--output_dir=out",
    "--do_train",
    "--do_eval",
)


def parse(*arguments):
    recipe = front_door.load_script("classify")
    fv = flags.FlagValues()
    recipe.define_flags(fv)
    fv(["classify", *COMMAND, *arguments])
    return recipe, fv


def plan(text, *arguments):
    _, fv = parse(f"--sweep={text}", *arguments)
    return run_list_flags.plan_sweep(fv)


def test_a_sweep_is_all_combinations():
    runs = plan("learning_rate=1e-5,3e-5; --seed=1,2")
    assert [run.settings for run in runs] == [
        {"learning_rate": rate, "seed": seed}
        for rate in ("1e-05", "3e-05")
        for seed in ("1", "2")
    ]
    assert runs[1].directory == "out/learning_rate=1e-05_seed=2"
    assert runs[1].name == "learning_rate=1e-05 seed=2"


def test_a_run_is_the_command_with_its_own_flags():
    runs = plan(
        "bias_correction=true,false",
        "--labels=b,a",
        "--train_step=7",
        "--nobucket_by_length",
    )
    for run, value in zip(runs, ("true", "false"), strict=True):
        # An alias stands for the flag that it means.
        assert set(run.arguments) == {
            "--task_name=tsv",
            "--data_dir=data",
            "--init_checkpoint=model",
            f"--output_dir=out/bias_correction={value}",
            "--do_train=true",
            "--do_eval=true",
            "--labels=b,a",
            "--num_train_steps=7",
            "--bucket_by_length=false",
            f"--bias_correction={value}",
        }
        recipe, fv = parse()
        fv = flags.FlagValues()
        recipe.define_flags(fv)
        assert fv(["classify", *run.arguments]) == ["classify"]
        assert fv.labels == ["b", "a"]
        assert not run_list_flags.asks_for_list(fv)


def test_paths_are_folders_that_do_not_nest():
    runs = plan("spm_model_file=/a/b,c d/e")
    assert [run.directory for run in runs] == [
        "out/spm_model_file=-a-b",
        "out/spm_model_file=c-d-e",
    ]


def test_a_sweep_may_be_of_folds():
    runs = plan("seed=1,2", "--num_folds=3")
    assert all("--num_folds=3" in run.arguments for run in runs)


def test_a_metric_compares_settings_and_not_the_checkpoints_of_folds():
    recipe, fv = parse(
        "--sweep=seed=1,2", "--num_folds=3", "--best_metric=macro_f1"
    )
    run_list_flags.check(fv)
    for run in run_list_flags.plan_sweep(fv):
        each = flags.FlagValues()
        recipe.define_flags(each)
        each(["classify", *run.arguments])
        run_list_flags.check(each)
        assert each.num_folds == 3 and each.best_metric is None
    runs = plan("seed=1,2", "--best_metric=macro_f1")
    assert all("--best_metric=macro_f1" in run.arguments for run in runs)


def test_folds_are_planned():
    _, fv = parse("--num_folds=3", "--seed=5")
    runs = run_list_flags.plan_folds(fv)
    assert [run.directory for run in runs] == [
        f"out/fold_{fold}" for fold in (1, 2, 3)
    ]
    assert {"--num_folds=3", "--fold=2", "--seed=5"} <= set(runs[1].arguments)


@pytest.mark.parametrize(
    "text, words",
    [
        ("learning_rate", "of the form name=value"),
        ("learning_rate=", "of the form name=value"),
        ("learning_rate=1e-5;", "of the form name=value"),
        ("learning_rate=1e-5,", "learning_rate=: it must be a number"),
        ("learning_rat=1e-5", "'learning_rat' is no flag that may differ"),
        ("task_name=cola,rte", "'task_name' is no flag that may differ"),
        ("output_dir=a,b", "'output_dir' is no flag"),
        ("num_runs=1,2", "'num_runs' is no flag"),
        (
            "distribution_strategy=mirrored,multi_worker_mirrored",
            "'distribution_strategy' is no flag",
        ),
        ("tpu_name=a,b", "'tpu' is no flag"),
        ("tpu_zone=a,b", "'tpu_zone' is no flag"),
        ("gcp_project=a,b", "'gcp_project' is no flag"),
        ("do_eval=true,false", "'do_eval' is no flag"),
        ("optimizer=adamw,sgd", "optimizer=sgd: "),
        ("learning_rate=1e-5,100", "learning_rate=100: it must be a number"),
        ("seed=1,2,1", "seed has the value 1 twice"),
        ("learning_rate=1e-5,0.00001", "has the value 1e-05 twice"),
        ("seed=1;seed=2", "seed is there twice"),
        ("train_step=5;num_train_steps=6", "num_train_steps is there twice"),
        ("warmup_step=5,x", "num_warmup_steps=x: it must be"),
        ("train_batch_size=4,8", "is given, and in --sweep too"),
        ("spm_model_file=a/b,a-b", "would both be in"),
        (
            f"seed={','.join(map(str, range(50)))};num_train_steps="
            f"{','.join(map(str, range(1, 22)))}",
            "1050 runs or more: at most 1000",
        ),
    ],
)
def test_bad_sweeps(text, words):
    with pytest.raises(UserError) as error:
        plan(text, "--train_batch_size=16")
    assert words in str(error.value)


@pytest.mark.parametrize(
    "text, metric",
    [
        ("focal_gamma=0,2", "loss"),
        ("class_weights=balanced", "loss"),
        ("seed=1,2;focal_gamma=0,2", "loss_mismatched"),
    ],
)
def test_losses_of_different_kinds_are_not_compared(text, metric):
    with pytest.raises(UserError, match="different losses: choose another"):
        plan(text, f"--best_metric={metric}")
    # Without weights in it, or of the same loss, they say which is better.
    plan(text, "--best_metric=cross_entropy_loss")
    plan("seed=1,2", "--focal_gamma=2", f"--best_metric={metric}")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--fold=1"], "--fold is one of --num_folds"),
        (["--num_folds=3", "--fold=4"], "--fold=4 is more than"),
        (["--sweep=seed=1", "--num_folds=3", "--fold=1"], "give one"),
        (["--sweep=seed=1", "--nodo_eval"], "needs --do_train and --do_eval"),
        (["--num_folds=3", "--nodo_train"], "needs --do_train and --do_eval"),
        (["--num_folds=3", "--do_predict"], "no single model"),
        (["--num_folds=3", "--num_runs=2"], "--sweep=seed=1,2,3"),
        (["--num_folds=3", "--train_file=x"], "divides texts"),
        (["--num_folds=3", "--best_metric=loss"], "or give --sweep"),
        (["--num_folds=3", "--fold=1", "--best_metric=loss"], "leave it out"),
        (["--num_folds=3", "--early_stopping_patience=2"], "not choose it"),
        (
            ["--num_folds=3", "--multi_label", "--tune_thresholds"],
            "--tune_thresholds: the fold that measures a model must not choose "
            "its thresholds",
        ),
        (
            [
                "--sweep=seed=1",
                "--distribution_strategy=multi_worker_mirrored",
            ],
            "a command of its own",
        ),
    ],
)
def test_bad_flags(arguments, words):
    _, fv = parse(*arguments)
    with pytest.raises(UserError) as error:
        run_list_flags.check(fv)
    assert words in str(error.value)
