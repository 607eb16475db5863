# SPDX-License-Identifier: Apache-2.0
"""Words and tags to ids and back."""

import pathlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.tasks import interface
from albert.tasks import prediction_files
from albert.tasks import tag_schemes
from albert.tasks import tagging_features
from albert.tasks.conll_files import TaggedSentences
from albert.tasks.table import TASKS
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
TOKENIZER = Tokenizer(GOLDEN / "tokenization" / "spm2000.model")
TASK = TASKS["ner"].with_labels(("O", "B-LOC", "I-LOC", "B-PER", "I-PER"))
# Words of no piece, of one, of some and of many.
WORDS = ["", "\u0301", "the", "barked", "Anthropomorphism", "犬犬犬", "x" * 41]
SENTENCES = st.lists(
    st.lists(
        st.tuples(st.sampled_from(WORDS), st.sampled_from(TASK.labels)),
        min_size=1,
        max_size=11,
    ),
    min_size=1,
    max_size=5,
)


def examples_of(sentences):
    return TaggedSentences(
        [[word for word, _ in sentence] for sentence in sentences],
        [
            tag_schemes.to_bio(tag for _, tag in sentence)
            for sentence in sentences
        ],
    )


def logits_of(featurized):
    """Logits that are right wherever a word begins, noise elsewhere."""
    features = featurized.features
    labels = features.padded(features.max_length() + 3)["label_ids"]
    generator = np.random.default_rng(7)
    noise = generator.normal(size=(*labels.shape, len(TASK.labels)))
    right = np.eye(len(TASK.labels))[np.maximum(labels, 0)]
    return np.where(labels[..., None] < 0, noise, right + noise / 100)


def test_pieces_and_labels():
    sentences = [[("the", "O"), ("Anthropomorphism", "B-PER")]]
    featurized = interface.featurize(
        TASK, examples_of(sentences), TOKENIZER, 32
    )
    the = TOKENIZER.encode("the")
    long = TOKENIZER.encode("Anthropomorphism")
    features = featurized.features
    assert len(long) > 1
    assert features.input_ids.tolist() == [
        TOKENIZER.cls_id,
        *the,
        *long,
        TOKENIZER.sep_id,
    ]
    assert features.per_token["label_ids"].tolist() == [
        -1,
        0,
        *[-1] * (len(the) - 1),
        3,
        *[-1] * (len(long) - 1),
        -1,
    ]
    assert features.segment_starts.tolist() == [len(features.input_ids)]


@given(SENTENCES, st.integers(5, 37))
def test_no_word_is_lost(sentences, length):
    examples = examples_of(sentences)
    featurized = interface.featurize(TASK, examples, TOKENIZER, length)
    features = featurized.features
    assert features.max_length() <= length
    # The pieces are those of the words, in order, at most cut inside one.
    expected = [
        id_
        for words in examples.sentences
        for word in words
        for id_ in TOKENIZER.encode(word)[: length - 2]
    ]
    special = (TOKENIZER.cls_id, TOKENIZER.sep_id)
    ids = [id_ for id_ in features.input_ids.tolist() if id_ not in special]
    assert ids == expected
    # The tags come back, of words without pieces as O.
    predictions = interface.predict(TASK, featurized, logits_of(featurized))
    for words, tags, predicted in zip(
        examples.sentences, examples.labels, predictions.values, strict=True
    ):
        visible = [
            tag if TOKENIZER.encode(word) else "O"
            for word, tag in zip(words, tags, strict=True)
        ]
        assert predicted == tag_schemes.to_bio(visible)


def test_windows_are_as_long_as_they_can_be():
    size = len(TOKENIZER.encode("barked"))
    sentences = [[("barked", "O")] * 7, [("barked", "O")]]
    featurized = interface.featurize(
        TASK, examples_of(sentences), TOKENIZER, 3 * size + 3
    )
    assert featurized.features.lengths().tolist() == [
        3 * size + 2,
        3 * size + 2,
        size + 2,
        size + 2,
    ]
    assert (featurized.truncated, featurized.longest) == (1, 7 * size + 2)


def test_without_tags():
    examples = TaggedSentences([["the", "", "barked"]])
    featurized = interface.featurize(TASK, examples, TOKENIZER, 16)
    assert set(featurized.features.per_token["label_ids"]) == {-1}
    assert featurized.empty == 1
    the = len(TOKENIZER.encode("the"))
    assert featurized.word_positions.rows.tolist() == [0, 0, 0]
    assert featurized.word_positions.columns.tolist() == [1, 0, 1 + the]


def test_capitals_that_the_vocabulary_does_not_have_are_counted():
    examples = TaggedSentences([["The", "dog", "of", "mcDonald", "犬"], ["É"]])
    featurized = interface.featurize(TASK, examples, TOKENIZER, 16)
    assert featurized.lower_cased == 3
    line = ", 3 (50.0%) words with capitals, which the lower-cased vocabulary h"
    assert line in featurized.summary()
    cased = Tokenizer(
        GOLDEN / "tokenization" / "spm2000.model", lower_case=False
    )
    featurized = interface.featurize(TASK, examples, cased, 16)
    assert featurized.lower_cased == 0
    assert "capitals" not in featurized.summary()


def test_words_are_checked(caplog):
    """Sentences that are cut in parts lose nothing."""

    def check(*sentences):
        examples = TaggedSentences(list(sentences))
        featurized = interface.featurize(TASK, examples, TOKENIZER, 8)
        featurized.check("a/train.txt")
        return featurized.summary()

    summary = check(["the"] * 40, ["the"])
    assert "1 (50.0%) cut in parts" in summary
    assert not caplog.records
    check(["the", "the", ""])
    assert "a/train.txt: 1 (33.3%) of 3 words have no piece" in caplog.text
    with pytest.raises(UserError, match="2 .66.7%. of 3 words have no piece"):
        check(["the", ""], [""])
    check(["the", "the", "犬"])
    assert "of the pieces are unknown to the vocabulary" in caplog.text


def test_evaluation_counts_words_without_pieces():
    sentences = [[("the", "O"), ("\u0301", "B-PER"), ("barked", "B-LOC")]]
    examples = examples_of(sentences)
    featurized = interface.featurize(TASK, examples, TOKENIZER, 16)
    logits = logits_of(featurized)
    predictions = interface.predict(TASK, featurized, logits)
    results = interface.evaluate(TASK, examples, predictions)
    assert results["entity_recall"] == 0.5
    assert results["accuracy"] == pytest.approx(2 / 3)


def test_tags_that_the_model_has_no_label_for():
    """They count as missed, and have no part in the loss."""
    examples = TaggedSentences(
        [["the", "barked", "the"]], [["B-PER", "B-MISC", "I-MISC"]]
    )
    featurized = interface.featurize(TASK, examples, TOKENIZER, 16)
    labels = featurized.features.per_token["label_ids"]
    assert labels[labels >= 0].tolist() == [3]
    predictions = interface.predict(TASK, featurized, logits_of(featurized))
    results = interface.evaluate(TASK, examples, predictions)
    assert results["entity_recall"] == 0.5
    assert results["entity_f1_MISC"] == 0
    picture = prediction_files.draw_confusion_matrix(
        TASK, interface.gold_labels(TASK, examples), predictions
    )
    assert picture.startswith(b"\x89PNG")


def test_labelled_words():
    sentences = [
        [("the", "B-PER"), ("Anthropomorphism", "I-PER")],
        [("", "O")],
        [("\u0301", "B-LOC"), ("barked", "O")],
    ]
    featurized = interface.featurize(
        TASK, examples_of(sentences), TOKENIZER, 16
    )
    found, labels = tagging_features.labelled_words(featurized.features)
    # Words without pieces are not to be seen in features.
    assert labels.tolist() == [3, 4, 0]
    assert found.splits.tolist() == [0, 2, 2, 3]
    words = featurized.word_positions
    visible = words.columns > 0
    assert found.rows.tolist() == words.rows[visible].tolist()
    assert found.columns.tolist() == words.columns[visible].tolist()
