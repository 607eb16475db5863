# SPDX-License-Identifier: Apache-2.0
"""The recipe that makes fine-tuning records, from flags to files."""

import json
import pathlib

import numpy as np
import pytest
from absl import flags

from albert.errors import UserError
from albert.records.finetuning_files import FinetuningRecords
from albert.records.finetuning_files import finetuning_record_dataset
from albert.tasks import interface
from albert.tasks.selection import get_task
from albert.text.tokenizer import Tokenizer

ROOT = pathlib.Path(__file__).parents[2]
RECIPE = ROOT / "data" / "create_finetuning_data.py"
MODEL = ROOT / "tests" / "golden" / "tokenization" / "spm2000.model"
TEXTS = [
    ("ham", "The cat sat on the mat, and it was a very long way from home."),
    ("spam", "Buy now."),
    ("ham", "She said that she would come to the house in the evening."),
    ("spam", "A great offer! Only today, 1,234 of them."),
    ("eggs", "Nobody knows."),
]


@pytest.fixture
def run_recipe(call_recipe):
    """Runs the recipe's main in this process."""
    return lambda *arguments: call_recipe(
        RECIPE, f"--spm_model_file={MODEL}", *arguments
    )


@pytest.fixture
def tsv(tmp_path):
    """A folder with a task of the user's own."""
    folder = tmp_path / "task"
    folder.mkdir()
    for split, number in (("train", 5), ("dev", 3)):
        rows = [f"{text}\t{label}" for label, text in TEXTS[:number]]
        (folder / f"{split}.tsv").write_text(
            "\n".join(["text\tlabel", *rows]) + "\n"
        )
    (folder / "test.tsv").write_text("text\nWho knows?\n")
    return folder


def options(tsv, *more):
    return (
        "--task_name=tsv",
        f"--data_dir={tsv}",
        f"--output_dir={tsv.parent / 'out' / 'records'}",
        "--max_seq_length=29",
        *more,
    )


def read(pattern, head, choices=1):
    """The records, and one batch of all of them in the order of the files."""
    records = FinetuningRecords.open(str(pattern), head=head, choices=choices)
    (batch,) = finetuning_record_dataset(
        records,
        records.count(),
        [records.schema.max_seq_length],
        training=False,
        bucket_by_length=False,
    ).as_numpy_iterator()
    return records, batch


def rows(batch):
    """The examples without their order."""
    return sorted(
        (ids.tolist(), segments.tolist(), label.tolist())
        for ids, segments, label in zip(
            batch["input_ids"],
            batch["segment_ids"],
            batch["label_ids"],
            strict=True,
        )
    )


def test_a_task_of_ones_own(tsv, capsys, run_recipe, contents):
    run_recipe(*options(tsv, "--splits=train,dev,test", "--num_shards=2"))
    out = tsv.parent / "out" / "records"
    assert sorted(contents(out)) == sorted(
        name
        for split in ("train", "dev", "test")
        for name in (
            f"tsv_{split}-00000-of-00002.tfrecord",
            f"tsv_{split}-00001-of-00002.tfrecord",
            f"tsv_{split}.json",
        )
    )
    tokenizer = Tokenizer(MODEL)
    task = get_task("tsv").with_labels(["eggs", "ham", "spam"])
    for split in ("train", "dev"):
        records, batch = read(out / f"tsv_{split}-*", "classification")
        records.check(
            tokenizer.vocabulary_size,
            tokenizer.fingerprint,
            task_name="tsv",
            labels=task.labels,
            need_labels=True,
        )
        expected = interface.featurize(
            task, interface.load(task, str(tsv), split), tokenizer, 29
        ).features.padded(29)
        if split == "dev":
            for name, values in expected.items():
                np.testing.assert_array_equal(batch[name], values)
        else:
            assert rows(batch) == rows(expected)
            assert (batch["input_ids"] != expected["input_ids"]).any()
    records, _ = read(out / "tsv_test-*", "classification")
    assert not records.metadata["labeled"]
    assert records.tokenizer_file() == str(MODEL)
    printed = capsys.readouterr().out
    for words in (
        "train: 5 examples",
        "padding",
        "(label ",
        "--train_file='",
        "tsv_train-*-of-00002.tfrecord",
        "--do_predict",
    ):
        assert words in printed


def test_the_same_flags_give_the_same_bytes(tsv, run_recipe, contents):
    found = []
    for name in ("a", "b"):
        run_recipe(
            *options(tsv, "--compression=GZIP"),
            f"--output_dir={tsv.parent / name}",
        )
        found.append(contents(tsv.parent / name))
    assert found[0] == found[1]
    run_recipe(*options(tsv), "--random_seed=3", f"--output_dir={tsv.parent}")
    assert rows(
        read(tsv.parent / "tsv_train.tfrecord", "classification")[1]
    ) == rows(read(tsv.parent / "a" / "tsv_train*", "classification")[1])


def test_regression(tsv, run_recipe):
    (tsv / "train.tsv").write_text("text\tlabel\na cat\t0.25\nNo.\t-3\n")
    run_recipe(*options(tsv, "--regression", "--splits=train"))
    records, batch = read(
        tsv.parent / "out" / "records" / "tsv_train.tfrecord", "regression"
    )
    assert sorted(batch["label_ids"].tolist()) == [-3.0, 0.25]
    assert records.metadata["labels"] == []


def test_lengths_are_checked_before_files_are_read(tmp_path, run_recipe):
    with pytest.raises(UserError, match="--max_qa_length is 128"):
        run_recipe(
            "--task_name=race",
            f"--data_dir={tmp_path}",
            f"--output_dir={tmp_path / 'out'}",
            "--max_seq_length=131",
        )


def test_multiple_choice_and_both_dev_sets(tmp_path, capsys, run_recipe):
    article = {
        "article": "The cat sat on the mat.",
        "questions": ["Who sat?", "The _ was there."],
        "options": [["a cat", "a dog", "no one", "I"], ["mat", "b", "c", "d"]],
        "answers": ["A", "A"],
    }
    for level in ("high", "middle"):
        folder = tmp_path / "RACE" / "train" / level
        folder.mkdir(parents=True)
        entry = article | {"id": f"{level}1.txt"}
        (folder / "1.txt").write_text(json.dumps(entry))
    run_recipe(
        "--task_name=race",
        f"--data_dir={tmp_path}",
        f"--output_dir={tmp_path / 'out'}",
        "--splits=train",
        "--max_seq_length=37",
        "--max_qa_length=11",
    )
    records, batch = read(
        tmp_path / "out" / "race_train.tfrecord", "multiple_choice", 4
    )
    assert batch["input_ids"].shape == (4, 4, 37)
    assert batch["label_ids"].tolist() == [0] * 4
    assert records.metadata["settings"]["max_qa_length"] == 11
    assert batch["segment_ids"].any(axis=2).all()


def test_tagging(tmp_path, run_recipe):
    (tmp_path / "train.txt").write_text(
        "Anna B-PER\nwent O\nto O\nSaltburn B-LOC\nSands I-LOC\n\nNo O\n"
    )
    run_recipe(
        "--task_name=ner",
        f"--data_dir={tmp_path}",
        f"--output_dir={tmp_path / 'out'}",
        "--splits=train",
        "--max_seq_length=31",
    )
    records, batch = read(
        tmp_path / "out" / "ner_train.tfrecord", "token_classification"
    )
    # The word of older files, which stays.
    assert records.metadata["task_kind"] == "tagging"
    assert records.metadata["labels"] == (
        ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    )
    labels = sorted(row[row >= 0].tolist() for row in batch["label_ids"])
    assert labels == [[0], [3, 0, 0, 1, 2]]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--task_name="], ["--task_name=", "empty"]),
        (["--output_dir="], ["--output_dir=", "empty"]),
        (["--task_name=glu"], ["glu", "cola"]),
        (["--splits=validation"], ["--splits validation", "dev"]),
        (["--splits="], ["--splits=", "empty"]),
        (["--data_dir=nowhere"], ["nowhere", "no such folder"]),
        (["--spm_model_file=nothing.model"], ["nothing.model"]),
        (["--labels=ham,spam"], ["train.tsv:6", "eggs"]),
        (["--output_dir=EXISTING"], ["tsv_train.tfrecord exists", "dir or"]),
        (["--output_dir=EXISTING/tsv_train.tfrecord/a"], ["in the way"]),
    ],
)
def test_bad_input_writes_nothing(tsv, arguments, words, run_recipe):
    existing = tsv.parent / "existing"
    existing.mkdir()
    (existing / "tsv_train.tfrecord").write_text("mine")
    before = sorted(tsv.parent.rglob("*"))
    arguments = [a.replace("EXISTING", str(existing)) for a in arguments]
    with pytest.raises((UserError, flags.Error)) as caught:
        run_recipe(*options(tsv), *arguments)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(tsv.parent.rglob("*")) == before
    assert (existing / "tsv_train.tfrecord").read_text() == "mine"


def test_a_bad_row_of_any_split_leaves_nothing(tsv, run_recipe):
    with open(tsv / "dev.tsv", "a") as file:
        file.write("no label\n")
    with pytest.raises(UserError, match=r"dev.tsv:5"):
        run_recipe(*options(tsv))
    assert not (tsv.parent / "out").exists()
    run_recipe(*options(tsv, "--skip_bad_rows"))
    out = tsv.parent / "out" / "records"
    assert read(out / "tsv_dev.tfrecord", "classification")[0].count() == 3


def test_a_column_of_empty_texts_leaves_nothing(tsv, run_recipe):
    (tsv / "train.tsv").write_text("text\tlabel\n\tcat\n\tdog\n \tcat\n")
    (tsv / "dev.tsv").write_text("text\tlabel\nA\tcat\n")
    with pytest.raises(UserError, match="train.tsv: 3 .100.0%. of 3 texts ha"):
        run_recipe(*options(tsv))
    assert not (tsv.parent / "out").exists()


def test_each_file_is_read_once(tsv, run_recipe, caplog):
    with open(tsv / "train.tsv", "a") as file:
        file.write("no label\n")
    with caplog.at_level("WARNING", "absl"):
        run_recipe(*options(tsv, "--skip_bad_rows"))
    assert caplog.text.count("train.tsv: 1 bad rows left out") == 1


def test_overwrite_replaces_a_set_with_its_shards(tsv, run_recipe, contents):
    run_recipe(*options(tsv, "--num_shards=3"))
    run_recipe(*options(tsv, "--num_shards=2", "--overwrite"))
    names = contents(tsv.parent / "out" / "records")
    assert len(names) == 6 and not any("of-00003" in name for name in names)


def test_command_line_needs_no_tensorflow(tsv, run_process):
    """Exit status 2 and one line; --help names the flags."""
    code = (
        "import runpy, sys; sys.argv = sys.argv[1:];"
        "sys.modules['tensorflow'] = None;"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )

    result = run_process("-c", code, RECIPE)
    assert result.returncode == 2
    assert result.stderr == "error: --task_name is required; see --help\n"
    result = run_process(
        "-c", code, RECIPE, f"--spm_model_file={MODEL}", *options(tsv)
    )
    assert (result.returncode, result.stderr) == (0, "")
