# SPDX-License-Identifier: Apache-2.0
"""Defines, checks and reads the flags of ``albert classify``."""

import dataclasses

from albert import data_flags
from albert import device_flags
from albert import finetuning_flags
from albert import flag_commands
from albert import flag_parsers
from albert import flags
from albert import model_directory
from albert import run_list_flags
from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.interchange import task_description
from albert.records import metadata
from albert.tasks import class_weights
from albert.tasks import folds
from albert.tasks import interface
from albert.tasks import table
from albert.tasks import trained_model
from albert.training import model_card

# What is done, the splits that are for it, and the flag of their records.
MODES = (
    ("do_train", "train", "train_file"),
    ("do_eval", "dev", "eval_file"),
    ("do_predict", "test", "predict_file"),
)


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    data_flags.define_task_flags(fv)
    run_list_flags.define(fv)
    records = flags.FlagGroup(fv, "Records, instead of the task's files")
    for mode, _, name in MODES:
        records.files(
            name,
            None,
            f"For --{mode}: paths or globs of what `albert "
            "create-finetuning-data` wrote.",
        )
    flags.FlagGroup(fv, "Task").boolean(
        "tune_thresholds",
        False,
        "--multi_label: choose for each label the probability from which on "
        "it is predicted, by its F1 on the dev set, instead of 0.5. They are "
        "kept with the model.",
    )
    finetuning_flags.define(fv)
    flags.FlagGroup(fv, "Model").boolean(
        "fresh_head",
        False,
        "Start with a new last layer. Default: that of --init_checkpoint is "
        "kept where it was trained for the same task, label by label.",
    )
    flags.FlagGroup(fv, "Evaluation").string(
        "best_metric",
        None,
        "Keep the checkpoint with the best value of this metric, any that is "
        "reported of the dev set; of equal ones the last. Default: the task's.",
    )
    training = flags.FlagGroup(fv, "Training")
    training.names(
        "class_weights",
        None,
        "Classes and tags: weights of the labels in the loss: balanced "
        "(inverse to how often each occurs), a number for each label in their "
        "order, or label:number for some of them. Default: all weigh the same.",
    )
    training.real(
        "focal_gamma",
        0.0,
        "Classes and tags: exponent of the focal loss, such as 2; examples "
        "that are right with confidence count less. 0 is off.",
        lower_bound=0.0,
        upper_bound=10.0,
    )
    training.alias("train_step", "num_train_steps")
    training.alias("warmup_step", "num_warmup_steps")
    training.integer(
        "num_runs",
        1,
        "Train so often, with the seeds --seed, --seed + 1, …, each in its "
        "own run_N of --output_dir, and report the median. Without "
        "--do_train, use the runs that are there.",
        lower_bound=1,
        upper_bound=1000,
    )
    model_card.define_licence_flag(fv)
    device_flags.define_device_flags(fv)


def check_flags(fv):
    """Refuses flags that do not work together."""
    flags.require(fv, "task_name", "output_dir")
    flags.require_mode(fv)
    run_list_flags.check(fv)
    if fv.sweep:
        return  # Each of its runs is checked as a whole.
    for mode, _, records in MODES:
        if fv[records].value and not fv[mode].value:
            raise UserError(f"--{records} is for --{mode}: give both")
        if fv[mode].value and not (fv.data_dir or fv[records].value):
            raise UserError(f"--data_dir is required for --{mode}; see --help")
        if fv[records].value:
            expand_files(fv[records].value)
    data_flags.warn_of_shared_files(fv, "train_file", "eval_file")
    finetuning_flags.check(fv)
    if fv.best_metric and not fv.do_eval:
        raise UserError(
            "--best_metric is of the dev set: give --do_eval, or leave it out"
        )
    if fv.fresh_head and fv.do_train and not fv.init_checkpoint:
        raise UserError(
            "--fresh_head needs --init_checkpoint, whose head it leaves out: "
            "without one the head is new"
        )
    model_card.check_licence(fv.licence)
    last_seed = fv.seed + fv.num_runs - 1
    if last_seed > flag_parsers.LARGEST_SEED:
        raise UserError(
            f"--seed={fv.seed} with --num_runs={fv.num_runs} ends with the "
            f"seed {last_seed}: the largest is {flag_parsers.LARGEST_SEED}, "
            "so give a smaller --seed"
        )


def check_thresholds(fv, task, models, directories):
    """Refuses to tune thresholds that there are not, or cannot be kept.

    Args:
      fv: values of flags.
      task: ``Task``.
      models: list of str, that are trained or used.
      directories: list of str, those of the runs.
    """
    if not fv.tune_thresholds:
        return
    if task.label_type != "classes":
        raise UserError(
            "--tune_thresholds is for --multi_label: leave it out, or give both"
        )
    if not fv.do_eval:
        raise UserError(
            "--tune_thresholds takes the dev set: give --do_eval too"
        )
    if models != directories:
        raise UserError(
            f"{models[0]}: thresholds are kept with the model that they are "
            "tuned for: give its own --output_dir, or leave out "
            "--tune_thresholds"
        )


def find_task(fv, directories):
    """Finds the task, and the models that its runs train or use.

    Returns:
      (task, models, trained): ``Task``; list of paths, to be trained or to be
      used; and dict, what is known of models that are only used.

    Raises:
      UserError: there are none to be used, or some of another task.
    """
    task = data_flags.get_task(fv)
    for name in class_weights.SETTINGS:
        if fv[name].value:
            class_weights.check_head(name, task)
    models, describe = directories, model_directory.read_task
    if not fv.do_train:
        models = [
            trained_model.find(directory, fv.init_checkpoint)
            for directory in directories
        ]
        describe = task_description.read
    descriptions = list(map(describe, models))
    for path, description in zip(models, descriptions, strict=True):
        trained_model.check_task(task, path, description)
    if fv.do_train:
        return task, models, {}
    if not fv.label_separator and "label_separator" in descriptions[0]:
        task = dataclasses.replace(
            task, label_separator=descriptions[0]["label_separator"]
        )
    task = trained_model.with_labels(task, models[0], descriptions[0])
    return task, models, descriptions[0]


def read_texts(fv, task):
    """Reads the task's own files, for the modes that no records are given for.

    Returns:
      (task, texts): ``Task`` with labels, and dict from split to examples.

    Raises:
      UserError: a file is missing or cannot be used.
    """
    if task.labels is None and fv.train_file:
        task = task.with_labels(metadata.read_labels(fv.train_file))
    texts = {}
    for mode, purpose, records in MODES:
        if not fv[mode].value or fv[records].value:
            continue
        if fv.num_folds and purpose == "dev":
            continue
        for split in task.splits(purpose) or [purpose]:
            texts[split] = interface.load(
                task, fv.data_dir, split, fv.skip_bad_rows
            )
            if purpose == "train":
                task = task.with_labels_of(texts[split])
            if purpose != "test":
                interface.gold_labels(task, texts[split])
    if fv.fold:
        texts = folds.split(
            task, texts["train"], fv.num_folds, fv.fold, fv.seed
        )
    return task, texts


def check_pairs(task, trained, texts):
    """Refuses pairs for a model of single texts, and the other way round.

    Args:
      task: ``Task``.
      trained: dict, what is known of a model that is only used.
      texts: dict from split to examples.

    Raises:
      UserError: naming the flag.
    """
    pairs = table.reads_pairs(trained)
    if pairs is None or task.label_type not in ("class", "classes", "number"):
        return
    for split, examples in texts.items():
        if (examples.texts_b is not None) != pairs:
            raise UserError(
                "the model was trained on "
                + (
                    f"pairs of texts, and {split} has single ones: give"
                    if pairs
                    else f"single texts, and {split} has pairs: leave out"
                )
                + " --text_b_column"
            )


def describe_further_training(fv, directory):
    """Returns the command that trains on from the model of a directory."""
    command = flag_commands.write_command(
        "albert classify",
        fv,
        # The model has its layers and its head, and is one of the runs.
        without=("init_layers_from", "fresh_head", "num_runs"),
        init_checkpoint=directory,
        output_dir=flag_commands.find_free_directory(fv.output_dir),
    )
    return f"To train on from its weights, with these settings: {command}"
