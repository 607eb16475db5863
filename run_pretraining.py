#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pretrains ALBERT on records of `albert create-pretraining-data`.

A small model on the sample text, a few minutes on two cores (`make demo`
runs this and the steps before it):

    albert pretrain \\
        --input_file='demo/train-*.tfrecord' \\
        --eval_input_file=demo/eval.tfrecord \\
        --model_size=tiny --output_dir=demo/model \\
        --train_batch_size=32 --num_train_steps=2000

The released base model's recipe, its batch of 4096 in 64 parts:

    albert pretrain \\
        --input_file='records/train-*' --eval_input_file='records/eval-*' \\
        --albert_config_file=albert_config.json --output_dir=model \\
        --train_batch_size=4096 --gradient_accumulation_steps=64 \\
        --num_train_steps=125000 --dtype=bfloat16 --jit_compile

The same command continues after an interruption.
"""

from absl import logging

from albert import command_line
from albert import flags as shared_flags
from albert import model_directory
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.text.documents import expand_files


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    data = shared_flags.FlagGroup(fv, "Data")
    data.string(
        "input_file",
        None,
        "Records to train on: comma-separated paths or globs.",
    )
    data.string(
        "eval_input_file",
        None,
        "Records to evaluate on, not trained on: paths or globs.",
    )
    data.integer(
        "max_seq_length",
        None,
        "Length of the records. Default: theirs.",
        lower_bound=1,
    )
    data.integer(
        "max_predictions_per_seq",
        None,
        "Masked-token slots of the records. Default: what they have.",
        lower_bound=1,
    )
    modes = shared_flags.FlagGroup(fv, "Modes")
    modes.boolean("do_train", True, "Train.")
    modes.boolean(
        "do_eval",
        None,
        "Evaluate: at each checkpoint, or the best weights of --output_dir "
        "with --nodo_train. Default: when --eval_input_file is given.",
    )
    shared_flags.define_model_flags(fv)
    shared_flags.define_training_flags(
        fv,
        batch_size=4096,
        eval_batch_size=64,
        optimizer="lamb",
        num_train_steps=125000,
        save_checkpoints_steps=5000,
    )
    training = shared_flags.FlagGroup(fv, "Training")
    training.boolean(
        "init_optimizer",
        False,
        "Take the optimizer's moments (adam_m, adam_v) from --init_checkpoint "
        "too, to go on with a training that is not in --output_dir. Off, as "
        "in the original, they start at zero. The schedule starts anew either "
        "way.",
    )
    evaluation = shared_flags.FlagGroup(fv, "Evaluation")
    evaluation.integer(
        "max_eval_steps",
        100,
        "Batches of an evaluation, at most.",
        lower_bound=1,
    )
    shared_flags.define_device_flags(fv)


def main(fv):
    """Records → model → training → model directory.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    do_eval = check_flags(fv)
    config = None
    if fv.albert_config_file:
        config = AlbertConfig.from_json(fv.albert_config_file)
    model_directory.check_writable(fv.output_dir)

    # TensorFlow is loaded from here on, so that --help and what is wrong
    # with the flags answer at once.
    command_line.load_tensorflow()
    import keras

    from albert.interchange import tensor_bundle
    from albert.interchange.sources import describe
    from albert.interchange.weights import load_slots
    from albert.interchange.weights import load_weights
    from albert.modeling.pretrainer import AlbertPretrainer
    from albert.records.pretraining_batches import pretraining_dataset
    from albert.records.record_set import RecordSet
    from albert.training import defaults
    from albert.training import distribution
    from albert.training import options as options_lib
    from albert.training import pretraining_inputs
    from albert.training import reporting
    from albert.training import training_run
    from albert.training.fitting import explained_damage
    from albert.training.loop import TrainingLoop
    from albert.training.losses import PretrainingObjective
    from albert.training.monitoring import CollapseDetector
    from albert.training.monitoring import measure_baselines

    # First of all: workers find each other before anything is computed.
    strategy = distribution.get_strategy(**shared_flags.device_options(fv))
    distribution.check_batch_size(
        "eval_batch_size", fv.eval_batch_size, strategy.num_replicas_in_sync
    )
    writes = distribution.is_chief(strategy)

    # ------------------------------------------------------------- records
    train_records = RecordSet.open(fv.input_file) if fv.do_train else None
    eval_records = RecordSet.open(fv.eval_input_file) if do_eval else None
    record_sets = list(filter(None, (train_records, eval_records)))
    records = record_sets[0]
    objective_name = pretraining_inputs.find_objective(record_sets)
    given = None
    if fv.init_checkpoint or not fv.do_train:
        given = describe(fv.init_checkpoint or fv.output_dir)
        if config is None and not fv.model_size:
            config = given.config
    tokenizer = pretraining_inputs.find_tokenizer(
        fv.spm_model_file, records, given
    )
    config = pretraining_inputs.find_configuration(
        config, fv.model_size, tokenizer
    )
    max_seq_length = fv.max_seq_length or records.schema.max_seq_length
    max_predictions_per_seq = (
        fv.max_predictions_per_seq or records.schema.max_predictions_per_seq
    )
    for record_set in record_sets:
        record_set.check(
            max_seq_length,
            max_predictions_per_seq,
            config.vocab_size,
            tokenizer and tokenizer.fingerprint,
        )
    if max_seq_length > config.max_position_embeddings:
        raise UserError(
            f"{records.files[0]} holds sequences of {max_seq_length} "
            "pieces, the model has max_position_embeddings "
            f"{config.max_position_embeddings}: use shorter records or "
            "another configuration"
        )

    # ------------------------------------------------ how it is trained
    if fv.do_train:
        warmup_steps = fv.num_warmup_steps
        if warmup_steps is None:
            warmup_steps = defaults.warmup_steps(fv.num_train_steps)
            logging.info("warm-up over %d steps", warmup_steps)
        options = options_lib.TrainingOptions.from_flags(
            fv,
            learning_rate=pretraining_inputs.find_learning_rate(
                fv.learning_rate, config, fv.optimizer, fv.train_batch_size
            ),
            num_warmup_steps=warmup_steps,
            bucket_by_length=False,
        )
        settings = {
            "max_seq_length": max_seq_length,
            "max_predictions_per_seq": max_predictions_per_seq,
            "records": train_records.count(),
            "records_fingerprint": train_records.fingerprint,
            "input_file": fv.input_file,
            "init_checkpoint": fv.init_checkpoint,
            "init_optimizer": fv.init_optimizer,
        }
        options_lib.log_batch(
            strategy, options, train_records.count(), max_seq_length
        )
        # Before the data is read: it may take a while.
        model_directory.check_run(
            fv.output_dir, config, {**options.settings(), **settings}
        )

    # ------------------------------------- what word frequencies alone reach
    def dataset(record_set, training, start_record=0):
        return pretraining_dataset(
            record_set,
            fv.train_batch_size if training else fv.eval_batch_size,
            training=training,
            seed=fv.seed,
            start_record=start_record,
        )

    def locate_damage():
        found = (record_set.locate_damage() for record_set in record_sets)
        return next(filter(None, found), None)

    eval_dataset = do_eval and dataset(eval_records, False).take(
        fv.max_eval_steps
    )
    covered = fv.max_eval_steps * fv.eval_batch_size
    if do_eval and eval_records.count() > covered:
        logging.warning(
            "evaluating on the first %d of %d records: raise --max_eval_steps "
            "for more of them",
            covered,
            eval_records.count(),
        )
    with explained_damage(locate_damage):
        train_baseline, baseline = measure_baselines(
            dataset(train_records, False).take(200).as_numpy_iterator()
            if fv.do_train
            else None,
            eval_dataset.as_numpy_iterator() if do_eval else None,
            config.vocab_size,
        )
    logging.info(
        "predicting by word frequency: masked_lm_loss %.4f, "
        "masked_lm_accuracy %.4f",
        baseline.loss,
        baseline.accuracy,
    )

    # ------------------------------------------------------- model and loss
    keras.utils.set_random_seed(fv.seed)
    with strategy.scope():
        model = AlbertPretrainer(
            config,
            dtype="mixed_bfloat16" if fv.dtype == "bfloat16" else "float32",
        )
    objective = PretrainingObjective(sentence_order=objective_name != "none")

    # ---------------------------------------------------- evaluation alone
    if not fv.do_train:
        source = load_weights(model, fv.init_checkpoint or fv.output_dir).source
        loop = TrainingLoop(
            model, None, objective, strategy, jit_compile=fv.jit_compile
        )
        metrics = loop.evaluate(loop.distribute(eval_dataset))
        if writes:
            model_directory.write_evaluation(
                fv.output_dir, source, metrics, baseline.metrics()
            )
            print(f"\nWeights: {source}")
            reporting.print_evaluation(
                metrics, baseline.metrics(), "word frequency"
            )
        return

    # ---------------------------------------------- train, evaluate and save
    def evaluate(loop):
        return loop.evaluate(loop.distribute(eval_dataset))

    def load_initial(optimizer):
        if not fv.init_checkpoint:
            logging.info("starting from random weights")
            return
        report = load_weights(model, fv.init_checkpoint)
        logging.info(
            "%d weights loaded from %s", len(report.loaded), report.source
        )
        if fv.init_optimizer:
            load_slots(optimizer, model, fv.init_checkpoint)
            logging.info("the optimizer's moments too")

    logging.info("%s parameters", f"{model.count_params():,}")
    detector = CollapseDetector(
        train_baseline.loss,
        patience=max(500, fv.num_train_steps // 10),
    )
    loop, metrics = training_run.train(
        fv.output_dir,
        model,
        objective,
        strategy,
        options,
        settings=settings,
        tokenizer=tokenizer,
        make_dataset=lambda start: dataset(train_records, True, start),
        load_initial=load_initial,
        evaluate=evaluate if do_eval else None,
        best_metric="masked_lm_accuracy",
        evaluated_on=f"{covered} records of {eval_records.fingerprint}"
        if do_eval
        else "",
        watch=lambda step, history: detector.update(
            step, history["masked_lm_loss"]
        ),
        explain_data_error=locate_damage,
    )
    if metrics is None and do_eval:  # all steps were made before
        metrics = evaluate(loop)
    if not writes:
        command_line.leave()

    # ------------------------------------------------------------- summary
    print(f"\nModel directory: {fv.output_dir}")
    if metrics is not None:
        model_directory.write_evaluation(
            fv.output_dir,
            tensor_bundle.step_prefix(fv.output_dir, fv.num_train_steps),
            metrics,
            baseline.metrics(),
        )
        reporting.print_evaluation(
            metrics, baseline.metrics(), "word frequency"
        )
    reporting.print_next_commands(fv.output_dir)


def check_flags(fv):
    """Refuses flags that cannot work; returns whether to evaluate."""
    shared_flags.require(fv, "output_dir")
    if fv.do_train:
        shared_flags.require(fv, "input_file")
    if fv.init_optimizer and not fv.init_checkpoint:
        raise UserError(
            "--init_optimizer needs --init_checkpoint: a checkpoint with the "
            "optimizer's moments"
        )
    if fv.albert_config_file and fv.model_size:
        raise UserError(
            "--albert_config_file and --model_size say the same thing: give "
            "one of them"
        )
    if fv.do_train and not (
        fv.albert_config_file or fv.model_size or fv.init_checkpoint
    ):
        raise UserError(
            "--albert_config_file, --model_size or --init_checkpoint is "
            "required; see --help"
        )
    do_eval = fv.do_eval
    if do_eval is None:
        do_eval = fv.eval_input_file is not None
    if do_eval and not fv.eval_input_file:
        raise UserError(
            "--do_eval needs --eval_input_file: records that are not trained on"
        )
    if not fv.do_train and not do_eval:
        raise UserError("--nodo_train without --do_eval leaves nothing to do")
    for patterns in (fv.input_file, fv.eval_input_file):
        if patterns:
            expand_files(patterns)
    return do_eval


if __name__ == "__main__":
    command_line.run(main, define_flags)
