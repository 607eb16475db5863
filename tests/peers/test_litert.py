# SPDX-License-Identifier: Apache-2.0
"""The LiteRT package, without TensorFlow's interpreter, runs written files."""

import pathlib

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

import albert
from albert.export import litert

TOKENIZER = albert.Tokenizer(
    pathlib.Path(__file__).parents[1] / "golden/tokenization/spm2000.model"
)
# Of the largest output, with the weights below.
TOLERANCE = {"float32": 1e-5, "float16": 0.02, "int8": 0.2}
LENGTH = 19


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """(Keras model, directory with its files)."""
    place = tmp_path_factory.mktemp("litert")
    model = albert.AlbertEncoder(
        albert.AlbertConfig(
            vocab_size=TOKENIZER.vocabulary_size,
            hidden_size=51,
            num_hidden_layers=2,
            num_attention_heads=3,
            intermediate_size=71,
            embedding_size=29,
            max_position_embeddings=23,
        )
    )
    rng = np.random.default_rng(7)
    for variable in model.variables:
        variable.assign(variable + rng.normal(0.0, 0.1, variable.shape))
    albert.save_weights(model, place / "model", "model_dir", TOKENIZER)
    litert.export(
        str(place / "model"),
        str(place / "files"),
        model="encoder",
        max_seq_length=LENGTH,
    )
    return model, place / "files"


@pytest.mark.parametrize("quantization", litert.QUANTIZATIONS)
def test_the_package_runs_the_files(exported, quantization):
    model, directory = exported
    run = Interpreter(
        model_path=str(directory / f"model_{quantization}.tflite")
    ).get_signature_runner("serving_default")
    rng = np.random.default_rng(5)
    mask = (np.arange(LENGTH) < 13).astype(np.int32)[None]
    inputs = {
        "input_ids": rng.integers(0, 2000, (1, LENGTH)).astype(np.int32) * mask,
        "input_mask": mask,
        "segment_ids": (np.arange(LENGTH) > 5).astype(np.int32)[None] * mask,
    }
    expected, received = model(inputs), run(**inputs)
    for name in ("sequence_output", "pooled_output"):
        right = np.asarray(expected[name])
        difference = np.abs(right - received[name]).max()
        assert difference <= TOLERANCE[quantization] * np.abs(right).max()
