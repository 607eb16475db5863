# SPDX-License-Identifier: Apache-2.0
"""Writes what cards of models say alike: results, data, recipe, licence."""

import os

from albert import model_directory
from albert.errors import UserError
from albert.evaluation_results import TEST_FILE
from albert.tasks import thresholds

UNKNOWN_LICENCE = "unknown"

# A matrix of more would be wider than a page.
MOST_LABELS = 12
_MOST_LABELS_COUNTED = 50
# What results hold besides metrics, and how runs are said elsewhere.
_NO_METRICS = ("runs",)
_NOT_OF_THE_RECIPE = ("labels", "kind", "task_name", "training_data")
_DIGITS = 12
_TUNED = (
    "The thresholds of the labels, which are in `task.json`, were tuned on the "
    "dev set: on this very one, unless it was exchanged since. Then precision, "
    "recall and F1 are better here than on other data."
)
_TUNED_ELSEWHERE = (
    "Measured with thresholds of the labels that were tuned on the dev set. "
    "They are no part of the files here: with 0.5 for all, results differ."
)


def section(title, *paragraphs):
    """Returns a section of a card: str, empty without paragraphs."""
    return "\n\n".join((f"## {title}", *paragraphs)) if paragraphs else ""


def of_run(directory, run, show_path=str, weights=None):
    """Returns what is known of how a model was made, and how good it is.

    Args:
      directory: str, of the model.
      run: dict, of ``model_directory.read_run``.
      show_path: function of a path to what is shown of it.
      weights: str, the name of the weights that the card is of, if they may
        be others than those that were measured.

    Returns:
      list of str, sections.

    Raises:
      UserError: a file of the directory is damaged.
    """
    return [
        section("Results", *_results(directory, show_path, weights)),
        section("Data", *_training_data(directory, show_path)),
        section("Recipe", *_recipe(run, show_path)),
    ]


def of_licence(licence):
    """Returns the section of a licence: str.

    Args:
      licence: str, an identifier of SPDX, or UNKNOWN_LICENCE.
    """
    if licence != UNKNOWN_LICENCE:
        return section("Licence", f"`{licence}`")
    return section(
        "Licence",
        "Not given. `--licence` of the command that made the model writes it "
        "here; or edit this file, which is not written again then.",
    )


def table(header, rows):
    """Returns a table: str.

    Args:
      header: sequence of str.
      rows: list of sequences as long.
    """
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        "| " + " | ".join(map(cell, line)) + " |" for line in lines
    )


def cell(value):
    """Returns a value as the text of a cell, whatever is in it: str."""
    if isinstance(value, float):
        return f"{value:.4g}"
    text = " ".join(str(value).split())
    return text.replace("|", r"\|").replace("<", "&lt;")


def _results(directory, show_path, weights):
    paragraphs = []
    for file in (model_directory.EVALUATION_FILE, TEST_FILE):
        results = model_directory.read_evaluation(directory, file)
        metrics = {
            name: value
            for name, value in thresholds.without(results).items()
            if isinstance(value, float | int) and name not in _NO_METRICS
        }
        if not metrics:
            continue
        if not model_directory.holds_measured(directory, results):
            paragraphs.append(
                f"What `{file}` says is of weights that are no longer here."
            )
            continue
        baseline = results.get("baseline", {})
        data = results.get("data", [])
        splits = ", ".join(
            f"{each['split']} ({each['examples']} examples)" for each in data
        )
        paragraphs += [
            f"On {splits}, measured with albert-keras "
            f"{results.get('albert_version', '')} (`{file}`):",
            table(
                ("metric", "model", "baseline"),
                [
                    (name, value, baseline.get(name, ""))
                    for name, value in metrics.items()
                ],
            ),
            *_of_other_weights(results, weights),
            *_files(data, show_path),
        ]
        # A test set has the thresholds of the dev set.
        if file == model_directory.EVALUATION_FILE and (
            thresholds.without(results) != results
        ):
            paragraphs.append(_TUNED_ELSEWHERE if weights else _TUNED)
        if "confusion" in results:
            paragraphs += _confusion(results["confusion"], not weights)
    return paragraphs


def _of_other_weights(results, weights):
    """Returns what is said where other weights were measured: list of str."""
    measured = os.path.basename(results.get("checkpoint") or "")
    if not weights or measured in ("", weights):
        return []
    kind = " (averages)" * (results.get("weights") == "average")
    return [f"Of `{measured}`{kind}; the weights here are `{weights}`."]


def _confusion(confusion, has_picture):
    labels, counts = confusion["labels"], confusion["counts"]
    if len(labels) != len(counts):
        raise UserError(
            f"{model_directory.EVALUATION_FILE}: a confusion of "
            f"{len(labels)} labels with {len(counts)} rows: evaluate again"
        )
    if len(labels) > MOST_LABELS:
        picture = "![Which labels are taken for which](confusion_matrix.png)"
        return [picture] if has_picture else []
    return [
        "Which labels (rows) are taken for which (columns):",
        table(
            ("", *labels),
            [(label, *row) for label, row in zip(labels, counts, strict=True)],
        ),
    ]


def _files(data, show_path):
    """Returns a table of files, or nothing where they are not known."""
    rows = [
        (
            each["split"],
            show_path(file["path"])
            + (f" ({file['files']} files)" if "files" in file else ""),
            f"{file['bytes']:,}",
            f"`{file['sha256'][:_DIGITS]}…`",
        )
        for each in data
        for file in each.get("files", ())
    ]
    if not rows:
        return []
    return [table(("split", "file", "bytes", "SHA-256"), rows)]


def _training_data(directory, show_path):
    content = model_directory.read_training_data(directory)
    if not content:
        return []
    paragraphs = [
        f"Trained on {data['examples']:,} examples of "
        f"`{cell(show_path(data['path']))}`."
        for data in content["data"]
    ] + _files(content["data"], show_path)
    labels = content.get("labels", {})
    if labels:
        counted = sorted(labels.items(), key=lambda each: -each[1])
        paragraphs.append(
            table(("label", "in the training"), counted[:_MOST_LABELS_COUNTED])
        )
    if len(labels) > _MOST_LABELS_COUNTED:
        paragraphs.append(f"And {len(labels) - _MOST_LABELS_COUNTED} more.")
    return paragraphs


def _recipe(run, show_path):
    rows = [
        (f"`{name}`", show_path(value) if isinstance(value, str) else value)
        for name, value in run.items()
        if name not in _NOT_OF_THE_RECIPE and value is not None
    ]
    return [table(("setting", "value"), rows)] if rows else []
