# SPDX-License-Identifier: Apache-2.0
"""What all models are to Keras: exported as they are, and not quantized."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.errors import UserError
from albert.heads import HEADS
from albert.heads import make_model

LENGTH = 11


@pytest.fixture
def config(small_config):
    return albert.AlbertConfig(**small_config, initializer_range=0.3)


def inputs_of(model):
    """Returns arrays for what the model says that it reads."""
    rng = np.random.default_rng(3)
    inputs = {}
    for name, each in model.input_signature().items():
        below = 1999 if name.endswith("input_ids") else 2
        shape = (2, 3, LENGTH) if each.shape.rank == 3 else (2, LENGTH)
        inputs[name] = rng.integers(0, below, shape, np.int32)
    inputs["input_mask"][..., :3] = 1
    return inputs


@pytest.mark.parametrize("head", HEADS)
def test_a_model_reads_what_its_signature_says(config, head):
    model = make_model(head, config, 3)
    outputs = model(inputs_of(model))
    assert set(HEADS[head].outputs) <= set(outputs)
    wanted = {"input_ids", "input_mask", "segment_ids", *HEADS[head].inputs}
    if head == "text_to_text":
        wanted.add("target_input_ids")
    assert set(model.input_signature()) == wanted


@pytest.mark.slow
@pytest.mark.parametrize("head", ["none", "multiple_choice", "span_v2"])
def test_keras_exports_a_model_that_was_never_called(config, head, tmp_path):
    model = make_model(head, config, 3)
    inputs = inputs_of(model)
    model.export(tmp_path / "saved", verbose=False)
    loaded = tf.saved_model.load(tmp_path / "saved")
    found = loaded.serve(inputs)
    wanted = model(inputs)
    assert set(wanted) - set(found) <= {"layer_outputs"}
    for name, value in found.items():
        assert np.abs(value - wanted[name]).max() < 1e-5, name


@pytest.mark.filterwarnings("ignore:Layer InputLayer")
def test_quantization_is_refused(config):
    encoder = albert.AlbertEncoder(config)
    ids = keras.Input((None,), dtype="int32")
    outputs = encoder({"input_ids": ids})["pooled_output"]
    around = keras.Model(ids, keras.layers.Dense(2)(outputs))
    for model in (
        encoder,
        albert.AlbertClassifier(config, 3),
        around,
    ):
        with pytest.raises(UserError, match="albert export"):
            model.quantize("int8")
