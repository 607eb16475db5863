# SPDX-License-Identifier: Apache-2.0
"""Writes .tflite files for phones and other small devices (LiteRT).

Ids in, the outputs of the head out: a client makes the ids with the
SentencePiece model that is written beside them.
"""

import dataclasses
import os

import sentencepiece

import albert
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.export import dev_metrics
from albert.export.exported_files import check_destination
from albert.export.exported_files import new_export
from albert.export.quantizations import MIN_AGREEMENT
from albert.export.quantizations import QUANTIZATIONS
from albert.export.quantizations import check_comparison
from albert.export.quantizations import check_names
from albert.heads import HEADS
from albert.interchange.sentencepiece_rules import self_contained_model
from albert.interchange.tokenizer_comparison import Comparison
from albert.interchange.tokenizer_comparison import compare_ids

METADATA_FILE = "litert.json"
RAW_TEXT_FILE = "raw_text.model"


@dataclasses.dataclass(frozen=True)
class FileReport:
    """A written file, with its size, differences and latency.

    Attributes:
      file: str, its name in the directory.
      quantization: of ``QUANTIZATIONS``.
      bytes: int.
      milliseconds: float, median of a call on one thread.
      calls: int, that the median is of.
      examples, max_abs_difference, relative_difference, answers, agreeing:
        see ``verification.Comparison``.
      metrics: dict from names to floats, on the dev set; None without one.
    """

    file: str
    quantization: str
    bytes: int
    milliseconds: float
    calls: int
    examples: int
    max_abs_difference: float
    relative_difference: float
    answers: int
    agreeing: int
    metrics: dict | None

    def __str__(self):
        line = (
            f"{self.file}: {self.bytes / 1e6:.1f} MB, "
            f"{self.milliseconds:.1f} ms (median of {self.calls} calls, one "
            f"thread); differs from the model by {self.max_abs_difference:.1e} "
            f"at most on {self.examples} examples"
        )
        if self.answers:
            line += f", {self.agreeing} of {self.answers} answers equal"
        return line + dev_metrics.explain(self.metrics)


@dataclasses.dataclass(frozen=True)
class LiteRTReport:
    """The files that ``export`` wrote.

    Attributes:
      destination: str.
      kind: str, ``exported_kind`` of the head.
      max_seq_length, batch_size: ints, the shape of the inputs.
      files: list of ``FileReport``.
      ids: ``tokenizer_comparison.Comparison`` of raw_text.model with the
        model's tokenizer; None where there is no such file.
      metrics: dict from names to floats, of the model on the dev set; None
        without one.
    """

    destination: str
    kind: str
    max_seq_length: int
    batch_size: int
    files: list
    ids: Comparison
    metrics: dict | None

    def lines(self):
        """Returns the lines to print: list of str."""
        return [
            f"{self.destination}: {self.kind}, {self.batch_size} × "
            f"{self.max_seq_length} pieces, built-in operations only",
            *(
                [f"The model{dev_metrics.explain(self.metrics)}"]
                if self.metrics
                else []
            ),
            *map(str, self.files),
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
    from albert.export import source_models
    from albert.export import verification

    if text_file:
        texts = verification.read_texts(text_file)
    loaded = source_models.load(source, model, max_seq_length)
    if HEADS[loaded.head].label_type == "text":
        raise UserError(
            f"{source}: writes texts piece by piece, which a .tflite file of "
            "this package does not: use --format=serving, or --model=encoder"
        )
    examples = verification.make_examples(loaded, texts or verification.TEXTS)
    expected = verification.run(loaded.call, examples)
    dev = data_dir and dev_metrics.DevSet(loaded, data_dir)
    reports = []
    with new_export(source, destination, overwrite) as directory:
        for name, content in litert_conversion.convert(
            loaded, batch_size, quantization
        ):
            runner = litert_conversion.Runner(content)
            received = verification.run(runner, examples, batch_size)
            comparison = verification.compare(
                loaded, examples, expected, received
            )
            check_comparison(source, name, comparison, min_agreement)
            batch = {
                key: values[[0] * batch_size]
                for key, values in examples.items()
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
                    examples=comparison.examples,
                    max_abs_difference=comparison.difference,
                    relative_difference=comparison.relative,
                    answers=comparison.answers,
                    agreeing=comparison.agreeing,
                    metrics=dev
                    and dev.compare(
                        source, name, runner, batch_size=batch_size
                    ),
                )
            )
        model_directory.write_description(
            directory, loaded.model.config, loaded.tokenizer
        )
        ids = _write_raw_text_model(directory, loaded.tokenizer)
        outputs.write_json(
            os.path.join(directory, METADATA_FILE),
            _metadata(loaded, batch_size, expected, reports, dev),
        )
    return LiteRTReport(
        destination=destination,
        kind=HEADS[loaded.head].exported_kind,
        max_seq_length=loaded.max_seq_length,
        batch_size=batch_size,
        files=reports,
        metrics=dev and dev.metrics,
        ids=ids,
    )


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


def _metadata(loaded, batch_size, expected, reports, dev):
    task = loaded.task
    return {
        "albert_version": albert.__version__,
        "kind": HEADS[loaded.head].exported_kind,
        "task_name": task.get("task_name"),
        "labels": loaded.labels,
        "max_seq_length": loaded.max_seq_length,
        "inputs": {
            name: {"dtype": "int32", "shape": [batch_size, *shape]}
            for name, shape in loaded.inputs.items()
        },
        "outputs": {
            name: {
                "dtype": expected[name].dtype.name,
                "shape": [batch_size, *expected[name].shape[1:]],
            }
            for name in loaded.outputs
        },
        "task": task,
        "metrics": dev and dev.metrics,
        "files": [dataclasses.asdict(report) for report in reports],
    }
