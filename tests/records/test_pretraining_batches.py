# SPDX-License-Identifier: Apache-2.0
"""Record sets and the batches read from them."""

import gzip
import json
import pathlib
import shutil

import numpy as np
import pytest
import tensorflow as tf

from albert.errors import UserError
from albert.records import pretraining_batches
from albert.records import serialization
from albert.records import writing
from albert.records.record_set import RecordSet
from albert.records.schema import PretrainingSchema

GOLDEN = (
    pathlib.Path(__file__).parents[1]
    / "golden"
    / "pretraining_data"
    / "examples_first_67.tfrecord"
)
SEQ_LENGTH, PREDICTIONS, VOCABULARY = 13, 5, 5003
FINGERPRINT = "f" * 64
SHARDS = (101, 67, 41)
COUNT = sum(SHARDS)


def make_columns(first, count):
    """Records that can be told apart: id 0 is the record's index."""
    generator = np.random.default_rng(first)
    shapes = {
        f.name: (count, f.length)
        for f in PretrainingSchema(SEQ_LENGTH, PREDICTIONS).fields
    }
    columns = {
        name: generator.integers(0, 2, shape) for name, shape in shapes.items()
    }
    columns["input_ids"][:, 0] = np.arange(first, first + count)
    lengths = generator.integers(5, SEQ_LENGTH + 1, (count, 1))
    columns["input_mask"] = (np.arange(SEQ_LENGTH) < lengths).astype(int)
    columns["masked_lm_ids"] = generator.integers(
        0, VOCABULARY, shapes["masked_lm_ids"]
    )
    columns["masked_lm_weights"] = generator.random(
        shapes["masked_lm_weights"], np.float32
    )
    return columns


def write_records(directory, compression=""):
    schema = PretrainingSchema(SEQ_LENGTH, PREDICTIONS)
    output = str(directory / "train.tfrecord")
    first = 0
    with writing.RecordSetWriter(output, len(SHARDS)) as writer:
        for shard, count in enumerate(SHARDS):
            flat, _ = serialization.encode_records(
                make_columns(first, count), schema.fields
            )
            content = flat.tobytes()
            if compression:
                content = gzip.compress(content)
            writer.write(shard, content, count)
            first += count
        writer.commit(
            {
                "kind": schema.kind,
                "max_seq_length": SEQ_LENGTH,
                "max_predictions_per_seq": PREDICTIONS,
                "vocabulary": {
                    "size": VOCABULARY,
                    "fingerprint": FINGERPRINT,
                },
            }
        )
    return directory


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    return write_records(tmp_path_factory.mktemp("records"))


def open_set(directory, pattern="train*"):
    return RecordSet.open(str(directory / pattern))


def indices(batches):
    return np.concatenate([b["input_ids"][:, 0] for b in batches])


def training_batches(record_set, num_batches, batch_size=17, **options):
    dataset = pretraining_batches.pretraining_dataset(
        record_set,
        batch_size,
        training=True,
        **{"seed": 3, "shuffle_buffer": 29, **options},
    )
    return list(dataset.take(num_batches).as_numpy_iterator())


def assert_equal_batches(got, expected):
    assert len(got) == len(expected)
    for left, right in zip(got, expected, strict=True):
        assert left.keys() == right.keys()
        for name in left:
            np.testing.assert_array_equal(left[name], right[name])


# ------------------------------------------------------------------- batches


def test_batches_hold_what_was_written(records):
    batches = training_batches(open_set(records), 7)
    expected = {
        name: np.concatenate(
            [
                make_columns(first, count)[name]
                for first, count in zip((0, 101, 168), SHARDS, strict=True)
            ]
        )
        for name in make_columns(0, 1)
    }
    types = {
        "masked_lm_weights": np.float32,
        "example_weights": np.float32,
    }
    for batch in batches:
        rows = batch["input_ids"][:, 0]
        assert batch.keys() == (
            expected.keys() - {"token_boundary"} | {"example_weights"}
        )
        np.testing.assert_array_equal(batch["example_weights"], np.ones(17))
        for name, values in batch.items():
            assert values.dtype == types.get(name, np.int32)
            if name != "example_weights":
                np.testing.assert_array_equal(values, expected[name][rows])


def test_each_epoch_visits_every_record_once_in_another_order(records):
    # 2 epochs are 418 records: 24 batches of 17 and one that crosses.
    visited = indices(training_batches(open_set(records), 25))
    first, second = visited[:COUNT], visited[COUNT : 2 * COUNT]
    assert sorted(first) == sorted(second) == list(range(COUNT))
    assert (first != second).any()
    # Files come in another order too, and neighbours are apart.
    assert (np.abs(np.diff(first)) == 1).mean() < 0.1


@pytest.mark.parametrize("consumed_batches", [1, 12, 13, 25, 37, 50])
@pytest.mark.parametrize("interleaved_files", [1, 3])
def test_continues_exactly_where_it_stood(
    records, consumed_batches, interleaved_files
):
    record_set = open_set(records)
    options = {"interleaved_files": interleaved_files}
    whole = training_batches(record_set, 63, **options)
    rest = training_batches(
        record_set,
        63 - consumed_batches,
        start_record=17 * consumed_batches,
        **options,
    )
    assert_equal_batches(rest, whole[consumed_batches:])


def assert_bucketed(got, plain, lengths, shares):
    """Batches have the rows of others, and the padding of the longest row.

    ``shares``: the largest share of padding, and the least without buckets.
    """
    rows = {
        name: np.concatenate([batch[name] for batch in plain])
        for name in plain[0]
    }
    by_key = {
        row.tobytes(): index for index, row in enumerate(rows["masked_lm_ids"])
    }
    assert len(by_key) == len(rows["masked_lm_ids"])
    seen = []
    for batch in got:
        index = [by_key[row.tobytes()] for row in batch["masked_lm_ids"]]
        seen += index
        length = batch["input_ids"].shape[1]
        longest = batch["input_mask"].sum(axis=1).max()
        assert length == min(each for each in lengths if each >= longest)
        for name, values in batch.items():
            expected = rows[name][index]
            if values.shape[1:] == (length,):
                assert not rows["input_mask"][index, length:].any()
                expected = expected[:, :length]
            np.testing.assert_array_equal(values, expected)
    assert sorted(seen) == sorted(by_key.values())
    padding = [
        1 - np.concatenate([b["input_mask"].ravel() for b in batches]).mean()
        for batches in (got, plain)
    ]
    assert padding[0] < shares[0] and padding[1] > shares[1]


def test_records_of_like_length_come_together(records):
    record_set = open_set(records)
    # 19 divides the number of records: whole batches are an epoch.
    options = {"batch_size": 19, "shuffle_buffer": COUNT}
    assert_bucketed(
        training_batches(record_set, 11, bucket_shapes="many", **options),
        training_batches(record_set, 11, **options),
        [8, 13],
        (0.25, 0.28),
    )


@pytest.mark.parametrize("shuffle_buffer", [120, 8192])
def test_continues_with_records_of_like_length(records, shuffle_buffer):
    options = {"bucket_shapes": "many", "shuffle_buffer": shuffle_buffer}
    record_set = open_set(records)
    whole = training_batches(record_set, 30, **options)
    assert len({batch["input_ids"].shape for batch in whole}) > 1
    rest = training_batches(record_set, 13, start_record=17 * 17, **options)
    assert_equal_batches(rest, whole[17:])


@pytest.mark.parametrize("shuffle_buffer", [1, COUNT, 8192])
def test_continues_with_any_buffer(records, shuffle_buffer):
    record_set = open_set(records)
    whole = training_batches(record_set, 30, shuffle_buffer=shuffle_buffer)
    rest = training_batches(
        record_set, 13, start_record=17 * 17, shuffle_buffer=shuffle_buffer
    )
    assert_equal_batches(rest, whole[17:])


def test_order_depends_on_the_seed_and_not_on_the_global_one(records):
    record_set = open_set(records)
    first = indices(training_batches(record_set, 9))
    tf.random.set_seed(12)
    assert (indices(training_batches(record_set, 9)) == first).all()
    tf.random.set_seed(13)
    assert (indices(training_batches(record_set, 9)) == first).all()
    assert (indices(training_batches(record_set, 9, seed=4)) != first).any()


def test_evaluation_is_one_pass_in_order_with_filling(records):
    dataset = pretraining_batches.pretraining_dataset(
        open_set(records), 17, training=False, seed=0
    )
    batches = list(dataset.as_numpy_iterator())
    assert len(batches) == 13  # 209 records
    weights = np.concatenate([b["example_weights"] for b in batches])
    assert weights.tolist() == [1.0] * COUNT + [0.0] * 12
    assert indices(batches)[:COUNT].tolist() == list(range(COUNT))
    last = batches[-1]
    for name, values in last.items():
        assert values.shape[0] == 17
        assert not values[5:].any(), name
    assert last["masked_lm_weights"][:5].all()


def test_shapes_are_static(records):
    for training in (True, False):
        dataset = pretraining_batches.pretraining_dataset(
            open_set(records), 17, training=training, seed=0
        )
        shapes = {k: v.shape.as_list() for k, v in dataset.element_spec.items()}
        assert shapes["input_ids"] == [17, SEQ_LENGTH]
        assert shapes["masked_lm_ids"] == [17, PREDICTIONS]
        assert shapes["next_sentence_labels"] == [17, 1]
        assert shapes["example_weights"] == [17]


def test_gzip_reads_the_same(records, tmp_path):
    zipped = write_records(tmp_path, "GZIP")
    assert_equal_batches(
        training_batches(open_set(zipped), 15),
        training_batches(open_set(records), 15),
    )
    # Also where no JSON tells.
    (tmp_path / "train.json").unlink()
    record_set = open_set(tmp_path)
    assert record_set.count() == COUNT
    assert record_set.metadata is None
    assert len(training_batches(record_set, 3)) == 3


# -------------------------------------------------------- the original's files


def test_reads_records_of_the_original(caplog):
    record_set = RecordSet.open(str(GOLDEN))
    assert record_set.metadata is None
    assert record_set.count() == 67
    assert record_set.schema == PretrainingSchema(128, 20)
    record_set.check(128, 20, 2000)
    assert f"{GOLDEN} has no JSON beside it" in caplog.text
    assert record_set.locate_damage() is None
    dataset = pretraining_batches.pretraining_dataset(
        record_set, 67, training=False, seed=0
    )
    (batch,) = dataset.as_numpy_iterator()
    for row, raw in enumerate(tf.data.TFRecordDataset(str(GOLDEN))):
        features = tf.train.Example.FromString(raw.numpy()).features.feature
        for name, values in batch.items():
            if name == "example_weights":
                continue
            feature = features[name]
            expected = feature.int64_list.value or feature.float_list.value
            np.testing.assert_array_equal(values[row], expected)


def test_ours_have_the_originals_features(records):
    (file, *_) = open_set(records).files

    def described(path):
        raw = next(iter(tf.data.TFRecordDataset(str(path)))).numpy()
        features = tf.train.Example.FromString(raw).features.feature
        return {name: f.WhichOneof("kind") for name, f in features.items()}

    assert described(file) == described(GOLDEN)


# -------------------------------------------------------------------- checks


def test_what_is_known_of_a_set(records):
    record_set = open_set(records)
    assert len(record_set.files) == 3  # train.json matches the glob too
    assert record_set.count() == COUNT
    assert record_set.counts == SHARDS
    assert record_set.metadata["vocabulary"]["size"] == VOCABULARY
    assert record_set.schema == PretrainingSchema(13, 5)
    record_set.check(SEQ_LENGTH, PREDICTIONS, VOCABULARY, FINGERPRINT)
    record_set.check(SEQ_LENGTH, PREDICTIONS, VOCABULARY + 1)
    assert record_set.locate_damage() is None


@pytest.mark.parametrize(
    "arguments, words",
    [
        ((64, 5, VOCABULARY), ["max_seq_length 13", "64"]),
        ((13, 7, VOCABULARY), ["max_predictions_per_seq 5", "7"]),
        ((13, 5, 4999), ["5003", "4999"]),
        ((13, 5, VOCABULARY, "0" * 64), ["ffffffffffff", "000000000000"]),
    ],
)
def test_records_that_do_not_fit_are_refused(records, arguments, words):
    with pytest.raises(UserError) as caught:
        open_set(records).check(*arguments)
    for word in [*words, "train-00000-of-00003.tfrecord", "records"]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_originals_records_that_do_not_fit_are_refused():
    record_set = RecordSet.open(str(GOLDEN))
    with pytest.raises(UserError, match="max_seq_length 128"):
        record_set.check(512, 20, 2000)
    with pytest.raises(UserError, match=r"record 0 \(0-based\) holds the id"):
        record_set.check(128, 20, 100)


@pytest.fixture
def copied(records, tmp_path):
    return pathlib.Path(shutil.copytree(records, tmp_path / "copy"))


def test_truncated_file_is_refused_and_located(copied):
    file = copied / "train-00001-of-00003.tfrecord"
    content = file.read_bytes()
    # Cut inside record 66, the last one.
    file.write_bytes(content[:-5])
    record_set = open_set(copied)
    with pytest.raises(UserError, match="00001-of-00003.*record 66 .0-based"):
        record_set.check(SEQ_LENGTH, PREDICTIONS, VOCABULARY)
    damage = record_set.locate_damage()
    assert str(file) in damage and "record 66 (0-based)" in damage


def test_missing_records_are_located_by_the_json(copied):
    schema = PretrainingSchema(SEQ_LENGTH, PREDICTIONS)
    flat, _ = serialization.encode_records(make_columns(0, 11), schema.fields)
    (copied / "train-00002-of-00003.tfrecord").write_bytes(flat.tobytes())
    damage = open_set(copied).locate_damage()
    assert "00002-of-00003" in damage and "record 11" in damage


def test_corrupt_record_stops_training_and_is_located(copied):
    file = copied / "train-00002-of-00003.tfrecord"
    content = bytearray(file.read_bytes())
    size = len(content) // 41
    content[size * 23 + size // 2] ^= 1
    file.write_bytes(content)
    record_set = open_set(copied)
    record_set.check(SEQ_LENGTH, PREDICTIONS, VOCABULARY)  # size is the same
    with pytest.raises(tf.errors.DataLossError):
        training_batches(record_set, 13)
    damage = record_set.locate_damage()
    assert str(file) in damage and "record 23 (0-based)" in damage


def test_truncated_file_without_json(copied):
    (copied / "train.json").unlink()
    file = copied / "train-00000-of-00003.tfrecord"
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(UserError, match=r"record 100 \(0-based\)"):
        open_set(copied).count()


def test_other_kinds_are_refused(copied):
    path = copied / "train.json"
    value = json.loads(path.read_text())
    path.write_text(json.dumps({**value, "kind": "recipes"}))
    with pytest.raises(UserError, match="'recipes'"):
        open_set(copied)
    path.write_text(json.dumps({**value, "schema_version": 99}))
    with pytest.raises(UserError, match="99"):
        open_set(copied)


def test_other_content_is_refused(tmp_path):
    path = tmp_path / "a.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(tf.train.Example().SerializeToString())
    with pytest.raises(UserError, match="'input_ids' is absent"):
        RecordSet.open(str(path)).check(13, 5, 100)
    path.write_bytes(b"")
    with pytest.raises(UserError, match="holds no record"):
        RecordSet.open(str(path)).check(13, 5, 100)
    with pytest.raises(UserError):
        RecordSet.open(str(tmp_path / "none*"))
