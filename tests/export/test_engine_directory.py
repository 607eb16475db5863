# SPDX-License-Identifier: Apache-2.0
"""What is read of an engine's files, and the flags that choose among them."""

import json
import types

import pytest

from albert.errors import UserError
from albert.export import engine_directory
from albert.export import engine_flags
from albert.export.exported_files import new_export

METADATA = {
    "engine": "openvino",
    "head": "classification",
    "labels": ["no", "yes"],
    "outputs": {"logits": {"dtype": "float32", "axes": 2}},
    "task": {"kind": "classification"},
    "files": [
        {"file": "model_float32.xml", "quantization": "float32"},
        {"file": "model_float32.xml", "quantization": "float32"},
        {"file": "model_int8.xml", "quantization": "int8"},
    ],
}


def write(place, metadata):
    with new_export("model", str(place)) as directory:
        for name in ("float32", "int8"):
            for ending in ("xml", "bin"):
                with open(f"{directory}/model_{name}.{ending}", "w") as file:
                    file.write(f"{name} {ending}")
        with open(f"{directory}/engine.json", "w") as file:
            json.dump(metadata, file)
    return place


@pytest.fixture
def place(tmp_path):
    return write(tmp_path / "new", METADATA)


def test_a_directory_is_read(place, tmp_path):
    found = engine_directory.find(str(place))
    assert found.head == "classification" and found.labels == ["no", "yes"]
    assert found.files == {
        "float32": "model_float32.xml",
        "int8": "model_int8.xml",
    }
    assert found.find_file("int8") == f"{place}/model_int8.xml"
    assert engine_directory.find(str(tmp_path)) is None
    with pytest.raises(UserError, match="--quantization=float32 or int8"):
        found.find_file("float16")


@pytest.mark.parametrize("ending", ["xml", "bin"])
@pytest.mark.parametrize("change", [None, "other"])
def test_a_file_that_was_not_exported_is_refused(place, ending, change):
    found = engine_directory.find(str(place))
    path = place / f"model_int8.{ending}"
    if change:
        path.write_text(change)
    else:
        path.unlink()
    with pytest.raises(UserError, match=rf"int8.{ending}: .*albert export"):
        found.find_file("int8")
    found.find_file("float32")


@pytest.mark.parametrize("name", list(METADATA))
def test_metadata_of_another_version(tmp_path, name):
    changed = {**METADATA, name: 7.5}
    place = write(tmp_path / "one", changed)
    with pytest.raises(UserError, match=f"engine.json: {name}: .*`albert exp"):
        engine_directory.find(str(place))
    del changed[name]
    place = write(tmp_path / "other", changed)
    with pytest.raises(UserError, match=f'engine.json: .*no "{name}"'):
        engine_directory.find(str(place))


def test_changed_metadata_is_refused(place):
    changed = {**METADATA, "labels": METADATA["labels"][::-1]}
    (place / "engine.json").write_text(json.dumps(changed))
    with pytest.raises(UserError, match="engine.json: is not the file that"):
        engine_directory.find(str(place))


@pytest.mark.parametrize(
    ("engine", "exported", "found"),
    [
        (None, False, None),
        ("tensorflow", False, None),
        ("onnx", False, "onnx"),
        (None, True, "openvino"),
        ("openvino", True, "openvino"),
    ],
)
def test_the_engine(place, engine, exported, found):
    fv = types.SimpleNamespace(engine=engine, quantization=None)
    directory = engine_directory.find(str(place)) if exported else None
    assert engine_flags.find_engine(fv, "model", directory) == found


@pytest.mark.parametrize(
    ("engine", "quantization", "exported", "told"),
    [
        ("onnx", None, True, "was exported for openvino: leave out"),
        ("tensorflow", None, True, "was exported for openvino: leave out"),
        (None, "int8", False, "is of --engine=openvino and onnx"),
    ],
)
def test_flags_that_do_not_go_together(
    place, engine, quantization, exported, told
):
    fv = types.SimpleNamespace(engine=engine, quantization=quantization)
    directory = engine_directory.find(str(place)) if exported else None
    with pytest.raises(UserError, match=told):
        engine_flags.find_engine(fv, "model", directory)
