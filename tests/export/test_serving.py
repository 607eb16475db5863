# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/export/serving*.py: the answers are the Keras model's."""

import dataclasses
import functools
import json
import os
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert import fill_mask
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.export import serving
from albert.export import serving_spans
from albert.heads import HEADS
from albert.tasks import interface
from albert.tasks.conll_files import TaggedSentences
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.tasks.squad import decoding
from albert.tasks.squad.questions import Question
from albert.tasks.squad.questions import SquadData
from albert.tasks.squad.windows import build_features
from albert.tasks.task import Recipe
from albert.tasks.task import Task
from albert.tasks.tsv_files import TextExamples
from albert.tasks.word_splitting import split_words

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
CLIENT = pathlib.Path(__file__).with_name("serving_client.py")
# Of numbers up to 5: one unit in the last place of every weight changes them by
# up to 7.4e-6.
TOLERANCE = 5e-5
INPUTS = ("input_ids", "input_mask", "segment_ids")
MAX_SEQ_LENGTH = 41
LABELS = ["no", "yes", "perhaps", "never", "ü"]
LABEL_THRESHOLDS = [0.5, 0.25, 0.75, 0.125, 0.9]
TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
CONFIG = albert.AlbertConfig(
    vocab_size=2000,
    embedding_size=7,
    hidden_size=22,
    num_hidden_layers=3,
    num_attention_heads=2,
    intermediate_size=13,
    max_position_embeddings=61,
    # Dropout must not be active.
    hidden_dropout_prob=0.3,
    attention_probs_dropout_prob=0.3,
)
SPAN = {
    "max_query_length": 11,
    "doc_stride": 5,
    "n_best_size": 7,
    "max_answer_length": 13,
    "start_n_top": 3,
    "end_n_top": 5,
}
TEXTS = [
    "",
    "The House of the Seven Gables, 1851.",
    "ÉCOLE ½ \x00 北京 ΟΔΟΣ\u00a0\u3000",
    "one two three four five six seven eight nine ten " * 7,
    " ",
]
TEXTS_B = ["and", "", "three four " * 19, "in the beginning " * 11, "\u0301"]
WORDS = [
    ["Mr.", "Smith", "went", "to", "(", "Washington", ")"],
    ["\u0301", "a"],
    ["antidisestablishmentarianism" * 5, "is", "long"] + ["word", "9,"] * 31,
    ["x"],
]
ARTICLES = ["It rained all day. " * 9, "", "She said: _no_."]
QUESTIONS = ["What did _ do, and _?", "Why?", "It is ＿ that"]
OPTIONS = [
    ["he", "all of them, _ and others", ""],
    ["because", "É", "so " * 60],
    ["a", "b", "c"],
]
ASKED = ["Who wrote it?", "where " * 19, "", "When?", "What?"]
CONTEXTS = [
    "Nathaniel Hawthorne wrote The House of the Seven Gables in 1851. "
    "It is set in  Salem,\u00a0Massachusetts; the house stands there still. "
    * 3,
    "Short one.",
    "北京 é ½ \u0301\u0301 ﬁne, 9, and ß\u00a0 " * 7,
    "",
    " \u3000 ",
]
MASKED = [
    "The [MASK] of the [MASK]was open.",
    "nothing hidden",
    "[MASK][MASK] , 9,[MASK]",
    "",
    "The [MASK]s, [MASK]'s, [MASK]the.",
]


def make_task(head, labels):
    return Task("thing", head, "", {}, labels, (), "", Recipe())


def perturbed(model):
    """Moves the weights far from their start."""
    generator = np.random.default_rng(7)
    for variable in model.trainable_variables:
        noise = generator.normal(0, 0.4, variable.shape)
        variable.assign_add(noise.astype(np.float32))
    return model


def write_model(directory, model, task=None):
    os.makedirs(directory)
    tokenizer = albert.Tokenizer(GOLDEN / "spm2000_numcomma.model")
    model_directory.write_description(directory, model.config, tokenizer)
    if task:
        outputs.write_json(
            os.path.join(directory, model_directory.TASK_FILE),
            {"max_seq_length": MAX_SEQ_LENGTH, **task},
        )
    albert.save_weights(model, os.path.join(directory, "model.ckpt-best"))


def make_models():
    """Name to (model, task): one of each kind."""
    span = {"task_name": "squad", "kind": "span", **SPAN}
    beams = {name: SPAN[name] for name in ("start_n_top", "end_n_top")}
    text = {"task_name": "tsv", "kind": "classification", "labels": LABELS}
    return {
        "classification": (albert.AlbertClassifier(CONFIG, 5), text),
        "regression": (
            albert.AlbertClassifier(CONFIG, 1),
            {"task_name": "sts-b", "kind": "regression", "labels": []},
        ),
        "multiple_choice": (
            albert.AlbertMultipleChoice(CONFIG),
            {
                "task_name": "race",
                "kind": "multiple_choice",
                "labels": ["A", "B", "C"],
                "max_qa_length": 17,
            },
        ),
        "tagging": (
            albert.AlbertTokenClassifier(CONFIG, 5),
            {"task_name": "ner", "kind": "tagging", "labels": TAGS},
        ),
        "span_v1": (
            albert.AlbertSpanPredictor(CONFIG, "v1"),
            {**span, "head": "v1", "version_2_with_negative": False},
        ),
        "span_v1_negative": (
            albert.AlbertSpanPredictor(CONFIG, "v1"),
            {**span, "head": "v1", "version_2_with_negative": True},
        ),
        "span_v2": (
            albert.AlbertSpanPredictor(CONFIG, "v2", **beams),
            {**span, "head": "v2", "version_2_with_negative": True},
        ),
        "pretraining": (albert.AlbertPretrainer(CONFIG), None),
        "encoder": (albert.AlbertEncoder(CONFIG), None),
        "multi_label": (
            albert.AlbertClassifier(CONFIG, 5),
            {
                "task_name": "tsv",
                "kind": "multi_label",
                "labels": LABELS,
                "thresholds": LABEL_THRESHOLDS,
            },
        ),
    }


# Six seconds each, to export and to load; what they share with the others is
# exported with these.
SLOW = ("regression", "multiple_choice", "span_v1_negative", "encoder")


@pytest.fixture(scope="module")
def models():
    keras.utils.set_random_seed(3)
    return {
        name: (perturbed(model), task)
        for name, (model, task) in make_models().items()
    }


@pytest.fixture(scope="module")
def tokenizer():
    return albert.Tokenizer(GOLDEN / "spm2000_numcomma.model")


class Answers:
    """What a fresh process answers, when it is asked for.

    Args:
      ask: function of whether the slow models are asked to what they answer.
    """

    def __init__(self, ask):
        self._ask = functools.cache(ask)

    def __getitem__(self, key):
        """Returns a dict; key: (model, signature), and more."""
        return self._ask(key[0] in SLOW)[key]


@pytest.fixture(scope="module")
def answers(models, tmp_path_factory):
    def answers_of(is_slow):
        asked = {n: models[n] for n in models if (n in SLOW) == is_slow}
        return ask(asked, tmp_path_factory.mktemp("serving"))

    return Answers(answers_of)


def ask(models, place):
    """Returns what models answer: dict of (model, signature) to dict."""
    for name, (model, task) in models.items():
        source = place / f"{name}_model"
        write_model(source, model, task)
        serving.export(
            str(source),
            str(place / name),
            null_score_diff_threshold=THRESHOLDS.get(name),
        )
    spans = {"question": ASKED, "context": CONTEXTS}
    width = max(map(len, WORDS))
    requests = {
        ("classification", "text"): {"text": TEXTS},
        ("classification", "text_pair"): {"text": TEXTS, "text_b": TEXTS_B},
        ("classification", "serving_default"): {"text": TEXTS[1:2]},
        ("classification", "metadata"): {},
        ("classification", None): {},
        ("multi_label", "text_pair"): {"text": TEXTS, "text_b": TEXTS_B},
        ("regression", "text"): {"text": TEXTS},
        ("regression", "serving_default"): {
            "text": TEXTS,
            "text_b": TEXTS_B,
        },
        ("multiple_choice", "question"): {
            "article": ARTICLES,
            "question": QUESTIONS,
            "options": OPTIONS,
        },
        ("tagging", "words"): {
            "words": [row + [""] * (width - len(row)) for row in WORDS]
        },
        ("tagging", "text"): {
            "text": ["", "(U.S.) don't, O'Neil;  é\u0301!\n", "..."]
        },
        ("span_v1", "answer"): spans,
        ("span_v1_negative", "answer"): spans,
        ("span_v2", "answer"): spans,
        ("span_v1", "answer", "alone"): {"question": ["?"], "context": [""]},
        ("span_v2", "answer", "alone"): {"question": ["?"], "context": [""]},
        ("tagging", "text", "alone"): {"text": [""]},
        ("pretraining", "fill_mask"): {"text": MASKED},
        ("pretraining", "embeddings"): {"text": TEXTS},
        ("encoder", "serving_default"): {"text": TEXTS},
    }
    requests = {key: requests[key] for key in requests if key[0] in models}
    run = subprocess.run(
        [sys.executable, "-I", CLIENT],
        input=json.dumps(
            [
                (str(place / model), signature, inputs)
                for (model, signature, *_), inputs in requests.items()
            ]
        ),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-3000:]
    result = json.loads(run.stdout)
    assert not {"albert", "sentencepiece"} & set(result["modules"])
    return dict(zip(requests, result["answers"], strict=True))


SPANS = [
    "span_v1",
    pytest.param("span_v1_negative", marks=pytest.mark.slow),
    "span_v2",
]
# Between the null scores of the questions, so that some are answered.
THRESHOLDS = {"span_v1_negative": -1.5, "span_v2": -2.7}


def differ(found, expected):
    """The largest absolute difference."""
    found, expected = np.asarray(found), np.asarray(expected)
    assert found.shape == expected.shape
    return np.abs(found - expected).max()


def predict(task, models, examples, tokenizer, **options):
    """What the Keras model says of examples."""
    featurized = interface.featurize(
        task, examples, tokenizer, MAX_SEQ_LENGTH, **options
    )
    batch = featurized.features.padded(MAX_SEQ_LENGTH)
    logits = models[HEADS[task.head].exported_kind][0](
        {
            name: batch[name]
            for name in ("input_ids", "input_mask", "segment_ids")
        }
    )["logits"]
    return interface.predict(task, featurized, logits)


class TestTexts:
    @pytest.mark.parametrize(
        ("signature", "texts_b"), [("text", None), ("text_pair", TEXTS_B)]
    )
    def test_classification(
        self, models, tokenizer, answers, signature, texts_b
    ):
        task = make_task("classification", tuple(LABELS))
        expected = predict(
            task, models, TextExamples([], TEXTS, texts_b), tokenizer
        )
        found = answers["classification", signature]
        assert found["labels"] == [LABELS] * len(TEXTS)
        assert found["label"] == [LABELS[i] for i in expected.values]
        difference = differ(found["probabilities"], expected.probabilities)
        assert difference < TOLERANCE

    def test_multi_label(self, models, tokenizer, answers):
        expected = predict(
            make_task("multi_label", tuple(LABELS)),
            models,
            TextExamples([], TEXTS, TEXTS_B),
            tokenizer,
        ).with_thresholds(np.array(LABEL_THRESHOLDS))
        found = answers["multi_label", "text_pair"]
        assert found["labels"] == [LABELS] * len(TEXTS)
        assert found["predicted"] == expected.values.tolist()
        assert 0 < expected.values.mean() < 1
        assert (
            differ(found["thresholds"], [LABEL_THRESHOLDS] * len(TEXTS)) < 1e-7
        )
        difference = differ(found["probabilities"], expected.probabilities)
        assert difference < TOLERANCE

    def test_default_is_of_single_texts(self, answers):
        found = answers["classification", "serving_default"]
        alone = answers["classification", "text"]
        assert found["label"] == alone["label"][1:2]
        difference = differ(found["probabilities"], alone["probabilities"][1:2])
        assert difference < TOLERANCE

    @pytest.mark.slow
    @pytest.mark.parametrize(
        ("signature", "texts_b"), [("text", None), ("serving_default", TEXTS_B)]
    )
    def test_regression(self, models, tokenizer, answers, signature, texts_b):
        expected = predict(
            make_task("regression", ()),
            models,
            TextExamples([], TEXTS, texts_b),
            tokenizer,
        )
        found = answers["regression", signature]["value"]
        assert differ(found, expected.values) < TOLERANCE

    @pytest.mark.slow
    def test_multiple_choice(self, models, tokenizer, answers):
        # An empty one is none.
        options = [[text for text in row if text] for row in OPTIONS]
        assert [len(row) for row in options] == [2, 3, 3]
        expected = predict(
            make_task("multiple_choice", ("A", "B", "C")),
            models,
            QuestionExamples([], [], ARTICLES, [0, 1, 2], QUESTIONS, options),
            tokenizer,
            max_qa_length=17,
        )
        found = answers["multiple_choice", "question"]
        assert found["label"] == ["ABC"[i] for i in expected.values]
        difference = differ(found["probabilities"], expected.probabilities)
        assert difference < TOLERANCE
        assert found["probabilities"][0][2] == 0


class TestTagging:
    def test_words(self, models, tokenizer, answers):
        expected = predict(
            make_task("token_classification", tuple(TAGS)),
            models,
            TaggedSentences(WORDS),
            tokenizer,
        )
        found = answers["tagging", "words"]["tags"]
        for row, tags in zip(found, expected.values, strict=True):
            assert row[: len(tags)] == tags
            assert set(row[len(tags) :]) <= {""}
        assert len({tag for row in expected.values for tag in row}) > 3

    def test_text(self, answers):
        found = answers["tagging", "text"]
        text = "(U.S.) don't, O'Neil;  é\u0301!\n"
        words = ["(", "U.S", ".", ")", "don't", ",", "O'Neil", ";", "é\u0301"]
        words.append("!")
        assert found["words"][0] == [""] * len(words)
        assert found["words"][1] == words == split_words(text)
        assert found["words"][2] == ["."] * 3 + [""] * 7
        spans = zip(found["starts"][1], found["ends"][1], strict=True)
        assert [text[start:end] for start, end in spans] == words
        assert all(tag in TAGS for tag in found["tags"][1])
        assert found["tags"][0] == [""] * 10

    def test_no_words(self, answers):
        assert answers["tagging", "text", "alone"]["tags"] == [[]]


class TestSpans:
    @pytest.mark.parametrize("name", SPANS)
    def test_answers(self, models, tokenizer, answers, name):
        model, task = models[name]
        with_negative = task["version_2_with_negative"]
        data = SquadData(
            "file",
            with_negative,
            False,
            CONTEXTS,
            [""] * len(CONTEXTS),
            [Question(str(i), text, i, ()) for i, text in enumerate(ASKED)],
            {},
        )
        features, windows = build_features(
            data,
            tokenizer,
            is_training=False,
            max_seq_length=MAX_SEQ_LENGTH,
            doc_stride=SPAN["doc_stride"],
            max_query_length=SPAN["max_query_length"],
        )
        assert len(windows) > 32
        outputs = {
            key: np.array(value)
            for key, value in model(features.padded(MAX_SEQ_LENGTH)).items()
        }
        decode = decoding.decode_beams
        if model.version == "v1":
            decode = decoding.decode_logits
            past = np.arange(MAX_SEQ_LENGTH) >= features.lengths()[:, None]
            for logits in outputs.values():
                logits[past] = -np.inf
        decoded = decode(
            data,
            windows,
            **outputs,
            n_best_size=SPAN["n_best_size"],
            max_answer_length=SPAN["max_answer_length"],
        )
        found = answers[name, "answer"]
        texts = decoded.predictions(THRESHOLDS.get(name, 0.0))
        assert found["answer"] == list(texts.values())
        assert any(found["answer"])
        best = [
            next((answer for answer in row if answer.text), None)
            for row in decoded.n_best
        ]
        if with_negative:
            assert found["best_answer"] == decoded.best_texts()
            assert found["best_answer"] != found["answer"]
            difference = differ(found["null_score"], decoded.null_scores)
            assert difference < TOLERANCE
        for index, answer in enumerate(best):
            start, end = found["start"][index], found["end"][index]
            assert CONTEXTS[index][start:end] == found["answer"][index]
            if answer is None:
                assert found["probability"][index] == 0
                continue
            if found["answer"][index]:
                # Of places with the same text and score, rounding takes one.
                text = CONTEXTS[index][answer.start : answer.end]
                assert CONTEXTS[index][start:end] == text
                if CONTEXTS[index].count(text) == 1:
                    assert (start, end) == (answer.start, answer.end)
            score = answer.start_score + answer.end_score
            assert abs(found["score"][index] - score) < TOLERANCE
            difference = abs(found["probability"][index] - answer.probability)
            assert difference < TOLERANCE

    @pytest.mark.parametrize("doc_stride", [1, 5, 19, 31, 500])
    def test_windows(self, tokenizer, doc_stride):
        """Those of training, also where the stride is longer than they are."""
        data = SquadData(
            "file",
            True,
            False,
            CONTEXTS,
            [""] * len(CONTEXTS),
            [Question(str(i), text, i, ()) for i, text in enumerate(ASKED)],
            {},
        )
        _, expected = build_features(
            data,
            tokenizer,
            is_training=False,
            max_seq_length=MAX_SEQ_LENGTH,
            doc_stride=doc_stride,
        )
        lengths = [
            tf.constant(
                [len(tokenizer.encode(text)) for text in texts], "int64"
            )
            for texts in (ASKED, CONTEXTS)
        ]
        found = serving_spans._make_windows(
            *lengths, MAX_SEQ_LENGTH, doc_stride
        )
        np.testing.assert_array_equal(found.questions, expected.question_index)
        for name in (
            "first_pieces",
            "num_pieces",
            "offsets",
            "max_context_starts",
            "max_context_ends",
        ):
            np.testing.assert_array_equal(
                getattr(found, name), getattr(expected, name), name
            )

    @pytest.mark.parametrize("name", ["span_v1", "span_v2"])
    def test_nothing_to_read(self, answers, name):
        found = answers[name, "answer", "alone"]
        assert found["answer"] == [""]
        assert found["score"] == [-1e6]
        assert found["start"] == found["end"] == found["probability"] == [0]
        if name == "span_v2":
            assert found["null_score"] == [decoding.NO_SPAN_NULL_SCORE]


class TestPretraining:
    def test_fill_mask(self, models, tokenizer, answers):
        expected = fill_mask.fill_masks(
            models["pretraining"][0],
            tokenizer,
            [fill_mask.encode_masked(tokenizer, text) for text in MASKED],
        )
        found = answers["pretraining", "fill_mask"]
        assert [len(row) for row in expected] == [2, 0, 3, 0, 3]
        for index, row in enumerate(expected):
            pieces = found["pieces"][index]
            assert pieces[len(row) :] == [[""] * 5] * (3 - len(row))
            for slot, filling in enumerate(row):
                assert pieces[slot] == filling.pieces
                probabilities = found["probabilities"][index][slot]
                assert differ(probabilities, filling.probabilities) < TOLERANCE

    @pytest.mark.parametrize(
        ("name", "signature"),
        [
            ("pretraining", "embeddings"),
            pytest.param(
                *("encoder", "serving_default"), marks=pytest.mark.slow
            ),
        ],
    )
    def test_embeddings(self, models, tokenizer, answers, name, signature):
        model = models[name][0]
        encoder = getattr(model, "encoder", model)
        found = answers[name, signature]
        for index, text in enumerate(TEXTS):
            limit = CONFIG.max_position_embeddings - 2
            ids = tokenizer.encode(text)[:limit]
            outputs = encoder(
                {
                    "input_ids": tf.constant(
                        [[tokenizer.cls_id, *ids, tokenizer.sep_id]]
                    )
                }
            )
            for key, expected in (
                ("pooled_output", outputs["pooled_output"][0]),
                (
                    "mean_pooled_output",
                    tf.reduce_mean(outputs["sequence_output"][0], axis=0),
                ),
            ):
                assert differ(found[key][index], expected) < TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["sinusoidal", "relative_bias"])
def test_positions_that_are_not_learned(tmp_path, tokenizer, variant):
    config = dataclasses.replace(CONFIG, position_embedding=variant)
    keras.utils.set_random_seed(3)
    model = perturbed(albert.AlbertEncoder(config))
    source = tmp_path / "model"
    write_model(source, model)
    text = "one two three four five six seven eight nine ten " * 9
    # Without a length, what would be the size of a table.
    for length in (None, 97):
        out = tmp_path / f"{length}"
        serving.export(str(source), str(out), max_seq_length=length)
        loaded = tf.saved_model.load(str(out))
        answer = loaded.signatures["serving_default"](text=tf.constant([text]))
        limit = length or config.max_position_embeddings
        ids = tokenizer.encode(text)[: limit - 2]
        assert len(ids) == limit - 2
        ids = tf.constant([[tokenizer.cls_id, *ids, tokenizer.sep_id]])
        expected = model({"input_ids": ids})["pooled_output"]
        assert differ(answer["pooled_output"], expected) < TOLERANCE


def test_metadata(answers):
    found = answers["classification", None]
    (text,) = answers["classification", "metadata"]["metadata"]
    assert json.loads(text) == found
    assert found["labels"] == LABELS
    assert found["max_seq_length"] == MAX_SEQ_LENGTH
    assert found["package_version"] == albert.__version__
    assert found["serving_default"] == "text"
    assert found["signatures"]["text_pair"] == {
        "inputs": {
            name: {"dtype": "string", "shape": [None]}
            for name in ("text", "text_b")
        },
        "outputs": {
            "label": {"dtype": "string", "shape": [None]},
            "labels": {"dtype": "string", "shape": [None, 5]},
            "probabilities": {"dtype": "float32", "shape": [None, 5]},
            "truncated": {"dtype": "bool", "shape": [None]},
        },
    }


class TestTruncated:
    """What is cut off is told."""

    @pytest.mark.parametrize(
        ("model", "alone", "pair", "encoder", "embeddings"),
        [
            ("classification", "text", "text_pair")
            + ("pretraining", "embeddings"),
            pytest.param(
                *("regression", "text", "serving_default"),
                *("encoder", "serving_default"),
                marks=pytest.mark.slow,
            ),
        ],
    )
    def test_texts(
        self, tokenizer, answers, model, alone, pair, encoder, embeddings
    ):
        lengths, more = (
            np.array([len(row) for row in tokenizer.encode_batch(texts)])
            for texts in (TEXTS, TEXTS_B)
        )
        texts = lengths + 2 > MAX_SEQ_LENGTH
        pairs = lengths + 2 + np.where(more, more + 1, 0) > MAX_SEQ_LENGTH
        assert texts.any() and (pairs & ~texts).any() and not pairs.all()
        for signature, expected in ((alone, texts), (pair, pairs)):
            found = answers[model, signature]["truncated"]
            assert found == expected.tolist()
        limit = CONFIG.max_position_embeddings
        found = answers[encoder, embeddings]["truncated"]
        assert found == (lengths + 2 > limit).tolist()
        assert (lengths + 2 > limit).any()

    def test_masked_texts(self, answers):
        found = answers["pretraining", "fill_mask"]["truncated"]
        assert found == [False] * len(MASKED)

    @pytest.mark.slow
    def test_questions_with_options(self, answers):
        # The first article is too long, the third question's last option.
        found = answers["multiple_choice", "question"]["truncated"]
        assert found == [True, True, False]

    def test_words(self, tokenizer, answers):
        longest = [
            max(map(len, tokenizer.encode_batch(words))) for words in WORDS
        ]
        expected = [length > MAX_SEQ_LENGTH - 2 for length in longest]
        assert any(expected) and not all(expected)
        assert answers["tagging", "words"]["truncated"] == expected
        assert answers["tagging", "text"]["truncated"] == [False] * 3

    @pytest.mark.parametrize("name", SPANS)
    def test_questions(self, answers, name):
        found = answers[name, "answer"]["truncated"]
        assert found == [False, True, False, False, False]


class TestRefused:
    def test_length(self, models, tmp_path):
        write_model(tmp_path / "model", *models["encoder"])
        with pytest.raises(UserError, match="--max_seq_length 62: .* 61 pos"):
            serving.export(
                str(tmp_path / "model"),
                str(tmp_path / "new"),
                max_seq_length=62,
            )
        assert os.listdir(tmp_path) == ["model"]

    def test_no_room_for_a_context(self, models, tmp_path):
        write_model(tmp_path / "model", *models["span_v1"])
        with pytest.raises(UserError, match="leaves no room for a context"):
            serving.export(
                str(tmp_path / "model"),
                str(tmp_path / "new"),
                max_seq_length=13,
            )

    @pytest.mark.parametrize(
        ("name", "told"),
        [
            ("beam_size", "writes no texts"),
            ("length_penalty", "writes no texts"),
            ("top", "fills no masks"),
            ("null_score_diff_threshold", "answers no questions"),
        ],
    )
    def test_settings_of_another_head(self, models, tmp_path, name, told):
        write_model(tmp_path / "model", *models["classification"])
        with pytest.raises(UserError, match=f"{told}, which --{name}"):
            serving.export(
                str(tmp_path / "model"), str(tmp_path / "new"), **{name: 1}
            )
        assert os.listdir(tmp_path) == ["model"]

    def test_full_disk(self, models, tmp_path, limit_file_size):
        write_model(tmp_path / "model", *models["encoder"])
        with (
            limit_file_size(10_000),
            pytest.raises(UserError, match=r"/new.*: cannot be .*ulimit -f"),
        ):
            serving.export(str(tmp_path / "model"), str(tmp_path / "new"))
        assert os.listdir(tmp_path) == ["model"]

    def test_missing_head(self, models, tmp_path):
        _, task = models["classification"]
        write_model(tmp_path / "model", albert.AlbertEncoder(CONFIG), task)
        with pytest.raises(UserError, match="missing output_weights"):
            serving.export(str(tmp_path / "model"), str(tmp_path / "new"))

    def test_no_tensorflow_text(self, models, tmp_path, monkeypatch):
        write_model(tmp_path / "model", *models["encoder"])
        monkeypatch.setitem(sys.modules, "tensorflow_text", None)
        with pytest.raises(
            UserError, match=r"pip install 'tensorflow-text==.*,!=2\.21\.0'"
        ):
            serving.export(str(tmp_path / "model"), str(tmp_path / "new"))
