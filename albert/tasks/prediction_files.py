# SPDX-License-Identifier: Apache-2.0
"""Files of predictions: tables, submissions and confusion matrices."""

import io

import numpy as np

from albert import outputs
from albert.tasks import label_metrics
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.label_types import shortest

# A picture of more labels than this would have unreadable numbers in it.
_MOST_NUMBERED_LABELS = 12
_MOST_NAMED_LABELS = 60

_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def file_names(task, split):
    """Returns the names of the files that predictions of a split can have."""
    names = [
        f"{split}_predictions.tsv",
        f"{split}_predictions.txt",
        f"{split}_answers.json",
    ]
    if split in task.submissions:
        names.append(task.submissions[split])
    return names


def format_predictions(task, split, examples, predictions):
    """Formats the predictions of one split.

    Args:
      task: ``Task`` with labels.
      split: str, such as "test_matched".
      examples: what was read.
      predictions: ``Predictions``.

    Returns:
      dict from name to bytes: ``<split>_predictions.tsv`` to read (of tagging
      ``<split>_predictions.txt`` with the columns word, tag where known,
      predicted tag), the file that GLUE's server takes, the answers of
      multiple choice as JSON.
    """
    if task.label_type == "tag":
        lines = _conll_lines(examples, predictions)
        return {f"{split}_predictions.txt": _text(lines)}
    answers = _answers(task, predictions)
    table = _table(task, examples, answers, predictions)
    files = {f"{split}_predictions.tsv": _tsv(table)}
    if split in task.submissions:
        submitted = _submitted(task, answers, predictions)
        files[task.submissions[split]] = _tsv(
            [
                ("index", "prediction"),
                *zip(examples.ids, submitted, strict=True),
            ]
        )
    if task.label_type == "choice":
        files[f"{split}_answers.json"] = outputs.json_bytes(
            dict(zip(examples.ids, answers, strict=True))
        )
    return files


def format_numbered(task, split, predictions):
    """Formats the predictions of records, whose texts are not at hand.

    Args:
      task: ``Task`` with labels.
      split: str, such as "test".
      predictions: ``Predictions``.

    Returns:
      dict from name to bytes: ``<split>_predictions.tsv``, with the record's
      number from 0; of tagging, the sentence's and the tags of its words.
    """
    columns = {
        "prediction": _answers(task, predictions),
        **_probabilities(task, predictions),
    }
    numbers = map(str, range(len(columns["prediction"])))
    number = "sentence" if task.label_type == "tag" else "record"
    rows = [(number, *columns), *zip(numbers, *columns.values(), strict=True)]
    return {f"{split}_predictions.tsv": _tsv(rows)}


def count_confusion(task, labels, predictions):
    """Counts which labels are taken for which.

    Args:
      task, labels, predictions: as of ``draw_confusion_matrix``.

    Returns:
      int array [labels, labels]: the rows are those of the gold labels.
    """
    import sklearn.metrics

    gold, predicted = _class_numbers(task, labels, predictions)
    return sklearn.metrics.confusion_matrix(
        gold, predicted, labels=np.arange(len(task.labels))
    )


def _class_numbers(task, labels, predictions):
    """Returns gold and predicted classes one by one: int arrays."""
    label_type = LABEL_TYPES[task.label_type]
    return [
        label_type.class_numbers(task, values)
        for values in (labels, predictions.values)
    ]


def draw_confusion_matrix(task, labels, predictions):
    """Draws which labels are taken for which, and how well each is found.

    Tags that the model does not know have no row, and are counted.

    Args:
      task: ``Task`` with labels, whose type has classes.
      labels: gold labels, see ``metrics.compute``.
      predictions: ``Predictions``.

    Returns:
      bytes, a .png file.
    """
    from matplotlib.figure import Figure

    counts = count_confusion(task, labels, predictions)
    gold, predicted = _class_numbers(task, labels, predictions)
    size = len(task.labels)
    # Colours by row: a rare label is as visible as a common one.
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    scores, _ = label_metrics.scores_of(task, gold, predicted)
    columns = len(label_metrics.NAMES)
    inches = min(4 + 0.4 * size, 16)
    figure = Figure(figsize=(inches + 3, inches), layout="constrained")
    axis, beside = figure.subplots(1, 2, width_ratios=(inches, 2), sharey=True)
    image = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    beside.imshow(scores, cmap="Greens", vmin=0, vmax=1, aspect="auto")
    figure.colorbar(image, ax=beside, label="share of the row; score")
    if size <= _MOST_NUMBERED_LABELS:
        _write_numbers(axis, shares, counts, "d")
        _write_numbers(beside, scores, scores, ".2f")
    beside.set_xticks(range(columns), label_metrics.NAMES, rotation=90)
    beside.tick_params(left=False)
    if size <= _MOST_NAMED_LABELS:
        # "$" would begin a formula.
        names = [label.replace("$", r"\$") for label in task.labels]
        axis.set_xticks(range(size), names, rotation=90 if size > 3 else 0)
        axis.set_yticks(range(size), names)
    title = f"{task.name}: {counts.trace()} of {len(gold)} right"
    if len(gold) > counts.sum():
        title += f"; {len(gold) - counts.sum()} have no row"
    axis.set(xlabel="predicted", ylabel="gold", title=title)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()


def _write_numbers(axis, shades, numbers, form):
    for (row, column), number in np.ndenumerate(numbers):
        axis.text(
            column,
            row,
            format(number, form),
            ha="center",
            va="center",
            color="white" if shades[row, column] > 0.5 else "black",
        )


# ------------------------------------------------------------------- content


def _answers(task, predictions):
    """Returns predictions as text: labels, or numbers of a regression."""
    return LABEL_TYPES[task.label_type].texts(task, predictions.values)


def _submitted(task, answers, predictions):
    if task.value_range is None:
        return answers
    return list(map(shortest, np.clip(predictions.values, *task.value_range)))


def _table(task, examples, answers, predictions):
    """Yields the rows of the table to read, its header first."""
    columns = {"id": examples.ids}
    if task.label_type == "choice":
        columns["question"] = examples.questions
        for number, label in enumerate(task.labels):
            # Empty where a question has fewer.
            columns[f"option {label}"] = [
                "".join(options[number : number + 1])
                for options in examples.options
            ]
    else:
        columns["text"] = examples.texts
        if examples.texts_b is not None:
            columns["text_b"] = examples.texts_b
    if examples.labels is not None:
        label_type = LABEL_TYPES[task.label_type]
        columns["label"] = label_type.gold_texts(task, examples.labels)
    columns["prediction"] = answers
    columns |= _probabilities(task, predictions)
    yield columns.keys()
    yield from zip(*columns.values(), strict=True)


def _probabilities(task, predictions):
    """Returns columns of the probabilities of the labels, if there are any."""
    if predictions.probabilities is None:
        return {}
    return {
        f"probability of {label}": list(
            map(shortest, predictions.probabilities[:, number])
        )
        for number, label in enumerate(task.labels)
    }


def _tsv(rows):
    return _text(map(tsv_line, rows))


def tsv_line(fields):
    """Returns the fields of a row as a line, with what would end them escaped.

    Args:
      fields: iterable of str.
    """
    return "\t".join(field.translate(_ESCAPES) for field in fields)


def _text(lines):
    return "".join(f"{line}\n" for line in lines).encode()


def _conll_lines(examples, predictions):
    """Yields word, gold tag if known, predicted tag; tabs between them."""
    gold = examples.labels or predictions.values
    for words, tags, predicted in zip(
        examples.sentences, gold, predictions.values, strict=True
    ):
        columns = [words, predicted]
        if examples.labels is not None:
            columns.insert(1, tags)
        # A word has no tab or line end in it, so nothing is escaped.
        yield from map("\t".join, zip(*columns, strict=True))
        yield ""
