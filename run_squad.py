#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes ALBERT to find answers in texts: SQuAD 1.1, 2.0 and the like.

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

from albert import command_line
from albert import device_flags
from albert import evaluation_results
from albert import finetuning_flags
from albert import flag_parsers
from albert import flags
from albert import heads
from albert import model_directory
from albert.errors import UserError
from albert.interchange import task_description
from albert.tasks import trained_model
from albert.tasks.squad import answer_language
from albert.tasks.squad import answer_metrics
from albert.tasks.squad import answer_settings
from albert.tasks.squad import output
from albert.tasks.squad import squad_files
from albert.text.documents import expand_files
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
    return f" Default: the model's, else {answer_settings.DEFAULTS[name]}."


def main(fv):
    """Trains on questions with answers, answers others, and scores the answers.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    check_flags(fv)
    model_directory.check_writable(fv.output_dir)
    evaluation_results.check_earlier(
        fv.output_dir,
        model_directory.EVALUATION_FILE,
        output.report_file("predict"),
    )

    # ----------------------------------------------------------- questions
    place, trained = find_trained(fv)
    questions, with_negative = read_questions(fv, trained)

    # TensorFlow is loaded from here on, so that --help, wrong flags and bad
    # files answer at once.
    command_line.load_tensorflow()
    import keras

    from albert.interchange.starting_point import open_starting_point
    from albert.interchange.weights import load_weights
    from albert.training import agreement
    from albert.training import answer_heads
    from albert.training import curves
    from albert.training import distribution
    from albert.training import options
    from albert.training import results
    from albert.training import span_data
    from albert.training.loop import TrainingLoop
    from albert.training.run import Run

    # First of all: workers find each other before anything is computed.
    strategy = distribution.start(
        fv.eval_batch_size, **device_flags.device_options(fv)
    )

    # ------------------------------------------- model, head and settings
    recipe = options.adjust_recipe(fv, answer_settings.RECIPES[with_negative])
    start = open_starting_point(place)
    config, tokenizer = start.find_config_and_tokenizer(
        **flags.model_options(fv), dropout=recipe.dropout
    )
    if fv.do_train:
        (head,) = heads.find(
            version=fv.head or ("v2" if with_negative else "v1")
        )
    else:
        head = answer_heads.require_head(start, fv.head)
    settings = {
        "head": heads.HEADS[head].version,
        "version_2_with_negative": with_negative,
        "max_seq_length": options.find_max_seq_length(
            fv.max_seq_length,
            trained.get("max_seq_length", recipe.max_seq_length),
            config,
        ),
        "classifier_dropout": recipe.classifier_dropout,
        **answer_settings.find(
            {name: fv[name].value for name in answer_settings.DEFAULTS}, trained
        ),
        "language": answer_language.find_language(
            fv.language, trained.get("language"), list(questions.values())
        ),
    }
    options.check_shorter_than_sequence(
        fv,
        settings["max_seq_length"],
        "doc_stride",
        "max_query_length",
        "max_answer_length",
    )

    # ------------------------------------------------- windows and answers
    lengths = options.find_lengths(fv, settings["max_seq_length"])
    lengths = span_data.find_lengths(lengths, settings)
    data = span_data.featurize(
        questions, tokenizer, lengths, settings, fv.keep_windows_without_answer
    )
    agreement.check_data(strategy, data)
    evaluation = None
    if fv.predict_file:
        evaluation = span_data.SpanEvaluation(
            data["predict"],
            settings,
            fv.eval_batch_size,
            fv.null_score_diff_threshold,
        )

    # --------------------------------------------------- model and training
    objective = heads.make_objective(head)
    keras.utils.set_random_seed(fv.seed)
    with strategy.scope():
        model = heads.make_model(
            head,
            config,
            start_n_top=settings["start_n_top"],
            end_n_top=settings["end_n_top"],
            classifier_dropout=settings["classifier_dropout"],
            dtype=options.DTYPE_POLICIES[fv.dtype],
        )
    if fv.do_train:
        num_windows = data["train"].num_examples
        training_options = options.find_finetuning_options(
            fv, recipe, config, num_windows
        )
        name = f"SQuAD {'2.0' if with_negative else '1.1'}"
        options.log_defaults(fv, name, config, settings, training_options)
        options.check_and_log_batch(
            strategy, training_options, num_windows, settings["max_seq_length"]
        )
        run = Run(
            directory=fv.output_dir,
            config=config,
            tokenizer=tokenizer,
            options=training_options,
            data=data["train"],
            start=start,
            fresh=answer_heads.fresh_components(start, head),
            layers_from=fv.init_layers_from,
            task={
                "task_name": "squad",
                "kind": heads.HEADS[head].task_kind,
                **settings,
            },
            evaluation=evaluation if fv.do_eval else None,
        )
        loop, _ = run.train(model, objective, strategy)
    else:
        loop = TrainingLoop(
            model, None, objective, strategy, jit_compile=fv.jit_compile
        )
    best = fv.output_dir if fv.do_train else start
    weights = load_weights(model, best).source
    decoded = evaluation and evaluation.answer(loop)
    distribution.finish(strategy)
    if not distribution.is_chief(strategy):
        command_line.leave()

    # -------------------------------------------------- answers and scores
    written = []
    if fv.do_train:
        report = data["train"].report()
        written.append(output.write_report(fv.output_dir, "train", report))
    scores = baseline = None
    if fv.do_eval:
        scores = evaluation.scores(decoded)
        baseline = evaluation.baseline(decoded)
    if evaluation:
        written += evaluation.write(
            fv.output_dir, weights, decoded, scores, baseline
        )
    if fv.do_train:
        written.append(curves.draw_run(fv.output_dir))
        model_card.record_training_data(
            fv.output_dir, data["train"].description
        )
    written += model_card.write(fv.output_dir, fv.licence)

    # ------------------------------------------------------------- summary
    print()
    if fv.do_eval:
        results.print_answer_scores(scores, baseline)
    for name, each in data.items():
        print(f"{name}: {each.summary()}; {each.data.how_it_was_read()}")
    if evaluation:
        predictions = decoded.predictions(evaluation.threshold)
        null_score = answer_heads.NULL_SCORES[head]
        print(evaluation.unanswered(predictions, null_score))
    results.print_written(weights, written)


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
    flags.refuse_both(fv, "warmup_proportion", "num_warmup_steps")
    finetuning_flags.check(fv)
    model_card.check_licence(fv.licence)


if __name__ == "__main__":
    command_line.run(main, define_flags)
