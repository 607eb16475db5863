# SPDX-License-Identifier: Apache-2.0
"""Defines, checks and reads the flags of ``albert squad``."""

import dataclasses

from albert import data_flags
from albert import device_flags
from albert import finetuning_flags
from albert import flag_parsers
from albert import flags
from albert import heads
from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.interchange import task_description
from albert.tasks import trained_model
from albert.tasks.squad import answer_metrics
from albert.tasks.squad import answer_settings
from albert.tasks.squad import squad_files
from albert.training import model_card


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    questions = flags.FlagGroup(fv, "Questions")
    questions.files(
        "train_file",
        None,
        "Questions with answers to train on, in SQuAD's JSON or as rows "
        "(docs/squad.md); names or globs, separated by commas.",
    )
    questions.files(
        "predict_file",
        None,
        "Questions to answer; with --do_eval they need their answers; names "
        "or globs, separated by commas.",
    )
    questions.boolean(
        "version_2_with_negative",
        None,
        "SQuAD 2.0: a question may have no answer. Default: as the files say, "
        "for questions without answers as the model was trained.",
    )
    questions.boolean(
        "keep_windows_without_answer",
        True,
        "Train also on the windows that do not show the answer of their "
        "question, as the original does.",
    )
    questions.boolean(
        "stop_at_mismatch",
        False,
        "Stop at answers that are not where the file says, instead of moving "
        "them to where they stand.",
    )
    for name, text in (
        ("doc_stride", "Pieces from one window of a text to the next."),
        ("max_query_length", "Pieces of a question; the rest is cut off."),
    ):
        questions.integer(
            name,
            None,
            text + _default_help(name),
            lower_bound=1,
            upper_bound=flag_parsers.LONGEST_SEQUENCE,
        )
    answers = flags.FlagGroup(fv, "Answers")
    for name, text, largest in (
        ("start_n_top", "v2: starts that are tried in each window.", 1000),
        ("end_n_top", "v2: ends that are tried for each of these.", 1000),
        ("n_best_size", "Answers to each question that are written.", 1000),
        (
            "max_answer_length",
            "Pieces of an answer at most.",
            flag_parsers.LONGEST_SEQUENCE,
        ),
    ):
        answers.integer(
            name,
            None,
            text + _default_help(name),
            lower_bound=1,
            upper_bound=largest,
        )
    answers.real(
        "null_score_diff_threshold",
        0.0,
        "A question whose null score is above it gets no answer.",
        lower_bound=-flag_parsers.LARGEST_SCORE,
        upper_bound=flag_parsers.LARGEST_SCORE,
    )
    answers.choice(
        "language",
        None,
        list(answer_metrics.LANGUAGES),
        "How answers are compared: en by words, zh by characters. Default: the "
        "model's, else zh if the questions are Chinese.",
    )
    finetuning_flags.define(fv)
    model = flags.FlagGroup(fv, "Model")
    model.choice(
        "head",
        None,
        ["v1", "v2"],
        "v1: start and end apart. v2: the end given the start, and whether "
        "there is an answer. Default: that of the version.",
    )
    training = flags.FlagGroup(fv, "Training")
    training.real(
        "warmup_proportion",
        None,
        "Part of the training that is warm-up, instead of --num_warmup_steps. "
        "Default: 0.1.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    model_card.define_licence_flag(fv)
    device_flags.define_device_flags(fv)


def _default_help(name):
    default = str(answer_settings.DEFAULTS[name])
    if name == "doc_stride":
        default += ", or half a sequence that is shorter than 256"
    return f" Default: the model's, else {default}."


def check_flags(fv):
    """Refuses flags that do not work together."""
    flags.require(fv, "output_dir")
    flags.require_mode(fv)
    for file, modes in (
        ("train_file", ("do_train",)),
        ("predict_file", ("do_eval", "do_predict")),
    ):
        wanted = [mode for mode in modes if fv[mode].value]
        if wanted and not fv[file].value:
            raise UserError(
                f"--{file} is required for --{wanted[0]}; see --help"
            )
        if fv[file].value and not wanted:
            raise UserError(
                f"--{file} is for --{' or --'.join(modes)}: give that too, or "
                "leave the file out"
            )
    if fv.do_eval:
        data_flags.warn_of_shared_files(fv, "train_file", "predict_file")
    flags.refuse_both(fv, "warmup_proportion", "num_warmup_steps")
    finetuning_flags.check(fv)
    model_card.check_licence(fv.licence)


def find_trained(fv):
    """Finds the weights to start from, and the settings they were trained with.

    Returns:
      (place, trained): str, or None for random weights; and dict, empty where
      the weights are trained here or do not say it.

    Raises:
      UserError: there is no model to use, or one of another task.
    """
    if fv.do_train:
        return fv.init_checkpoint, {}
    place = trained_model.find(fv.output_dir, fv.init_checkpoint)
    trained = task_description.read(place)
    if trained and not heads.find(
        task_kind=trained.get("kind"), label_type="span"
    ):
        raise UserError(
            f"{place} holds a model of {trained.get('task_name')} "
            f"({trained.get('kind')}), which finds no answers: use another "
            "directory, or train with --do_train"
        )
    return place, trained


def read_questions(fv, trained):
    """Reads the questions to train on and to answer.

    Args:
      fv: values of the flags.
      trained: dict, what the model was trained with.

    Returns:
      (questions, with_negative): dict from "train" and "predict" to
      ``SquadData``, and whether the model learns, or has learnt, that a
      question may have no answer.

    Raises:
      UserError: a file cannot be read, or lacks the answers that are needed.
    """
    questions = {
        name: squad_files.read_files(
            expand_files(patterns),
            has_impossible=fv.version_2_with_negative,
            stop_at_mismatch=fv.stop_at_mismatch,
            is_training=name == "train",
        )
        for name, patterns in (
            ("train", fv.train_file),
            ("predict", fv.predict_file),
        )
        if patterns
    }
    with_negative = trained.get("version_2_with_negative", False)
    if fv.do_train:
        with_negative = questions["train"].has_impossible
        if not questions["train"].labelled:
            raise UserError(
                f"{fv.train_file}: there are no answers to train on: give "
                "questions with answers, or only predict"
            )
    if fv.predict_file and not questions["predict"].labelled:
        if fv.do_eval:
            raise UserError(
                f"{fv.predict_file}: there are no answers to compare with: "
                "give --do_predict without --do_eval"
            )
        if fv.version_2_with_negative is None and with_negative:
            # Nothing in them says so, as their answers would.
            questions["predict"] = dataclasses.replace(
                questions["predict"],
                has_impossible=True,
                version_reason="as the model was trained",
            )
    return questions, with_negative
