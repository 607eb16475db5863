# SPDX-License-Identifier: Apache-2.0
"""Batches as two replicas see them, on two logical CPUs.

Run by test_finetuning.py in its own process, because logical devices must be
configured before TensorFlow starts. Prints one JSON object: what was found,
for features in memory and for records.
"""

import json
import os
import tempfile

import numpy as np
import tensorflow as tf

from albert.records.batch_plan import padded_lengths
from albert.records.feature_batches import finetuning_dataset
from albert.records.finetuning_files import FinetuningRecords
from albert.records.finetuning_files import finetuning_record_dataset
from albert.records.finetuning_writing import write_features
from albert.records.schema import FinetuningSchema
from albert.records.writing import RecordSetWriter
from albert.tasks.features import Features

BATCH_SIZE = 6


def compare(strategy, dataset):
    """Compares each global batch with what the replicas got of it."""
    lengths = set()
    in_order = equal_lengths = True
    batches = 0
    for whole, distributed in zip(
        dataset.as_numpy_iterator(),
        strategy.experimental_distribute_dataset(dataset),
        strict=True,
    ):
        batches += 1
        for name, values in whole.items():
            parts = strategy.experimental_local_results(distributed[name])
            parts = [part.numpy() for part in parts]
            equal_lengths &= parts[0].shape == parts[1].shape
            in_order &= np.array_equal(np.concatenate(parts), values)
        lengths.add(whole["input_ids"].shape[1])
    return {
        "batches": batches,
        "halves_in_order": in_order,
        "equal_lengths": equal_lengths,
        "different_lengths": len(lengths) > 1,
    }


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * 2
    )
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    random = np.random.default_rng(5)
    features = Features.from_sequences(
        [random.integers(1, 97, n) for n in random.integers(2, 60, 32)],
        per_example={"label_ids": np.arange(32, dtype=np.int32)},
    )

    lengths = padded_lengths(64)

    def dataset(**options):
        return finetuning_dataset(features, BATCH_SIZE, lengths, **options)

    report = {
        "training": compare(strategy, dataset(training=True, num_steps=6)),
        "evaluation": compare(strategy, dataset(training=False)),
    }
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "a.tfrecord")
        with RecordSetWriter(path) as writer:
            schema = FinetuningSchema("classification", 64)
            write_features(writer, features, schema)
            writer.commit({"kind": "a test's"})
        os.remove(os.path.join(directory, "a.json"))
        records = FinetuningRecords.open(path, head="classification")

        def record_dataset(**options):
            return finetuning_record_dataset(
                records, BATCH_SIZE, lengths, **options
            )

        report["record_training"] = compare(
            strategy, record_dataset(training=True).take(6)
        )
        report["record_evaluation"] = compare(
            strategy, record_dataset(training=False)
        )
    print(json.dumps(report))


if __name__ == "__main__":
    main()
