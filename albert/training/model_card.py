# SPDX-License-Identifier: Apache-2.0
"""Writes README.md into a model directory: what the model is, and how good.

It says what the other files of the directory say, and is written anew when
they change, until somebody edits it: it ends with a checksum of itself.
"""

import hashlib
import os
import re
import shlex

from absl import logging

from albert import inputs
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.heads import HEADS
from albert.heads import find
from albert.tasks.table import reads_pairs
from albert.training import card_sections

CARD_FILE = "README.md"

# The last line; what is before it has this checksum.
_SIGNATURE = re.compile(
    r"<!-- Written by albert-keras, until it is edited: ([0-9a-f]{64}) -->\n"
)
_LICENCE = re.compile(r"^license: ([\w.+-]+)$", re.MULTILINE | re.ASCII)
_LICENCE_FORM = re.compile(r"[\w.+-]{1,64}", re.ASCII)

# What a file of rows holds, by ``label_type``: its name, and the words for it.
_ROWS = {
    "class": ("rows.tsv", "a table with a column `text`"),
    "classes": ("rows.tsv", "a table with a column `text`"),
    "number": ("rows.tsv", "a table with a column `text`"),
    "choice": (
        "questions.jsonl",
        "objects with `context`, `question` and `options`",
    ),
    "tag": ("sentences.conll", "a word a line, blank lines between sentences"),
    "span": ("questions.jsonl", "objects with `context` and `question`"),
}
_PAIRS = ("rows.tsv", "a table with the columns `text` and `text_b`")


def define_licence_flag(fv):
    """Defines the flag of a model's licence."""
    card = FlagGroup(fv, "Model card")
    card.string(
        "licence", None, "The licence of the model, such as apache-2.0."
    )
    card.alias("license", "licence")


def check_licence(licence):
    """Refuses what cannot stand in the first lines of a card.

    Args:
      licence: str, an identifier of SPDX, or None.

    Raises:
      UserError: it is none.
    """
    if licence is not None and not _LICENCE_FORM.fullmatch(licence):
        raise UserError(
            "--licence: give the identifier of a licence, such as apache-2.0"
        )


def record_training_data(directory, description, labels=None):
    """Writes down what a model was trained on, for its card.

    Args:
      directory: str, of the model.
      description: dict, of ``evaluation_results.describe_data``.
      labels: dict from label to how often it occurs, or None.
    """
    content = {"data": [description]}
    if labels:
        content["labels"] = labels
    outputs.write_json(
        os.path.join(directory, model_directory.TRAINING_DATA_FILE),
        content,
        "--output_dir",
    )


def write(directory, licence=None):
    """Writes the card of a fine-tuned model, unless somebody has edited it.

    Args:
      directory: str; one where no model was trained gets none.
      licence: str, an identifier of SPDX; None: that of the card that is
        there, if any.

    Returns:
      list of str, the path if it was written.

    Raises:
      UserError: a file of the directory is damaged, or cannot be written.
    """
    if not model_directory.read_run(directory):
        return []
    path = os.path.join(directory, CARD_FILE)
    before = None
    if os.path.lexists(path):
        before = inputs.read_file(path).decode("utf-8", "replace")
        if not is_unedited(before):
            logging.info(
                "%s was edited, or is another's: it is left as it is", path
            )
            return []
    if licence is None and before:
        licence = find_licence(before)
    text = make_card(directory, licence or card_sections.UNKNOWN_LICENCE)
    outputs.write_file(path, text.encode(), "--output_dir")
    return [path]


def find_licence(text):
    """Returns the licence that a card says, or None.

    Args:
      text: str, of the card.
    """
    found = _LICENCE.search(text)
    return found and found[1]


def is_unedited(text):
    """Tells whether a card is as ``sign`` returned it."""
    signature = _SIGNATURE.search(text)
    return bool(
        signature
        and signature.end() == len(text)
        and signature[1] == _checksum(text[: signature.start()])
    )


def make_card(directory, licence):
    """Returns the card of a fine-tuned model: str, Markdown.

    Args:
      directory: str, of the model.
      licence: str.
    """
    task = model_directory.read_task(directory)
    run = model_directory.read_run(directory)
    sections = [
        _head(directory, task, licence),
        card_sections.section("Use", *_use(directory, task)),
        *card_sections.of_run(directory, run),
        card_sections.of_licence(licence),
    ]
    return sign("\n\n".join(filter(None, sections)) + "\n\n")


def sign(text):
    """Returns a card with the line by which ``is_unedited`` knows it.

    Args:
      text: str, the card, which ends with a blank line.
    """
    return (
        f"{text}<!-- Written by albert-keras, until it is edited: "
        f"{_checksum(text)} -->\n"
    )


def _checksum(text):
    return hashlib.sha256(text.encode()).hexdigest()


# ------------------------------------------------------------------- sections


def _head(directory, task, licence):
    name = _name(directory)
    labels = task.get("labels") or ()
    most = card_sections.MOST_LABELS
    shown = ", ".join(map(card_sections.cell, labels[:most]))
    if len(labels) > most:
        shown += f", … ({len(labels)})"
    lines = [
        "---",
        f"license: {licence}",
        "library_name: albert-keras",
        "---",
        "",
        f"# {name}",
        "",
        f"An ALBERT that was fine-tuned for {task.get('task_name')} "
        f"({task.get('kind')}).",
    ]
    if shown:
        lines += ["", f"Labels: {shown}."]
    return "\n".join(lines)


def _name(directory):
    return os.path.basename(os.path.abspath(directory))


def _use(directory, task):
    heads = find(task_kind=task.get("kind")) if task.get("kind") else ()
    label_type = HEADS[heads[0]].label_type if heads else None
    if label_type not in _ROWS:
        return _use_of_writers(directory) if label_type == "text" else ()
    rows, words = _PAIRS if reads_pairs(task) else _ROWS[label_type]
    name = shlex.quote(_name(directory))
    return (
        f"In the folder that this one is in, with {words} in `{rows}`: "
        "predictions, a server, and a conversion for transformers.",
        "```bash\n"
        f"albert predict {name} --input_file={rows} "
        "--output_file=predictions.jsonl\n"
        f"albert export {name} exported --format=serving && "
        "albert serve exported\n"
        f"albert convert {name} converted --to=huggingface\n"
        "```",
    )


def _use_of_writers(directory):
    name = shlex.quote(_name(directory))
    return (
        "In the folder that this one is in, with a text a line in "
        "`sources.txt`: what it writes for them, and a server.",
        "```bash\n"
        f"albert translate --do_predict --output_dir={name} "
        "--predict_file=sources.txt --output_file=targets.txt\n"
        f"albert export {name} exported --format=serving\n"
        "albert serve exported\n"
        "```",
    )
