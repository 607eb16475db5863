# SPDX-License-Identifier: Apache-2.0
"""Writes .tflite files for phones and other small devices (LiteRT).

Ids in, the outputs of the head out: a client makes the ids with the
SentencePiece model that is written beside them.
"""

import dataclasses
import os

import sentencepiece

from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.export.checked_files import CheckedFile
from albert.export.checked_files import FileChecker
from albert.export.exported_files import check_destination
from albert.export.exported_files import new_export
from albert.export.quantizations import MIN_AGREEMENT
from albert.export.quantizations import QUANTIZATIONS
from albert.export.quantizations import check_names
from albert.interchange.sentencepiece_rules import self_contained_model
from albert.interchange.tokenizer_comparison import Comparison
from albert.interchange.tokenizer_comparison import compare_ids

METADATA_FILE = "litert.json"
RAW_TEXT_FILE = "raw_text.model"


@dataclasses.dataclass(frozen=True, kw_only=True)
class FileReport(CheckedFile):
    """A file, and how long a call of it takes.

    Attributes:
      milliseconds: float, median of a call on one thread.
      calls: int, that the median is of.
    """

    milliseconds: float
    calls: int

    def __str__(self):
        return (
            f"{self.file}: {self.bytes / 1e6:.1f} MB, "
            f"{self.milliseconds:.1f} ms (median of {self.calls} calls, one "
            f"thread); {self.comparison_text()}"
        )


@dataclasses.dataclass(frozen=True)
class LiteRTReport:
    """The files that ``export`` wrote.

    Attributes:
      destination: str.
      checker: ``FileChecker``.
      batch_size: int, of the inputs.
      files: list of ``FileReport``.
      ids: ``tokenizer_comparison.Comparison`` of raw_text.model with the
        model's tokenizer; None where there is no such file.
    """

    destination: str
    checker: FileChecker
    batch_size: int
    files: list
    ids: Comparison | None

    @property
    def kind(self):
        """The ``exported_kind`` of the head."""
        return self.checker.kind

    @property
    def max_seq_length(self):
        """The pieces of a sequence."""
        return self.checker.loaded.max_seq_length

    def lines(self):
        """Returns the lines to print: list of str."""
        return [
            *self.checker.lines(
                f"{self.destination}: {self.kind}, {self.batch_size} × "
                f"{self.max_seq_length} pieces, built-in operations only",
                self.files,
            ),
            *([str(self.ids)] if self.ids else []),
        ]


def export(
    source,
    destination,
    *,
    model="task",
    quantization=QUANTIZATIONS,
    max_seq_length=None,
    batch_size=1,
    texts=None,
    text_file=None,
    min_agreement=MIN_AGREEMENT,
    data_dir=None,
    overwrite=False,
):
    """Converts a model, compares each file with it, and writes the files.

    The directory gets model_QUANTIZATION.tflite, litert.json (inputs,
    outputs, labels, what was measured), albert_config.json, the vocabulary
    and its settings, and of a SentencePiece model raw_text.model, with which
    SentencePiece alone makes the ids of a text. Shapes are fixed:
    accelerators of phones take no others, and with a batch size that varies
    the heads would need operations that are not LiteRT's own.

    Args:
      source: str, a model directory, or whatever else has configuration,
        weights and tokenizer.
      destination: str, a directory that does not exist yet.
      model: "task", or "encoder" without the head.
      quantization: names of ``QUANTIZATIONS``, of the files that are wanted.
      max_seq_length: int; None: that of the task, else 128.
      batch_size: int, examples of a call.
      texts: list of str to run the files on; None: a few of this package.
      text_file: in place of them, paths or globs of files with a text a line.
      min_agreement: float, share of the answers that must be those of the
        model.
      data_dir: str or None, where the task's dev set is, on which each file is
        evaluated.
      overwrite: bool, whether an older export at the destination is replaced.

    Returns:
      ``LiteRTReport``.

    Raises:
      UserError: no such model, a length or batch size that cannot be, or a
        file whose outputs are NaN, infinite or differ too much from those of
        the model, or mean other answers. Nothing is written then.
    """
    quantization = check_names(quantization)
    if batch_size < 1:
        raise UserError(f"--batch_size {batch_size}: it must be at least 1")
    check_destination(source, destination, overwrite)
    from albert.export import litert_conversion

    checker = FileChecker(
        source,
        "litert",
        model=model,
        max_seq_length=max_seq_length,
        texts=texts,
        text_file=text_file,
        min_agreement=min_agreement,
        data_dir=data_dir,
    )
    loaded = checker.loaded
    reports = []
    with new_export(source, destination, overwrite) as directory:
        for name, content in litert_conversion.convert(
            loaded, batch_size, quantization
        ):
            runner = litert_conversion.Runner(content)
            checked = checker.check(name, runner, batch_size=batch_size)
            batch = {
                key: values[[0] * batch_size]
                for key, values in checker.examples.items()
            }
            seconds, calls = runner.latency(batch)
            file = f"model_{name}.tflite"
            outputs.write_file(os.path.join(directory, file), content)
            reports.append(
                FileReport(
                    file=file,
                    quantization=name,
                    bytes=len(content),
                    milliseconds=1e3 * seconds,
                    calls=calls,
                    **checked,
                )
            )
        model_directory.write_description(
            directory, loaded.model.config, loaded.tokenizer
        )
        ids = _write_raw_text_model(directory, loaded.tokenizer)
        outputs.write_json(
            os.path.join(directory, METADATA_FILE),
            checker.metadata(
                reports,
                lambda shape: {"shape": [batch_size, *shape]},
                lambda shape: {"shape": [batch_size, *shape[1:]]},
            ),
        )
    return LiteRTReport(destination, checker, batch_size, reports, ids)


def _write_raw_text_model(directory, tokenizer):
    """Writes raw_text.model; returns its ``Comparison``, or None.

    There is none of a WordPiece vocabulary: BERT tokenizers for telephones
    take vocab.txt as it is.
    """
    if tokenizer.kind != "sentencepiece":
        return None
    raw_text = self_contained_model(tokenizer)
    outputs.write_file(os.path.join(directory, RAW_TEXT_FILE), raw_text)
    return compare_ids(
        RAW_TEXT_FILE,
        sentencepiece.SentencePieceProcessor(model_proto=raw_text).encode,
        tokenizer,
    )
