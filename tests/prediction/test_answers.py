# SPDX-License-Identifier: Apache-2.0
"""Answers of models: entities of tags, columns of tables."""

from albert.prediction.answers import Entity
from albert.prediction.answers import TaggedSentence


def test_entities_of_tags():
    sentence = TaggedSentence(
        ["Anna", "Ek", "met", "Bo", "Li", "in", "Rome"],
        ["B-PER", "I-PER", "O", "B-PER", "B-PER", "O", "B-LOC"],
    )
    assert sentence.entities == [
        Entity("PER", ["Anna", "Ek"], 0),
        Entity("PER", ["Bo"], 3),
        Entity("PER", ["Li"], 4),
        Entity("LOC", ["Rome"], 6),
    ]


def test_plain_tags_are_of_no_entities():
    assert TaggedSentence(["It", "rains"], ["PRON", "VERB"]).entities == []
