# SPDX-License-Identifier: Apache-2.0
"""Records by Apache Beam, in the environment of ``make test-beam``."""

import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
MODEL = GOLDEN / "tokenization" / "spm2000.model"
TWO_WORKERS = (
    "--runner=DirectRunner",
    "--pipeline_options=direct_num_workers=2,"
    "direct_running_mode=multi_processing",
)


@pytest.fixture
def create(tmp_path):
    """Runs the command on a text of four files."""
    text = (GOLDEN / "pretraining_data" / "input.txt").read_text()[:12_000]
    (tmp_path / "text").mkdir()
    for index in range(4):
        file = tmp_path / "text" / f"{index}.txt"
        file.write_text(text * (1 + index))

    def run(folder, *arguments):
        return subprocess.run(
            [
                *(sys.executable, "-m", "albert", "create-pretraining-data"),
                f"--input_file={tmp_path}/text/*.txt",
                f"--output_file={tmp_path}/{folder}/train.tfrecord",
                f"--spm_model_file={MODEL}",
                *("--max_seq_length=61", "--dupe_factor=2"),
                *arguments,
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_same_bytes_as_without_beam(tmp_path, create, contents):
    assert create("here", "--shard=all/3").returncode == 0
    done = create("beam", "--shard=all/3", *TWO_WORKERS)
    assert done.returncode == 0, done.stderr
    assert "train.json of 3 shards" in done.stdout
    assert contents(tmp_path / "here") == contents(tmp_path / "beam")
    assert len(contents(tmp_path / "beam")) == 7

    # What is there is not made again; a shard of either is one of the other.
    (tmp_path / "beam" / "train-00001-of-00003.json").unlink()
    (tmp_path / "beam" / "train-00001-of-00003.tfrecord").unlink()
    done = create("beam", "--shard=all/3", "--runner=DirectRunner")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("is there already") == 2
    assert contents(tmp_path / "here") == contents(tmp_path / "beam")


def test_fault_of_a_worker_is_one_line(tmp_path, create):
    for file in (tmp_path / "text").iterdir():
        file.write_text("日本の家。\n駅の前。\n\n" * 40, "utf-8")
    done = create("beam", "--shard=all/3", "--runner=DirectRunner")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: {tmp_path}/text/")
    assert f"are unknown to {MODEL}" in last
    assert "the same command goes on" in last
    assert not (tmp_path / "beam" / "train.json").exists()


def test_nothing_of_others_is_replaced(tmp_path, create, contents):
    assert create("beam", "--num_shards=3", "--num_workers=1").returncode == 0
    before = contents(tmp_path / "beam")
    done = create("beam", "--shard=all/3", "--runner=DirectRunner")
    assert done.returncode == 2
    assert "exists, and is no shard of this set" in done.stderr
    assert contents(tmp_path / "beam") == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--shard=all/3", "--runner=NoRunner"],
            ["NoRunner", "DataflowRunner"],
        ),
        (["--shard=1/3", "--runner=DirectRunner"], ["give --shard=all/3"]),
        (["--runner=DirectRunner"], ["--shard=all/64"]),
        (["--shard=all/3", "--pipeline_options=a=b"], ["--runner"]),
        (["--shard=all/5", "--runner=DirectRunner"], ["there are 4"]),
        (
            [
                "--shard=all/3",
                "--runner=DirectRunner",
                "--output_file=gs://no-bucket/train.tfrecord",
            ],
            ["filesystem", "gs://no-bucket"],
        ),
        (
            [
                "--shard=all/3",
                "--runner=DirectRunner",
                "--input_file=missing/*.txt",
            ],
            ["missing/*.txt: no such file"],
        ),
        (
            [
                "--shard=all/2",
                "--runner=DirectRunner",
                f"--input_file={GOLDEN}/pretraining_data/input.txt,missing/*.txt",
            ],
            ["missing/*.txt: no such file"],
        ),
        (
            ["--shard=all/3", "--runner=DirectRunner", "--num_workers=2"],
            ["--pipeline_options"],
        ),
    ],
)
def test_bad_input(create, arguments, words):
    done = create("beam", *arguments)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr.strip().splitlines()[-1]
