# SPDX-License-Identifier: Apache-2.0
"""Written .tflite files against the Keras model, called as a client does."""

import json
import logging
import pathlib
import re
import warnings

import numpy as np
import pytest
import sentencepiece
import tensorflow as tf

import albert
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.export import litert
from albert.export import litert_conversion

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
TOKENIZER = albert.Tokenizer(GOLDEN / "spm2000.model")
POSITIONS = 23
LENGTH = 19
TEXTS = [
    "The dog barked at the night, and nobody in the house heard a sound.",
    "no",
    "In 1,999 of 2,000 cases it did!",
    "Where is the house?",
]
TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
TASKS = {
    "classification": {"labels": ["bad", "so so", "good"]},
    "regression": {"labels": []},
    "multiple_choice": {"labels": ["A", "B", "C", "D", "E"]},
    "tagging": {"labels": TAGS},
    "span_v1": {"head": "v1"},
    "span_v2": {"head": "v2", "start_n_top": 3, "end_n_top": 2},
}
# Of the largest output, with the weights below.
TOLERANCE = {"float32": 1e-5, "float16": 0.02, "int8": 0.2}


def config(**changes):
    return albert.AlbertConfig(
        **{
            "vocab_size": TOKENIZER.vocabulary_size,
            "hidden_size": 51,
            "num_hidden_layers": 2,
            "num_attention_heads": 3,
            "intermediate_size": 71,
            "embedding_size": 29,
            "max_position_embeddings": POSITIONS,
            **changes,
        }
    )


def make_model(kind, settings):
    task = TASKS.get(kind, {})
    if kind == "encoder":
        model = albert.AlbertEncoder(settings)
    elif kind == "masked_lm":
        model = albert.AlbertPretrainer(settings)
    elif kind == "multiple_choice":
        model = albert.AlbertMultipleChoice(settings)
    elif kind == "tagging":
        model = albert.AlbertTokenClassifier(settings, len(TAGS))
    elif kind.startswith("span"):
        model = albert.AlbertSpanPredictor(settings, task["head"], 3, 2)
    else:
        labels = len(task["labels"]) or 1
        model = albert.AlbertClassifier(settings, labels)
    rng = np.random.default_rng(7)
    for variable in model.variables:
        variable.assign(variable + rng.normal(0.0, 0.1, variable.shape))
    return model


def write_model(directory, kind, model):
    albert.save_weights(model, directory, "model_dir", TOKENIZER)
    if kind in TASKS:
        task = {
            "task_name": f"a {kind}",
            "kind": kind.split("_v")[0],
            "max_seq_length": LENGTH,
            **TASKS[kind],
        }
        outputs.write_json(directory / model_directory.TASK_FILE, task)
    return str(directory)


# Three conversions each; the graphs of two are almost those of others.
SLOW = ("regression", "multiple_choice", "tagging", "span_v1", "encoder")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW))
        for kind in ("encoder", "masked_lm", *TASKS)
    ],
)
def exported(request, tmp_path_factory):
    """(kind, Keras model, directory, report)."""
    kind = request.param
    place = tmp_path_factory.mktemp(kind)
    model = make_model(kind, config())
    source = write_model(place / "model", kind, model)
    report = litert.export(
        source,
        str(place / "litert"),
        model="encoder" if kind == "encoder" else "task",
        max_seq_length=None if kind in TASKS else LENGTH,
        texts=TEXTS,
        # Random weights make answers of which some are as good as equal.
        min_agreement=0.5,
    )
    return kind, model, place / "litert", report


def interpreter(path):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interp")
        return tf.lite.Interpreter(model_path=str(path))


def random_inputs(shapes, rng, padded=True):
    """Ids with segments and padding that vary."""
    shape = shapes["input_ids"]
    real = rng.integers(7, LENGTH, shape[:-1]) if padded else np.array(LENGTH)
    place = np.arange(LENGTH)
    mask = place < real[..., None]
    second = place > rng.integers(2, 6, shape[:-1])[..., None]
    inputs = {
        "input_ids": rng.integers(0, TOKENIZER.vocabulary_size, shape) * mask,
        "input_mask": np.broadcast_to(mask, shape),
        "segment_ids": mask & second,
    }
    if "p_mask" in shapes:
        inputs["p_mask"] = ~(mask & second)
    if "masked_lm_positions" in shapes:
        inputs["masked_lm_positions"] = rng.integers(
            1, 7, shapes["masked_lm_positions"]
        )
    return {name: values.astype(np.int32) for name, values in inputs.items()}


@pytest.mark.parametrize("quantization", litert.QUANTIZATIONS)
def test_a_file_does_what_the_model_does(exported, quantization):
    kind, model, directory, _ = exported
    metadata = json.loads((directory / "litert.json").read_text())
    run = interpreter(
        directory / f"model_{quantization}.tflite"
    ).get_signature_runner("serving_default")
    shapes = {name: spec["shape"] for name, spec in metadata["inputs"].items()}
    assert {
        name: tuple(details["shape"])
        for name, details in run.get_input_details().items()
    } == {name: tuple(shape) for name, shape in shapes.items()}
    rng = np.random.default_rng(11)
    for number in range(5):
        inputs = random_inputs(shapes, rng, padded=number > 0)
        expected = model(inputs)
        received = run(**inputs)
        assert received.keys() == metadata["outputs"].keys()
        for name, spec in metadata["outputs"].items():
            right, there = np.asarray(expected[name]), received[name]
            assert list(there.shape) == spec["shape"] == list(right.shape)
            assert there.dtype == right.dtype == spec["dtype"]
            if kind == "span_v2" and quantization != "float32":
                # The order of near equals is another.
                if "index" in name:
                    continue
                right, there = np.sort(right), np.sort(there)
            scale = max(1.0, np.abs(right).max())
            difference = np.abs(right - there).max()
            assert difference <= TOLERANCE[quantization] * scale, name
            if quantization != "float32" and right.dtype == np.float32:
                assert difference > 0.0


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["sinusoidal", "relative_bias"])
def test_positions_that_are_not_learned(tmp_path, variant):
    model = make_model("encoder", config(position_embedding=variant))
    source = write_model(tmp_path / "model", "encoder", model)
    length = POSITIONS + 5
    litert.export(
        source,
        str(tmp_path / "litert"),
        model="encoder",
        quantization=("float32",),
        max_seq_length=length,
        texts=TEXTS,
    )
    file = tmp_path / "litert" / "model_float32.tflite"
    run = interpreter(file).get_signature_runner("serving_default")
    ids = np.random.default_rng(3).integers(0, 2000, (1, length))
    inputs = {
        "input_ids": ids.astype(np.int32),
        "input_mask": np.ones((1, length), np.int32),
        "segment_ids": np.zeros((1, length), np.int32),
    }
    right = np.asarray(model(inputs)["sequence_output"])
    difference = np.abs(right - run(**inputs)["sequence_output"]).max()
    assert difference <= TOLERANCE["float32"] * np.abs(right).max()


def test_outputs_of_a_task(exported):
    kind, model, directory, report = exported
    metadata = json.loads((directory / "litert.json").read_text())
    assert metadata["kind"] == report.kind == kind
    assert metadata["max_seq_length"] == LENGTH
    assert metadata["labels"] == (TASKS.get(kind, {}).get("labels") or None)
    outputs = {
        name: output["shape"] for name, output in metadata["outputs"].items()
    }
    assert (
        outputs
        == {
            "encoder": {
                "sequence_output": [1, 19, 51],
                "pooled_output": [1, 51],
            },
            "classification": {"logits": [1, 3]},
            "regression": {"logits": [1, 1]},
            "multiple_choice": {"logits": [1, 5]},
            "tagging": {"logits": [1, 19, 5]},
            "span_v1": {"start_logits": [1, 19], "end_logits": [1, 19]},
            "span_v2": {
                "start_top_log_probs": [1, 3],
                "start_top_index": [1, 3],
                "end_top_log_probs": [1, 6],
                "end_top_index": [1, 6],
                "cls_logits": [1],
            },
            "masked_lm": {
                "masked_lm_logits": [1, 19, 2000],
                "sentence_order_logits": [1, 2],
            },
        }[kind]
    )


def test_the_directory_stands_alone(exported):
    _, model, directory, report = exported
    assert sorted(path.name for path in directory.iterdir()) == [
        "albert_config.json",
        "albert_export.json",
        "checksums.json",
        "litert.json",
        "model_float16.tflite",
        "model_float32.tflite",
        "model_int8.tflite",
        "raw_text.model",
        "spiece.json",
        "spiece.model",
    ]
    assert model_directory.read_config(directory) == model.config
    settings = json.loads((directory / "spiece.json").read_text())
    tokenizer = albert.Tokenizer(directory / "spiece.model", **settings)
    assert tokenizer.fingerprint == TOKENIZER.fingerprint
    pieces = sentencepiece.SentencePieceProcessor(
        str(directory / "raw_text.model")
    )
    text = "  A Café, in 1999,  and ½ ﬁsh"
    assert pieces.encode(text) == TOKENIZER.encode(text)


def test_the_report(exported):
    kind, _, directory, report = exported
    lines = report.lines()
    assert len(lines) == 5
    assert f"{kind}, 1 × 19 pieces, built-in operations only" in lines[0]
    assert lines[-1] == (
        f"Tokenizer: 0 of {report.ids.texts} test strings have other ids in "
        "raw_text.model"
    )
    for file, line in zip(report.files, lines[1:-1], strict=True):
        assert line.startswith(f"model_{file.quantization}.tflite: ")
        assert file.bytes == (directory / file.file).stat().st_size
        assert file.calls > 1 and file.milliseconds > 0.0
        assert file.max_abs_difference > 0.0
        assert (file.answers > 0) == (kind not in ("encoder", "regression"))
    differences = [file.max_abs_difference for file in report.files]
    assert differences == sorted(differences)


def test_ids_that_a_model_of_raw_text_cannot_give_are_counted(tmp_path):
    # Its pieces are cut again, with a mark inside words.
    tokenizer = albert.Tokenizer(GOLDEN / "spm2000_numcomma.model")
    settings = config(vocab_size=tokenizer.vocabulary_size, num_hidden_layers=1)
    model = make_model("encoder", settings)
    albert.save_weights(model, tmp_path / "model", "model_dir", tokenizer)
    report = litert.export(
        str(tmp_path / "model"),
        str(tmp_path / "litert"),
        model="encoder",
        quantization=["float32"],
        max_seq_length=LENGTH,
        texts=TEXTS,
    )
    assert "It was9, they say" in report.ids.different
    assert f"Tokenizer: {len(report.ids.different)} of" in report.lines()[-1]


def constants(path):
    """Bytes of all constants, by type; they can be read before a run."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", r"\s*Warning: tf\.lite\.Interp")
        there = tf.lite.Interpreter(
            model_path=str(path),
            experimental_op_resolver_type=(
                tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
            ),
        )
    total = 0
    for details in there.get_tensor_details():
        try:
            total += there.get_tensor(details["index"]).nbytes
        except ValueError:  # No constant: it has no value yet.
            continue
    return total


@pytest.mark.parametrize("quantization", litert.QUANTIZATIONS)
def test_weights_of_all_layers_are_there_once(tmp_path, quantization):
    settings = config(
        num_hidden_layers=3, hidden_size=134, num_attention_heads=2
    )
    model = make_model("encoder", settings)
    litert.export(
        write_model(tmp_path / "model", "encoder", model),
        str(tmp_path / "litert"),
        model="encoder",
        quantization=[quantization],
        max_seq_length=LENGTH,
        texts=TEXTS,
    )
    sizes = [int(np.prod(v.shape)) for v in model.variables]
    matrices = sum(size for size in sizes if size >= 1024)
    others = sum(size for size in sizes if size < 1024)
    width = {"float32": 4, "float16": 2, "int8": 1}[quantization]
    path = tmp_path / "litert" / f"model_{quantization}.tflite"
    # With int8, vectors stay float32. Shapes and scalars are a little more.
    expected = width * matrices + (2 if width == 2 else 4) * others
    smallest_matrix = width * 29 * 134
    assert abs(constants(path) - expected) < smallest_matrix
    # And the file has little besides.
    assert path.stat().st_size < expected + 100_000


def flatten(embeddings):
    """Makes every sum of embeddings a vector of zeros."""
    for table in (
        embeddings.word_embeddings,
        embeddings.token_type_embeddings,
        embeddings.position_embeddings,
    ):
        table.assign(np.zeros(table.shape))


def test_vectors_of_equal_numbers_in_float16(tmp_path):
    # Their variance is 0, and so is 1e-12 in float16.
    model = make_model("encoder", config())
    flatten(model.embeddings)
    litert.export(
        write_model(tmp_path / "model", "encoder", model),
        str(tmp_path / "litert"),
        model="encoder",
        quantization=["float16"],
        max_seq_length=LENGTH,
        texts=TEXTS,
    )
    run = interpreter(
        tmp_path / "litert" / "model_float16.tflite"
    ).get_signature_runner()
    ones = np.ones((1, LENGTH), np.int32)
    outputs = run(input_ids=ones, input_mask=ones, segment_ids=0 * ones)
    assert np.isfinite(outputs["sequence_output"]).all()


def test_rows_of_zeros_in_int8(tmp_path):
    # Their scale would be 0.
    model = make_model("classification", config())
    ffn = model.encoder.feed_forwards[0][0]
    for dense in (ffn.intermediate, model.encoder.pooler):
        kernel = dense.kernel.numpy()
        kernel[:, ::3] = 0.0
        dense.kernel.assign(kernel)
    (file,) = litert.export(
        write_model(tmp_path / "model", "classification", model),
        str(tmp_path / "litert"),
        quantization=["int8"],
        texts=TEXTS,
    ).files
    assert file.relative_difference < 0.2


def test_a_batch_of_several(tmp_path):
    model = make_model("tagging", config())
    report = litert.export(
        write_model(tmp_path / "model", "tagging", model),
        str(tmp_path / "litert"),
        quantization=["float32"],
        batch_size=5,
        texts=TEXTS,
    )
    assert report.files[0].examples % 5
    run = interpreter(
        tmp_path / "litert" / "model_float32.tflite"
    ).get_signature_runner()
    shapes = dict.fromkeys(
        ("input_ids", "input_mask", "segment_ids"), (5, LENGTH)
    )
    inputs = random_inputs(shapes, np.random.default_rng(3))
    expected = np.asarray(model(inputs)["logits"])
    assert np.abs(expected - run(**inputs)["logits"]).max() < 1e-4


def test_texts_of_the_package_and_no_word_of_the_converter(
    tmp_path, capfd, caplog
):
    source = write_model(
        tmp_path / "model", "span_v1", make_model("span_v1", config())
    )
    capfd.readouterr()  # TensorFlow's own first words, once a process.
    report = litert.export(
        source,
        str(tmp_path / "litert"),
        model="encoder",
        quantization=["float32"],
    )
    assert report.kind == "encoder"
    assert report.max_seq_length == LENGTH
    output, errors = capfd.readouterr()
    assert output == ""
    # Information of the C++ code of 2.20, which the command line silences.
    assert re.sub(r"^.*: I tensorflow/.*\n", "", errors, flags=re.M) == ""
    assert [r for r in caplog.records if r.levelno >= logging.INFO] == []


# ----------------------------------------------------------------- refusals


def refused(match, source, destination, **options):
    with pytest.raises(UserError, match=match) as raised:
        litert.export(source, str(destination), **{"texts": TEXTS, **options})
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in destination.parent.iterdir()) in (
        ["model"],
        [],
    )


@pytest.fixture
def classifier(tmp_path):
    model = make_model("classification", config())
    return write_model(tmp_path / "model", "classification", model)


@pytest.mark.slow
def test_weights_beyond_float16(tmp_path):
    model = make_model("classification", config())
    ffn = model.encoder.feed_forwards[0][0]
    ffn.intermediate.kernel.assign(1e6 * ffn.intermediate.kernel)
    source = write_model(tmp_path / "model", "classification", model)
    refused(
        "as float16: outputs of the converted model differ by .* "
        "--quantization=float32,int8",
        source,
        tmp_path / "litert",
    )
    report = litert.export(
        source,
        str(tmp_path / "litert"),
        quantization=["float32"],
        texts=TEXTS,
    )
    assert [file.quantization for file in report.files] == ["float32"]


def test_a_file_that_gives_no_numbers(tmp_path, monkeypatch):
    # What float16 does to vectors of equal numbers if nothing is done.
    monkeypatch.setattr(litert_conversion, "_LEAST_FLOAT16", 0.0)
    model = make_model("encoder", config())
    flatten(model.embeddings)
    refused(
        "as float16: the converted model gives NaN",
        write_model(tmp_path / "model", "encoder", model),
        tmp_path / "litert",
        model="encoder",
        quantization=["float16"],
    )


@pytest.mark.slow
def test_weights_that_int8_cannot_tell_apart(tmp_path):
    # One scale for all word embeddings, and one number far beyond the rest.
    model = make_model("classification", config())
    table = model.encoder.embeddings.word_embeddings
    values = table.numpy()
    values[TOKENIZER.mask_id, 3] = 3000.0
    table.assign(values)
    # Logits far above 1, so that the pooled vector's error is theirs.
    weights = model.classifier.output_weights
    weights.assign(30 * weights)
    source = write_model(tmp_path / "model", "classification", model)
    refused(
        "as int8: outputs of the converted model differ by .* "
        "--quantization=float32,float16",
        source,
        tmp_path / "litert",
    )


def test_a_sequence_longer_than_the_positions(classifier, tmp_path):
    refused(
        "--max_seq_length 24: .* has 23 positions",
        classifier,
        tmp_path / "litert",
        max_seq_length=24,
    )


def test_a_sequence_without_room(classifier, tmp_path):
    refused(
        "--max_seq_length 4: .* at least 5",
        classifier,
        tmp_path / "litert",
        max_seq_length=4,
    )


def test_no_model(tmp_path):
    refused("no such", str(tmp_path / "nowhere"), tmp_path / "litert")


def test_a_directory_that_is_no_model(tmp_path):
    (tmp_path / "model").mkdir()
    refused("model", str(tmp_path / "model"), tmp_path / "litert")


def test_no_head(tmp_path):
    source = write_model(
        tmp_path / "model", "encoder", make_model("encoder", config())
    )
    refused("--model=encoder", source, tmp_path / "litert")


def test_no_tokenizer(classifier, tmp_path):
    (pathlib.Path(classifier) / "spiece.model").unlink()
    (pathlib.Path(classifier) / "spiece.json").unlink()
    refused("without a tokenizer", classifier, tmp_path / "litert")


def test_a_tokenizer_of_another_model(tmp_path):
    model = make_model("encoder", config(vocab_size=1999))
    source = write_model(tmp_path / "model", "encoder", model)
    refused(
        "vocab_size is 1999",
        source,
        tmp_path / "litert",
        model="encoder",
    )


def test_options_that_cannot_be(classifier, tmp_path):
    destination = tmp_path / "litert"
    refused("--batch_size 0", classifier, destination, batch_size=0)
    refused("int4: ", classifier, destination, quantization=["int4"])
    refused("empty", classifier, destination, quantization=[])
    refused("no pieces", classifier, destination, texts=["", " "])


def test_an_existing_destination_is_left_alone(classifier, tmp_path):
    destination = tmp_path / "litert"
    destination.mkdir()
    (destination / "file").write_text("mine")
    with pytest.raises(UserError, match="exists already: choose another"):
        litert.export(classifier, str(destination))
    assert (destination / "file").read_text() == "mine"
