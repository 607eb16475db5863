# SPDX-License-Identifier: Apache-2.0
"""Schemes of tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

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


@pytest.mark.parametrize("spelling", NORMALIZED)
def test_normalize(spelling):
    assert tuple(NORMALIZED) == tag_schemes.SPELLINGS
    for tag, normalized in NORMALIZED[spelling].items():
        assert tag_schemes.normalize(tag, spelling) == normalized
    for tag in NO_TAGS[spelling]:
        assert not tag_schemes.normalize(tag, spelling)


def test_bmes_and_bmewo():
    given = "O B-PER M-PER E-PER S-PER O S-ORG B-LOC M-LOC E-LOC O"
    expected = BIO[:2] + ["I-PER"] + BIO[2:]
    assert tag_schemes.to_bio(given.split()) == expected
    given = given.replace("S-", "W-")
    assert tag_schemes.to_bio(given.split()) == expected


# What seqeval calls the prefixes of BILOU, BMES and BMEWO.
OF_SEQEVAL = {"M": "I", "L": "E", "U": "S", "W": "S"}


@given(
    st.lists(
        st.sampled_from(
            ["O", *(f"{p}-{t}" for p in "BIESULMW" for t in ("X", "Y"))]
        ),
        min_size=1,
        max_size=9,
    )
)
def test_broken_tags_are_the_entities_that_seqeval_finds(tags):
    theirs = [OF_SEQEVAL.get(tag[0], tag[0]) + tag[1:] for tag in tags]
    assert get_entities(tag_schemes.to_bio(tags)) == get_entities(theirs)


# A scheme, tags, and the places of those that break it.
BROKEN = [
    ("IOB2", "B-X I-X B-X O B-Y B-X", []),
    ("IOB2", "I-X I-X O B-Y I-X", [0, 4]),
    ("IOB2", "B-X E-X", [1]),
    ("IOB1", "I-X I-X B-X I-Y O I-X", []),
    ("IOB1", "B-X O I-Y B-X", [0, 3]),
    ("BIOES", "S-X B-X I-X E-X O S-Y", []),
    ("BIOES", "E-X B-X O B-X I-X", [0, 1, 4]),
    ("BIOES", "B-X S-Y B-X E-Y I-Y", [0, 3, 4]),
    ("BILOU", "U-X B-X I-X L-X O B-Y L-Y", []),
    ("BILOU", "S-X", [0]),
    ("BMES", "S-X B-X M-X E-X W-Y", []),
    ("BMES", "B-X I-X E-X", [1]),
    ("none", "B I NOUN", []),
]


@pytest.mark.parametrize(("scheme", "tags", "places"), BROKEN)
def test_find_broken(scheme, tags, places):
    assert tag_schemes.find_broken(tags.split(), scheme) == places


@pytest.mark.parametrize(
    ("scheme", "tags"),
    [
        *((scheme.upper(), tags) for scheme, tags in SAME.items()),
        ("IOB2", " ".join(BIO)),
        # The fewest are broken, not none.
        ("IOB2", "B-X I-X O B-Y B-X I-X E-X O I-Y"),
        ("IOB1", "I-X O I-X I-X O B-Y O I-Y"),
        # Nothing tells them apart.
        ("IOB2", "O O O"),
        ("BIOES", "S-X O S-Y"),
    ],
)
def test_guess_scheme(scheme, tags):
    assert tag_schemes.guess_scheme([["O"], tags.split()]) == scheme


@pytest.mark.parametrize("scheme", sorted(set(SAME) - {"iob1"}))
def test_every_scheme_is_refused_as_another(scheme):
    tags = SAME[scheme].split()
    for other in ("IOB2", "IOB1", "BIOES", "BILOU", "BMES"):
        broken = tag_schemes.find_broken(tags, other)
        assert bool(broken) == (other != scheme.upper())


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
