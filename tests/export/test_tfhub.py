# SPDX-License-Identifier: Apache-2.0
"""The exported encoder, loaded by a process that has no ``albert``."""

import contextlib
import io
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.export import preprocessor
from albert.export import publishing
from albert.export import tfhub
from albert.export import tfhub_encoder
from albert.interchange import tensor_bundle
from albert.interchange.weights import google_tensors

SPM = pathlib.Path(__file__).parents[1] / "golden/tokenization/spm2000.model"
WORDPIECE = pathlib.Path(__file__).parents[1] / "golden/wordpiece/vocab.txt"
TOLERANCE = 1e-5
SIZES = ((5, 23, 3), (13, 7, 1))  # B, S, P
POSITIONS = 29
LAYERS = 2

CHILD = """
import json, os, sys
sys.modules["albert"] = None  # As if it were not installed.
import numpy as np
import tensorflow as tf

directory, inputs_file, outputs_file = sys.argv[1:]
given = np.load(inputs_file, allow_pickle=False)
encoder = tf.saved_model.load(directory)
outputs = {}
for case in ("0", "1"):
    inputs = {
        name: tf.constant(given[case + name])
        for name in ("input_word_ids", "input_mask", "input_type_ids")
    }
    masked = {
        **inputs,
        "masked_lm_positions": tf.constant(given[case + "positions"]),
    }
    encoded = encoder(inputs)
    predicted = encoder.mlm(masked, training=False)
    for name in ("pooled_output", "default", "sequence_output"):
        outputs[case + name] = encoded[name]
    outputs[case + "layers"] = tf.stack(encoded["encoder_outputs"])
    outputs[case + "mlm_logits"] = predicted["mlm_logits"]
    outputs[case + "mlm_sequence"] = predicted["sequence_output"]
    outputs[case + "order_logits"] = encoder.sentence_order(inputs)[
        "sentence_order_logits"
    ]
    outputs[case + "served"] = encoder.signatures["serving_default"](**inputs)[
        "sequence_output"
    ]
    outputs[case + "again"] = encoder(inputs, training=False)["default"]
    for draw in ("one", "two"):
        outputs[case + draw] = encoder(inputs, training=True)["default"]

trainable = {
    variable.name: variable
    for each in (encoder, encoder.mlm, encoder.sentence_order)
    for variable in each.trainable_variables
}

@tf.function
def gradients():
    with tf.GradientTape() as tape:
        encoded = encoder.sentence_order(inputs)
        predicted = encoder.mlm(masked)
        loss = (
            tf.reduce_sum(tf.nn.log_softmax(predicted["mlm_logits"])[..., 11])
            + tf.reduce_sum(tf.sin(encoded["sentence_order_logits"]))
            + tf.reduce_sum(encoded["pooled_output"] ** 3)
        )
    found = tape.gradient(loss, trainable)
    return {name: tf.convert_to_tensor(each) for name, each in found.items()}

for name, gradient in gradients().items():
    outputs["gradient " + name] = gradient

@tf.function
def step():
    with tf.GradientTape() as tape:
        vectors = encoder(inputs, training=True)["pooled_output"]
        loss = tf.reduce_mean((vectors - 0.5) ** 2)
    variables = encoder.trainable_variables
    for variable, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        variable.assign_sub(0.05 * tf.convert_to_tensor(gradient))
    return loss

losses = [float(step()) for _ in range(7)]

def assets(*names):
    return {
        name: tf.io.read_file(getattr(encoder, name).asset_path).numpy()
        for name in names
    }

texts = assets("config_file", "tokenizer_settings")
np.savez(outputs_file, **outputs)
print(json.dumps({
    "config": json.loads(texts["config_file"]),
    "settings": json.loads(texts["tokenizer_settings"]),
    "spm": assets("sp_model_file")["sp_model_file"].hex(),
    "variables": len(encoder.variables),
    "trainable": sorted(v.name for v in encoder.trainable_variables),
    "mlm": sorted(v.name for v in encoder.mlm.trainable_variables),
    "order": sorted(v.name for v in encoder.sentence_order.trainable_variables),
    "shared": encoder.mlm.variables[0] is encoder.variables[0],
    "dtypes": sorted({v.dtype.name for v in encoder.trainable_variables}),
    "regularization_losses": list(encoder.regularization_losses),
    "losses": losses,
    "albert": sys.modules["albert"] is not None,
}))
"""


def config_of(**changes):
    return albert.AlbertConfig(
        **{
            "vocab_size": 2003,
            "hidden_size": 22,
            "num_hidden_layers": LAYERS,
            "num_attention_heads": 2,
            "intermediate_size": 37,
            "embedding_size": 7,
            "max_position_embeddings": POSITIONS,
            "type_vocab_size": 2,
            "hidden_dropout_prob": 0.2,
            "attention_probs_dropout_prob": 0.1,
            "num_hidden_groups": 1,
            "inner_group_num": 1,
            **changes,
        }
    )


def perturbed(model):
    rng = np.random.default_rng(5)
    for variable in model.trainable_variables:
        variable.assign(
            variable.numpy() + rng.normal(scale=0.1, size=variable.shape)
        )
    return model


def batch(size, config):
    rng = np.random.default_rng(size)
    sequences, length, predictions = size
    lengths = rng.integers(1, length + 1, (sequences, 1))
    return {
        "input_ids": rng.integers(0, config.vocab_size, (sequences, length)),
        "input_mask": np.arange(length) < lengths,
        "segment_ids": rng.integers(0, 2, (sequences, length)),
        "masked_lm_positions": rng.integers(
            0, length, (sequences, predictions)
        ),
    }


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(7)
    return perturbed(albert.AlbertPretrainer(config_of(), name="pretrainer"))


@pytest.fixture(scope="module")
def source(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("source") / "mini model"
    tokenizer = albert.Tokenizer(SPM, lower_case=False)
    albert.save_weights(model, path, format="model_dir", tokenizer=tokenizer)
    run = {"num_train_steps": 1234, "optimizer": "lamb", "seed": 3}
    (path / "run.json").write_text(json.dumps(run))
    results = {
        "checkpoint": "run/model.ckpt-1234",
        "masked_lm_accuracy": 0.271828,
        "word_frequency_accuracy": 0.0625,
    }
    (path / "eval_results.json").write_text(json.dumps(results))
    return path


@pytest.fixture(scope="module")
def exported(source, tmp_path_factory):
    """(destination, what ``export`` says)."""
    destination = tmp_path_factory.mktemp("exported") / "out"
    report = tfhub.export(
        str(source),
        str(destination),
        version=3,
        licence="mit",
        handle="me/albert/tensorFlow2/mini",
        language="de",
        publish="kaggle",
        dry_run=True,
        notes="smaller",
    )
    return destination, report


@pytest.fixture(scope="module")
def inputs(model):
    return [
        {
            name: values.astype(np.int32)
            for name, values in batch(size, model.config).items()
        }
        for size in SIZES
    ]


@pytest.fixture(scope="module")
def loaded(exported, inputs, tmp_path_factory):
    """(arrays, facts) of a process without this package."""
    folder = tmp_path_factory.mktemp("child")
    names = ("input_word_ids", "input_mask", "input_type_ids", "positions")
    np.savez(
        folder / "inputs.npz",
        **{
            f"{case}{name}": values
            for case, each in enumerate(inputs)
            for name, values in zip(names, each.values(), strict=True)
        },
    )
    completed = subprocess.run(
        [
            sys.executable,
            "-c",
            CHILD,
            str(exported[0] / "encoder"),
            str(folder / "inputs.npz"),
            str(folder / "outputs.npz"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    assert completed.returncode == 0, completed.stderr
    arrays = np.load(folder / "outputs.npz", allow_pickle=False)
    return arrays, json.loads(completed.stdout.splitlines()[-1])


def difference(one, other):
    one, other = np.asarray(one), np.asarray(other)
    assert one.shape == other.shape
    return np.abs(one - other).max()


# ------------------------------------------------------------------- outputs


@pytest.mark.parametrize("case", [0, 1])
def test_outputs_are_the_models(model, inputs, loaded, case):
    arrays, _ = loaded
    encoded = model.encoder(inputs[case])
    predicted = model(inputs[case])
    for name, expected in {
        "pooled_output": encoded["pooled_output"],
        "default": encoded["pooled_output"],
        "again": encoded["pooled_output"],
        "sequence_output": encoded["sequence_output"],
        "mlm_sequence": encoded["sequence_output"],
        "served": encoded["sequence_output"],
        "layers": np.stack(encoded["layer_outputs"]),
        "mlm_logits": predicted["masked_lm_logits"],
        "order_logits": predicted["sentence_order_logits"],
    }.items():
        found = arrays[f"{case}{name}"]
        assert found.dtype == np.float32
        assert difference(found, expected) <= TOLERANCE, name


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["sinusoidal", "relative_bias"])
def test_positions_that_are_not_learned(tmp_path, variant):
    config = config_of(position_embedding=variant)
    model = perturbed(albert.AlbertPretrainer(config))
    source, destination = tmp_path / "model", tmp_path / "out"
    albert.save_weights(
        model, source, format="model_dir", tokenizer=albert.Tokenizer(SPM)
    )
    tfhub.export(str(source), str(destination), seq_length=POSITIONS + 7)
    assert (
        f"{variant}, for sequences of any"
        in (destination / "encoder.md").read_text()
    )
    loaded = tf.saved_model.load(str(destination / "encoder"))
    longer = batch((3, POSITIONS + 5, 1), config)
    longer = {name: tf.constant(v, tf.int32) for name, v in longer.items()}
    inputs = [longer[k] for k in ("input_ids", "input_mask", "segment_ids")]
    names = ("input_word_ids", "input_mask", "input_type_ids")
    found = loaded(dict(zip(names, inputs, strict=True)))
    expected = model.encoder(longer)
    for name in ("sequence_output", "pooled_output"):
        assert difference(found[name], expected[name]) <= TOLERANCE, name


def test_gradients_are_the_models(model, inputs, loaded):
    arrays, _ = loaded
    with tf.GradientTape() as tape:
        encoded = model.encoder(inputs[1])
        predicted = model(inputs[1])
        loss = (
            tf.reduce_sum(
                tf.nn.log_softmax(predicted["masked_lm_logits"])[..., 11]
            )
            + tf.reduce_sum(tf.sin(predicted["sentence_order_logits"]))
            + tf.reduce_sum(encoded["pooled_output"] ** 3)
        )
    variables = [each.value for each in model.trainable_variables]
    gradients = tape.gradient(loss, variables)
    prefix = "gradient "
    assert {prefix + each.name for each in variables} == {
        name for name in arrays.files if name.startswith(prefix)
    }
    for variable, gradient in zip(variables, gradients, strict=True):
        expected = tf.convert_to_tensor(gradient).numpy()
        largest = max(1.0, np.abs(expected).max())
        found = arrays[prefix + variable.name]
        assert difference(found, expected) <= TOLERANCE * largest


@pytest.mark.parametrize("case", ["0", "1"])
def test_dropout_is_there_while_training_alone(loaded, case):
    arrays, _ = loaded
    assert difference(arrays[case + "one"], arrays[case + "two"]) > 0.01
    assert difference(arrays[case + "one"], arrays[case + "default"]) > 0.01
    assert difference(arrays[case + "again"], arrays[case + "default"]) < 1e-6


def test_training_reduces_the_loss(loaded):
    losses = loaded[1]["losses"]
    assert losses[-1] < 0.7 * losses[0]


def test_variables(model, loaded):
    _, facts = loaded
    encoder = {each.value.name for each in model.encoder.trainable_variables}
    assert set(facts["trainable"]) == encoder
    assert len(facts["trainable"]) == len(encoder)
    # One state of each dropout: of the embeddings, two of the attention, one
    # of the feed-forward.
    assert facts["variables"] == len(encoder) + 4
    assert len(facts["mlm"]) == len(encoder) + 5
    assert len(facts["order"]) == len(encoder) + 2
    assert facts["shared"]
    assert facts["dtypes"] == ["float32"]
    assert facts["regularization_losses"] == []
    assert not facts["albert"]


def test_assets(model, loaded):
    _, facts = loaded
    assert facts["config"] == model.config.to_dict()
    assert facts["settings"] == {
        "lower_case": False,
        "digit_comma": "original",
        "strip_accents": True,
    }
    assert bytes.fromhex(facts["spm"]) == SPM.read_bytes()


def test_more_positions_than_there_are(exported):
    encoder = tf.saved_model.load(str(exported[0] / "encoder"))
    for length in (POSITIONS, POSITIONS + 1):
        ids = tf.ones((1, length), tf.int32)
        names = ("input_word_ids", "input_mask", "input_type_ids")
        inputs = dict.fromkeys(names, ids)
        if length == POSITIONS:
            encoder(inputs)
            continue
        with pytest.raises(Exception, match="29"):
            encoder(inputs)


# --------------------------------------------------------------- the package


def test_what_is_written(exported):
    destination, report = exported
    assert sorted(os.listdir(destination)) == [
        "albert_export.json",
        "encoder",
        "encoder.md",
        "encoder.tar.gz",
        "preprocessor",
        "preprocessor.md",
        "preprocessor.tar.gz",
    ]
    for name in ("encoder", "preprocessor"):
        files = {
            str(path.relative_to(destination / name))
            for path in (destination / name).rglob("*")
        }
        with tarfile.open(destination / f"{name}.tar.gz") as archive:
            assert set(archive.getnames()) == files
    assert report.difference <= TOLERANCE
    assert str(destination / "encoder") in "\n".join(report.lines())


def test_the_preprocessor_fits_the_encoder(exported):
    destination, _ = exported
    preprocess = tf.saved_model.load(str(destination / "preprocessor"))
    encoder = tf.saved_model.load(str(destination / "encoder"))
    outputs = encoder(preprocess(tf.constant(["The House", "", "x" * 99])))
    # Fewer positions than the usual 128.
    assert outputs["sequence_output"].shape == (3, POSITIONS, 22)
    cased = preprocess.tokenize(tf.constant(["HOUSE", "house"])).to_list()
    assert cased[0] != cased[1]


def test_pages_are_filled(exported, model):
    destination, _ = exported
    encoder = (destination / "encoder.md").read_text("utf-8")
    parameters = model.encoder.count_params()
    lines = encoder.splitlines()
    assert lines[0] == "# Module me/albert-mini/3"
    assert lines[1].startswith("ALBERT encoder with 2 layers, hidden size 22")
    assert f"{parameters:,} parameters" in lines[1]
    assert re.findall("<!-- (.*) -->", encoder) == [
        "asset-path: encoder.tar.gz",
        "task: text-embedding",
        "fine-tunable: true",
        "format: saved_model_2",
        "network-architecture: transformer",
        "language: de",
        "license: mit",
    ]
    for line in (
        f"| with the heads | {model.count_params():,} |",
        "| steps | 1,234 |",
        "| masked_lm_accuracy | 0.2718 | 0.0625 |",
        "Of `model.ckpt-1234`; the exported weights are `model.ckpt-best`.",
        '"me/albert/tensorFlow2/mini/3"',
        '"me/albert/tensorFlow2/mini-preprocess/3"',
        "encoder.mlm(",
        "encoder.sentence_order(",
        "Licence: [MIT License](https://opensource.org/licenses/MIT).",
    ):
        assert line in encoder
    page = (destination / "preprocessor.md").read_text("utf-8")
    assert page.startswith("# Module me/albert-mini-preprocess/3\n")
    assert "task: text-preprocessing" in page
    assert "kept in their case" in page
    text = " ".join(page.split())
    assert "`seq_length`, 29 if not given, 29 at most" in text
    assert str(destination.parent) not in encoder + page


def test_what_would_be_sent(exported):
    destination, report = exported
    lines = report.lines()
    assert not report.sent
    assert "Would be sent to Kaggle (--dry_run, nothing was sent):" in lines
    assert "Handle: me/albert/tensorFlow2/mini" in lines
    assert "Handle: me/albert/tensorFlow2/mini-preprocess" in lines
    assert lines.count("  licence: MIT") == 2
    assert lines.count("  notes: smaller") == 2
    for name in ("encoder", "preprocessor"):
        size = (destination / name / "saved_model.pb").stat().st_size
        assert f"    {size:>13,}  saved_model.pb" in lines


# ------------------------------------------------------------- other sources


@pytest.fixture
def quick(monkeypatch):
    """Leaves the preprocessor out, which the fixture ``exported`` has."""

    def save(path, *arguments):
        tf.saved_model.save(tf.Module(), path)

    monkeypatch.setattr(preprocessor, "save", save)


@pytest.mark.usefixtures("quick")
def test_a_model_without_sentence_order(model, source, tmp_path):
    folder = tmp_path / "source"
    folder.mkdir()
    for name in ("albert_config.json", "spiece.model", "spiece.json"):
        (folder / name).write_bytes((source / name).read_bytes())
    tensors = {
        name: tensor
        for name, tensor in google_tensors(model).items()
        if "seq_relationship" not in name
    }
    tensor_bundle.write(str(folder / "model.ckpt-best"), tensors)
    tfhub.export(str(folder), str(tmp_path / "out"))
    encoder = tf.saved_model.load(str(tmp_path / "out" / "encoder"))
    assert hasattr(encoder, "mlm")
    assert not hasattr(encoder, "sentence_order")
    page = (tmp_path / "out" / "encoder.md").read_text("utf-8")
    assert page.startswith("# Module publisher/source-encoder/1\n")
    assert 'ENCODER = "encoder"' in page
    assert "license:" not in page
    assert "sentence_order" not in page
    assert "do not say how it was trained" in page
    assert "do not have an evaluation" in page
    assert "Licence: none was given." in page


@pytest.mark.usefixtures("quick")
def test_an_encoder_alone(tmp_path):
    encoder = perturbed(albert.AlbertEncoder(config_of()))
    tokenizer = albert.Tokenizer(SPM)
    albert.save_weights(
        encoder, tmp_path / "x", format="google", tokenizer=tokenizer
    )
    report = tfhub.export(str(tmp_path / "x"), str(tmp_path / "out"))
    assert report.difference <= TOLERANCE
    loaded = tf.saved_model.load(str(tmp_path / "out" / "encoder"))
    assert not hasattr(loaded, "mlm")
    assert "encoder.mlm" not in (tmp_path / "out/encoder.md").read_text("utf-8")


@pytest.mark.slow
def test_keras_3_takes_the_modules_as_frozen_layers(exported, model, inputs):
    """As docs/tfhub.md says, with what it says of the rest."""
    folder = exported[0]

    def layer(name, **options):
        return keras.layers.TFSMLayer(
            str(folder / name), call_endpoint="__call__", **options
        )

    encoder = layer("encoder", trainable=False)
    text = keras.Input((), dtype="string")
    outputs = encoder(layer("preprocessor", trainable=False)(text))
    classifier = keras.Model(
        text, keras.layers.Dense(2)(outputs["pooled_output"])
    )
    classifier.compile(
        "adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    )
    ids = {
        f"input_{theirs}": inputs[0][ours]
        for theirs, ours in (
            ("word_ids", "input_ids"),
            ("mask", "input_mask"),
            ("type_ids", "segment_ids"),
        )
    }
    before = encoder(ids)["pooled_output"].numpy()
    texts = tf.constant(["A text.", "Another one."])
    classifier.fit(texts, np.array([0, 1]), verbose=0)
    assert len(classifier.trainable_variables) == 2
    assert np.array_equal(encoder(ids)["pooled_output"], before)
    right = model.encoder(inputs[0], training=False)["pooled_output"]
    assert np.abs(before - right).max() < 1e-6
    named = keras.layers.TFSMLayer(
        str(folder / "encoder"), call_endpoint="serving_default"
    )
    with pytest.raises(TypeError, match="too many positional arguments"):
        named(ids)


@pytest.mark.slow
def test_a_wordpiece_vocabulary(tmp_path):
    tokenizer = albert.load_tokenizer(WORDPIECE)
    model = perturbed(
        albert.AlbertPretrainer(
            config_of(vocab_size=tokenizer.vocabulary_size), name="pretrainer"
        )
    )
    albert.save_weights(
        model, tmp_path / "zh", format="model_dir", tokenizer=tokenizer
    )
    out = tmp_path / "out"
    report = tfhub.export(str(tmp_path / "zh"), str(out), seq_length=7)
    assert report.difference <= TOLERANCE
    encoder = tf.saved_model.load(str(out / "encoder"))
    assert not hasattr(encoder, "sp_model_file")
    content = tf.io.read_file(encoder.vocab_file.asset_path).numpy()
    assert content == WORDPIECE.read_bytes()
    settings = tf.io.read_file(encoder.tokenizer_settings.asset_path).numpy()
    assert json.loads(settings) == tokenizer.settings
    preprocess = tf.saved_model.load(str(out / "preprocessor"))
    texts = ["曹操曰：天下英雄", "Café!"]
    rows = preprocess.tokenize(tf.constant(texts)).to_list()
    assert rows == tokenizer.encode_batch(texts)
    ids = preprocess(tf.constant(texts))["input_word_ids"].numpy()
    assert ids[0].tolist() == [
        *(tokenizer.cls_id, *rows[0][:5], tokenizer.sep_id)
    ]

    page = (out / "preprocessor.md").read_text("utf-8")
    assert "pieces of a WordPiece vocabulary" in " ".join(page.split())
    assert "stripped of accents, lower-cased" in " ".join(page.split())
    page = (out / "encoder.md").read_text("utf-8")
    assert "SentencePiece" not in page
    code = re.search(r"^pieces = .*?(?=```)", page, re.M | re.S)[0]
    known = {"encoder": encoder, "tf": tf, "best": tf.constant(rows[0])}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "page", "exec"), known)
    assert f"{tokenizer.pieces[rows[0][0]].encode()!r}" in printed.getvalue()


# ----------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    "options, message",
    [
        ({"handle": "me/albert"}, "--handle=me/albert: must be OWNER"),
        ({"licence": "gpl"}, "--licence=gpl"),
        ({"language": "English"}, "--language=English"),
        ({"version": 0}, "--version=0"),
        ({"seq_length": 30}, "--seq_length=30: must be 5 to 29"),
        ({"seq_length": 4}, "--seq_length=4: must be 5 to 29"),
        ({"publish": "hub"}, "--publish=hub: must be one of kaggle"),
        ({"publish": "kaggle"}, "--publish=kaggle needs --handle"),
        (
            {"publish": "kaggle", "handle": "a/b/tensorFlow2/c"},
            "--publish=kaggle needs --licence",
        ),
        ({"dry_run": True}, "--dry_run is for --publish=kaggle"),
    ],
)
def test_options_that_cannot_be(source, tmp_path, options, message):
    with pytest.raises(albert.UserError, match=message):
        tfhub.export(str(source), str(tmp_path / "out"), **options)
    assert os.listdir(tmp_path) == []


def test_nothing_is_written_that_could_not_be_sent(
    source, tmp_path, monkeypatch
):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(albert.UserError, match="kagglehub"):
        tfhub.export(
            str(source),
            str(tmp_path / "out"),
            licence="mit",
            handle="me/albert/tensorFlow2/mini",
            publish="kaggle",
        )
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("fails", [False, True])
def test_both_are_sent_or_nothing_is_written(
    source, tmp_path, monkeypatch, fails
):
    sent = []

    def send(upload, directory):
        assert os.path.exists(os.path.join(directory, "saved_model.pb"))
        sent.append(str(upload.handle))
        if fails and len(sent) == 2:
            raise albert.UserError("Kaggle did not take it")

    def save(path, *arguments, **heads):
        tf.saved_model.save(tf.Module(), path)

    monkeypatch.setattr(tfhub_encoder, "save", save)
    monkeypatch.setattr(tfhub_encoder, "difference", lambda *_: 0.0)
    monkeypatch.setattr(publishing, "check_kaggle", lambda: None)
    monkeypatch.setattr(publishing.Upload, "send", send)
    options = {
        "licence": "mit",
        "handle": "me/albert/tensorFlow2/mini",
        "publish": "kaggle",
    }
    out = str(tmp_path / "out")
    if fails:
        # What is at Kaggle already is said.
        with pytest.raises(
            albert.UserError,
            match="did not take it. me/albert/tensorFlow2/mini was sent before "
            "and stays there as version 1: .* --version=2",
        ):
            tfhub.export(str(source), out, **options)
        assert os.listdir(tmp_path) == []
    else:
        lines = tfhub.export(str(source), out, **options).lines()
        assert "Sent to Kaggle:" in lines
        assert os.path.isdir(os.path.join(out, "encoder"))
    assert sent == [
        "me/albert/tensorFlow2/mini",
        "me/albert/tensorFlow2/mini-preprocess",
    ]


def test_an_export_that_differs_is_not_written(source, tmp_path, monkeypatch):
    monkeypatch.setattr(tfhub_encoder, "save", lambda *_, **heads: None)
    monkeypatch.setattr(tfhub_encoder, "difference", lambda *_: float("nan"))
    with pytest.raises(albert.UserError, match="differs by nan"):
        tfhub.export(str(source), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == []


def test_a_destination_with_something_in_it(source, tmp_path):
    (tmp_path / "there").write_text("x")
    with pytest.raises(albert.UserError, match="exists already"):
        tfhub.export(str(source), str(tmp_path))
    assert os.listdir(tmp_path) == ["there"]


def test_a_model_of_a_task(tmp_path):
    model = albert.AlbertClassifier(config_of(), num_labels=3)
    albert.save_weights(
        model,
        tmp_path / "x",
        format="model_dir",
        tokenizer=albert.Tokenizer(SPM),
    )
    with pytest.raises(albert.UserError, match="task .classification.*serving"):
        tfhub.export(str(tmp_path / "x"), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["x"]


def test_no_tokenizer(model, tmp_path):
    albert.save_weights(model, tmp_path / "x", format="model_dir")
    with pytest.raises(albert.UserError, match="without a tokenizer"):
        tfhub.export(str(tmp_path / "x"), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["x"]


def test_more_pieces_than_the_model_has(tmp_path):
    albert.save_weights(
        albert.AlbertEncoder(config_of(vocab_size=1999)),
        tmp_path / "x",
        format="model_dir",
        tokenizer=albert.Tokenizer(SPM),
    )
    with pytest.raises(albert.UserError, match="vocab_size is 1999, but"):
        tfhub.export(str(tmp_path / "x"), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["x"]


def test_no_model(tmp_path):
    with pytest.raises(albert.UserError):
        tfhub.export(str(tmp_path / "nothing"), str(tmp_path / "out"))
    (tmp_path / "file").write_text("x")
    with pytest.raises(albert.UserError):
        tfhub.export(str(tmp_path / "file"), str(tmp_path / "out"))
    assert os.listdir(tmp_path) == ["file"]
