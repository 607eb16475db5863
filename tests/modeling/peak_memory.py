# SPDX-License-Identifier: Apache-2.0
"""Prints what a training step adds to the memory of this process, in MiB.

The argument is JSON: recompute_layers, jit_compile, batch, length and
intermediate.
"""

import json
import re
import sys

import tensorflow as tf

import albert


def peak():
    # Not that of resource.getrusage, which a process inherits.
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) / 1024


settings = json.loads(sys.argv[1])
model = albert.AlbertClassifier(
    albert.AlbertConfig(
        vocab_size=89,
        embedding_size=7,
        hidden_size=32,
        num_attention_heads=2,
        intermediate_size=settings["intermediate"],
        num_hidden_layers=24,
        max_position_embeddings=settings["length"],
    ),
    num_labels=3,
)
model.encoder.recompute_layers = settings["recompute_layers"]


@tf.function(jit_compile=settings["jit_compile"])
def step(ids):
    with tf.GradientTape() as tape:
        outputs = model({"input_ids": ids}, training=True)
        loss = tf.reduce_sum(outputs["logits"])
    return tape.gradient(loss, [v.value for v in model.variables])


length = 128
shape = settings["batch"], settings["length"]
# Compiled, or traced, before it is measured.
step.get_concrete_function(tf.TensorSpec(shape, tf.int32))
before = peak()
step(tf.ones(shape, tf.int32))
print(peak() - before)
