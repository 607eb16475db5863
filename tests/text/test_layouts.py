# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/layouts.py."""

import itertools
import pathlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.text import layouts
from albert.text import line_evidence

FILLER = "The quick brown fox jumps over the lazy dog while it rains. "
LANGUAGES = sorted(
    (pathlib.Path(__file__).parents[1] / "golden" / "layouts").glob("*.txt")
)
SENTENCE_LINES = ["A man rides.", "Two dogs play in the snow", "", "He sat."]
PARAGRAPH_LINES = [FILLER * 3, "", '"No."', "", FILLER * 2, ""]
ARTICLE_LINES = [FILLER * 3, '"No, she did not."', FILLER * 2, FILLER * 2, ""]
WRAPPED_LINES = [
    "It had rained all day long and nobody had seen the letter that",
    "lay on the table beside the window, so the children went home.",
    "",
]
BY_KIND = {
    "lines": SENTENCE_LINES,
    "paragraphs": PARAGRAPH_LINES,
    "articles": ARTICLE_LINES,
    "wrapped": WRAPPED_LINES,
}


def divide(blocks, kinds=layouts.KINDS):
    """Returns (kind, lines) of the stretches."""
    return [
        (stretch.kind, list(stretch.lines))
        for stretch in layouts.divide(blocks, kinds)
    ]


@pytest.mark.parametrize("kind", layouts.KINDS)
@pytest.mark.parametrize("times", [5, 499])
def test_one_layout(kind, times):
    lines = BY_KIND[kind] * times
    assert divide([lines]) == [(kind, lines)]


@pytest.mark.parametrize(
    "pair", list(itertools.permutations(layouts.KINDS, 2)), ids="-".join
)
@pytest.mark.parametrize("block", [97, 10_000])
def test_a_change_is_found_where_it_is(pair, block):
    first, second = (BY_KIND[kind] * 211 for kind in pair)
    lines = first + second
    blocks = [lines[i : i + block] for i in range(0, len(lines), block)]
    found = divide(blocks)
    assert [kind for kind, _ in found] == list(pair)
    # Lines that tell nothing may count to either.
    assert abs(len(found[0][1]) - len(first)) <= 5


def test_no_blank_line_at_the_change():
    lines = ["The old house stood by the river. Nobody came."] * 1200
    found = divide([lines + WRAPPED_LINES * 2000])
    assert found == [("articles", lines), ("wrapped", WRAPPED_LINES * 2000)]


def test_a_poem_does_not_change_the_layout():
    poem = ["Tyger tyger, burning bright,", "In the forests of the night;"]
    lines = WRAPPED_LINES * 99 + poem * 8 + [""] + WRAPPED_LINES * 99
    assert [kind for kind, _ in divide([lines])] == ["wrapped"]


def test_sentences_of_even_length():
    # As wide as wrapped text, but the lines end like sentences.
    assert divide([[FILLER.strip()] * 31])[0][0] == "lines"


def test_pages_are_no_articles():
    page = [FILLER * 2, FILLER + "and when the", ""]
    page += ["sun set. " + FILLER]
    assert divide([page * 59])[0][0] == "paragraphs"


@pytest.mark.parametrize("path", LANGUAGES, ids=lambda path: path.stem)
def test_a_sentence_a_line_in_many_languages(path):
    lines = path.read_text("utf-8").splitlines() * 3
    assert divide([lines]) == [("lines", lines)]


def test_prose_is_never_lines():
    kinds = [kind for kind in layouts.KINDS if kind != "lines"]
    assert divide([SENTENCE_LINES * 7], kinds)[0][0] != "lines"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('<doc id="7" url="https://a.org/b?c=7" title="A &lt;b&gt;">', True),
        ("<doc>", True),
        ("</doc>\r", True),
        ("He wrote <doc> there.", False),
        ("<document>", False),
        ("doc", False),
    ],
)
def test_is_article_tag(line, expected):
    assert line_evidence.is_article_tag(line) is expected


@given(
    lines=st.lists(
        st.sampled_from(
            ["", " ", "He sat.", "a" * 41, FILLER * 3, *WRAPPED_LINES, "<doc>"]
        ),
        max_size=200,
    ),
    block=st.integers(1, 90),
    undecided=st.integers(1, 3000),
    cost=st.sampled_from([1.0, 3.0, 50.0]),
)
def test_loses_no_line(lines, block, undecided, cost):
    blocks = [lines[i : i + block] for i in range(0, len(lines), block)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(layouts, "_MAX_UNDECIDED_CHARACTERS", undecided)
        patch.setattr(layouts, "_COST_OF_A_CHANGE", cost)
        stretches = []
        for stretch in layouts.divide(blocks):
            held = sum(len(lines) for _, _, lines in stretches)
            assert stretch.first_line == held + 1
            stretches.append((stretch.kind, None, list(stretch.lines)))
    assert [line for *_, found in stretches for line in found] == lines
    for one, next_one in itertools.pairwise(stretches):
        assert one[0] != next_one[0]


@pytest.mark.parametrize("kind", layouts.KINDS)
def test_reads_no_further_than_it_must(kind):
    taken = 0

    def blocks():
        nonlocal taken
        while True:
            taken += 1
            yield BY_KIND[kind] * 20

    stretch = next(layouts.divide(blocks()))
    for _ in itertools.islice(stretch.lines, 50 * len(BY_KIND[kind]) * 20):
        pass
    assert taken < 70


def test_lines_that_tell_nothing_are_decided_in_time(monkeypatch):
    monkeypatch.setattr(layouts, "_MAX_UNDECIDED_CHARACTERS", 1000)
    taken = 0

    def blocks():
        nonlocal taken
        while True:
            taken += 1
            yield ["</doc>"] * 10

    stretch = next(layouts.divide(blocks()))
    assert stretch.kind == "lines"
    assert next(iter(stretch.lines)) == "</doc>"
    assert taken < 30
