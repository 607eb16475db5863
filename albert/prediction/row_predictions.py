# SPDX-License-Identifier: Apache-2.0
"""Computes the predictions of rows with a fine-tuned model.

Letter: N examples of a window, which is computed as a whole.
"""

import dataclasses

import numpy as np

from albert.tasks import interface
from albert.tasks import metrics
from albert.tasks import multiple_choice_features
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.label_types import shortest
from albert.tasks.squad import answer_settings
from albert.tasks.squad import windows
from albert.tasks.task import Recipe
from albert.tasks.task import Task
from albert.training import span_data
from albert.training.feature_data import FeatureData


@dataclasses.dataclass
class Counts:
    """What was odd about the rows that were predicted.

    Attributes:
      rows: int.
      cut: int, those that lost pieces: of tagging none does.
      empty: int, those without a piece; of tagging, words.
    """

    rows: int = 0
    cut: int = 0
    empty: int = 0


class RowPredictor:
    """Computes predictions as `albert classify --do_predict` does.

    Args:
      loop: ``TrainingLoop`` of the model.
      source: ``SourceModel``.
      kind: ``RowKind``.
      lengths: the lengths that batches may have, see ``batch_plan``.
      batch_size: int; nothing depends on it.

    Attributes:
      counts: ``Counts``, of all windows so far.
      max_seq_length: int, pieces that rows are cut at.
    """

    def __init__(self, loop, source, kind, lengths, batch_size):
        self.counts = Counts()
        self.max_seq_length = source.max_seq_length
        self._loop = loop
        self._tokenizer = source.tokenizer
        self._kind = kind
        self._lengths = lengths
        self._batch_size = batch_size
        self._trained = source.task
        self._task = Task(
            name=source.task.get("task_name") or source.head,
            head=source.head,
            folder="",
            files={},
            labels=tuple(source.labels or ()),
            metrics=(),
            best_metric="",
            recipe=Recipe(),
            label_separator=source.task.get("label_separator")
            or _find_separator(source.labels or ()),
        )
        self._thresholds = (
            source.thresholds if self._task.label_type == "classes" else None
        )

    def predict(self, ids, examples):
        """Predicts a window.

        Args:
          ids: list of N str.
          examples: list of N, of ``RowKind.read``.

        Returns:
          list of N dict, from the names of columns to str, float, None, a
          list of str, or a dict from labels to float; the same names in all.

        Raises:
          UserError: the model's outputs are not finite.
        """
        gathered = self._kind.gather(ids, examples)
        self.counts.rows += len(ids)
        columns = {"id": ids, **self._predict(gathered)}
        return [
            dict(zip(columns, values, strict=True))
            for values in zip(*columns.values(), strict=True)
        ]

    def _predict(self, examples):
        """Returns dict from columns to N values."""
        featurized = interface.featurize(
            self._task,
            examples,
            self._tokenizer,
            self._lengths[-1],
            self._trained.get(
                "max_qa_length", multiple_choice_features.MAX_QA_LENGTH
            ),
        )
        tagging = featurized.word_positions is not None
        self.counts.cut += 0 if tagging else featurized.truncated
        self.counts.empty += featurized.empty
        outputs = self._compute(featurized.features)
        predictions = interface.predict(
            self._task, featurized, outputs["logits"]
        ).with_thresholds(self._thresholds)
        if tagging:
            return {"words": examples.sentences, "tags": predictions.values}
        label_type = LABEL_TYPES[self._task.label_type]
        columns = {
            "prediction": label_type.texts(self._task, predictions.values)
        }
        if self._task.label_type == "number":
            columns["prediction"] = list(map(_rounded, predictions.values))
        if predictions.probabilities is not None:
            columns["probability"] = [
                dict(zip(self._task.labels, map(_rounded, row), strict=True))
                for row in predictions.probabilities
            ]
        return columns

    def _compute(self, features):
        """Returns the outputs of the model: dict of arrays."""
        data = FeatureData(features, self._lengths)
        outputs, _ = self._loop.predict(
            self._loop.distribute(data.evaluation_batches(self._batch_size)),
            features.num_examples,
        )
        return outputs


class SpanPredictor(RowPredictor):
    """Computes answers as `albert squad --do_predict` does.

    Args:
      loop, source, kind, lengths, batch_size: as of ``RowPredictor``.
      threshold: float, the null score above which there is no answer.
    """

    def __init__(self, loop, source, kind, lengths, batch_size, threshold=0.0):
        super().__init__(loop, source, kind, lengths, batch_size)
        self._settings = answer_settings.find(
            dict.fromkeys(answer_settings.DEFAULTS), source.task
        )
        self._lengths = span_data.find_lengths(lengths, self._settings)
        self._threshold = threshold

    def _predict(self, examples):
        features, shown = windows.build_features(
            examples,
            self._tokenizer,
            is_training=False,
            max_seq_length=self._lengths[-1],
            doc_stride=self._settings["doc_stride"],
            max_query_length=self._settings["max_query_length"],
        )
        self.counts.cut += len(shown.cut_ids)
        count = len(examples.questions)
        if not len(shown):
            # Contexts without a piece.
            self.counts.empty += count
            nothing = [None] * count
            return self._columns(examples, [""] * count, nothing, nothing)
        self.counts.empty += count - len(np.unique(shown.question_index))
        outputs = self._compute(features)
        for name in ("start_logits", "end_logits", "cls_logits"):
            metrics.check_finite(outputs.get(name, 0.0))
        decoded = span_data.decode(
            examples,
            features,
            shown,
            outputs,
            self._settings["n_best_size"],
            self._settings["max_answer_length"],
        )
        texts = decoded.predictions(self._threshold).values()
        best = [
            next((each for each in answers if each.text == text), None)
            for text, answers in zip(texts, decoded.n_best, strict=True)
        ]
        nulls = decoded.null_scores
        return self._columns(
            examples,
            texts,
            best,
            [None] * count if nulls is None else map(_rounded, nulls),
        )

    def _columns(self, examples, texts, best, null_scores):
        columns = {
            "prediction": list(texts),
            "start": [
                each.start if each and each.text else None for each in best
            ],
            "probability": [
                _rounded(each.probability) if each else None for each in best
            ],
        }
        if examples.has_impossible:
            columns["null_score"] = list(null_scores)
        return columns


def _rounded(value):
    """Returns a number that has the digits of a float32 and no more."""
    return float(shortest(value))


def _find_separator(labels):
    """Returns what joins the labels of a text, where the model says nothing.

    One that was trained elsewhere has no separator: it is in none of them.
    """
    return next(
        (mark for mark in ",;|" if not any(mark in name for name in labels)),
        ",",
    )
