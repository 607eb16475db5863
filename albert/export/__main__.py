# SPDX-License-Identifier: Apache-2.0
"""Exports a model to run without this package.

    albert export MODEL_DIR DESTINATION --format=serving

serving: a TensorFlow SavedModel of the task with the tokenizer inside:
strings in, answers out (docs/serving.md). tfhub: the encoder and its
preprocessor as TF Hub wants them. litert: .tflite files for telephones.
google, huggingface, kerashub: what these projects open.

MODEL_DIR is a model directory, or any weights that come with a configuration
and, for serving, tfhub and litert, a tokenizer. DESTINATION is a directory that
does not exist or is empty.
"""

import contextlib
import importlib
import os
import shutil

from absl import logging

from albert import command_line
from albert.convert import convert
from albert.errors import UserError
from albert.flag_parsers import LARGEST_SCORE
from albert.flag_parsers import LONGEST_SEQUENCE
from albert.flags import FlagGroup
from albert.tasks.truncation import MIN_SEQUENCE_LENGTH

POSITIONAL = ("MODEL_DIR", "DESTINATION")
# The flags of each format that are passed on.
FORMATS = {
    "serving": ("max_seq_length", "top", "null_score_diff_threshold"),
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
    "litert": ("max_seq_length", "model", "quantization", "batch_size"),
    "google": ("tokenizer",),
    "huggingface": ("tokenizer",),
    "kerashub": ("tokenizer",),
}
# A directory with one of these may be replaced.
_MARKS = (
    "saved_model.pb",
    "litert.json",
    os.path.join("encoder", "saved_model.pb"),
    "albert_config.json",
    "config.json",
)


def define_flags(fv):
    """Defines the command's flags."""
    every = FlagGroup(fv, "Every format")
    every.choice("format", None, list(FORMATS), "What to write. Required.")
    every.boolean(
        "overwrite", False, "Replace an export that is at DESTINATION."
    )
    projects = FlagGroup(fv, "Google, Hugging Face and KerasHub")
    projects.boolean(
        "tokenizer", None, "Take the tokenizer along. Default: true."
    )
    texts = FlagGroup(fv, "Serving and litert")
    texts.integer(
        "max_seq_length",
        None,
        "Pieces of a sequence at most. Default: what the model was fine-tuned "
        "with; of a pretrained one all its positions (litert: 128).",
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
    litert = FlagGroup(fv, "Litert")
    litert.choice(
        "model",
        None,
        ["task", "encoder"],
        "With its head, or without. Default: task.",
    )
    litert.names(
        "quantization", None, "Of float32, float16, int8. Default: all three."
    )
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
    with replaced(source, destination, fv.overwrite):
        # TensorFlow's lines about what it writes.
        logging.set_verbosity(logging.WARNING)
        command_line.load_tensorflow()
        if fv.format in ("google", "huggingface", "kerashub"):
            report = convert(source, destination, fv.format, **options)
            lines = report.lines(destination)
        else:
            module = importlib.import_module(f"albert.export.{fv.format}")
            lines = module.export(source, destination, **options).lines()
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


@contextlib.contextmanager
def replaced(source, destination, overwrite):
    """Moves an older export aside inside the block, or refuses the destination.

    Args:
      source: str, the model, which must not be there.
      destination: str.
      overwrite: bool, whether an older export may be replaced. It is put
        aside, removed at the end of the block, and put back if the block
        fails.

    Raises:
      UserError: something is there that may not be replaced.
    """
    path = os.path.abspath(destination)
    if not os.path.lexists(path) or (
        os.path.isdir(path) and not os.listdir(path)
    ):
        yield
        return
    if not overwrite:
        raise UserError(
            f"{destination}: exists already: choose another destination, or "
            "replace it with --overwrite"
        )
    inside = os.path.abspath(source)
    if os.path.commonpath([inside, path]) == path:
        raise UserError(
            f"{destination}: holds the model that is to be exported: choose "
            "another destination"
        )
    if not any(os.path.exists(os.path.join(path, mark)) for mark in _MARKS):
        raise UserError(
            f"{destination}: is not an export, so it is not replaced: choose "
            "another destination"
        )
    aside = f"{path}.{os.getpid()}.old"
    os.rename(path, aside)
    try:
        yield
    except BaseException:
        os.rename(aside, path)
        raise
    shutil.rmtree(aside)


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
