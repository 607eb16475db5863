# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/documents.py."""

import logging
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.text import documents
from albert.text import paragraphs
from albert.text import text_files
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
        assert paragraphs.is_heading(paragraph) is expected

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
                    "A" * 40,
                    "</doc>",
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
            patch.setattr(paragraphs, "_MAX_PARAGRAPH_CHARACTERS", limit)
            patch.setattr(documents, "MIN_PROSE_DOCUMENT_CHARACTERS", limit)
            patch.setattr(documents, "MAX_PROSE_DOCUMENT_CHARACTERS", 2 * limit)
            found = read(path, splitting)
        assert all(document and all(document) for document in found)
        text = "".join(sentence for doc in found for sentence in doc)
        content = content.replace("</doc>", "")
        assert "".join(text.split()) == "".join(content.split())


class TestChangingLayout:
    # What people have who join their files with cat.
    SENTENCES = "The old house stood by the river. Nobody came.\n" * 1200
    WRAPPED = (
        "It had rained all day long and nobody had seen the letter that\n"
        "lay on the table beside the window, so the children went home.\n\n"
    ) * 2000

    def test_the_order_of_parts_does_not_matter(self, tmp_path):
        one = write(tmp_path / "a.txt", self.SENTENCES + self.WRAPPED)
        other = write(tmp_path / "b.txt", self.WRAPPED + self.SENTENCES)
        found = read(one)
        assert sum(map(len, found)) == 2 * 1200 + 2000
        assert sorted(found) == sorted(read(other))

    def test_parts_are_read_as_if_alone(self, tmp_path):
        parts = [self.SENTENCES, self.WRAPPED]
        alone = [
            document
            for part in parts
            for document in read(write(tmp_path / "a.txt", part))
        ]
        assert read(write(tmp_path / "b.txt", "".join(parts))) == alone

    def test_changes_are_logged(self, tmp_path, caplog):
        path = write(
            tmp_path / "c.txt", (self.WRAPPED + self.SENTENCES + "\n") * 4
        )
        with caplog.at_level(logging.INFO, logger="absl"):
            read(path)
        lines = [m for m in caplog.messages if "c.txt" in m]
        assert len(lines) == 4
        assert "c.txt: from line 6,001 on read as prose" in lines[1]
        assert "further changes are not listed" in lines[-1]


ARTICLES = [
    ["The house.", "It stood by the river. Nobody came.", "Why? It rained."],
    ["The letter was lost. She wept.", "He laughed. It was found."],
] * 5


class TestArticles:
    def test_blank_lines_between_articles(self, tmp_path):
        text = "\n\n".join("\n".join(article) for article in ARTICLES)
        found = read(write(tmp_path / "a.txt", text))
        assert len(found) == 10
        assert found[1] == [
            "The letter was lost.",
            "She wept.",
            "He laughed.",
            "It was found.",
        ]

    def test_titles_stay_with_their_articles(self, tmp_path):
        text = "\n\n".join(
            "The title\n\nMay 25\n\n" + "\n".join(article)
            for article in ARTICLES
        )
        found = read(write(tmp_path / "a.txt", text))
        assert len(found) == 10
        assert {document[0] for document in found} == {"The title"}

    def test_headings_with_stops_stay_with_what_follows(self, tmp_path):
        path = write(
            tmp_path / "a.txt",
            "THE FIRST PART.\n\nIN WHICH A LETTER IS LOST.\n\n"
            "The letter was lost. She wept.\n\nHe laughed. It was found.",
        )
        found = list(read_documents([path], "prose", "blank_line"))
        assert list(map(len, found)) == [4, 2]

    def test_lists_stay_together(self, tmp_path):
        path = write(
            tmp_path / "a.txt",
            "Much was lost. I shall ask for:\n\n--A letter. A pen.\n\n"
            "--A house. A mill.\n\nHe laughed. It was found.",
        )
        found = list(read_documents([path], "prose", "blank_line"))
        assert list(map(len, found)) == [6, 2]

    def test_text_without_stops_is_not_one_title(self, tmp_path):
        line = "บ้านเก่าตั้งอยู่ริมแม่น้ำ" * 9
        path = write(tmp_path / "a.txt", f"{line}\n\n{line}\n")
        found = list(read_documents([path], "prose", "blank_line"))
        assert found == [[line]] * 2

    @pytest.mark.parametrize("splitting", ["auto", "lines", "prose"])
    def test_tags_are_borders_and_no_text(self, tmp_path, splitting):
        text = "".join(
            f'<doc id="{i}" url="https://x.org?curid={i}" title="T &amp; U">\n'
            f"T & U\n\n{FILLER}Yes. {FILLER}\n\nNo. {FILLER}\n\n</doc>\n"
            for i in range(7)
        )
        found = read(write(tmp_path / "wiki_00", text), splitting)
        assert len(found) == 7
        assert {document[0] for document in found} == {"T & U"}
        assert not any("doc" in line for doc in found for line in doc)

    def test_after_the_last_tag_chapters_end_documents_again(self, tmp_path):
        chapter = f"CHAPTER I\n\n{FILLER * 40}\n\n"
        article = f"<doc id='1'>\n{chapter * 2}</doc>\n"
        path = write(tmp_path / "a.txt", article + chapter * 2)
        assert [len(document) for document in read(path)] == [82, 41, 41]

    def test_an_article_goes_on_over_a_change_of_the_layout(self, tmp_path):
        prose = f"{FILLER * 3}\n\n" * 40
        lines = ("It rained.\n" * 10 + "\n") * 40
        article = f"<doc id='1'>\n{prose}{lines}</doc>\n"
        found = read(write(tmp_path / "a.txt", article * 2))
        assert len(found) <= 4

    def test_tags_in_wrapped_text(self, tmp_path):
        article = f"<doc id='1'>\n{wrap(FILLER * 31)}</doc>\n"
        found = read(write(tmp_path / "a.txt", article * 3))
        assert found == [[FILLER.strip()] * 31] * 3

    def test_titles_of_wikitext_are_borders(self, tmp_path):
        article = (
            " = Tower Building = \n \n It is in Little Rock . It is old . \n"
            " \n = = History = = \n \n It was built . It stands . \n \n"
        )
        assert (
            read(write(tmp_path / "wiki.txt", article * 3))
            == [
                [
                    "Tower Building",
                    "It is in Little Rock .",
                    "It is old .",
                    "= = History = =",
                    "It was built .",
                    "It stands .",
                ]
            ]
            * 3
        )

    @pytest.mark.parametrize(
        "text",
        ["= 3 + 4 =\nIt is seven.", "It is this.\n\n= 3 + 4 =\nIt is seven."],
    )
    def test_a_line_between_marks_is_no_title(self, tmp_path, text):
        posts = f"{text}\n\n" + "It is seven.\n\n" * 5
        found = read(write(tmp_path / "a.txt", posts))
        assert len(found) == 6 + text.startswith("It")


class TestSeparators:
    LINES = "One.\n\nTwo.\n\n\n\nThree.\n"

    def read(self, path, splitting, separator):
        return list(read_documents([path], splitting, separator))

    def test_lines(self, tmp_path, monkeypatch):
        path = write(tmp_path / "a.txt", self.LINES)
        monkeypatch.setattr(documents, "MIN_PROSE_DOCUMENT_CHARACTERS", 5)
        assert self.read(path, "lines", "blank_line") == [
            ["One."],
            ["Two."],
            ["Three."],
        ]
        assert self.read(path, "lines", "chapter") == [
            ["One.", "Two."],
            ["Three."],
        ]
        assert self.read(path, "lines", "file") == [["One.", "Two.", "Three."]]

    @pytest.mark.parametrize("wrapped", [True, False])
    def test_prose(self, tmp_path, wrapped):
        text = FILLER * 40
        text = wrap(text) if wrapped else text + "\n"
        path = write(tmp_path / "a.txt", f"{text}\n{text}\n\n\n{text}")
        for separator, expected in (
            ("blank_line", [40, 40, 40]),
            ("chapter", [80, 40]),
            ("auto", [80, 40]),
            ("file", [120]),
        ):
            found = self.read(path, "auto", separator)
            assert [len(document) for document in found] == expected

    def test_unknown(self):
        with pytest.raises(ValueError, match="document_separator must be one"):
            next(read_documents(["a"], "auto", "page"))

    def test_no_border_is_warned_of(self, tmp_path, caplog):
        line = "12345 789\n"
        path = write(tmp_path / "endless.txt", line * 130_000)
        with caplog.at_level(logging.WARNING, logger="absl"):
            found = read(path, "lines")
            self.read(path, "lines", "file")
            with_border = write(tmp_path / "b.txt", line * 65_000 + "\n" + line)
            read(with_border, "lines")
        assert len(found) == 2
        (warning,) = caplog.messages
        assert "endless.txt: no border between documents" in warning
        assert "--document_separator=blank_line" in warning

    def test_several_files_without_a_border(self, tmp_path, caplog):
        """Each alone is too short to be sure of."""
        line = "12345 789\n"
        files = [
            write(tmp_path / f"{name}.txt", line * 40_000) for name in "abc"
        ]
        with caplog.at_level(logging.WARNING, logger="absl"):
            list(read_documents(files[:2], "lines"))
            assert not caplog.messages
            list(read_documents(files, "lines"))
        (warning,) = caplog.messages
        assert "a.txt: no border between documents was found in 1," in warning
        assert "(3 files are like that)" in warning
        assert "--document_separator=line if each line is one" in warning

    @pytest.mark.parametrize("splitting", ["auto", "prose"])
    def test_a_document_a_line(self, tmp_path, splitting):
        text = "It was good. Nobody came.\nThe film, which I saw with\nher.\n"
        path = write(tmp_path / "a.txt", f"{text}\n\n{text}")
        assert (
            self.read(path, splitting, "line")
            == [
                ["It was good.", "Nobody came."],
                ["The film, which I saw with"],
                ["her."],
            ]
            * 2
        )
        assert self.read(path, "lines", "line")[0] == [text.splitlines()[0]]

    def test_what_follows_a_cut_document_is_another(self, tmp_path):
        """However short its last part is."""
        limit = documents.MAX_PROSE_DOCUMENT_CHARACTERS
        chapter = FILLER * (limit // len(FILLER.strip()) + 9)
        text = "".join(
            f"CHAPTER {number}\n\n{wrap(chapter)}\n\n\n\n"
            for number in ("I", "II", "III")
        )
        found = self.read(write(tmp_path / "a.txt", text), "auto", "auto")
        heads = [document[0] for document in found]
        assert heads[::2] == ["CHAPTER I", "CHAPTER II", "CHAPTER III"]
        assert {*heads[1::2]} == {FILLER.strip()} and len(heads) == 6


class TestLostCharacters:
    def test_few_are_warned_of(self, tmp_path, caplog):
        path = write(tmp_path / "a.txt", f"{'x' * 498}\ufffd{'y' * 501}\n")
        with caplog.at_level(logging.WARNING, logger="absl"):
            assert len(read(path, "lines")) == 1
        (warning,) = caplog.messages
        assert "a.txt: 1 characters, 0.10% of the text, are U+FFFD" in warning

    def test_many_are_refused(self, tmp_path):
        path = write(tmp_path / "a.txt", "Le caf\ufffd est ferm\ufffd.\n")
        other = write(tmp_path / "b.txt", "It is.\n")
        with pytest.raises(UserError, match=r"a\.txt: 2 char.*, or take these"):
            list(read_documents([other, path], "lines"))


class TestBrokenLines:
    def test_a_line_that_breaks_off_is_joined(self, tmp_path):
        text = (
            f"{FILLER}He said that the\nletter was lost. {FILLER}\n\n"
            f"{FILLER}And then the\n\nsun set. {FILLER}\n"
        )
        (document,) = read(write(tmp_path / "a.txt", text))
        assert document == [
            FILLER.strip(),
            "He said that the letter was lost.",
            FILLER.strip(),
            FILLER.strip(),
            "And then the sun set.",
            FILLER.strip(),
        ]

    @pytest.mark.parametrize(
        "pair",
        [
            ("A short heading", "by somebody"),
            (f"{FILLER}The end", "The next line"),
            (f"{FILLER}The end:", "the next line"),
            (f"{FILLER}the end".lower(), "the next line"),
        ],
    )
    def test_others_are_not(self, tmp_path, pair):
        text = "\n".join([FILLER * 3, *pair, FILLER * 3])
        found = read(write(tmp_path / "a.txt", text), "prose")
        assert pair[1] in [line for document in found for line in document]


class TestLog:
    def test_of_many_files_the_first_are_logged(
        self, tmp_path, caplog, monkeypatch
    ):
        monkeypatch.setattr(documents, "_LOGGED_FILES", 2)
        files = [write(tmp_path / f"{n}.txt", "One.\n") for n in range(5)]
        with caplog.at_level(logging.INFO, logger="absl"):
            list(read_documents(files))
        first, second, last = caplog.messages
        assert first.startswith(f"{files[0]}: read as")
        assert second.startswith(f"{files[1]}: read as")
        assert "other 3 files" in last

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
    @pytest.mark.parametrize("splitting", ["auto", "lines", "prose"])
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
        # Blocks of 1 MiB as bytes and text, lines whose layout is not decided
        # yet, a document, their sentences.
        assert peak < 13e6
