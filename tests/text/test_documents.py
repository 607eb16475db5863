# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/documents.py."""

import logging
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.text import documents
from albert.text import text_files
from albert.text.documents import detect_layout
from albert.text.documents import expand_files
from albert.text.documents import read_documents

FILLER = "The quick brown fox jumps over the lazy dog while it rains. "


def write(path, content):
    if isinstance(content, str):
        content = content.encode()
    path.write_bytes(content)
    return str(path)


def read(path, sentence_splitting="auto"):
    return list(read_documents([str(path)], sentence_splitting))


def wrap(text, width=70):
    lines = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines) + "\n"


class TestLines:
    def test_documents(self, tmp_path):
        path = write(
            tmp_path / "a.txt", "\n One. Two.\nThree\n\n \t\nFour \n\n\n"
        )
        assert read(path, "lines") == [["One. Two.", "Three"], ["Four"]]

    def test_crlf_and_byte_order_mark(self, tmp_path):
        path = write(tmp_path / "a.txt", b"\xef\xbb\xbfOne\r\n\r\nTwo\r\n")
        assert read(path, "lines") == [["One"], ["Two"]]

    def test_only_a_newline_ends_a_line(self, tmp_path):
        line = "a\x0cb\x0bc\x1cd\x85e\u2028f\u2029g\rh"
        path = write(tmp_path / "a.txt", f"{line}\nnext")
        assert read(path, "lines") == [[line, "next"]]

    def test_a_document_never_spans_files(self, tmp_path):
        paths = [
            write(tmp_path / "a.txt", "One"),
            write(tmp_path / "b.txt", "Two\n"),
        ]
        assert list(read_documents(paths, "lines")) == [["One"], ["Two"]]

    def test_file_without_blank_lines_is_cut(self, tmp_path, monkeypatch):
        monkeypatch.setattr(documents, "MAX_LINES_DOCUMENT_CHARACTERS", 9)
        path = write(tmp_path / "a.txt", "12345\n67890\nabc\n\nd\n")
        assert read(path, "lines") == [["12345", "67890"], ["abc"], ["d"]]

    @given(
        content=st.text(alphabet="ab \n\r\té。", max_size=60),
        block=st.integers(4, 9),
        longest=st.integers(1, 5),
    )
    def test_block_and_line_limits_lose_nothing(
        self, tmp_path_factory, content, block, longest
    ):
        path = tmp_path_factory.mktemp("blocks") / "a.txt"
        write(path, content + "x")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_files, "_BLOCK_BYTES", block)
            patch.setattr(text_files, "MAX_LINE_CHARACTERS", longest)
            found = read(path, "lines")
        text = "".join(line for document in found for line in document)
        assert "".join(text.split()) == "".join(content.split()) + "x"
        assert all(len(line) <= longest for doc in found for line in doc)

    @given(
        content=st.text(alphabet="ab \n\ré。", max_size=60),
        block=st.integers(1, 7),
    )
    def test_blocks_do_not_show_where_lines_fit(
        self, tmp_path_factory, content, block
    ):
        path = tmp_path_factory.mktemp("blocks") / "a.txt"
        # No line is longer than a block.
        lines = [
            line[:1]
            for line in content.split("\n")
            if len(line[:1].encode()) < block
        ]
        write(path, "\n".join([*lines, "", "x"]))
        expected = read(path, "lines")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_files, "_BLOCK_BYTES", block)
            assert read(path, "lines") == expected


class TestProse:
    def test_wrapped(self, tmp_path):
        paragraphs = [
            'Mr. Reed came in. "Stop!" he cried, and sat down by the fire '
            "that burned there all day long. Nobody moved.",
            "It was late. " + FILLER * 5,
        ]
        path = write(
            tmp_path / "a.txt", "\r\n".join(wrap(p) for p in paragraphs)
        )
        (document,) = read(path)
        assert document[:4] == [
            "Mr. Reed came in.",
            '"Stop!" he cried, and sat down by the fire that burned there '
            "all day long.",
            "Nobody moved.",
            "It was late.",
        ]
        assert document[4:] == [FILLER.strip()] * 5

    def test_indented_paragraphs(self, tmp_path):
        text = wrap(FILLER * 7 + "And no stop")
        path = write(tmp_path / "a.txt", f"{text} New one. {FILLER}\n{text}")
        (document,) = read(path)
        assert document[7:9] == ["And no stop", "New one."]

    def test_paragraph_a_line(self, tmp_path):
        path = write(
            tmp_path / "a.txt",
            f"A heading\n{FILLER}He sat. {FILLER}\n\nThe end? No.\n",
        )
        assert read(path) == [
            [
                "A heading",
                FILLER.strip(),
                "He sat.",
                FILLER.strip(),
                "The end?",
                "No.",
            ]
        ]

    @pytest.mark.parametrize("wrapped", [True, False])
    def test_chapters(self, tmp_path, wrapped):
        chapter = FILLER * 40
        if wrapped:
            chapter = wrap(chapter)
        text = (
            f"A BOOK\n\nCHAPTER I\n\n{chapter}\n\nII.\n\n{chapter}\n\n\n\n"
            f"{chapter}\nChapter the Third: Home\n\nShort.\n\n\n\n{chapter}"
        )
        found = read(write(tmp_path / "a.txt", text))
        assert [document[0] for document in found] == [
            "A BOOK",
            "II.",
            FILLER.strip(),
            "Chapter the Third: Home",
        ]
        assert found[3][1] == "Short."

    @pytest.mark.parametrize(
        ("paragraph", "expected"),
        [
            ("CHAPTER XIV", True),
            ("Chapter 2. In which it rains", True),
            ("BOOK THE FIRST", True),
            ("Vol. III", True),
            ("XIV.", True),
            ("12", True),
            ("Prologue", True),
            ("第三回 议温明董卓叱丁原", True),
            ("Erstes Kapitel", True),
            ("Part of him wanted to go.", False),
            ("Book a room.", False),
            ("I went.", False),
            ("Chapter and verse", False),
            ("Act one " + "x" * 90, False),
        ],
    )
    def test_is_heading(self, paragraph, expected):
        assert documents.is_heading(paragraph) is expected

    def test_long_chapter_is_cut_at_a_sentence(self, tmp_path):
        path = write(tmp_path / "a.txt", (FILLER * 100 + "\n") * 30)
        found = read(path, "prose")
        assert len(found) == 3
        assert sum(map(len, found)) == 3000
        assert {sentence for doc in found for sentence in doc} == {
            FILLER.strip()
        }
        limit = documents.MAX_PROSE_DOCUMENT_CHARACTERS + len(FILLER)
        assert all(sum(map(len, document)) <= limit for document in found)

    def test_wrapped_book_without_paragraphs_keeps_its_sentences(
        self, tmp_path
    ):
        path = write(tmp_path / "a.txt", wrap(FILLER * 2000))
        found = read(path)
        assert [sentence for doc in found for sentence in doc] == (
            [FILLER.strip()] * 2000
        )

    @given(
        lines=st.lists(
            st.sampled_from(
                [
                    "",
                    " ",
                    "He sat.",
                    "  Mr. X",
                    "CHAPTER I",
                    '"Oh!" he',
                    "a" * 40,
                ]
            ),
            max_size=30,
        ),
        splitting=st.sampled_from(["auto", "prose"]),
        limit=st.integers(1, 50),
    )
    def test_loses_nothing_but_spaces(
        self, tmp_path_factory, lines, splitting, limit
    ):
        path = tmp_path_factory.mktemp("prose") / "a.txt"
        content = "\n".join([*lines, "End."])
        write(path, content)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(documents, "_MAX_PARAGRAPH_CHARACTERS", limit)
            patch.setattr(documents, "MIN_PROSE_DOCUMENT_CHARACTERS", limit)
            patch.setattr(documents, "MAX_PROSE_DOCUMENT_CHARACTERS", 2 * limit)
            found = read(path, splitting)
        assert all(document and all(document) for document in found)
        text = "".join(sentence for doc in found for sentence in doc)
        assert "".join(text.split()) == "".join(content.split())


class TestLayout:
    def test_sentences(self):
        lines = ["A man rides.", "Two dogs play in the snow", "", "He sat."]
        assert detect_layout(lines * 11).kind == "lines"

    def test_sentences_of_even_length(self):
        # As wide as wrapped text, but the lines end like sentences.
        assert detect_layout([FILLER.strip()] * 31).kind == "lines"

    def test_paragraphs(self):
        lines = [FILLER * 3, '"No."', FILLER * 2, '"Yes, of course."']
        assert detect_layout(lines * 11).kind == "paragraphs"

    def test_wrapped(self):
        lines = wrap(FILLER * 31).split("\n")
        layout = detect_layout(["A TITLE", "", "by X", "", *lines])
        assert layout.kind == "wrapped"
        assert "%" in layout.reason

    def test_prose_is_never_lines(self):
        assert detect_layout(["One.", "Two."], False).kind == "paragraphs"
        assert detect_layout([], False).kind == "paragraphs"

    def test_decision_is_logged_once(self, tmp_path, caplog):
        path = write(tmp_path / "once.txt", "One.\nTwo.\n")
        with caplog.at_level(logging.INFO, logger="absl"):
            read(path)
            read(path)
        (line,) = [m for m in caplog.messages if "once.txt" in m]
        assert "one sentence a line" in line


class TestFiles:
    @pytest.mark.parametrize("block", [3, 1 << 20])
    def test_not_utf8(self, tmp_path, monkeypatch, block):
        monkeypatch.setattr(text_files, "_BLOCK_BYTES", block)
        path = write(tmp_path / "latin.txt", b"One\n\nTwo\ncaf\xe9 \nFive\n")
        with pytest.raises(
            UserError, match=r"latin\.txt: line 4 is not UTF-8 \(byte 0xe9\)"
        ):
            read(path, "lines")

    def test_cut_off_inside_a_character(self, tmp_path):
        path = write(tmp_path / "cut.txt", "One\nfive €".encode()[:-1])
        with pytest.raises(UserError, match=r"cut\.txt: line 2 is not UTF-8"):
            read(path)

    def test_missing(self, tmp_path):
        with pytest.raises(UserError, match=r"none\.txt: cannot be read"):
            read(tmp_path / "none.txt")

    def test_directory(self, tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            read(tmp_path)

    @pytest.mark.parametrize("content", ["", "\n \n\t\n", "\ufeff"])
    def test_empty_corpus(self, tmp_path, content):
        path = write(tmp_path / "empty.txt", content)
        for splitting in documents.SENTENCE_SPLITTINGS:
            with pytest.raises(UserError, match=r"empty\.txt: no text found"):
                read(path, splitting)

    def test_an_empty_file_among_others(self, tmp_path):
        paths = [write(tmp_path / "a", ""), write(tmp_path / "b", "One.")]
        assert list(read_documents(paths)) == [["One."]]
        with pytest.raises(UserError, match="2 input files: no text found"):
            list(read_documents([paths[0]] * 2))

    def test_unknown_splitting(self):
        with pytest.raises(ValueError, match="auto, lines, prose.*'words'"):
            next(read_documents(["a"], "words"))

    @pytest.mark.slow
    @pytest.mark.parametrize("splitting", ["lines", "prose"])
    @pytest.mark.parametrize("text", [FILLER, "x", "。"])
    def test_memory_of_one_long_line(self, tmp_path, splitting, text):
        path = tmp_path / "long.txt"
        times = 17_000_000 // len(text.encode())
        path.write_bytes(text.encode() * times)
        tracemalloc.start()
        try:
            longest = characters = 0
            for document in read_documents([str(path)], splitting):
                longest = max(longest, *map(len, document))
                characters += sum(map(len, document))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert longest <= text_files.MAX_LINE_CHARACTERS
        assert characters >= 0.95 * times * len(text)
        # Blocks of 1 MiB as bytes and text, a document, their sentences.
        assert peak < 11e6


class TestExpandFiles:
    def test_globs_and_names(self, tmp_path):
        for name in ("b.txt", "a.txt", "c.md"):
            write(tmp_path / name, "x")
        (tmp_path / "d.txt").mkdir()
        expected = [str(tmp_path / name) for name in ("a.txt", "b.txt")]
        assert expand_files(f"{tmp_path}/*.txt") == expected
        assert expand_files(f"{tmp_path}/b.txt, {tmp_path}/*.txt,") == expected
        assert expand_files([f"{tmp_path}/*.md", tmp_path / "b.txt"]) == [
            str(tmp_path / "b.txt"),
            str(tmp_path / "c.md"),
        ]

    def test_a_name_that_looks_like_a_pattern(self, tmp_path):
        write(tmp_path / "a[1].txt", "x")
        assert expand_files(f"{tmp_path}/a[1].txt") == [f"{tmp_path}/a[1].txt"]

    def test_a_comma_in_a_name(self, tmp_path):
        path = write(tmp_path / "Bronte, Jane Eyre, 1847.txt", "x")
        other = write(tmp_path / "c.txt", "x")
        assert expand_files(path) == [path]
        assert expand_files([path]) == [path]
        assert expand_files(f" {other}, {path} ,{other}") == [path, other]
        assert expand_files(f"{tmp_path}/*.txt") == [path, other]
        with pytest.raises(UserError, match="Bronte: cannot be read"):
            expand_files(f"{tmp_path}/Bronte, Emily.txt")

    def test_recursive(self, tmp_path):
        (tmp_path / "one" / "two").mkdir(parents=True)
        path = write(tmp_path / "one" / "two" / "a.txt", "x")
        assert expand_files(f"{tmp_path}/**/*.txt") == [path]

    def test_nothing_found(self, tmp_path):
        write(tmp_path / "a.txt", "x")
        with pytest.raises(UserError, match=r"nope/\*: no such file"):
            expand_files(f"{tmp_path}/a.txt,{tmp_path}/nope/*")

    def test_directory(self, tmp_path):
        with pytest.raises(UserError, match=r"is a directory; .*\*\.txt"):
            expand_files(str(tmp_path))

    @pytest.mark.parametrize("patterns", ["", " , ", []])
    def test_nothing_named(self, patterns):
        with pytest.raises(UserError, match="no input file"):
            expand_files(patterns)
