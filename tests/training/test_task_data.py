# SPDX-License-Identifier: Apache-2.0
"""Evaluation from records and from the texts they were made of."""

import dataclasses
import pathlib

import numpy as np
import pytest

from albert import model_directory
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.records import finetuning_writing
from albert.records.schema import FinetuningSchema
from albert.records.writing import RecordSetWriter
from albert.tasks import selection
from albert.tasks import sequence_words
from albert.tasks import tag_schemes
from albert.tasks import tagging_features
from albert.tasks.conll_files import TaggedSentences
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.tasks.predictions import Predictions
from albert.tasks.table import TASKS
from albert.tasks.tsv_files import TextExamples
from albert.text.tokenizer import Tokenizer
from albert.training import record_data
from albert.training import task_data
from albert.training import task_evaluation

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TOKENIZER_FILE = GOLDEN / "tokenization" / "spm2000.model"
TOKENIZER = Tokenizer(TOKENIZER_FILE)
CONFIG = AlbertConfig.named("tiny", vocab_size=2000)
LENGTHS = [8, 16, 29]
NER = TASKS["ner"].with_labels(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))


def test_labels_are_counted_in_texts_and_records(tmp_path):
    task = TASKS["tsv"].with_labels(("x", "y", "never"))
    examples = TextExamples(
        texts=["one", "two", "three"], labels=["y", "x", "y"], ids=list("012")
    )
    tags = TaggedSentences(
        sentences=[["one", "two"], ["three"]],
        labels=[["B-PER", "O"], ["O"]],
    )
    for used, given, counts in (
        (task, examples, [1, 2, 0]),
        (NER, tags, [2, 0, 0, 1, 0]),
    ):
        texts, records = both(tmp_path / used.name, used, given)
        # Those to train on are not in memory.
        streamed = record_data.RecordData(
            used, "train", "", records.records, LENGTHS
        )
        for data in (texts, records, streamed):
            found = task_data.count_labels(used, data)
            assert found.tolist() == counts
        # Records whose JSON is not there are only checked at their beginning.
        fewer = dataclasses.replace(used, labels=used.labels[:1])
        with pytest.raises(UserError, match="has the label .* has 1 labels"):
            task_data.count_labels(fewer, streamed)


def test_the_f1_of_one_of_several_labels_can_choose(tmp_path):
    task = selection.get_task("tsv", multi_label=True, labels=("x", "y", "z"))
    examples = TextExamples(
        texts=["one", "two"], labels=[("y",), ("x", "y")], ids=["0", "1"]
    )
    for data in both(tmp_path, task, examples):
        evaluation = task_evaluation.of_dev_splits(
            task, {"dev": data}, 7, "f1_y"
        )
        assert evaluation.best_metric == "f1_y"
        for name in ("f1_z", "threshold_y"):
            with pytest.raises(UserError, match=f"={name} is not reported"):
                task_evaluation.of_dev_splits(task, {"dev": data}, 7, name)


def test_bad_rows_are_in_the_description():
    examples = TextExamples(["0"], ["one"], labels=["x"], bad_rows=3)
    task = TASKS["tsv"].with_labels(("x", "y"))
    data = task_data.featurize(
        task, "", {"dev": examples}, TOKENIZER, LENGTHS, 11
    )
    assert data["dev"].description["bad_rows"] == 3


def test_texts_that_are_empty_are_refused():
    task = TASKS["tsv"].with_labels(("x", "y"))
    for files, name in (((), "dev data"), (({"path": "a.tsv"},), "a.tsv")):
        examples = TextExamples(["0"], [""], labels=["x"], files=files)
        with pytest.raises(UserError, match=f"^{name}: 1 .* have no piece"):
            task_data.featurize(
                task, "", {"dev": examples}, TOKENIZER, LENGTHS, 11
            )


def test_many_labels_have_no_matrix(tmp_path):
    most = task_evaluation._MOST_LABELS_OF_MATRIX
    examples = TextExamples(texts=["one"], labels=["1"], ids=["0"])
    for size, has_matrix in ((most, True), (most + 1, False)):
        task = TASKS["tsv"].with_labels(tuple(map(str, range(size))))
        data = task_data.featurize(
            task, "", {"dev": examples}, TOKENIZER, LENGTHS, 11
        )
        evaluation = task_evaluation.of_dev_splits(task, data, 7)
        answer = Predictions(data["dev"].gold, np.eye(size)[data["dev"].gold])
        outcome = ({"accuracy": 1.0}, {"dev": answer})
        place = tmp_path / str(size)
        written = evaluation.write(str(place), "w", outcome)
        results = model_directory.read_evaluation(str(place))
        assert ("confusion" in results) == has_matrix
        assert (f"{place}/confusion_matrix.png" in written) == has_matrix


@pytest.mark.parametrize(
    "metric", ["loss", "macro_f1", "f1_y", "precision_x", "accuracy"]
)
def test_any_metric_that_is_reported_can_choose(tmp_path, metric):
    task = TASKS["tsv"].with_labels(("x", "y", "never"))
    examples = TextExamples(
        texts=["one", "two"], labels=["y", "x"], ids=["0", "1"]
    )
    for data in both(tmp_path, task, examples):
        evaluation = task_evaluation.of_dev_splits(
            task, {"dev": data}, 7, metric
        )
        assert evaluation.best_metric == metric
        with pytest.raises(UserError) as caught:
            task_evaluation.of_dev_splits(task, {"dev": data}, 7, f"{metric}z")
        assert f"is {metric} meant? choose one of loss, " in str(caught.value)
        for name in ("f1_never", "cross_entropy_loss"):
            with pytest.raises(UserError, match=f"={name} is not reported"):
                task_evaluation.of_dev_splits(task, {"dev": data}, 7, name)


def both(tmp_path, task, examples, split="dev", with_words=True):
    """The same examples as ``TextData`` and as ``RecordData``."""
    texts = task_data.featurize(
        task, "folder", {split: examples}, TOKENIZER, LENGTHS, max_qa_length=11
    )[split]
    schema = FinetuningSchema(
        task.head,
        LENGTHS[-1],
        texts.features.choices,
        len(task.labels) if task.label_type == "classes" else 1,
    )
    writer = RecordSetWriter(
        str(tmp_path / "records"), 2, False, inputs=[str(TOKENIZER_FILE)]
    )
    words = None
    if task.label_type == "tag" and with_words:
        words = sequence_words.to_texts(
            tagging_features.featurize(
                task, examples, TOKENIZER, LENGTHS[-1]
            ).word_positions,
            examples.labels,
        )
    with writer:
        finetuning_writing.write_features(
            writer, texts.features, schema, "", words
        )
        writer.commit(
            finetuning_writing.build_metadata(
                texts.features,
                schema,
                task,
                TOKENIZER,
                {"split": split},
                examples,
                str(tmp_path),
            )
        )
    patterns = {split: str(tmp_path / "records*")}
    opened = record_data.open_records(patterns, task, CONFIG, TOKENIZER)
    records = record_data.read_records(task, patterns, opened, LENGTHS)[split]
    # The same data, whatever they were read from.
    assert texts.description.pop("path") == "folder"
    assert records.description["path"] == patterns[split]
    found = [
        data.description | {"path": "", "files": []}
        for data in (texts, records)
    ]
    assert found[0] == found[1] and found[0]["split"] == split
    assert records.labelled == texts.labelled
    return texts, records


def assert_same_features(one, two):
    for name in ("input_ids", "row_splits", "segment_starts", "choices"):
        np.testing.assert_array_equal(
            getattr(one.features, name), getattr(two.features, name), name
        )


TEXTS = TextExamples(
    ids=list("01234"),
    texts=["It barked.", "The house was open", "", "No.", "A dog " * 23],
    texts_b=["It did not", "", "Then", "The end of it", "was seen"],
)


@pytest.mark.parametrize(
    "name, labels",
    [
        ("qnli", ["entailment", "not_entailment"] * 2 + ["entailment"]),
        ("sts-b", np.array([0.25, 5, 3, 1.5, 2], np.float32)),
    ],
)
def test_texts(tmp_path, name, labels):
    task = TASKS[name]
    examples = TextExamples(TEXTS.ids, TEXTS.texts, TEXTS.texts_b, labels)
    texts, records = both(tmp_path, task, examples)
    assert_same_features(texts, records)
    assert texts.num_examples == records.num_examples == 5
    np.testing.assert_array_equal(texts.gold, records.gold)
    logits = np.random.default_rng(3).normal(size=(5, task.num_labels))
    one, two = (
        data.evaluate(data.predict(logits)) for data in (texts, records)
    )
    assert one == two
    assert set(task.metrics) <= one.keys()


@pytest.mark.parametrize("name", ["race", "multiple-choice"])
def test_choices(tmp_path, name):
    task = TASKS[name].with_labels("ABCD")
    # Questions of race may have fewer options too.
    examples = QuestionExamples(
        ids=list("123"),
        levels=["high"] * 3,
        articles=["The dog barked all night.", "It was the end " * 9],
        article_numbers=[0, 1, 1],
        questions=["What did it do?", "It was _ .", "Why?"],
        options=[["bark", "sit", "run"], list("wxyz"), list("ab")],
        labels=["A", "D", "B"],
    )
    texts, records = both(tmp_path, task, examples)
    assert_same_features(texts, records)
    assert records.num_examples == 3
    lengths = records.features.lengths().reshape(3, 4)
    assert (lengths > 0).sum(axis=1).tolist() == [3, 4, 2]
    np.testing.assert_array_equal(texts.gold, records.gold)
    logits = np.random.default_rng(3).normal(size=(3, 4))
    one, two = (
        data.evaluate(data.predict(logits)) for data in (texts, records)
    )
    assert one["accuracy"] == two["accuracy"]


def sentences_of(*sentences):
    return TaggedSentences(
        [[word for word, _ in sentence] for sentence in sentences],
        [
            tag_schemes.to_bio(tag for _, tag in sentence)
            for sentence in sentences
        ],
    )


def right_logits(data):
    labels = data.features.padded(LENGTHS[-1])["label_ids"]
    return np.eye(len(NER.labels))[np.maximum(labels, 0)]


# One sentence without pieces, one of several sequences with an entity over
# the border, one with a word without pieces and a type that the model lacks.
SENTENCES = [
    [("the", "B-PER"), ("barked", "I-PER")],
    [("", "O")],
    [("the", "B-PER"), *[("barked", "I-PER")] * 13, ("it", "B-LOC")],
    [("the", "O"), ("\u0301", "B-PER"), ("it", "B-MISC"), ("the", "B-LOC")],
]


def test_tags(tmp_path):
    examples = sentences_of(*SENTENCES)
    texts, records = both(tmp_path, NER, examples)
    assert_same_features(texts, records)
    assert records.num_examples > len(SENTENCES)
    assert records.gold == texts.gold == examples.labels
    logits = right_logits(records)
    logits[2, 1] = [0, 1, 0, 0, 0]  # B-PER is taken for B-LOC
    one, two = (
        data.evaluate(data.predict(logits)) for data in (texts, records)
    )
    assert one == two
    assert one["entity_f1_MISC"] == 0
    (content,) = records.format_predictions(records.predict(logits)).values()
    header, *rows = content.decode().splitlines()
    assert header == "sentence\tprediction"
    assert rows[0] == "0\tB-PER I-PER" and rows[1] == "1\tO"
    assert len(rows) == len(SENTENCES)


def test_records_that_do_not_say_where_words_are(tmp_path, caplog):
    examples = sentences_of(*SENTENCES)
    texts, records = both(tmp_path, NER, examples, with_words=False)
    assert "do not say where words are" in caplog.text
    assert len(records.gold) == records.num_examples
    # The word without pieces and the unknown type are not to be seen.
    assert records.gold[-1] == ["O", "B-LOC"]
    # Nor is it that an entity goes on in the next sequence.
    assert records.gold[3][0] == "B-PER"
    logits = right_logits(records)
    one, two = (
        data.evaluate(data.predict(logits)) for data in (texts, records)
    )
    assert one["entity_recall"] < two["entity_recall"] == 1


def test_sentences_without_tags(tmp_path):
    examples = TaggedSentences([["the", ""], ["it", *["barked"] * 14]])
    texts, records = both(tmp_path, NER, examples, split="test")
    assert not records.labelled
    logits = np.random.default_rng(3).normal(
        size=(records.num_examples, LENGTHS[-1], len(NER.labels))
    )
    predictions = records.predict(logits).values
    assert predictions == texts.predict(logits).values
    assert [len(tags) for tags in predictions] == [2, 15]
    (tmp_path / "older").mkdir()
    with pytest.raises(UserError, match="where their words begin"):
        both(tmp_path / "older", NER, examples, "test", with_words=False)


def test_damage_of_what_is_evaluated_shows_at_once(tmp_path):
    examples = sentences_of(*[[("the", "B-PER"), ("barked", "O")]] * 7)
    _, records = both(tmp_path, NER, examples)
    path = pathlib.Path(records.records.files[1])
    content = bytearray(path.read_bytes())
    content[-30] ^= 1
    path.write_bytes(content)
    patterns = {"dev": str(tmp_path / "records*")}
    opened = record_data.open_records(patterns, NER, CONFIG, TOKENIZER)
    with pytest.raises(UserError, match="00001-of-00002, record 3.*corrupt"):
        record_data.read_records(NER, patterns, opened, LENGTHS)


def test_fingerprints(tmp_path):
    """Other labels of the same size are other data."""
    task = TASKS["cola"]
    found = set()
    for number, labels in enumerate(("01101", "01100")):
        folder = tmp_path / str(number)
        folder.mkdir()
        examples = TextExamples(TEXTS.ids, TEXTS.texts, labels=list(labels))
        found |= {data.fingerprint for data in both(folder, task, examples)}
    assert len(found) == 4
    assert all(each.startswith("checksum ") for each in found)


def test_texts_that_are_in_the_training_data_are_told(caplog):
    task = TASKS["tsv"].with_labels(("x", "y"))

    def make(*texts):
        return TextExamples(
            texts=texts, labels=["x"] * len(texts), ids=list(texts)
        )

    texts = {
        "train": make("one", "two", "two"),
        "dev": make("four", " TWO", "five", "six"),
        "test": make("seven", "eight"),
    }
    task_data.featurize(task, "", texts, TOKENIZER, LENGTHS, 8)
    (warning,) = [line for line in caplog.messages if "too good" in line]
    assert warning.startswith("dev: 1 of 4 examples (25.0%) have a text that")
    caplog.clear()
    del texts["train"]
    task_data.featurize(task, "", texts, TOKENIZER, LENGTHS, 8)
    assert "too good" not in caplog.text
