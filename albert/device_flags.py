# SPDX-License-Identifier: Apache-2.0
"""Defines the flags of devices, and of how training and inference use them."""

from albert import flag_parsers
from albert.flag_groups import FlagGroup


def define_device_flags(fv):
    """Defines the flags of devices and of how they are used."""
    devices = FlagGroup(fv, "Devices")
    devices.choice(
        "distribution_strategy",
        "one_device",
        ["one_device", "mirrored", "multi_worker_mirrored", "tpu"],
        "one_device: the first GPU, else the CPU. mirrored: the GPUs of this "
        "machine. multi_worker_mirrored: those of all the machines that "
        "TF_CONFIG or SLURM names. tpu: a TPU, or a slice of a pod.",
    )
    devices.integer(
        "num_gpus",
        None,
        "GPUs to use, more than one of them with mirrored or "
        "multi_worker_mirrored; 0 for the CPU. Default: all.",
        lower_bound=0,
        upper_bound=1024,
    )
    devices.choice(
        "all_reduce_alg",
        "auto",
        ["auto", "nccl", "ring", "hierarchical_copy"],
        "How gradients are summed over devices. mirrored: nccl or "
        "hierarchical_copy. multi_worker_mirrored: nccl or ring.",
    )
    devices.string(
        "tpu", None, 'Name or address of the TPU; "local" on a TPU VM.'
    )
    devices.alias("tpu_name", "tpu")
    devices.string("tpu_zone", None, "Zone of the TPU, for its name.")
    devices.string("gcp_project", None, "Project of the TPU, for its name.")
    devices.boolean(
        "deterministic",
        False,
        "Use only operations that give the same bits in every run; slower. "
        "With float32 on one device, a run that was interrupted ends with the "
        "very weights of one that was not.",
    )
    define_dtype_flag(devices)
    devices.boolean(
        "jit_compile", False, "Compile with XLA (slower on most CPUs)."
    )
    devices.integer(
        "steps_per_loop",
        20,
        "Steps between looks at the metrics.",
        lower_bound=1,
        upper_bound=10**6,
    )
    devices.alias("iterations_per_loop", "steps_per_loop")
    devices.integer(
        "gradient_accumulation_steps",
        1,
        "Parts that a device's share of the batch is computed in, one after "
        "another, so that a large batch fits its memory.",
        lower_bound=1,
        upper_bound=flag_parsers.LARGEST_BATCH,
    )
    devices.boolean(
        "recompute_layers",
        False,
        "Keep only what goes from layer to layer, and compute the rest again "
        "for the gradients: more time for less memory, see docs/devices.md.",
    )


def define_inference_flags(fv):
    """Defines the flags of how a trained model is applied on one device."""
    model = FlagGroup(fv, "Model")
    model.integer(
        "max_seq_length",
        None,
        "Pieces of a sequence; more are cut off. Default: those of the "
        "training, else 128.",
        lower_bound=1,
        upper_bound=flag_parsers.LONGEST_SEQUENCE,
    )
    model.integer(
        "eval_batch_size",
        32,
        "Sequences per batch, over all devices.",
        lower_bound=1,
        upper_bound=flag_parsers.LARGEST_BATCH,
    )
    define_dtype_flag(model)
    model.boolean(
        "jit_compile", False, "Compile with XLA (slower on most CPUs)."
    )


def define_dtype_flag(group):
    """Defines --dtype in a ``FlagGroup``."""
    group.choice(
        "dtype",
        "float32",
        ["float32", "bfloat16"],
        "bfloat16 computes in mixed precision: weights, softmax, layer "
        "normalisation and losses stay float32.",
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
