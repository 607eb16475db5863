# SPDX-License-Identifier: Apache-2.0
"""Finds the machines that work together, from TF_CONFIG or SLURM."""

import os
import re

import tensorflow as tf

from albert import json_files
from albert.errors import UserError


def find_resolver(num_gpus):
    """Returns the ``ClusterResolver`` of TF_CONFIG, else of the SLURM step.

    Args:
      num_gpus: int, GPUs of this machine.

    Raises:
      UserError: neither is there, or it cannot be used.
    """
    if "TF_CONFIG" in os.environ:
        _check_tf_config(os.environ["TF_CONFIG"])
        return tf.distribute.cluster_resolver.TFConfigClusterResolver()
    if "SLURM_STEP_NUM_TASKS" in os.environ:
        return _slurm_resolver(num_gpus)
    raise UserError(
        "--distribution_strategy=multi_worker_mirrored needs the addresses of "
        "the workers: set TF_CONFIG, or start this with srun; see "
        "docs/devices.md"
    )


def _slurm_resolver(num_gpus):
    """Returns the ``ClusterResolver`` of a SLURM step, one worker a task.

    Their addresses only: SLURM gives each task its GPUs (--gpus-per-task),
    and the resolver would divide by a number that a machine without any has.
    """
    resolvers = tf.distribute.cluster_resolver
    try:
        slurm = resolvers.SlurmClusterResolver(
            gpus_per_node=int(os.environ["SLURM_STEP_NUM_TASKS"]),
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        cluster = slurm.cluster_spec()
        task_type, task_id = slurm.get_task_info()
    except (RuntimeError, ValueError, KeyError) as error:
        raise UserError(
            f"SLURM does not say where its tasks run ({error}): start this "
            "with srun, or set TF_CONFIG"
        ) from error
    return resolvers.SimpleClusterResolver(
        cluster,
        task_type=task_type,
        task_id=task_id,
        num_accelerators={"GPU": num_gpus},
        rpc_layer="grpc",
    )


def _check_tf_config(text):
    """Refuses a TF_CONFIG that TensorFlow would misread or wait on for ever."""
    example = (
        """it must be like {"cluster": {"worker": ["host1:2222", """
        """"host2:2222"]}, "task": {"type": "worker", "index": 0}}"""
    )
    try:
        value = json_files.parse(text)
        cluster, task = value["cluster"], value["task"]
        kind, index = task["type"], int(task["index"])
        sizes = {name: len(hosts) for name, hosts in cluster.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"TF_CONFIG={text!r} cannot be read "
            f"({type(error).__name__}: {error}): {example}"
        ) from None
    others = sorted(set(sizes) - {"chief", "worker"})
    if others:
        raise UserError(
            f"TF_CONFIG has tasks of type {', '.join(others)}: only chief and "
            "worker take part in training"
        )
    addresses = [address for hosts in cluster.values() for address in hosts]
    if len(set(addresses)) < len(addresses) or not all(
        re.fullmatch(r"[^\s:/]+:\d+|\[\S+\]:\d+", str(address))
        for address in addresses
    ):
        raise UserError(
            f"TF_CONFIG={text!r} must name each worker once, as host:port: "
            f"{example}"
        )
    if not 0 <= index < sizes.get(kind, 0):
        raise UserError(
            f"TF_CONFIG says that this is {kind} {index}, which is not in its "
            f"cluster: {example}"
        )
