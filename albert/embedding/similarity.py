# SPDX-License-Identifier: Apache-2.0
"""Measures how far vectors agree with people on what texts are alike.

Pairs of texts have a score of people, as those of STS-B (Cer et al. 2017,
arXiv 1708.00055). The cosine of their vectors is compared with it: Spearman's
correlation of ranks is what the field reports.

Letters: N pairs, H the width of the vectors.
"""

import dataclasses
import math

import numpy as np

from albert.errors import UserError
from albert.score.text_rows import read_rows

# Fewer have no correlation that means anything.
_FEWEST = 3
# Cosines of vectors in float32 differ by less where they are the same.
_DECIMALS = 6


@dataclasses.dataclass(frozen=True, eq=False)
class ScoredPairs:
    """Pairs of texts with scores of people.

    Attributes:
      first, second: lists of N str.
      scores: float64 [N].
    """

    first: list
    second: list
    scores: np.ndarray


def read_pairs(path, columns, bad_rows):
    """Reads the pairs of a table with tabs, or of JSON lines.

    Args:
      path: str.
      columns: tuple of str, the names of the first text, the second and the
        score.
      bad_rows: ``BadRows`` of the path.

    Returns:
      ``ScoredPairs``. How many rows were left out is logged.

    Raises:
      UserError: it cannot be read, or lacks a column; a row has no text, or a
        score that is no number, and such rows are not left out; or there are
        too few pairs, or all scores are the same.
    """
    first, second, scores = [], [], []
    for line, (one, other, score) in read_rows(
        path, columns, numbers=columns[2:], bad_rows=bad_rows
    ):
        try:
            value = float(score)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            bad_rows.add(
                line, f"{columns[2]!r} is {score[:40]!r}, no number", "fill it"
            )
        elif not one.strip() or not other.strip():
            bad_rows.add(line, "an empty text", "fill it")
        else:
            first.append(one)
            second.append(other)
            scores.append(value)
    bad_rows.report(len(scores))
    if len(scores) < _FEWEST or len(set(scores)) == 1:
        raise UserError(
            f"{path}: {len(scores)} pairs that can be used, with "
            f"{len(set(scores))} different scores: a correlation needs at "
            f"least {_FEWEST} pairs, and two scores"
        )
    return ScoredPairs(first, second, np.array(scores))


def cosines(first, second):
    """Returns the cosine of each two vectors: float64 [N].

    Args:
      first, second: float [N, H]; a vector of zeros has the cosine 0.
    """
    first, second = (np.asarray(each, np.float64) for each in (first, second))
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    products = np.sum(first * second, axis=1)
    return np.divide(
        products, lengths, out=np.zeros(len(products)), where=lengths > 0
    )


def overlaps(first, second):
    """Returns the share of pieces that each two texts have both: float64 [N].

    What a measure that knows no meaning tells: the number of different pieces
    in both, of those in either.

    Args:
      first, second: lists of N lists of ids.
    """
    return np.array(
        [
            len(one & other) / max(1, len(one | other))
            for one, other in zip(
                map(set, first), map(set, second), strict=True
            )
        ]
    )


def correlate(values, scores):
    """Returns the correlations with what people say: dict of float.

    Args:
      values, scores: float64 [N].

    Raises:
      UserError: all values are the same, but for rounding.
    """
    import scipy.stats

    # Ranks are of anything that differs, of rounding as well.
    values = np.round(values, _DECIMALS)
    if not np.ptp(values):
        raise UserError(
            "all pairs are equally alike to the model: it has collapsed, or "
            "its vocabulary is of another language"
        )
    return {
        "spearman": float(scipy.stats.spearmanr(values, scores).statistic),
        "pearson": float(scipy.stats.pearsonr(values, scores).statistic),
    }
