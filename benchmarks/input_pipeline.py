#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures how fast one core reads pretraining records, without a model.

    python benchmarks/input_pipeline.py
    python benchmarks/input_pipeline.py --input_file='records/train-*'

Reads batches as `albert pretrain` does: interleaved files, shuffled, parsed,
and taken by a compiled loop. Without --input_file it makes records of random
ids in a temporary folder. Prints one JSON line: sequences a second, and
sequences a second of processor time, which other programs on the machine
disturb less. The first batch, with the filling of the shuffle buffer, is not
counted.
"""

import argparse
import json
import os
import resource
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

from albert.records import serialization
from albert.records.schema import PretrainingSchema
from albert.training.pretraining_data import PretrainingData

FILES = 4
RECORDS_OF_FILE = 10_000
PREDICTIONS = 20
VOCABULARY = 30_000


def write_records(folder, length):
    """Writes full records of random ids; returns a pattern of their files."""
    schema = PretrainingSchema(length, PREDICTIONS)
    rng = np.random.default_rng(0)
    columns = {
        field.name: rng.integers(0, 2, (RECORDS_OF_FILE, field.length))
        for field in schema.fields
    }
    columns["input_mask"][:] = 1
    columns["masked_lm_weights"][:] = 1
    columns["masked_lm_positions"][:] = np.arange(PREDICTIONS)
    for name in ("input_ids", "masked_lm_ids"):
        # Small ids, of frequent pieces, take fewer bytes.
        columns[name] = VOCABULARY ** rng.random(columns[name].shape)
        columns[name] = columns[name].astype(int)
    records, _ = serialization.encode_records(columns, schema.fields)
    for index in range(FILES):
        records.tofile(os.path.join(folder, f"train-{index}.tfrecord"))
    return os.path.join(folder, "train-*")


def processor_seconds():
    """Returns the time that all threads of this process computed for."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def measure(patterns, batch_size, steps):
    """Reads batches: (seconds, seconds of processor time)."""
    batches = iter(
        PretrainingData(patterns).training_batches(
            batch_size,
            seed=0,
            num_steps=steps,
            start_step=0,
            bucket_by_length=False,
        )
    )

    @tf.function
    def read(batches, count):
        for _ in tf.range(count):
            next(batches)

    read(batches, tf.constant(1))
    wall, processor = time.perf_counter(), processor_seconds()
    read(batches, tf.constant(steps))
    return time.perf_counter() - wall, processor_seconds() - processor


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--input_file", help="paths or globs of records")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--length", type=int, default=128)
    arguments = parser.parse_args()

    # Before TensorFlow starts a thread for each core that it may use.
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        wall, processor = measure(
            arguments.input_file or write_records(folder, arguments.length),
            arguments.batch,
            arguments.steps,
        )
    sequences = arguments.steps * arguments.batch
    print(
        json.dumps(
            {
                **vars(arguments),
                "sequences_per_s": round(sequences / wall),
                "sequences_per_processor_s": round(sequences / processor),
                "tensorflow": tf.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
