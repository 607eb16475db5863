# SPDX-License-Identifier: Apache-2.0
"""Types of labels, with the operations on labels and predictions of each.

Letters: N examples, L labels.
"""

import collections

import numpy as np

from albert.errors import UserError
from albert.tasks import tag_schemes
from albert.tasks.conll_files import find_labels
from albert.tasks.multiple_choice.questions import OPTION_NAMES

# The probability from which on one of several labels is predicted.
DEFAULT_THRESHOLD = 0.5


class ClassLabels:
    """One of the task's labels for each example."""

    # Whether an answer is one class, as a confusion matrix counts them.
    has_classes = True

    def find(self, examples):
        """Returns the labels that occur in examples, in their order."""
        return sorted(set(examples.labels))

    def order(self, labels):
        """Returns the labels of a model in the order that the task has."""
        return labels

    def check(self, task_name, labels):
        """Refuses what cannot be the labels of a task: a tuple of str.

        Raises:
          UserError: fewer than two, or one of them twice.
        """
        if len(set(labels)) != len(labels) or len(labels) < 2:
            raise UserError(
                f"labels {', '.join(labels) or 'none'}: {task_name} needs two "
                "or more, each once"
            )

    def ids(self, task, labels):
        """Returns labels as the model reads them: int32 [N]."""
        number = {label: i for i, label in enumerate(task.labels)}
        return np.array([number[label] for label in labels], np.int32)

    def gold(self, task, labels):
        """Returns labels as metrics take them: int32 [N]."""
        return self.ids(task, labels)

    def predict(self, task, logits, word_positions):
        """Returns (values, probabilities) as of ``Predictions``.

        Args:
          task: ``Task`` with labels.
          logits: float [N, L], or [N, choices].
          word_positions: not used.
        """
        import scipy.special  # When used: it takes a tenth of a second.

        return (
            logits.argmax(axis=-1),
            scipy.special.softmax(logits.astype(np.float64), axis=-1),
        )

    def constant(self, labels):
        """Returns the commonest label, once for each of the labels."""
        return np.full(len(labels), np.bincount(labels).argmax())

    def texts(self, task, values):
        """Returns values of ``Predictions`` as text: list of str."""
        return [task.labels[number] for number in values]

    def gold_texts(self, task, labels):
        """Returns labels of examples as text."""
        return labels

    def class_numbers(self, task, values):
        """Returns gold labels or values one by one, as numbers of labels."""
        return values

    def count(self, task, labels):
        """Returns how often labels occur: dict of int.

        Args:
          task: ``Task`` with labels.
          labels: of ``gold``.
        """
        numbers = self.class_numbers(task, labels)
        # Below 0 are labels that the task does not have.
        counts = np.bincount(numbers[numbers >= 0], minlength=len(task.labels))
        return dict(zip(task.labels, counts.tolist(), strict=True))


class ChoiceLabels(ClassLabels):
    """One of its options for each example, named by a letter."""

    def find(self, examples):
        """Returns the names of as many options as a question has at most."""
        return list(OPTION_NAMES[: max(map(len, examples.options))])

    def check(self, task_name, labels):
        """Refuses what are not the names of options, in their order."""
        super().check(task_name, labels)
        if labels != OPTION_NAMES[: len(labels)]:
            raise UserError(
                f"labels {', '.join(labels)}: options are named "
                f"{', '.join(OPTION_NAMES[: len(labels)])} in their order: "
                "give these with --labels, as many as a question has at most"
            )


class SeveralLabels(ClassLabels):
    """Any number of the task's labels for each example, or none.

    Labels of examples are tuples of str; what models read and metrics take
    is 1 for each label that an example has, and 0: [N, L].
    """

    has_classes = False

    def find(self, examples):
        """Returns the labels that occur in examples, in their order."""
        return sorted({label for labels in examples.labels for label in labels})

    def ids(self, task, labels):
        """Returns labels as the model reads them: int32 [N, L]."""
        number = {label: i for i, label in enumerate(task.labels)}
        ids = np.zeros((len(labels), len(task.labels)), np.int32)
        for row, names in enumerate(labels):
            ids[row, [number[name] for name in names]] = 1
        return ids

    def predict(self, task, logits, word_positions):
        """Returns (values, probabilities) of logits [N, L], as ``Predictions``.

        A label is predicted from a probability of 0.5 on;
        ``Predictions.with_thresholds`` changes that.
        """
        import scipy.special

        probabilities = scipy.special.expit(logits.astype(np.float64))
        return (probabilities >= DEFAULT_THRESHOLD).astype(int), probabilities

    def constant(self, labels):
        """Returns the commonest labels for every example: int [N, L].

        As many of them as give the best micro F1; always none would have 0,
        however rare the labels.
        """
        counts = labels.sum(axis=0)
        order = np.argsort(-counts, kind="stable")
        hits = counts[order].cumsum()
        answered = len(labels) * np.arange(1, len(counts) + 1)
        scores = 2 * hits / (answered + counts.sum())
        answer = np.zeros(len(counts), int)
        answer[order[: scores.argmax() + 1]] = 1
        return np.tile(answer, (len(labels), 1))

    def texts(self, task, values):
        """Returns the labels of each example as text: list of str."""
        return [
            task.label_separator.join(
                label
                for label, is_there in zip(task.labels, row, strict=True)
                if is_there
            )
            for row in values
        ]

    def gold_texts(self, task, labels):
        """Returns labels of examples as text."""
        return list(map(task.label_separator.join, labels))

    def count(self, task, labels):
        """Returns how many examples have each label: dict of int."""
        counts = np.sum(labels, axis=0)
        return dict(zip(task.labels, counts.tolist(), strict=True))


class NumberLabels:
    """A number for each example."""

    has_classes = False

    def order(self, labels):
        """Returns the labels of a model: none."""
        return labels

    def check(self, task_name, labels):
        """Lets any pass: a regression has no labels."""

    def ids(self, task, labels):
        """Returns numbers as the model reads them: float32 [N]."""
        return np.asarray(labels, np.float32)

    def gold(self, task, labels):
        """Returns numbers as metrics take them: float32 [N]."""
        return self.ids(task, labels)

    def predict(self, task, logits, word_positions):
        """Returns (values, None) of logits [N, 1]."""
        return logits.reshape(-1).astype(np.float64), None

    def constant(self, labels):
        """Returns the mean of the labels, once for each of them."""
        return np.full(len(labels), np.mean(labels))

    def texts(self, task, values):
        """Returns values of ``Predictions`` as text: list of str."""
        return list(map(shortest, values))

    def gold_texts(self, task, labels):
        """Returns numbers of examples as text."""
        return list(map(shortest, labels))

    def count(self, task, labels):
        """Returns where numbers lie: dict of float."""
        return {
            "smallest": float(np.min(labels)),
            "mean": float(np.mean(labels, dtype=np.float64)),
            "largest": float(np.max(labels)),
        }


def shortest(value):
    """Returns a number with the fewest digits that give a float32 back: str."""
    return str(np.float32(value))


class TagLabels(ClassLabels):
    """A tag for each word of each example: BIO, or plain."""

    def find(self, examples):
        """Returns O, and B- and I- of the types that occur, or plain tags."""
        return find_labels(examples)

    def order(self, labels):
        """Returns tags with O first and types in their order, if they are."""
        ordered = tag_schemes.bio_labels(
            label[2:] for label in labels if label != tag_schemes.OUTSIDE
        )
        return ordered if set(ordered) == set(labels) else labels

    def check(self, task_name, labels):
        """Refuses labels as for classes; besides, see ``check_labels``."""
        super().check(task_name, labels)
        tag_schemes.check_labels(task_name, labels)

    def gold(self, task, labels):
        """Returns tags as metrics take them: N lists of str."""
        return labels

    def predict(self, task, logits, word_positions):
        """Returns (N lists of tags, None).

        Args:
          task: ``Task`` with labels.
          logits: float [sequences, positions, L].
          word_positions: ``WordPositions``.
        """
        words = word_positions
        best = logits.argmax(axis=-1)[words.rows, words.columns]
        unseen = task.labels.index(tag_schemes.unseen_label(task.labels))
        best = np.where(words.columns == 0, unseen, best)
        tags = np.array(task.labels, object)[best]
        bounds = zip(words.splits[:-1], words.splits[1:], strict=True)
        return [
            tag_schemes.to_bio(tags[first:end]) for first, end in bounds
        ], None

    def constant(self, labels):
        """Returns O for every word; of plain tags the commonest."""
        answer = tag_schemes.OUTSIDE
        counts = collections.Counter(tag for tags in labels for tag in tags)
        if counts and tag_schemes.are_plain(counts):
            answer = max(counts, key=counts.get)
        return [[answer] * len(tags) for tags in labels]

    def texts(self, task, values):
        """Returns the tags of each example as text: list of str."""
        return [" ".join(tags) for tags in values]

    def class_numbers(self, task, values):
        """Returns the tags of all words as numbers: -1 for those of others.

        A type that only the dev set has is none of the task's labels.
        """
        number = {label: i for i, label in enumerate(task.labels)}
        return np.array(
            [number.get(tag, -1) for tags in values for tag in tags], np.int32
        )


# By ``label_type`` of a head.
LABEL_TYPES = {
    "class": ClassLabels(),
    "classes": SeveralLabels(),
    "number": NumberLabels(),
    "choice": ChoiceLabels(),
    "tag": TagLabels(),
}


def find_order(theirs, ours):
    """Returns where in a list of classes those of another are.

    Args:
      theirs, ours: sequences of str; upper and lower case are the same where
        that leaves no doubt.

    Returns:
      list of int: for each of ``ours`` its place in ``theirs``; None where
      they are not the same classes.
    """
    for change in (str, str.casefold):
        place = {change(name): id_ for id_, name in enumerate(theirs)}
        wanted = [change(name) for name in ours]
        if (
            len(place) == len(theirs) == len(ours)
            and len(set(wanted)) == len(wanted)
            and place.keys() == set(wanted)
        ):
            return [place[name] for name in wanted]
    return None


def find_places(theirs, ours):
    """Returns where in a list of classes those of another list are.

    Args:
      theirs, ours: sequences of str; upper and lower case are the same where
        both are the same classes, see ``find_order``.

    Returns:
      list: for each of ``ours`` its place in ``theirs``, or None.
    """
    order = find_order(theirs, ours)
    if order is not None:
        return order
    place = {name: id_ for id_, name in enumerate(theirs)}
    return [place.get(name) for name in ours]
