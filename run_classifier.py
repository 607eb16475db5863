#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes ALBERT for GLUE, RACE, tagging, or a table of your own.

The sample task on the model that `make demo` pretrains, a minute on two
cores:

    albert classify --task_name=tsv \\
        --data_dir=data/sample/classification \\
        --init_checkpoint=demo/model --output_dir=demo/classifier \\
        --do_train --do_eval --do_predict

A GLUE task with the paper's settings, the median of five runs:

    albert classify --task_name=rte --data_dir=glue_data \\
        --init_checkpoint=albert_base_v2.tar.gz --output_dir=rte \\
        --do_train --do_eval --num_runs=5

The same command continues after an interruption.
"""

import contextlib
import dataclasses
import os

from absl import flags as absl_flags
from absl import logging

from albert import classification_flags
from albert import command_line
from albert import data_flags
from albert import device_flags
from albert import evaluation_results
from albert import flags
from albert import heads
from albert import model_directory
from albert import run_list_flags
from albert.classification_flags import MODES
from albert.errors import UserError
from albert.interchange import task_description
from albert.tasks import class_weights
from albert.tasks import folds
from albert.tasks import multiple_choice_features
from albert.tasks import thresholds
from albert.tasks import trained_model
from albert.training import cross_validation
from albert.training import model_card
from albert.training import run_lists
from albert.training import sweeps

define_flags = classification_flags.define_flags


def main(fv):
    """Trains on the texts of a task, evaluates, and writes predictions.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    classification_flags.check_flags(fv)
    model_directory.check_writable(fv.output_dir)
    trained_model.check_place(
        fv.output_dir, fv.num_runs > 1 or run_list_flags.asks_for_list(fv)
    )
    if run_list_flags.asks_for_list(fv):
        make_runs(fv)
        return

    # ---------------------------- models that are there already, and texts
    directories = trained_model.run_directories(fv.output_dir, fv.num_runs)
    for directory in (fv.output_dir, *directories):
        evaluation_results.check_earlier(
            directory,
            model_directory.EVALUATION_FILE,
            evaluation_results.TEST_FILE,
        )
    task, models, trained = classification_flags.find_task(fv, directories)
    classification_flags.check_thresholds(fv, task, models, directories)
    max_qa_length = fv.max_qa_length or trained.get(
        "max_qa_length", multiple_choice_features.MAX_QA_LENGTH
    )
    # Without --max_seq_length, models and records have a say in it too.
    if task.label_type == "choice" and fv.max_seq_length:
        multiple_choice_features.check_max_qa_length(
            max_qa_length, fv.max_seq_length
        )
    task, texts = classification_flags.read_texts(fv, task)
    if not fv.do_train:
        classification_flags.check_pairs(task, trained, texts)
    weights_of_labels = class_weights.read(fv.class_weights, task)

    # TensorFlow is loaded from here on, so that --help, wrong flags and bad
    # rows answer at once.
    command_line.load_tensorflow()
    import keras

    from albert.interchange import kept_heads
    from albert.interchange.starting_point import open_starting_point
    from albert.interchange.weights import load_weights
    from albert.training import agreement
    from albert.training import coordination
    from albert.training import curves
    from albert.training import distribution
    from albert.training import event_tags
    from albert.training import finetuning_options
    from albert.training import options
    from albert.training import record_data
    from albert.training import results
    from albert.training import task_data
    from albert.training import task_evaluation
    from albert.training.inference_loop import InferenceLoop
    from albert.training.run import Run

    # First of all: workers find each other before anything is computed.
    strategy = distribution.start(
        fv.eval_batch_size, **device_flags.device_options(fv)
    )
    writes = coordination.is_chief(strategy)

    # ------------------------------------------- configuration and features
    recipe = finetuning_options.adjust_recipe(fv, task.recipe)
    start = open_starting_point(
        fv.init_checkpoint if fv.do_train else models[0]
    )
    config, tokenizer = start.find_config_and_tokenizer(
        **flags.model_options(fv), dropout=recipe.dropout
    )
    given = {
        split: fv[flag].value for _, split, flag in MODES if fv[flag].value
    }
    records = record_data.open_records(given, task, config, tokenizer)
    max_seq_length = finetuning_options.find_max_seq_length(
        fv.max_seq_length,
        trained.get("max_seq_length", recipe.max_seq_length),
        config,
        [files.schema.max_seq_length for files in records.values()],
    )
    finetuning_options.check_shorter_than_sequence(
        fv, max_seq_length, "max_qa_length"
    )
    lengths = finetuning_options.find_lengths(fv, max_seq_length)
    data = task_data.featurize(
        task, fv.data_dir, texts, tokenizer, lengths, max_qa_length
    ) | record_data.read_records(task, given, records, lengths)
    agreement.check_data(strategy, data)
    balance = {"focal_gamma": fv.focal_gamma} if fv.focal_gamma else {}
    if fv.do_train and weights_of_labels:
        balance["class_weights"] = class_weights.resolve(
            weights_of_labels, task, task_data.count_labels(task, data["train"])
        )
    elif not fv.do_train:
        # So that its loss is the one that it was trained with.
        balance = class_weights.remembered(task, models[0], trained)
    objective = heads.make_objective(task.head, **balance)
    best_metric = fv.best_metric
    if fv.num_runs > 1:  # One of them is chosen.
        best_metric = best_metric or trained.get("best_metric")
    evaluation = task_evaluation.of_dev_splits(
        task,
        data,
        fv.eval_batch_size,
        best_metric,
        [name for name in objective.metric_names if event_tags.is_loss(name)],
        fv.tune_thresholds,
    )

    # --------------------------------------------------- how it is trained
    if fv.do_train:
        num_examples = data["train"].num_examples
        training_options = finetuning_options.find_finetuning_options(
            fv, recipe, config, num_examples
        )
        settings = {
            "max_seq_length": max_seq_length,
            "classifier_dropout": recipe.classifier_dropout,
            **balance,
        }
        if best_metric not in (None, task.best_metric):
            settings["best_metric"] = best_metric
        if task.label_type == "choice":
            settings["max_qa_length"] = max_qa_length
        if task.label_type == "classes":
            settings["tune_thresholds"] = fv.tune_thresholds
        finetuning_options.log_defaults(
            fv, task.name, config, settings, training_options
        )
        options.check_and_log_batch(
            strategy, training_options, num_examples, max_seq_length
        )
        kept_head = kept_heads.find(start, task, fv.fresh_head)
        if "train" in texts and task.label_type in (
            "class",
            "classes",
            "number",
        ):
            settings["text_pairs"] = texts["train"].texts_b is not None

    # ------------------------- each run: train, then evaluate what was best
    outcomes, written = [], []
    sources = models if fv.do_train else [start, *models[1:]]
    for index, directory in enumerate(directories):
        keras.utils.set_random_seed(fv.seed + index)
        with strategy.scope():
            model = heads.make_model(
                task.head,
                config,
                task.num_labels,
                classifier_dropout=recipe.classifier_dropout,
                dtype=options.DTYPE_POLICIES[fv.dtype],
            )
        if fv.do_train:
            if fv.num_runs > 1:
                logging.info("---- run %d of %d", index + 1, fv.num_runs)
            run = Run(
                directory=directory,
                config=config,
                tokenizer=tokenizer,
                options=dataclasses.replace(
                    training_options, seed=fv.seed + index
                ),
                data=data["train"],
                start=start,
                fresh=kept_head.fresh,
                kept_head=kept_head,
                remedy=classification_flags.describe_further_training(
                    fv, directory
                ),
                layers_from=fv.init_layers_from,
                task=task.describe() | settings,
                # The fold that measures a model does not choose it.
                evaluation=None if fv.fold else evaluation,
            )
            loop, _ = run.train(model, objective, strategy)
            if writes:
                model_card.record_training_data(
                    directory,
                    data["train"].description,
                    data["train"].label_counts,
                )
        else:
            loop = InferenceLoop(
                model, objective, strategy, jit_compile=fv.jit_compile
            )
        weights = load_weights(model, sources[index], labels=task.labels).source
        if evaluation:
            label_thresholds = None
            if not fv.tune_thresholds:
                label_thresholds = thresholds.of_model(
                    task, task_description.read(models[index]), models[index]
                )
            outcomes.append(evaluation.evaluate(loop, label_thresholds))
            if writes and fv.tune_thresholds:
                # Before results say that they are the model's.
                thresholds.store(directory, task, outcomes[-1])
            if writes:
                written = evaluation.write(directory, weights, outcomes[-1])
        if fv.do_train and writes:
            curves.draw_run(directory)

    # ----------------------------------- all runs together, and their best
    coordination.wait_for_workers(strategy)
    # From the files: models that are only used need not be evaluated here.
    best_metric = best_metric or task.best_metric
    best = trained_model.find_best(
        models, best_metric, event_tags.is_loss(best_metric)
    )
    if fv.do_predict:
        # The model of the last run takes the weights of the best one.
        tested_weights = load_weights(
            model, models[best], labels=task.labels
        ).source
        tested = task_evaluation.test(
            loop,
            task,
            data,
            fv.eval_batch_size,
            thresholds.of_model(
                task, task_description.read(models[best]), models[best]
            ),
        )
    coordination.finish(strategy)
    if not writes:
        command_line.leave()

    # ------------------------------------------------------------- summary
    if evaluation:
        if fv.num_runs > 1:
            seed = trained_model.read_seed(models[0], fv.seed)
            written = evaluation.write_runs(fv.output_dir, outcomes, best, seed)
        results.print_runs(evaluation, outcomes, weights)
    if fv.do_predict:
        written += tested.write(fv.output_dir, tested_weights)
        if tested.metrics:
            print(f"\nTest of {tested_weights}:")
            results.print_evaluation(
                tested.metrics, tested.baseline, "constant answer"
            )
    picture = os.path.join(directories[best], curves.RUN_PICTURE)
    if fv.do_train and os.path.exists(picture):
        written.append(picture)
    for directory in directories:
        written += model_card.write(directory, fv.licence)
    results.print_written(models[best], written)


@contextlib.contextmanager
def naming(run):
    """Puts the name of a run of a list before what is wrong with its flags."""
    try:
        yield
    except (absl_flags.Error, UserError) as error:
        raise UserError(f"{run.name}: {error}") from None


def read_flags(run):
    """Returns the flags of a run of a list, checked: ``FlagValues``.

    Args:
      run: ``PlannedRun``.

    Raises:
      UserError: it would be refused, before its texts are read.
    """
    fv = absl_flags.FlagValues()
    define_flags(fv)
    with naming(run):
        fv(["classify", *run.arguments])
        classification_flags.check_flags(fv)
        directories = trained_model.run_directories(fv.output_dir, fv.num_runs)
        task, models, _ = classification_flags.find_task(fv, directories)
        classification_flags.check_thresholds(fv, task, models, directories)
    return fv


def make_runs(fv):
    """Makes the runs of --sweep or of --num_folds, and compares them.

    Raises:
      UserError: a run cannot be made, before the first one begins; or some
        have failed, when the others are made.
    """
    plan = run_list_flags.plan_sweep if fv.sweep else run_list_flags.plan_folds
    runs = plan(fv)
    values = list(map(read_flags, runs))
    run_lists.check(runs)
    evaluation_results.check_earlier(
        fv.output_dir, model_directory.EVALUATION_FILE, sweeps.RESULTS_FILE
    )
    task, texts = classification_flags.read_texts(fv, data_flags.get_task(fv))
    for run, each in zip(runs, values, strict=True):
        with naming(run):
            class_weights.read(each.class_weights, task)
    if fv.num_folds:
        assigned = folds.assign(task, texts["train"], fv.num_folds, fv.seed)
    records = [fv[name].value for *_, name in MODES if fv[name].value]
    data = run_lists.identify_data(texts, records)
    failed = run_lists.carry_out(
        runs,
        __file__,
        data,
        [each.init_checkpoint for each in values],
        [
            [each[name].value for name in flags.MODEL_FILES if each[name].value]
            for each in values
        ],
        run_lists.list_files(
            texts, filter(None, (fv.eval_file, fv.predict_file))
        ),
    )
    made = [run for run in runs if run not in failed]
    metrics = list(map(run_lists.read_metrics, made))
    print()
    if fv.sweep and made:
        comparison = sweeps.compare(
            made, metrics, fv.best_metric or task.best_metric
        )
        print(sweeps.describe(comparison))
        written = sweeps.write(
            fv.output_dir,
            model_directory.read_evaluation(made[0].directory)["data"],
            made,
            metrics,
            comparison,
            failed,
        )
    elif not failed:
        print(cross_validation.describe(runs, metrics))
        written = cross_validation.write(
            fv.data_dir,
            fv.output_dir,
            texts["train"],
            runs,
            metrics,
            cross_validation.join_predictions(runs, assigned),
        )
    if failed:
        raise UserError(run_lists.explain_failures(failed, runs))
    for path in written:
        print(f"Written: {path}")


if __name__ == "__main__":
    command_line.run(main, define_flags)
