# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/selection.py; ftfy's are in tests/extras."""

import io
import json
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.text import documents
from albert.text import selection
from albert.text.documents import read_documents
from albert.text.hash_set import HashSet
from albert.text.selection import Selection
from albert.text.selection import SelectionSettings
from albert.text.selection import open_listing

LONG = "The old house stood by the river, and nobody had seen the letter. " * 2
OTHER = LONG.replace("house", "mill")


def keep(documents, **settings):
    made = Selection(SelectionSettings(**settings))
    found = made.keep_documents([(d, True) for d in documents], "a.txt")
    return [document for document, _ in found], made.counts


def keep_lines(text, *more):
    """Returns what is kept of texts, read as blocks of lines."""
    made = Selection(SelectionSettings(duplicates="paragraphs"))
    blocks = [part.split("\n") for part in (text, *more)]
    kept = [line for block in made.keep_lines(blocks, "a") for line in block]
    return "\n".join(kept), made.counts.get("duplicate paragraph")


class TestDocuments:
    def test_all_is_kept_unless_told(self):
        documents = [["One."], ["One."], ["."], ["a", "a"], []]
        assert keep(documents) == (documents, {})

    @pytest.mark.parametrize("duplicates", ["documents", "paragraphs"])
    def test_duplicates(self, duplicates):
        documents = [["One.", "Two."], ["One."], ["One. \u3000Two."], ["One."]]
        kept, counts = keep(documents, duplicates=duplicates)
        assert kept == documents[:2]
        assert counts == {"duplicate document": {"number": 2, "characters": 14}}

    def test_short_ones(self):
        kept, counts = keep([["12", "3"], ["1234"]], min_document_characters=4)
        assert kept == [["1234"]]
        assert counts == {"short document": {"number": 1, "characters": 4}}

    @pytest.mark.parametrize(
        ("least", "kept", "lost"),
        [
            (2, "1234 5678 9 abcd efg xyzw", 2),
            (4, "1234 5678 9 abcd efg xyzw", 2),
            (7, "1234 5678 9 abcd efg", 3),
            (8, "1234 5678 9", 5),
        ],
    )
    def test_a_document_that_is_cut_is_as_long_as_its_parts(
        self, tmp_path, monkeypatch, least, kept, lost
    ):
        monkeypatch.setattr(documents, "MAX_LINES_DOCUMENT_CHARACTERS", 4)
        path = tmp_path / "a.txt"
        # The first two are cut. "xyzw" has the limit's length, and ends.
        path.write_text("1234\n5678\n9\n\nabcd\nefg\n\nv\n\nxyzw\n\nv\n")
        made = Selection(SelectionSettings(min_document_characters=least))
        found = list(read_documents([str(path)], "lines", selection=made))
        assert [text for document in found for text in document] == kept.split()
        assert made.counts["short document"]["number"] == lost

    @pytest.mark.parametrize(
        ("text", "share"),
        [
            ("abc 123", 0.5),
            ("日本 。！", 0.5),
            # Vowel signs are marks, and a part of words.
            ("हिन्दी", 1.0),
            ("a" * 9 + ".", 0.9),
            (" ", 0.0),
            ("***", 0.0),
        ],
    )
    def test_share_of_letters(self, text, share):
        for least, kept in ((share, True), (share + 0.01, False)):
            found, counts = keep([[text]], min_letter_share=least)
            assert bool(found) is kept or not share
            assert list(counts) == [] if found else ["document of few letters"]

    def test_repetitions(self):
        documents = [["abc", "abc", "de"], ["abc", "ab", "ab"]]
        # 3 of 8 characters, and 2 of 7.
        kept, counts = keep(documents, max_repeated_share=0.3)
        assert kept == documents[1:]
        assert list(counts) == ["document of repetitions"]
        assert keep(documents, max_repeated_share=0.4)[0] == documents


class TestParagraphs:
    def test_a_line_or_lines_without_a_blank_one(self):
        wrapped = LONG.replace(", and", ",\nand")
        text = f"{LONG}\n{OTHER}\n{LONG}\n\n{wrapped}\n\nEnd.\n\n{wrapped}"
        kept, count = keep_lines(text)
        assert kept == f"{LONG}\n{OTHER}\n\nEnd.\n"
        assert count["number"] == 3

    def test_marks_of_articles_are_kept(self):
        article = f"<doc id='1'>\n{LONG[:60]}\n{LONG[60:]}\n</doc>\n"
        kept, count = keep_lines(article * 3)
        assert kept.count("<doc") == kept.count("</doc>") == 3
        assert count["number"] == 2
        assert kept.count(LONG[60:]) == 1

    def test_short_ones_are_kept(self):
        text = "* * *\n\nYes.\nNo.\n\n* * *\n\nYes.\nNo.\n"
        assert keep_lines(text) == (text, None)

    @pytest.mark.parametrize("before", [1, 2, 4])
    @pytest.mark.parametrize("after", [1, 2, 4])
    def test_blank_lines_around_do_not_add_up(self, before, after):
        """Three would end a chapter."""
        text = f"{LONG}\n{OTHER}\nYes." + "\n" * (before + 1)
        text += f"{LONG}\n\n{OTHER}" + "\n" * (after + 1) + "No."
        kept, _ = keep_lines(text)
        expected = max(before, after, 1)
        assert kept.endswith(OTHER + "\nYes." + "\n" * (expected + 1) + "No.")

    def test_ends_of_blocks_do_not_show(self):
        lines = f"{LONG}\nYes.\n\n{LONG[:66]}\n{LONG[66:]}\n\nNo.".split("\n")
        whole = keep_lines("\n".join(lines))
        assert whole[1]["number"] == 1
        for place in range(1, len(lines)):
            parts = "\n".join(lines[:place]), "\n".join(lines[place:])
            assert keep_lines(*parts) == whole

    @given(st.lists(st.sampled_from(["", " ", "a", "b" * 60, "c" * 100, "c"])))
    def test_what_is_left_out_came_before(self, lines):
        kept, count = keep_lines("\n".join(lines))
        assert {*kept.split()} == {*"\n".join(lines).split()}
        left = len("".join(lines).split()) and count
        if not left:
            assert kept == "\n".join(lines)

    def test_long_run_of_lines_is_several(self, monkeypatch):
        monkeypatch.setattr(selection, "_LONGEST_PARAGRAPH", 150)
        text = "\n".join(["x" * 60, "y" * 60, "z" * 60] * 3)
        kept, count = keep_lines(text)
        assert kept == "\n".join(["x" * 60, "y" * 60, "z" * 60])
        assert count == {"number": 2, "characters": 364}

    def test_documents_of_a_text(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text(f"{LONG}\n\n{OTHER}\n{LONG}\n\n{OTHER}\n")
        made = Selection(SelectionSettings(duplicates="paragraphs"))
        found = list(read_documents([str(path)], "lines", selection=made))
        assert found == [[LONG.strip()], [OTHER.strip()]]

    def test_rows(self, tmp_path):
        path = tmp_path / "a.jsonl"
        rows = [{"text": LONG}, {"text": f"{LONG}\n{OTHER}"}, {"text": OTHER}]
        path.write_text("\n".join(map(json.dumps, rows)))
        made = Selection(SelectionSettings(duplicates="paragraphs"))
        found = list(
            read_documents(
                [str(path)], "lines", text_field="text", selection=made
            )
        )
        assert found == [[LONG.strip()], [OTHER.strip()]]


def test_nothing_is_left(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("One.\n\nTwo.\n")
    made = Selection(SelectionSettings(min_document_characters=9))
    with pytest.raises(
        UserError, match=r"a\.txt: all text was left out \(short document: 2, 8"
    ):
        list(read_documents([str(path)], "lines", selection=made))


def test_summary_tells_where_comparing_ended(monkeypatch):
    made = Selection(SelectionSettings(duplicates="documents"))
    monkeypatch.setattr(made, "_documents", HashSet(most=2))
    for text in "abacc":
        list(made.keep_documents([([text], True)], "a.txt"))
    assert made.summarize() == [
        "duplicate document: 1, 1 characters (20.0% of the text)",
        "only the first 2 documents were compared with those that follow",
    ]


def test_much_that_is_left_out_is_warned_of(caplog):
    for long, warnings in ((27, 1), (28, 0)):
        caplog.clear()
        made = Selection(SelectionSettings(min_document_characters=8))
        found = [(["a" * size], True) for size in (7, long)]
        list(made.keep_documents(found, "a.txt"))
        made._count(selection._REPAIRED, "b" * 99, "a.txt")
        made.warn("2 input files")
        assert len(caplog.messages) == warnings
    assert made.summarize() == [
        "short document: 1, 7 characters (20.0% of the text)",
        "repaired line: 1, 99 characters",
    ]


def test_package_that_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ftfy", None)
    with pytest.raises(UserError, match="--repair_mojibake .*pip install ftfy"):
        Selection(SelectionSettings(repair_mojibake=True))


class TestListing:
    def test_a_line_for_each(self):
        stream = io.BytesIO()
        made = Selection(SelectionSettings(duplicates="documents"), stream)
        for _ in range(2):
            list(made.keep_documents([(["ß" * 300, "b"], True)], "a.txt"))
        assert json.loads(stream.getvalue()) == {
            "reason": "duplicate document",
            "file": "a.txt",
            "characters": 302,
            "text": "ß" * 100,
        }

    def test_it_is_replaced_when_asked(self, tmp_path):
        path = str(tmp_path / "new" / "list.jsonl")
        for overwrite, content in ((False, b'{"reason": "a"}\n'), (True, b"")):
            with open_listing(path, "--list", overwrite) as stream:
                stream.write(content)
            with open(path, "rb") as file:
                assert file.read() == content
        with (
            pytest.raises(UserError, match=r"list\.jsonl: exists already"),
            open_listing(path, "--list"),
        ):
            pass
        assert os.listdir(tmp_path / "new") == ["list.jsonl"]

    def test_other_files_are_not_replaced(self, tmp_path):
        path = tmp_path / "mine.txt"
        path.write_text("mine")
        for inputs, words in (([], "is no list"), ([path], "both input and")):
            with (
                pytest.raises(UserError, match=rf"mine\.txt.*{words}"),
                open_listing(str(path), "--list", True, inputs),
            ):
                pass
        assert path.read_text() == "mine"

    def test_an_error_leaves_nothing(self, tmp_path):
        with (
            pytest.raises(UserError, match="line 3"),
            open_listing(str(tmp_path / "a"), "--list") as stream,
        ):
            stream.write(b"x")
            raise UserError("line 3")
        assert os.listdir(tmp_path) == []

    def test_no_path(self):
        with open_listing(None, "--list") as stream:
            assert stream is None
