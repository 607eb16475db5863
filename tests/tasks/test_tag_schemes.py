# SPDX-License-Identifier: Apache-2.0
"""Schemes of tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.tasks import tag_schemes

# Two entities of one type that touch, one of another type, one word alone.
BIO = [
    "O",
    "B-PER",
    "I-PER",
    "B-PER",
    "O",
    "B-ORG",
    "B-LOC",
    "I-LOC",
    "I-LOC",
    "O",
]
SAME = {
    "iob1": "O I-PER I-PER B-PER O I-ORG I-LOC I-LOC I-LOC O",
    "bioes": "O B-PER E-PER S-PER O S-ORG B-LOC I-LOC E-LOC O",
    "bmes": "O B-PER E-PER S-PER O S-ORG B-LOC M-LOC E-LOC O",
    "bilou": "O B-PER L-PER U-PER O U-ORG B-LOC I-LOC L-LOC O",
}
ENTITIES = st.lists(
    st.tuples(st.sampled_from(["O", "PER", "ORG"]), st.integers(1, 3))
)


@pytest.mark.parametrize("scheme", SAME)
def test_to_bio(scheme):
    assert tag_schemes.to_bio(SAME[scheme].split()) == BIO


def test_bio_stays():
    assert tag_schemes.to_bio(BIO) == BIO


def test_an_inner_tag_after_another_type_begins_an_entity():
    assert tag_schemes.to_bio(["B-PER", "I-ORG", "O", "I-ORG"]) == (
        ["B-PER", "B-ORG", "O", "B-ORG"]
    )


@given(ENTITIES)
def test_bioes_of_any_entities(entities):
    bio, bioes = [], []
    for type_, size in entities:
        if type_ == "O":
            bio.append("O")
            bioes.append("O")
            continue
        inner = [f"I-{type_}"] * (size - 1)
        bio += [f"B-{type_}", *inner]
        if inner:
            bioes += [f"B-{type_}", *inner[1:], f"E-{type_}"]
        else:
            bioes.append(f"S-{type_}")
    assert tag_schemes.to_bio(bioes) == bio
    assert tag_schemes.to_bio(bio) == bio


NORMALIZED = {
    "prefix": {
        "O": "O",
        "o": "O",
        "B-PER": "B-PER",
        "I-a b": "I-a b",
        "S-work-of-art": "S-work-of-art",
        "M-PER": "M-PER",
        "B_PER": "B-PER",
        "b-per": "B-per",
        "B": "B-ENTITY",
        "i": "I-ENTITY",
    },
    "suffix": {"PER-B": "B-PER", "LOC_I": "I-LOC", "a-b-S": "S-a-b", "O": "O"},
    "plain": {"NOUN": "NOUN", "$,": "$,", "O": "O", "B": "B"},
}
NO_TAGS = {
    "prefix": ["", "B-", "NNP", "X-PER", "B-PER\n", "PER-B"],
    "suffix": ["", "B", "B-PER", "PER"],
    "plain": ["", "B-PER", "I-LOC"],
}


@pytest.mark.parametrize("scheme", NORMALIZED)
def test_normalize(scheme):
    assert tuple(NORMALIZED) == tag_schemes.TAG_SCHEMES
    for tag, normalized in NORMALIZED[scheme].items():
        assert tag_schemes.normalize(tag, scheme) == normalized
    for tag in NO_TAGS[scheme]:
        assert not tag_schemes.normalize(tag, scheme)


def test_bmes_and_bmewo():
    given = "O B-PER M-PER E-PER S-PER O S-ORG B-LOC M-LOC E-LOC O"
    expected = BIO[:2] + ["I-PER"] + BIO[2:]
    assert tag_schemes.to_bio(given.split()) == expected
    given = given.replace("S-", "W-")
    assert tag_schemes.to_bio(given.split()) == expected


def test_plain_tags_stay():
    assert tag_schemes.to_bio(["NOUN", "B", "O"]) == ["NOUN", "B", "O"]


def test_unseen_label():
    assert tag_schemes.unseen_label(("O", "B-X", "I-X")) == "O"
    assert tag_schemes.unseen_label(("NOUN", "X")) == "X"
    assert tag_schemes.unseen_label(("NOUN", "VERB")) == "NOUN"


def test_bio_labels():
    assert tag_schemes.bio_labels(["PER", "LOC", "PER"]) == (
        "O",
        "B-LOC",
        "I-LOC",
        "B-PER",
        "I-PER",
    )
