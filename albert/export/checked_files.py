# SPDX-License-Identifier: Apache-2.0
"""Checks exported files against the model that they were made of.

What all formats have alike whose files a program of its own runs: ids in, the
outputs of the head out.
"""

import dataclasses

import albert
from albert.errors import UserError
from albert.export import dev_metrics
from albert.export import quantizations
from albert.export import source_models
from albert.export import verification
from albert.heads import HEADS


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckedFile:
    """A written file, and how it compares with the model.

    Attributes:
      file: str, its name in the directory.
      quantization: str, of ``QUANTIZATIONS``.
      bytes: int, with what belongs to it.
      examples, max_abs_difference, relative_difference, answers, agreeing:
        see ``verification.Comparison``.
      metrics: dict from names to floats, on the dev set; None without one.
    """

    file: str
    quantization: str
    bytes: int
    examples: int
    max_abs_difference: float
    relative_difference: float
    answers: int
    agreeing: int
    metrics: dict | None

    def comparison_text(self):
        """Returns the end of the file's line: str."""
        text = (
            "differs from the model by "
            f"{self.max_abs_difference:.1e} at most on {self.examples} examples"
        )
        if self.answers:
            text += f", {self.agreeing} of {self.answers} answers equal"
        return text + dev_metrics.explain(self.metrics)


class FileChecker:
    """Compares files with a model, on texts and on its dev set.

    Args:
      source: str, the model.
      format_: str, of --format.
      model, max_seq_length: of ``source_models.load``.
      texts: sequence of str to compare on; None: a few of this package.
      text_file: in place of them, paths or globs of files with a text a line.
      min_agreement: float, share of the answers that must be the model's.
      data_dir: str or None, where the task's dev set is.
      possible: names of ``QUANTIZATIONS``, those that the format can have.

    Attributes:
      loaded: ``SourceModel``.
      kind: str, ``exported_kind`` of its head.
      examples: dict of arrays, of ``verification.make_examples``.
      metrics: dict from names to floats, of the model on the dev set; None
        without one.

    Raises:
      UserError: no such model, length, text or dev set, or a model that
        writes texts.
    """

    def __init__(
        self,
        source,
        format_,
        *,
        model,
        max_seq_length,
        texts,
        text_file,
        min_agreement,
        data_dir,
        possible=quantizations.QUANTIZATIONS,
    ):
        if text_file:
            texts = verification.read_texts(text_file)
        self._source = source
        self._min_agreement = min_agreement
        self._possible = possible
        self.loaded = source_models.load(source, model, max_seq_length)
        head = HEADS[self.loaded.head]
        if head.label_type == "text":
            raise UserError(
                f"{source}: writes texts piece by piece, which "
                f"--format={format_} does not: use --format=serving, or "
                "--model=encoder"
            )
        self.kind = head.exported_kind
        self.examples = verification.make_examples(
            self.loaded, verification.TEXTS if texts is None else texts
        )
        self._expected = verification.run(self.loaded.call, self.examples)
        self._dev = data_dir and dev_metrics.DevSet(self.loaded, data_dir)
        self.metrics = self._dev.metrics if self._dev else None

    def check(self, name, run, **options):
        """Compares a file with the model: dict of fields of ``CheckedFile``.

        Args:
          name: str, a key of ``quantizations.LIMITS``.
          run: function of a dict of arrays to a dict of them.
          **options: of ``verification.run``.

        Raises:
          UserError: see ``quantizations.check_comparison``.
        """
        found = verification.compare(
            self.loaded,
            self.examples,
            self._expected,
            verification.run(run, self.examples, **options),
        )
        quantizations.check_comparison(
            self._source, name, found, self._min_agreement, self._possible
        )
        metrics = None
        if self._dev:
            metrics = self._dev.compare(self._source, name, run, **options)
        return {
            "examples": found.examples,
            "max_abs_difference": found.difference,
            "relative_difference": found.relative,
            "answers": found.answers,
            "agreeing": found.agreeing,
            "metrics": metrics,
        }

    def metadata(self, files, describe_input, describe_output):
        """Returns what is written beside the files: dict.

        Args:
          files: list of ``CheckedFile``.
          describe_input: function of the shape of one example to what is
            said of an input besides its type: dict.
          describe_output: the same of the shape of all.
        """
        task = self.loaded.task
        return {
            "albert_version": albert.__version__,
            "kind": self.kind,
            "task_name": task.get("task_name"),
            "labels": self.loaded.labels,
            "max_seq_length": self.loaded.max_seq_length,
            "inputs": {
                name: {"dtype": "int32", **describe_input(shape)}
                for name, shape in self.loaded.inputs.items()
            },
            "outputs": {
                name: {
                    "dtype": self._expected[name].dtype.name,
                    **describe_output(self._expected[name].shape),
                }
                for name in self.loaded.outputs
            },
            "task": task,
            "metrics": self.metrics,
            "files": [dataclasses.asdict(file) for file in files],
        }

    def lines(self, first, files):
        """Returns the lines to print: list of str, the given one first."""
        own = f"The model{dev_metrics.explain(self.metrics)}"
        return [first, *([own] if self.metrics else []), *map(str, files)]
