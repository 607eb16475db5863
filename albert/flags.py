# SPDX-License-Identifier: Apache-2.0
"""Every flag that recipes share, defined once.

Each function defines its flags on the ``FlagValues`` it is given. Names,
meanings and defaults are those of the original's runners where it has them.
"""

from absl import flags

from albert.config import NAMED_SIZES
from albert.errors import UserError


def define_model_flags(fv):
    """What the model is and where its first weights come from."""
    flags.DEFINE_string(
        "albert_config_file",
        None,
        "JSON file with the model's configuration. Or use --model_size.",
        flag_values=fv,
    )
    flags.DEFINE_enum(
        "model_size",
        None,
        list(NAMED_SIZES),
        "A named size instead of --albert_config_file; its vocabulary size "
        "becomes that of the data.",
        flag_values=fv,
    )
    flags.DEFINE_string(
        "spm_model_file",
        None,
        "SentencePiece model; copied into the model directory. Default: the "
        "one that comes with --init_checkpoint or that the JSON beside the "
        "records names.",
        flag_values=fv,
    )
    flags.DEFINE_string(
        "init_checkpoint",
        None,
        "Weights to start from: a model directory or checkpoint of ours, "
        "Google's release (its folder, a prefix or the .tar.gz), a TF-Hub v1 "
        "module, a Hugging Face or a KerasHub directory. A checkpoint "
        "already in --output_dir wins.",
        flag_values=fv,
    )
    flags.DEFINE_string(
        "output_dir",
        None,
        "Where the model directory is written.",
        flag_values=fv,
    )


def model_options(fv):
    """Returns the arguments of ``StartingPoint.find_model`` that are flags."""
    return {
        name: fv[name].value
        for name in (
            "albert_config_file",
            "model_size",
            "spm_model_file",
            "do_lower_case",
        )
        if name in fv
    }


def define_training_flags(
    fv, *, batch_size, eval_batch_size, optimizer, save_checkpoints_steps
):
    """How a model is trained; the keyword arguments are the defaults.

    A batch size or number of steps that is None depends on the task.
    """
    flags.DEFINE_integer(
        "train_batch_size",
        batch_size,
        "Sequences per update, over all devices and accumulation steps.",
        lower_bound=1,
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "eval_batch_size",
        eval_batch_size,
        "Sequences per batch of evaluation, over all devices.",
        lower_bound=1,
        flag_values=fv,
    )
    flags.DEFINE_enum(
        "optimizer",
        optimizer,
        ["lamb", "adamw"],
        "The optimizer, as the original has it.",
        flag_values=fv,
    )
    flags.DEFINE_float(
        "learning_rate",
        None,
        "Peak of the learning rate. Default: one that is known to work for the "
        "model's size and the task, printed.",
        lower_bound=0.0,
        flag_values=fv,
    )
    flags.DEFINE_float(
        "poly_power",
        1.0,
        "Power of the polynomial decay of the learning rate.",
        lower_bound=1e-6,
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "num_warmup_steps",
        None,
        "Steps of linear warm-up. Default: 6% of the steps of pretraining, at "
        "most the original's 3125; the task's share in fine-tuning.",
        lower_bound=0,
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "start_warmup_step",
        0,
        "Step at which the warm-up starts.",
        lower_bound=0,
        flag_values=fv,
    )
    flags.DEFINE_float(
        "layer_decay_rate",
        1.0,
        "Factor of the learning rate from each depth of the model to the one "
        "below; 1 is off.",
        lower_bound=1e-6,
        upper_bound=1.0,
        flag_values=fv,
    )
    flags.DEFINE_bool(
        "bias_correction",
        False,
        "Divide the moments by 1 - beta^t, which the original does not.",
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "save_checkpoints_steps",
        save_checkpoints_steps,
        "Steps between checkpoints, and between evaluations."
        + ("" if save_checkpoints_steps else " Default: a tenth of the steps."),
        lower_bound=1,
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "keep_checkpoint_max",
        5,
        "Training checkpoints kept; the best one by evaluation is kept apart.",
        lower_bound=1,
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "seed",
        12345,
        "Seed of the initial weights, the order of the data and dropout.",
        lower_bound=0,
        upper_bound=2**32 - 1,
        flag_values=fv,
    )


def define_finetuning_flags(fv):
    """How a pretrained model becomes one of a task."""
    for name, text in (
        ("do_train", "Train."),
        (
            "do_eval",
            "Evaluate on the dev set: while training, and the best weights.",
        ),
        ("do_predict", "Predict the test set with the best weights."),
    ):
        flags.DEFINE_bool(name, False, text, flag_values=fv)
    flags.DEFINE_integer(
        "num_train_steps",
        None,
        "Updates to train for. Default: the task's.",
        lower_bound=1,
        flag_values=fv,
    )
    flags.DEFINE_float(
        "num_train_epochs",
        None,
        "Passes over the training data, instead of --num_train_steps.",
        lower_bound=1e-6,
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "max_seq_length",
        None,
        "Longest sequence in pieces; longer texts are cut. Default: the "
        "task's, at most what the model has positions for.",
        lower_bound=8,
        flag_values=fv,
    )
    flags.DEFINE_bool(
        "do_lower_case",
        None,
        "Lower-case the text. Default: as the tokenizer beside the weights, "
        "else yes.",
        flag_values=fv,
    )
    flags.DEFINE_float(
        "dropout_prob",
        None,
        "Dropout inside the encoder while training. Default: the task's.",
        lower_bound=0.0,
        upper_bound=0.9,
        flag_values=fv,
    )
    flags.DEFINE_float(
        "classifier_dropout",
        None,
        "Dropout before the task's last layer. Default: the task's.",
        lower_bound=0.0,
        upper_bound=0.9,
        flag_values=fv,
    )
    flags.DEFINE_bool(
        "bucket_by_length",
        True,
        "Put examples of like length into a batch, so that little is padded.",
        flag_values=fv,
    )
    flags.DEFINE_bool(
        "pad_to_max_length",
        False,
        "Pad every batch to --max_seq_length: one shape, as TPUs need it.",
        flag_values=fv,
    )


def check_finetuning_flags(fv):
    """Refuses flags of fine-tuning that contradict each other.

    Raises:
      UserError: naming them.
    """
    for one, other in (
        ("albert_config_file", "model_size"),
        ("num_train_steps", "num_train_epochs"),
    ):
        if fv[one].value and fv[other].value:
            raise UserError(
                f"--{one} and --{other} say the same thing: give one of them"
            )
    if (
        fv.do_train
        and not fv.init_checkpoint
        and not (fv.albert_config_file or fv.model_size)
    ):
        raise UserError(
            "--init_checkpoint is required for --do_train (or "
            "--albert_config_file or --model_size, to start from random "
            "weights); see --help"
        )


def define_device_flags(fv):
    """What the training runs on, and how."""
    flags.DEFINE_enum(
        "distribution_strategy",
        "one_device",
        ["one_device", "mirrored", "multi_worker_mirrored", "tpu"],
        "one_device: the first GPU, else the CPU. mirrored: the GPUs of this "
        "machine. multi_worker_mirrored: those of all the machines that "
        "TF_CONFIG or SLURM names. tpu: a TPU, or a slice of a pod.",
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "num_gpus",
        None,
        "GPUs of this machine to use; 0 for its CPU. Default: all.",
        lower_bound=0,
        flag_values=fv,
    )
    flags.DEFINE_enum(
        "all_reduce_alg",
        "auto",
        ["auto", "nccl", "ring", "hierarchical_copy"],
        "How gradients are summed over devices. mirrored: nccl or "
        "hierarchical_copy. multi_worker_mirrored: nccl or ring.",
        flag_values=fv,
    )
    flags.DEFINE_string(
        "tpu",
        None,
        'Name or address of the TPU; "local" on a TPU VM.',
        flag_values=fv,
    )
    flags.DEFINE_alias("tpu_name", "tpu", flag_values=fv)
    flags.DEFINE_string(
        "tpu_zone", None, "Zone of the TPU, for its name.", flag_values=fv
    )
    flags.DEFINE_string(
        "gcp_project", None, "Project of the TPU, for its name.", flag_values=fv
    )
    flags.DEFINE_bool(
        "deterministic",
        False,
        "Use only operations that give the same bits in every run; slower. "
        "With float32 on one device, a run that was interrupted ends with "
        "the very weights of one that was not.",
        flag_values=fv,
    )
    flags.DEFINE_enum(
        "dtype",
        "float32",
        ["float32", "bfloat16"],
        "bfloat16 computes in mixed precision: weights, softmax, layer "
        "normalisation and losses stay float32.",
        flag_values=fv,
    )
    flags.DEFINE_bool(
        "jit_compile",
        False,
        "Compile the step with XLA (for GPUs; slower on most CPUs).",
        flag_values=fv,
    )
    flags.DEFINE_integer(
        "steps_per_loop",
        20,
        "Steps run on the device before metrics are looked at.",
        lower_bound=1,
        flag_values=fv,
    )
    flags.DEFINE_alias("iterations_per_loop", "steps_per_loop", flag_values=fv)
    flags.DEFINE_integer(
        "gradient_accumulation_steps",
        1,
        "Parts that a device's share of the batch is computed in, one after "
        "another, so that a large batch fits its memory.",
        lower_bound=1,
        flag_values=fv,
    )
    flags.DEFINE_bool(
        "recompute_layers",
        False,
        "Keep only what goes from layer to layer, and compute the rest again "
        "for the gradients: a third more time, a fraction of the memory.",
        flag_values=fv,
    )


def device_options(fv):
    """Returns the arguments of ``distribution.get_strategy``."""
    return {
        "name": fv.distribution_strategy,
        **{
            name: fv[name].value
            for name in (
                "num_gpus",
                "all_reduce_alg",
                "tpu",
                "tpu_zone",
                "gcp_project",
                "deterministic",
            )
        },
    }
