# SPDX-License-Identifier: Apache-2.0
"""Records to train on, and recipes in processes of their own."""

import json
import os
import pathlib
import re
import socket
import subprocess
import sys
import time

import numpy as np
import pytest

ROOT = pathlib.Path(__file__).parents[2]
# Nothing here takes a fifth of it on a calm machine.
PATIENCE = 600.0
CONFIG = {
    "vocab_size": 89,
    "embedding_size": 7,
    "hidden_size": 22,
    "num_attention_heads": 2,
    "intermediate_size": 31,
    "num_hidden_layers": 2,
    "max_position_embeddings": 37,
    "initializer_range": 0.3,
    "hidden_dropout_prob": 0.1,
    "attention_probs_dropout_prob": 0.1,
}


def write_records(path, count, seed):
    """Writes records like the original's, with ragged lengths and masks."""
    import tensorflow as tf

    rng = np.random.default_rng(seed)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for _ in range(count):
            length, masked = rng.integers(7, 18), rng.integers(1, 6)
            features = {
                "input_ids": rng.integers(5, 89, 17) * (np.arange(17) < length),
                "input_mask": np.arange(17) < length,
                "segment_ids": (np.arange(17) >= 4) & (np.arange(17) < length),
                "token_boundary": np.ones(17),
                "masked_lm_positions": rng.integers(0, 6, 5),
                # Few kinds, so that there is something to be learnt.
                "masked_lm_ids": rng.integers(5, 12, 5),
                "masked_lm_weights": np.arange(5) < masked,
                "next_sentence_labels": rng.integers(0, 2, 1),
            }
            example = tf.train.Example()
            for name, values in features.items():
                feature = example.features.feature[name]
                if name == "masked_lm_weights":
                    feature.float_list.value.extend(values.astype(float))
                else:
                    feature.int64_list.value.extend(values.astype(int))
            writer.write(example.SerializeToString())


class Worker:
    """A command in a process of its own, with its output in a file.

    Args:
      arguments: of the command, without the interpreter.
      log: path for what it prints.
      environment: dict, what is added to the environment.
      **options: further arguments of ``subprocess.Popen``.
    """

    def __init__(self, arguments, log, environment=None, **options):
        self.log = log
        with open(log, "wb") as file:
            self.process = subprocess.Popen(
                [sys.executable, *map(str, arguments)],
                stdout=file,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PYTHONPATH": str(ROOT)}
                | (environment or {}),
                **options,
            )

    @property
    def output(self):
        """What it has printed so far."""
        return self.log.read_text(errors="replace")

    def wait(self, seconds=PATIENCE):
        """Returns the exit status, and (kills and) fails after ``seconds``."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            raise AssertionError(
                f"still there after {seconds} s:\n{self.output[-3000:]}"
            ) from None

    def succeed(self, status=0):
        """Waits for the exit status; returns the output."""
        found = self.wait()
        assert found == status, f"status {found}:\n{self.output[-3000:]}"
        return self.output

    def refusal(self, status=2):
        """Waits for the end with an error; returns its one line."""
        found = self.wait()
        assert found == status, f"status {found}:\n{self.output[-3000:]}"
        assert "Traceback" not in self.output, self.output[-3000:]
        last = self.output.splitlines()[-1]
        assert last.startswith("error: ") and self.output.count("error: ") == 1
        return last

    def until(self, condition, seconds=PATIENCE):
        """Waits until ``condition()`` is true while the process lives."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.output[-3000:]
            assert time.monotonic() < deadline, self.output[-3000:]
            time.sleep(0.005)

    def until_printed(self, pattern):
        """Waits until it has printed a regular expression."""
        self.until(lambda: re.search(pattern, self.output))

    def end(self):
        """Kills it if it is still there."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


class Launcher:
    """Starts commands; what is left of them at the end is killed."""

    def __init__(self, folder):
        self.folder = folder
        self.started = []

    def start(self, *arguments, environment=None, **options):
        """Starts a Python command; returns the ``Worker``."""
        log = self.folder / f"log-{len(self.started)}"
        self.started.append(Worker(arguments, log, environment, **options))
        return self.started[-1]

    def start_workers(self, *arguments, environments=({}, {}), **options):
        """Starts a command once for each environment, as one cluster."""
        with_ports = [socket.socket() for _ in environments]
        for each in with_ports:
            each.bind(("127.0.0.1", 0))
        hosts = [f"127.0.0.1:{each.getsockname()[1]}" for each in with_ports]
        for each in with_ports:
            each.close()
        return [
            self.start(
                *(str(argument).format(index=index) for argument in arguments),
                environment={
                    "TF_CONFIG": json.dumps(
                        {
                            "cluster": {"worker": hosts},
                            "task": {"type": "worker", "index": index},
                        }
                    ),
                    **environment,
                },
                **options,
            )
            for index, environment in enumerate(environments)
        ]

    def end(self):
        for each in self.started:
            each.end()


@pytest.fixture
def launcher(tmp_path):
    """A ``Launcher`` of one test."""
    (tmp_path / "logs").mkdir()
    made = Launcher(tmp_path / "logs")
    yield made
    made.end()


@pytest.fixture(scope="module")
def module_launcher(tmp_path_factory):
    """A ``Launcher`` of a module's tests."""
    made = Launcher(tmp_path_factory.mktemp("logs"))
    yield made
    made.end()


@pytest.fixture(scope="session")
def inputs(tmp_path_factory):
    """A folder: train and eval records, config.json with dropout, plain.json
    without."""
    folder = tmp_path_factory.mktemp("inputs")
    write_records(folder / "train.tfrecord", 101, seed=1)
    write_records(folder / "eval.tfrecord", 19, seed=2)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    plain = {name: 0.0 for name in CONFIG if "dropout" in name}
    (folder / "plain.json").write_text(json.dumps({**CONFIG, **plain}))
    return folder


@pytest.fixture(scope="session")
def pretraining(inputs):
    """Function of the model directory and more flags to a command."""

    def command(out, *flags, config="config"):
        return [
            ROOT / "run_pretraining.py",
            f"--input_file={inputs}/train.tfrecord",
            f"--eval_input_file={inputs}/eval.tfrecord",
            f"--albert_config_file={inputs}/{config}.json",
            f"--output_dir={out}",
            "--train_batch_size=8",
            "--eval_batch_size=8",
            "--learning_rate=0.01",
            "--num_warmup_steps=3",
            "--deterministic",
            *flags,
        ]

    return command
