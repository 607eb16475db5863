# SPDX-License-Identifier: Apache-2.0
"""Makes the card of a model that was converted for transformers."""

import os

from albert import inputs
from albert import model_directory
from albert.heads import HEADS
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


def make_card(source, name, head, sizes, weights, licence=None):
    """Returns the card of a model that was converted for transformers: str.

    Names of files are in it without their folders, which are nobody's concern.

    Args:
      source: str, what was converted. If it is a model directory, its
        results, data and recipe are in the card.
      name: str, "owner/name" on the Hugging Face Hub.
      head: str, a key of ``albert.heads.HEADS``.
      sizes: dict of int, what is said of the model's size.
      weights: str, the path of the weights that were read.
      licence: str, an identifier of SPDX; None: that of the card of the
        source, if any.

    Raises:
      UserError: a file of the source is damaged.
    """
    is_directory = os.path.isdir(source)
    run = model_directory.read_run(source) if is_directory else {}
    task = model_directory.read_task(source) if run else {}
    licence = licence or _licence_of(source) or UNKNOWN_LICENCE
    pipeline = _PIPELINES.get(HEADS[head].label_type or head)
    lines = [
        "---",
        f"license: {licence}",
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
                source, run, _last_parts, os.path.basename(weights)
            )
            if run
            else ()
        ),
        card_sections.of_licence(licence),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def _licence_of(directory):
    """Returns the licence that the card of a directory says, or None."""
    path = os.path.join(directory, model_card.CARD_FILE)
    if not os.path.isfile(path):
        return None
    return model_card.find_licence(
        inputs.read_file(path).decode("utf-8", "replace")
    )


def _last_parts(text):
    """Returns paths, separated by commas, without their folders."""
    return ",".join(
        part.rstrip("/").rpartition("/")[2] for part in text.split(",")
    )


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
