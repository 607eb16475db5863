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


def test_is_tag():
    for tag in ("O", "B-PER", "I-a b", "S-work-of-art"):
        assert tag_schemes.is_tag(tag)
    for tag in ("", "o", "B", "B-", "NNP", "X-PER", "B-PER\n"):
        assert not tag_schemes.is_tag(tag)


def test_bio_labels():
    assert tag_schemes.bio_labels(["PER", "LOC", "PER"]) == (
        "O",
        "B-LOC",
        "I-LOC",
        "B-PER",
        "I-PER",
    )
