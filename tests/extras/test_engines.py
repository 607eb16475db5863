# SPDX-License-Identifier: Apache-2.0
"""Files for engines against the Keras model (run by `make test-extras`)."""

import collections
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import onnx as onnx_format
import onnxruntime
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
from albert.prediction import __main__ as predict
from albert.serve import served_model

# As the export does: openvino would load its telemetry.
with engine_graphs.without_telemetry():
    import openvino as openvino_runtime

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden" / "tokenization"
TOKENIZER = albert.Tokenizer(GOLDEN / "spm2000.model")
LAYERS, WIDTH, LENGTH = 3, 134, 19
TEXTS = [
    "The dog barked at the night, and nobody in the house heard a sound.",
    "no",
    "Where is the house?",
]
LABELS = ["bad", "so so", "good"]
TASKS = {
    "classification": {"labels": LABELS},
    "multiple_choice": {"labels": list("ABCDE"), "max_qa_length": 11},
    "span_v1": {"head": "v1", "max_query_length": 7, "doc_stride": 5},
    "span_v2": {
        "head": "v2",
        "start_n_top": 3,
        "end_n_top": 2,
        "max_query_length": 7,
        "doc_stride": 5,
        "version_2_with_negative": True,
    },
    "tagging": {"labels": ["O", "B-LOC", "I-LOC"]},
}
FORMATS = {"onnx": (onnx, "onnx"), "openvino": (openvino, "xml")}
# Of the largest output, with the weights below.
TOLERANCE = {"float32": 1e-5, "float16": 0.02, "int8": 0.2}

pytestmark = pytest.mark.filterwarnings("default")


def write_model(place, kind, **changes):
    """Returns (Keras model, its directory)."""
    config = albert.AlbertConfig(
        **{
            "vocab_size": TOKENIZER.vocabulary_size,
            "hidden_size": WIDTH,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 2,
            "intermediate_size": 71,
            "embedding_size": 29,
            "max_position_embeddings": 23,
            **changes,
        }
    )
    model = {
        "encoder": lambda: albert.AlbertEncoder(config),
        "masked_lm": lambda: albert.AlbertPretrainer(config),
        "multiple_choice": lambda: albert.AlbertMultipleChoice(config),
        "span_v1": lambda: albert.AlbertSpanPredictor(config, "v1"),
        "span_v2": lambda: albert.AlbertSpanPredictor(config, "v2", 3, 2),
        "tagging": lambda: albert.AlbertTokenClassifier(config, 3),
        "classification": lambda: albert.AlbertClassifier(config, len(LABELS)),
    }[kind]()
    rng = np.random.default_rng(7)
    for variable in model.variables:
        variable.assign(variable + rng.normal(0.0, 0.1, variable.shape))
    albert.save_weights(model, place, "model_dir", TOKENIZER)
    if kind in TASKS:
        task = {
            "task_name": f"a {kind}",
            "kind": kind.split("_v")[0],
            "max_seq_length": LENGTH,
            **TASKS[kind],
        }
        outputs.write_json(place / model_directory.TASK_FILE, task)
    return model, str(place)


@pytest.fixture(autouse=True)
def one_call(monkeypatch):
    monkeypatch.setattr(engine_export, "_MOST_CALLS", 1)


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    place = tmp_path_factory.mktemp("classifier") / "model"
    return write_model(place, "classification")


@pytest.fixture(scope="module", params=list(FORMATS))
def exported(request, classifier, tmp_path_factory):
    """(name of the format, directory of the export, report)."""
    module, _ = FORMATS[request.param]
    place = tmp_path_factory.mktemp(request.param) / "new"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine_export, "_MOST_CALLS", 1)
        report = module.export(
            classifier[1], str(place), texts=TEXTS, min_agreement=0.5
        )
    return request.param, place, report


def load(name, path, precision="float32"):
    module, _ = FORMATS[name]
    (engine,) = module.export.args
    return engine.load(str(path), precision).run


@pytest.mark.parametrize("quantization", list(TOLERANCE))
def test_a_file_does_what_the_model_does(exported, classifier, quantization):
    name, place, _ = exported
    run = load(name, place / f"model_{quantization}.{FORMATS[name][1]}")
    rng = np.random.default_rng(11)
    for batch, length in ((1, 7), (5, 19), (3, 2)):
        real = rng.integers(2, length + 1, (batch, 1))
        mask = np.arange(length) < real
        inputs = {
            "input_ids": rng.integers(0, 2000, mask.shape) * mask,
            "input_mask": mask,
            "segment_ids": mask & (np.arange(length) > 3),
        }
        inputs = {key: value.astype("int32") for key, value in inputs.items()}
        right = np.asarray(classifier[0](inputs)["logits"])
        there = run(inputs)["logits"]
        assert there.shape == right.shape and there.dtype == right.dtype
        difference = np.abs(right - there).max()
        assert difference <= TOLERANCE[quantization] * max(
            1.0, np.abs(right).max()
        )
        assert quantization == "float32" or difference > 0.0


@pytest.mark.parametrize("quantization", list(TOLERANCE))
def test_a_longer_sequence_than_the_positions_is_refused(
    exported, quantization
):
    name, place, _ = exported
    run = load(name, place / f"model_{quantization}.{FORMATS[name][1]}")
    for length in (23, 24):
        inputs = dict.fromkeys(
            ("input_ids", "input_mask", "segment_ids"),
            np.ones((3, length), np.int32),
        )
        if length == 23:
            assert run(inputs)["logits"].shape == (3, len(LABELS))
        else:
            with pytest.raises(Exception, match="24|shape|dimension"):
                run(inputs)


def test_weights_of_all_layers_are_there_once(exported, classifier):
    _, _, report = exported
    sizes = [int(np.prod(v.shape)) for v in classifier[0].variables]
    matrix = WIDTH * WIDTH
    widths = {"float32": 4, "float16": 2, "int8": 1}
    for file in report.files:
        width = widths[file.quantization]
        # Besides, the graph: names of operations, scales, biases.
        assert 0 < file.bytes - width * sum(sizes) < width * matrix + 200_000
    assert len(report.files) >= 3
    assert report.ids is not None


def test_the_engine_has_an_operation_for_each_part(exported, tmp_path):
    name, place, _ = exported
    if name == "openvino":
        model = openvino_runtime.Core().read_model(place / "model_float32.xml")
        types = [op.get_type_name() for op in model.get_ops()]
        normalization, gelu = "MVN", "Gelu"
        assert types.count("ScaledDotProductAttention") == LAYERS
    else:
        options = onnxruntime.SessionOptions()
        options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
        options.log_severity_level = 3
        onnxruntime.InferenceSession(
            place / "model_float32.onnx",
            options,
            providers=["CPUExecutionProvider"],
        )
        model = onnx_format.load(tmp_path / "optimized.onnx")
        types = [node.op_type for node in model.graph.node]
        normalization, gelu = "LayerNormalization", "FastGelu"
    found = collections.Counter(types)
    assert found[normalization] == 1 + 2 * LAYERS
    assert found[gelu] == LAYERS


def test_nothing_is_sent_and_no_place_is_told(exported):
    name, place, _ = exported
    assert "openvino_telemetry" not in sys.modules
    file = place / f"model_float32.{FORMATS[name][1]}"
    assert b"/tmp" not in file.read_bytes()


def test_the_client_of_the_page_runs_without_tensorflow(exported):
    name, place, _ = exported
    page = (ROOT / "docs" / "engines.md").read_text()
    client, of_onnx = re.findall(r"```python\n(.*?)```", page, re.S)
    if name == "onnx":
        client = client.replace("import openvino", "import onnxruntime")
        client = client.replace("run/openvino", str(place))
        opening, call = of_onnx.splitlines()
        client = re.sub(r"^core.*\n", "", client, flags=re.M)
        client = re.sub(r"^model = .*$", opening, client, flags=re.M)
        client = re.sub(r"^    logits = .*$", f"    {call}", client, flags=re.M)
    client = client.replace(f"run/{name}", str(place))
    program = (
        "import sys\n"
        "for name in ('tensorflow', 'keras', 'albert'):\n"
        f"    sys.modules[name] = None\n{client}"
    )
    found = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = re.findall(r"'([^']+)'", found.stdout)
    assert {first, second} <= set(LABELS)


@pytest.mark.parametrize(
    ("name", "kind", "changes"),
    [
        ("onnx", "span_v2", {}),
        ("onnx", "encoder", {"hidden_act": "gelu_erf"}),
        ("openvino", "multiple_choice", {}),
        ("openvino", "masked_lm", {"position_embedding": "relative_bias"}),
    ],
)
def test_heads_and_variants(name, kind, changes, tmp_path):
    _, source = write_model(
        tmp_path / "model", kind, num_hidden_layers=1, **changes
    )
    module, _ = FORMATS[name]
    report = module.export(
        source,
        str(tmp_path / "new"),
        model="encoder" if kind == "encoder" else "task",
        quantization=["float32"],
        max_seq_length=LENGTH,
        texts=TEXTS,
        min_agreement=0.5,  # In bfloat16, with weights of chance.
    )
    file = report.files[0]
    assert file.max_abs_difference < 1e-5
    assert file.agreeing == file.answers


def test_a_file_that_int8_ruins_is_refused(tmp_path):
    # OpenVINO gives zeros for the scores of choices.
    _, source = write_model(
        tmp_path / "model", "multiple_choice", num_hidden_layers=1
    )
    with pytest.raises(UserError, match="model as int8: "):
        openvino.export(
            source,
            str(tmp_path / "new"),
            quantization=["int8"],
            texts=TEXTS,
        )
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


CONTEXT = f"{TEXTS[0]} {TEXTS[2]}"
# What serving answers, with texts of several lengths.
ASKED = {
    "classification": {"text": TEXTS},
    "multiple_choice": {
        "article": [CONTEXT, TEXTS[1]],
        "question": ["Who barked?", "Why?"],
        "options": [["a dog", "a cat", "no", "the night", "all"]] * 2,
    },
    "span_v1": {"question": ["Who barked?", "?"], "context": [CONTEXT, "no"]},
    "tagging": {"text": TEXTS},
}
ASKED["span_v2"] = ASKED["span_v1"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("onnx", "classification"),
        ("onnx", "span_v2"),
        ("openvino", "multiple_choice"),
        ("openvino", "span_v1"),
        ("openvino", "tagging"),
    ],
)
def test_an_engine_answers_what_is_served(name, kind, tmp_path):
    _, source = write_model(tmp_path / "model", kind, num_hidden_layers=1)
    inputs = {
        key: np.array([np.char.encode(value) for value in values], object)
        for key, values in ASKED[kind].items()
    }
    plain = served_model.load(source)
    found = served_model.load(source, name)
    for key in plain.metadata.keys() - {"signatures"}:  # Shapes are open.
        assert found.metadata[key] == plain.metadata[key]
    assert found.signatures == plain.signatures
    right = plain.predict("serving_default", inputs)
    there = found.predict("serving_default", inputs)
    assert there.keys() == right.keys()
    for key, values in right.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(there[key], values, atol=1e-4)
        else:
            np.testing.assert_array_equal(there[key], values)


@pytest.mark.parametrize(
    ("name", "kind"), [("openvino", "span_v2"), ("onnx", "tagging")]
)
def test_predictions_of_other_heads(name, kind, tmp_path, run_module):
    _, source = write_model(tmp_path / "model", kind, num_hidden_layers=1)
    rows = tmp_path / "rows.jsonl"
    row = {"question": "Who barked?", "context": CONTEXT, "words": CONTEXT}
    rows.write_text(f"{json.dumps(row)}\n" * 2)
    printed = []
    for flags in ([], [f"--engine={name}"]):
        code, told, errors = run_module(
            predict, source, f"--input_file={rows}", *flags
        )
        assert code in (0, None), errors
        printed.append(
            re.sub(r"(\d\.\d{3})\d+(e-\d+)?", r"\1", told).splitlines()
        )
    assert len(printed[0]) == 2 and printed[0] == printed[1]


def test_texts_are_cut_where_they_are_without_an_engine(
    exported, classifier, tmp_path
):
    name, place, _ = exported
    for path in (classifier[1], str(place)):
        served = served_model.load(path, name)
        assert served.metadata["max_seq_length"] == LENGTH
    copy = tmp_path / "copy"
    shutil.copytree(classifier[1], copy)
    (copy / model_directory.TASK_FILE).unlink()
    lengths = [
        served_model.load(str(copy), *engine).metadata["max_seq_length"]
        for engine in ([], [name])
    ]
    assert lengths == [23, 23]


def test_predictions_of_an_export(exported, classifier, tmp_path, run_module):
    name, place, _ = exported
    rows = tmp_path / "rows.txt"
    rows.write_text("\n".join(TEXTS * 3))
    found = {}
    for model, *flags in (
        (classifier[1],),
        (place,),
        (place, f"--engine={name}", "--quantization=int8"),
    ):
        code, printed, errors = run_module(
            predict,
            model,
            f"--input_file={rows}",
            "--input_format=lines",
            "--output_format=jsonl",
            *flags,
        )
        assert code in (0, None), errors
        found[len(found)] = np.array(
            [
                list(json.loads(line)["probability"].values())
                for line in printed.splitlines()
            ]
        )
    assert found[0].shape == (9, len(LABELS))
    assert np.abs(found[1] - found[0]).max() < 1e-5
    assert 1e-5 < np.abs(found[2] - found[0]).max() < 0.1


def test_an_engine_refuses(exported, classifier, tmp_path):
    name, place, _ = exported
    copy = tmp_path / "copy"
    shutil.copytree(place, copy)
    ending = {"onnx": "onnx", "openvino": "bin"}[name]
    damaged = copy / f"model_float32.{ending}"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    with pytest.raises(UserError, match="is not the file that was exported"):
        engine_models.load(str(copy), name)
    with pytest.raises(UserError, match="24: .* has 23 positions"):
        engine_models.load(str(place), name, max_seq_length=24)
    with pytest.raises(UserError, match="leave one of the two out"):
        engine_models.load(
            str(place), name, quantization="int8", dtype="bfloat16"
        )
    if name == "onnx":
        with pytest.raises(UserError, match="onnx does not compute so"):
            engine_models.load(str(place), name, dtype="bfloat16")
    else:
        with pytest.raises(UserError, match="--format=openvino --text_file"):
            engine_models.load(classifier[1], name, quantization="int8")
        inputs = dict.fromkeys(
            ("input_ids", "input_mask", "segment_ids"), np.ones((2, 5), int)
        )
        rough, exact = (
            engine_models.load(str(place), name, dtype=dtype).call(inputs)
            for dtype in ("bfloat16", "float32")
        )
        difference = np.abs(rough["logits"] - exact["logits"]).max()
        assert 0.0 < difference < 0.1
    _, source = write_model(tmp_path / "model", "masked_lm")
    with pytest.raises(UserError, match="has no head of a task"):
        engine_models.load(source, name)
