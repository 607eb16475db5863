# SPDX-License-Identifier: Apache-2.0
"""Ids of pairs, and what is counted about them."""

import pathlib

import numpy as np
import pytest
from absl import logging

import albert
from albert.errors import UserError
from albert.text_to_text.pair_features import PairSettings
from albert.text_to_text.pair_features import encode_pairs
from albert.text_to_text.pair_features import encode_sources
from albert.text_to_text.parallel_text import PairTable
from albert.text_to_text.parallel_text import ParallelFiles


@pytest.fixture
def lines(monkeypatch):
    lines = []

    def keep(text, *values):
        lines.append(text % values)

    monkeypatch.setattr(logging, "info", keep)
    monkeypatch.setattr(logging, "warning", keep)
    return lines


def encode(tmp_path, tokenizer, rows, keep_texts=False, **settings):
    for name, column in zip(("en", "de"), zip(*rows, strict=True), strict=True):
        (tmp_path / name).write_text("".join(f"{line}\n" for line in column))
    return encode_pairs(
        ParallelFiles(str(tmp_path / "en"), str(tmp_path / "de")),
        tokenizer,
        PairSettings(
            **({"max_seq_length": 5, "max_target_length": 5} | settings)
        ),
        split="training",
        keep_texts=keep_texts,
    )


def rows_of(ids, splits):
    return [row.tolist() for row in np.split(ids, splits[1:-1])]


def ids_of(tokenizer, text):
    return [tokenizer.pieces.index(piece) for piece in text.split()]


def test_ids(tmp_path, tokenizer, lines):
    encoded = encode(
        tmp_path, tokenizer, [("a b", "A B C"), ("c", "C .")], keep_texts=True
    )
    features = encoded.features
    assert rows_of(features.source_ids, features.source_splits) == [
        ids_of(tokenizer, "[CLS] a b [SEP]"),
        ids_of(tokenizer, "[CLS] c [SEP]"),
    ]
    assert rows_of(features.target_ids, features.target_splits) == [
        ids_of(tokenizer, "A B C [SEP]"),
        ids_of(tokenizer, "C . [SEP]"),
    ]
    assert features.source_lengths.tolist() == [4, 3]
    assert features.target_lengths.tolist() == [4, 3]
    assert features.source_ids.dtype == features.target_ids.dtype == np.int32
    assert (encoded.sources, encoded.targets) == (
        ["a b", "c"],
        ["A B C", "C ."],
    )
    assert lines == ["training: 2 pairs"]


def test_what_is_counted(tmp_path, tokenizer, lines):
    whole = [("a b", "A"), ("b", "B"), ("b", "C"), ("a b", "A"), ("c", "c")]
    encoded = encode(
        tmp_path,
        tokenizer,
        [
            *whole,
            ("", "B"),
            ("a", " \t"),
            ("", ""),
            ("a b c", "A B C D"),
            ("a b c", "A B C D E"),
            ("a b c d", "A"),
        ],
        max_left_out_share=0.5,
        keep_texts=True,
    )
    counts = encoded.counts
    assert (counts.pairs, counts.left_out) == (6, 4)
    # What is left out is kept too, so that lines stay lines.
    assert encoded.sources == [
        *(pair[0] for pair in whole),
        *("", "a", "", "a b c", "a b c", "a b c d"),
    ]
    assert encoded.targets[5:8] == ["B", " \t", ""]
    assert encoded.features.num_examples == 6
    assert lines[0] == (
        "training: 6 pairs; 4 left out (40.00%: 1 without a source, 1 without "
        "a target, 1 with too long a source, 1 with too long a target); 1 "
        "blank lines; 1 with the source as target; 1 duplicates; 1 other "
        "targets of a source that came before"
    )
    assert lines[1].endswith(
        "40.0% of the pairs are left out, the first in line 6: correct the "
        "files, or raise --max_target_length, raise --max_seq_length or give "
        "--cut_long_sources"
    )
    # The others are more than a tenth too.
    assert "the target is the source" in lines[2]
    assert "17% of the pairs came before" in lines[3]


def test_a_text_without_a_piece_is_none(tmp_path, tokenizer, lines):
    pairs = [("a", "A"), ("\u200b", "B"), ("b", "\ufeff "), ("\u200b", "")]
    encoded = encode(tmp_path, tokenizer, pairs, max_left_out_share=0.9)
    counts = encoded.counts
    assert (counts.pairs, counts.blank) == (1, 1)
    assert (counts.without_source, counts.without_target) == (1, 1)


def test_long_sources_can_be_cut(tmp_path, tokenizer, lines):
    encoded = encode(
        tmp_path,
        tokenizer,
        [("a b c d e", "A"), ("b", "B")],
        cut_long_sources=True,
    )
    features = encoded.features
    assert rows_of(features.source_ids, features.source_splits) == [
        ids_of(tokenizer, "[CLS] a b c [SEP]"),
        ids_of(tokenizer, "[CLS] b [SEP]"),
    ]
    assert lines == ["training: 2 pairs; 1 sources cut"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            [("a", "A"), ("b", ""), ("c", "C"), ("d", "")],
            r"en, .*de: 50% of the pairs cannot be used \(2 pairs; 2 left out "
            r".*\), the first in line 2: correct the files, or give a larger",
        ),
        (
            [("a", "A"), ("b", "A B C D E")],
            "line 2: correct the files, raise --max_target_length, or give",
        ),
        ([("", ""), (" ", "")], "de: holds no text"),
        (
            [("a b", "Ж Ж C"), ("c", "Ж")],
            r"/de: 75% of the pieces are unknown to .*vocab.txt",
        ),
        ([("xyz", "A"), ("c", "C")], "/en: 50% of the pieces are unknown"),
    ],
)
def test_refuses(tmp_path, tokenizer, lines, rows, message):
    with pytest.raises(UserError, match=message):
        encode(tmp_path, tokenizer, rows)


def test_warns_of_a_vocabulary_of_one_language(tmp_path, tokenizer, lines):
    pairs = [("a b", "A B C")] * 9 + [("a b", "A B xyz")]
    encode(tmp_path, tokenizer, pairs, max_unknown_share=0.5)
    assert lines[-1].endswith(
        "create-vocabulary`, with the same --do_lower_case and --strip_accents"
    )
    assert "/de: 3.3% of the pieces are <unk>, 9.4% of the ch" in lines[-1]


def test_warns_of_many_pieces_on_one_side(tmp_path, lines):
    """A vocabulary of one language can spell another of its script."""
    golden = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
    english = albert.Tokenizer(golden / "spm2000_numcomma.model")
    settings = {
        "max_seq_length": 50,
        "max_target_length": 90,
        "max_unknown_share": 1,
    }
    rows = [
        (
            "The man said that the house was there.",
            "Der Mann sagte, dass das Haus dort gewesen sei.",
        )
    ]
    encoded = encode(tmp_path, english, rows, **settings)
    counts = encoded.counts
    assert counts.source_pieces_per_character == 0.2903
    assert counts.target_pieces_per_character == 0.6923
    assert lines[-1].endswith(
        "/de: 0.69 pieces per character, against 0.29 on the other side: the "
        "vocabulary seems to be of that side's language alone; make one of "
        "both sides with `albert create-vocabulary`, whose --input_file takes "
        "several files"
    )
    encode(tmp_path, english, [row[::-1] for row in rows], **settings)
    assert "/en: 0.69 pieces per character" in lines[-1]
    # What is alike, and another script, of which nothing is known.
    for row in ((rows[0][0],) * 2, ("The man said", "男は, そう言った")):
        encode(tmp_path, english, [row], **settings)
        assert not any("other side" in line for line in lines[-2:])


def test_tables(tmp_path, tokenizer, lines):
    path = tmp_path / "pairs.tsv"
    path.write_text("a\tA B\n\nb\t\n\t\n")
    encoded = encode_pairs(
        PairTable(str(path), "1", "2"),
        tokenizer,
        PairSettings(
            max_seq_length=5, max_target_length=5, max_left_out_share=0.5
        ),
        split="dev",
    )
    assert encoded.counts.without_target == 1 and encoded.targets is None
    assert encoded.counts.blank == 2


def test_sources_alone(tokenizer):
    rows, cut = encode_sources(["a b c d", "", "e"], tokenizer, 5)
    assert cut == 1
    assert rows == [
        ids_of(tokenizer, "[CLS] a b c [SEP]"),
        ids_of(tokenizer, "[CLS] [SEP]"),
        ids_of(tokenizer, "[CLS] e [SEP]"),
    ]
