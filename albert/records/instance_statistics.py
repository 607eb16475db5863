# SPDX-License-Identifier: Apache-2.0
"""Counts what instances of pretraining are like, and how they are masked."""

import dataclasses

import numpy as np

from albert.records.surface_features import SurfaceSample


@dataclasses.dataclass
class Statistics:
    """Counts over instances, which can be added.

    Attributes:
      instances: number of instances.
      tokens: tokens in them, special ones included.
      full: instances without padding.
      label_ones: instances with label 1.
      single_sentences: instances of one sentence, among pairs.
      dropped_documents: documents too short for a pair, in all passes.
      text_tokens: tokens of the text, in all passes.
      used_tokens: those of them that are in an instance of their pass.
      surface: ``SurfaceSample`` of the first instances.
      inspected: instances whose masks the other numbers are of: all, or
        with masks that are made while training a sample.
      inspected_tokens: tokens in them, special ones included.
      masked: masked tokens.
      budget: tokens that were to be masked.
      span_counts: int64 [ngram], n-grams of 1, 2, ... words.
      replacement_counts: int64 [3], masked tokens that became [MASK], became
        a random piece, stayed.
    """

    instances: int = 0
    tokens: int = 0
    full: int = 0
    label_ones: int = 0
    single_sentences: int = 0
    dropped_documents: int = 0
    text_tokens: int = 0
    used_tokens: int = 0
    surface: SurfaceSample = SurfaceSample()
    inspected: int = 0
    inspected_tokens: int = 0
    masked: int = 0
    budget: int = 0
    span_counts: np.ndarray | int = 0
    replacement_counts: np.ndarray | int = 0

    def __add__(self, other):
        return Statistics(
            *(
                getattr(self, field.name) + getattr(other, field.name)
                for field in dataclasses.fields(self)
            )
        )

    def counts(self):
        """Returns what is counted, without the sample, as JSON can hold it."""
        return {
            field.name: np.asarray(getattr(self, field.name)).tolist()
            for field in dataclasses.fields(self)
            if field.name != "surface"
        }

    @classmethod
    def of_counts(cls, counts):
        """Makes statistics, with an empty sample, of a dict of ``counts``."""
        return cls(
            **{
                name: np.array(value) if isinstance(value, list) else value
                for name, value in counts.items()
            }
        )

    def as_dict(self, max_seq_length):
        """Returns the figures for the JSON, with shares that people compare."""
        spans, replaced = self.span_counts, self.replacement_counts
        return {
            "instances": self.instances,
            "mean_length": self.tokens / self.instances,
            "padding_share": 1
            - self.tokens / (self.instances * max_seq_length),
            "full_length_share": self.full / self.instances,
            "masked_per_instance": self.masked / self.inspected,
            "masked_share": self.masked / self.inspected_tokens,
            "unused_budget_per_instance": (self.budget - self.masked)
            / self.inspected,
            "spans_per_instance": int(spans.sum()) / self.inspected,
            "span_shares": (spans / max(spans.sum(), 1)).tolist(),
            "replacement_shares": dict(
                zip(
                    ("mask", "random", "kept"),
                    (replaced / max(replaced.sum(), 1)).tolist(),
                    strict=True,
                )
            ),
            "label_1_share": self.label_ones
            / max(1, self.instances - self.single_sentences),
            "single_sentence_share": self.single_sentences / self.instances,
            "dropped_documents": self.dropped_documents,
            "text_used_share": self.used_tokens / self.text_tokens,
            "surface": self.surface.guess_held_out(),
        }
