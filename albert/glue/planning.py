# SPDX-License-Identifier: Apache-2.0
"""Plans the runs of the benchmark: of each task and seed, and predictions."""

import dataclasses
import os

from albert.errors import UserError
from albert.evaluation_results import TEST_FILE
from albert.flags import MODEL_FILES
from albert.glue.benchmark import BENCHMARK
from albert.glue.runs import Run
from albert.model_directory import EVALUATION_FILE
from albert.tasks import interface
from albert.tasks.table import TASKS

# The task whose model others start from.
MNLI = "mnli"
_SPELLINGS = {name.replace("-", ""): name for name in TASKS}


def find_entries(names):
    """Returns the entries of the benchmark that names of tasks mean.

    Args:
      names: list of str, spelled as ``--task_name`` takes them; None for all.

    Raises:
      UserError: a name is none of the benchmark's, or comes twice.
    """
    if names is None:
        return list(BENCHMARK)
    chosen = set()
    known = [entry.name for entry in BENCHMARK]
    for name in names:
        key = name.lower().replace("_", "").replace("-", "")
        found = _SPELLINGS.get(key)
        if found not in known:
            raise UserError(
                f"--tasks: {name} is no task of GLUE: choose among "
                f"{', '.join(known)}"
            )
        if found in chosen:
            raise UserError(f"--tasks: {name} comes twice: name it once")
        chosen.add(found)
    return [entry for entry in BENCHMARK if entry.name in chosen]


def find_missing(entries, data_dir):
    """Returns the entries whose folder is not there.

    Args:
      entries: list of ``Entry``.
      data_dir: str.

    Raises:
      UserError: it is no folder, or that of a single task.
    """
    if not os.path.isdir(data_dir):
        raise UserError(
            f"{data_dir}: no such folder: give the one that holds GLUE's "
            "folders (CoLA, SST-2, …) as --data_dir"
        )
    missing = [
        entry
        for entry in entries
        if not os.path.isdir(os.path.join(data_dir, entry.task.folder))
    ]
    if entries and len(missing) == len(entries):
        raise UserError(
            f"{data_dir}: none of the folders "
            f"{', '.join(entry.task.folder for entry in entries)} is in it: "
            "give the one that holds them as --data_dir"
        )
    return missing


def check_data(entry, data_dir, skip_bad_rows, with_test):
    """Reads all files of a task, before hours are spent on another.

    Args:
      entry: ``Entry`` whose folder is there.
      data_dir: str.
      skip_bad_rows: bool.
      with_test: bool, whether the test sets are wanted too.

    Returns:
      dict from split to the number of examples.

    Raises:
      UserError: a file is missing or cannot be used.
    """
    counts = {}
    for split in _splits(entry, data_dir, with_test):
        examples = interface.load(entry.task, data_dir, split, skip_bad_rows)
        if not split.startswith("test"):
            interface.gold_labels(entry.task, examples)
        counts[split] = len(examples)
    return counts


def find_path(entry, data_dir, split):
    """Returns the path of the file of a split; it need not be there."""
    name = entry.task.files[split].name
    return os.path.join(data_dir, entry.task.folder, name)


def _splits(entry, data_dir, with_test):
    """Returns the splits of a task that are used.

    The labels of the diagnostics are published apart, so that they may not be
    there.
    """
    return [
        split
        for split in entry.task.files
        if (with_test or not split.startswith("test"))
        and (
            entry.is_trained
            or split.startswith("test")
            or os.path.exists(find_path(entry, data_dir, split))
        )
    ]


@dataclasses.dataclass(frozen=True)
class Plan:
    """How the runs of the benchmark are made.

    Attributes:
      data_dir, output_dir: str.
      seeds: list of int.
      init_checkpoint: str, the pretrained model.
      mnli_checkpoint: str, a model of MNLI that is given, or None.
      from_mnli: bool, whether tasks start from MNLI's model that do in the
        paper.
      start_flags: tuple of str, flags of classify about the pretrained model.
      training_flags: tuple of str, flags of classify that are refused where
        nothing is trained.
      flags: tuple of str, flags of classify for all runs.
    """

    data_dir: str
    output_dir: str
    seeds: list
    init_checkpoint: str | None
    mnli_checkpoint: str | None
    from_mnli: bool
    start_flags: tuple
    training_flags: tuple
    flags: tuple

    def directory(self, name, seed):
        """Returns the model directory of a task's run with a seed."""
        return os.path.join(self.output_dir, name, f"seed_{seed}")

    def changes(self):
        """Returns the flags with which runs are not the paper's: list."""
        given = [*self.start_flags, *self.training_flags, *self.flags]
        if self.mnli_checkpoint:
            given.append(f"--mnli_checkpoint={self.mnli_checkpoint}")
        if not self.from_mnli:
            given.append("--nofrom_mnli")
        return given

    def needs_mnli(self, entry):
        """Whether a model of MNLI is needed that is made here."""
        return (
            entry.starts_from is not None
            and (self.from_mnli or not entry.is_trained)
            and self.mnli_checkpoint is None
        )

    def training(self, entry, seed):
        """Returns the ``Run`` that trains and evaluates with a seed."""
        start, given, flags = None, None, ()
        if self.needs_mnli(entry):
            start = self.directory(entry.starts_from, seed)
        elif entry.starts_from and self.from_mnli:
            given = self.mnli_checkpoint
        else:
            given = self.init_checkpoint
            flags = self.start_flags
        if start or given:
            flags += (f"--init_checkpoint={start or given}",)
        return self._run(
            entry,
            seed,
            "training",
            self.directory(entry.name, seed),
            [s for s in entry.task.files if not s.startswith("test")],
            ("--do_train", "--do_eval", *flags, *self.training_flags),
            start=start,
            given=given,
        )

    def predictions(self, entry, seed, with_test):
        """Returns the ``Run`` that predicts the test sets; None without any.

        Args:
          entry: ``Entry``.
          seed: int, that of the best model: of the task, or of the one that
            it is asked of.
          with_test: bool, whether the test sets are wanted.
        """
        splits = _splits(entry, self.data_dir, with_test)
        if entry.is_trained:
            directory = start = self.directory(entry.name, seed)
            given = None
            splits = [split for split in splits if split.startswith("test")]
            flags = ()
        else:
            directory = os.path.join(self.output_dir, entry.name)
            start, given = None, self.mnli_checkpoint
            if given is None:
                start = self.directory(entry.starts_from, seed)
            flags = (f"--init_checkpoint={start or given}",)
        modes = [
            f"--do_{mode}"
            for mode, purpose in (("eval", "dev"), ("predict", "test"))
            if any(split.startswith(purpose) for split in splits)
        ]
        if not modes:
            return None
        return self._run(
            entry,
            seed,
            "predictions",
            directory,
            splits,
            modes + [*flags],
            start=start,
            given=given,
        )

    def _run(self, entry, seed, purpose, directory, splits, flags, **weights):
        return Run(
            title=f"{entry.name}, seed {seed}, {purpose}",
            arguments=(
                f"--task_name={entry.name}",
                f"--data_dir={self.data_dir}",
                f"--output_dir={directory}",
                f"--seed={seed}",
                *flags,
                *self.flags,
            ),
            directory=directory,
            files=(
                *(find_path(entry, self.data_dir, split) for split in splits),
                *_files_of_model(flags),
            ),
            results=tuple(
                name
                for name, purpose in (
                    (EVALUATION_FILE, "dev"),
                    (TEST_FILE, "test"),
                )
                if any(split.startswith(purpose) for split in splits)
            ),
            purpose=purpose,
            **weights,
        )


def _files_of_model(arguments):
    """Returns the files of configuration and vocabulary that are given."""
    given = (argument[2:].partition("=") for argument in arguments)
    return [value for name, _, value in given if name in MODEL_FILES]
