# SPDX-License-Identifier: Apache-2.0
"""Four updates on one device and on two logical CPUs, compared.

Run by test_optimizers.py in its own process, because logical devices must be
configured before TensorFlow starts. Prints one JSON object: the largest
differences, by optimizer and quantity.
"""

import json

import keras
import numpy as np
import tensorflow as tf

from albert.training import optimizers
from albert.training.muon import Muon

SHAPES = {
    "word_embeddings": (11, 3),
    "dense/kernel": (3, 5),
    "dense/bias": (5,),
    "layer_norm/gamma": (7,),
}
STEPS = 4
REPLICAS = 2


def make_variable(path, value):
    *scopes, name = path.split("/")
    if not scopes:
        return keras.Variable(value, name=name)
    with keras.name_scope(scopes[0]):
        return make_variable("/".join([*scopes[1:], name]), value)


def train(strategy, optimizer_class, initial, gradients):
    """Returns weights and slots: for each name, one array per device.

    gradients[name]: [replicas, steps, *shape]; a strategy with fewer
    replicas sums what it has.
    """
    with strategy.scope():
        variables = [make_variable(p, value) for p, value in initial.items()]
        optimizer = optimizer_class(0.1, weight_average_decay=0.3)
        optimizer.build(variables)
    tables = [tf.constant(gradients[path]) for path in initial]
    per_replica = REPLICAS // strategy.num_replicas_in_sync

    def replica_step(step):
        context = tf.distribute.get_replica_context()
        first = context.replica_id_in_sync_group * per_replica
        parts = [
            tf.reduce_sum(table[first : first + per_replica, step], axis=0)
            for table in tables
        ]
        # The embedding's gradient is sparse, as that of a look-up is.
        parts[0] = tf.IndexedSlices(parts[0], tf.range(11), dense_shape=(11, 3))
        parts = context.all_reduce("SUM", optimizers.densify(parts))
        parts, norm = optimizers.clip_by_global_norm(parts, 1.0)
        optimizer.apply(parts, variables)
        return norm

    @tf.function
    def run(step):
        return strategy.run(replica_step, args=(step,))

    norms = [
        strategy.experimental_local_results(run(tf.constant(step)))[0].numpy()
        for step in range(STEPS)
    ]
    assert optimizer.iterations.numpy() == STEPS
    state = {"norm": [np.array(norms)]}
    for index, path in enumerate(initial):
        for label, variable in (
            ("weights", variables[index]),
            ("average", optimizer.averages[index]),
            *optimizer.slots(index).items(),
        ):
            state[f"{label} {path}"] = [
                copy.numpy()
                for copy in strategy.experimental_local_results(variable.value)
            ]
    return state


def main():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * REPLICAS
    )
    random = np.random.default_rng(5)
    initial = {
        path: random.normal(size=shape).astype("float32")
        for path, shape in SHAPES.items()
    }
    # Alternately far above and far below the clipping norm.
    scale = np.array([10.0, 0.001, 10.0, 0.001], "float32")
    gradients = {
        path: random.normal(size=(REPLICAS, STEPS, *shape)).astype("float32")
        * scale.reshape(STEPS, *[1] * len(shape))
        for path, shape in SHAPES.items()
    }
    report = {}
    for optimizer_class in (optimizers.Lamb, optimizers.AdamW, Muon):
        one = train(
            tf.distribute.OneDeviceStrategy("/cpu:0"),
            optimizer_class,
            initial,
            gradients,
        )
        two = train(
            tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"]),
            optimizer_class,
            initial,
            gradients,
        )
        moved = max(
            float(np.abs(one[f"weights {path}"][0] - value).max())
            for path, value in initial.items()
        )
        copies = [two[f"weights {path}"] for path in initial]
        report[optimizer_class.__name__] = {
            "copies": min(len(of_one) for of_one in copies),
            "moved": moved,
            "norms": [float(norm) for norm in one["norm"][0]],
            **{
                name: max(
                    float(np.abs(copy - one[name][0]).max())
                    for copy in two[name]
                )
                for name in one
            },
        }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
