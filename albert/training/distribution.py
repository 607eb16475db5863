# SPDX-License-Identifier: Apache-2.0
"""Sets up devices and machines, and divides batches over them.

No other modules but ``cluster`` and ``coordination`` name a class of
``tf.distribute``. Batch sizes
are global, and every worker makes the same sequence of global batches and
computes its own rows of each: what is learned does not depend on how many
devices or workers there are.
"""

import signal
import socket
import threading

import tensorflow as tf
from absl import logging

from albert.errors import UserError
from albert.errors import WorkerLostError
from albert.training import cluster
from albert.training import coordination


def get_strategy(
    name,
    *,
    num_gpus=None,
    all_reduce_alg="auto",
    tpu=None,
    tpu_zone=None,
    gcp_project=None,
    deterministic=False,
):
    """Sets up the devices; must be called before TensorFlow computes anything.

    Args:
      name: "one_device" (the first GPU, else the CPU), "mirrored" (the GPUs of
        this machine, else its logical CPU devices), "multi_worker_mirrored"
        (those of all workers: of TF_CONFIG, else of the SLURM step) or "tpu".
      num_gpus: int, GPUs of this machine to use; None for all of them.
      all_reduce_alg: how gradients are summed: "nccl", or "hierarchical_copy"
        ("mirrored" alone), or "ring" ("multi_worker_mirrored" alone), or
        "auto", which is TensorFlow's choice.
      tpu: str, name or address of the TPU, or "local" on a TPU VM; None for
        what the environment names. Like the next two, of
        ``tf.distribute.cluster_resolver.TPUClusterResolver``.
      tpu_zone, gcp_project: str, where a TPU of that name is.
      deterministic: bool, only use operations that give the same bits in
        every run.

    Returns:
      ``tf.distribute.Strategy``.

    Raises:
      UserError: the devices or machines are not there, or arguments do not go
        together.
      ValueError: no such strategy.
    """
    _check_arguments(name, all_reduce_alg, tpu, num_gpus)
    if deterministic:
        tf.config.experimental.enable_op_determinism()
    if name == "tpu":
        strategy = _tpu_strategy(tpu, tpu_zone, gcp_project)
    else:
        gpus = _visible_gpus(num_gpus)
        if name != "multi_worker_mirrored":
            cluster.warn_of_unused(name)
        if name == "multi_worker_mirrored":
            strategy = _multi_worker_strategy(all_reduce_alg, len(gpus))
        elif name == "mirrored":
            strategy = tf.distribute.MirroredStrategy(
                _logical_devices("GPU" if gpus else "CPU"),
                cross_device_ops=_CROSS_DEVICE_OPS[all_reduce_alg](),
            )
        else:
            strategy = tf.distribute.OneDeviceStrategy(
                _logical_devices("GPU" if gpus else "CPU")[0]
            )
    # Every batch is whole, for all replicas alike (see ``distribute``):
    # nobody has to ask the others whether they have one.
    strategy.extended.experimental_enable_get_next_as_optional = False
    return strategy


def start(eval_batch_size, **options):
    """Sets up the devices of a command.

    Args:
      eval_batch_size: int, that of evaluations, which replicas must divide.
      **options: of ``get_strategy``.

    Returns:
      ``tf.distribute.Strategy``.

    Raises:
      UserError: as ``get_strategy``, or the batch cannot be divided, or
        workers differ in it.
    """
    strategy = get_strategy(**options)
    check_batch_size(
        "eval_batch_size", eval_batch_size, strategy.num_replicas_in_sync
    )
    # Who has fewer batches of the same data leaves the others waiting.
    coordination.check_agreement(
        strategy,
        eval_batch_size,
        "--eval_batch_size must be the same for all of them",
    )
    return strategy


def device_name(strategy):
    """Returns the device that one replica computes on, such as "GPU:0"."""
    return strategy.extended.worker_devices[0].rpartition("device:")[-1]


def on_cpus(strategy):
    """Returns whether the steps are computed by CPUs."""
    return device_name(strategy).startswith("CPU")


def on_tpus(strategy):
    """Returns whether the steps are computed by TPUs: compiled as a whole."""
    return device_name(strategy).startswith("TPU")


def distribute(strategy, dataset):
    """Gives each replica its rows of every global batch.

    Args:
      strategy: ``tf.distribute.Strategy``.
      dataset: ``tf.data.Dataset`` of dicts of tensors [B, ...], where B is
        divisible by the number of replicas, and static where devices need
        that; the same in every worker.

    Returns:
      Distributed dataset of dicts of tensors [B / replicas, ...].
    """
    if isinstance(strategy, tf.distribute.OneDeviceStrategy):
        # What tf.distribute makes of it has a thread more, which iterators
        # wait for at their end (see ``records.prefetching``).
        return dataset
    replicas = strategy.num_replicas_in_sync

    def rows_of_pipeline(context):
        count = replicas // context.num_input_pipelines
        first = context.input_pipeline_id * count

        def cut(batch):
            return {
                name: tf.reshape(
                    value,
                    tf.concat([[replicas, -1], tf.shape(value)[1:]], 0),
                )[first : first + count]
                for name, value in batch.items()
            }

        def give_shapes(batch):
            return {
                name: tf.ensure_shape(
                    batch[name],
                    [
                        spec.shape[0] and spec.shape[0] // replicas,
                        *spec.shape[1:],
                    ],
                )
                for name, spec in dataset.element_spec.items()
            }

        return dataset.map(cut).unbatch().map(give_shapes).prefetch(2 * count)

    # Not on a GPU, where a dataset would look for its tensors.
    with tf.device("CPU:0"):
        return strategy.distribute_datasets_from_function(rows_of_pipeline)


def check_batch_size(flag_name, batch_size, replicas, accumulation_steps=1):
    """Checks that replicas and accumulation steps divide the global batch.

    Returns:
      int, sequences that one replica has in memory at a time.

    Raises:
      UserError: it cannot.
    """
    parts = replicas * accumulation_steps
    if batch_size % parts:
        raise UserError(
            f"--{flag_name} {batch_size} is not divisible by {replicas} "
            f"replica(s) x {accumulation_steps} accumulation step(s): use a "
            f"multiple of {parts}"
        )
    return batch_size // parts


_CROSS_DEVICE_OPS = {
    "auto": lambda: None,
    "nccl": tf.distribute.NcclAllReduce,
    "hierarchical_copy": tf.distribute.HierarchicalCopyAllReduce,
}
_COMMUNICATION = {
    "auto": tf.distribute.experimental.CommunicationImplementation.AUTO,
    "nccl": tf.distribute.experimental.CommunicationImplementation.NCCL,
    "ring": tf.distribute.experimental.CommunicationImplementation.RING,
}


def _check_arguments(name, all_reduce_alg, tpu, num_gpus):
    if name not in ("one_device", "mirrored", "multi_worker_mirrored", "tpu"):
        raise ValueError(f"there is no strategy {name!r}")
    possible = {
        "mirrored": _CROSS_DEVICE_OPS,
        "multi_worker_mirrored": _COMMUNICATION,
    }.get(name, ("auto",))
    if all_reduce_alg not in possible:
        raise UserError(
            f"--all_reduce_alg={all_reduce_alg} is not for "
            f"--distribution_strategy={name}: use one of {', '.join(possible)}"
        )
    if tpu and name != "tpu":
        raise UserError("--tpu is for --distribution_strategy=tpu: give both")
    if (num_gpus or 0) > 1 and name == "one_device":
        raise UserError(
            f"--num_gpus={num_gpus}, but --distribution_strategy=one_device "
            "uses the first one alone: give --distribution_strategy=mirrored, "
            "or --num_gpus=1"
        )
    if num_gpus is not None and name == "tpu":
        raise UserError("--num_gpus is not for --distribution_strategy=tpu")


def _visible_gpus(num_gpus):
    """Hides all GPUs but the first ``num_gpus``, and returns these."""
    gpus = tf.config.list_physical_devices("GPU")
    if num_gpus is None:
        return gpus
    if num_gpus > len(gpus):
        raise UserError(
            f"--num_gpus={num_gpus}, but TensorFlow finds {len(gpus)} GPU(s) "
            "on this machine: give a smaller number, or see docs/devices.md "
            "on installing it for GPUs"
        )
    gpus = gpus[:num_gpus]
    tf.config.set_visible_devices(gpus, "GPU")
    return gpus


def _logical_devices(kind):
    return [device.name for device in tf.config.list_logical_devices(kind)]


def _multi_worker_strategy(all_reduce_alg, num_gpus):
    resolver = cluster.find_resolver(num_gpus)
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=_COMMUNICATION[all_reduce_alg]
    )
    addresses = resolver.cluster_spec().as_dict().values()
    logging.info(
        "waiting until all workers are there: %s",
        ", ".join(address for each in addresses for address in each),
    )
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy(
            cluster_resolver=resolver, communication_options=options
        )
    except (*coordination.CONNECTION_ERRORS, tf.errors.UnknownError) as error:
        raise WorkerLostError(
            "the workers cannot reach each other "
            f"({error.message.splitlines()[0]}): check the addresses of the "
            "cluster and that all workers were started"
        ) from error
    # TensorFlow's own handler would only take note of it.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
    return strategy


def _tpu_strategy(tpu, zone, project):
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(
            tpu=tpu, zone=zone, project=project
        )
        if tpu != "local":
            _check_reachable(resolver.master())
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    # Each of these is raised by one of many ways to have no TPU.
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"--tpu={tpu or ''}: no TPU can be used ({reason[:300]}): on a TPU "
            "VM give --tpu=local and install tensorflow-tpu; elsewhere give "
            "its name, --tpu_zone and --gcp_project"
        ) from error


def _check_reachable(address):
    """Raises OSError where TensorFlow would try to connect for ever."""
    host, _, port = address.removeprefix("grpc://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=30.0):
        pass
