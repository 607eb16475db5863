# SPDX-License-Identifier: Apache-2.0
"""TensorFlow Hub and Keras 2 (tf_keras) use what this package exports.

In processes of their own, which have no ``albert``.
"""

import json
import pathlib
import re
import subprocess
import sys

import keras
import numpy as np
import pytest

import albert
from albert.export import tfhub

SPM = pathlib.Path(__file__).parents[1] / "golden/tokenization/spm2000.model"
TOLERANCE = 1e-5

LAYERS = """
import json, sys
sys.modules["albert"] = None  # As if it were not installed.
import numpy as np
import tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
tf.config.set_logical_device_configuration(
    cpu, [tf.config.LogicalDeviceConfiguration()] * 2
)
import tensorflow_hub as hub
import tensorflow_text
import tf_keras

facts = {}
given = dict(np.load("inputs.npz", allow_pickle=False))
labels = np.arange(len(given["input_word_ids"])) % 2

def symbolic(length):
    return {
        name: tf_keras.Input((length,), dtype=tf.int32, name=name)
        for name in given
    }

def classifier(length, rate):
    inputs = symbolic(length)
    layer = hub.KerasLayer("encoder", trainable=True)
    outputs = layer(inputs)
    logits = tf_keras.layers.Dense(2)(outputs["pooled_output"])
    model = tf_keras.Model(inputs, logits)
    model.compile(
        tf_keras.optimizers.Adam(rate),
        tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return layer, model

layer, model = classifier(None, 1e-2)
outputs = layer(given)
np.savez("outputs.npz", pooled=outputs["pooled_output"],
         sequence=outputs["sequence_output"])
facts["trainable"] = len(layer.trainable_weights)
facts["dropout"] = [
    float(tf.reduce_sum(layer(given, training=True)["default"]))
    for _ in range(2)
]
before = [weight.numpy() for weight in layer.trainable_weights]
facts["losses"] = model.fit(given, labels, epochs=9, verbose=0).history["loss"]
facts["moved"] = sum(
    bool((weight.numpy() != value).any())
    for weight, value in zip(layer.trainable_weights, before, strict=True)
)
model.save_weights("weights.h5")

frozen = hub.KerasLayer("encoder")
facts["frozen"] = len(frozen.trainable_weights)
facts["frozen_dropout"] = [
    float(tf.reduce_sum(frozen(given, training=training)["default"]))
    for training in (True, False)
]

with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
    _, model = classifier(given["input_word_ids"].shape[1], 1e-2)
facts["mirrored"] = model.fit(
    given, labels, epochs=9, verbose=0
).history["loss"]

mlm = hub.KerasLayer(hub.load("encoder").mlm, trainable=True)
positions = tf_keras.Input((None,), dtype=tf.int32)
predicted = mlm({**symbolic(None), "masked_lm_positions": positions})
facts["mlm"] = predicted["mlm_logits"].shape.as_list()
facts["mlm_trainable"] = len(mlm.trainable_weights)

preprocessor = hub.load("preprocessor")
texts = [tf_keras.Input((), dtype=tf.string) for _ in range(2)]
tokenize = hub.KerasLayer(preprocessor.tokenize)
pack = hub.KerasLayer(
    preprocessor.bert_pack_inputs, arguments={"seq_length": 11}
)
packed = pack([tokenize(text) for text in texts])
facts["packed"] = packed["input_word_ids"].shape.as_list()
pairs = tf_keras.Model(texts, frozen(packed)["pooled_output"])
facts["pairs"] = pairs(
    [tf.constant(["The house.", "A dog"]), tf.constant(["It barked", ""])]
).shape.as_list()
print(json.dumps(facts))
"""


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(7)
    config = albert.AlbertConfig(
        vocab_size=2003,
        hidden_size=22,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=37,
        embedding_size=7,
        max_position_embeddings=29,
        hidden_dropout_prob=0.1,
        attention_probs_dropout_prob=0.1,
    )
    model = albert.AlbertPretrainer(config)
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(
            variable.numpy() + rng.normal(scale=0.1, size=variable.shape)
        )
    return model


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("tfhub")
    albert.save_weights(
        model,
        folder / "model",
        format="model_dir",
        tokenizer=albert.Tokenizer(SPM),
    )
    tfhub.export(str(folder / "model"), str(folder / "out"))
    return folder / "out"


def run(code, folder):
    completed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0, completed.stderr
    return completed.stdout


def test_keras_layers(model, exported):
    rng = np.random.default_rng(3)
    shape = (13, 23)
    inputs = {
        "input_ids": rng.integers(0, 2003, shape),
        "input_mask": np.arange(shape[1]) < rng.integers(1, 24, (13, 1)),
        "segment_ids": rng.integers(0, 2, shape),
    }
    inputs = {name: value.astype(np.int32) for name, value in inputs.items()}
    names = ("input_word_ids", "input_mask", "input_type_ids")
    np.savez(
        exported / "inputs.npz",
        **dict(zip(names, inputs.values(), strict=True)),
    )
    facts = json.loads(run(LAYERS, exported).splitlines()[-1])
    outputs = np.load(exported / "outputs.npz", allow_pickle=False)
    expected = model.encoder(inputs)
    for name in ("pooled", "sequence"):
        difference = outputs[name] - np.asarray(expected[f"{name}_output"])
        assert np.abs(difference).max() <= TOLERANCE

    count = len(model.encoder.trainable_variables)
    assert facts["trainable"] == facts["moved"] == count
    assert facts["mlm_trainable"] == count + 5
    assert facts["losses"][-1] < 0.7 * facts["losses"][0]
    assert facts["mirrored"][-1] < 0.7 * facts["mirrored"][0]
    assert facts["dropout"][0] != facts["dropout"][1]
    assert facts["frozen"] == 0
    assert facts["frozen_dropout"][0] == pytest.approx(
        facts["frozen_dropout"][1], abs=TOLERANCE
    )
    assert facts["mlm"] == [None, None, 2003]
    assert facts["packed"] == [None, 11]
    assert facts["pairs"] == [2, 22]


@pytest.mark.parametrize("page", ["encoder.md", "preprocessor.md"])
def test_the_code_of_a_page_runs(exported, page):
    text = (exported / page).read_text("utf-8")
    blocks = re.findall("```python\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 5
    code = 'import sys; sys.modules["albert"] = None\n' + "\n".join(blocks)
    if page == "encoder.md":
        code += 'print("losses", *history.history["loss"])\n'
    output = run(code, exported)
    if page == "encoder.md":
        assert "(1, 29, 22)" in output
        losses = output.splitlines()[-1].split()[1:]
        # Three examples: that training helps is tested above.
        assert len(set(map(float, losses))) == 3
        assert all(0.0 < float(loss) < 10.0 for loss in losses)
    else:
        assert "'vocab_size': 2000" in output
