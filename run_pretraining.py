#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pretrains ALBERT on records of `albert create-pretraining-data`.

A small model on the sample text, a few minutes on two cores, as in `make demo`,
which makes the records too:

    albert pretrain --recipe=budget --model_size=tiny \\
        --input_file='demo/train-*.tfrecord' \\
        --eval_input_file=demo/eval.tfrecord \\
        --output_dir=run/model --train_batch_size=32 \\
        --num_train_steps=1000 --save_checkpoints_steps=250

The released base model's recipe, its batch of 4096 in 64 parts:

    albert pretrain \\
        --input_file='records/train-*' --eval_input_file='records/eval-*' \\
        --albert_config_file=albert_config.json --output_dir=model \\
        --train_batch_size=4096 --gradient_accumulation_steps=64 \\
        --num_train_steps=125000 --dtype=bfloat16 --jit_compile

An hour of a machine, however many steps that are:

    albert pretrain \\
        --input_file='records/train-*' --eval_input_file='records/eval-*' \\
        --model_size=mini --output_dir=model --recipe=budget --train_minutes=60

The same command continues after an interruption.
"""

from absl import logging

from albert import command_line
from albert import device_flags
from albert import evaluation_results
from albert import flags
from albert import model_directory
from albert import pretraining_flags
from albert import pretraining_recipes
from albert.config import AlbertConfig

# Batches of the training records whose word frequencies are the baseline.
BASELINE_BATCHES = 200


define_flags = pretraining_flags.define_flags


def main(fv):
    """Trains a model on pretraining records and writes a model directory.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    do_eval = pretraining_flags.check_flags(fv)
    if fv.albert_config_file:
        # Only to refuse a bad file before TensorFlow is loaded.
        AlbertConfig.from_json(fv.albert_config_file)
    model_directory.check_writable(fv.output_dir)
    evaluation_results.check_earlier(
        fv.output_dir, model_directory.EVALUATION_FILE
    )

    # TensorFlow is loaded from here on, so that --help and wrong flags are
    # answered at once.
    command_line.load_tensorflow()
    import keras

    from albert.interchange import pretraining_start
    from albert.interchange import tensor_bundle
    from albert.interchange.starting_point import open_starting_point
    from albert.interchange.weights import load_weights
    from albert.modeling import local_attention
    from albert.modeling.models import AlbertPretrainer
    from albert.records import record_set
    from albert.training import agreement
    from albert.training import batch_size_schedule
    from albert.training import coordination
    from albert.training import depth_schedule
    from albert.training import distribution
    from albert.training import length_schedule
    from albert.training import masking_schedule
    from albert.training import monitoring
    from albert.training import options
    from albert.training import results
    from albert.training.inference_loop import InferenceLoop
    from albert.training.losses import PretrainingObjective
    from albert.training.pretraining_data import PretrainingData
    from albert.training.pretraining_data import PretrainingEvaluation
    from albert.training.run import Run
    from albert.training.weight_averages import averaged_weights
    from albert.training.weight_averages import has_averages

    # First of all: workers find each other before anything is computed.
    strategy = distribution.start(
        fv.eval_batch_size, **device_flags.device_options(fv)
    )

    # --------------------------------- records, configuration and tokenizer
    masking = {
        "max_predictions_per_seq": fv.max_predictions_per_seq,
        "masked_lm_prob": fv.masked_lm_prob,
        "mask_replacement": fv.mask_replacement,
    }
    train = held_out = None
    if fv.do_train:
        train = PretrainingData(
            fv.input_file, "few" if fv.jit_compile else "many", **masking
        )
    if do_eval:
        held_out = PretrainingData(fv.eval_input_file, **masking)
    record_sets = [data.records for data in (train, held_out) if data]
    record_set.check_masking(
        record_sets,
        {
            "masked_lm_prob": fv.masked_lm_prob,
            "mask_replacement": fv.mask_replacement,
        },
    )
    sentence_order = record_set.find_objective(record_sets) != "none"
    start = open_starting_point(
        fv.init_checkpoint or (None if fv.do_train else fv.output_dir)
    )
    config, tokenizer = pretraining_start.find_config_and_tokenizer(
        start,
        record_sets[0],
        **flags.model_options(fv),
        directory=fv.output_dir,
    )
    record_set.check_record_sets(
        record_sets,
        config,
        tokenizer,
        fv.max_seq_length,
        fv.max_predictions_per_seq,
    )
    agreement.check_data(
        strategy,
        {
            name: each
            for name, each in (("training", train), ("evaluation", held_out))
            if each
        },
    )

    # ------------------------------------- how it is trained and evaluated
    evaluation = None
    if do_eval:
        evaluation = PretrainingEvaluation(
            held_out, fv.eval_batch_size, fv.max_eval_steps
        )
        agreement.check_same(strategy, {"evaluation": evaluation.evaluated_on})
    if fv.do_train:
        pretraining_recipes.set_flags_of_model(fv, config, train.records)
        training_options = options.find_pretraining_options(fv, config)
        budget = training_options.make_budget()
        budget.check(strategy)
        batch_sizes = depths = None
        if fv.train_batch_size_schedule:
            batch_sizes = batch_size_schedule.plan(
                fv.train_batch_size_schedule,
                training_options,
                strategy.num_replicas_in_sync,
                budget,
            )
            logging.info("train_batch_size: %s", batch_sizes)
        options.check_and_log_batch(
            strategy,
            training_options,
            train.num_examples,
            train.records.schema.max_seq_length,
            batch_sizes,
        )
        if fv.num_layers_schedule:
            depths = depth_schedule.plan(fv.num_layers_schedule, config, budget)
            logging.info("depth: %s", depths)
        data_plans = {}
        for name, schedule, text in (
            ("max_seq_length", length_schedule, fv.max_seq_length_schedule),
            ("masked_lm_prob", masking_schedule, fv.masked_lm_prob_schedule),
        ):
            if text:
                data_plans[name] = schedule.plan(text, train.records, budget)
                logging.info("%s: %s", name, data_plans[name])
        run = Run(
            directory=fv.output_dir,
            config=config,
            tokenizer=tokenizer,
            options=training_options,
            data=train,
            start=start,
            fresh=start.parts_bert_lacks,
            layers_from=fv.init_layers_from,
            init_optimizer=fv.init_optimizer,
            evaluation=evaluation,
            depths=depths,
            batch_sizes=batch_sizes,
            data_plans=data_plans,
        )
        # Before the data is read: it may take a while.
        run.check()

    # ------------------------------------- what word frequencies alone reach
    train_baseline, baseline = monitoring.measure_baselines(
        train and train.first_batches(fv.eval_batch_size, BASELINE_BATCHES),
        evaluation and evaluation.first_batches(),
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
        model = AlbertPretrainer(config, dtype=options.DTYPE_POLICIES[fv.dtype])
        if fv.do_train and training_options.initialization == "local":
            local_attention.initialize(model.encoder)
    objective = PretrainingObjective(sentence_order)

    # ------------------------- train, evaluate and save; or evaluate alone
    metrics = None
    if fv.do_train:
        logging.info("%s parameters", f"{model.count_params():,}")
        loop, metrics = run.train(
            model,
            objective,
            strategy,
            watch=monitoring.CollapseDetector(
                train_baseline.loss,
                patience=monitoring.patience_for(budget.num_steps),
            ),
        )
        last_step = int(loop.optimizer.iterations.numpy())
        weights = tensor_bundle.step_prefix(fv.output_dir, last_step)
    else:
        weights = load_weights(model, start).source
        loop = InferenceLoop(
            model, objective, strategy, jit_compile=fv.jit_compile
        )
    if metrics is None and do_eval:  # all steps were made before, or none
        with averaged_weights(loop):
            metrics = evaluation.metrics(loop)
    coordination.finish(strategy)
    if not coordination.is_chief(strategy):
        command_line.leave()

    # ------------------------------------------------------------- summary
    if fv.do_train:
        print(f"\nModel directory: {fv.output_dir}")
    else:
        print(f"\nWeights: {weights}")
    if do_eval:
        evaluation_results.write(
            fv.output_dir,
            weights,
            metrics,
            [evaluation.description],
            baseline.metrics(),
            details={"weights": "average"} if has_averages(loop) else None,
        )
        results.print_evaluation(metrics, baseline.metrics(), "word frequency")
    if fv.do_train:
        if do_eval:
            monitoring.warn_of_nothing_learnt(metrics, baseline)
        results.print_next_commands(fv.output_dir)


if __name__ == "__main__":
    command_line.run(main, define_flags)
