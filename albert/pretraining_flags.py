# SPDX-License-Identifier: Apache-2.0
"""Defines and checks the flags of ``albert pretrain``."""

from albert import budget_flags
from albert import data_flags
from albert import device_flags
from albert import flag_parsers
from albert import flags
from albert import pretraining_recipes
from albert.config import POSITION_EMBEDDINGS
from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.text.masking import MASK_REPLACEMENTS


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
        "Masked-token slots of the records. Default: what they have, or what "
        "--masked_lm_prob_schedule needs. Others are possible with records of "
        "--masking=dynamic.",
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
    flags.FlagGroup(fv, "Model").choice(
        "initialization",
        None,
        ["original", "local"],
        "What a model is before its first step. original: random weights. "
        "local: the same, but for heads that begin by looking at the pieces "
        "beside each, with which more is learnt, see docs/pretraining.md. "
        "Default: that of --recipe.",
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
    training.choice(
        "recipe",
        None,
        list(pretraining_recipes.RECIPES),
        "What flags of training are where they are not given. paper: their "
        "defaults. budget: Muon, a cosine to a tenth, batches of 64, depth and "
        "length that grow, masks that become fewer, an hour, which learns more "
        "in little time; all of it is printed, see docs/pretraining.md. "
        "Default: paper.",
    )
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


def check_flags(fv):
    """Refuses flags that do not work together; returns whether to evaluate.

    Flags that --recipe stands for are set.
    """
    flags.require(fv, "output_dir")
    if fv.do_train:
        flags.require(fv, "input_file")
        pretraining_recipes.set_flags(fv)
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
    if fv.initialization == "local" and fv.init_checkpoint:
        raise UserError(
            "--initialization=local is of random weights, and "
            "--init_checkpoint gives others: leave one of the two out"
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
