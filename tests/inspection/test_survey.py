# SPDX-License-Identifier: Apache-2.0
"""What is shown of records: instances, statistics, what looks odd."""

import gzip
import json
import pathlib
import re
import shutil
import types

import numpy as np
import pytest
import tensorflow as tf

from albert.inspection import findings
from albert.inspection import statistics
from albert.records import framing

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
ORIGINAL = GOLDEN / "pretraining_data" / "examples_first_67.tfrecord"
SPM = GOLDEN / "tokenization" / "spm2000.model"


def figures(printed):
    """Returns the figures of what was printed: dict of name to text."""
    lines = re.sub(r"\n {8,}", " ", printed)
    return dict(re.findall(r"^  (\w[\w ]*?)  +(\S.*)$", lines, re.M))


def oddities(printed):
    text = re.sub(r"\n  (?=\S)", " ", printed)
    return re.findall(r"^looks odd: (.*)$", text, re.M)


def test_pretraining_records(pretraining_set, run):
    files = pretraining_set(num_files=2, settings={"objective": "sop"})
    code, printed, errors = run(*files, "--num_examples=2", "--start=1")
    assert code == 0, errors
    found = figures(printed)
    assert found["records"] == "7"
    assert found["files"].startswith("2, 0.0 MB")
    # Lengths are 23, 22, ..., 17.
    assert found["length"] == (
        "20.0 of 23 pieces on average, 13.0% padding, 14.3% full"
    )
    assert found["segments"] == "A 9.0 pieces on average, B 8.0"
    assert found["masked"] == (
        "2.00 a sequence (10.0% of the pieces) of at most 5"
    )
    assert found["replaced by"] == (
        "[MASK] 50.0%, another piece 0.0%, unchanged 50.0%"
    )
    assert found["labels"] == "0 (in order) 57.1%, 1 (swapped) 42.9%"
    headings = re.findall(r"^(train-.*) \| (\d+) masked", printed, re.M)
    assert headings == [
        (
            "train-00000-of-00002.tfrecord, record 1 | label 1 (swapped) | "
            "22 of 23 pieces (A 9, B 10)",
            "2",
        ),
        (
            "train-00000-of-00002.tfrecord, record 2 | label 0 (in order) | "
            "21 of 23 pieces (A 9, B 9)",
            "2",
        ),
    ]
    assert (
        "[CLS] {the old > [MASK] old} ▁·ward·en of the house was [SEP]"
        in printed
    )
    assert re.search(r"train-00001-of-00002 +4 +57\.1%  \S", printed)
    # Nothing but the share of [MASK] among 14 pieces, which is too few.
    assert printed.endswith("nothing looks odd\n")
    assert "\x1b" not in printed


def test_masked_spans_are_counted_in_words(pretraining_set, run, tokenizer):
    def change(columns):
        # A span of all that is between [CLS] and [SEP], but its last piece.
        columns["masked_lm_positions"][0, :5] = np.arange(5) + 5
        columns["masked_lm_ids"][0] = columns["input_ids"][0, 5:10]
        columns["masked_lm_weights"][0] = 1
        # A part of the word "▁·ward·en".
        columns["masked_lm_positions"][1:, 1] = 4
        columns["masked_lm_ids"][1:, 1] = columns["input_ids"][1:, 4]

    files = pretraining_set(change, json=False)
    pieces = ["the", "old", "", "ward", "en", "of", "the", "house", "was"]
    text = tokenizer.encode("the old warden of the house was a good man, and")
    assert [tokenizer.pieces[i].strip("▁") for i in text[:9]] == pieces
    code, printed, errors = run(*files, f"--spm_model_file={SPM}")
    assert code == 0, errors
    found = figures(printed)["masked words"]
    # One run of 5 words that begins inside one, and two of one word in each
    # of the six others.
    assert found.startswith("1.31 in a run on average; 41.2% of the words")
    assert re.search(
        r"words of a masked run.*\n +1 +12 .*\n.*\n.*\n.*\n +5 +1 ", printed
    )


def test_records_of_the_original_without_a_json(run, tmp_path):
    copy = tmp_path / "records.gz"
    copy.write_bytes(gzip.compress(ORIGINAL.read_bytes()))
    outputs = []
    for file in (ORIGINAL, copy):
        code, printed, errors = run(file, "--num_examples=1")
        assert code == 0, errors
        outputs.append(figures(printed))
        # Its [CLS] is 2 there, and its [MASK] 4.
        assert re.search(r"^  2 13 7·84·245 ", printed, re.M)
        assert "without a JSON" in printed
        (odd,) = oddities(printed)
        assert "pieces are shown as ids" in odd and "--spm_model_file" in odd
    assert outputs[0].pop("files") != outputs[1].pop("files")
    assert outputs[0] == outputs[1]
    code, printed, errors = run(ORIGINAL, f"--spm_model_file={SPM}")
    assert figures(printed)["pieces"].endswith("occur, 0.0% are <unk>")
    assert (
        outputs[0]["replaced by"].partition(" (")[0]
        == (figures(printed)["replaced by"])
    )


def test_classes_are_shown_by_name(finetuning_set, run):
    files = finetuning_set(
        "classification", [1, 0, 1, 1], labels=["cat", "dog"]
    )
    code, printed, errors = run(*files, "--label=cat")
    assert code == 0, errors
    assert "fine-tuning records of pets" in printed
    assert figures(printed)["labels"] == "0 (cat) 25.0%, 1 (dog) 75.0%"
    assert re.findall(r"record (\d) \| label (.*?) \|", printed) == [
        ("1", "0 (cat)")
    ]
    assert "[CLS] the house [SEP]" in printed
    for label in ("2", "mouse"):
        code, printed, errors = run(*files, f"--label={label}")
        if code:
            assert code == 2 and "0 (cat), 1 (dog)" in errors
        else:
            assert any(
                "0 were read with label 2" in x for x in oddities(printed)
            )


def test_many_different_numbers(finetuning_set, run):
    # As many as there are in a large set, in an order that widens the range.
    labels = np.random.default_rng(3).exponential(3, 9001).astype(np.float32)
    labels = labels[np.argsort(labels + np.arange(9001) // 1000)]
    files = finetuning_set("regression", labels, name="a")
    code, printed, errors = run(*files)
    assert code == 0, errors
    exact = labels.astype(float)
    assert figures(printed)["labels"] == (
        f"numbers from {exact.min():g} to {exact.max():g}, "
        f"{exact.mean():.3g} on average"
    )
    chart = printed.partition("\nlabels\n")[2].partition("\n\n")[0]
    counts = re.findall(r"to \S+ +([\d,]+)", chart)
    counts = [int(count.replace(",", "")) for count in counts]
    expected = np.histogram(exact, 14)[0]
    assert sum(counts) == 9001
    np.testing.assert_allclose(counts, expected, rtol=0.01, atol=3)


def test_memory_for_numbers_is_bounded():
    counted = statistics.RecordStatistics()
    generator = np.random.default_rng(3)
    for batch in range(40):
        counted._add_labels(generator.normal(batch, 9.0, 1024))
        assert len(counted.labels) <= 4096
    assert counted.labels.total() == 40 * 1024
    assert all(label * 64 == int(label * 64) for label in counted.labels)
    # One of another magnitude.
    counted._add_labels(np.array([1e30]))
    counted._add_labels(generator.normal(0, 9.0, 5000))
    assert len(counted.labels) <= 4096
    assert counted.label_range[1] == 1e30


def test_numbers_options_and_tags(finetuning_set, run):
    files = finetuning_set("regression", [0.5, 5.0, 2.5], name="a")
    code, printed, errors = run(*files, "--label=2.5")
    assert code == 0, errors
    assert figures(printed)["labels"] == (
        "numbers from 0.5 to 5, 2.67 on average"
    )
    assert re.findall(r"record (\d) \| label 2.5", printed) == ["2"]

    files = finetuning_set(
        "multiple_choice", [2, 0, 2, 1], name="b", json=False, choices=3
    )
    code, printed, errors = run(*files, f"--spm_model_file={SPM}", "--label=B")
    assert code == 0, errors
    assert "fine-tuning records, 3 options each" in printed
    assert figures(printed)["labels"] == "A 25.0%, B 25.0%, C 50.0%"
    shown = re.search(r"record 3 .*?\n(.*)\n\n1 file", printed, re.S)[1]
    assert shown == (
        "  A:\n  [CLS] the house [SEP]\n"
        "  B, the answer:\n  [CLS] a good man [SEP]\n"
        "  C:\n  [CLS] the house [SEP]"
    )

    tags = np.full((2, 13), -1)
    tags[0, 1:4], tags[1, 1:3] = (0, 0, 1), (0, 2)
    files = finetuning_set(
        "token_classification", tags, name="c", labels=["O", "B-X", "I-X"]
    )
    code, printed, errors = run(*files, "--label=I-X")
    assert code == 0, errors
    assert "[CLS] the/O house/I-X [SEP]" in printed
    assert "a/O" not in printed
    assert re.search(r"0 \(O\) +3 +60\.0%", printed)


def odd_padding(columns):
    for name in ("input_mask", "input_ids", "segment_ids", "token_boundary"):
        columns[name][:, 11:] = 0
    columns["input_ids"][:, 10] = 3


def nothing_masked(columns):
    columns["masked_lm_weights"][:] = 0


def one_label(columns):
    columns["next_sentence_labels"][:] = 1


def single_segments(columns):
    columns["segment_ids"][:] = 0


def unknown_pieces(columns):
    text = columns["input_ids"] > 4
    columns["input_ids"][text & (np.arange(23) % 2 == 0)] = 1


def other_start(columns):
    columns["input_ids"][3:, 0] = 77


def random_masks(columns):
    seen = columns["input_ids"]
    seen[seen == 4] = np.arange(100, 100 + (seen == 4).sum())


def empty_segment(columns):
    columns["input_ids"][0, 1] = 3
    columns["segment_ids"][0, 2:] = columns["input_mask"][0, 2:]
    columns["masked_lm_weights"][0] = 0


@pytest.mark.parametrize(
    "change, words",
    [
        (odd_padding, "% is padding"),
        (nothing_masked, "nothing is masked"),
        (one_label, "all labels are 1 (swapped)"),
        (single_segments, "no record has a second segment"),
        (unknown_pieces, "pieces are <unk>"),
        (other_start, "57.1% of the sequences do not begin with [CLS]"),
        (random_masks, "0.0% of the masked pieces became [MASK]"),
        (
            empty_segment,
            "14.3% of the sequences have a segment without a piece",
        ),
    ],
)
def test_what_looks_odd(pretraining_set, run, change, words):
    count = 12 if change is random_masks else 7
    files = pretraining_set(change, min(count, 7))
    if change is random_masks:  # Twice as many, to judge by.
        shutil.copy(files[0], files[0].with_name("other.tfrecord"))
        files.append(files[0].with_name("other.tfrecord"))
    code, printed, errors = run(*files)
    assert code == 0, errors
    assert any(words in odd for odd in oddities(printed)), printed
    none = re.search(r"labels +none: one segment each", printed)
    # The padding takes all of the second segments, too.
    assert bool(none) == (change in (single_segments, odd_padding))


def test_segments_of_no_pairs_have_a_label(pretraining_set, run):
    files = pretraining_set(single_segments, 7, settings={"objective": "none"})
    code, printed, errors = run(*files, "--label=one segment")
    assert code == 0, errors
    assert "one segment) |" in printed


@pytest.mark.parametrize(
    "replacement, expected", [(None, 0.8), ("80-10-10", 0.8), ("mask", 1.0)]
)
@pytest.mark.parametrize("found", [0.8, 0.9, 1.0])
def test_masked_pieces_become_what_the_json_says(replacement, expected, found):
    kind = types.SimpleNamespace(
        settings={"mask_replacement": replacement} if replacement else {},
        schema=types.SimpleNamespace(max_seq_length=64),
    )
    counted = types.SimpleNamespace(
        masked_pieces=np.array([1500]),
        masked=np.array([0, 10]),
        sequences=10,
        tokens=10_000,
        replacements=lambda tokenizer: (round(found * 1500), 0),
        words_hit=0,
        words_hit_in_part=0,
    )
    told = list(findings._of_masks(kind, counted, None))
    assert len(told) == (found != expected)
    for line in told:
        assert f"became [MASK], not {expected:.0%}" in line


def test_copies_and_faults_that_can_be_counted_are_told(pretraining_set, run):
    def change(columns):
        columns["segment_ids"][2:4, 0] = 2
        columns["masked_lm_positions"][5, 1] = 1

    files = pretraining_set(change)
    shutil.copy(files[0], files[0].with_name("train-copy.tfrecord"))
    code, printed, errors = run(f"{files[0].parent}/*.tfrecord")
    assert code == 0, errors
    odd = "\n".join(oddities(printed))
    assert re.search(r"begins with the same records as \S+-copy\.tf", odd)
    assert "record 2 (0-based): 2 in 'segment_ids' is not 0 or 1" in odd
    assert "record 5 (0-based): 'masked_lm_positions' names a position" in odd
    assert "--verify" in odd


def test_a_sample(pretraining_set, run):
    files = pretraining_set(num_files=3)
    code, printed, errors = run(*files, "--max_records=4")
    assert code == 0, errors
    assert figures(printed)["records"] == (
        "4 of 7: the first of each file, a sample"
    )
    # Of 2, 2 and 3 records.
    assert re.findall(r"^  train-\S+ +(\d)", printed, re.M) == list("112")


@pytest.mark.parametrize(
    "most, shown",
    [
        (2, "2 of more: the first of each file, a sample"),
        (4, "4 of more: the first of each file, a sample"),
        (6, "6 of more: the first of each file, a sample"),
        (7, "7"),
        (9, "7"),
    ],
)
def test_a_sample_of_records_without_a_json(pretraining_set, run, most, shown):
    files = pretraining_set(num_files=3, json=False)
    code, printed, errors = run(*files, f"--max_records={most}")
    assert code == 0, errors
    assert figures(printed)["records"] == shown


def test_filling_is_not_counted(finetuning_set, run):
    def change(columns):
        # As the original fills up the last batch.
        for values in columns.values():
            values[::2] = 0

    files = finetuning_set(
        "classification", [0, 1, 0, 0], change=change, labels=["a", "b"]
    )
    code, printed, errors = run(*files)
    assert code == 0, errors
    assert figures(printed)["labels"] == "0 (a) 50.0%, 1 (b) 50.0%"
    assert re.findall(r"record (\d) \| label (\d)", printed) == [
        ("1", "1"),
        ("3", "0"),
    ]
    assert not [odd for odd in oddities(printed) if "input_mask" in odd]


@pytest.mark.slow
def test_statistics_are_those_of_the_writer(tmp_path, run_command, run):
    """What is counted in records is what was counted when they were made."""
    output = tmp_path / "train.tfrecord"
    code, _, errors = run_command(
        "data/create_pretraining_data.py",
        f"--input_file={GOLDEN / 'pretraining_data' / 'input.txt'}",
        f"--spm_model_file={SPM}",
        f"--output_file={output}",
        *("--num_shards=3", "--max_seq_length=67", "--dupe_factor=2"),
        *("--max_predictions_per_seq=11", "--num_workers=1"),
    )
    assert code == 0, errors
    made = json.loads((tmp_path / "train.json").read_text())["statistics"]
    code, printed, errors = run(tmp_path / "train-*.tfrecord")
    assert code == 0, errors
    assert printed.endswith("nothing looks odd\n")
    found = figures(printed)
    assert found["records"] == f"{made['instances']:,}"
    assert found["length"] == (
        f"{made['mean_length']:.1f} of 67 pieces on average, "
        f"{made['padding_share']:.1%} padding, "
        f"{made['full_length_share']:.1%} full"
    )
    assert found["masked"] == (
        f"{made['masked_per_instance']:.2f} a sequence "
        f"({made['masked_share']:.1%} of the pieces) of at most 11"
    )
    assert "; 0.0% of the words are hidden in part" in found["masked words"]
    one = float(re.search(r"1 \(swapped\) ([\d.]+)%", found["labels"])[1])
    assert abs(one - 100 * made["label_1_share"]) < 0.06
    # A random piece may be the true one, which nobody can see.
    shares = re.findall(r"([\d.]+)%", found["replaced by"])
    for share, name in zip(shares, ("mask", "random", "kept"), strict=True):
        wanted = 100 * made["replacement_shares"][name]
        assert abs(float(share) - wanted) < 0.15


# ------------------------------------------------------------------- bad input


def records_of(path, **features):
    """Writes a record with features of integers."""
    example = tf.train.Example()
    for name, values in features.items():
        example.features.feature[name].int64_list.value.extend(values)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(example.SerializeToString())


def write_bad(name, folder):
    """Writes a file that is refused; returns its path."""
    path = folder / "bad.tfrecord"
    if name == "text":
        path.write_text("It was a dark and stormy night.\n")
    elif name == "empty":
        path.write_bytes(b"")
    elif name == "truncated":
        path.write_bytes(ORIGINAL.read_bytes()[:-5])
    elif name == "flipped":
        content = bytearray(ORIGINAL.read_bytes())
        content[-9] ^= 1
        path.write_bytes(content)
    elif name == "foreign":
        records_of(path, image=[1, 2], height=[7])
    elif name == "both":
        records_of(path, masked_lm_positions=[1], label_ids=[0])
    elif name == "bytes":
        with tf.io.TFRecordWriter(str(path)) as writer:
            writer.write(b"no protocol buffer\xff")
    elif name == "lengths":
        with tf.io.TFRecordWriter(str(path)) as writer:
            for payload in framing.iterate_records(ORIGINAL):
                writer.write(payload)
            example = tf.train.Example.FromString(payload)
            ids = example.features.feature["input_ids"].int64_list.value
            del ids[100:]
            writer.write(example.SerializeToString())
    elif name == "kind":
        shutil.copy(ORIGINAL, path)
        value = {"kind": "zork", "schema_version": 1, "files": []}
        value["files"] = [{"name": path.name, "records": 67, "bytes": 5}]
        path.with_suffix(".json").write_text(json.dumps(value))
    return path


@pytest.mark.parametrize(
    "name, words",
    [
        ("missing", ["No such file"]),
        ("text", ["is no TFRecord file"]),
        ("empty", ["holds no record", "leave it out"]),
        ("truncated", ["record 66 (0-based): truncated", "copy the file"]),
        ("flipped", ["record 66 (0-based): corrupt", "copy the file"]),
        ("foreign", ["height, image", "create-pretraining-data"]),
        ("both", ["neither pretraining nor fine-tuning"]),
        ("bytes", ["record 0 (0-based) is no tf.train.Example"]),
        ("lengths", ["record 67", "'input_ids' has 100 values, not 128"]),
        ("kind", ["bad.json", "'zork'"]),
    ],
)
def test_bad_files(name, words, tmp_path, run, assert_refused):
    path = write_bad(name, tmp_path)
    assert_refused(*run(path), [path.stem, *words])


def test_ids_that_cannot_be_counted(pretraining_set, run, assert_refused):
    def change(columns):
        columns["masked_lm_ids"][4, 1] = 5000

    (file,) = pretraining_set(change)
    words = [f"{file}, record 4 (0-based)", "5000 in 'masked_lm_ids'"]
    assert_refused(*run(file), words)


def test_sets_that_do_not_belong_together(
    pretraining_set, finetuning_set, run, assert_refused
):
    files = pretraining_set(settings={"objective": "sop"})
    others = finetuning_set("classification", [0, 1], name="pets")
    assert_refused(*run(*files, *others), ["train.json", "pets.json"])
    others = pretraining_set(name="nsp", settings={"objective": "nsp"})
    assert_refused(*run(*files, *others), ["one at a time"])


def test_vocabularies_that_are_not_theirs(
    pretraining_set, run, assert_refused, tmp_path
):
    files = pretraining_set()
    other = SPM.with_name("spm2000_numcomma.model")
    assert_refused(
        *run(*files, f"--spm_model_file={other}"), ["not the vocabulary"]
    )
    files = pretraining_set(
        vocabulary={
            "size": 2000,
            "fingerprint": "0" * 64,
            "model_file": str(SPM),
        }
    )
    code, printed, errors = run(*files)
    assert code == 0, errors
    assert any("restore it" in odd for odd in oddities(printed))
    assert "[CLS]" not in printed.partition("instances")[2]


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ["no file is given"]),
        (["{train}", "--verify", "--html=page.html"], ["--html"]),
        (["{train}", "--label=mouse"], ["0 (in order), 1 (swapped)"]),
        (["{train}", f"--html={SPM}"], ["input and output"]),
        (["{train}", "--html={train}", "--overwrite"], ["input and output"]),
    ],
)
def test_bad_flags(pretraining_set, run, assert_refused, arguments, words):
    (file,) = pretraining_set()
    before = file.read_bytes()
    given = [str(each).replace("{train}", str(file)) for each in arguments]
    assert_refused(*run(*given), words)
    assert file.read_bytes() == before
