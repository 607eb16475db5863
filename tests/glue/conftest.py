# SPDX-License-Identifier: Apache-2.0
"""GLUE with a few rows a task, and a stand-in for `albert classify`."""

import json
import pathlib

import pytest
from absl import flags

from albert import classification_flags
from albert.evaluation_results import describe_data
from albert.glue.benchmark import BENCHMARK
from albert.tasks.table import TASKS
from albert.training import run_process

LABELS = {"sts-b": ["2.5", "0.0", "5.0"]}


def write_rows(path, rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(row) + "\n" for row in rows))


def columns_of(file):
    """Returns what a table needs: its header, and what each column is."""
    wanted = {
        column: name
        for name in ("id", "text", "text_b", "label")
        if (column := getattr(file, name)) is not None
    }
    if file.header:
        return list(wanted), [wanted[column] for column in wanted]
    width = max(wanted) + 1
    return None, [wanted.get(number) for number in range(width)]


@pytest.fixture(scope="session")
def make_glue():
    """Function that writes GLUE's folders, as it is published."""

    def make(folder, names=None):
        for entry in BENCHMARK:
            if names is not None and entry.name not in names:
                continue
            labels = LABELS.get(entry.name) or entry.task.labels
            for number, (split, file) in enumerate(entry.task.files.items()):
                header, columns = columns_of(file)
                rows = [
                    [
                        {
                            "id": str(row),
                            "label": labels[row % len(labels)],
                        }.get(column, f"{column} {row} of {split}")
                        for column in columns
                    ]
                    for row in range(3 + number)
                ]
                path = folder / entry.task.folder / file.name
                write_rows(path, [header, *rows] if header else rows)
        return folder

    return make


class Classify:
    """A stand-in for `albert classify`: what it was told, what it leaves.

    Attributes:
      calls: list of dict from flag to value.
      values: function of a task's name and a seed to the value of all its
        metrics.
      fails: function of the flags; raises what a run shall raise.
    """

    def __init__(self, config):
        self.config = config
        self.calls = []
        self.values = lambda name, seed: 0.5
        self.fails = lambda given: None

    def __call__(self, title, command):
        assert command[1:4] == ("-m", "albert", "classify")
        arguments = command[4:]
        # As the command itself would.
        fv = flags.FlagValues()
        classification_flags.define_flags(fv)
        assert fv(["classify", *arguments]) == ["classify"]
        classification_flags.check_flags(fv)
        given = {}
        for argument in arguments:
            name, _, value = argument.removeprefix("--").partition("=")
            assert name not in given
            given[name] = value
        self.calls.append(given)
        self.fails(given)
        out = pathlib.Path(given["output_dir"])
        out.mkdir(parents=True, exist_ok=True)
        task, seed = TASKS[given["task_name"]], int(given["seed"])
        if "do_train" in given:
            (out / "albert_config.json").write_text(json.dumps(self.config))
            name = "model.ckpt-best.index"
            (out / name).write_text(f"{task.name} {seed}")
        if "do_eval" in given:
            self._write_results(out, "eval_results.json", task, seed)
        if "do_predict" in given:
            for split, name in task.submissions.items():
                rows = 3 + list(task.files).index(split)
                write_rows(
                    out / name,
                    [
                        ["index", "prediction"],
                        *([str(row), f"{seed}"] for row in range(rows)),
                    ],
                )
            self._write_results(out, "test_results.json", task, seed)
        return 0

    def _write_results(self, out, name, task, seed):
        value = self.values(task.name, seed)
        metrics = {
            f"{metric}{suffix}": value
            for metric in (*task.metrics, "glue_score")
            for suffix in ("", "_mismatched")
        }
        content = {
            "checkpoint": "model.ckpt-best",
            "data": [describe_data("dev", "here", 3, "abc")],
            **metrics,
            "baseline": dict.fromkeys(metrics, 0.25),
        }
        (out / name).write_text(json.dumps(content))


@pytest.fixture
def classify(monkeypatch, small_config):
    stand_in = Classify(small_config)
    monkeypatch.setattr(run_process, "run", stand_in)
    return stand_in
