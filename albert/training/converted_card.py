# SPDX-License-Identifier: Apache-2.0
"""Makes the card of a model that was converted for transformers."""

import os

from albert import inputs
from albert import model_directory
from albert.heads import HEADS
from albert.heads import find
from albert.model_names import describe_path
from albert.training import card_sections
from albert.training import model_card
from albert.training.card_sections import UNKNOWN_LICENCE
from albert.training.card_sections import section

# The pipeline of transformers, by ``label_type`` or, without one, by the head;
# and what one gives to it.
_PIPELINES = {
    "class": ("text-classification", '"A text."'),
    "classes": ("text-classification", '"A text.", top_k=None'),
    "number": ("text-classification", '"A text.", function_to_apply="none"'),
    "tag": ("token-classification", '"A text."'),
    "span": ("question-answering", 'question="Who?", context="A text."'),
    "pretraining": ("fill-mask", '"A text with a [MASK] in it."'),
    "masked_lm": ("fill-mask", '"A text with a [MASK] in it."'),
}


def make_card(weights, name, head, sizes, licence=None):
    """Returns the card of a model that was converted for transformers: str.

    Names of files are in it without their folders, which are nobody's concern.

    Args:
      weights: str, the path of the weights that were converted. If they lie
        in a model directory, its results, data and recipe are in the card.
      name: str, "owner/name" on the Hugging Face Hub.
      head: str, a key of ``albert.heads.HEADS``.
      sizes: dict of int, what is said of the model's size.
      licence: str, an identifier of SPDX; None: that of the card of the
        source, if any.

    Raises:
      UserError: a file of the source is damaged.
    """
    directory = _directory_of(weights)
    run = model_directory.read_run(directory)
    task = model_directory.read_task(directory) if run else {}
    licence = licence or _licence_of(directory) or UNKNOWN_LICENCE
    pipeline = _find_pipeline(head, task)
    lines = [
        "---",
        # The hub has its names in lower case.
        f"license: {licence.lower()}",
        "library_name: transformers",
        *([f"pipeline_tag: {pipeline[0]}"] if pipeline else []),
        "tags:",
        "- albert",
        "---",
        "",
        f"# {name.partition('/')[2]}",
        "",
        "An ALBERT"
        + f" that was fine-tuned for {task.get('task_name')}" * bool(task)
        + ", converted for transformers with albert-keras.",
    ]
    sections = [
        "\n".join(lines),
        section("Use", _use(name, head, pipeline)),
        section("Size", card_sections.table(("", ""), sizes.items())),
        *(
            card_sections.of_run(
                directory, run, _describe_paths, os.path.basename(weights)
            )
            if run and head != "none"
            else ()
        ),
        card_sections.of_licence(licence),
    ]
    return model_card.sign("\n\n".join(filter(None, sections)) + "\n\n")


def _licence_of(directory):
    """Returns the licence that the card of a directory says, or None."""
    path = os.path.join(directory, model_card.CARD_FILE)
    if not os.path.isfile(path):
        return None
    return model_card.find_licence(
        inputs.read_file(path).decode("utf-8", "replace")
    )


def check(weights):
    """Refuses a model directory whose files cannot be told of.

    Args:
      weights: str, a directory or what lies in one.

    Raises:
      UserError: one of them is damaged.
    """
    directory = _directory_of(weights)
    run = model_directory.read_run(directory)
    if run:
        card_sections.of_run(directory, run)


def _directory_of(weights):
    return weights if os.path.isdir(weights) else os.path.dirname(weights)


def _find_pipeline(head, task):
    """Returns what ``_PIPELINES`` has for a head; a task tells more of it."""
    heads = [
        each
        for each in find(task_kind=task.get("kind") or "")
        if HEADS[each].components == HEADS[head].components
    ]
    head = (heads or [head])[0]
    return _PIPELINES.get(HEADS[head].label_type or head)


def _describe_paths(text):
    """Returns paths, separated by commas, without what is nobody's concern."""
    return ",".join(map(describe_path, text.split(",")))


def _use(name, head, pipeline):
    if pipeline is None:
        name_of_class = HEADS[head].transformers or "AlbertModel"
        code = (
            "import transformers\n\n"
            f'model = transformers.{name_of_class}.from_pretrained("{name}")'
        )
    else:
        tag, arguments = pipeline
        code = (
            "from transformers import pipeline\n\n"
            f'model = pipeline("{tag}", model="{name}")\n'
            f"print(model({arguments}))"
        )
    return f"```python\n{code}\n```"
