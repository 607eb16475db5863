# SPDX-License-Identifier: Apache-2.0
"""Prints the memory that an update takes, in MiB.

The arguments are the sequences of a micro-batch and the number of these.
"""

import re
import sys

import tensorflow as tf

import albert
from albert.training import distribution
from albert.training.loop import TrainingLoop
from albert.training.losses import PretrainingObjective
from albert.training.optimizers import Lamb

LENGTH, MASKED = 128, 19


def peak():
    # Not that of resource.getrusage, which a process inherits.
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) / 1024


rows, parts = map(int, sys.argv[1:])
batch = {
    "input_ids": tf.ones((rows * parts, LENGTH), tf.int32),
    "input_mask": tf.ones((rows * parts, LENGTH), tf.int32),
    "segment_ids": tf.zeros((rows * parts, LENGTH), tf.int32),
    "masked_lm_positions": tf.ones((rows * parts, MASKED), tf.int32),
    "masked_lm_ids": tf.ones((rows * parts, MASKED), tf.int32),
    "masked_lm_weights": tf.ones((rows * parts, MASKED)),
    "next_sentence_labels": tf.zeros((rows * parts, 1), tf.int32),
    "example_weights": tf.ones(rows * parts),
}
strategy = distribution.get_strategy("one_device")
with strategy.scope():
    model = albert.AlbertPretrainer(
        albert.AlbertConfig(
            vocab_size=89,
            embedding_size=7,
            hidden_size=32,
            num_attention_heads=2,
            intermediate_size=1024,
            num_hidden_layers=24,
            max_position_embeddings=LENGTH,
        )
    )
    optimizer = Lamb(0.001)
    optimizer.build(model.trainable_variables)
loop = TrainingLoop(
    model,
    optimizer,
    PretrainingObjective(),
    strategy,
    accumulation_steps=parts,
)
batches = tf.data.Dataset.from_tensors(batch).repeat()
before = peak()
loop.train(iter(loop.distribute(batches)), 2)
print(peak() - before)
