# SPDX-License-Identifier: Apache-2.0
"""Tests of wordpiece.py and wordpiece_words.py in albert/text."""

import json
import pathlib
import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.text import wordpiece
from albert.text import wordpiece_words
from albert.text.wordpiece import WordPieceTokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "wordpiece"
VOCABULARY = GOLDEN / "vocab.txt"
CONTROL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def golden_rows():
    lines = (GOLDEN / "strings.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def write_vocabulary(path, *pieces, control=CONTROL, end="\n"):
    path.write_bytes("".join(f"{p}{end}" for p in [*control, *pieces]).encode())
    return path


@pytest.fixture
def make_tokenizer(tmp_path):
    def make(*pieces, **settings):
        path = write_vocabulary(tmp_path / "vocab.txt", *pieces)
        return WordPieceTokenizer(path, **settings)

    return make


def spans_of(tokenizer, text):
    spans = tokenizer.encode_with_offsets([text])
    return [
        (tokenizer.pieces[id_], text[start:end])
        for id_, start, end in zip(*spans.row(0), strict=True)
    ]


@pytest.mark.parametrize("case", ["lower", "cased"])
class TestGolden:
    def test_every_string(self, case):
        tokenizer = WordPieceTokenizer(VOCABULARY, lower_case=case == "lower")
        rows = golden_rows()
        assert len(rows) == 240
        for row in rows:
            assert tokenizer.encode(row["text"]) == row[case]["ids"], row
        assert tokenizer.encode_batch(row["text"] for row in rows) == [
            row[case]["ids"] for row in rows
        ]

    def test_offsets(self, case):
        tokenizer = WordPieceTokenizer(VOCABULARY, lower_case=case == "lower")
        rows = golden_rows()
        spans = tokenizer.encode_with_offsets([row["text"] for row in rows])
        for index, row in enumerate(rows):
            ids, starts, ends = spans.row(index)
            assert ids.tolist() == row[case]["ids"]
            for start, end, theirs in zip(
                starts, ends, row[case]["offsets"], strict=True
            ):
                # Accents behind a piece belong to it here.
                behind = row["text"][theirs[1] : end]
                assert [start, end - len(behind)] == theirs
                assert all(
                    unicodedata.category(char) == "Mn" for char in behind
                )


class TestWords:
    @pytest.mark.parametrize(
        "text, words",
        [
            ("Don't stop", ["don", "'", "t", "stop"]),
            ("曹操said用A4纸", ["曹", "操", "said", "用", "a4", "纸"]),
            ("a$b+c ~`^|", [*"a$b+c~`^|"]),
            ("한국 ひらがな", ["한국", "ひらかな"]),
            # What is neither a space nor a letter is dropped inside words.
            ("so\u00adft w\u200bi\ufeffde\0 \ufffdx", ["soft", "wide", "x"]),
            # Tabs and the separators of lines and paragraphs are spaces.
            (
                "a\tb\u3000c\u2028d\u2029e\xa0f\x0bg",
                ["a", "b", "c", "d", "e", "fg"],
            ),
            ("ÀÉ e\u0301 \u0301 İ", ["ae", "e", "i"]),
            # Private characters and a final sigma: others differ.
            ("x\ue000y ΑΣ Σ", ["x\ue000y", "ας", "σ"]),
        ],
    )
    def test_cut(self, text, words):
        cut = wordpiece_words.cut_words(wordpiece_words.normalize(text))
        assert [unicodedata.normalize("NFC", word) for word in cut] == words

    def test_case_and_accents_are_kept_on_demand(self):
        text = "ÀÉ e\u0301\u00ad"
        assert wordpiece_words.normalize(text, lower_case=False) == "ÀÉ e\u0301"
        assert (
            wordpiece_words.normalize(text, strip_accents=False) == "àé e\u0301"
        )

    def test_spans_of_kept_accents(self, make_tokenizer):
        tokenizer = make_tokenizer(*"e\u0301é", "##\u0301", strip_accents=False)
        spans = tokenizer.encode_with_offsets(["É e\u0301"])
        assert tokenizer.tokenize("É e\u0301") == ["é", "e", "##\u0301"]
        assert spans.starts.tolist() == [0, 2, 3]
        assert spans.ends.tolist() == [1, 3, 4]

    def test_accents_go_only_with_capitals(self, make_tokenizer):
        tokenizer = make_tokenizer("e", lower_case=False, strip_accents=True)
        assert not tokenizer.strip_accents

    def test_no_punctuation_lies_beyond_the_last(self):
        beyond = range(
            wordpiece_words._LAST_PUNCTUATION + 1, sys.maxunicode + 1
        )
        assert not any(unicodedata.category(chr(c))[0] == "P" for c in beyond)

    @given(st.text())
    def test_normalizing_twice_changes_nothing(self, text):
        once = wordpiece_words.normalize(text)
        assert wordpiece_words.cut_words(wordpiece_words.normalize(once)) == (
            wordpiece_words.cut_words(once)
        )


class TestPieces:
    def test_longest_piece_from_the_left(self, make_tokenizer):
        tokenizer = make_tokenizer("un", "una", "##aff", "##ffable", "##f")
        assert tokenizer.tokenize("unaffable") == ["una", "##ffable"]
        # Nothing is taken back.
        assert tokenizer.tokenize("unaff x") == ["una", "##f", "##f", "x"]
        assert tokenizer.encode("unafg") == [tokenizer.unknown_id]

    def test_longest_word(self, make_tokenizer):
        tokenizer = make_tokenizer("a", "##a")
        assert len(tokenizer.encode("a" * 200)) == 200
        assert tokenizer.encode("a" * 201) == [tokenizer.unknown_id]

    def test_control_pieces_are_text(self, make_tokenizer):
        tokenizer = make_tokenizer("[", "]", "mask", "##mask", "#")
        assert tokenizer.tokenize("[MASK]##mask") == (
            ["[", "mask", "]", "#", "#", "mask"]
        )

    def test_words_that_are_forgotten_have_the_same_ids(
        self, make_tokenizer, monkeypatch
    ):
        monkeypatch.setattr(wordpiece, "_MAX_REMEMBERED_WORDS", 2)
        tokenizer = make_tokenizer(*"abc")
        assert [
            tokenizer.pieces[id_] for id_ in tokenizer.encode("a b c a b")
        ] == (["a", "b", "c", "a", "b"])
        assert len(tokenizer._ids_of_words) <= 2


class TestOffsets:
    def test_what_is_dropped_between_words_is_in_no_span(self, make_tokenizer):
        tokenizer = make_tokenizer("born", "in", "war", "##saw", "cafe", "s")
        assert spans_of(
            tokenizer, "born in\u200f Wars\u00adaw\u200f Cafe\u0301s."
        ) == [
            ("born", "born"),
            ("in", "in"),
            ("war", "War"),
            ("##saw", "s\u00adaw"),
            ("[UNK]", "Cafe\u0301s"),
            ("[UNK]", "."),
        ]

    def test_accents_belong_to_their_letter(self, make_tokenizer):
        tokenizer = make_tokenizer("cafe", "##e", "e", "汉")
        assert spans_of(
            tokenizer, "cafe\u0301\u0323 \u0301e\u0301 汉\u0301"
        ) == [
            ("cafe", "cafe\u0301\u0323"),
            ("e", "e\u0301"),
            ("汉", "汉\u0301"),
        ]

    def test_letters_of_a_syllable_share_it(self, make_tokenizer):
        first, vowel, last = unicodedata.normalize("NFD", "한")
        tokenizer = make_tokenizer(first, f"##{vowel}", f"##{last}")
        assert [span for _, span in spans_of(tokenizer, "한")] == ["한"] * 3

    def test_no_text(self, make_tokenizer):
        spans = make_tokenizer("a").encode_with_offsets(
            ["", " ", "a", "\u0301"]
        )
        assert spans.row_splits.tolist() == [0, 0, 0, 1, 1]
        assert len(make_tokenizer("a").encode_with_offsets([]).ids) == 0

    @given(st.lists(st.text()))
    def test_any_text(self, texts):
        tokenizer = WordPieceTokenizer(VOCABULARY)
        spans = tokenizer.encode_with_offsets(texts)
        for index, text in enumerate(texts):
            ids, starts, ends = spans.row(index)
            assert ids.tolist() == tokenizer.encode(text)
            assert (starts < ends).all() and (ends <= len(text)).all()
            assert (starts[1:] >= starts[:-1]).all()
            assert (ends[1:] >= ends[:-1]).all()


class TestTables:
    def test_word_starts(self, make_tokenizer):
        tokenizer = make_tokenizer("a", "##a", "汉", "#")
        assert tokenizer.word_start_table()[5:].tolist() == [
            True,
            False,
            True,
            True,
        ]

    def test_replacements_can_occur(self, make_tokenizer):
        can = ["a", "##a", "汉", "!", "##ab1"]
        cannot = ["[unused1]", "<S>", "A", "##É", "##汉", "##!", "\u2028"]
        tokenizer = make_tokenizer(*can, *cannot)
        pieces = [tokenizer.pieces[id_] for id_ in tokenizer.replacement_ids()]
        assert pieces == can

    def test_replacements_of_a_cased_vocabulary(self, make_tokenizer):
        tokenizer = make_tokenizer("A", "##É", lower_case=False)
        assert tokenizer.replacement_ids().tolist() == [5, 6]

    def test_decode(self, make_tokenizer):
        tokenizer = make_tokenizer("the", "cat", "##s", "曹", "操", "，", ".")
        ids = [2, *tokenizer.encode("The cats. 曹操，"), 4, 3, 0]
        assert tokenizer.decode(ids) == (
            "[CLS] the cats . 曹操， [MASK] [SEP] [PAD]"
        )
        with pytest.raises(ValueError, match="id 12 is not in"):
            tokenizer.decode([12])


class TestFiles:
    def test_ids_are_lines(self, tmp_path):
        path = write_vocabulary(
            tmp_path / "v",
            " ",
            "a",
            control=["[MASK]", *CONTROL[:4]],
            end="\r\n",
        )
        tokenizer = WordPieceTokenizer(path)
        special = ("pad_id", "unknown_id", "cls_id", "sep_id", "mask_id")
        assert [getattr(tokenizer, name) for name in special] == [1, 2, 3, 4, 0]
        assert tokenizer.encode("a") == [6]
        assert tokenizer.vocabulary_size == 7

    def test_no_piece_that_text_gives(self, make_tokenizer):
        tokenizer = make_tokenizer("A", "##B")
        with pytest.raises(UserError, match="can give none of its pieces"):
            tokenizer.replacement_ids()

    def test_fingerprint(self, tmp_path):
        one = write_vocabulary(tmp_path / "1", "a", "b")
        same = write_vocabulary(tmp_path / "2", "a", "b", end="\r\n")
        other = write_vocabulary(tmp_path / "3", "b", "a")
        prints = [WordPieceTokenizer(p).fingerprint for p in (one, same, other)]
        assert prints[0] == prints[1] != prints[2]
        cased = WordPieceTokenizer(one, lower_case=False)
        assert cased.fingerprint not in prints

    @pytest.mark.parametrize(
        "content, words",
        [
            (b"[PAD]\n[UNK]\n[CLS]\nx\n", ["no [SEP], [MASK]", "vocab.txt"]),
            (b"a\nb\nc\nb\n", ["line 4", "repeats 'b'", "line 2"]),
            (b"[UNK]\n\xff\n", ["not a WordPiece vocabulary"]),
            (b"[UNK]\n\na\n", ["line 2 is empty"]),
            (b"", ["no [UNK]"]),
        ],
    )
    def test_others_are_refused(self, tmp_path, content, words):
        path = tmp_path / "vocab.txt"
        path.write_bytes(content)
        with pytest.raises(UserError) as caught:
            WordPieceTokenizer(path)
        for word in [str(path), *words]:
            assert word in str(caught.value)
