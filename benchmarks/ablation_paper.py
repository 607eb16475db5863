# SPDX-License-Identifier: Apache-2.0
"""The numbers of the paper's ablations, and the models that they are of.

Lan et al. 2020, arXiv:1909.11942, tables 3, 4, 5, 11 and 12. Table 3 and
Table 4 print other MNLI accuracies, and one other average, for the same model.
"""

import dataclasses

from albert.config import AlbertConfig


@dataclasses.dataclass(frozen=True)
class PaperRow:
    """A row of the paper: what it printed, and the model's configuration.

    Attributes:
      label: str, what the row is of.
      config: ``AlbertConfig``.
      average: float, over the five tasks, in percent.
      printed: str, its number of parameters as printed; None where it is not
        known.
      scores: five str: SQuAD 1.1 and 2.0 (F1/EM), MNLI, SST-2, RACE.
      heads: str, accuracies of masked LM, next sentence, sentence order.
    """

    label: str
    config: AlbertConfig
    average: float
    printed: str | None = None
    scores: tuple = ()
    heads: str | None = None

    @property
    def sst2(self):
        """The accuracy on SST-2, in percent, or None."""
        return float(self.scores[3]) if self.scores else None

    @property
    def masked_lm(self):
        """The masked-LM accuracy, in percent, or None."""
        return float(self.heads.split(" / ")[0]) if self.heads else None


def _paper(
    label, average, printed, scores="", size="base", heads=None, **with_
):
    config = AlbertConfig.named(size, **with_)
    return PaperRow(
        label, config, average, printed, tuple(scores.split()), heads
    )


_NOT_SHARED = {
    64: (81.3, "87M", "89.9/82.9 80.1/77.8 82.9 91.5 66.7"),
    128: (81.7, "89M", "89.9/82.8 80.3/77.3 83.7 91.5 67.9"),
    256: (81.8, "93M", "90.2/83.2 80.3/77.4 84.1 91.9 67.3"),
    768: (82.3, "108M", "90.4/83.2 80.4/77.6 84.5 92.8 68.2"),
}
_SHARED = {
    64: (79.0, "10M", "88.7/81.4 77.5/74.8 80.8 89.4 63.5"),
    128: (80.1, "12M", "89.3/82.3 80.0/77.1 81.6 90.3 64.0"),
    256: (79.6, "16M", "88.8/81.5 79.1/76.3 81.5 90.3 63.4"),
    768: (79.8, "31M", "88.6/81.5 79.2/76.6 82.0 90.6 63.3"),
}
_SHARING = {
    (768, "all"): (79.8, "31M", "88.6/81.5 79.2/76.6 82.0 90.6 63.3"),
    (768, "attention"): (81.6, "83M", "89.9/82.7 80.0/77.2 84.0 91.4 67.7"),
    (768, "ffn"): (79.5, "57M", "89.2/82.1 78.2/75.4 81.5 90.8 62.6"),
    (768, "none"): (82.3, "108M", "90.4/83.2 80.4/77.6 84.5 92.8 68.2"),
    (128, "all"): (80.1, "12M", "89.3/82.3 80.0/77.1 82.0 90.3 64.0"),
    (128, "attention"): (81.7, "64M", "89.9/82.8 80.7/77.9 83.4 91.9 67.6"),
    (128, "ffn"): (80.2, "38M", "88.9/81.6 78.6/75.6 82.3 91.7 64.4"),
    (128, "none"): (81.6, "89M", "89.9/82.8 80.3/77.3 83.2 91.5 67.9"),
}
_OBJECTIVES = {
    "none": (79.0, "88.6/81.5 78.1/75.3 81.5 89.9 61.7", "54.9 / 52.4 / 53.3"),
    "nsp": (79.2, "88.4/81.5 77.2/74.6 81.6 91.1 62.3", "54.5 / 90.5 / 52.0"),
    "sop": (80.1, "89.3/82.3 80.0/77.1 82.0 90.3 64.0", "54.0 / 78.9 / 86.5"),
}
_DEPTHS = {
    1: (52.9, "18M", "31.1/22.9 50.1/50.1 66.4 80.8 40.1"),
    3: (71.2, "18M", "79.8/69.7 64.4/61.7 77.7 86.7 54.0"),
    6: (77.2, "18M", "86.4/78.4 73.8/71.1 81.2 88.9 60.9"),
    12: (81.5, "18M", "89.8/83.3 80.7/77.9 83.3 91.7 66.7"),
    24: (82.1, "18M", "90.3/83.3 81.8/79.0 83.3 91.5 68.7"),
    48: (81.8, "18M", "90.0/83.1 81.8/78.9 83.4 91.9 66.9"),
}
_WIDTHS = {
    1024: (71.2, "18M", "79.8/69.7 64.4/61.7 77.7 86.7 54.0"),
    2048: (74.6, "60M", "83.3/74.1 69.1/66.6 79.7 88.6 58.2"),
    4096: (76.3, "225M", "85.0/76.4 71.0/68.1 80.3 90.4 60.4"),
    6144: (74.0, "499M", "84.7/75.8 67.8/65.4 78.1 89.1 56.0"),
}
SHARED_WORDS = {
    "all": "all shared",
    "attention": "attention shared",
    "ffn": "feed-forward shared",
    "none": "not shared",
}
OBJECTIVE_WORDS = {
    "none": "no sentence loss",
    "nsp": "next sentence (NSP)",
    "sop": "sentence order (SOP)",
}


def tables():
    """Returns the paper's rows: dict from the name of a table to a list."""
    return {
        "table_3": [
            _paper(
                f"E {width}, {SHARED_WORDS[sharing]}",
                *values,
                embedding_size=width,
                sharing=sharing,
            )
            for sharing, rows in (("none", _NOT_SHARED), ("all", _SHARED))
            for width, values in rows.items()
        ],
        "table_4": [
            _paper(
                f"E {width}, {SHARED_WORDS[sharing]}",
                *values,
                embedding_size=width,
                sharing=sharing,
            )
            for (width, sharing), values in _SHARING.items()
        ],
        "table_5": [
            _paper(OBJECTIVE_WORDS[name], average, "12M", scores, heads=heads)
            for name, (average, scores, heads) in _OBJECTIVES.items()
        ],
        "depth": [
            _paper(
                f"L {layers}",
                *values,
                size="large",
                num_hidden_layers=layers,
            )
            for layers, values in _DEPTHS.items()
        ],
        "width": [
            _paper(
                f"H {width}",
                *values,
                size="large",
                hidden_size=width,
                intermediate_size=4 * width,
                num_attention_heads=width // 64,
                num_hidden_layers=3,
            )
            for width, values in _WIDTHS.items()
        ],
    }
