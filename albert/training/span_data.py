# SPDX-License-Identifier: Apache-2.0
"""Makes batches of questions for run_squad.py, and answers of outputs."""

import functools
import math

import numpy as np
from absl import logging

from albert import evaluation_results
from albert import model_directory
from albert import outputs
from albert.errors import UserError
from albert.tasks.squad import answer_metrics
from albert.tasks.squad import decoding
from albert.tasks.squad import output
from albert.tasks.squad import raw_questions
from albert.tasks.squad import squad_files
from albert.tasks.squad import windows
from albert.tasks.squad.questions import NOWHERE
from albert.training.feature_data import FeatureData
from albert.training.feature_data import checksum

LATER = "questions trained on a later answer than their first"
CROWDED = "questions with windows no longer than --doc_stride"
HIDDEN = "answers that no window holds"
LONG = "answers longer than --max_answer_length"
# What can be done about answers that the model cannot give.
_LOST = {
    HIDDEN: "lower --doc_stride or raise --max_seq_length",
    LONG: "raise --max_answer_length",
}

_LISTED = 5  # Questions that a warning names; the report has them all.
_MOST = 0.5  # Share of the questions with an answer.


class SpanData(FeatureData):
    """Windows of the questions of one data set, as batches.

    Args:
      data: ``SquadData``.
      tokenizer: ``Tokenizer``.
      lengths: the lengths that batches may have, see ``batch_plan``.
      is_training: bool, with the positions of the answers, to train on; or
        every window, to predict.
      **limits: further arguments of ``build_features``.

    Raises:
      UserError: there is not one window, or most answers cannot be given.
    """

    def __init__(self, data, tokenizer, lengths, *, is_training, **limits):
        self.data = data
        self.is_training = is_training
        features, self.windows = windows.build_features(
            data,
            tokenizer,
            is_training=is_training,
            max_seq_length=lengths[-1],
            **limits,
        )
        super().__init__(features, lengths)
        for name, share in self.shares.items():
            if share > _MOST:
                raise UserError(
                    f"{data.file}: {self._explain(name)}: {_LOST[name]}"
                )
        if not len(self.windows):
            raise UserError(
                f"{data.file}: no question is left: their contexts or answers "
                "have no text that the tokenizer knows; give another file"
            )
        logging.info("%s: %s", data.file, data.how_it_was_read())
        logging.info("%s: %s", data.file, self.summary())
        self._warn(limits.get("keep_windows_without_answer", True))

    @functools.cached_property
    def findings(self):
        """dict of str to list of str: what is odd, and each time it is."""
        # Answers that are nowhere in their context are among those of the
        # file already.
        unaligned = set(self.windows.unaligned_ids)
        without_pieces = [
            question.id
            for question in self.data.questions
            if question.id in unaligned
            and any(answer.start != NOWHERE for answer in question.answers)
        ]
        found = {
            "questions cut": self.windows.cut_ids,
            CROWDED: self.windows.crowded_ids,
            **self.data.findings,
            LATER: self.windows.later_ids if self.is_training else [],
            "answers without pieces": without_pieces,
            HIDDEN: self.windows.hidden_ids,
            LONG: self.windows.long_ids,
        }
        return {name: each for name, each in found.items() if each}

    @property
    def counts(self):
        """dict of str to int: what there is, and what is odd about it."""
        return {
            "questions": len(self.data.questions),
            "contexts": len(self.data.contexts),
            "windows": len(self.windows),
            **{name: len(found) for name, found in self.findings.items()},
        }

    @functools.cached_property
    def shares(self):
        """dict of str to float: parts of the questions with an answer."""
        answered = sum(bool(each.answers) for each in self.data.questions)
        return {
            name: len(self.findings[name]) / answered
            for name in _LOST
            if name in self.findings
        }

    def summary(self):
        """Returns the counts as one readable line, without absent faults."""
        return ", ".join(
            f"{value} {name}" for name, value in self.counts.items()
        )

    def report(self):
        """Returns a dict of the counts, shares and the questions counted."""
        return {
            "file": self.data.file,
            "data": [self.description],
            "read as": self.data.how_it_was_read(),
            "counts": self.counts,
            "shares of the answers": self.shares,
            **self.findings,
        }

    @functools.cached_property
    def content_checksum(self):
        """A checksum of the windows, and of the answers to compare with."""
        return checksum(
            self.fingerprint.encode(), repr(self.data.questions).encode()
        )

    @functools.cached_property
    def description(self):
        """dict, of ``evaluation_results.describe_data``."""
        return evaluation_results.describe_data(
            "train" if self.is_training else "predict",
            self.data.file,
            len(self.data.questions),
            self.content_checksum,
            self.data.files,
        )

    def predict(self, loop, batch_size, n_best_size, max_answer_length):
        """Returns ``Decoded``: the answers of the model to every question.

        Args:
          loop: ``InferenceLoop`` of an ``AlbertSpanPredictor``.
          batch_size: int, over all devices.
          n_best_size, max_answer_length: as in ``decoding``.
        """
        batches = self.evaluation_batches(batch_size)
        outputs, _ = loop.predict(loop.distribute(batches), self.num_examples)
        return decode(
            self.data,
            self.features,
            self.windows,
            outputs,
            n_best_size,
            max_answer_length,
        )

    def _warn(self, keep_windows_without_answer):
        fate = "evaluated by their text"
        hidden = long = "which cannot be predicted"
        if self.is_training:
            fate = "not trained on"
            hidden = "trained on as if there were none"
            long = "trained on, but never predicted"
            if not keep_windows_without_answer:
                hidden = fate
        fates = {
            "questions cut": ": they are too long and lose their end",
            CROWDED: ": their windows begin half a window apart",
            squad_files.NOT_FOUND: f", {fate}",
            LATER: ", which is not in the context",
            "answers without pieces": f" of the context, {fate}",
            HIDDEN: f", {hidden}: {_LOST[HIDDEN]}",
            LONG: f", {long}: {_LOST[LONG]}",
        }
        for name in self.findings:
            if name not in raw_questions.HARMLESS:
                logging.warning(
                    "%s: %s",
                    self.data.file,
                    self._explain(name, fates.get(name, "")),
                )

    def _explain(self, name, fate=""):
        """Returns a finding in words: how many, of how many, and which."""
        found = self.findings[name]
        share = ""
        if name in self.shares:
            share = f" ({self.shares[name]:.1%} of all)"
        more = ", …" if len(found) > _LISTED else ""
        return (
            f"{len(found)} {name}{share}{fate}: "
            f"{', '.join(found[:_LISTED])}{more}"
        )


def decode(data, features, windows, outputs, n_best_size, max_answer_length):
    """Turns the outputs of either head into answers.

    Args:
      data: ``SquadData``.
      features, windows: what ``build_features`` made of it.
      outputs: dict of arrays, of the model; they are changed.
      n_best_size, max_answer_length: as in ``decoding``.

    Returns:
      ``Decoded``.
    """
    function = decoding.decode_beams
    if "start_logits" in outputs:
        function = decoding.decode_logits
        # What stands behind the end of a sequence depends on how its batch
        # was padded, and must not be among the n best.
        for logits in outputs.values():
            positions = np.arange(logits.shape[1])
            lengths = features.lengths()
            logits[positions >= lengths[:, np.newaxis]] = -np.inf
    return function(
        data,
        windows,
        **outputs,
        n_best_size=n_best_size,
        max_answer_length=max_answer_length,
    )


def featurize(
    questions, tokenizer, lengths, settings, keep_windows_without_answer
):
    """Makes the windows of several sets of questions.

    Args:
      questions: dict from "train", which is to be trained on, or any other
        name to ``SquadData``.
      tokenizer: ``Tokenizer``.
      lengths: the lengths that batches may have, see ``batch_plan``.
      settings: dict with doc_stride, max_query_length and max_answer_length.
      keep_windows_without_answer: bool, see ``build_features``.

    Returns:
      dict from name to ``SpanData``.
    """
    return {
        name: SpanData(
            data,
            tokenizer,
            lengths,
            is_training=name == "train",
            doc_stride=settings["doc_stride"],
            max_query_length=settings["max_query_length"],
            max_answer_length=settings["max_answer_length"],
            keep_windows_without_answer=keep_windows_without_answer,
        )
        for name, data in questions.items()
    }


def find_lengths(lengths, settings):
    """Returns the lengths of batches that are no shorter than the beam.

    Args:
      lengths: list of int, see ``padded_lengths``.
      settings: dict with the width of the beam in start_n_top and end_n_top.

    Raises:
      UserError: the beam is wider than a window.
    """
    # A beam is as wide in every batch.
    beam = max(settings["start_n_top"], settings["end_n_top"])
    if beam > lengths[-1]:
        raise UserError(
            f"a beam of {beam} is wider than the {lengths[-1]} pieces of a "
            "window: give a smaller --start_n_top and --end_n_top"
        )
    return [length for length in lengths if length >= beam]


class SpanEvaluation:
    """Evaluation of a model's answers to questions.

    Args:
      data: ``SpanData`` to predict.
      settings: dict with n_best_size, max_answer_length and language.
      batch_size: int, windows in a batch over all devices.
      threshold: float, the null score above which a question gets no answer.
    """

    best_metric = "f1"

    def __init__(self, data, settings, batch_size, threshold):
        self.data = data
        self.settings = settings
        self.batch_size = batch_size
        self.threshold = threshold

    @property
    def evaluated_on(self):
        """str, identifies the questions, their answers and the rules."""
        rules = (self.data.data.has_impossible, self.threshold)
        return f"{self.data.content_checksum}, rules {rules}"

    def answer(self, loop):
        """Returns ``Decoded`` of the model of an ``InferenceLoop``."""
        return self.data.predict(
            loop,
            self.batch_size,
            self.settings["n_best_size"],
            self.settings["max_answer_length"],
        )

    def scores(self, decoded):
        """Returns the scores of answers, of ``answer_metrics.evaluate``."""
        return self._scores(decoded, self.threshold)

    def baseline(self, decoded):
        """Returns the main scores of giving no answer to any question.

        They are empty where every question has an answer.
        """
        if not self.data.data.has_impossible:
            return {}
        return answer_metrics.main_scores(self._scores(decoded, -math.inf))

    def write(self, directory, weights, decoded, scores=None, baseline=None):
        """Writes answers, what became of the questions, and scores.

        Args:
          directory: str, created where it does not exist.
          weights: str, the checkpoint that answered.
          decoded: ``Decoded``, of ``answer``.
          scores: dict of numbers, of ``scores``; None: they are not wanted.
          baseline: dict of numbers, of ``baseline``.

        Returns:
          list of str, the files.
        """
        name = output.report_file("predict")
        data = [self.data.description]
        files = output.format_answers(
            self.data.data, decoded, decoded.predictions(self.threshold)
        )
        if scores is not None:
            files[model_directory.EVALUATION_FILE] = output.format_evaluation(
                evaluation_results.describe_model(weights),
                scores,
                data,
                baseline,
            )
        files[name] = outputs.json_bytes(self.data.report())
        return evaluation_results.write_together(
            directory, name, data, files, output.FILES
        )

    def metrics(self, loop):
        """Returns the main scores of the model of an ``InferenceLoop``."""
        return answer_metrics.main_scores(self.scores(self.answer(loop)))

    def unanswered(self, predictions, null_score):
        """Returns a sentence on the questions that get no answer.

        Args:
          predictions: dict from question id to str.
          null_score: str, what the model's null score is.
        """
        num_unanswered = sum(not text for text in predictions.values())
        if self.data.data.has_impossible:
            return (
                f"Rules of SQuAD 2.0: {num_unanswered} of {len(predictions)} "
                f"questions get no answer, those with a null score "
                f"({null_score}) above "
                f"--null_score_diff_threshold={self.threshold!r}"
            )
        rule = "Rules of SQuAD 1.1: every question gets an answer"
        if num_unanswered:
            rule += f", but {num_unanswered} have no text for it"
        return rule

    def _scores(self, decoded, threshold):
        return answer_metrics.evaluate(
            self.data.data, decoded, threshold, self.settings["language"]
        )
