#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pretrains ALBERT on records made by data/create_pretraining_data.py.

A small model on the sample text, a few minutes on two cores (`make demo`
runs this and the steps before it):

    python run_pretraining.py \\
        --input_file=demo/train.tfrecord --eval_input_file=demo/eval.tfrecord \\
        --model_size=tiny --output_dir=demo/model \\
        --train_batch_size=64 --num_train_steps=1000

The released base model's recipe (TPU pod, or gradient accumulation):

    python run_pretraining.py \\
        --input_file='records/train-*' --eval_input_file='records/eval-*' \\
        --albert_config_file=albert_config.json --output_dir=model \\
        --train_batch_size=4096 --gradient_accumulation_steps=64 \\
        --num_train_steps=125000 --dtype=bfloat16 --jit_compile

The same command continues after an interruption.
"""

import os

from absl import flags
from absl import logging

from albert import command_line
from albert import flags as shared_flags
from albert.config import AlbertConfig
from albert.errors import UserError


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    shared_flags.define_model_flags(fv)
    shared_flags.define_training_flags(
        fv, batch_size=4096, eval_batch_size=64, optimizer="lamb"
    )
    shared_flags.define_device_flags(fv)
    flags.DEFINE_string(
        "input_file",
        None,
        "Records to train on: comma-separated paths or globs.",
        flag_values=fv,
    )
    flags.DEFINE_string(
        "eval_input_file",
        None,
        "Records to evaluate on, not trained on: paths or globs.",
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "max_seq_length",
        None,
        "Length of the records. Default: what they have.",
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "max_predictions_per_seq",
        None,
        "Masked-token slots of the records. Default: what they have.",
        flag_values=fv,
    )
    flags.DEFINE_bool("do_train", True, "Train.", flag_values=fv)
    flags.DEFINE_bool(
        "do_eval",
        None,
        "Evaluate: at each checkpoint, or the best weights of --output_dir "
        "with --nodo_train. Default: when --eval_input_file is given.",
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "num_train_steps",
        125000,
        "Updates to train for.",
        lower_bound=1,
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "max_eval_steps",
        100,
        "Batches of an evaluation, at most.",
        lower_bound=1,
        flag_values=fv,
    )


def main(fv):
    """Records → model → training → model directory.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
    """
    do_eval = check_flags(fv)

    # TensorFlow is loaded from here on, so that --help and a wrong flag
    # answer at once.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras

    from albert import model_directory
    from albert.interchange import checkpoint
    from albert.interchange.weights import load_weights
    from albert.modeling.pretrainer import AlbertPretrainer
    from albert.records.reading import RecordSet
    from albert.records.reading import pretraining_dataset
    from albert.training import defaults
    from albert.training import distribution
    from albert.training import optimizers
    from albert.training import schedules
    from albert.training.checkpoints import TrainingCheckpoints
    from albert.training.fitting import fit
    from albert.training.loop import TrainingLoop
    from albert.training.losses import PretrainingObjective
    from albert.training.monitoring import CollapseDetector
    from albert.training.monitoring import WordFrequencyBaseline
    from albert.training.reporting import Reporter
    from albert.training.reporting import format_metrics

    # ------------------------------------------------------------- records
    train_records = RecordSet.open(fv.input_file)
    eval_records = RecordSet.open(fv.eval_input_file) if do_eval else None
    tokenizer = find_tokenizer(fv.spm_model_file, train_records)
    config = find_configuration(fv, train_records, tokenizer)
    max_seq_length = fv.max_seq_length or train_records.schema.max_seq_length
    max_predictions = (
        fv.max_predictions_per_seq
        or train_records.schema.max_predictions_per_seq
    )
    for records in filter(None, (train_records, eval_records)):
        records.check(
            max_seq_length,
            max_predictions,
            config.vocab_size,
            tokenizer and tokenizer.fingerprint,
        )
    if max_seq_length > config.max_position_embeddings:
        raise UserError(
            f"{train_records.files[0]} holds sequences of {max_seq_length} "
            "pieces, the model has max_position_embeddings "
            f"{config.max_position_embeddings}: use shorter records or "
            "another configuration"
        )

    # ------------------------------------------- settings that define a run
    strategy = distribution.get_strategy(fv.distribution_strategy)
    replicas = strategy.num_replicas_in_sync
    per_step = distribution.check_batch_size(
        "train_batch_size",
        fv.train_batch_size,
        replicas,
        fv.gradient_accumulation_steps,
    )
    distribution.check_batch_size(
        "eval_batch_size", fv.eval_batch_size, replicas
    )
    learning_rate = fv.learning_rate
    if learning_rate is None:
        learning_rate = defaults.pretraining_learning_rate(
            config, fv.optimizer, fv.train_batch_size
        )
        logging.info(
            "learning rate %.3g: derived for %s, width %d, batch size %d",
            learning_rate,
            fv.optimizer,
            config.hidden_size,
            fv.train_batch_size,
        )
    warning = defaults.learning_rate_warning(
        config, fv.optimizer, fv.train_batch_size, learning_rate
    )
    if warning:
        logging.warning(warning)
    warmup_steps = fv.num_warmup_steps
    if warmup_steps is None:
        warmup_steps = defaults.warmup_steps(fv.num_train_steps)
        logging.info("warm-up over %d steps", warmup_steps)
    settings = {
        "max_seq_length": max_seq_length,
        "records": train_records.count(),
        "learning_rate": learning_rate,
        "num_warmup_steps": warmup_steps,
        **{name: fv[name].value for name in _SETTINGS_OF_A_RUN},
    }
    model_directory.check_run(fv.output_dir, config, settings)

    # ------------------------------------- what word frequencies alone reach
    def dataset(records, training, start_record=0):
        return pretraining_dataset(
            records,
            fv.train_batch_size if training else fv.eval_batch_size,
            training=training,
            seed=fv.seed,
            start_record=start_record,
        )

    eval_dataset = do_eval and dataset(eval_records, False).take(
        fv.max_eval_steps
    )
    sample = eval_dataset or dataset(train_records, False).take(200)
    baseline = WordFrequencyBaseline.of(
        sample.as_numpy_iterator(), config.vocab_size
    )
    logging.info(
        "predicting by word frequency: masked_lm_loss %.4f, "
        "masked_lm_accuracy %.4f",
        baseline.loss,
        baseline.accuracy,
    )

    # ----------------------------------------------- model, loss, optimizer
    keras.utils.set_random_seed(fv.seed)
    with strategy.scope():
        model = AlbertPretrainer(
            config,
            dtype="mixed_bfloat16" if fv.dtype == "bfloat16" else "float32",
        )
        optimizer_class = {
            "lamb": optimizers.Lamb,
            "adamw": optimizers.AdamW,
        }[fv.optimizer]
        optimizer = optimizer_class(
            schedules.PolynomialDecayWithWarmup(
                learning_rate,
                num_train_steps=fv.num_train_steps,
                num_warmup_steps=warmup_steps,
                start_warmup_step=fv.start_warmup_step,
                power=fv.poly_power,
            ),
            bias_correction=fv.bias_correction,
            layer_decay_rate=fv.layer_decay_rate,
            model_config=config,
        )
        optimizer.build(model.trainable_variables)
    objective = PretrainingObjective(
        sentence_order=objective_of(train_records) != "none"
    )
    loop = TrainingLoop(
        model,
        optimizer,
        objective,
        strategy,
        accumulation_steps=fv.gradient_accumulation_steps,
        jit_compile=fv.jit_compile,
    )

    # ------------- weights: own checkpoint > --init_checkpoint > from scratch
    checkpoints = TrainingCheckpoints(
        fv.output_dir, model, optimizer, fv.keep_checkpoint_max
    )
    best = None
    if fv.do_train:
        restored, best = checkpoints.restore()
        if restored:
            logging.info("continuing at step %d", checkpoints.step)
        elif fv.init_checkpoint:
            report = load_weights(model, fv.init_checkpoint)
            logging.info(
                "%d weights loaded from %s", len(report.loaded), report.source
            )
        else:
            logging.info("starting from random weights")
    else:
        source = checkpoint.resolve(fv.init_checkpoint or fv.output_dir)
        load_weights(model, source)

    def evaluate():
        return loop.evaluate(loop.distribute(eval_dataset))

    # -------------------------------------------------- train and evaluate
    if not fv.do_train:
        metrics = evaluate()
        logging.info("evaluation of %s: %s", source, format_metrics(metrics))
        model_directory.write_evaluation(fv.output_dir, metrics, baseline)
        return
    model_directory.write_description(fv.output_dir, config, tokenizer)
    model_directory.write_run(fv.output_dir, settings)
    logging.info(
        "global batch %d = %d replica(s) x %d accumulation step(s) x %d "
        "sequences of %d pieces; %s parameters; %s records",
        fv.train_batch_size,
        replicas,
        fv.gradient_accumulation_steps,
        per_step,
        max_seq_length,
        f"{model.count_params():,}",
        f"{train_records.count():,}",
    )
    reporter = Reporter(
        os.path.join(fv.output_dir, "tensorboard"),
        fv.num_train_steps,
        checkpoints.step,
        fv.train_batch_size,
    )
    detector = CollapseDetector(
        baseline.loss, patience=max(500, fv.num_train_steps // 10)
    )
    metrics = fit(
        loop,
        checkpoints,
        reporter,
        make_dataset=lambda start: dataset(train_records, True, start),
        num_steps=fv.num_train_steps,
        batch_size=fv.train_batch_size,
        steps_per_loop=fv.steps_per_loop,
        save_steps=fv.save_checkpoints_steps,
        best=best,
        evaluate=evaluate if do_eval else None,
        best_metric="masked_lm_accuracy",
        watch=lambda step, history: detector.update(
            step, history["masked_lm_loss"]
        ),
        explain_data_error=train_records.locate_damage,
    )
    reporter.close()
    if metrics is not None:
        model_directory.write_evaluation(fv.output_dir, metrics, baseline)
    print_summary(fv.output_dir, reporter.summary(), metrics, baseline)


# What must stay the same for a run to be continued in its directory.
_SETTINGS_OF_A_RUN = (
    "input_file",
    "max_predictions_per_seq",
    "train_batch_size",
    "num_train_steps",
    "optimizer",
    "poly_power",
    "start_warmup_step",
    "layer_decay_rate",
    "bias_correction",
    "dtype",
    "seed",
    "init_checkpoint",
)


def check_flags(fv):
    """Refuses flags that contradict each other; returns whether to evaluate."""
    for name in ("input_file", "output_dir"):
        if not fv[name].value:
            raise UserError(f"--{name} is required; see --help")
    if fv.albert_config_file and fv.model_size:
        raise UserError(
            "--albert_config_file and --model_size say the same thing: give "
            "one of them"
        )
    if not fv.albert_config_file and not fv.model_size:
        raise UserError(
            "--albert_config_file or --model_size is required; see --help"
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
    return do_eval


def find_tokenizer(spm_model_file, records):
    """Returns the tokenizer of the records, or None with a warning."""
    from albert.text.tokenizer import Tokenizer

    if spm_model_file is None:
        spm_model_file = records.tokenizer_file()
    if spm_model_file is None:
        logging.warning(
            "the model directory will have no tokenizer: give the one that "
            "made %s with --spm_model_file",
            records.files[0],
        )
        return None
    settings = (records.metadata or {}).get("settings", {})
    return Tokenizer(
        spm_model_file, lower_case=settings.get("do_lower_case", True)
    )


def find_configuration(fv, records, tokenizer):
    """Returns the ``AlbertConfig`` that the flags name."""
    if fv.albert_config_file:
        config = AlbertConfig.from_json(fv.albert_config_file)
    elif tokenizer is None:
        config = AlbertConfig.named(fv.model_size)
    else:
        config = AlbertConfig.named(
            fv.model_size, vocab_size=tokenizer.vocabulary_size
        )
    if tokenizer and tokenizer.vocabulary_size != config.vocab_size:
        raise UserError(
            f"{fv.albert_config_file}: vocab_size is {config.vocab_size}, "
            f"but {tokenizer.model_file} has {tokenizer.vocabulary_size} "
            f"pieces: set vocab_size to {tokenizer.vocabulary_size}"
        )
    return config


def objective_of(records):
    """Returns "sop", "nsp" or "none"; the original's records are "sop"."""
    if records.metadata is None:
        return "sop"
    return records.metadata["settings"]["objective"]


def print_summary(directory, speed, metrics, baseline):
    """Prints what came out, and what can be done with it."""
    print(f"\nModel directory: {directory}")
    print(
        f"Training: {speed['training_seconds']} s, "
        f"{speed['sequences_per_second']} sequences/s"
    )
    if metrics is not None:
        print(f"{'evaluation':28}{'model':>10}{'word frequency':>16}")
        for name, value in metrics.items():
            alone = {
                "masked_lm_loss": f"{baseline.loss:16.4f}",
                "masked_lm_accuracy": f"{baseline.accuracy:16.4f}",
            }.get(name, "")
            print(f"{name:28}{value:10.4f}{alone}")
    print(
        "Next:\n"
        f"  python -m albert.fill_mask {directory} "
        '"The [MASK] of the house was open."\n'
        f"  tensorboard --logdir={os.path.join(directory, 'tensorboard')}"
    )


if __name__ == "__main__":
    command_line.run(main, define_flags)
