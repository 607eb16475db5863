# SPDX-License-Identifier: Apache-2.0
"""Questions about texts as run_squad.py uses them: batches in, answers out."""

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.tasks.squad import decoding
from albert.tasks.squad import windows
from albert.training.feature_data import FeatureData

_LISTED = 5  # Questions that a warning names; the report has them all.


class SpanData(FeatureData):
    """The windows of a file's questions.

    Args:
      data: ``SquadData``.
      tokenizer: ``Tokenizer``.
      lengths: the lengths that batches may have, see ``batch_plan``.
      is_training: bool, with the positions of the answers, to train on; or
        every window, to predict.
      **limits: further arguments of ``build_features``.

    Raises:
      UserError: there is not one window.
    """

    def __init__(self, data, tokenizer, lengths, *, is_training, **limits):
        self.data = data
        features, self.windows = windows.build_features(
            data,
            tokenizer,
            is_training=is_training,
            max_seq_length=lengths[-1],
            **limits,
        )
        super().__init__(features, lengths)
        if not len(self.windows):
            raise UserError(
                f"{data.file}: no question is left: their contexts or answers "
                "have no text that the tokenizer knows; give another file"
            )
        logging.info("%s: %s", data.file, self.summary())
        self._warn(is_training)

    @property
    def counts(self):
        """dict of str to int: what there is, and what is wrong with it."""
        return {
            "questions": len(self.data.questions),
            "contexts": len(self.data.contexts),
            "windows": len(self.windows),
            "questions cut": len(self.windows.cut_ids),
            "answers not at answer_start": len(self.data.mismatches),
            "answers without pieces": len(self.windows.unaligned_ids),
        }

    def summary(self):
        """Returns the counts as one readable line, without what is well."""
        return ", ".join(
            f"{value} {name}"
            for name, value in self.counts.items()
            if value or name in ("questions", "contexts", "windows")
        )

    def report(self):
        """Returns a dict of the counts and of all that they count."""
        return {
            "file": self.data.file,
            "counts": self.counts,
            "questions cut": self.windows.cut_ids,
            "answers not at answer_start": list(map(str, self.data.mismatches)),
            "answers without pieces": self.windows.unaligned_ids,
        }

    def predict(self, loop, batch_size, n_best_size, max_answer_length):
        """Returns ``Decoded``: the answers of the model to every question.

        Args:
          loop: ``TrainingLoop`` of an ``AlbertSpanPredictor``.
          batch_size: int, over all devices.
          n_best_size, max_answer_length: as in ``decoding``.
        """
        batches = self.evaluation_batches(batch_size)
        outputs, _ = loop.predict(loop.distribute(batches), self.num_examples)
        decode = decoding.decode_beams
        if "start_logits" in outputs:
            decode = decoding.decode_logits
            # What stands behind the end of a sequence depends on how its
            # batch was padded, and must not be among the n best.
            for logits in outputs.values():
                positions = np.arange(logits.shape[1])
                lengths = self.features.lengths()
                logits[positions >= lengths[:, np.newaxis]] = -np.inf
        return decode(
            self.data,
            self.windows,
            **outputs,
            n_best_size=n_best_size,
            max_answer_length=max_answer_length,
        )

    def _warn(self, is_training):
        fate = "not trained on" if is_training else "evaluated by their text"
        windows = self.windows
        for what, which in (
            (
                "questions are too long and lose their end",
                windows.cut_ids,
            ),
            (
                "answers are not at their answer_start",
                list(map(str, self.data.mismatches)),
            ),
            (
                f"answers have no piece of the context and are {fate}",
                windows.unaligned_ids,
            ),
        ):
            if which:
                more = ", …" if len(which) > _LISTED else ""
                logging.warning(
                    "%s: %d %s: %s%s",
                    self.data.file,
                    len(which),
                    what,
                    ", ".join(which[:_LISTED]),
                    more,
                )
