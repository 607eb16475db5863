# SPDX-License-Identifier: Apache-2.0
"""Sets of records that are masked while training, and their batches."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.records import framing
from albert.records import pretraining_batches
from albert.records import record_stream
from albert.records import serialization
from albert.records import unmasked_pairs
from albert.records import writing
from albert.records.record_set import RecordSet
from albert.records.record_set import check_masking
from albert.records.record_set import check_record_sets
from albert.records.record_stream import explained_damage
from albert.records.schema import PretrainingSchema
from albert.records.schema import unmasked_fields
from albert.text.instances import SegmentPairs

SEQ_LENGTH, PREDICTIONS = 23, 5
SHARDS = (101, 67, 41)
COUNT = sum(SHARDS)
OF_PLACES = {"input_ids", "input_mask", "segment_ids", "position_ids"}
OF_MASKS = {"masked_lm_positions", "masked_lm_ids", "masked_lm_weights"}


def write_set(folder, name="train", vocabulary_size=997, objective="sop"):
    """Records whose first token is their number: a set of three files."""
    generator = np.random.default_rng(5)
    word_start = generator.random(vocabulary_size) < 0.7
    length = 17
    ids = generator.integers(5, vocabulary_size, COUNT * length)
    ids[::length] = 5 + np.arange(COUNT)
    a_length = generator.integers(1, 9, COUNT)
    starts = np.arange(COUNT) * length
    pairs = SegmentPairs(
        a_start=starts,
        a_length=a_length,
        b_start=starts + a_length,
        b_length=generator.integers(1, 9, COUNT) * (objective != "none"),
        labels=generator.integers(0, 2, COUNT),
    )
    columns = unmasked_pairs.pair_columns(
        pairs,
        ids,
        unmasked_pairs.make_tokens(word_start, vocabulary_size),
        objective,
        np.random.default_rng(6),
    )
    first = 0
    output = str(folder / f"{name}.tfrecord")
    with writing.RecordSetWriter(output, len(SHARDS)) as writer:
        for shard, count in enumerate(SHARDS):
            flat, _ = serialization.encode_records(
                {
                    key: value[np.arange(first, first + count)]
                    for key, value in columns.items()
                },
                unmasked_fields(objective),
            )
            writer.write(shard, flat.tobytes(), count)
            first += count
        writer.commit(
            {
                "kind": PretrainingSchema.kind,
                "masking": "dynamic",
                "max_seq_length": SEQ_LENGTH,
                "max_predictions_per_seq": PREDICTIONS,
                "vocabulary": {"size": vocabulary_size, "fingerprint": "f"},
                "settings": {
                    "objective": objective,
                    "masked_lm_prob": 0.25,
                    "ngram": 3,
                    "favor_shorter_ngram": True,
                    "do_whole_word_mask": True,
                },
                "pieces": {
                    "pad_id": 0,
                    "cls_id": 2,
                    "sep_id": 3,
                    "mask_id": 4,
                    "replacement_ids": "5-6,9-996",
                },
            }
        )
    return pairs, ids


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    write_set(folder)
    return folder


@pytest.fixture
def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def open_set(folder, **masking):
    return RecordSet.open(str(folder / "train*"), **masking)


def batches_of(record_set, count=None, batch_size=17, **options):
    options = {"training": True, "seed": 3, "shuffle_buffer": 29, **options}
    dataset = pretraining_batches.pretraining_dataset(
        record_set, batch_size, **options
    )
    return list(dataset.take(count or -1).as_numpy_iterator())


def together(batches):
    return {
        name: np.concatenate([batch[name] for batch in batches])
        for name in batches[0]
    }


def truths(rows):
    ids = rows["input_ids"].copy()
    used = rows["masked_lm_weights"] > 0
    ids[np.nonzero(used)[0], rows["masked_lm_positions"][used]] = rows[
        "masked_lm_ids"
    ][used]
    return ids


def in_order_of_records(rows):
    """Rows of a whole epoch in the order of the records: the swap undone."""
    ids = truths(rows)
    swapped = rows["next_sentence_labels"][:, 0] == 1
    first_of_b = np.argmax(rows["segment_ids"], axis=1)
    number = ids[np.arange(len(ids)), np.where(swapped, first_of_b, 1)] - 5
    order = np.argsort(number)
    assert number[order].tolist() == list(range(COUNT))
    return {name: values[order] for name, values in rows.items()}


@pytest.mark.parametrize(
    ("objective", "vocabulary_size"),
    [("sop", 997), ("nsp", 1 << 15), ("none", (1 << 15) + 1)],
)
def test_batches_hold_what_was_written(tmp_path, vocabulary_size, objective):
    pairs, ids = write_set(tmp_path, "train", vocabulary_size, objective)
    record_set = open_set(tmp_path)
    record_set.check(SEQ_LENGTH, PREDICTIONS, vocabulary_size)
    assert record_set.unmasked.token_dtype.itemsize == (
        2 if vocabulary_size <= 1 << 15 else 4
    )
    rows = together(batches_of(record_set, training=False))
    assert len(rows["input_ids"]) == 221  # 13 batches of 17
    weights = rows["example_weights"].tolist()
    assert weights == [1.0] * COUNT + [0.0] * 12
    assert not rows["input_ids"][COUNT:].any()
    found = truths(rows)
    for index in range(COUNT):
        a, b = (
            ids[start : start + length].tolist()
            for start, length in (
                (pairs.a_start[index], pairs.a_length[index]),
                (pairs.b_start[index], pairs.b_length[index]),
            )
        )
        label = rows["next_sentence_labels"][index, 0]
        if objective == "sop" and label:
            a, b = b, a
        if objective == "nsp":
            assert label == pairs.labels[index]
        expected = [2, *a, 3, *b, *[3] * bool(b)]
        expected += [0] * (SEQ_LENGTH - len(expected))
        assert found[index].tolist() == expected
    if objective == "none":
        assert not rows["next_sentence_labels"].any()
    for name, values in rows.items():
        assert values.dtype == (
            np.float32 if name.endswith("weights") else np.int32
        )


def test_shapes_are_static(folder):
    for training in (True, False):
        dataset = pretraining_batches.pretraining_dataset(
            open_set(folder), 17, training=training, seed=0
        )
        shapes = {k: v.shape.as_list() for k, v in dataset.element_spec.items()}
        assert shapes["input_ids"] == [17, SEQ_LENGTH]
        assert shapes["masked_lm_ids"] == [17, PREDICTIONS]
        assert shapes["next_sentence_labels"] == [17, 1]
        assert shapes["example_weights"] == [17]


@pytest.mark.parametrize("objective", ["sop", "none"])
@pytest.mark.parametrize("max_seq_length", [None, 13])
def test_pairs_of_like_length_come_together(
    tmp_path, objective, max_seq_length
):
    write_set(tmp_path, objective=objective)
    record_set = open_set(tmp_path)
    options = {
        "batch_size": 19,
        "shuffle_buffer": COUNT,
        "max_seq_length": max_seq_length,
    }
    got = batches_of(record_set, 11, bucket_shapes="many", **options)
    rows = together(batches_of(record_set, 11, **options))
    lengths = [8, 16, SEQ_LENGTH] if max_seq_length is None else [8, 13]
    found = []
    for batch in got:
        longest = batch["input_mask"].sum(axis=1).max()
        length = batch["input_ids"].shape[1]
        assert length == min(each for each in lengths if each >= longest)
        # A quarter of the pieces, and no more than the records have slots.
        slots = {8: 2, 13: 3, 16: 4, SEQ_LENGTH: PREDICTIONS}[length]
        assert batch["masked_lm_ids"].shape[1] == slots
        for name in (OF_PLACES | OF_MASKS) & set(batch):
            filled = rows[name].shape[1] - batch[name].shape[1]
            batch[name] = np.pad(batch[name], [(0, 0), (0, filled)])
        found.append(batch)
    found = together(found)

    def in_one_order(all_rows):
        if "position_ids" in all_rows:  # Those of padding do not matter.
            all_rows["position_ids"] *= all_rows["input_mask"]
        whole = np.concatenate(
            [values.reshape(len(values), -1) for values in all_rows.values()],
            axis=1,
        )
        return whole[np.lexsort(whole.T)]

    # Masked and swapped as without it: what is drawn is the record's.
    np.testing.assert_array_equal(in_one_order(found), in_one_order(rows))
    spread = [np.ptp(batch["input_mask"].sum(axis=1)) for batch in got]
    assert np.mean(spread) < 6
    rest = batches_of(
        record_set, 3, bucket_shapes="many", start_record=8 * 19, **options
    )
    for batch, other in zip(rest, got[8:], strict=True):
        for name, values in batch.items():
            wanted = other[name]
            if name in OF_PLACES | OF_MASKS:
                wanted = wanted[:, : values.shape[1]]
            np.testing.assert_array_equal(values, wanted)


def test_no_record_is_lost_where_sequences_grow(folder):
    """Neither where pairs of like length come together."""
    options = {
        "batch_size": 19,
        "shuffle_buffer": COUNT,
        "bucket_shapes": "many",
    }
    record_set = open_set(folder)
    short = batches_of(record_set, 4, max_seq_length=9, **options)
    long = batches_of(record_set, 7, start_record=4 * 19, **options)
    whole = batches_of(record_set, 11, **options)
    for batch, other in zip(short, whole[:4], strict=True):
        # The order of segments is drawn for a record, and is told apart here.
        np.testing.assert_array_equal(
            batch["next_sentence_labels"], other["next_sentence_labels"]
        )
    for batch, other in zip(long, whole[4:], strict=True):
        np.testing.assert_array_equal(batch["input_ids"], other["input_ids"])


def test_large_batches_have_records_of_like_length(folder, monkeypatch):
    """Though few of them are as many records as are shuffled together."""
    monkeypatch.setattr(record_stream, "_SHUFFLE_BUFFER", 20)
    padded = []
    for shapes in ("many", None):
        batches = batches_of(
            open_set(folder), 11, 19, bucket_shapes=shapes, shuffle_buffer=None
        )
        padding = [(batch["input_mask"] == 0).mean() for batch in batches]
        padded.append(np.mean(padding))
    assert padded[0] < 0.8 * padded[1]


def test_shorter_sequences_are_of_the_same_records(folder):
    whole = together(batches_of(open_set(folder), 9))
    batches = batches_of(open_set(folder), 9, max_seq_length=13)
    rows = together(batches)
    assert rows["input_ids"].shape == (153, 13)
    # 13/23 of the slots, rounded up.
    assert rows["masked_lm_ids"].shape == (153, 3)
    np.testing.assert_array_equal(
        rows["next_sentence_labels"], whole["next_sentence_labels"]
    )
    lost = 0
    for ids, mask, segments, all_ids, all_mask in zip(
        truths(rows),
        rows["input_mask"],
        rows["segment_ids"],
        truths(whole),
        whole["input_mask"],
        strict=True,
    ):
        # [CLS] and the last [SEP] are no text.
        parts = split(ids[1 : mask.sum() - 1].tolist())
        all_parts = split(all_ids[1 : all_mask.sum() - 1].tolist())
        kept = sum(map(len, parts))
        assert kept == min(10, sum(map(len, all_parts)))
        lost += sum(map(len, all_parts)) - kept
        for part, all_part in zip(parts, all_parts, strict=True):
            count = len(part)
            assert count and part in (all_part[:count], all_part[-count:])
        assert segments.sum() == len(parts[1]) + 1
        assert not ids[mask.sum() :].any() and not segments[mask.sum() :].any()
    assert lost > 100
    # A quarter of each row, the special pieces with it, less for whole words.
    used = rows["masked_lm_weights"].sum(axis=1)
    wanted = np.round(0.25 * rows["input_mask"].sum(axis=1)).clip(1, 3)
    assert (used <= wanted).all() and used.sum() > 0.9 * wanted.sum()
    later = batches_of(
        open_set(folder), 4, start_record=5 * 17, max_seq_length=13
    )
    for one, two in zip(batches[5:], later, strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], two[name])


def test_text_of_shorter_sequences_stands_anywhere_in_the_longest(folder):
    rows = together(batches_of(open_set(folder), 9, max_seq_length=13))
    positions = rows["position_ids"]
    assert positions.dtype == np.int32 and positions.shape == (153, 13)
    assert not positions[:, 0].any()
    shifts = positions[:, 1] - 1
    np.testing.assert_array_equal(
        positions[:, 1:] - shifts[:, np.newaxis],
        np.tile(np.arange(1, 13), (153, 1)),
    )
    # Of 11 places, 153 rows: each 13.9 times, in the mean.
    counts = np.bincount(shifts, minlength=11)
    assert len(counts) == 11 and counts.min() > 3 and counts.max() < 30
    whole = batches_of(open_set(folder), 1)
    assert "position_ids" not in whole[0]


def test_there_are_no_more_slots_than_masks_can_fill(folder):
    for share, length, slots in ((0.15, None, 3), (0.1, 13, 1), (0.9, None, 9)):
        records = open_set(
            folder, max_predictions_per_seq=9, masked_lm_prob=share
        )
        rows = together(batches_of(records, 9, max_seq_length=length))
        assert rows["masked_lm_ids"].shape == (153, slots)
        # The longest fill them.
        assert rows["masked_lm_weights"].all(axis=1).any() or share == 0.9


def split(text):
    """Returns what is before and after the [SEP] of a list of ids."""
    return text[: text.index(3)], text[text.index(3) + 1 :]


def test_masks_and_swaps_are_others_in_each_epoch(folder):
    rows = together(batches_of(open_set(folder), 25))
    epochs = [
        in_order_of_records(
            {
                name: values[first : first + COUNT]
                for name, values in rows.items()
            }
        )
        for first in (0, COUNT)
    ]
    first, second = epochs
    same = first["masked_lm_positions"] == second["masked_lm_positions"]
    assert same.all(axis=1).mean() < 0.2
    labels = [rows["next_sentence_labels"][:, 0] for rows in epochs]
    assert all(abs(each.mean() - 0.5) < 0.1 for each in labels)
    assert 0.4 < (labels[0] == labels[1]).mean() < 0.6


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 11, "shuffle_buffer": 8192},
        # More than are masked together.
        {"batch_size": 2000, "interleaved_files": 1},
    ],
    ids=str,
)
def test_a_record_has_the_same_mask_in_any_batch_and_order(folder, changes):
    one = batches_of(open_set(folder), 13)
    batch_size = changes.get("batch_size", 17)
    other = batches_of(open_set(folder), -(-COUNT // batch_size), **changes)
    one, other = (
        in_order_of_records(
            {name: values[:COUNT] for name, values in together(each).items()}
        )
        for each in (one, other)
    )
    for name, values in one.items():
        np.testing.assert_array_equal(values, other[name])


def test_masks_depend_on_the_seed_and_not_on_the_global_one(folder):
    tf.random.set_seed(12)
    one = together(batches_of(open_set(folder), 3))
    tf.random.set_seed(13)
    again = together(batches_of(open_set(folder), 3))
    for name, values in one.items():
        np.testing.assert_array_equal(values, again[name])
    other = together(batches_of(open_set(folder), 13, seed=4))
    whole = together(batches_of(open_set(folder), 13))
    one, other = (
        in_order_of_records(
            {name: values[:COUNT] for name, values in each.items()}
        )
        for each in (whole, other)
    )
    same = one["masked_lm_positions"] == other["masked_lm_positions"]
    assert same.all(axis=1).mean() < 0.2


@pytest.mark.parametrize("consumed_batches", [13, 37])
def test_continues_exactly_where_it_stood(folder, consumed_batches):
    whole = batches_of(open_set(folder), 41)
    rest = batches_of(
        open_set(folder),
        41 - consumed_batches,
        start_record=17 * consumed_batches,
    )
    for got, expected in zip(rest, whole[consumed_batches:], strict=True):
        for name, values in expected.items():
            np.testing.assert_array_equal(got[name], values)


def test_evaluation_has_the_same_masks_each_time(folder):
    one, other = (
        together(
            batches_of(
                open_set(folder),
                training=False,
                seed=seed,
                batch_size=batch_size,
            )
        )
        for seed, batch_size in ((0, 17), (1, 11))
    )
    for name, values in one.items():
        np.testing.assert_array_equal(values[:COUNT], other[name][:COUNT])
    assert one["masked_lm_weights"].sum() > COUNT


def test_other_settings_of_masks(folder):
    record_set = open_set(folder)
    other = open_set(folder, max_predictions_per_seq=9, masked_lm_prob=0.5)
    assert other.schema == PretrainingSchema(SEQ_LENGTH, 9)
    other.check(SEQ_LENGTH, 9, 997)
    rows = together(batches_of(other, training=False))
    assert rows["masked_lm_ids"].shape[1] == 9
    assert rows["masked_lm_weights"].sum(axis=1).max() == 9
    assert other.fingerprint != record_set.fingerprint
    # What the records were written with is no other setting.
    same = open_set(folder, max_predictions_per_seq=5, masked_lm_prob=0.25)
    assert same.fingerprint == record_set.fingerprint


def test_another_replacement_of_masked_tokens(folder):
    written, same, other, both = (
        open_set(folder, **settings)
        for settings in (
            {},
            {"mask_replacement": "80-10-10"},
            {"mask_replacement": "mask"},
            {"mask_replacement": "mask", "masked_lm_prob": 0.5},
        )
    )
    rows = together(batches_of(other, training=False))
    seen = np.take_along_axis(
        rows["input_ids"], rows["masked_lm_positions"], axis=1
    )
    assert (seen[rows["masked_lm_weights"] > 0] == 4).all()
    expected = together(batches_of(written, training=False))
    for name in ("masked_lm_positions", "masked_lm_ids"):
        np.testing.assert_array_equal(rows[name], expected[name])
    assert written.fingerprint == same.fingerprint
    assert len({x.fingerprint for x in (written, other, both)}) == 3


def test_the_fingerprint_of_other_masks_stays_that_of_runs_begun_before(folder):
    files = open_set(folder).fingerprint
    other = open_set(folder, masked_lm_prob=0.5)
    before = json.dumps([files, [5, 0.5, 3, True, True]])
    assert other.fingerprint == hashlib.sha256(before.encode()).hexdigest()


def test_the_fingerprint_is_that_of_the_records(copied):
    """Not that of how many JSON there are, nor where the vocabulary lies."""
    before = open_set(copied).fingerprint
    change_json(
        copied,
        lambda value: value["vocabulary"].update(model_file="../a.model"),
    )
    assert open_set(copied).fingerprint == before
    path = copied / "train.json"
    whole = json.loads(path.read_text())
    path.unlink()
    for entry in whole["files"]:
        of_shard = copied / entry["name"].replace("tfrecord", "json")
        of_shard.write_text(json.dumps(whole | {"files": [entry]}))
    assert open_set(copied).fingerprint == before
    whole["vocabulary"]["fingerprint"] = "g"
    of_shard.write_text(json.dumps(whole | {"files": [entry]}))
    assert open_set(copied).fingerprint != before


def test_records_say_what_masked_tokens_become(copied):
    assert open_set(copied).unmasked.masking.mask_replacement == "80-10-10"

    def change(value):
        value["settings"]["mask_replacement"] = "mask"

    change_json(copied, change)
    assert open_set(copied).unmasked.masking.mask_replacement == "mask"
    change_json(
        copied, lambda value: value["settings"].update(mask_replacement="none")
    )
    with pytest.raises(UserError, match="mask_replacement"):
        _ = open_set(copied).unmasked


def test_a_share_of_its_own_for_shorter_batches(folder):
    records = open_set(folder, max_predictions_per_seq=1)
    (rows,) = batches_of(records, 1, masked_lm_prob=0.4, max_seq_length=13)
    assert rows["masked_lm_ids"].shape == (17, 5)
    masked = rows["masked_lm_weights"].sum(axis=1)
    wanted = np.rint(0.4 * rows["input_mask"].sum(axis=1))
    # Words that would be too many are left out.
    assert (masked <= np.maximum(1, wanted)).all()
    assert masked.max() == 5


def test_a_share_of_its_own_for_some_batches(folder):
    """As a schedule has it, of the same record set, whatever its slots."""
    records = open_set(folder, max_predictions_per_seq=1)
    found = batches_of(records, 4, start_record=34, masked_lm_prob=0.4)
    other = open_set(folder, max_predictions_per_seq=9, masked_lm_prob=0.4)
    for got, wanted in zip(found, batches_of(other, 6)[2:], strict=True):
        for name, values in wanted.items():
            np.testing.assert_array_equal(got[name], values)


# ------------------------------------------------------------------- refusals


def change_json(folder, change, name="train"):
    path = folder / f"{name}.json"
    value = json.loads(path.read_text())
    change(value)
    path.write_text(json.dumps(value))


def refusal(folder, pattern="train*"):
    with pytest.raises(UserError) as caught:
        RecordSet.open(str(folder / pattern)).check(
            SEQ_LENGTH, PREDICTIONS, 997
        )
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_records_of_both_kinds_are_refused(copied):
    write_set(copied, "train2")
    change_json(copied, lambda value: value.pop("masking"), "train2")
    message = refusal(copied)
    assert "of 6 record files, 3 hold unmasked segment pairs" in message
    assert "train-00000-of-00003" in message
    assert "train2-00000-of-00003" in message


def test_sets_with_different_masks_are_refused(copied):
    write_set(copied, "train2")
    assert open_set(copied).count() == 2 * COUNT
    change_json(
        copied, lambda value: value["settings"].update(ngram=2), "train2"
    )
    assert "different settings or vocabularies" in refusal(copied)


def test_no_json_no_masks(copied):
    (copied / "train.json").unlink()
    message = refusal(copied)
    assert "train-00000-of-00003.tfrecord" in message
    assert "no JSON beside it says how: restore it" in message


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda value: value.pop("pieces"), "lacks pieces"),
        (lambda value: value["pieces"].pop("mask_id"), "lacks mask_id"),
        (lambda value: value["settings"].pop("ngram"), "lacks ngram"),
        (lambda value: value["pieces"].update(cls_id=997), "vocabulary of 997"),
        *(
            (
                lambda value, ids=ids: value["pieces"].update(
                    replacement_ids=ids
                ),
                "vocabulary of 997",
            )
            for ids in ("", "5-997", "9-5", "x", "5,-1", "5-9,0-996,0-996")
        ),
        (lambda value: value.update(masking="often"), "masking"),
    ],
)
def test_a_json_that_does_not_tell_how_to_mask(copied, change, words):
    change_json(copied, change)
    message = refusal(copied)
    assert words in message
    assert "train.json" in message
    assert "make the records again" in message


def test_records_that_are_not_segment_pairs(copied):
    schema = PretrainingSchema(SEQ_LENGTH, PREDICTIONS)
    columns = {
        field.name: np.zeros((3, field.length), int) for field in schema.fields
    }
    flat, _ = serialization.encode_records(columns, schema.fields)
    path = copied / "train-00001-of-00003.tfrecord"
    path.write_bytes(flat.tobytes())
    change_json(
        copied,
        lambda value: value["files"][1].update(
            records=3, bytes=path.stat().st_size
        ),
    )
    message = refusal(copied)
    assert "the feature 'identity' is absent" in message


def change_record(folder, number, change):
    """Changes a record of the first file, whose checksums are right."""
    path = folder / "train-00000-of-00003.tfrecord"
    examples = [
        tf.train.Example.FromString(record)
        for record in framing.iterate_records(path)
    ]
    change(examples[number].features.feature)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for example in examples:
            writer.write(example.SerializeToString())
    change_json(
        folder,
        lambda value: value["files"][0].update(bytes=path.stat().st_size),
    )


@pytest.mark.parametrize(
    ("lengths", "size", "words"),
    [
        ([1, 1], 8, r"8 bytes of tokens for segments of \[1, 1\] tokens"),
        ([-2, 4], 4, r"segments of \[-2, 4\] tokens, where 20 have room"),
        ([9, 12], 42, r"segments of \[9, 12\] tokens, where 20 have room"),
        (
            [9, 0],
            18,
            r"segments of \[9, 0\] .* two segments, neither of them empty",
        ),
        (
            [0, 9],
            18,
            r"segments of \[0, 9\] .* two segments, neither of them empty",
        ),
        (
            [0, 0],
            0,
            r"segments of \[0, 0\] .* two segments, neither of them empty",
        ),
    ],
)
def test_lengths_that_cannot_be(copied, lengths, size, words):
    def change(features):
        features["segment_lengths"].int64_list.value[:] = lengths
        features["tokens"].bytes_list.value[:] = [bytes(size)]

    change_record(copied, 7, change)
    record_set = open_set(copied)
    record_set.check(SEQ_LENGTH, PREDICTIONS, 997)
    with (
        pytest.raises(UserError, match=rf"record 7 \(0-based\): {words}"),
        explained_damage(record_set.locate_damage),
    ):
        batches_of(record_set, training=False)
    change_record(copied, 0, change)
    assert "record 0 (0-based): " in refusal(copied)


def test_second_segments_that_the_objective_does_not_have(tmp_path):
    write_set(tmp_path, objective="none")

    def change(features):
        # With a second [SEP] one too many.
        features["segment_lengths"].int64_list.value[:] = [9, 12]
        features["tokens"].bytes_list.value[:] = [bytes(42)]

    change_record(tmp_path, 7, change)
    record_set = open_set(tmp_path)
    with (
        pytest.raises(UserError, match=r"\(0-based\): .* needs one segment"),
        explained_damage(record_set.locate_damage),
    ):
        batches_of(record_set, training=False)


def test_slots_of_records_to_evaluate_on_are_their_own(copied, caplog):
    write_set(copied, "eval")
    change_json(
        copied, lambda value: value.update(max_predictions_per_seq=3), "eval"
    )
    config = AlbertConfig.named("tiny", vocab_size=997)
    held_out = RecordSet.open(str(copied / "eval*"))
    check_record_sets([open_set(copied), held_out], config, None)
    assert "slots" not in caplog.text
    # They have not been told of the four.
    train = open_set(copied, max_predictions_per_seq=4)
    check_record_sets([train, held_out], config, None, None, 4)
    assert "eval-00000-of-00003.tfrecord holds masked records" in caplog.text
    assert "with 3 slots" in caplog.text
    with pytest.raises(UserError, match="train-00000.*per_seq 5, this run"):
        check_record_sets([open_set(copied), held_out], config, None, None, 4)
    change_json(copied, lambda value: value.update(max_seq_length=22), "eval")
    held_out = RecordSet.open(str(copied / "eval*"))
    with pytest.raises(UserError, match="eval-00000.* max_seq_length 22"):
        check_record_sets([open_set(copied), held_out], config, None)


def test_records_of_two_vocabularies_whose_files_are_not_at_hand(copied):
    write_set(copied, "eval")
    config = AlbertConfig.named("tiny", vocab_size=997)

    def change(value):
        value["vocabulary"]["fingerprint"] = "0" * 64

    check_record_sets(
        [open_set(copied), RecordSet.open(str(copied / "eval*"))], config, None
    )
    change_json(copied, change, "eval")
    held_out = RecordSet.open(str(copied / "eval*"))
    with pytest.raises(UserError, match="eval-00000.* with another vocabulary"):
        check_record_sets([open_set(copied), held_out], config, None)


def test_a_share_of_masked_records_cannot_be_changed(copied, caplog):
    check_masking([open_set(copied)], {"masked_lm_prob": 0.25})
    assert not caplog.text
    check_masking([open_set(copied)], {"masked_lm_prob": 0.4})
    assert "--max_predictions_per_seq=5 masks at most 21.7%" in caplog.text
    assert "give 9 for --masked_lm_prob=0.4" in caplog.text
    change_json(copied, lambda value: value.pop("masking"))
    check_masking([open_set(copied)], {"masked_lm_prob": None})
    with pytest.raises(UserError, match="--masked_lm_prob=0.4 changes nothing"):
        check_masking([open_set(copied)], {"masked_lm_prob": 0.4})


def test_a_share_of_some_of_the_records_cannot_be_changed(copied, caplog):
    write_set(copied, "eval")
    change_json(copied, lambda value: value.pop("masking"), "eval")
    held_out = RecordSet.open(str(copied / "eval*"))
    check_masking([open_set(copied), held_out], {"masked_lm_prob": None})
    assert not caplog.text
    # The shares are then different in training and evaluation.
    check_masking([open_set(copied), held_out], {"masked_lm_prob": 0.2})
    assert "eval-00000-of-00003.tfrecord holds masked records" in caplog.text
    assert "--masked_lm_prob=0.2 changes nothing" in caplog.text
    with pytest.raises(UserError, match="eval-00000.*changes nothing"):
        check_masking([held_out, open_set(copied)], {"masked_lm_prob": 0.2})
