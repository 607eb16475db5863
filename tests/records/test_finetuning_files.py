# SPDX-License-Identifier: Apache-2.0
"""Fine-tuning records: written, described, checked and read."""

import dataclasses
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from albert.errors import UserError
from albert.records import finetuning_writing
from albert.records import writing
from albert.records.batch_plan import padded_lengths
from albert.records.finetuning_files import FinetuningRecords
from albert.records.finetuning_files import finetuning_record_dataset
from albert.records.schema import FinetuningSchema
from albert.tasks.features import Features
from albert.tasks.tsv_files import TextExamples
from albert.text.tokenizer import Tokenizer

MODEL = (
    pathlib.Path(__file__).parents[1]
    / "golden"
    / "tokenization"
    / "spm2000.model"
)
HEADS = (
    "classification",
    "multi_label",
    "regression",
    "multiple_choice",
    "token_classification",
)
NUMBER, MAX_SEQ_LENGTH, VOCABULARY = 211, 61, 2000
LENGTHS = padded_lengths(MAX_SEQ_LENGTH)


@dataclasses.dataclass
class Task:
    """What the JSON takes from a task."""

    name: str
    labels: tuple


@dataclasses.dataclass
class Examples:
    texts: list
    labels: np.ndarray | None


def choices_of(head):
    return 3 if head == "multiple_choice" else 1


def make_features(head, labeled=True, num_examples=NUMBER):
    random = np.random.default_rng(num_examples)
    choices = choices_of(head)
    lengths = random.integers(2, MAX_SEQ_LENGTH + 1, num_examples * choices)
    # Ids as they are in texts: the small ones are rare.
    sequences = [random.integers(100, VOCABULARY, n) for n in lengths]
    per_example, per_token = {}, {}
    if labeled and head == "token_classification":
        per_token = {"label_ids": [random.integers(-1, 7, n) for n in lengths]}
    elif labeled:
        labels = random.integers(0, 3, num_examples)
        if head == "regression":
            labels = random.normal(size=num_examples).astype(np.float32)
        elif head == "multi_label":
            labels = random.integers(0, 2, (num_examples, 3)).astype(np.int32)
        else:
            labels = labels.astype(np.int32)
        per_example = {"label_ids": labels}
    return Features.from_sequences(
        sequences,
        [random.integers(1, n + 1) for n in lengths],
        choices=choices,
        per_example=per_example,
        per_token=per_token,
    )


def write(
    directory, head, files=3, compression="", labeled=True, num_examples=NUMBER
):
    features = make_features(head, labeled, num_examples)
    schema = FinetuningSchema(
        head,
        MAX_SEQ_LENGTH,
        choices_of(head),
        3 if head == "multi_label" else 1,
    )
    labels = () if head == "regression" else ("no", "maybe", "yes")
    output = str(directory / "train.tfrecord")
    words = None
    if head == "token_classification":
        words = [b"w" * (number % 7) for number in range(num_examples)]
    with writing.RecordSetWriter(output, files) as writer:
        finetuning_writing.write_features(
            writer, features, schema, compression, words
        )
        writer.commit(
            finetuning_writing.build_metadata(
                features,
                schema,
                Task("toy", labels),
                Tokenizer(MODEL),
                {"do_lower_case": True},
                Examples(["a text"], np.ones(1) if labeled else None),
                str(directory),
            )
        )
    return features


def open_records(directory, head, pattern="train*"):
    return FinetuningRecords.open(
        str(directory / pattern), head=head, choices=choices_of(head)
    )


@pytest.fixture(scope="module")
def classification(tmp_path_factory):
    """(directory, features)"""
    directory = tmp_path_factory.mktemp("records")
    return directory, write(directory, "classification")


def read(records, batch_size, num_batches=None, lengths=LENGTHS, **options):
    dataset = finetuning_record_dataset(
        records, batch_size, lengths, **{"training": False, **options}
    )
    if num_batches is not None:
        dataset = dataset.take(num_batches)
    return list(dataset.as_numpy_iterator())


def identities(batches):
    """A number for each example: its first ids."""
    return [tuple(row[:5].tolist()) for b in batches for row in b["input_ids"]]


def assert_equal_batches(got, expected):
    assert len(got) == len(expected)
    for left, right in zip(got, expected, strict=True):
        assert left.keys() == right.keys()
        for name in left:
            np.testing.assert_array_equal(left[name], right[name])


# ------------------------------------------------------------ write and read


@pytest.mark.parametrize("bucket_by_length", [True, False])
@pytest.mark.parametrize("head", HEADS)
def test_evaluation_reads_what_was_written(tmp_path, head, bucket_by_length):
    features = write(tmp_path, head)
    batches = read(
        open_records(tmp_path, head), 5, bucket_by_length=bucket_by_length
    )
    assert len(batches) == 43
    visited = []
    for batch in batches:
        real = batch["example_weights"] == 1
        rows = batch["example_index"][real]
        visited += rows.tolist()
        selected = features.select(rows)
        length = batch["input_ids"].shape[-1]
        assert length == min(n for n in LENGTHS if n >= selected.max_length())
        expected = selected.padded(length)
        if head == "token_classification":
            words = batch.pop("words")[real].tolist()
            assert words == [b"w" * (row % 7) for row in rows]
        assert batch.keys() == (
            expected.keys() | {"example_weights", "example_index"}
        )
        for name, values in expected.items():
            assert batch[name].dtype == values.dtype
            np.testing.assert_array_equal(batch[name][real], values)
            if name in ("input_ids", "input_mask"):
                assert not batch[name][~real].any()
    assert (batches[-1]["example_weights"] == [1, 0, 0, 0, 0]).all()
    assert sorted(visited) == list(range(NUMBER))
    assert (visited == list(range(NUMBER))) == (not bucket_by_length)


@pytest.mark.parametrize(
    "head, label_kind, tokens",
    [
        ("classification", "int64_list", 61),
        ("regression", "float_list", 61),
        ("multiple_choice", "int64_list", 183),
    ],
)
def test_fields_are_those_of_the_original(tmp_path, head, label_kind, tokens):
    """``file_based_convert_examples_to_features`` of classifier_utils.py."""
    features = write(tmp_path, head, files=1, num_examples=5)
    (raw, *_) = tf.data.TFRecordDataset(str(tmp_path / "train.tfrecord"))
    example = tf.train.Example.FromString(raw.numpy()).features.feature
    found = {
        name: (feature.WhichOneof("kind"), len(_values(feature)))
        for name, feature in example.items()
    }
    assert found == {
        "input_ids": ("int64_list", tokens),
        "input_mask": ("int64_list", tokens),
        "segment_ids": ("int64_list", tokens),
        "label_ids": (label_kind, 1),
        "is_real_example": ("int64_list", 1),
    }
    padded = features.padded(61)
    for name in ("input_ids", "input_mask", "segment_ids", "label_ids"):
        np.testing.assert_array_equal(
            np.array(_values(example[name]), padded[name].dtype),
            padded[name][0].reshape(-1),
        )
    assert _values(example["is_real_example"]) == [1]


def _values(feature):
    return getattr(feature, feature.WhichOneof("kind")).value


def test_unlabeled_examples(tmp_path):
    for head, label in (("classification", 0), ("token_classification", -1)):
        write(tmp_path, head, labeled=False, num_examples=7, files=1)
        records = open_records(tmp_path, head)
        (batch,) = read(records, 7)
        assert (batch["label_ids"] == label).all()
        records.check(VOCABULARY)
        with pytest.raises(UserError, match="without labels.*predict_file"):
            records.check(VOCABULARY, need_labels=True)
        for path in tmp_path.iterdir():
            path.unlink()


def test_gzip_and_original_like_files_read_the_same(tmp_path, classification):
    expected = read(open_records(classification[0], "classification"), 5)
    write(tmp_path, "classification", compression="GZIP")
    assert_equal_batches(
        read(open_records(tmp_path, "classification"), 5), expected
    )
    (tmp_path / "train.json").unlink()
    records = open_records(tmp_path, "classification")
    assert records.metadata is None
    assert records.schema == FinetuningSchema("classification", MAX_SEQ_LENGTH)
    assert_equal_batches(read(records, 5), expected)


def test_static_shapes(classification):
    records = open_records(classification[0], "classification")
    for lengths, expected in ((LENGTHS, None), ([61], 61)):
        for training in (True, False):
            spec = finetuning_record_dataset(
                records, 5, lengths, training=training
            ).element_spec
            assert spec["input_ids"].shape.as_list() == [5, expected]
            assert spec["label_ids"].shape == spec["example_weights"].shape
            assert spec["label_ids"].shape == [5]
    with pytest.raises(ValueError, match="of the records 61"):
        read(records, 5, lengths=[64])


def test_rows_that_fill_up_the_file_weigh_nothing(tmp_path):
    path = str(tmp_path / "a.tf_record")
    with tf.io.TFRecordWriter(path) as writer:
        for is_real in (1, 0, None):
            names = {
                "input_ids": [3] * 7,
                "input_mask": [1] * 5 + [0] * 2,
                "segment_ids": [0] * 7,
                "label_ids": [2],
            } | ({} if is_real is None else {"is_real_example": [is_real]})
            example = tf.train.Example()
            for name, values in names.items():
                example.features.feature[name].int64_list.value.extend(values)
            writer.write(example.SerializeToString())
    records = FinetuningRecords.open(path, head="classification")
    assert records.schema.max_seq_length == 7
    records.check(4, labels=["a", "b", "c"])
    (batch,) = read(records, 5, lengths=[4, 5, 7], bucket_by_length=False)
    assert batch["example_weights"].tolist() == [1, 0, 1, 0, 0]
    assert batch["input_ids"].shape == (5, 5)
    with pytest.raises(UserError, match=r"record 0 .*label 2.*has 2 labels"):
        records.check(4, labels=["a", "b"])
    with pytest.raises(UserError, match="holds the id 3"):
        records.check(3)


# ------------------------------------------------------------------ training


@pytest.mark.parametrize("bucket_by_length", [True, False])
def test_each_epoch_visits_every_record_once(classification, bucket_by_length):
    directory, features = classification
    records = open_records(directory, "classification")
    visited = identities(
        read(
            records,
            7,
            100,
            training=True,
            seed=3,
            bucket_by_length=bucket_by_length,
        )
    )
    expected = sorted(
        tuple(row[:5].tolist()) for row in features.padded(61)["input_ids"]
    )
    first, second, third = (
        visited[n * NUMBER : (n + 1) * NUMBER] for n in range(3)
    )
    assert sorted(first) == sorted(second) == sorted(third) == expected
    assert first != second and second != third


def test_buckets_have_little_padding(classification):
    records = open_records(classification[0], "classification")

    def padding(bucket_by_length):
        masks = [
            batch["input_mask"]
            for batch in read(
                records,
                7,
                300,
                lengths=list(range(1, 62)),
                training=True,
                bucket_by_length=bucket_by_length,
            )
        ]
        return 1 - sum(m.sum() for m in masks) / sum(m.size for m in masks)

    assert padding(False) > 0.4
    assert padding(True) < 0.25  # windows of 7 batches of 7 here


@pytest.mark.parametrize("bucket_by_length", [True, False])
@pytest.mark.parametrize("shuffle_buffer", [23, 8192])
def test_continues_exactly_where_it_stood(
    classification, shuffle_buffer, bucket_by_length
):
    records = open_records(classification[0], "classification")
    options = {
        "training": True,
        "seed": 3,
        "shuffle_buffer": shuffle_buffer,
        "bucket_by_length": bucket_by_length,
    }
    whole = read(records, 7, 65, **options)
    for consumed in (30, 61):
        rest = read(
            records,
            7,
            65 - consumed,
            start_record=7 * consumed,
            **options,
        )
        assert_equal_batches(rest, whole[consumed:])


def test_order_depends_on_the_seed(classification):
    records = open_records(classification[0], "classification")

    def order(seed):
        return identities(read(records, 7, 9, training=True, seed=seed))

    first = order(3)
    tf.random.set_seed(12)
    assert order(3) == first
    assert order(4) != first


# -------------------------------------------------------------------- checks


def test_what_is_known_of_records(classification):
    directory, features = classification
    records = open_records(directory, "classification")
    tokenizer = Tokenizer(MODEL)
    assert records.count() == NUMBER
    assert records.counts == (70, 70, 71)
    assert records.locate_damage() is None
    assert records.tokenizer_file() == str(MODEL)
    value = records.metadata
    assert value["task"] == "toy" and value["labels"] == ["no", "maybe", "yes"]
    assert value["statistics"]["examples"] == NUMBER
    assert value["statistics"]["longest"] == features.max_length()
    assert len(value["examples_sha256"]) == 64
    records.check(
        VOCABULARY,
        tokenizer.fingerprint,
        task_name="toy",
        labels=("no", "maybe", "yes"),
        need_labels=True,
    )


@pytest.mark.parametrize(
    "arguments, options, words",
    [
        ((1999,), {}, ["2000", "1999"]),
        ((VOCABULARY, "0" * 64), {}, ["000000000000", "another vocabulary"]),
        ((VOCABULARY,), {"task_name": "cola"}, ["toy", "cola"]),
        (
            (VOCABULARY,),
            {"labels": ["maybe", "no", "yes"]},
            ["no, maybe, yes", "maybe, no, yes"],
        ),
    ],
)
def test_records_that_do_not_fit_are_refused(
    classification, arguments, options, words
):
    records = open_records(classification[0], "classification")
    with pytest.raises(UserError) as caught:
        records.check(*arguments, **options)
    for word in [*words, "train-00000-of-00003.tfrecord"]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def write_without_json(directory, head, **label_features):
    """Writes one record of five tokens, as others may make it."""
    values = {
        "input_ids": [100, 101, 102, 103, 104],
        "input_mask": [1] * 5,
        "segment_ids": [0] * 5,
        **label_features,
    }
    example = tf.train.Example()
    for name, numbers in values.items():
        example.features.feature[name].int64_list.value.extend(numbers)
    path = str(directory / "train.tfrecord")
    with tf.io.TFRecordWriter(path) as writer:
        writer.write(example.SerializeToString())
    return FinetuningRecords.open(path, head=head, choices=1)


@pytest.mark.parametrize(
    ("head", "label_features", "words"),
    [
        ("classification", {"label_ids": [2]}, None),
        ("classification", {"label_ids": [3]}, "the label 3, .* 0 to 2"),
        ("classification", {"label_ids": [-1]}, "the label -1, .* 0 to 2"),
        ("multi_label", {"label_ids": [1, 0, 1]}, None),
        ("multi_label", {"label_ids": [1, 0]}, "made for 2 labels, .* has 3"),
        ("multi_label", {"label_ids": [1, 0, 1, 0]}, "made for 4 labels"),
        ("multi_label", {"label_ids": [1, 0, 2]}, "the label 2, .* 0 to 1"),
        ("multi_label", {"label_ids": [1, 0, -1]}, "the label -1, .* 0 to 1"),
        (
            "token_classification",
            {"label_ids": [9, 0, 2, -1, 1], "label_mask": [0, 1, 1, 0, 1]},
            None,
        ),
        (
            "token_classification",
            {"label_ids": [0, 0, 2, 3, 1], "label_mask": [0, 1, 1, 1, 1]},
            "the label 3, .* 0 to 2",
        ),
        (
            "token_classification",
            {"label_ids": [0, 0, 2, -1, 1], "label_mask": [0, 1, 1, 1, 1]},
            "the label -1, .* 0 to 2",
        ),
    ],
)
def test_labels_of_records_without_a_json(
    tmp_path, head, label_features, words
):
    records = write_without_json(tmp_path, head, **label_features)
    labels = ["O", "B-A", "I-A"]
    if words is None:
        records.check(VOCABULARY, labels=labels)
        return
    with pytest.raises(UserError, match=f"train.tfrecord.*{words}.*give rec"):
        records.check(VOCABULARY, labels=labels)


@pytest.mark.parametrize("with_json", [True, False])
def test_other_heads_are_refused(tmp_path, with_json):
    for head in HEADS:
        for path in tmp_path.iterdir():
            path.unlink()
        write(tmp_path, head, num_examples=5, files=1)
        if not with_json:
            (tmp_path / "train.json").unlink()
        for other in HEADS:
            if other == head:
                assert open_records(tmp_path, head).schema.head == head
                continue
            unclear = (head, other) == ("multiple_choice", "classification")
            if unclear and not with_json:
                continue  # three sequences can be one long one
            # What the JSON beside records calls it.
            word = other.replace("token_classification", "tagging")
            with pytest.raises(UserError, match=f"{word}.*--task_name"):
                open_records(tmp_path, other)


def test_pretraining_records_are_refused():
    golden = MODEL.parents[1] / "pretraining_data/examples_first_67.tfrecord"
    with pytest.raises(UserError, match="'label_ids' is absent"):
        FinetuningRecords.open(str(golden), head="classification")


def test_files_of_different_lengths_are_refused(tmp_path):
    write(tmp_path, "classification", num_examples=5, files=2)
    features = make_features("classification", num_examples=5)
    with writing.RecordSetWriter(str(tmp_path / "train2.tfrecord")) as writer:
        finetuning_writing.write_features(
            writer, features, FinetuningSchema("classification", 64)
        )
        writer.commit({"kind": FinetuningSchema.kind})
    (tmp_path / "train2.json").unlink()
    with pytest.raises(UserError, match="61 tokens.*64"):
        open_records(tmp_path, "classification")


def test_damage_stops_and_is_located(tmp_path):
    write(tmp_path, "classification")
    file = tmp_path / "train-00001-of-00003.tfrecord"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    records = open_records(tmp_path, "classification")
    records.check(VOCABULARY)  # the size is the same
    with pytest.raises(tf.errors.DataLossError):
        read(records, 7, 40, training=True)
    assert "00001-of-00003.tfrecord, record 3" in records.locate_damage()
    file.write_bytes(content[:-1])
    with pytest.raises(UserError, match=r"record 3\d \(0-based\)"):
        open_records(tmp_path, "classification").check(VOCABULARY)


def test_damaged_json_is_refused(tmp_path):
    write(tmp_path, "classification")
    path = tmp_path / "train.json"
    value = json.loads(path.read_text())
    del value["labels"]
    path.write_text(json.dumps(value))
    with pytest.raises(UserError, match="lacks labels"):
        open_records(tmp_path, "classification")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": 5}, "train.json: labels: expected a list, found 5"),
        ({"max_seq_length": "61"}, "max_seq_length: expected an integer"),
        ({"max_seq_length": 2**60}, "max_seq_length: expected an integer"),
        ({"settings": None}, "settings: expected an object, found null"),
        ({"vocabulary": {"size": 2000}}, 'vocabulary: there is no "fing'),
        ({"files": [{}]}, r'files\[0\]: there is no "name"'),
        (
            {"files": [{"name": "train-00000-of-00003.tfrecord"}]},
            r'files\[0\]: there is no "records"',
        ),
        # TensorFlow would end the process where it believes much more.
        ({"max_seq_length": 62}, "has 61 values in 'input_ids', .* says 62"),
    ],
)
def test_json_with_something_wrong_in_it(tmp_path, changes, words):
    write(tmp_path, "classification")
    path = tmp_path / "train.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))
    with pytest.raises(UserError, match=words):
        open_records(tmp_path, "classification").check(VOCABULARY)


@pytest.mark.parametrize("compression", ["", "GZIP"])
@pytest.mark.parametrize("count", [-(10**9), 10**9, "many"])
def test_counts_that_cannot_be(tmp_path, count, compression):
    write(tmp_path, "classification", compression=compression)
    path = tmp_path / "train.json"
    value = json.loads(path.read_text())
    value["files"][1]["records"] = count
    path.write_text(json.dumps(value))
    words = (
        "do not hold the 1,000,000,000 records"
        if count == 10**9
        else r"files\[1\].records: expected an integer from 0"
    )
    with pytest.raises(UserError, match=words):
        open_records(tmp_path, "classification").check(VOCABULARY)


def test_cut_json_is_refused_and_others_do_not_matter(tmp_path):
    write(tmp_path, "classification")
    path = tmp_path / "train.json"
    for name, content in (
        ("brackets.json", "[" * 100_000),
        ("digits.json", '{"a": ' + "9" * 5000 + "}"),
        ("files.json", '{"files": 5}'),
        ("cut.json", path.read_text()[:200]),
    ):
        (tmp_path / name).write_text(content)
    open_records(tmp_path, "classification", "*-of-*").check(VOCABULARY)
    path.write_text(path.read_text()[:200])
    with pytest.raises(UserError, match=r"train.json: not valid JSON"):
        open_records(tmp_path, "classification", "*-of-*")


def test_the_same_examples_are_the_same_bytes(tmp_path):
    contents = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "token_classification", compression="GZIP")
        contents.append(
            {p.name: p.read_bytes() for p in (tmp_path / name).iterdir()}
        )
    assert contents[0] == contents[1]
    assert len(contents[0]) == 4


def test_a_fingerprint_of_examples_knows_nothing_of_paths():
    one, other, third = (
        TextExamples(["0"], [text], labels=["a"], files=({"path": path},))
        for text, path in (("x", "a"), ("x", "b/../a"), ("y", "a"))
    )
    fingerprint = finetuning_writing.fingerprint
    assert fingerprint(one) == fingerprint(other) != fingerprint(third)
