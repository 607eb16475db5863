# SPDX-License-Identifier: Apache-2.0
"""Text → records, against the statistics of the original's records."""

import gzip
import json
import pathlib
import re

import numpy as np
import pytest

from albert.errors import UserError
from albert.records import framing
from albert.records import pretraining
from albert.records import pretraining_report
from albert.records import serialization
from albert.records.instance_statistics import Statistics
from albert.records.pretraining_batches import pretraining_dataset
from albert.records.record_set import RecordSet
from albert.records.writing import RecordSetWriter
from albert.text import token_cache
from albert.text.documents import read_documents
from albert.text.instances import OBJECTIVES
from albert.text.instances import PairSettings
from albert.text.masking import MaskingSettings
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
MODEL = str(GOLDEN / "tokenization" / "spm2000.model")
INPUT = GOLDEN / "pretraining_data" / "input.txt"
WORDPIECE = str(GOLDEN / "wordpiece" / "vocab.txt")


def make_settings(length=128, objective="sop", original=False, **options):
    return pretraining.PretrainingDataSettings(
        MODEL, pairs=PairSettings(length, 0.1, objective, original), **options
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    tokenizer = Tokenizer(MODEL)
    documents = read_documents([str(INPUT)], "lines")
    folder = tmp_path_factory.mktemp("cache")
    with token_cache.TokenCacheWriter(folder, 2000) as writer:
        for block in token_cache.group_documents(documents, 1 << 16):
            writer.append(token_cache.encode_documents(tokenizer, block))
        cache = writer.finish()
    assert cache.num_documents == 60
    return cache


def make_unit(cache, pass_index=0, ranges=((0, 60),)):
    return pretraining.Unit(cache, (pass_index, 0), list(ranges))


def total_statistics(cache, settings, passes):
    maker = pretraining.RecordMaker(settings)
    return sum(
        (
            maker.make_records(make_unit(cache, pass_index)).statistics
            for pass_index in range(passes)
        ),
        Statistics(),
    ).as_dict(settings.pairs.max_seq_length)


def test_statistics_are_those_of_the_original(cache):
    golden = json.loads(
        (GOLDEN / "pretraining_data" / "statistics.json").read_text()
    )["numpy_seed_12345"]
    trace = json.loads((GOLDEN / "pretraining_data" / "trace.json").read_text())
    # Ten passes instead of its two: the numbers of two still vary by 0.3%.
    got = total_statistics(cache, make_settings(original=True), passes=10)
    assert abs(got["mean_length"] / golden["mean_length"] - 1) < 0.01
    assert abs(got["masked_per_instance"] / golden["mean_masked"] - 1) < 0.01
    assert got["unused_budget_per_instance"] == golden["mean_unused_budget"]
    np.testing.assert_allclose(
        got["span_shares"],
        list(trace["accepted_fraction_by_words"].values()),
        atol=0.03,
    )
    spans = trace["accepted_spans"] / golden["instances"]
    assert abs(got["spans_per_instance"] / spans - 1) < 0.03
    for ours, theirs in (
        ("mask", "fraction_mask"),
        ("random", "fraction_random"),
        ("kept", "fraction_kept"),
    ):
        assert abs(got["replacement_shares"][ours] - golden[theirs]) < 0.01
    # Not the original's .574: there, text of other documents has label 1.
    assert abs(got["label_1_share"] - 0.5) < 0.02
    assert abs(got["instances"] / 10 - golden["instances"] / 2) < 30
    assert 0.75 < got["text_used_share"] < 0.85
    assert got["surface"]["accuracy"] > 0.53


def test_the_json_says_what_masked_tokens_become(cache, tmp_path):
    settings = make_settings(masking=MaskingSettings(mask_replacement="mask"))
    described = [
        pretraining_report.describe_settings(
            each, settings.tokenizer(), str(tmp_path)
        )["settings"]
        for each in (settings, make_settings())
    ]
    assert described[0].pop("mask_replacement") == "mask"
    # Nothing where it is the original's, as before there was a choice.
    assert described[0] == described[1]
    made = pretraining.RecordMaker(settings).make_records(make_unit(cache))
    mask, other, kept = made.statistics.replacement_counts
    assert mask > 1000 and not other and not kept


def test_masks_made_while_training_have_the_same_statistics(cache, tmp_path):
    golden = json.loads(
        (GOLDEN / "pretraining_data" / "statistics.json").read_text()
    )["numpy_seed_12345"]
    settings = make_settings(original=True, dynamic_masking=True)
    maker = pretraining.RecordMaker(settings)
    statistics = Statistics()
    with RecordSetWriter(str(tmp_path / "a.tfrecord")) as writer:
        for pass_index in range(4):
            made = maker.make_records(make_unit(cache, pass_index))
            writer.write(0, *made.shards[0])
            statistics += made.statistics
        writer.commit(
            pretraining_report.describe_settings(
                settings, maker.tokenizer, str(tmp_path)
            )
        )
    # Two epochs of four passes, where the writer's test has ten passes.
    count = 2 * statistics.instances
    batches = pretraining_dataset(
        RecordSet.open(str(tmp_path / "a.tfrecord")),
        count,
        training=True,
        seed=6,
    ).take(1)
    masked = kept = hidden = swapped = 0
    for batch in batches.as_numpy_iterator():
        used = batch["masked_lm_weights"] > 0
        lengths = batch["input_mask"].sum(axis=1)
        np.testing.assert_array_equal(
            used.sum(axis=1), settings.masking.budgets(lengths)
        )
        seen = np.take_along_axis(
            batch["input_ids"], batch["masked_lm_positions"], axis=1
        )
        masked += used.sum()
        kept += (used & (seen == batch["masked_lm_ids"])).sum()
        hidden += (used & (seen == maker.tokenizer.mask_id)).sum()
        swapped += batch["next_sentence_labels"].sum()
    assert abs(masked / count / golden["mean_masked"] - 1) < 0.01
    assert abs(hidden / masked - golden["fraction_mask"]) < 0.01
    assert abs(kept / masked - golden["fraction_kept"]) < 0.01
    assert abs(swapped / count - 0.5) < 0.02


@pytest.mark.parametrize(
    "objective, used", [("sop", 0.9), ("nsp", 0.8), ("none", 1.0)]
)
def test_text_used_and_what_the_surface_tells(cache, objective, used):
    got = total_statistics(cache, make_settings(objective=objective), passes=4)
    assert used <= got["text_used_share"] <= 1
    if objective == "sop":
        assert got["surface"]["accuracy"] < 0.5 + got["surface"]["chance"]
    if objective == "none":
        assert got["surface"] is None


def masked_columns(cache, settings, pass_index=0):
    """The arrays of the records of a pass, before they are bytes."""
    maker = pretraining.RecordMaker(settings)
    seen = {}

    def keep(columns, fields):
        seen.update(columns)
        return serialization.encode_records(columns, fields)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pretraining, "encode_records", keep)
        maker.make_records(make_unit(cache, pass_index))
    return seen


def rebuilt_ids(columns):
    ids = columns["input_ids"].copy()
    used = columns["masked_lm_weights"] > 0
    positions = columns["masked_lm_positions"][used]
    ids[np.nonzero(used)[0], positions] = columns["masked_lm_ids"][used]
    return ids


def document_texts(cache):
    with cache.open() as reader:
        documents, _ = reader.read_documents([(0, 60)])
    sentence_ends = np.cumsum(documents.sentence_lengths)
    ends = sentence_ends[np.cumsum(documents.document_lengths) - 1]
    # As text with marks between ids: a slice of ids is a substring.
    return [
        "".join(f",{i}" for i in part) + ","
        for part in np.split(documents.ids, ends[:-1])
    ]


def segments(columns):
    """(A, B, label) of each record as text like `document_texts`."""
    for ids, mask, segment, label in zip(
        rebuilt_ids(columns),
        columns["input_mask"],
        columns["segment_ids"],
        columns["next_sentence_labels"][:, 0],
        strict=True,
    ):
        a = ids[mask & (segment == 0)][1:-1]
        b = ids[mask & (segment == 1)][:-1]
        yield *("".join(f",{i}" for i in s) + "," for s in (a, b)), int(label)


def test_sentence_order_segments_are_text_of_one_document(cache):
    texts = document_texts(cache)
    in_order = 0
    records = list(segments(masked_columns(cache, make_settings())))
    for a, b, label in records:
        home = [text for text in texts if a in text and b in text]
        assert home
        first, second = (b, a) if label else (a, b)
        assert any(text.find(first) < text.rfind(second) for text in home), (
            label,
            a,
            b,
        )
        in_order += not label
    assert 0.4 < in_order / len(records) < 0.6


def test_negative_next_sentences_are_another_documents(cache):
    texts = document_texts(cache)
    foreign = 0
    records = list(
        segments(masked_columns(cache, make_settings(objective="nsp")))
    )
    for a, b, label in records:
        home = [text for text in texts if a in text]
        same = any(b in text for text in home)
        assert any(b in text for text in texts)
        if len(b) > 40:  # short ones may stand in several documents
            assert same == (label == 0)
        foreign += label
    assert abs(foreign / len(records) - 0.5) < 0.06


def test_single_segments_of_one_document(cache):
    texts = document_texts(cache)
    columns = masked_columns(cache, make_settings(objective="none"))
    assert not columns["next_sentence_labels"].any()
    assert not columns["segment_ids"].any()
    for a, _, _ in segments(columns):
        assert any(a in text for text in texts)


def test_every_objective_uses_every_prediction_slot_it_may(cache):
    # 0.15 of 128 tokens are 19; ten slots are always all used.
    settings = make_settings(
        masking=MaskingSettings(max_predictions_per_seq=10)
    )
    columns = masked_columns(cache, settings)
    lengths = columns["input_mask"].sum(axis=1)
    used = columns["masked_lm_weights"].sum(axis=1)
    assert columns["masked_lm_ids"].shape[1] == 10
    assert used[lengths == 128].min() == 10


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_words_of_a_segmenter_are_masked_whole(
    tmp_path, monkeypatch, objective
):
    def segmenter(text):
        return re.findall("曹操|下英雄|.", text)

    monkeypatch.setattr(
        pretraining, "find_segmenter", {"fake": segmenter}.__getitem__
    )
    settings = pretraining.PretrainingDataSettings(
        WORDPIECE,
        pairs=PairSettings(23, 0.1, objective),
        masking=MaskingSettings(7, 0.3),
        word_segmenter="fake",
    )
    sentences = ["曹操说：下英雄。", "唯使君与操耳！", "a1 曹操"]
    encoded = pretraining.RecordMaker(settings).encode(
        [[sentences[i * j % 3] for j in range(2, 9)] for i in range(1, 61)]
    )
    with token_cache.TokenCacheWriter(tmp_path, 2 * 916) as writer:
        writer.append(encoded)
        cache = writer.finish()
    columns = masked_columns(cache, settings)
    ids = rebuilt_ids(columns)
    assert max(ids.max(), columns["input_ids"].max()) < 916
    masked = np.zeros(ids.shape, bool)
    used = columns["masked_lm_weights"] > 0
    masked[np.nonzero(used)[0], columns["masked_lm_positions"][used]] = True
    tokenizer = settings.tokenizer()
    for word in ("曹操", "下英雄"):
        pieces = tokenizer.encode(word)
        windows = np.lib.stride_tricks.sliding_window_view
        found = (windows(ids, len(pieces), 1) == pieces).all(2)
        assert found.sum() > 100
        boundary = windows(columns["token_boundary"], len(pieces), 1)[found]
        assert (boundary == [1, *[0] * (len(pieces) - 1)]).all()
        hidden = windows(masked, len(pieces), 1)[found]
        assert hidden.any()
        assert (hidden.all(1) == hidden.any(1)).all()
    # 操 by itself is a word.
    alone = ids == tokenizer.encode("操")[0]
    alone[:, 1:] &= ids[:, :-1] == tokenizer.encode("与")[0]
    assert columns["token_boundary"][alone].all() and alone.sum() > 50


def test_same_identity_same_bytes(cache):
    def contents(pass_index=0, **options):
        maker = pretraining.RecordMaker(make_settings(**options))
        shards = maker.make_records(make_unit(cache, pass_index)).shards
        return b"".join(content for content, _ in shards)

    first = contents()
    assert contents() == first
    assert contents(random_seed=1) != first
    assert contents(pass_index=1) != first


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_shards_take_records_in_turn(cache, tmp_path, compression):
    unit = make_unit(cache, ranges=[(0, 7), (40, 53)])

    def payloads(num_shards, compression):
        maker = pretraining.RecordMaker(
            make_settings(num_shards=num_shards, compression=compression)
        )
        for shard, (content, count) in enumerate(
            maker.make_records(unit).shards
        ):
            path = tmp_path / f"{num_shards}{compression}{shard}"
            path.write_bytes(content)
            assert (content[:2] == b"\x1f\x8b") == (compression == "GZIP")
            records = list(framing.iterate_records(path))
            assert len(records) == count
            yield records

    (whole,) = payloads(1, "")
    shards = list(payloads(3, compression))
    assert [whole[shard::3] for shard in range(3)] == shards


def test_more_shards_than_records(cache):
    maker = pretraining.RecordMaker(
        make_settings(num_shards=500, compression="GZIP")
    )
    got = maker.make_records(make_unit(cache, ranges=[(3, 5)]))
    counts = [count for _, count in got.shards]
    assert sum(counts) == got.statistics.instances < 500
    assert got.shards[-1] == (b"", 0)


def test_unit_without_instances(tmp_path):
    tokenizer = Tokenizer(MODEL)
    with token_cache.TokenCacheWriter(tmp_path, 2000) as writer:
        writer.append(token_cache.encode_documents(tokenizer, [["the"]]))
        cache = writer.finish()
    got = pretraining.RecordMaker(make_settings()).make_records(
        make_unit(cache, ranges=[(0, 1)])
    )
    assert got.shards == [(b"", 0)]
    assert got.example is None
    assert got.statistics.instances == 0
    assert got.statistics.dropped_documents == 1


def test_gzip_has_no_time_in_it(cache, monkeypatch):
    maker = pretraining.RecordMaker(make_settings(compression="GZIP"))
    first = maker.make_records(make_unit(cache)).shards
    monkeypatch.setattr(gzip.time, "time", lambda: 1e9)
    assert maker.make_records(make_unit(cache)).shards == first


@pytest.mark.parametrize(
    "options, name",
    [
        ({"length": 4}, "max_seq_length"),
        ({"length": 3, "objective": "none"}, "max_seq_length"),
        ({"masking": MaskingSettings(0)}, "max_predictions_per_seq"),
        ({"masking": MaskingSettings(129)}, "max_predictions_per_seq"),
        ({"masking": MaskingSettings(20, 0.0)}, "masked_lm_prob"),
        ({"masking": MaskingSettings(20, 1.0)}, "masked_lm_prob"),
        ({"masking": MaskingSettings(20, 0.15, 0)}, "ngram"),
        (
            {"masking": MaskingSettings(mask_replacement="half")},
            "mask_replacement",
        ),
        ({"dupe_factor": 0}, "dupe_factor"),
        ({"random_seed": -1}, "random_seed"),
    ],
)
def test_impossible_settings_are_refused(options, name):
    with pytest.raises(UserError, match=f"--{name} must be"):
        make_settings(**options)


def test_shortest_sequences_work(cache):
    settings = make_settings(length=5, masking=MaskingSettings(1))
    columns = masked_columns(cache, settings)
    assert (columns["input_mask"].sum(axis=1) == 5).all()
    assert (columns["masked_lm_weights"] == 1).all()


def test_example_shows_what_is_hidden():
    tokenizer = Tokenizer(MODEL)
    ids = tokenizer.encode("the warden was a good man.")
    row = [tokenizer.cls_id, *ids, tokenizer.sep_id, 0, 0]
    warden = tokenizer.encode("warden")
    position = 2
    assert row[position : position + len(warden)] == warden
    hidden = list(range(position, position + len(warden)))
    seen = list(row)
    for p in hidden:
        seen[p] = tokenizer.mask_id
    example = {
        "input_ids": np.array(seen),
        "input_mask": np.array([1] * (len(row) - 2) + [0, 0]),
        "masked_lm_positions": np.array([*hidden, 0]),
        "masked_lm_ids": np.array([*warden, 0]),
        "masked_lm_weights": np.array([1.0] * len(hidden) + [0.0]),
        "next_sentence_labels": np.array([1]),
        "segment_ids": np.array([0] * (len(row) - 3) + [1, 0, 0]),
    }
    text = pretraining_report.show_example(example, tokenizer)
    masks = " ".join(["[MASK]"] * len(hidden))
    assert text == (
        f"[CLS] the {{warden > {masks}}} was a good man. [SEP]  (label 1)"
    )
    example["segment_ids"][:] = 0
    text = pretraining_report.show_example(example, tokenizer)
    assert text.endswith("  (one segment)")
