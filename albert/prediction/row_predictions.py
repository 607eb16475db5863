# SPDX-License-Identifier: Apache-2.0
"""Computes the predictions of rows with a fine-tuned model.

Letter: N examples of a window, which is computed as a whole.
"""

import dataclasses

import numpy as np
from absl import logging

from albert.heads import HEADS
from albert.prediction.answers import Answer
from albert.prediction.answers import make_answers
from albert.prediction.answers import make_columns
from albert.prediction.answers import rounded
from albert.records import batch_plan
from albert.tasks import interface
from albert.tasks import metrics
from albert.tasks import multiple_choice_features
from albert.tasks import sequences
from albert.tasks.squad import answer_settings
from albert.tasks.squad import windows
from albert.tasks.task import Recipe
from albert.tasks.task import Task
from albert.text.tokenizers import MOST_UNKNOWN
from albert.training import span_data
from albert.training.feature_data import FeatureData


@dataclasses.dataclass
class Counts:
    """What was odd about the rows that were predicted.

    Attributes:
      rows: int.
      cut: int, those that lost pieces: of tagging none does.
      empty: int, those without a piece that the vocabulary knows; of tagging,
        words without any.
      empty_b: int, pairs whose second text has no such piece.
      pieces, unknown: int, of all rows, and those that the vocabulary does
        not know.
      cut_questions: int, those whose question about a context lost its end.
      max_query_length: int, pieces that such a question is cut at.
    """

    rows: int = 0
    cut: int = 0
    empty: int = 0
    empty_b: int = 0
    pieces: int = 0
    unknown: int = 0
    cut_questions: int = 0
    max_query_length: int = 0

    def warn(self, name, max_seq_length):
        """Warns of rows that the model did not see as they are.

        Args:
          name: str, what they are of.
          max_seq_length: int, pieces that they are cut at.
        """
        if self.cut:
            logging.warning(
                "%s: %d of %d rows were cut at %d pieces",
                name,
                self.cut,
                self.rows,
                max_seq_length,
            )
        if self.cut_questions:
            logging.warning(
                "%s: %d of %d questions were cut at %d pieces, the "
                "max_query_length of the model: they lost their end",
                name,
                self.cut_questions,
                self.rows,
                self.max_query_length,
            )
        if self.empty:
            logging.warning(
                "%s: %d rows or words in %d rows have no text that the model "
                "knows: their predictions say nothing",
                name,
                self.empty,
                self.rows,
            )
        if self.empty_b:
            logging.warning(
                "%s: %d of %d rows have no second text that the model knows: "
                "they are predicted as single texts",
                name,
                self.empty_b,
                self.rows,
            )
        if self.unknown > MOST_UNKNOWN * self.pieces:
            logging.warning(
                "%s: %.1f%% of the pieces are unknown to the vocabulary, and "
                "predictions made without them: use a model of this language",
                name,
                100 * self.unknown / self.pieces,
            )


def make_predictor(
    loop, source, kind, batch_size, *, shapes="many", threshold=None
):
    """Returns the ``RowPredictor`` of a model.

    Args:
      loop, source, kind, batch_size: as of ``RowPredictor``.
      shapes: str, as of ``batch_plan.padded_lengths``.
      threshold: float, as of ``SpanPredictor``; of no matter to others.

    Raises:
      UserError: as ``SpanPredictor``.
    """
    lengths = batch_plan.padded_lengths(source.max_seq_length, shapes)
    arguments = (loop, source, kind, lengths, batch_size)
    if HEADS[source.head].label_type == "span":
        return SpanPredictor(*arguments, threshold)
    return RowPredictor(*arguments)


def compute(loop, features, lengths, batch_size):
    """Computes the outputs of a model for examples.

    Args:
      loop: ``InferenceLoop`` of one device.
      features: ``Features``, at least one example.
      lengths: the lengths that sequences are filled up to.
      batch_size: int.

    Returns:
      dict of arrays, in the order of the examples.
    """
    data = FeatureData(features, lengths)
    if features.num_examples <= batch_size:
        return loop.infer(data.only_batch())
    outputs, _ = loop.predict(
        loop.distribute(data.evaluation_batches(batch_size)),
        features.num_examples,
    )
    return outputs


class RowPredictor:
    """Computes predictions as `albert classify --do_predict` does.

    Args:
      loop: ``InferenceLoop`` of the model.
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
        answers = self.answer(ids, examples)
        return [
            {"id": id_, **self._columns(each)}
            for id_, each in zip(ids, answers, strict=True)
        ]

    def answer(self, ids, examples):
        """Predicts a window, as ``predict`` does.

        Returns:
          list of N, of the classes of ``answers``.
        """
        self.counts.rows += len(ids)
        return self._answer(self._kind.gather(ids, examples))

    def _columns(self, answer):
        return make_columns(self._task, answer)

    def _answer(self, examples):
        """Returns list of N answers."""
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
        self.counts.empty_b += featurized.empty_b
        outputs = self._compute(featurized.features)
        predictions = interface.predict(
            self._task, featurized, outputs["logits"]
        ).with_thresholds(self._thresholds)
        return make_answers(self._task, examples, predictions)

    def _compute(self, features):
        """Returns the outputs of the model: dict of arrays."""
        pieces, unknown = sequences.count_unknown(
            self._tokenizer, features.input_ids
        )
        self.counts.pieces += pieces
        self.counts.unknown += unknown
        return compute(self._loop, features, self._lengths, self._batch_size)


class SpanPredictor(RowPredictor):
    """Computes answers as `albert squad --do_predict` does.

    Args:
      loop, source, kind, lengths, batch_size: as of ``RowPredictor``.
      threshold: float, the null score above which there is no answer; None:
        0.

    Raises:
      UserError: a threshold of a model that answers every question.
    """

    def __init__(self, loop, source, kind, lengths, batch_size, threshold=None):
        super().__init__(loop, source, kind, lengths, batch_size)
        answer_settings.check_threshold(source.task, source.head, threshold)
        self._may_lack_answer = answer_settings.may_lack_answer(
            source.task, source.head
        )
        self._settings = answer_settings.find(
            dict.fromkeys(answer_settings.DEFAULTS),
            source.task,
            source.max_seq_length,
        )
        self.counts.max_query_length = self._settings["max_query_length"]
        self._lengths = span_data.find_lengths(lengths, self._settings)
        self._threshold = threshold or 0.0

    def _answer(self, examples):
        examples = dataclasses.replace(
            examples, has_impossible=self._may_lack_answer
        )
        features, shown = windows.build_features(
            examples,
            self._tokenizer,
            is_training=False,
            max_seq_length=self._lengths[-1],
            doc_stride=self._settings["doc_stride"],
            max_query_length=self._settings["max_query_length"],
        )
        self.counts.cut_questions += len(shown.cut_ids)
        count = len(examples.questions)
        if not len(shown):
            # Contexts without a piece.
            self.counts.empty += count
            return [Answer("", None, None)] * count
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
        nulls = decoded.null_scores
        return [
            _find_answer(text, best, null)
            for text, best, null in zip(
                texts,
                decoded.n_best,
                [None] * count if nulls is None else nulls,
                strict=True,
            )
        ]

    def _columns(self, answer):
        columns = super()._columns(answer)
        if self._may_lack_answer:
            columns["null_score"] = answer.null_score
        return columns


def _find_answer(text, n_best, null_score):
    """Returns the ``Answer`` of a text among the best ones."""
    best = next((each for each in n_best if each.text == text), None)
    return Answer(
        text,
        best.start if best and text else None,
        rounded(best.probability) if best else None,
        None if null_score is None else rounded(null_score),
    )


def _find_separator(labels):
    """Returns what joins the labels of a text, where the model says nothing.

    One that was trained elsewhere has no separator: it is in none of them.
    """
    return next(
        (mark for mark in ",;|" if not any(mark in name for name in labels)),
        ",",
    )
