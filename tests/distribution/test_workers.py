# SPDX-License-Identifier: Apache-2.0
"""Two worker processes on loopback: one result, one writer, no orphans."""

import csv
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import time

import numpy as np
import pytest

from albert.interchange import tensor_bundle

ROOT = pathlib.Path(__file__).parents[2]
TOKENIZER = ROOT / "tests" / "golden" / "tokenization" / "spm2000.model"
WORKERS = "--distribution_strategy=multi_worker_mirrored"
FLAGS = [
    "--num_train_steps=400",
    "--save_checkpoints_steps=50",
    "--steps_per_loop=5",
    "--keep_checkpoint_max=20",
]
# Until the surviving worker ends. On a calm machine it is one second, or
# half a minute where it is noticed by silence alone.
BOUND = 90.0


def difference(one, other):
    """Largest absolute difference of two checkpoints' tensors."""
    one, other = tensor_bundle.read(one), tensor_bundle.read(other)
    assert one.keys() == other.keys()
    return max(
        np.max(np.abs(one[name] - other[name]))
        for name in one
        # Those of dropout count calls, and a replica has its own.
        if not name.startswith("training_state/")
    )


def private_places(tmp_path, index):
    """A worker's own folder for temporary files, as environment and path."""
    folder = tmp_path / f"private_{index}"
    folder.mkdir()
    return {"TMPDIR": str(folder)}, folder


@pytest.fixture(scope="module")
def one_device(pretraining, module_launcher, tmp_path_factory):
    """The model directory of an uninterrupted run on one device."""
    out = tmp_path_factory.mktemp("one") / "model"
    module_launcher.start(
        *pretraining(out, *FLAGS, config="plain"), "--num_gpus=0"
    ).succeed()
    return out


@pytest.fixture(scope="module")
def two_workers(pretraining, module_launcher, tmp_path_factory):
    """The same of two workers, the second one with files of its own."""
    folder = tmp_path_factory.mktemp("two")
    environments, privates = zip(
        *(private_places(folder, index) for index in (0, 1)), strict=True
    )
    processes = module_launcher.start_workers(
        *pretraining(folder / "model", *FLAGS, WORKERS, config="plain"),
        environments=environments,
        cwd=privates[1],
    )
    outputs = [process.succeed() for process in processes]
    return folder / "model", outputs, privates[1]


@pytest.mark.slow
def test_the_result_is_that_of_one_device(one_device, two_workers):
    out, outputs, _ = two_workers
    assert "2 replica(s) (CPU:0, 2 workers) x 1 accumulation" in outputs[0]
    found = difference(one_device / "model.ckpt-50", out / "model.ckpt-50")
    # One unit in the last place of every weight is 1.7e-4 by then.
    assert found < 2e-3
    print(f"after 50 steps: difference {found}")
    assert set(os.listdir(out)) == set(os.listdir(one_device))
    one, two = (
        json.loads((folder / "eval_results.json").read_text())
        for folder in (one_device, out)
    )
    assert one.keys() == two.keys() and one["baseline"] == two["baseline"]


@pytest.mark.slow
def test_only_the_chief_writes(two_workers):
    out, outputs, private = two_workers
    assert os.listdir(private) == []
    for kind in ("train", "eval"):
        assert len(os.listdir(out / "tensorboard" / kind)) == 1
    assert "Model directory:" in outputs[0] and "saved checkpoint" in outputs[0]
    for words in ("Model directory:", "saved checkpoint", "step 5 of 400"):
        assert words not in outputs[1]


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1], ids=["chief", "worker"])
def test_a_worker_is_killed(
    pretraining, launcher, two_workers, tmp_path, killed
):
    out = tmp_path / "model"
    command = [*pretraining(out, *FLAGS, WORKERS, config="plain")]
    workers = launcher.start_workers(*command)
    workers[0].until(lambda: tensor_bundle.steps(out))
    time.sleep(0.3)
    start = time.monotonic()
    workers[killed].process.kill()
    line = workers[1 - killed].refusal(status=138)
    seconds = time.monotonic() - start
    assert "another worker is lost" in line and "same command" in line
    step = tensor_bundle.steps(out)[-1]
    assert seconds < BOUND and 50 <= step < 400
    for process in launcher.start_workers(*command):
        output = process.succeed()
        assert f"continuing at step {step} of 400" in output
    found = difference(
        two_workers[0] / "model.ckpt-400", out / "model.ckpt-400"
    )
    assert found < 1e-5
    print(f"killed {killed}: ended after {seconds:.1f} s, difference {found}")


@pytest.mark.slow
def test_sigterm_to_one_stops_both(
    pretraining, launcher, two_workers, tmp_path
):
    out = tmp_path / "model"
    command = [*pretraining(out, *FLAGS, WORKERS, config="plain")]
    workers = launcher.start_workers(*command)
    workers[0].until_printed("step 5 of 400: ")
    workers[1].process.send_signal(signal.SIGTERM)
    steps = [
        int(re.search(r"saved at step (\d+);", process.succeed(143))[1])
        for process in workers
    ]
    assert steps[0] == steps[1] == tensor_bundle.steps(out)[-1] < 400
    for process in launcher.start_workers(*command):
        assert f"continuing at step {steps[0]} of 400" in process.succeed()
    found = difference(
        two_workers[0] / "model.ckpt-400", out / "model.ckpt-400"
    )
    assert found < 1e-5
    print(f"difference {found}")


@pytest.mark.slow
def test_none_ends_while_another_needs_it(launcher, tmp_path):
    """One that is done waits for a slow one, which may find it gone."""
    program = tmp_path / "program.py"
    program.write_text(
        """
import os, pathlib, sys, time
from albert.training import distribution
from albert.training import coordination

folder, index = pathlib.Path(sys.argv[1]), int(sys.argv[2])
strategy = distribution.get_strategy("multi_worker_mirrored")
coordination.wait_for_workers(strategy)
if index == 0:
    time.sleep(1.0)
    (folder / "slow").touch()
coordination.finish(strategy)
print("the slow one is done:", (folder / "slow").exists(), flush=True)
if index == 0:
    while not (folder / "gone").exists():
        time.sleep(0.01)
    coordination.finish(strategy)
    print("alone", flush=True)
os._exit(0)
"""
    )
    slow, quick = launcher.start_workers(program, tmp_path, "{index}")
    assert "the slow one is done: True" in quick.succeed()
    (tmp_path / "gone").touch()
    assert "alone" in slow.succeed()


@pytest.mark.slow
def test_workers_with_other_data(pretraining, launcher, inputs, tmp_path):
    """Both say so before the first step, and nothing is written."""
    for index, name in enumerate(("train", "eval")):
        folder = tmp_path / f"data_{index}"
        folder.mkdir()
        shutil.copy(inputs / f"{name}.tfrecord", folder / "train.tfrecord")
    command = pretraining(tmp_path / "model", *FLAGS, WORKERS)
    command.append(f"--input_file={tmp_path}/data_{{index}}/train.tfrecord")
    for worker, count in zip(
        launcher.start_workers(*command), (101, 19), strict=True
    ):
        line = worker.refusal(status=2)
        assert "the workers differ in the training data (here" in line
        assert f"(here {count} examples, " in line
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_the_chief_s_disk_is_full(pretraining, launcher, tmp_path):
    """The chief says so, and the other one does not wait for it."""

    def limit_files():
        resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))

    workers = launcher.start_workers(
        *pretraining(tmp_path / "model", *FLAGS, WORKERS),
        preexec_fn=limit_files,
    )
    assert "step 50 cannot be saved" in workers[0].refusal(status=2)
    start = time.monotonic()
    assert "another worker is lost" in workers[1].refusal(status=138)
    assert time.monotonic() - start < BOUND


@pytest.mark.slow
def test_fine_tuning(launcher, tmp_path):
    """The files and numbers of one device: train, evaluate, predict."""
    config = {
        "vocab_size": 2000,
        "embedding_size": 7,
        "hidden_size": 22,
        "num_attention_heads": 2,
        "intermediate_size": 31,
        "num_hidden_layers": 2,
        "max_position_embeddings": 37,
        "initializer_range": 0.3,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    data = tmp_path / "data"
    data.mkdir()
    for name, rows in (("train", 60), ("dev", 53), ("test", 31)):
        text = (
            ROOT / "data" / "sample" / "classification" / f"{name}.tsv"
        ).read_text()
        lines = text.splitlines(keepends=True)
        (data / f"{name}.tsv").write_text("".join(lines[: rows + 1]))

    def command(out):
        return [
            ROOT / "run_classifier.py",
            "--task_name=tsv",
            f"--data_dir={data}",
            f"--output_dir={out}",
            f"--albert_config_file={tmp_path}/config.json",
            f"--spm_model_file={TOKENIZER}",
            "--do_train",
            "--do_eval",
            "--do_predict",
            "--train_batch_size=8",
            "--eval_batch_size=8",
            "--num_train_steps=6",
            "--save_checkpoints_steps=3",
            "--learning_rate=1e-3",
            "--max_seq_length=37",
            "--dropout_prob=0",
            "--classifier_dropout=0",
        ]

    one, two = tmp_path / "one", tmp_path / "two"
    launcher.start(*command(one), "--num_gpus=0").succeed()
    environments, privates = zip(
        *(private_places(tmp_path, index) for index in (0, 1)), strict=True
    )
    workers = launcher.start_workers(
        *command(two), WORKERS, environments=environments, cwd=privates[1]
    )
    chief, other = (process.succeed() for process in workers)
    assert "Written: " in chief and "Written: " not in other
    assert os.listdir(privates[1]) == []
    assert set(os.listdir(one)) == set(os.listdir(two))
    for name in ("model.ckpt-6", "model.ckpt-best"):
        assert difference(one / name, two / name) < 1e-5
    a, b = (
        json.loads((folder / "eval_results.json").read_text())
        for folder in (one, two)
    )
    assert a.keys() == b.keys() and a["baseline"] == b["baseline"]
    assert a["data"] == b["data"]
    assert a["confusion"] == b["confusion"]
    assert a["albert_version"] == b["albert_version"]
    told = {"checkpoint", "checkpoint_sha256", "albert_version"}
    for name in a.keys() - told - {"baseline", "confusion", "data"}:
        assert abs(a[name] - b[name]) < 1e-5, name
    for split, rows in (("dev", 53), ("test", 31)):
        a, b = (
            read_table(folder / f"{split}_predictions.tsv")
            for folder in (one, two)
        )
        assert len(a) == len(b) == rows + 1
        for row, other_row in zip(a, b, strict=True):
            for x, y in zip(row, other_row, strict=True):
                # Texts and answers are equal, probabilities nearly.
                assert x == y or abs(float(x) - float(y)) < 1e-4


def read_table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
