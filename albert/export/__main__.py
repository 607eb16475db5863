# SPDX-License-Identifier: Apache-2.0
"""Exports a model to run without this package.

    albert export MODEL_DIR DESTINATION --format=serving

serving: a TensorFlow SavedModel of the task with the tokenizer inside:
strings in, answers out (docs/serving.md). tfhub: the encoder and its
preprocessor as TF Hub wants them. litert: .tflite files for telephones.
onnx, openvino: for these engines on CPUs, ids in (docs/engines.md).
sentence-transformers: the encoder, for vectors of texts (docs/embedding.md).
google, huggingface, kerashub: what these projects open.

MODEL_DIR is a model directory, or any weights that come with a configuration
and, but for the last line, a tokenizer. DESTINATION is a directory that
does not exist or is empty, or an older export with --overwrite.
"""

import functools
import importlib

from absl import logging

from albert import command_line
from albert.convert import convert
from albert.errors import UserError
from albert.export.exported_files import check_destination
from albert.export.exported_files import new_export
from albert.flag_groups import FlagGroup
from albert.flag_parsers import LARGEST_SCORE
from albert.flag_parsers import LONGEST_SEQUENCE
from albert.tasks.truncation import MIN_SEQUENCE_LENGTH
from albert.vector_flags import define_vector_flags

POSITIONAL = ("MODEL_DIR", "DESTINATION")
# Of the formats whose files are compared with the model.
_COMPARED = (
    "max_seq_length",
    "model",
    "quantization",
    "text_file",
    "min_agreement",
    "data_dir",
)
# The flags of each format that are passed on.
FORMATS = {
    "serving": (
        "max_seq_length",
        "top",
        "null_score_diff_threshold",
        "beam_size",
        "length_penalty",
    ),
    "tfhub": (
        "version",
        "licence",
        "handle",
        "language",
        "seq_length",
        "notes",
        "publish",
        "dry_run",
    ),
    "litert": (*_COMPARED, "batch_size"),
    "onnx": _COMPARED,
    "openvino": _COMPARED,
    "sentence-transformers": ("max_seq_length", "pooling", "normalize"),
    "google": ("tokenizer",),
    "huggingface": ("tokenizer",),
    "kerashub": ("tokenizer",),
}


def define_flags(fv):
    """Defines the command's flags."""
    every = FlagGroup(fv, "Every format")
    every.choice("format", None, list(FORMATS), "What to write. Required.")
    every.boolean(
        "overwrite",
        False,
        "Replace an older export at DESTINATION when the new one is complete, "
        "if it holds nothing else.",
    )
    projects = FlagGroup(fv, "Google, Hugging Face and KerasHub")
    projects.boolean(
        "tokenizer", None, "Take the tokenizer along. Default: true."
    )
    texts = FlagGroup(
        fv, "Serving, litert, onnx, openvino and sentence transformers"
    )
    texts.integer(
        "max_seq_length",
        None,
        "Pieces of a sequence at most. Default: what the model was fine-tuned "
        "with; of a pretrained one all its positions with serving, else 128. "
        "onnx and openvino read any length: that of the comparison.",
        lower_bound=MIN_SEQUENCE_LENGTH,
        upper_bound=LONGEST_SEQUENCE,
    )
    serving = FlagGroup(fv, "Serving")
    serving.integer(
        "top",
        None,
        "Pieces that are answered for each [MASK]. Default: 5.",
        lower_bound=1,
        upper_bound=1000,
    )
    serving.real(
        "null_score_diff_threshold",
        None,
        "A question whose null score is above it gets no answer. Default: 0.",
        lower_bound=-LARGEST_SCORE,
        upper_bound=LARGEST_SCORE,
    )
    serving.integer(
        "beam_size",
        None,
        "Hypotheses of a model that writes texts, and texts that it answers. "
        "Default: that of the training.",
        lower_bound=1,
        upper_bound=1000,
    )
    serving.real(
        "length_penalty",
        None,
        "Power of the length that their scores are divided by. Default: that "
        "of the training.",
        lower_bound=0.0,
        upper_bound=10.0,
    )
    compared = FlagGroup(fv, "Litert, onnx and openvino")
    compared.choice(
        "model",
        None,
        ["task", "encoder"],
        "With its head, or without. Default: task.",
    )
    compared.names(
        "quantization",
        None,
        "Of float32, float16, int8. Default: all three; openvino needs "
        "--text_file for int8.",
    )
    compared.files(
        "text_file",
        None,
        "Paths or globs of texts, one a line: files are compared with the "
        "model on 200 of them, and openvino finds the scales of int8 there. "
        "Default: a few built in.",
    )
    compared.real(
        "min_agreement",
        None,
        "Refuse a file that gives less than this share of the model's "
        "answers. Default: 0.9.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    compared.path(
        "data_dir",
        None,
        "Where the files of GLUE or RACE are, as of `albert classify`: "
        "the model and each file are evaluated on the dev set.",
    )
    define_vector_flags(FlagGroup(fv, "Sentence transformers"), None, None)
    litert = FlagGroup(fv, "Litert")
    litert.integer(
        "batch_size",
        None,
        "Examples of a call. Default: 1.",
        lower_bound=1,
        upper_bound=1024,
    )
    tfhub = FlagGroup(fv, "TF Hub")
    tfhub.integer(
        "version",
        None,
        "Number of the version at the publisher's. Default: 1.",
        lower_bound=1,
        upper_bound=10**6,
    )
    tfhub.string(
        "licence", None, "The licence of the model, such as apache-2.0."
    )
    tfhub.alias("license", "licence")
    tfhub.string("handle", None, "OWNER/MODEL/tensorFlow2/VARIATION at Kaggle.")
    tfhub.string(
        "language", None, "ISO 639-1 code of the training text, such as en."
    )
    tfhub.string("notes", None, "What is new in this version.")
    tfhub.integer(
        "seq_length",
        None,
        "Pieces of a sequence of the preprocessor. Default: 128.",
        lower_bound=MIN_SEQUENCE_LENGTH,
        upper_bound=LONGEST_SEQUENCE,
    )
    tfhub.choice("publish", None, ["kaggle"], "Send it there.")
    tfhub.boolean(
        "dry_run", None, "Tell what --publish would send, and do not send it."
    )


def main(fv, source, destination):
    """Writes the model, and prints what was written."""
    if not fv.format:
        raise UserError(
            f"--format is required: one of {', '.join(FORMATS)}; see --help"
        )
    options = find_options(fv)
    # Before TensorFlow is loaded.
    check_destination(source, destination, fv.overwrite)
    # TensorFlow's lines about what it writes.
    logging.set_verbosity(logging.WARNING)
    command_line.load_tensorflow()
    if fv.format in ("google", "huggingface", "kerashub"):
        report = convert(
            source,
            destination,
            fv.format,
            new_directory=functools.partial(
                new_export, source, overwrite=fv.overwrite
            ),
            **options,
        )
        lines = report.lines(destination)
    else:
        name = fv.format.replace("-", "_")
        module = importlib.import_module(f"albert.export.{name}")
        lines = module.export(
            source, destination, overwrite=fv.overwrite, **options
        ).lines()
    print("\n".join(lines))


def find_options(fv):
    """Returns the flags that were given, for the chosen format.

    Raises:
      UserError: one is for another format.
    """
    options = {
        name: fv[name].value
        for names in FORMATS.values()
        for name in names
        if fv[name].value is not None
    }
    for name in options:
        if name not in FORMATS[fv.format]:
            formats = [key for key, names in FORMATS.items() if name in names]
            raise UserError(
                f"--{name} is for --format={' and '.join(formats)}: leave it "
                f"out with --format={fv.format}"
            )
    return options


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
