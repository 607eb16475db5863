# SPDX-License-Identifier: Apache-2.0
"""Evaluates the texts that a model writes for the pairs of a split."""

import dataclasses

from absl import logging

from albert import evaluation_results
from albert.progress import show_progress
from albert.text_to_text import text_metrics
from albert.text_to_text.translation import Translation
from albert.text_to_text.translation import TranslationCounts
from albert.text_to_text.translation_files import PREDICTION_FILES

_SEARCH_SETTINGS = ("beam_size", "length_penalty", "max_target_length")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclasses.dataclass(frozen=True, eq=False)
class TranslationOutcome:
    """Metrics of a split, and what was written for it.

    Attributes:
      metrics: dict of float: losses, and those of ``text_metrics``.
      baseline: dict of float, what the sources themselves reach as targets.
      signatures: dict of str, how metrics were computed.
      written: list of ``Translation``, one for each pair as it was read.
      search: dict, the settings with which they were searched for.
      counts: ``TranslationCounts`` of the pairs with a text on both sides,
        which metrics are of.
    """

    metrics: dict
    baseline: dict
    signatures: dict = dataclasses.field(default_factory=dict)
    written: list = dataclasses.field(default_factory=list)
    search: dict = dataclasses.field(default_factory=dict)
    counts: TranslationCounts = dataclasses.field(
        default_factory=TranslationCounts
    )

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
        if self.written:
            metrics |= {
                "signatures": self.signatures,
                "search": self.search,
                "scored_pairs": self.counts.texts,
                "cut_sources": self.counts.cut,
                "full_targets": self.counts.full,
                "empty_targets": self.counts.empty,
                "target_unknown_share": self.counts.target_unknown_share,
            }
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

    Pairs that losses leave out are among them: a source that is too long is
    cut, as it is to predict. Only pairs without a text on one side have
    nothing written, and do not count.

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
        return TranslationOutcome(losses, {})
    pairs = list(zip(data.sources, data.targets, strict=True))
    scored = [i for i, has_texts in enumerate(data.has_texts) if has_texts]
    sources, targets = zip(*(pairs[index] for index in scored), strict=True)
    counts = TranslationCounts()
    with show_progress("writing targets", len(sources), "texts") as advance:
        translations = translator.translate(sources, counts, advance)
    for warning in (
        *counts.length_warnings(translator.settings),
        *counts.target_warnings(),
    ):
        logging.warning("%s: %s", data.path, warning)
    found = [best for best, *_ in translations]
    written = [Translation("", 0.0)] * len(pairs)
    for index, translation in zip(scored, found, strict=True):
        written[index] = translation
    values, signatures = text_metrics.compute(
        metrics,
        [each.text for each in found],
        targets,
        lower_case,
        bleu_tokenizer,
    )
    baseline, _ = text_metrics.compute(
        metrics, sources, targets, lower_case, bleu_tokenizer
    )
    return TranslationOutcome(
        losses | values,
        baseline,
        signatures,
        written,
        {name: getattr(translator.settings, name) for name in _SEARCH_SETTINGS},
        counts,
    )


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
