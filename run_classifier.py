#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fine-tunes ALBERT for GLUE, RACE, tagging, or a TSV file of your own.

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

import dataclasses
import os

import numpy as np
from absl import logging

from albert import command_line
from albert import data_flags
from albert import flags as shared_flags
from albert import model_directory
from albert.errors import UserError
from albert.records import metadata
from albert.tasks import interface
from albert.tasks import multiple_choice_features
from albert.tasks import prediction_files
from albert.tasks import selection
from albert.tasks import trained_model
from albert.text.documents import expand_files

# What is done, the splits that are for it, and the flag of their records.
MODES = (
    ("do_train", "train", "train_file"),
    ("do_eval", "dev", "eval_file"),
    ("do_predict", "test", "predict_file"),
)


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    data_flags.define_task_flags(fv)
    records = shared_flags.FlagGroup(fv, "Records, instead of the task's files")
    for mode, _, name in MODES:
        records.string(
            name,
            None,
            f"For --{mode}: paths or globs of what `albert "
            "create-finetuning-data` wrote.",
        )
    shared_flags.define_finetuning_flags(fv)
    training = shared_flags.FlagGroup(fv, "Training")
    training.alias("train_step", "num_train_steps")
    training.alias("warmup_step", "num_warmup_steps")
    training.integer(
        "num_runs",
        1,
        "Train so often, with the seeds --seed, --seed + 1, …, each in its "
        "own run_N of --output_dir, and report the median. Without "
        "--do_train, use the runs that are there.",
        lower_bound=1,
    )
    shared_flags.define_device_flags(fv)


def main(fv):
    """Texts → features → model → training → evaluation → predictions.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    check_flags(fv)
    model_directory.check_writable(fv.output_dir)
    directories = [fv.output_dir]
    if fv.num_runs > 1:
        directories = [
            os.path.join(fv.output_dir, f"run_{number}")
            for number in range(1, fv.num_runs + 1)
        ]
    task = selection.get_task(
        fv.task_name,
        text_column=fv.text_column,
        text_b_column=fv.text_b_column,
        label_column=fv.label_column,
        labels=fv.labels,
        regression=fv.regression,
        high_only=fv.high_only,
        middle_only=fv.middle_only,
    )

    # ---------------------------- models that are there already, and texts
    models, trained = find_models(fv, task, directories)
    if not fv.do_train:
        task = trained_model.with_labels(task, models[0], trained)
    task, texts = read_texts(fv, task)

    # TensorFlow is loaded from here on, so that --help, wrong flags and bad
    # rows answer at once.
    command_line.load_tensorflow()
    import keras

    from albert.interchange.weights import load_weights
    from albert.training import curves
    from albert.training import distribution
    from albert.training import finetuning
    from albert.training import options as options_lib
    from albert.training import reporting
    from albert.training import task_data
    from albert.training import task_evaluation
    from albert.training import task_models
    from albert.training.loop import TrainingLoop

    # First of all: workers find each other before anything is computed.
    strategy = distribution.get_strategy(**shared_flags.device_options(fv))
    distribution.check_batch_size(
        "eval_batch_size", fv.eval_batch_size, strategy.num_replicas_in_sync
    )
    writes = distribution.is_chief(strategy)

    # ------------------------------------------------------------ features
    recipe = task.recipe
    config, tokenizer = finetuning.find_model(
        fv,
        fv.init_checkpoint if fv.do_train else models[0],
        recipe.dropout if fv.dropout_prob is None else fv.dropout_prob,
    )
    records = task_data.open_records(
        {
            purpose: fv[flag].value
            for _, purpose, flag in MODES
            if fv[flag].value
        },
        task,
        config,
        tokenizer,
    )
    max_seq_length = options_lib.find_max_seq_length(
        fv.max_seq_length,
        trained.get("max_seq_length", recipe.max_seq_length),
        config,
        [files.schema.max_seq_length for files in records.values()],
    )
    max_qa_length = fv.max_qa_length or trained.get(
        "max_qa_length", multiple_choice_features.MAX_QA_LENGTH
    )
    lengths = options_lib.find_lengths(fv, max_seq_length)
    data = task_data.featurize(
        task, texts, tokenizer, lengths, max_qa_length
    ) | task_data.read_records(task, records, lengths)
    dev = {split: data[split] for split in data if split.startswith("dev")}
    test = {split: data[split] for split in data if split.startswith("test")}
    baseline = task_evaluation.baseline(task, dev)

    # --------------------------------------------------------------- model
    objective = task_models.OBJECTIVES[task.kind]()
    classifier_dropout = fv.classifier_dropout
    if classifier_dropout is None:
        classifier_dropout = recipe.classifier_dropout

    def make_model(seed):
        keras.utils.set_random_seed(seed)
        with strategy.scope():
            return task_models.make_model(
                task,
                config,
                classifier_dropout,
                dtype="mixed_bfloat16" if fv.dtype == "bfloat16" else "float32",
            )

    # ------------------------------------------------------------ training
    if fv.do_train:
        num_examples = data["train"].num_examples
        options = options_lib.find_options(fv, recipe, config, num_examples)
        options_lib.log_defaults(
            fv,
            task.name,
            {
                "max_seq_length": max_seq_length,
                "dropout_prob": config.hidden_dropout_prob,
                "classifier_dropout": classifier_dropout,
                **dataclasses.asdict(options),
            },
        )
        options_lib.log_batch(strategy, options, num_examples, max_seq_length)
        description = {
            "task_name": task.name,
            "kind": task.kind,
            "labels": list(task.labels),
            "max_seq_length": max_seq_length,
            "classifier_dropout": classifier_dropout,
        }
        if task.kind == "multiple_choice":
            description["max_qa_length"] = max_qa_length

    def train(directory, seed):
        """Returns a ``TrainingLoop`` with the trained model."""
        return finetuning.finetune(
            directory,
            make_model(seed),
            objective,
            strategy,
            dataclasses.replace(options, seed=seed),
            tokenizer=tokenizer,
            task=description,
            data=data["train"],
            init_checkpoint=fv.init_checkpoint,
            fresh=("classifier",),
            evaluate=(lambda loop: evaluate(loop)[0]) if dev else None,
            best_metric=task.best_metric,
            evaluated_on=" ".join(each.fingerprint for each in dev.values()),
        )

    def evaluate(loop):
        return task_evaluation.evaluate(loop, dev, fv.eval_batch_size)

    # ------------------------- each run: train, then evaluate what was best
    all_results, all_predictions = [], []
    for number, directory in enumerate(directories):
        if fv.do_train:
            if fv.num_runs > 1:
                logging.info("---- run %d of %d", number + 1, fv.num_runs)
            loop = train(directory, fv.seed + number)
        else:
            loop = TrainingLoop(
                make_model(fv.seed),
                None,
                objective,
                strategy,
                jit_compile=fv.jit_compile,
            )
        source = load_weights(loop.model, models[number]).source
        if dev:
            results, predictions = evaluate(loop)
            if writes:
                model_directory.write_evaluation(
                    directory, source, results, baseline
                )
            all_results.append(results)
            all_predictions.append(predictions)
        if fv.do_train and writes:
            curves.draw(os.path.join(directory, "curves.png"), [directory])

    # ----------------------------------- all runs together, and their best
    distribution.wait_for_workers(strategy)
    best = trained_model.find_best(models, task.best_metric)
    predictions = {}
    if test:
        load_weights(loop.model, models[best])
        for split, each in test.items():
            predictions[split], _ = task_evaluation.predict(
                loop, each, fv.eval_batch_size
            )
    if not writes:
        command_line.leave()
    written = []
    if dev:
        predictions = {**all_predictions[best], **predictions}
        medians = {
            name: float(np.median([results[name] for results in all_results]))
            for name in all_results[0]
        }
        if fv.num_runs > 1:
            model_directory.write_runs(
                fv.output_dir,
                trained_model.read_seed(models[0], fv.seed),
                all_results,
                medians,
                baseline,
            )
            scores = ", ".join(
                f"{results[task.best_metric]:.4f}" for results in all_results
            )
            print(f"\n{task.best_metric} of {fv.num_runs} runs: {scores}")
            print("Medians:")
        else:
            print(f"\nEvaluation of {source}:")
        reporting.print_evaluation(medians, baseline, "constant answer")
        written.append(
            os.path.join(fv.output_dir, model_directory.EVALUATION_FILE)
        )
        if task.kind != "regression":
            split = next(iter(dev))
            written.append(os.path.join(fv.output_dir, "confusion_matrix.png"))
            prediction_files.write_confusion_matrix(
                written[-1], task, dev[split].gold, predictions[split]
            )
    for split in predictions:
        written += data[split].write_predictions(
            fv.output_dir, predictions[split]
        )
    if fv.do_train:
        written.append(os.path.join(directories[best], "curves.png"))

    # ------------------------------------------------------------- summary
    print(f"\nModel: {models[best]}")
    for path in written:
        print(f"Written: {path}")


def find_models(fv, task, directories):
    """Finds the models of the runs: to be trained, or to be used.

    Returns:
      (models, trained): list of paths, and what is known of models that are
      only used.

    Raises:
      UserError: there are none to be used, or some of another task.
    """
    models = directories
    if not fv.do_train:
        models = [
            trained_model.find(directory, fv.init_checkpoint)
            for directory in directories
        ]
    descriptions = list(map(trained_model.read_description, models))
    for path, description in zip(models, descriptions, strict=True):
        trained_model.check_task(task, path, description)
    return models, {} if fv.do_train else descriptions[0]


def read_texts(fv, task):
    """Reads the task's own files, where no records are given instead.

    Returns:
      (task, texts): ``Task`` with labels, and dict from split to examples.

    Raises:
      UserError: a file is missing or cannot be used.
    """
    if task.labels is None and fv.train_file:
        task = task.with_labels(labels_of_records(fv.train_file))
    texts = {}
    for mode, purpose, records in MODES:
        if not fv[mode].value or fv[records].value:
            continue
        for split in task.splits(purpose) or [purpose]:
            texts[split] = interface.load(
                task, fv.data_dir, split, fv.skip_bad_rows
            )
            if purpose == "train":
                task = task.with_labels_of(texts[split])
            if purpose != "test":
                interface.gold_labels(task, texts[split])
    return task, texts


def labels_of_records(patterns):
    """Returns the labels that the JSON beside records names.

    Raises:
      UserError: there is no such file.
    """
    for found in metadata.find_metadata(expand_files(patterns)):
        if found and "labels" in found[1]:
            return found[1]["labels"]
    raise UserError(
        f"--train_file {patterns}: no JSON beside it says what its labels "
        "are: give them with --labels, in their order"
    )


def check_flags(fv):
    """Refuses flags that cannot work."""
    shared_flags.require(fv, "task_name", "output_dir")
    if not (fv.do_train or fv.do_eval or fv.do_predict):
        raise UserError(
            "nothing to do: give --do_train, --do_eval or --do_predict, or "
            "several of them"
        )
    for mode, _, records in MODES:
        if fv[records].value and not fv[mode].value:
            raise UserError(f"--{records} is for --{mode}: give both")
        if fv[mode].value and not (fv.data_dir or fv[records].value):
            raise UserError(f"--data_dir is required for --{mode}; see --help")
        if fv[records].value:
            expand_files(fv[records].value)
    shared_flags.check_finetuning_flags(fv)


if __name__ == "__main__":
    command_line.run(main, define_flags)
