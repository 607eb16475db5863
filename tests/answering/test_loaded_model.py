# SPDX-License-Identifier: Apache-2.0
"""Models in Python: the answers of the commands, for one text or many."""

import dataclasses
import json

import keras
import numpy as np
import pytest

import albert
from albert import fill_mask
from albert.answering import loaded_model
from albert.answering import methods
from albert.errors import UserError
from albert.heads import HEADS
from albert.prediction import __main__ as predict
from albert.score import __main__ as score

TEXTS = ["the wild river sang", "a mill", "the very old mill beside the river"]
OPTIONS = [["a mill", "the river"], ["a", "the", "old"], ["sang", "wild"]]


@pytest.fixture(scope="module")
def load(models):
    """Function of a head to its model, loaded once."""
    loaded = {}

    def find(head):
        if head not in loaded:
            loaded[head] = albert.load(models(head), batch_size=2)
        return loaded[head]

    return find


def call(model, texts, number=slice(None)):
    """Calls the first method of a model, for some of the texts."""
    method = model.methods[0]
    others = {"answer": [TEXTS[::-1]], "choose": [OPTIONS]}.get(method, [])
    return getattr(model, method)(
        texts[number], *(each[number] for each in others)
    )


def rows_of(head):
    """Returns what ``call`` asks, as rows of a file."""
    names = {
        "token_classification": ("words",),
        "span_v1": ("question", "context"),
        "span_v2": ("question", "context"),
        "multiple_choice": ("question", "options"),
    }.get(head, ("text",))
    columns = (TEXTS, OPTIONS if "options" in names else TEXTS[::-1])
    return [
        dict(zip(names, row, strict=False))
        for row in zip(*columns, strict=True)
    ]


# Heads of one kind share their code: the others take their time apart.
QUICK = ("classification", "multiple_choice", "span_v2")
ANSWERING = [
    pytest.param(head, marks=() if head in QUICK else pytest.mark.slow)
    for head, row in HEADS.items()
    if row.label_type not in (None, "text")
]


def columns_of(head, answer):
    """Returns an answer as the command writes it, without its id."""
    values = dataclasses.asdict(answer)
    if head == "multi_label":
        values["labels"] = " / ".join(values["labels"])
    if head == "multiple_choice":
        values["option"] = "ABC"[values.pop("index")]
        row = [*values["probabilities"], 0.0][:3]
        values["probabilities"] = dict(zip("ABC", row, strict=True))
    if head == "span_v1":
        assert values.pop("null_score") is None
    names = {
        **dict.fromkeys(("label", "labels", "value", "option"), "prediction"),
        "text": "prediction",
        "probabilities": "probability",
    }
    return {names.get(name, name): value for name, value in values.items()}


def numbers_in(row):
    """Splits a row in its numbers, and what is not a float."""
    numbers, others = [], {}
    for name, value in row.items():
        if isinstance(value, dict):
            numbers += value.values()
            others[name] = list(value)
        elif isinstance(value, float):
            numbers.append(value)
        else:
            others[name] = value
    return numbers, others


@pytest.mark.parametrize("head", ANSWERING)
def test_answers_are_those_of_the_command(
    load, models, run_module, tmp_path, head
):
    model = load(head)
    answers = call(model, TEXTS)
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows_of(head)))
    code, printed, errors = run_module(
        predict, models(head), f"--input_file={path}"
    )
    assert code == 0, errors
    rows = [json.loads(line) for line in printed.splitlines()]
    # Of each text alone as well.
    found = [*answers, *(call(model, TEXTS, number) for number in range(3))]
    assert len({type(answer) for answer in found}) == 1
    for row, answer in zip([*rows, *rows], found, strict=True):
        row = {name: value for name, value in row.items() if name != "id"}
        wanted, others = numbers_in(row)
        numbers, rest = numbers_in(columns_of(head, answer))
        assert numbers == pytest.approx(wanted, abs=1e-5)
        assert rest == others


@pytest.mark.parametrize("head", sorted(set(HEADS) - {"text_to_text"}))
def test_a_method_without_its_head_says_what_is_there(load, head):
    model = load(head)
    assert "embed" in model.methods
    lacking = set(methods._SOURCES) - set(model.methods)
    assert len(lacking) == len(methods._SOURCES) - len(model.methods) + 1
    for method in lacking:
        arguments = {"answer": ["a", "b"], "choose": ["a", ["b", "c"]]}
        with pytest.raises(UserError) as error:
            getattr(model, method)(*arguments.get(method, ["a"]))
        message = str(error.value)
        assert f"no head for .{method}" in message
        assert all(f".{each}" in message for each in model.methods)
        assert "\n" not in message


def test_choices_are_options(load):
    chosen = load("multiple_choice").choose(TEXTS, OPTIONS, TEXTS[::-1])
    for choice, options in zip(chosen, OPTIONS, strict=True):
        assert choice.option == options[choice.index]
        assert len(choice.probabilities) == len(options)
        assert sum(choice.probabilities) == pytest.approx(1, abs=1e-6)
        assert max(choice.probabilities) == choice.probabilities[choice.index]


@pytest.mark.parametrize("options", [None, 3, {"a": "b"}, "ab", {"a", "b"}])
def test_options_that_are_no_list_are_refused(load, options):
    model = load("multiple_choice")
    with pytest.raises(UserError, match="text 1: .*options"):
        model.choose(["q"], [options])
    assert model.choose("q", ("a", "b")).option in ("a", "b")


def test_sentences_are_texts_or_words(load):
    model = load("token_classification")
    found = model.tag(["the mill, sang.", ["New York", "sang"]])
    assert found[0].words == ["the", "mill", ",", "sang", "."]
    assert found[1].words == ["New York", "sang"]
    assert model.tag("the mill, sang.") == found[0]
    assert model.tag([("New York", "sang")]) == found[1:]
    for sentences, words in (
        (["a", "  "], "text 2: 'words' holds no words"),
        (["a", None], "text 2: 'words' holds no words"),
        (["a", ["b\nc"]], "text 2: 'words' has a tab or a line end in a word"),
        (["a", {"b"}], "text 2: 'words' holds no words"),
        (["a", "b \ud800"], "text 2: .*half a surrogate pair"),
        (["a", ["b", "\ud800"]], "text 2: .*half a surrogate pair"),
    ):
        with pytest.raises(UserError, match=words):
            model.tag(sentences)


def test_masks_and_scores_are_those_of_the_commands(load, run_module, models):
    model = load("pretraining")
    texts = ["the [MASK] sang beside [MASK].", "a [MASK]."]
    found = model.fill_mask(texts, top_k=3)
    assert [len(row) for row in found] == [2, 1]
    rows = [fill_mask.encode_masked(model.tokenizer, text) for text in texts]
    wanted = fill_mask.fill_masks(model.network, model.tokenizer, rows, 3)
    assert found == wanted
    assert [each.pieces for each in model.fill_mask(texts[0], top_k=3)] == [
        each.pieces for each in found[0]
    ]
    scores = model.score(TEXTS)
    code, printed, errors = run_module(score, models("pretraining"), *TEXTS)
    assert code == 0, errors
    for line, each in zip(printed.splitlines()[1:], scores, strict=False):
        assert float(line.split("\t")[1]) == pytest.approx(
            each.log_likelihood, abs=1e-3
        )
    assert model.score(TEXTS[1]).log_likelihood == pytest.approx(
        scores[1].log_likelihood, abs=1e-3
    )


def test_many_texts_are_answered_in_blocks(load, monkeypatch, capsys, caplog):
    model = load("classification")
    texts = [f"{TEXTS[n % 3]} {n}" for n in range(7)]
    whole = model.predict(texts)
    vectors = model.embed(texts)
    monkeypatch.setattr(loaded_model, "_TOGETHER", 2)
    caplog.set_level("INFO", logger="absl")
    assert [each.label for each in model.predict(texts)] == [
        each.label for each in whole
    ]
    assert np.abs(model.embed(texts) - vectors).max() < 1e-5
    assert "embedding: 7 of 7 texts" in caplog.text


def test_no_texts_have_no_answers(load):
    assert load("classification").predict([]) == []
    assert load("pretraining").fill_mask([]) == []
    assert load("pretraining").score([]) == []
    assert load("none").embed([]).shape == (0, 22)
    assert load("none").embed("a").shape == (22,)


def test_texts_that_are_cut_or_empty_are_told(load, caplog):
    load("classification").predict(["mill " * 99, "", "a"])
    assert "1 of 3 rows were cut at 29 pieces" in caplog.text
    assert "1 rows or words in 3 rows have no text" in caplog.text
    caplog.clear()
    load("classification").embed(["mill " * 99, "a"])
    assert "1 of 2 rows were cut at 29 pieces" in caplog.text
    caplog.clear()
    load("classification").predict("a")
    assert not caplog.text


BAD = {
    "text 2: 'text' holds no text": lambda model: model.predict(["a", 3]),
    "text: int is neither": lambda model: model.predict(3),
    "text 2: int is no text": lambda model: model.embed(["a", 3]),
    "text: dict is neither": lambda model: model.predict({"a": "b"}),
    "texts: set is neither": lambda model: model.embed({"a"}),
    "surrogate": lambda model: model.embed("\ud800"),
    "one of text, 1 of text_b": lambda model: model.predict("a", ["b"]),
    "2 of text, 1 of text_b": lambda model: model.predict(["a", "b"], ["b"]),
}


@pytest.mark.parametrize("words", BAD)
def test_what_is_no_text_is_refused(load, words):
    with pytest.raises(UserError) as error:
        BAD[words](load("classification"))
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_pairs_go_to_models_of_pairs(models, tmp_path):
    folder = tmp_path / "pairs"
    folder.mkdir()
    for path in models("classification").iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    task = json.loads((folder / "task.json").read_text())
    for pairs, arguments, words in (
        (True, ["a"], "give the second ones too"),
        (False, ["a", "b"], "leave out texts_b"),
    ):
        (folder / "task.json").write_text(
            json.dumps(task | {"text_pairs": pairs})
        )
        model = albert.load(folder)
        with pytest.raises(UserError, match=words):
            model.predict(*arguments)
        assert model.predict(*["a", "b"][: 1 + pairs]).label in model.labels


@pytest.mark.slow
def test_keras_trains_saves_and_loads_the_network(models, tmp_path):
    """The methods answer with the weights that the network has by then."""
    model = albert.load(models("classification"))
    network = model.network
    network.compile(
        optimizer=keras.optimizers.Adam(0.01),
        loss={
            "logits": keras.losses.SparseCategoricalCrossentropy(
                from_logits=True
            )
        },
    )
    ids = np.random.default_rng(3).integers(5, 1999, (48, 9), np.int32)
    labels = ids[:, 1] % 3
    before = model.predict(TEXTS[0]).probabilities
    losses = network.fit(
        {"input_ids": ids}, labels, epochs=5, batch_size=8, verbose=0
    ).history["loss"]
    assert losses[-1] < 0.9 * losses[0]
    after = model.predict(TEXTS[0]).probabilities
    assert abs(after["cat"] - before["cat"]) > 1e-3
    network.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    wanted = network({"input_ids": ids})["logits"]
    found = again.predict({"input_ids": ids}, verbose=0)["logits"]
    assert np.abs(found - wanted).max() < 1e-5
