# SPDX-License-Identifier: Apache-2.0
"""The works that ``compare.py`` measures, and the data that they need."""

import dataclasses

import numpy as np

from albert.inputs import read_file
from albert.tasks import interface
from albert.tasks import selection
from albert.tasks import sequences
from albert.text.tokenizer import Tokenizer

MAX_SEQ_LENGTH = 128  # Of sentences and of MRPC.
_PREDICTIONS = 20


@dataclasses.dataclass(frozen=True)
class Program:
    """One side of a comparison.

    Attributes:
      name: str, in the table.
      module: str, its worker.
      settings: dict, what its worker is told besides the work.
    """

    name: str
    module: str
    settings: dict = dataclasses.field(default_factory=dict)

    @property
    def is_peer(self):
        """Whether it runs in the peers' environment."""
        return self.module.endswith("_peer")


OWN = Program("this project", "albert_keras")
LIMIT = Program("matrix products alone", "matrix_products")


def _transformers(name, *, sort=False, bfloat16_weights=False):
    settings = {"sort": sort, "bfloat16_weights": bfloat16_weights}
    return Program(f"transformers{name}", "transformers_peer", settings)


def _engine(engine, quantization):
    settings = {"engine": engine, "quantization": quantization}
    name = f"this project, {engine}, {quantization}"
    return Program(name, "engines", settings)


def _kerashub(name="", *, sort=False):
    return Program(f"keras-hub{name}", "kerashub_peer", {"sort": sort})


@dataclasses.dataclass(frozen=True)
class Work:
    """A work at the sizes that it is measured at unless told otherwise.

    Attributes:
      kind: str, what workers call it.
      size: str, of ``AlbertConfig.named``.
      shapes: tuple of (batch, length); a length is the longest one where
        sequences have their own.
      dtypes: tuple of str.
      programs: tuple of ``Program``; this project is the first.
      runs: int, runs of a turn; their median is its time.
      warm_up_runs: int, runs between the first one and the first turn.
    """

    kind: str
    size: str
    shapes: tuple
    dtypes: tuple
    programs: tuple
    runs: int = 1
    warm_up_runs: int = 2


_SENTENCES = (
    OWN,
    _transformers(", as they come"),
    _transformers(", sorted", sort=True),
    _transformers(
        ", sorted, weights in bfloat16", sort=True, bfloat16_weights=True
    ),
    _kerashub(", as they come"),
    _kerashub(", sorted", sort=True),
)
_PRETRAINING = Work(
    kind="pretraining",
    size="base",
    shapes=((16, 128), (4, 512)),
    dtypes=("bfloat16", "float32"),
    programs=(OWN, _transformers(""), _kerashub(), LIMIT),
)
WORKS = {
    "pretraining": _PRETRAINING,
    "encode": dataclasses.replace(
        _PRETRAINING,
        kind="encode",
        programs=(
            OWN,
            _transformers(""),
            _transformers(", weights in bfloat16", bfloat16_weights=True),
            _kerashub(),
            LIMIT,
        ),
    ),
    "engines": dataclasses.replace(
        _PRETRAINING,
        kind="encode",
        shapes=((1, 32), (1, 128), (32, 32), (16, 128), (4, 512)),
        dtypes=("float32",),
        runs=9,
        programs=(
            OWN,
            _engine("openvino", "float32"),
            _engine("openvino", "int8"),
            _engine("onnx", "float32"),
            _engine("onnx", "int8"),
            _transformers(""),
            Program(
                "transformers, in OpenVINO",
                "transformers_peer",
                {"engine": "openvino"},
            ),
        ),
    ),
    "mini": dataclasses.replace(
        _PRETRAINING,
        size="mini",
        runs=3,
        shapes=((64, 64), (32, 128)),
        dtypes=("bfloat16",),
    ),
    "sentences": Work(
        kind="predict",
        size="base",
        shapes=((32, MAX_SEQ_LENGTH),),
        dtypes=("bfloat16",),
        programs=_SENTENCES,
        warm_up_runs=1,
    ),
    "mrpc": Work(
        kind="finetuning",
        size="base",
        shapes=((32, MAX_SEQ_LENGTH),),
        dtypes=("bfloat16",),
        programs=(OWN, _transformers("")),
        warm_up_runs=0,
    ),
}


def num_predictions(length):
    """Returns the masked positions of a sequence in pretraining."""
    return min(_PREDICTIONS, _PREDICTIONS * length // 128)


def write_sentences(path, text_file, spm_model_file, num_examples):
    """Writes the first lines of a text as sequences, for workers.

    Args:
      path: of the .npz file to write.
      text_file: a sentence a line.
      spm_model_file: the vocabulary.
      num_examples: int, lines with text to take.

    Raises:
      UserError: a file cannot be read.
    """
    lines = read_file(text_file).decode("utf-8").split("\n")
    lines = [line for line in lines if line.strip()][:num_examples]
    tokenizer = Tokenizer(spm_model_file)
    spans = sequences.encode(tokenizer, lines)
    spans = spans.first(np.minimum(spans.lengths, MAX_SEQ_LENGTH - 2))
    ids, splits, starts = sequences.assemble(tokenizer, spans)
    _write(path, ids, splits, starts, np.zeros(len(lines), np.int32))


def write_mrpc(path, data_dir, spm_model_file, num_examples):
    """Writes the training examples of MRPC as sequences, for workers.

    Args:
      path: of the .npz file to write.
      data_dir: the folder that holds MRPC's folder, or that folder.
      spm_model_file: the vocabulary.
      num_examples: int or None, examples to take.

    Raises:
      UserError: a file cannot be read.
    """
    task = selection.get_task("mrpc")
    examples = interface.load(task, data_dir, "train")
    task = task.with_labels_of(examples)
    features = interface.featurize(
        task, examples, Tokenizer(spm_model_file), MAX_SEQ_LENGTH
    ).features
    features = features.select(np.arange(features.num_examples)[:num_examples])
    _write(
        path,
        features.input_ids,
        features.row_splits,
        features.segment_starts,
        features.per_example["label_ids"],
    )


def _write(path, input_ids, row_splits, segment_starts, label_ids):
    np.savez(
        path,
        input_ids=input_ids,
        row_splits=row_splits,
        segment_starts=segment_starts,
        label_ids=label_ids,
    )
