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

import albert
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.export import dev_metrics
from albert.export import source_models
from albert.export import verification
from albert.export.exported_files import check_destination
from albert.export.exported_files import new_export
from albert.export.quantizations import MIN_AGREEMENT
from albert.export.quantizations import QUANTIZATIONS
from albert.export.quantizations import check_comparison
from albert.export.quantizations import check_names
from albert.heads import HEADS
from albert.interchange import huggingface_pipeline
from albert.interchange import huggingface_tokenizer
from albert.interchange.tokenizer_comparison import Comparison
from albert.interchange.tokenizer_comparison import compare_ids

METADATA_FILE = "engine.json"

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
      calibrates: bool, whether int8 needs examples of real text.
    """

    name: str
    packages: tuple
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


@dataclasses.dataclass(frozen=True)
class FileReport:
    """A written file, what it was run in, and how it compares with the model.

    Attributes:
      file: str, the name that the engine is given.
      quantization: str, of ``QUANTIZATIONS``.
      precision: str, what was computed in.
      bytes: int, of all its files.
      milliseconds: dict from the number of examples of a call, as text, to
        the median time of one, on the threads that the engine takes; empty
        where this machine emulates the precision.
      examples, max_abs_difference, relative_difference, answers, agreeing:
        see ``verification.Comparison``.
      threads: int or None, see ``LoadedFile``.
      metrics: dict from names to floats, on the dev set; None without one.
    """

    file: str
    quantization: str
    precision: str
    bytes: int
    milliseconds: dict
    examples: int
    max_abs_difference: float
    relative_difference: float
    answers: int
    agreeing: int
    threads: int | None
    metrics: dict | None

    def __str__(self):
        times = ", ".join(
            f"{milliseconds:.1f} ms for {batch}"
            for batch, milliseconds in self.milliseconds.items()
        )
        times = times or "emulated by this machine"
        line = (
            f"{self.file} in {self.precision}: {self.bytes / 1e6:.1f} MB, "
            f"{times}; differs from the model by "
            f"{self.max_abs_difference:.1e} at most on {self.examples} examples"
        )
        if self.answers:
            line += f", {self.agreeing} of {self.answers} answers equal"
        return line + dev_metrics.explain(self.metrics)


@dataclasses.dataclass(frozen=True)
class EngineReport:
    """The files that ``export`` wrote.

    Attributes:
      destination: str.
      kind: str, ``exported_kind`` of the head.
      max_seq_length: int, of the examples that were compared.
      files: list of ``FileReport``.
      ids: ``tokenizer_comparison.Comparison`` of tokenizer.json with the
        model's tokenizer; None where there is none or nothing reads it.
      metrics: dict from names to floats, of the model on the dev set; None
        without one.
      notes: list of str, lines about what was left out.
    """

    destination: str
    kind: str
    max_seq_length: int
    files: list
    ids: Comparison | None
    metrics: dict | None
    notes: list

    def lines(self):
        """Returns the lines to print: list of str."""
        return [
            f"{self.destination}: {self.kind}, any batch and length "
            f"(compared at {self.max_seq_length} pieces)",
            *(
                [f"The model{dev_metrics.explain(self.metrics)}"]
                if self.metrics
                else []
            ),
            *map(str, self.files),
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
    _require(engine)
    check_destination(source, destination, overwrite)
    if text_file:
        texts = verification.read_texts(text_file)
    loaded = source_models.load(source, model, max_seq_length)
    if HEADS[loaded.head].label_type == "text":
        raise UserError(
            f"{source}: writes texts piece by piece, which --format="
            f"{engine.name} does not: use --format=serving, or "
            "--model=encoder"
        )
    examples = verification.make_examples(loaded, texts or verification.TEXTS)
    expected = verification.run(loaded.call, examples)
    dev = data_dir and dev_metrics.DevSet(loaded, data_dir)
    reports = []
    with new_export(source, destination, overwrite) as directory:
        for name, files in engine.convert(
            loaded, quantization, examples, directory
        ):
            for precision in engine.precisions(name):
                there = engine.load(
                    os.path.join(directory, files[0]), precision
                )
                if there is None:
                    notes.append(
                        f"{files[0]} in {precision}: not checked, because "
                        "this machine computes it otherwise"
                    )
                    continue
                run = there.run
                comparison = verification.compare(
                    loaded, examples, expected, verification.run(run, examples)
                )
                check_comparison(
                    source, precision, comparison, min_agreement, possible
                )
                reports.append(
                    FileReport(
                        file=files[0],
                        quantization=name,
                        precision=precision,
                        bytes=sum(
                            os.path.getsize(os.path.join(directory, file))
                            for file in files
                        ),
                        milliseconds={}
                        if engine.emulates(precision)
                        else _measure(run, examples),
                        examples=comparison.examples,
                        max_abs_difference=comparison.difference,
                        relative_difference=comparison.relative,
                        answers=comparison.answers,
                        agreeing=comparison.agreeing,
                        threads=there.threads,
                        metrics=dev and dev.compare(source, precision, run),
                    )
                )
        config = loaded.model.config
        model_directory.write_description(directory, config, loaded.tokenizer)
        ids = _write_tokenizer(directory, loaded, notes)
        outputs.write_json(
            os.path.join(directory, METADATA_FILE),
            _metadata(engine, loaded, expected, reports, dev),
        )
    return EngineReport(
        destination=destination,
        kind=HEADS[loaded.head].exported_kind,
        max_seq_length=loaded.max_seq_length,
        files=reports,
        metrics=dev and dev.metrics,
        ids=ids,
        notes=notes,
    )


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


def _require(engine):
    missing = [
        package
        for package in engine.packages
        if importlib.util.find_spec(package) is None
    ]
    if missing:
        raise UserError(
            f"--format={engine.name} needs {' and '.join(missing)}, not "
            f"installed: pip install 'albert-keras[{engine.name}]'"
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


def _metadata(engine, loaded, expected, reports, dev):
    task = loaded.task
    return {
        "albert_version": albert.__version__,
        "engine": engine.name,
        # Of those that were used: a package may be that of another
        # distribution, such as onnxruntime-gpu.
        "engine_versions": {
            package: sys.modules[package].__version__
            for package in engine.packages
            if package in sys.modules
        },
        "kind": HEADS[loaded.head].exported_kind,
        "task_name": task.get("task_name"),
        "labels": loaded.labels,
        "max_seq_length": loaded.max_seq_length,
        "longest_sequence": loaded.most_positions,
        "inputs": {
            name: {"dtype": "int32", "shape": [-1] * (1 + len(shape))}
            for name, shape in loaded.inputs.items()
        },
        "outputs": {
            name: {
                "dtype": expected[name].dtype.name,
                "axes": expected[name].ndim,
            }
            for name in loaded.outputs
        },
        "task": task,
        "metrics": dev and dev.metrics,
        "files": [dataclasses.asdict(report) for report in reports],
    }
