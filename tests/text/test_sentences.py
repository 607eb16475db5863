# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/sentences.py."""

import pathlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.text.sentences import has_several_sentences
from albert.text.sentences import is_ended
from albert.text.sentences import split_sentences

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "sentences"

# Each is one paragraph with its sentences divided by " | ".
PARAGRAPHS = [
    "It rained. | He stayed in! | Did she?",
    # Titles, abbreviations, initials.
    "Mr. and Mrs. Reed met Dr. Lloyd at St. John's. | They talked.",
    "The Rev. Septimus Harding knew Messrs. Cox and Co. | He smiled.",
    "J. S. Mill and T. H. Huxley wrote; the U.S. Army marched.",
    "He came, e.g. Tuesday, cf. Smith. | She left.",
    "See No. 7 and vol. 3, p. 12. | It is there.",
    "Will you come? | No. | He would not.",
    "It was I. | He knew it.",
    "He rose at 5 a.m. | She slept.",
    # Numbers.
    "It cost 3.50 in 1,000.5 parts. | Dear.",
    "It was 1850. | He was born.",
    "1. The first part. | The second.",
    "IV. The fourth part. | The fifth.",
    # Ellipses.
    "Well ... perhaps... but no. | Yes.",
    "I think... I don't know... | He stopped.",
    "She sighed. . . . | The door opened.",
    "I am . . . I was late.",
    "He waited\u2026 | The clock struck.",
    # Quotations.
    '"Stop!" he cried. | "Why?" asked Tom. | "Come."',
    '"Oh! what a day," she said. | "Is it? or not?"',
    '"What?" said Mrs. Reed under her breath. | She went.',
    '"Who is there?" Mrs. Reed asked. | "Go!" I said. | They went.',
    '"Go!" | He went.',
    "'Beat me,' Dick answered. | 'Have you got it?' | 'Yes.' | 'Good.'",
    "“Stop!” he cried. | “Go.” | ‘Now!’ | “‘Yes.’”",
    "He said it. | (She did not hear.) | [Nobody did.] | So be it.",
    "_No!_ she said. | _Yes._ | He went.",
    '"It is so." -- and he left. | She stayed.',
    # Marks of notes.
    "It is old.[1] | The next.[a][12] | “Who?”[3] | He went.¹ | She did not.²³",
    "He met Mr.[1] Smith, who was born in 1850.[2] | See [3] there.",
    "他来了。[1]|她走了！|".replace("|", " | ") + "真的吗？",
    # No capitals at all.
    "the cat sat. the dog ran! where to? there.".replace(". ", ". | ", 1)
    .replace("! ", "! | ", 1)
    .replace("? ", "? | ", 1),
    '"stop!" he cried. | they went.',
    # Other alphabets.
    "他来了。|她走了！|真的吗？|“好。”|他说。".replace("|", " | "),
    "Er kam, z.B. Montag. | Sie ging.",
    "Il vint. | Élise rit. | Ça va?",
    "Он пришёл. | Она ушла.",
    # Nothing to split.
    "CHAPTER I",
    "and so on",
    "...",
    "Version 2.0.1 of a.b.c",
]


def join(sentences):
    return " ".join(sentences)


@pytest.mark.parametrize("marked", PARAGRAPHS)
def test_paragraph(marked):
    expected = marked.split(" | ")
    chinese = "。" in marked
    paragraph = "".join(expected) if chinese else join(expected)
    assert split_sentences(paragraph) == expected


@pytest.mark.parametrize(
    "marked",
    [
        pytest.param(line, id=f"{path.stem}-{number}")
        for path in sorted(GOLDEN.glob("*.txt"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
    ],
)
def test_languages(marked):
    paragraph = marked.replace(" | ", " ").replace("|", "")
    expected = re.split(r" ?\| ?", marked)
    assert split_sentences(paragraph) == expected
    assert has_several_sentences(paragraph) is (len(expected) > 1)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("He came.", True),
        ("“He came?”", True),
        ("»Er kam.«", True),
        ("« Il vint. »", True),
        ('He came. "', True),
        ("वह आया ।", True),
        ("他来了。」", True),
        ("She said:", False),
        ("He came;", False),
        ("It is old.[1][12][123][c]", True),
        ("“Who?”³", True),
        ("It is old[1]", False),
        ("He came;[1]", False),
        ("a title", False),
        ("(a title)", False),
        ("มนุษย์", False),
        ("", False),
    ],
)
def test_is_ended(line, expected):
    assert is_ended(line) is expected


def test_line_ends_and_runs_of_spaces_count_as_one_space():
    assert split_sentences(" It  rained\nall day.\x0c He\u00a0slept. \n") == [
        "It rained all day.",
        "He slept.",
    ]


@pytest.mark.parametrize("paragraph", ["", " ", "\n \x0c"])
def test_nothing(paragraph):
    assert split_sentences(paragraph) == []


@given(
    st.one_of(
        st.text(),
        st.text(alphabet="aB1 .!?…\"'”“«»(),-。！？」।;αMr", max_size=60),
        st.lists(
            st.sampled_from(
                ['"Oh!"', "Mr.", "He", "said.", "I", "...", ".", "he", "7."]
            )
        ).map(" ".join),
    )
)
def test_loses_nothing_but_spaces(paragraph):
    sentences = split_sentences(paragraph)
    assert "".join("".join(sentences).split()) == "".join(paragraph.split())
    for sentence in sentences:
        assert sentence == sentence.strip() != ""
        assert "  " not in sentence
