# SPDX-License-Identifier: Apache-2.0
"""An export for an engine, with one that needs no package."""

import functools
import importlib.util
import json
import pathlib
import sys
import types

import numpy as np
import pytest

import albert
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.export import engine_export
from albert.export import engine_graphs
from albert.export import engine_models
from albert.export import onnx
from albert.export import openvino

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
TOKENIZER = albert.Tokenizer(GOLDEN / "spm2000.model")
TEXTS = ["The dog barked at the night.", "no", "Where is the house?"]


class Copies(engine_export.Engine):
    """Gives what the model gives, and what is added to it."""

    name = "onnx"
    packages = ("numpy",)
    runtime = "numpy"
    calibrates = False
    added = 0.0
    unable = ()

    def convert(self, source, quantizations, examples, directory):
        self.source = source
        for name in quantizations:
            for ending in ("a", "b"):
                path = f"{directory}/{name}.{ending}"
                outputs.write_file(path, b"12345")
            yield name, [f"{name}.a", f"{name}.b"]

    def precisions(self, quantization):
        if quantization == "float32":
            return ("float32", "bfloat16")
        return (quantization,)

    def emulates(self, precision):
        return precision == "bfloat16"

    def load(self, path, precision):
        assert pathlib.Path(path).read_bytes() == b"12345"

        def run(inputs):
            logits = np.array(self.source.call(inputs)["logits"])
            logits[:, 0] += self.added
            return {"logits": logits}

        if precision in self.unable:
            return None
        return engine_export.LoadedFile(run, threads=3)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    config = albert.AlbertConfig(
        vocab_size=TOKENIZER.vocabulary_size,
        hidden_size=17,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=11,
        embedding_size=7,
        max_position_embeddings=23,
    )
    place = tmp_path_factory.mktemp("models") / "model"
    model = albert.AlbertClassifier(config, 3)
    albert.save_weights(model, place, "model_dir", TOKENIZER)
    task = {
        "task_name": "sentiment",
        "kind": "classification",
        "max_seq_length": 19,
        "labels": ["bad", "so so", "good"],
    }
    outputs.write_json(place / model_directory.TASK_FILE, task)
    return str(place)


@pytest.fixture(autouse=True)
def one_call(monkeypatch):
    monkeypatch.setattr(engine_export, "_MOST_CALLS", 1)


def test_what_is_written(classifier, tmp_path):
    report = engine_export.export(
        Copies(), classifier, str(tmp_path / "new"), texts=TEXTS
    )
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == [
        "albert_config.json",
        "albert_export.json",
        "checksums.json",
        "engine.json",
        *(f"{n}.{e}" for n in ("float16", "float32", "int8") for e in "ab"),
        "spiece.json",
        "spiece.model",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    found = json.loads((tmp_path / "new" / "engine.json").read_text())
    assert found["labels"] == ["bad", "so so", "good"]
    assert found["max_seq_length"] == 19
    assert found["longest_sequence"] == 23
    assert found["inputs"]["segment_ids"]["shape"] == [-1, -1]
    assert found["outputs"] == {"logits": {"dtype": "float32", "axes": 2}}
    assert found["engine_versions"] == {"numpy": np.__version__}
    assert [(file["file"], file["precision"]) for file in found["files"]] == [
        ("float32.a", "float32"),
        ("float32.a", "bfloat16"),
        ("float16.a", "float16"),
        ("int8.a", "int8"),
    ]
    for file in found["files"]:
        assert file["threads"] == 3
        assert file["bytes"] == 10
        assert file["agreeing"] == file["answers"] == file["examples"] == 9
        emulated = file["precision"] == "bfloat16"
        assert sorted(file["milliseconds"]) == ([] if emulated else ["1", "32"])
    lines = report.lines()
    assert "classification, any batch and length" in lines[0]
    assert "emulated" in lines[2] and "9 of 9 answers equal" in lines[2]


def test_what_is_left_out_is_told(classifier, tmp_path, monkeypatch):
    engine = Copies()
    engine.calibrates, engine.unable = True, ("bfloat16",)
    engine.packages = ("numpy", "a_package_that_is_not_used")
    monkeypatch.setattr(engine_export, "require", lambda *arguments: None)
    monkeypatch.setattr(
        engine_export.huggingface_pipeline,
        "find_obstacle",
        lambda tokenizer: "it has pieces for bytes",
    )
    report = engine_export.export(engine, classifier, str(tmp_path / "new"))
    assert [(file.file, file.precision) for file in report.files] == [
        ("float32.a", "float32"),
        ("float16.a", "float16"),
    ]
    first, second, third = report.lines()[-3:]
    assert first.startswith("No int8: ") and "--text_file" in first
    assert second.startswith("float32.a in bfloat16: not checked")
    assert third.startswith("No tokenizer.json: ") and "bytes" in third
    found = json.loads((tmp_path / "new" / "engine.json").read_text())
    assert list(found["engine_versions"]) == ["numpy"]
    assert not (tmp_path / "new" / "tokenizer.json").exists()


def test_a_file_of_other_answers_is_refused(classifier, tmp_path):
    engine = Copies()
    engine.added = 0.25  # Less than int8 may differ by.
    with pytest.raises(UserError, match="as int8: .*--min_agreement=0.9"):
        engine_export.export(
            engine,
            classifier,
            str(tmp_path / "new"),
            quantization=["int8"],
            texts=TEXTS,
        )
    assert not list(tmp_path.iterdir())
    report = engine_export.export(
        engine,
        classifier,
        str(tmp_path / "new"),
        quantization=["int8"],
        texts=TEXTS,
        min_agreement=0.0,
    )
    assert report.files[0].agreeing < 9


@pytest.mark.parametrize("module", [onnx, openvino])
def test_a_missing_package_is_named(module, tmp_path, monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'albert-keras\[") as told:
        module.export("model", str(tmp_path / "new"))
    (engine,) = module.export.args
    assert all(package in str(told.value) for package in engine.packages)
    assert f"[{engine.name}]" in str(told.value)


def test_scales_of_int8_need_texts(tmp_path):
    with pytest.raises(UserError, match="finds its scales .* --text_file"):
        openvino.export("model", str(tmp_path / "new"), quantization=["int8"])


def test_without_telemetry(monkeypatch):
    name = "openvino_telemetry"
    for before in ({}, {name: sys}):
        with monkeypatch.context() as patch:
            patch.delitem(sys.modules, name, raising=False)
            for key, module in before.items():
                patch.setitem(sys.modules, key, module)
            with engine_graphs.without_telemetry(), pytest.raises(ImportError):
                importlib.import_module(name)
            assert sys.modules.get(name) is before.get(name)


@pytest.mark.parametrize("exported", [False, True])
def test_a_model_is_loaded_for_an_engine(
    exported, classifier, tmp_path, monkeypatch
):
    engine = Copies()
    export = functools.partial(engine_export.export, engine)
    module = types.SimpleNamespace(ENGINE=engine, export=export)
    monkeypatch.setitem(sys.modules, "albert.export.onnx", module)
    path = classifier
    if exported:
        path = str(tmp_path / "new")
        export(classifier, path, quantization=["int8"])
    loaded = engine_models.load(
        path, "onnx", quantization="int8" if exported else "float32"
    )
    assert loaded.labels == ["bad", "so so", "good"]
    assert loaded.max_seq_length == engine.source.max_seq_length
    inputs = {
        name: np.ones((2, 5), np.int32)
        for name in ("input_ids", "input_mask", "segment_ids")
    }
    logits = loaded.call(inputs)["logits"]
    assert np.array_equal(logits, engine.source.call(inputs)["logits"])
    if exported:
        with pytest.raises(UserError, match="has no float32 file: .*=int8"):
            engine_models.load(path, "onnx")
