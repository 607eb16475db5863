# SPDX-License-Identifier: Apache-2.0
"""Models of each kind, asked as the page asks them."""

import json
import pathlib
import shutil
import tempfile

import numpy as np
import pytest
import tensorflow as tf

import albert
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.serve import predict_requests
from albert.serve import served_model

SPM = pathlib.Path(__file__).parents[1] / "golden/tokenization/spm2000.model"
LIMITS = predict_requests.Limits(body_bytes=9000, texts=7, characters=500)
LENGTH = 37
LABELS = ["no", "yes", "é"]
TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
CONTEXT = "😀 The old house by the river was sold in 1851. " * 3
CONFIG = albert.AlbertConfig(
    vocab_size=2000,
    embedding_size=6,
    hidden_size=22,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=26,
    max_position_embeddings=41,
    initializer_range=0.3,
)
SPAN = {"kind": "span", "max_query_length": 13, "doc_stride": 11}
MODELS = {
    "masked_lm": (albert.AlbertPretrainer, (), None),
    "encoder": (albert.AlbertEncoder, (), None),
    "classification": (
        albert.AlbertClassifier,
        (3,),
        {"kind": "classification", "labels": LABELS},
    ),
    "multi_label": (
        albert.AlbertClassifier,
        (3,),
        {"kind": "multi_label", "labels": LABELS},
    ),
    "regression": (
        albert.AlbertClassifier,
        (1,),
        {"kind": "regression", "labels": [], "task_name": "sts-b"},
    ),
    "multiple_choice": (
        albert.AlbertMultipleChoice,
        (),
        {
            "kind": "multiple_choice",
            "labels": ["A", "B", "C"],
            "max_qa_length": 17,
        },
    ),
    "tagging": (
        albert.AlbertTokenClassifier,
        (5,),
        {"kind": "tagging", "labels": TAGS},
    ),
    "span_v1": (albert.AlbertSpanPredictor, ("v1",), {**SPAN, "head": "v1"}),
    "span_v2": (
        albert.AlbertSpanPredictor,
        ("v2", 3, 2),
        {
            **SPAN,
            "head": "v2",
            "version_2_with_negative": True,
            "start_n_top": 3,
            "end_n_top": 2,
        },
    ),
}
MODELS["text_to_text"] = (
    albert.AlbertEncoderDecoder,
    (2, "none"),
    {
        "kind": "text_to_text",
        "num_decoder_layers": 2,
        "decoder_sharing": "none",
        "max_target_length": 7,
        "beam_size": 3,
        "length_penalty": 1.0,
    },
)
# A few seconds each; their exports are compared in tests/export.
SLOW = (
    "encoder",
    "classification",
    "multi_label",
    "regression",
    "multiple_choice",
    "span_v1",
    "text_to_text",
)


def write_model(directory, kind):
    make, arguments, task = MODELS[kind]
    directory.mkdir(parents=True)
    model_directory.write_description(directory, CONFIG, albert.Tokenizer(SPM))
    model = make(CONFIG, *arguments)
    albert.save_weights(model, directory / "model.ckpt-best")
    if task:
        outputs.write_json(
            directory / model_directory.TASK_FILE,
            {"task_name": "thing", "max_seq_length": LENGTH, **task},
        )
    return str(directory)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """An exported model."""
    place = tmp_path_factory.mktemp("exported")
    served_model.serving.export(
        write_model(place / "model", "tagging"), str(place / "export")
    )
    return place / "export"


def ask(model, **request):
    """Returns the predictions, or the outputs."""
    asked = predict_requests.parse_request(
        json.dumps(request).encode(), model.signatures, model.default, LIMITS
    )
    outputs = model.predict(asked.signature_name, asked.inputs)
    # The server asks row by row.
    joined = predict_requests.join_outputs(
        [model.predict(asked.signature_name, row) for row in asked.split()]
    )
    assert joined.keys() == outputs.keys()
    for name, array in outputs.items():
        assert joined[name].dtype == array.dtype
        if array.dtype.kind == "f":
            np.testing.assert_allclose(joined[name], array, atol=1e-5)
        else:
            np.testing.assert_array_equal(joined[name], array)
    answer = json.loads(predict_requests.make_answer(asked, outputs))
    return answer.get("predictions", answer.get("outputs"))


def check_masked_lm(model):
    texts = ["The [MASK] of the house was [MASK].", "Nothing", ""]
    first, second, third = ask(model, instances=texts)
    assert np.shape(first["pieces"]) == (2, 5)
    assert all(all(row) for row in first["pieces"])
    assert 0 < np.min(first["probabilities"]) < 1
    assert second["pieces"] == third["pieces"] == [[""] * 5] * 2
    alone = ask(model, signature_name="fill_mask", inputs=texts[:1])
    assert alone["pieces"][0] == first["pieces"]
    vectors = ask(model, signature_name="embeddings", instances=texts)
    assert len(vectors[2]["mean_pooled_output"]) == 22


def check_encoder(model):
    (row,) = ask(model, signature_name="embeddings", instances=["a text"])
    assert set(row) == {"mean_pooled_output", "pooled_output", "truncated"}


def check_classification(model):
    one = ask(model, instances=["It is good.", "Is it?"])
    for row in one:
        assert row["labels"] == LABELS
        assert row["label"] == LABELS[np.argmax(row["probabilities"])]
        assert np.isclose(sum(row["probabilities"]), 1, atol=1e-6)
    (two,) = ask(
        model,
        signature_name="text_pair",
        instances=[{"text": "It is good.", "text_b": "Is it?"}],
    )
    assert two["probabilities"] != one[0]["probabilities"]


def check_multi_label(model):
    for row in ask(model, instances=["It is good.", "Is it?"]):
        assert row["labels"] == LABELS
        assert row["thresholds"] == [0.5] * 3
        assert row["predicted"] == [int(p >= 0.5) for p in row["probabilities"]]


def check_regression(model):
    pairs = [{"text": "It is.", "text_b": each} for each in ("It?", "No!")]
    first, second = ask(model, instances=pairs)
    assert first["value"] != second["value"]
    assert not first["truncated"] and not second["truncated"]
    columns = {k: [p[k] for p in pairs] for k in pairs[0]}
    assert ask(model, inputs=columns)["value"] == [
        first["value"],
        second["value"],
    ]


def check_multiple_choice(model):
    row = {
        "article": "It rained all day.",
        "question": "What did it do?",
        "options": ["rain", "snow", "nothing"],
    }
    (answer,) = ask(model, instances=[row])
    assert answer["labels"] == ["A", "B", "C"]
    assert np.isclose(sum(answer["probabilities"]), 1, atol=1e-6)


def check_tagging(model):
    text = "😀 Mr. Smith went to Paris."
    short, long = ask(model, instances=["Yes", text])
    assert long["words"] == [
        *("😀", "Mr", ".", "Smith", "went", "to", "Paris", ".")
    ]
    assert [
        text[start:end]
        for start, end in zip(long["starts"], long["ends"], strict=True)
    ] == long["words"]
    assert set(long["tags"]) <= set(TAGS)
    assert short["words"] == ["Yes"] + [""] * 7
    tags = ask(
        model,
        signature_name="words",
        inputs=[long["words"], ["Yes"] + [""] * 7],
    )
    assert tags["tags"] == [long["tags"], short["tags"]]
    assert tags["truncated"] == [False, False]
    assert ask(model, instances=["Yes " + "no" * 90])[0]["truncated"]


def check_span(model):
    (answer,) = ask(
        model, instances=[{"question": "When was it?", "context": CONTEXT}]
    )
    assert CONTEXT[answer["start"] : answer["end"]] == answer["answer"]
    assert 0 < answer["probability"] <= 1
    return answer


def check_span_v2(model):
    answer = check_span(model)
    assert answer["best_answer"] in CONTEXT and answer["best_answer"]
    assert answer["answer"] == (
        answer["best_answer"] if answer["null_score"] <= 0 else ""
    )


def check_text_to_text(model):
    first, second = ask(model, instances=["It is Yes", ""])
    assert first["target"] == first["targets"][0]
    assert len(set(first["targets"])) == len(first["scores"]) == 3
    assert sorted(first["scores"], reverse=True) == first["scores"]
    assert second["targets"] == [""] * 3 and second["scores"] == [0.0] * 3
    assert ask(model, instances=["Yes " + "no" * 90])[0]["truncated"]


CHECKS = {
    "masked_lm": check_masked_lm,
    "encoder": check_encoder,
    "classification": check_classification,
    "multi_label": check_multi_label,
    "regression": check_regression,
    "multiple_choice": check_multiple_choice,
    "span_v1": check_span,
    "span_v2": check_span_v2,
    "text_to_text": check_text_to_text,
}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=[pytest.mark.slow] * (kind in SLOW))
        for kind in CHECKS
    ],
)
def test_a_model_directory_is_exported_and_asked(kind, tmp_path, monkeypatch):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    model = served_model.load(write_model(tmp_path / "model", kind))
    assert not list(temporary.glob("albert-serve-*"))
    assert model.metadata["kind"] == kind
    assert set(model.definitions) == set(model.signatures)
    CHECKS[kind](model)


def test_an_exported_model_is_asked(exported):
    model = served_model.load(str(exported))
    assert model.metadata["labels"] == TAGS
    definition = model.definitions["text"]
    assert definition["inputs"]["text"]["dtype"] == "DT_STRING"
    assert ask(model, signature_name="metadata", inputs={}) == [
        json.dumps(model.metadata, indent=2, ensure_ascii=False)
    ]
    check_tagging(model)


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.data-00000-of-00001"]
)
@pytest.mark.parametrize("content", [b"", b"\x07" * 999, None])
def test_a_broken_export_is_one_clear_line(exported, tmp_path, name, content):
    broken = tmp_path / "broken"
    shutil.copytree(exported, broken)
    if content is None:
        content = (broken / name).read_bytes()[:-700]
    (broken / name).write_bytes(content)
    with pytest.raises(UserError, match="broken: .*export") as caught:
        served_model.load(str(broken))
    assert "\n" not in str(caught.value)


def test_an_export_without_its_variables(exported, tmp_path):
    broken = tmp_path / "broken"
    shutil.copytree(exported, broken)
    shutil.rmtree(broken / "variables")
    with pytest.raises(UserError, match="broken: the SavedModel does not work"):
        served_model.load(str(broken))


@pytest.mark.parametrize(
    "name", ["saved_model.pb", "variables/variables.index", "assets/a"]
)
def test_an_export_of_pointers(tmp_path, name):
    for each in ("saved_model.pb", name):
        (tmp_path / each).parent.mkdir(exist_ok=True)
        (tmp_path / each).touch()
    (tmp_path / name).write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match=f"{name}: is the pointer that Git LFS"):
        served_model.load(str(tmp_path))


def test_other_things_are_refused(tmp_path):
    with pytest.raises(UserError, match="nothing"):
        served_model.load(str(tmp_path / "nothing"))
    tf.saved_model.save(tf.Module(), str(tmp_path / "other"))
    with pytest.raises(UserError, match="`albert export.*did not write"):
        served_model.load(str(tmp_path / "other"))
