# SPDX-License-Identifier: Apache-2.0
"""Evaluates the texts that a model writes for the pairs of a split."""

import dataclasses

from absl import logging

from albert import evaluation_results
from albert.text_to_text import text_metrics

PREDICTION_FILES = ("dev_predictions.txt", "dev_predictions.tsv")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclasses.dataclass(frozen=True, eq=False)
class TranslationOutcome:
    """Metrics of a split, and what was written for it.

    Attributes:
      metrics: dict of float: losses, and those of ``text_metrics``.
      baseline: dict of float, what the sources themselves reach as targets.
      signatures: dict of str, how metrics were computed.
      written: list of ``Translation``, one for each pair.
    """

    metrics: dict
    baseline: dict
    signatures: dict
    written: list

    def write(self, directory, weights, data):
        """Writes the metrics and the texts; returns the paths: list of str.

        Args:
          directory: str, created where it does not exist.
          weights: str, the checkpoint that was evaluated.
          data: ``PairData``.
        """
        files = {}
        if self.written:
            texts = _lines(each.text for each in self.written)
            contents = texts, _table(data, self.written)
            files = dict(zip(PREDICTION_FILES, contents, strict=True))
        metrics = dict(self.metrics)
        if self.signatures:
            metrics["signatures"] = self.signatures
        return evaluation_results.write(
            directory,
            weights,
            metrics,
            [data.description],
            self.baseline,
            files=files,
            beside=PREDICTION_FILES,
        )


def evaluate(data, losses, translator, metrics, lower_case, bleu_tokenizer):
    """Translates the sources of a split, and compares with its targets.

    Args:
      data: ``PairData`` with texts.
      losses: dict of float, which are joined to the metrics.
      translator: ``Translator``.
      metrics: names of ``text_metrics.METRICS``; without any, nothing is
        translated.
      lower_case, bleu_tokenizer: as of ``text_metrics.compute``.

    Returns:
      ``TranslationOutcome``.
    """
    if not metrics:
        return TranslationOutcome(losses, {}, {}, [])
    logging.info("writing the targets of %d texts", data.num_examples)
    written = [found[0] for found in translator.translate(data.sources)]
    values, signatures = text_metrics.compute(
        metrics,
        [each.text for each in written],
        data.targets,
        lower_case,
        bleu_tokenizer,
    )
    baseline, _ = text_metrics.compute(
        metrics, data.sources, data.targets, lower_case, bleu_tokenizer
    )
    return TranslationOutcome(losses | values, baseline, signatures, written)


def _table(data, written):
    rows = zip(data.sources, data.targets, written, strict=True)
    lines = ["source\ttarget\tprediction\tscore"]
    lines += [
        "\t".join(
            (
                *(
                    text.translate(_ESCAPES)
                    for text in (source, target, each.text)
                ),
                f"{each.score:.4f}",
            )
        )
        for source, target, each in rows
    ]
    return _lines(lines)


def _lines(lines):
    return "".join(f"{line}\n" for line in lines).encode()
