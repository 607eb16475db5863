# SPDX-License-Identifier: Apache-2.0
"""Measures several programs at the same work, in turn."""

import pathlib
import sys
import time

import flops
import measurements
import works
from workers import protocol

import albert

# Seconds between turns, after which the threads of the one before have
# stopped waiting for more.
_PAUSE = 0.5

FOLDER = str(pathlib.Path(__file__).resolve().parent)
# The Python of this project, and where it finds its workers and itself.
OWN_PLACE = (
    sys.executable,
    [FOLDER, str(pathlib.Path(FOLDER).parent)],
)


def measure(work, specification, programs, rounds):
    """Measures a work in turns of all programs.

    Args:
      work: ``Work``.
      specification: dict for workers.
      programs: list of (``Program``, its Python, list of folders where its
        modules are looked for first); this project is the first.
      rounds: int, turns of each.

    Returns:
      list of dict: name, versions, seconds (one for each round),
      first_seconds and peak_memory_bytes of each program.

    Raises:
      WorkerError: a program cannot do it.
    """
    workers = []
    try:
        for program, python, folders in programs:
            worker = protocol.Worker(
                program.name,
                python,
                f"workers.{program.module}",
                folders,
                {**specification, **program.settings},
            )
            workers.append(worker)
            for _ in range(work.warm_up_runs):
                worker.run()
        seconds = [[] for _ in workers]
        for _ in range(rounds):
            for worker, times in zip(workers, seconds, strict=True):
                time.sleep(_PAUSE)
                times.append(worker.median_seconds(work.runs))
        return [
            {
                "name": program[0].name,
                "versions": worker.versions,
                "seconds": times,
                "first_seconds": worker.first_seconds,
                "peak_memory_bytes": worker.peak_memory_bytes,
            }
            for program, worker, times in zip(
                programs, workers, seconds, strict=True
            )
        ]
    finally:
        for worker in workers:
            worker.close()


def add_shares(programs, specification):
    """Adds to each program which share of the limit it reaches."""
    limits = [each for each in programs if each["name"] == works.LIMIT.name]
    if not limits:
        return
    config = albert.AlbertConfig.from_dict(specification["config"])
    batch, length = specification["batch"], specification["length"]
    if specification["kind"] == "pretraining":
        needed = flops.training_flops(
            config, length, specification["predictions"]
        )
    else:
        needed = flops.forward_flops(config, length)
    limit_flops = flops.dense_flops(config, batch * length)
    limit = limits[0]
    limit["tflops_per_second"] = [
        limit_flops / seconds / 1e12 for seconds in limit["seconds"]
    ]
    for program in programs:
        if program is not limit:
            program["share_of_limit"] = measurements.share_of_limit(
                program["seconds"],
                batch * needed,
                limit["seconds"],
                limit_flops,
            )
