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

An hour of a machine, however many steps that are:

    albert pretrain \\
        --input_file='records/train-*' --eval_input_file='records/eval-*' \\
        --model_size=mini --output_dir=model --train_batch_size=64 \\
        --train_minutes=60 --num_layers_schedule=2:0.33,4:0.33,6

The same command continues after an interruption.
"""

from absl import logging

from albert import budget_flags
from albert import command_line
from albert import data_flags
from albert import device_flags
from albert import evaluation_results
from albert import flag_parsers
from albert import flags
from albert import model_directory
from albert.config import POSITION_EMBEDDINGS
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.text.documents import expand_files
from albert.text.masking import MASK_REPLACEMENTS

# Batches of the training records whose word frequencies are the baseline.
BASELINE_BATCHES = 200


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    data = flags.FlagGroup(fv, "Data")
    data.files(
        "input_file",
        None,
        "Records to train on: comma-separated paths or globs.",
    )
    data.files(
        "eval_input_file",
        None,
        "Records to evaluate on, not trained on: paths or globs.",
    )
    data.integer(
        "max_seq_length",
        None,
        "Length of the records. Default: theirs.",
        lower_bound=1,
        upper_bound=flag_parsers.LONGEST_SEQUENCE,
    )
    data.integer(
        "max_predictions_per_seq",
        None,
        "Masked-token slots of the records. Default: what they have. Others "
        "are possible with records of --masking=dynamic.",
        lower_bound=1,
        upper_bound=flag_parsers.LONGEST_SEQUENCE,
    )
    data.real(
        "masked_lm_prob",
        None,
        "Share of the tokens to mask in records of --masking=dynamic. Default: "
        "what they were made with.",
        lower_bound=1e-6,
        upper_bound=0.999,
    )
    data.string(
        "masked_lm_prob_schedule",
        None,
        "Shares of the tokens to mask while training, with their shares of the "
        "training, as in 0.3:0.5,0.15, in records of --masking=dynamic. "
        "Evaluations are as without it. Default: one share at all steps.",
    )
    data.choice(
        "mask_replacement",
        None,
        list(MASK_REPLACEMENTS),
        "What masked tokens become in records of --masking=dynamic: 80-10-10: "
        "[MASK] of 80%, a random piece of 10%, and 10% stay; mask: all become "
        "[MASK]. Default: what they were made with.",
    )
    modes = flags.FlagGroup(fv, "Modes")
    modes.boolean("do_train", True, "Train.")
    modes.boolean(
        "do_eval",
        None,
        "Evaluate: at each checkpoint, or the best weights of --output_dir "
        "with --nodo_train. Default: when --eval_input_file is given.",
    )
    flags.define_model_flags(fv)
    flags.FlagGroup(fv, "Model").choice(
        "position_embedding",
        None,
        list(POSITION_EMBEDDINGS),
        "How a model of --model_size tells positions apart, see "
        "docs/variants.md. Default: learned. An --albert_config_file says it "
        "itself.",
    )
    flags.define_training_flags(
        fv,
        batch_size=4096,
        eval_batch_size=64,
        optimizer="lamb",
        num_train_steps=125000,
        save_checkpoints_steps=5000,
        own_optimizers=("muon",),
    )
    training = flags.FlagGroup(fv, "Training")
    training.boolean(
        "init_optimizer",
        False,
        "Take the optimizer's moments (adam_m, adam_v) from --init_checkpoint "
        "too, to go on with a training that is not in --output_dir. Off, as "
        "in the original, they start at zero. The schedule starts anew either "
        "way.",
    )
    training.boolean(
        "bucket_by_length",
        False,
        "Put examples of like length into a batch, so that little is padded. "
        "Default: off, as in the original.",
    )
    budget_flags.define(fv)
    training.real(
        "weight_average_decay",
        None,
        "Keep an exponential moving average of the weights with this decay, "
        "as 0.999, and evaluate it instead of them: model.ckpt-best holds it, "
        "while training goes on with the weights themselves. Default: off, "
        "as in the original.",
        lower_bound=1e-6,
        upper_bound=1 - 1e-6,
    )
    evaluation = flags.FlagGroup(fv, "Evaluation")
    evaluation.integer(
        "max_eval_steps",
        100,
        "Batches of an evaluation, at most.",
        lower_bound=1,
        upper_bound=flag_parsers.MOST_STEPS,
    )
    device_flags.define_device_flags(fv)


def main(fv):
    """Trains a model on pretraining records and writes a model directory.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    do_eval = check_flags(fv)
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

    from albert.interchange import tensor_bundle
    from albert.interchange.starting_point import open_starting_point
    from albert.interchange.weights import load_weights
    from albert.modeling.models import AlbertPretrainer
    from albert.records import record_set
    from albert.training import agreement
    from albert.training import depth_schedule
    from albert.training import distribution
    from albert.training import length_schedule
    from albert.training import masking_schedule
    from albert.training import monitoring
    from albert.training import options
    from albert.training import results
    from albert.training.loop import TrainingLoop
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
    config, tokenizer = start.find_pretraining_config_and_tokenizer(
        record_sets[0], **flags.model_options(fv), directory=fv.output_dir
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
        training_options = options.find_pretraining_options(fv, config)
        budget = training_options.make_budget()
        budget.check(strategy)
        options.check_and_log_batch(
            strategy,
            training_options,
            train.num_examples,
            train.records.schema.max_seq_length,
        )
        depths = None
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
        loop = TrainingLoop(
            model, None, objective, strategy, jit_compile=fv.jit_compile
        )
    if metrics is None and do_eval:  # all steps were made before, or none
        with averaged_weights(loop):
            metrics = evaluation.metrics(loop)
    distribution.finish(strategy)
    if not distribution.is_chief(strategy):
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
        results.print_next_commands(fv.output_dir)


def check_flags(fv):
    """Refuses flags that do not work together; returns whether to evaluate."""
    flags.require(fv, "output_dir")
    if fv.do_train:
        flags.require(fv, "input_file")
    if fv.init_optimizer and not fv.init_checkpoint:
        raise UserError(
            "--init_optimizer needs --init_checkpoint: a checkpoint with the "
            "optimizer's moments"
        )
    if fv.init_optimizer and fv.init_layers_from is not None:
        raise UserError(
            "--init_optimizer with --init_layers_from: the moments are of "
            "other weights; leave one of the two out"
        )
    flags.check_layers_flag(fv)
    budget_flags.check(fv)
    flags.refuse_both(fv, "albert_config_file", "model_size")
    if fv.do_train and not (
        fv.albert_config_file or fv.model_size or fv.init_checkpoint
    ):
        raise UserError(
            "--albert_config_file, --model_size or --init_checkpoint is "
            "required; see --help"
        )
    if fv.position_embedding and not fv.model_size:
        raise UserError(
            "--position_embedding is for a model of --model_size: write "
            "position_embedding into the --albert_config_file instead"
        )
    do_eval = fv.do_eval
    if do_eval is None:
        do_eval = fv.eval_input_file is not None
    if do_eval and not fv.eval_input_file:
        raise UserError(
            "--do_eval needs --eval_input_file: records that are not trained on"
        )
    if fv.bucket_by_length and fv.distribution_strategy == "tpu":
        raise UserError(
            "--bucket_by_length makes batches of several lengths, and TPUs "
            "need one: leave it out"
        )
    if fv.do_train and fv.weight_average_decay is not None and not do_eval:
        raise UserError(
            "--weight_average_decay needs an evaluation, which the averages "
            "are for and which keeps the best of them: give --eval_input_file"
        )
    if not fv.do_train and not do_eval:
        raise UserError("--nodo_train without --do_eval leaves nothing to do")
    for patterns in (fv.input_file, fv.eval_input_file):
        if patterns:
            expand_files(patterns)
    if fv.do_train and do_eval:
        data_flags.refuse_shared_files(fv, "input_file", "eval_input_file")
    return do_eval


if __name__ == "__main__":
    command_line.run(main, define_flags)
