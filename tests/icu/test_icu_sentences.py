# SPDX-License-Identifier: Apache-2.0
"""Sentences by ICU, in the environment of ``make test-icu``."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.text.documents import read_documents
from albert.text.sentence_splitters import find_splitter


@pytest.mark.parametrize(
    ("name", "sentences"),
    [
        ("icu", ["He came.", "She left."]),
        ("icu:en", ["Mr. Reed came.", "She left."]),
        ("icu:de", ["Das war z.B. gut.", "Sie ging."]),
        ("icu:fr", ["Il vint.", "Élise rit 🙂.", "Ça va ?"]),
        ("icu:hi", ["पुराना घर खड़ा था।", "वह आया।"]),
    ],
)
def test_sentences(name, sentences):
    assert find_splitter(name)("  ".join(sentences)) == sentences


def test_the_language_matters():
    assert find_splitter("icu")("Mr. Reed came.") == ["Mr.", "Reed came."]


@given(st.text(alphabet="aB1 .!?…\"'”«»(),-。！？」।;🙂\n\t", max_size=60))
def test_loses_nothing_but_spaces(paragraph):
    sentences = find_splitter("icu:en")(paragraph)
    assert "".join("".join(sentences).split()) == "".join(paragraph.split())
    assert all(sentences)


def test_unknown_language():
    with pytest.raises(UserError, match="icu:qqq: ICU .* no language 'qqq'"):
        find_splitter("icu:qqq")


def test_documents(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("Mr. Reed came. She left.\n" * 5)
    for splitter, expected in (("icu", 15), ("icu:en", 10), ("rules", 10)):
        (document,) = read_documents([str(path)], sentence_splitter=splitter)
        assert len(document) == expected
