# SPDX-License-Identifier: Apache-2.0
"""Exports a model for an engine that runs on CPUs, and checks it there.

Ids in, the outputs of the head out, with any batch and any length; beside the
files lies a tokenizer.json, with which the package tokenizers makes the ids.
"""

import abc
import dataclasses
import importlib.util
import os
import sys
import time
from collections.abc import Callable

import numpy as np

from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.export.checked_files import CheckedFile
from albert.export.checked_files import FileChecker
from albert.export.engine_directory import METADATA_FILE
from albert.export.exported_files import check_destination
from albert.export.exported_files import new_export
from albert.export.quantizations import MIN_AGREEMENT
from albert.export.quantizations import QUANTIZATIONS
from albert.export.quantizations import check_names
from albert.interchange import huggingface_pipeline
from albert.interchange import huggingface_tokenizer
from albert.interchange.tokenizer_comparison import Comparison
from albert.interchange.tokenizer_comparison import compare_ids

# Examples of a call whose time is taken, and how long that may last.
_BATCHES = (1, 32)
_MOST_CALLS = 50
_MOST_SECONDS = 2.0

_FINDS_SCALES = (
    "finds its scales on texts: give some of the model's kind with --text_file"
)


@dataclasses.dataclass(frozen=True)
class LoadedFile:
    """A written file that an engine has loaded.

    Attributes:
      run: function of arrays, by name, to outputs, by name.
      threads: int, those that the engine takes; None where it does not tell.
    """

    run: Callable
    threads: int | None


class Engine(abc.ABC):
    """What a format has to offer.

    Attributes:
      name: str, of --format and of the extra that installs it.
      packages: tuple of str, what is imported.
      runtime: str, the one of them that files are run with.
      calibrates: bool, whether int8 needs examples of real text.
    """

    name: str
    packages: tuple
    runtime: str
    calibrates: bool

    @abc.abstractmethod
    def convert(self, source, quantizations, examples, directory):
        """Converts a model and writes its files.

        Args:
          source: ``SourceModel``.
          quantizations: names of ``QUANTIZATIONS``.
          examples: of ``verification.make_examples``, for scales.
          directory: str, existing.

        Yields:
          (quantization, names of its files, the one to be loaded first).
        """

    @abc.abstractmethod
    def precisions(self, quantization):
        """Returns what a file is to be run in: keys of ``LIMITS``."""

    def emulates(self, precision):
        """Tells whether this machine computes so in a slower way only."""
        return False

    @abc.abstractmethod
    def load(self, path, precision):
        """Loads a file.

        Args:
          path: str, that ``convert`` wrote.
          precision: str, of ``precisions``.

        Returns:
          ``LoadedFile``; None where the engine does not compute in that
          precision on this machine.
        """


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileReport(CheckedFile):
    """A file, what it was run in, and how long that takes.

    Attributes:
      precision: str, what was computed in.
      milliseconds: dict from the number of examples of a call, as text, to
        the median time of one, on the threads that the engine takes; empty
        where this machine emulates the precision, or nothing was timed.
      threads: int or None, see ``LoadedFile``.
    """

    precision: str
    milliseconds: dict
    threads: int | None

    def __str__(self):
        times = ", ".join(
            f"{milliseconds:.1f} ms for {batch}"
            for batch, milliseconds in self.milliseconds.items()
        )
        return (
            f"{self.file} in {self.precision}: {self.bytes / 1e6:.1f} MB, "
            f"{times or 'emulated by this machine'}; {self.comparison_text()}"
        )


@dataclasses.dataclass(frozen=True)
class EngineReport:
    """The files that ``export`` wrote.

    Attributes:
      destination: str.
      checker: ``FileChecker``.
      files: list of ``FileReport``.
      ids: ``tokenizer_comparison.Comparison`` of tokenizer.json with the
        model's tokenizer; None where there is none or nothing reads it.
      notes: list of str, lines about what was left out.
    """

    destination: str
    checker: FileChecker
    files: list
    ids: Comparison | None
    notes: list

    def lines(self):
        """Returns the lines to print: list of str."""
        return [
            *self.checker.lines(
                f"{self.destination}: {self.checker.kind}, any batch and "
                "length (compared at "
                f"{self.checker.loaded.max_seq_length} pieces)",
                self.files,
            ),
            *([str(self.ids)] if self.ids else []),
            *self.notes,
        ]


def export(
    engine,
    source,
    destination,
    *,
    model="task",
    quantization=None,
    max_seq_length=None,
    texts=None,
    text_file=None,
    min_agreement=MIN_AGREEMENT,
    data_dir=None,
    overwrite=False,
    precision=None,
):
    """Converts a model, runs each file in the engine, and writes the files.

    The directory gets the engine's files, engine.json (inputs, outputs,
    labels, what was measured), albert_config.json, the vocabulary and its
    settings, and tokenizer.json.

    Args:
      engine: ``Engine``.
      source: str, a model directory, or whatever else has configuration,
        weights and tokenizer.
      destination: str, a directory that does not exist yet.
      model: "task", or "encoder" without the head.
      quantization: names of ``QUANTIZATIONS``; None: all, but int8 only where
        it needs no texts or they are given.
      max_seq_length: int, of the examples to compare; None: that of the task,
        else 128.
      texts: list of str to compare on; None: a few of this package.
      text_file: in place of them, paths or globs of files with a text a line,
        from which int8 gets its scales, too.
      min_agreement: float, share of the answers that must be those of the
        model.
      data_dir: str or None, where the task's dev set is, on which each file is
        evaluated.
      overwrite: bool, whether an older export at the destination is replaced.
      precision: str, the one that files are checked in, without taking the
        time of calls; None: each that clients may compute in.

    Returns:
      ``EngineReport``.

    Raises:
      UserError: a package is missing, there is no such model or length, or a
        file gives no numbers or too different ones. Nothing is written then.
    """
    has_texts = bool(text_file or texts)
    notes = []
    possible = list(QUANTIZATIONS)
    if engine.calibrates and not has_texts:
        possible.remove("int8")
        if quantization is None:
            notes.append(f"No int8: {engine.name} {_FINDS_SCALES}")
    quantization = check_names(quantization or possible)
    if not set(quantization) <= set(possible):
        raise UserError(f"--quantization=int8: {engine.name} {_FINDS_SCALES}")
    require(engine, engine.packages)
    check_destination(source, destination, overwrite)
    checker = FileChecker(
        source,
        engine.name,
        model=model,
        max_seq_length=max_seq_length,
        texts=texts,
        text_file=text_file,
        min_agreement=min_agreement,
        data_dir=data_dir,
        possible=possible,
    )
    loaded, examples = checker.loaded, checker.examples
    reports = []
    with new_export(source, destination, overwrite) as directory:
        for name, files in engine.convert(
            loaded, quantization, examples, directory
        ):
            for run_in in [precision] if precision else engine.precisions(name):
                there = engine.load(os.path.join(directory, files[0]), run_in)
                if there is None and precision:
                    raise UserError(explain_precision(engine, precision))
                if there is None:
                    notes.append(
                        f"{files[0]} in {run_in}: not checked, because "
                        "this machine computes it otherwise"
                    )
                    continue
                checked = checker.check(run_in, there.run)
                reports.append(
                    FileReport(
                        file=files[0],
                        quantization=name,
                        precision=run_in,
                        bytes=sum(
                            os.path.getsize(os.path.join(directory, file))
                            for file in files
                        ),
                        milliseconds=_measure(there.run, examples)
                        if not precision and not engine.emulates(run_in)
                        else {},
                        threads=there.threads,
                        **checked,
                    )
                )
        config = loaded.model.config
        model_directory.write_description(directory, config, loaded.tokenizer)
        ids = _write_tokenizer(directory, loaded, notes)
        outputs.write_json(
            os.path.join(directory, METADATA_FILE),
            _metadata(engine, checker, reports),
        )
    return EngineReport(destination, checker, reports, ids, notes)


def _write_tokenizer(directory, loaded, notes):
    """Writes tokenizer.json, where the vocabulary can be said there.

    Returns:
      ``Comparison``, or None; ``notes`` say why.
    """
    name = huggingface_tokenizer.PIPELINE_FILE
    obstacle = huggingface_pipeline.find_obstacle(loaded.tokenizer)
    if obstacle:
        notes.append(
            f"No {name}: of the vocabulary, {obstacle}; make the ids with this "
            "package"
        )
        return None
    huggingface_tokenizer.write(
        directory, loaded.tokenizer, loaded.model.config.longest_sequence
    )
    encode = huggingface_tokenizer.load_written(directory)
    if encode is None:
        notes.append(f"{name} was not tried: pip install tokenizers")
        return None
    return compare_ids(name, encode, loaded.tokenizer)


def require(engine, packages):
    """Refuses to go on without packages of an ``Engine``.

    Args:
      engine: ``Engine``.
      packages: sequence of str, of its own.

    Raises:
      UserError: naming them, and the extra that installs them.
    """
    missing = [
        package
        for package in packages
        if importlib.util.find_spec(package) is None
    ]
    if missing:
        raise UserError(
            f"{engine.name} needs {' and '.join(missing)}, not "
            f"installed: pip install 'albert-keras[{engine.name}]'"
        )


def explain_precision(engine, precision):
    """Returns why an ``Engine`` does not compute in a precision: str."""
    return (
        f"{engine.name} does not compute in {precision} on this machine: leave "
        f"out --dtype={precision}"
    )


def _measure(run, examples):
    """Returns the median milliseconds of calls, by the size of the batch."""
    mask = examples["input_mask"]
    longest = int(mask.reshape(len(mask), -1).sum(axis=1).argmax())
    found = {}
    for batch in _BATCHES:
        rows = [longest] * batch
        inputs = {name: values[rows] for name, values in examples.items()}
        run(inputs)
        seconds = []
        while len(seconds) < _MOST_CALLS and sum(seconds) < _MOST_SECONDS:
            start = time.perf_counter()
            run(inputs)
            seconds.append(time.perf_counter() - start)
        found[str(batch)] = 1e3 * float(np.median(seconds))
    return found


def _metadata(engine, checker, reports):
    return {
        "engine": engine.name,
        # Of those that were used: a package may be that of another
        # distribution, such as onnxruntime-gpu.
        "engine_versions": {
            package: sys.modules[package].__version__
            for package in engine.packages
            if package in sys.modules
        },
        "head": checker.loaded.head,
        "longest_sequence": checker.loaded.most_positions,
        **checker.metadata(
            reports,
            lambda shape: {"shape": [-1] * (1 + len(shape))},
            lambda shape: {"axes": len(shape)},
        ),
    }
