#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Times a training step and a forward pass of this project's ALBERT.

    python benchmarks/training_step.py --dtype=bfloat16 --batch=16 --length=128

Prints one JSON line: medians in seconds. For a ratio to another program run
the two in turn on an otherwise idle machine and compare pair by pair.
"""

import argparse
import json
import os
import statistics
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf

import albert
from albert.training import distribution
from albert.training.loop import TrainingLoop
from albert.training.losses import PretrainingObjective
from albert.training.optimizers import Lamb
from albert.training.options import DTYPE_POLICIES

PREDICTIONS = 20


def make_batch(vocab_size, batch, length):
    """Returns random records without padding."""
    rng = np.random.default_rng(0)
    ids = rng.integers(5, vocab_size, (batch, length)).astype("int32")
    return {
        "input_ids": ids,
        "input_mask": np.ones_like(ids),
        "segment_ids": np.zeros_like(ids),
        "masked_lm_positions": np.tile(
            np.arange(PREDICTIONS, dtype="int32"), (batch, 1)
        ),
        "masked_lm_ids": ids[:, :PREDICTIONS],
        "masked_lm_weights": np.ones((batch, PREDICTIONS), "float32"),
        "next_sentence_labels": np.zeros((batch, 1), "int32"),
        "example_weights": np.ones(batch, "float32"),
    }


def median_seconds(work, runs):
    """Returns the median time of ``work`` after three runs of warming up."""
    for _ in range(3):
        work()
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", default="base")
    parser.add_argument(
        "--dtype", default="float32", choices=list(DTYPE_POLICIES)
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--jit_compile", action="store_true")
    arguments = parser.parse_args()

    config = albert.AlbertConfig.named(arguments.size)
    strategy = distribution.get_strategy("one_device")
    with strategy.scope():
        model = albert.AlbertPretrainer(
            config, dtype=DTYPE_POLICIES[arguments.dtype]
        )
        optimizer = Lamb(1e-4)
        optimizer.build(model.trainable_variables)
    loop = TrainingLoop(
        model,
        optimizer,
        PretrainingObjective(),
        strategy,
        jit_compile=arguments.jit_compile,
    )
    batch = make_batch(config.vocab_size, arguments.batch, arguments.length)
    dataset = tf.data.Dataset.from_tensors(batch).repeat()
    iterator = iter(loop.distribute(dataset))
    encoder = tf.function(
        lambda inputs: model.encoder(inputs)["sequence_output"],
        jit_compile=arguments.jit_compile,
    )
    tensors = {name: tf.constant(value) for name, value in batch.items()}
    train = median_seconds(lambda: loop.train(iterator, 1), arguments.runs)
    encode = median_seconds(lambda: encoder(tensors).numpy(), arguments.runs)
    print(
        json.dumps(
            {
                **vars(arguments),
                "train_s": round(train, 4),
                "encode_s": round(encode, 4),
                "tensorflow": tf.__version__,
            }
        )
    )


if __name__ == "__main__":
    main()
