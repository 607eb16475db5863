# SPDX-License-Identifier: Apache-2.0
"""Examples of the same text are found, whatever its spaces and capitals."""

from albert.tasks import contents
from albert.tasks.conll_files import TaggedSentences
from albert.tasks.multiple_choice.questions import QuestionExamples
from albert.tasks.tsv_files import TextExamples

TRAIN = TextExamples(
    texts=["It is good.", "It is bad.", "It"], labels=["a", "b", "a"], ids="012"
)


def make(texts, texts_b=None):
    return TextExamples(
        texts=texts, texts_b=texts_b, labels=["a"] * len(texts), ids=texts
    )


def test_texts():
    dev = make(["it  is\tGOOD.\u3000", "It is good", "", "IT", "it"])
    assert contents.count_shared(dev, TRAIN) == 3
    assert contents.count_shared(TRAIN, dev) == 2


def test_pairs_are_the_same_where_both_texts_are():
    train = make(["a", "b"], ["c", "d"])
    dev = make(["A", "a", "b c", "b"], ["c ", "d", "d", " d"])
    assert contents.count_shared(dev, train) == 2


def test_sentences_of_words():
    sentences = [["It", "is"], ["It is"], ["it", "IS"]]
    dev = TaggedSentences(sentences=sentences, labels=None)
    assert len(set(contents.of_examples(dev))) == 2


def test_questions_have_the_text_of_their_article():
    examples = QuestionExamples(
        levels=None,
        articles=["One  Two", "", "one two"],
        article_numbers=[0, 1, 2, 1],
        questions=["x", "y", "z", "Y "],
        options=[["a", "b"]] * 4,
        labels=list("ABAB"),
        ids=list("0123"),
    )
    found = list(contents.of_examples(examples))
    assert len(set(found[::2])) == len(set(found[1::2])) == 1
    assert len(set(found)) == 2
