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

from albert import command_line
from albert import device_flags
from albert import evaluation_results
from albert import flags
from albert import heads
from albert import model_directory
from albert import squad_flags
from albert.tasks.squad import answer_language
from albert.tasks.squad import answer_settings
from albert.tasks.squad import output
from albert.training import model_card

define_flags = squad_flags.define_flags


def main(fv):
    """Trains on questions with answers, answers others, and scores the answers.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    squad_flags.check_flags(fv)
    model_directory.check_writable(fv.output_dir)
    evaluation_results.check_earlier(
        fv.output_dir,
        model_directory.EVALUATION_FILE,
        output.report_file("predict"),
    )

    # ----------------------------------------------------------- questions
    place, trained = squad_flags.find_trained(fv)
    questions, with_negative = squad_flags.read_questions(fv, trained)

    # TensorFlow is loaded from here on, so that --help, wrong flags and bad
    # files answer at once.
    command_line.load_tensorflow()
    import keras

    from albert.interchange.starting_point import open_starting_point
    from albert.interchange.weights import load_weights
    from albert.training import agreement
    from albert.training import answer_heads
    from albert.training import coordination
    from albert.training import curves
    from albert.training import distribution
    from albert.training import finetuning_options
    from albert.training import options
    from albert.training import results
    from albert.training import span_data
    from albert.training.inference_loop import InferenceLoop
    from albert.training.run import Run

    # First of all: workers find each other before anything is computed.
    strategy = distribution.start(
        fv.eval_batch_size, **device_flags.device_options(fv)
    )

    # ------------------------------------------- model, head and settings
    recipe = finetuning_options.adjust_recipe(
        fv, answer_settings.RECIPES[with_negative]
    )
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
    max_seq_length = finetuning_options.find_max_seq_length(
        fv.max_seq_length,
        trained.get("max_seq_length", recipe.max_seq_length),
        config,
    )
    settings = {
        "head": heads.HEADS[head].version,
        "version_2_with_negative": with_negative,
        "max_seq_length": max_seq_length,
        "classifier_dropout": recipe.classifier_dropout,
        **answer_settings.find(
            {name: fv[name].value for name in answer_settings.DEFAULTS},
            trained,
            max_seq_length,
        ),
        "language": answer_language.find_language(
            fv.language, trained.get("language"), list(questions.values())
        ),
    }
    finetuning_options.check_shorter_than_sequence(
        fv, max_seq_length, "max_query_length", "max_answer_length"
    )

    # ------------------------------------------------- windows and answers
    lengths = finetuning_options.find_lengths(fv, max_seq_length)
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
        training_options = finetuning_options.find_finetuning_options(
            fv, recipe, config, num_windows
        )
        name = f"SQuAD {'2.0' if with_negative else '1.1'}"
        finetuning_options.log_defaults(
            fv, name, config, settings, training_options
        )
        options.check_and_log_batch(
            strategy, training_options, num_windows, max_seq_length
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
        loop = InferenceLoop(
            model, objective, strategy, jit_compile=fv.jit_compile
        )
    best = fv.output_dir if fv.do_train else start
    weights = load_weights(model, best).source
    decoded = evaluation and evaluation.answer(loop)
    coordination.finish(strategy)
    if not coordination.is_chief(strategy):
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
        written += curves.draw_run(fv.output_dir)
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


if __name__ == "__main__":
    command_line.run(main, define_flags)
