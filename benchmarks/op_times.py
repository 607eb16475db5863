#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Shows where the time of a training step goes, by type of op or by layer.

    python benchmarks/op_times.py --dtype=bfloat16 --shape=16x128
    python benchmarks/op_times.py --by=layer

TensorFlow's profiler watches a few pretraining steps of this project, or with
--work=encode forward passes. Times are those of the threads that ops run on,
summed over these: an op that is spread over the cores counts once, ops that run
side by side each count, and the profiler itself slows down what has many small
ops. An op that calls others counts without them. With --file, an .xplane.pb
file that is there already is read instead.
"""

import argparse
import collections
import dataclasses
import glob
import os
import re
import tempfile
import time

import works

import albert
from albert import command_line

WARM_UP_RUNS = 3
# Of names of ops: what is no layer.
_WRAPPERS = re.compile(
    r"while|body|cond|then|else|_\d+|(Stateful)?PartitionedCall|jit_compiled"
    r"|albert_pretrainer.*|gradient_tape|.*[A-Z].*"
)
_OP = re.compile(r"([^\s:]+):([A-Za-z_]\w*)")


@dataclasses.dataclass(frozen=True)
class Op:
    """One execution of an op.

    Attributes:
      name: str, with its scopes.
      type: str, of the kernel.
      milliseconds: float, without the ops inside it.
    """

    name: str
    type: str
    milliseconds: float


def read_ops(path):
    """Returns the ops that the profiler saw on the CPU: list of ``Op``.

    Args:
      path: an .xplane.pb file.
    """
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    space = xplane_pb2.XSpace()
    with open(path, "rb") as file:
        space.ParseFromString(file.read())
    found = []
    for plane in space.planes:
        if plane.name != "/host:CPU":
            continue
        matches = {
            key: _OP.fullmatch(metadata.name)
            for key, metadata in plane.event_metadata.items()
        }
        for line in plane.lines:
            events = [
                (event.offset_ps, event.duration_ps, matches[event.metadata_id])
                for event in line.events
                if matches[event.metadata_id]
            ]
            found += [
                Op(match[1], match[2], picoseconds / 1e9)
                for match, picoseconds in own_times(events)
            ]
    return found


def own_times(events):
    """Returns the time of each event of a thread, less that of those inside.

    Args:
      events: list of (start, duration, key).

    Returns:
      list of (key, duration).
    """
    events = sorted(events, key=lambda event: (event[0], -event[1]))
    own = [duration for _, duration, _ in events]
    around = []  # Indices of the events that the current one lies in.
    for index, (start, duration, _) in enumerate(events):
        while around and sum(events[around[-1]][:2]) <= start:
            around.pop()
        if around:
            own[around[-1]] -= duration
        around.append(index)
    return [(key, time) for (_, _, key), time in zip(events, own, strict=True)]


def layer_of(name):
    """Returns the layer that an op's name tells, without numbers.

    For example "gradient of encoder/feed_forward/layer_norm".
    """
    *scopes, _ = name.split("/")
    layers = [
        re.sub(r"(_\d+)+$", "", scope)
        for scope in scopes
        if not _WRAPPERS.fullmatch(scope)
    ]
    layer = "/".join(layers) or "no layer"
    return f"gradient of {layer}" if "gradient_tape" in scopes else layer


def summarize(ops, key, steps):
    """Returns rows (key, milliseconds a step, calls a step), most time first.

    Args:
      ops: list of ``Op``.
      key: function of an ``Op``.
      steps: int.
    """
    totals = collections.defaultdict(lambda: [0.0, 0])
    for op in ops:
        total = totals[key(op)]
        total[0] += op.milliseconds / steps
        total[1] += 1 / steps
    rows = [(name, *total) for name, total in totals.items()]
    return sorted(rows, key=lambda row: -row[1])


def profile(arguments):
    """Profiles some runs; returns (list of ``Op``, milliseconds of a run)."""
    import tensorflow as tf
    from workers import albert_keras

    batch, length = map(int, arguments.shape.split("x"))
    config = albert.AlbertConfig.named(arguments.size)
    run = getattr(albert_keras, arguments.work)(
        {
            "config": config.to_dict(),
            "dtype": arguments.dtype,
            "batch": batch,
            "length": length,
            "predictions": works.num_predictions(length),
        }
    )
    for _ in range(WARM_UP_RUNS):
        run()
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        start = time.perf_counter()
        for _ in range(arguments.steps):
            run()
        seconds = time.perf_counter() - start
        tf.profiler.experimental.stop()
        pattern = os.path.join(folder, "**", "*.xplane.pb")
        (path,) = glob.glob(pattern, recursive=True)
        return read_ops(path), 1e3 * seconds / arguments.steps


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--work", default="pretraining", choices=["pretraining", "encode"])
    add("--size", default="base")
    add("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    add("--shape", default="16x128", help="batch and length")
    add("--steps", type=int, default=5, help="steps, also those of --file")
    add("--by", default="op", choices=["op", "layer"])
    add("--rows", type=int, default=25)
    add("--file", help="an .xplane.pb file, read instead")
    arguments = parser.parse_args()
    command_line.load_tensorflow()
    if arguments.file:
        ops = read_ops(arguments.file)
    else:
        ops, milliseconds = profile(arguments)
        print(f"{milliseconds:.0f} ms a step, with the profiler")
    total = sum(op.milliseconds for op in ops) / arguments.steps
    products = sum(op.milliseconds for op in ops if "MatMul" in op.type)
    print(
        f"{total:.0f} ms a step in ops, summed over threads; "
        f"{products / arguments.steps:.0f} ms of it in matrix products"
    )

    def key(op):
        return op.type if arguments.by == "op" else layer_of(op.name)

    print(f"| {arguments.by} | ms a step | share | calls a step |")
    print("|---|---|---|---|")
    for name, each, calls in summarize(ops, key, arguments.steps)[
        : arguments.rows
    ]:
        print(f"| {name} | {each:.1f} | {each / total:.1%} | {calls:.0f} |")


if __name__ == "__main__":
    main()
