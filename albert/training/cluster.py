# SPDX-License-Identifier: Apache-2.0
"""Finds the machines that work together, from TF_CONFIG or SLURM."""

import contextlib
import os
import re
import socket

import tensorflow as tf
from absl import logging

from albert import json_files
from albert.errors import UserError

_EXAMPLE = (
    """it must be like {"cluster": {"worker": ["host1:2222", "host2:2222"]}, """
    """"task": {"type": "worker", "index": 0}}"""
)
# What platforms start besides the workers, and what is to be done about it.
_WITHOUT_PART = {
    "evaluator": "the chief evaluates at each checkpoint: leave the evaluator "
    "out (on Vertex AI the fourth worker pool)",
    "ps": "there are no parameter servers here: leave them out (in a TFJob "
    "the replicas of type PS)",
}
# SLURM's jobs get ports from here up to where those of connections begin.
_FIRST_PORT, _PORTS_OF_STEP, _STEPS = 15000, 16, 1000


def find_resolver(num_gpus):
    """Returns the ``ClusterResolver`` of TF_CONFIG, else of the SLURM step.

    Args:
      num_gpus: int, GPUs of this machine.

    Raises:
      UserError: neither is there, or it cannot be used.
    """
    if "TF_CONFIG" in os.environ:
        cluster, kind, index = _read_tf_config(os.environ["TF_CONFIG"])
        remedy = "give other ports in TF_CONFIG"
    elif "SLURM_STEP_NUM_TASKS" in os.environ:
        cluster, kind, index = _read_slurm()
        remedy = "let SLURM choose free ones (srun --resv-ports)"
    else:
        raise UserError(
            "--distribution_strategy=multi_worker_mirrored needs the addresses "
            "of the workers: set TF_CONFIG, or start this with srun; see "
            "docs/devices.md"
        )
    check_port(cluster[kind][index], remedy)
    # Addresses only: which GPUs a task has is no matter of the cluster (SLURM
    # says it with --gpus-per-task).
    return tf.distribute.cluster_resolver.SimpleClusterResolver(
        tf.train.ClusterSpec(cluster),
        task_type=kind,
        task_id=index,
        num_accelerators={"GPU": num_gpus},
        rpc_layer="grpc",
    )


def warn_of_unused(strategy_name):
    """Logs that a TF_CONFIG which names workers is not used.

    Args:
      strategy_name: str, of the strategy, which takes no notice of it.
    """
    if not _names_nothing(os.environ.get("TF_CONFIG", "")):
        logging.warning(
            "TF_CONFIG is set, and --distribution_strategy=%s takes no notice "
            "of it: this process works alone; multi_worker_mirrored works "
            "with the others",
            strategy_name,
        )


def check_port(address, remedy):
    """Refuses a port that another process of this machine has.

    Args:
      address: str, host:port of this worker.
      remedy: str, what to do about it.

    Raises:
      UserError: naming both.
    """
    host, _, port = address.rpartition(":")
    # As TensorFlow's server does it: for all addresses of this machine, even
    # where connections of a process that has ended linger.
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", int(port)))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", error)
            raise UserError(
                f"port {port} of {host}, the address of this worker, cannot be "
                f"used ({reason}): another process may have it; {remedy}"
            ) from None


def _read_slurm():
    """Reads the addresses of a SLURM step, one worker a task.

    Returns:
      (cluster, kind, index): dict from "worker" to addresses, "worker", and
      the number of this task.
    """
    try:
        # Only to number the tasks of each node: ports are filled in below.
        slurm = tf.distribute.cluster_resolver.SlurmClusterResolver(
            port_base=0,
            gpus_per_node=int(os.environ["SLURM_STEP_NUM_TASKS"]),
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        numbered = slurm.cluster_spec().as_dict()["worker"]
        kind, index = slurm.get_task_info()
        tasks = [address.rpartition(":") for address in numbered]
        ports = _slurm_ports()
    except (RuntimeError, ValueError, KeyError) as error:
        raise UserError(
            f"SLURM does not say where its tasks run ({error}): start this "
            "with srun, or set TF_CONFIG"
        ) from error
    most = 1 + max(int(number) for *_, number in tasks)
    if most > len(ports):
        raise UserError(
            f"{most} tasks run on a node, and there are {len(ports)} ports "
            f"({ports[0]}, …) for them: give srun --resv-ports={most}"
        )
    addresses = [f"{host}:{ports[int(number)]}" for host, _, number in tasks]
    return {kind: addresses}, kind, index


def _slurm_ports():
    """Returns the ports of the tasks on a node: list of int.

    Those that ``srun --resv-ports`` has reserved; else some that depend on
    the number of the job, so that two jobs on a node have others.
    """
    reserved = os.environ.get("SLURM_STEP_RESV_PORTS")
    if reserved:
        ports = []
        for part in reserved.strip("[]").split(","):
            first, _, last = part.partition("-")
            ports += range(int(first), int(last or first) + 1)
        return ports
    step = os.environ.get("SLURM_STEP_ID", "0")
    number = int(os.environ["SLURM_JOB_ID"]) + int(step)
    first = _FIRST_PORT + _PORTS_OF_STEP * (number % _STEPS)
    return list(range(first, first + _PORTS_OF_STEP))


def _names_nothing(text):
    with contextlib.suppress(ValueError):
        return json_files.parse(text or "{}") == {}
    return not text.strip()


def _read_tf_config(text):
    """Reads TF_CONFIG; refuses what TensorFlow would misread or wait on.

    Returns:
      (cluster, kind, index): dict from type of task to addresses; type and
      index of this task. A "master", as older platforms call it, is a chief.
    """
    if _names_nothing(text):
        raise UserError(
            f"TF_CONFIG={text!r} names no workers: unset it where SLURM's "
            "addresses are meant, leave out --distribution_strategy to work "
            f"on one machine, or name them: {_EXAMPLE}"
        )
    try:
        value = json_files.parse(text)
        cluster, task = dict(value["cluster"]), value["task"]
        kind, index = str(task["type"]), int(task["index"])
        if "master" in cluster and "chief" not in cluster:
            cluster["chief"] = cluster.pop("master")
            kind = "chief" if kind == "master" else kind
        sizes = {name: len(hosts) for name, hosts in cluster.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"TF_CONFIG={text!r} cannot be read "
            f"({type(error).__name__}: {error}): {_EXAMPLE}"
        ) from None
    # Vertex AI does not list the evaluator in its own TF_CONFIG.
    others = sorted({*sizes, kind} - {"chief", "worker"})
    if others:
        remedies = filter(None, map(_WITHOUT_PART.get, others))
        raise UserError(
            f"TF_CONFIG has tasks of type {', '.join(others)}: only chief and "
            "worker take part in training"
            f"{''.join(f'; {remedy}' for remedy in remedies)}"
        )
    addresses = [address for hosts in cluster.values() for address in hosts]
    if len(set(addresses)) < len(addresses) or not all(
        re.fullmatch(r"[^\s:/]+:\d+|\[\S+\]:\d+", str(address))
        for address in addresses
    ):
        raise UserError(
            f"TF_CONFIG={text!r} must name each worker once, as host:port: "
            f"{_EXAMPLE}"
        )
    if not 0 <= index < sizes.get(kind, 0):
        raise UserError(
            f"TF_CONFIG says that this is {kind} {index}, which is not in its "
            f"cluster: {_EXAMPLE}"
        )
    return cluster, kind, index
