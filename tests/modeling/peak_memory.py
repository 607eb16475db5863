# SPDX-License-Identifier: Apache-2.0
"""Prints the memory that a training step takes, in MiB.

Without XLA, what it adds to the memory of this process; with XLA, what its
buffers take, as XLA reports it: in the process, compiling takes more.
The argument is JSON: recompute_layers, jit_compile, batch, length and
intermediate.
"""

import glob
import json
import os
import re
import sys
import tempfile

import tensorflow as tf

import albert


def peak():
    # Not that of resource.getrusage, which a process inherits.
    with open("/proc/self/status") as status:
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read())[1]) / 1024


def xla_buffers(folder):
    pattern = os.path.join(folder, "*inference_step*memory-usage-report.txt")
    (path,) = glob.glob(pattern)
    with open(path) as report:
        total = re.search(r"Total bytes used: (\d+)", report.read())[1]
    return int(total) / 2**20


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


ids = tf.ones((settings["batch"], settings["length"]), tf.int32)
if settings["jit_compile"]:
    with tempfile.TemporaryDirectory() as folder:
        os.environ["XLA_FLAGS"] = f"--xla_dump_to={folder}"
        step(ids)
        print(xla_buffers(folder))
else:
    # Traced before it is measured.
    step.get_concrete_function(tf.TensorSpec(ids.shape, tf.int32))
    before = peak()
    step(ids)
    print(peak() - before)
