# SPDX-License-Identifier: Apache-2.0
"""Texts that go to a search and come back, in their order."""

import numpy as np
import pytest
import tensorflow as tf
from absl import logging

from albert.errors import UserError
from albert.text_to_text import translation
from albert.text_to_text.translation import SearchSettings
from albert.text_to_text.translation import Translation
from albert.text_to_text.translation import Translator

LENGTH = 11


class Search:
    """Search that finds a source itself, then the source without its start."""

    shapes = []

    def __init__(self, model, tokenizer, *, num_best, **settings):
        self.sep_id, self.num_best = tokenizer.sep_id, num_best

    def __call__(self, input_ids, input_mask):
        Search.shapes.append(input_ids.shape)
        assert (input_mask == (input_ids != 0)).all()
        ids = np.zeros((len(input_ids), self.num_best, LENGTH), np.int32)
        scores = np.full((len(input_ids), self.num_best), -np.inf, np.float32)
        for row, source in enumerate(input_ids):
            target = source[1 : list(source).index(self.sep_id) + 1]
            for rank in range(min(self.num_best, len(target))):
                part = target[rank:]
                ids[row, rank, : len(part)] = part
                scores[row, rank] = -rank if source[1] != 5 else np.nan
        return tf.constant(ids), tf.constant(scores)


@pytest.fixture
def make(monkeypatch, tokenizer):
    monkeypatch.setattr(translation, "BeamSearch", Search)
    monkeypatch.setattr(Search, "shapes", [])

    def make_translator(**changes):
        values = {
            "max_seq_length": 10,
            "max_target_length": LENGTH,
            "beam_size": 3,
            "length_penalty": 0.5,
            "batch_size": 2,
        }
        return Translator(None, tokenizer, SearchSettings(**(values | changes)))

    return make_translator


def test_order_and_empty_texts(make):
    texts = ["b", "", "c d e f", " ", "C", "d e"]
    found = make().translate(texts)
    assert found == [[Translation(text.strip(), 0.0)] for text in texts]
    # Those of like length, padded to a multiple of 8.
    assert Search.shapes == [(2, 8), (2, 8)]


def test_what_is_written_stays_on_its_line(make, monkeypatch, tokenizer):
    """Bytes of a vocabulary may spell ends of lines."""
    texts = {"b": "\n one\ttwo\r\n", "c": "\u2028x\x0by\x85z\u3000"}
    decode = type(tokenizer).decode
    monkeypatch.setattr(
        type(tokenizer), "decode", lambda self, ids: texts[decode(self, ids)]
    )
    found = make().translate(list(texts))
    assert [each.text for (each,) in found] == ["one two", "x y\x85z"]


def test_a_text_without_a_piece_has_no_target(make):
    found = make().translate(["\u200b", "b", " \ufeff "])
    assert [each[0].text for each in found] == ["", "b", ""]
    assert Search.shapes == [(1, 8)]


def test_several_for_each(make):
    found = make(num_best=3).translate(["b c", "d e f g"])
    assert found == [
        [("b c", 0.0), ("c", -1.0), ("", -2.0)],
        [("d e f g", 0.0), ("e f g", -1.0), ("f g", -2.0)],
    ]


def test_a_stream_is_read_in_parts(make, monkeypatch):
    monkeypatch.setattr(translation, "_BATCHES_READ", 2)
    warnings = []
    monkeypatch.setattr(
        logging, "warning", lambda text, *values: warnings.append(text % values)
    )
    read = []

    def texts():
        for text in ["b", "c", "", "d", "e", "f " * 9]:
            read.append(text)
            yield text

    done = []
    stream = make().translate_stream(texts(), done.append)
    assert next(stream) == [("b", 0.0)]
    assert len(read) == 4
    assert [found[0].text for found in stream] == [
        *("c", "", "d", "e"),
        " ".join("f" * 8),
    ]
    assert Search.shapes[-1] == (2, 10)
    assert sum(done) == len(read) == 6
    cut, blank = warnings
    assert cut.startswith("1 texts were longer than 10 pieces, and cut")
    assert blank.startswith("1 of 6 texts have no piece")


def test_what_is_counted(make):
    counts = translation.TranslationCounts()
    translator = make(max_seq_length=12)
    # The last two fill a target, of eleven pieces.
    translator.translate(["b z", " ", "c " * 10, "d " * 11], counts)
    assert counts == translation.TranslationCounts(
        texts=4,
        blank=1,
        cut=1,
        full=2,
        pieces=22,
        unknown=1,
        target_pieces=22,
        target_unknown=1,
    )
    translator.translate(["c"], counts)
    assert (counts.texts, counts.pieces) == (5, 23)
    cut, full = counts.length_warnings(translator.settings)
    assert cut.startswith("1 texts were longer than 12 pieces")
    assert full.startswith("2 targets were ended at 11 pieces")
    (targets,) = counts.target_warnings()
    assert targets.startswith("4.3% of the pieces of the targets are the unkn")
    blank, unknown = counts.text_warnings()
    assert blank.startswith("1 of 5 texts have no piece")
    assert unknown.startswith("4.3% of the pieces of the texts are unknown")


def test_nothing_odd_is_counted(make):
    counts = translation.TranslationCounts()
    translator = make()
    translator.translate(["b c d"], counts)
    assert not counts.length_warnings(translator.settings)
    assert not counts.target_warnings()
    assert not counts.text_warnings()


def test_targets_without_a_text_are_counted(make, monkeypatch, tokenizer):
    def end_at_once(self, input_ids, input_mask):
        ids = np.zeros((len(input_ids), 1, LENGTH), np.int32)
        ids[:, 0, 0] = tokenizer.sep_id
        # One that is no text when it is decoded.
        ids[-1, 0, :2] = tokenizer.cls_id, tokenizer.sep_id
        return tf.constant(ids), tf.constant(np.zeros(ids.shape[:2]))

    monkeypatch.setattr(Search, "__call__", end_at_once)
    decode = type(tokenizer).decode
    monkeypatch.setattr(
        type(tokenizer),
        "decode",
        lambda self, ids: decode(self, [i for i in ids if i > 4]),
    )
    warnings = []
    monkeypatch.setattr(
        logging, "warning", lambda text, *values: warnings.append(text % values)
    )
    found = list(make().translate_stream(["b c", "", "d"]))
    assert [best.text for (best,) in found] == ["", "", ""]
    empty, blank = warnings
    assert empty.startswith("2 of 2 texts with pieces have an empty target")
    assert blank.startswith("1 of 3 texts have no piece")


def test_a_stream_without_a_text(make, monkeypatch):
    warnings = []
    monkeypatch.setattr(
        logging, "warning", lambda text, *values: warnings.append(text % values)
    )
    assert not list(make().translate_stream([]))
    assert warnings == ["none of 0 texts has a piece"]


def test_ids_of_one(make, tokenizer):
    source, target = make().search_ids("b c")
    assert [tokenizer.pieces[id_] for id_ in source] == [
        *("[CLS]", "b", "c", "[SEP]")
    ]
    assert target == source[1:]


def test_a_single_text_that_is_cut(make, monkeypatch):
    warnings = []
    monkeypatch.setattr(
        logging, "warning", lambda text, *values: warnings.append(text % values)
    )
    translator = make()
    source, _ = translator.search_ids("b " * 9)
    assert len(source) == 10
    (warning,) = warnings
    assert warning.startswith("1 texts were longer than 10 pieces, and cut")


def test_refuses_what_is_not_finite(make):
    with pytest.raises(UserError, match="not finite"):
        make().translate(["b", "a"])
    with pytest.raises(UserError, match="not finite"):
        make().search_ids("a")
