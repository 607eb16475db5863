#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes ALBERT to find answers in texts: SQuAD 1.1, 2.0 and its like.

The sample questions on the model that `make demo` pretrains, a minute on two
cores (it learns these 24 by heart, and no more):

    albert squad --init_checkpoint=demo/model \\
        --train_file=data/sample/squad/train.json \\
        --predict_file=data/sample/squad/dev.json \\
        --train_batch_size=8 --num_train_epochs=30 \\
        --output_dir=demo/squad --do_train --do_eval

SQuAD 2.0 with the paper's settings, then the answers to other questions:

    albert squad --init_checkpoint=albert_base_v2.tar.gz \\
        --train_file=train-v2.0.json --predict_file=dev-v2.0.json \\
        --output_dir=squad --do_train --do_eval
    albert squad --init_checkpoint=squad --predict_file=mine.json \\
        --output_dir=answers --do_predict

The same command continues after an interruption.
"""

import dataclasses
import math
import os

from albert import command_line
from albert import flags as shared_flags
from albert import model_directory
from albert.errors import UserError
from albert.tasks import trained_model
from albert.tasks.squad import answer_metrics
from albert.tasks.squad import output
from albert.tasks.squad import squad_files
from albert.tasks.task import Recipe
from albert.text.documents import expand_files

# By whether questions may have no answer. Table 14 of the paper: its 3649
# and 8144 steps are 2 and 3 epochs of SQuAD's windows, its 365 and 814 steps
# of warm-up a tenth of them.
RECIPES = {
    False: Recipe(
        learning_rate=5e-5,
        train_batch_size=48,
        num_train_epochs=2.0,
        dropout=0.0,
        max_seq_length=384,
    ),
    True: Recipe(
        learning_rate=3e-5,
        train_batch_size=48,
        num_train_epochs=3.0,
        dropout=0.0,
        max_seq_length=512,
    ),
}

# Of a flag that is not given: what the model was trained with, else this.
USUAL = {
    "doc_stride": 128,
    "max_query_length": 64,
    "start_n_top": 5,
    "end_n_top": 5,
    "n_best_size": 20,
    "max_answer_length": 30,
    "language": "en",
}


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    questions = shared_flags.FlagGroup(fv, "Questions")
    questions.string(
        "train_file",
        None,
        "Questions with answers in SQuAD's JSON to train on; names or globs, "
        "separated by commas.",
    )
    questions.string(
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
        "Stop at answers that are not where the file says, instead of listing "
        "them.",
    )
    for name, text in (
        ("doc_stride", "Pieces from one window of a text to the next."),
        ("max_query_length", "Pieces of a question; the rest is cut off."),
    ):
        questions.integer(name, None, text + _usual(name), lower_bound=1)
    answers = shared_flags.FlagGroup(fv, "Answers")
    for name, text in (
        ("start_n_top", "v2: starts that are tried in each window."),
        ("end_n_top", "v2: ends that are tried for each of these."),
        ("n_best_size", "Answers to each question that are written."),
        ("max_answer_length", "Pieces of an answer at most."),
    ):
        answers.integer(name, None, text + _usual(name), lower_bound=1)
    answers.real(
        "null_score_diff_threshold",
        0.0,
        "A question whose null score is above it gets no answer.",
    )
    answers.choice(
        "language",
        None,
        list(answer_metrics.LANGUAGES),
        "How answers are compared: en by words, zh by characters."
        + _usual("language"),
    )
    shared_flags.define_finetuning_flags(fv)
    model = shared_flags.FlagGroup(fv, "Model")
    model.choice(
        "head",
        None,
        ["v1", "v2"],
        "v1: start and end apart. v2: the end given the start, and whether "
        "there is an answer. Default: that of the version.",
    )
    training = shared_flags.FlagGroup(fv, "Training")
    training.real(
        "warmup_proportion",
        None,
        "Part of the steps that are warm-up, instead of --num_warmup_steps. "
        "Default: 0.1.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    shared_flags.define_device_flags(fv)


def _usual(name):
    return f" Default: the model's, else {USUAL[name]}."


def main(fv):
    """Questions → windows → model → training → answers → scores.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    check_flags(fv)
    model_directory.check_writable(fv.output_dir)

    # ----------------------------------------------------------- questions
    place = fv.init_checkpoint
    trained = {}
    if not fv.do_train:
        place = trained_model.find(fv.output_dir, fv.init_checkpoint)
        trained = read_trained(place)
    with_negative = trained.get("version_2_with_negative", False)
    if fv.do_train:
        training_questions = read_questions(fv, fv.train_file)
        with_negative = training_questions.has_impossible
        if not training_questions.labelled:
            raise UserError(
                f"{fv.train_file}: there are no answers to train on: give "
                "questions with answers, or only predict"
            )
    if fv.predict_file:
        questions = read_questions(fv, fv.predict_file)
        if fv.do_eval and not questions.labelled:
            raise UserError(
                f"{fv.predict_file}: there are no answers to compare with: "
                "give --do_predict without --do_eval"
            )
        if not questions.labelled and fv.version_2_with_negative is None:
            questions = dataclasses.replace(
                questions,
                has_impossible=questions.has_impossible or with_negative,
            )

    # TensorFlow is loaded from here on, so that --help, wrong flags and bad
    # files answer at once.
    command_line.load_tensorflow()
    import keras

    from albert.interchange.weights import load_weights
    from albert.modeling.span_predictor import AlbertSpanPredictor
    from albert.training import curves
    from albert.training import distribution
    from albert.training import finetuning
    from albert.training import options as options_lib
    from albert.training import reporting
    from albert.training import span_models
    from albert.training.loop import TrainingLoop
    from albert.training.span_data import SpanData

    # First of all: workers find each other before anything is computed.
    strategy = distribution.get_strategy(**shared_flags.device_options(fv))
    distribution.check_batch_size(
        "eval_batch_size", fv.eval_batch_size, strategy.num_replicas_in_sync
    )

    # ------------------------------------------- model, head and settings
    recipe = RECIPES[with_negative]
    if fv.warmup_proportion is not None:
        recipe = dataclasses.replace(
            recipe, warmup_proportion=fv.warmup_proportion
        )
    config, tokenizer = finetuning.find_model(
        fv,
        place,
        recipe.dropout if fv.dropout_prob is None else fv.dropout_prob,
    )
    if fv.do_train:
        head = fv.head or ("v2" if with_negative else "v1")
    else:
        head = span_models.require_head(place, fv.head)
    settings = {
        "head": head,
        "version_2_with_negative": with_negative,
        "max_seq_length": options_lib.find_max_seq_length(
            fv.max_seq_length,
            trained.get("max_seq_length", recipe.max_seq_length),
            config,
        ),
        "classifier_dropout": fv.classifier_dropout
        if fv.classifier_dropout is not None
        else recipe.classifier_dropout,
    } | {
        name: trained.get(name, usual)
        if fv[name].value is None
        else fv[name].value
        for name, usual in USUAL.items()
    }

    # ------------------------------------------------------------- windows
    lengths = options_lib.find_lengths(fv, settings["max_seq_length"])
    # A beam is as wide in every batch.
    beam = max(settings["start_n_top"], settings["end_n_top"])
    if beam > lengths[-1]:
        raise UserError(
            f"a beam of {beam} is wider than the {lengths[-1]} pieces of a "
            "window: give a smaller --start_n_top and --end_n_top"
        )
    lengths = [length for length in lengths if length >= beam]
    limits = {
        name: settings[name] for name in ("doc_stride", "max_query_length")
    }
    data = {}
    if fv.do_train:
        data["train"] = SpanData(
            training_questions,
            tokenizer,
            lengths,
            is_training=True,
            keep_windows_without_answer=fv.keep_windows_without_answer,
            **limits,
        )
    if fv.predict_file:
        data["predict"] = SpanData(
            questions, tokenizer, lengths, is_training=False, **limits
        )

    # ------------------------------------------------------------ training
    objective = span_models.OBJECTIVES[head]()
    keras.utils.set_random_seed(fv.seed)
    with strategy.scope():
        model = AlbertSpanPredictor(
            config,
            head,
            settings["start_n_top"],
            settings["end_n_top"],
            settings["classifier_dropout"],
            dtype="mixed_bfloat16" if fv.dtype == "bfloat16" else "float32",
        )

    def answer(loop):
        return data["predict"].predict(
            loop,
            fv.eval_batch_size,
            settings["n_best_size"],
            settings["max_answer_length"],
        )

    def evaluate(decoded, threshold=fv.null_score_diff_threshold):
        return answer_metrics.evaluate(
            questions, decoded, threshold, settings["language"]
        )

    if fv.do_train:
        num_windows = data["train"].num_examples
        options = options_lib.find_options(fv, recipe, config, num_windows)
        options_lib.log_defaults(
            fv,
            f"SQuAD {'2.0' if with_negative else '1.1'}",
            dataclasses.asdict(options) | settings,
        )
        options_lib.log_batch(
            strategy, options, num_windows, settings["max_seq_length"]
        )
        finetuning.finetune(
            fv.output_dir,
            model,
            objective,
            strategy,
            options,
            tokenizer=tokenizer,
            task={"task_name": "squad", "kind": "span", **settings},
            data=data["train"],
            init_checkpoint=fv.init_checkpoint,
            fresh=span_models.fresh_layers(fv.init_checkpoint, head),
            evaluate=(
                lambda loop: answer_metrics.main_scores(evaluate(answer(loop)))
            )
            if fv.do_eval
            else None,
            best_metric="f1",
            evaluated_on=f"{data['predict'].fingerprint}" if fv.do_eval else "",
        )
        place = fv.output_dir
    weights = load_weights(model, place).source

    # -------------------------------------------------- answers and scores
    if fv.predict_file:
        loop = TrainingLoop(
            model, None, objective, strategy, jit_compile=fv.jit_compile
        )
        decoded = answer(loop)
    if not distribution.is_chief(strategy):
        command_line.leave()
    written = [
        output.write_report(fv.output_dir, name, each.report())
        for name, each in data.items()
    ]
    print()
    if fv.predict_file:
        predictions = decoded.predictions(fv.null_score_diff_threshold)
        written += output.write_predictions(fv.output_dir, decoded, predictions)
        written.append(
            output.write_examples(
                fv.output_dir, questions, decoded, predictions
            )
        )
    if fv.do_eval:
        results, baseline = evaluate(decoded), {}
        if questions.has_impossible:
            baseline = answer_metrics.main_scores(
                evaluate(decoded, threshold=-math.inf)
            )
        written.append(
            output.write_evaluation(fv.output_dir, weights, results, baseline)
        )
        reporting.print_evaluation(
            answer_metrics.main_scores(results),
            baseline,
            "no answers" if baseline else "",
        )
    if fv.do_train:
        picture = os.path.join(fv.output_dir, "curves.png")
        curves.draw(picture, [fv.output_dir])
        written.append(picture)

    # ------------------------------------------------------------- summary
    for name, each in data.items():
        print(f"{name}: {each.summary()}")
    if fv.predict_file:
        print(
            what_is_unanswered(
                fv, span_models.NULL_SCORES[head], questions, predictions
            )
        )
    if fv.do_eval and questions.has_impossible:
        print(
            "Tuned on these very questions, so too good to be expected of "
            f"others: exact {results['best_exact']:.2f} with "
            f"--null_score_diff_threshold={results['best_exact_thresh']:.6g}, "
            f"f1 {results['best_f1']:.2f} with {results['best_f1_thresh']:.6g}"
        )
    print(f"\nModel: {weights}")
    for path in written:
        print(f"Written: {path}")


def read_questions(fv, patterns):
    """Returns the ``SquadData`` of a flag."""
    return squad_files.read_files(
        expand_files(patterns),
        has_impossible=fv.version_2_with_negative,
        stop_at_mismatch=fv.stop_at_mismatch,
    )


def read_trained(place):
    """Returns what the model that is only used was trained with.

    Weights of others do not say it.

    Raises:
      UserError: the model is of another task.
    """
    trained = trained_model.read_description(place)
    if trained and trained.get("kind") != "span":
        raise UserError(
            f"{place} holds a model of {trained.get('task_name')} "
            f"({trained.get('kind')}), which finds no answers: use another "
            "directory, or train with --do_train"
        )
    return trained


def what_is_unanswered(fv, null_score, questions, predictions):
    """Returns a sentence on the questions that get no answer."""
    number = sum(not text for text in predictions.values())
    if questions.has_impossible:
        return (
            f"Rules of SQuAD 2.0: {number} of {len(predictions)} questions get "
            f"no answer, those with a null score ({null_score}) above "
            f"--null_score_diff_threshold={fv.null_score_diff_threshold:g}"
        )
    rule = "Rules of SQuAD 1.1: every question gets an answer"
    return rule + (f", but {number} have no text for it" if number else "")


def check_flags(fv):
    """Refuses flags that cannot work."""
    shared_flags.require(fv, "output_dir")
    if not (fv.do_train or fv.do_eval or fv.do_predict):
        raise UserError(
            "nothing to do: give --do_train, --do_eval or --do_predict, or "
            "several of them"
        )
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
    if math.isnan(fv.null_score_diff_threshold):
        raise UserError("--null_score_diff_threshold is not a number")
    if fv.warmup_proportion is not None and fv.num_warmup_steps is not None:
        raise UserError(
            "--warmup_proportion and --num_warmup_steps say the same thing: "
            "give one of them"
        )
    shared_flags.check_finetuning_flags(fv)


if __name__ == "__main__":
    command_line.run(main, define_flags)
