# SPDX-License-Identifier: Apache-2.0
"""Computes exact match and F1 as SQuAD's official evaluations do.

Version 1.1 and 2.0 are those of rajpurkar/SQuAD-explorer
(``evaluate-v1.1.py``, ``evaluate-v2.0.py``), which the original's
``squad_utils.py`` repeats. For Chinese there are the measures of CMRC 2018
(ymcui/cmrc2018, ``cmrc2018_evaluate.py``): characters instead of words, and
F1 over the longest run that both answers have.

The search for the best threshold differs from ``evaluate-v2.0.py``: it counts
every question as it is scored when it is predicted with that threshold.
"""

import collections
import dataclasses
import re
import string

import numpy as np

LANGUAGES = ("en", "zh")

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_DROP_PUNCTUATION = str.maketrans("", "", string.punctuation)
# The marks that CMRC 2018 drops; others, such as "," and ".", count there. So
# does U+2026: its list has two of them as one entry, which no character equals.
_DROP_CHINESE_PUNCTUATION = str.maketrans(
    "",
    "",
    "-:_*^/\\~`+="
    "\uff0c\u3002\uff1a\uff1f\uff01\u201c\u201d\uff1b\u2019\u300a\u300b"
    "\u00b7\u3001\u300c\u300d\uff08\uff09\uff0d\uff5e\u300e\u300f",
)
# A Chinese character, or a word or mark of other scripts. CMRC 2018 leaves
# the others to NLTK's word splitter for English, which keeps 3.14 and 1,000
# whole.
_OTHER = r"[^\W\u4e00-\u9fa5]"
_CHINESE_SEGMENT = re.compile(
    rf"[\u4e00-\u9fa5]|{_OTHER}(?:{_OTHER}|\.(?={_OTHER})|,(?=\d))*|[^\w\s]"
)


@dataclasses.dataclass(frozen=True)
class Scores:
    """Exact match and F1 of every question, 0 to 1: float64 [Q]."""

    exact: np.ndarray
    f1: np.ndarray


def normalize_answer(text):
    """Lower-cases; drops punctuation, articles and extra white space."""
    text = text.lower().translate(_DROP_PUNCTUATION)
    return " ".join(_ARTICLES.sub(" ", text).split())


def score_answer(prediction, gold, has_impossible=False, language="en"):
    """Compares two answers.

    Args:
      prediction, gold: str.
      has_impossible: bool, the rules of version 2.0: two answers of which
        one is normalised to nothing have F1 1 if both are, where version 1.1
        has 0.
      language: "en", or "zh" for characters instead of words.

    Returns:
      (exact, F1), floats from 0 to 1.
    """
    if language == "zh":
        return _score_chinese(prediction, gold, has_impossible)
    prediction, gold = normalize_answer(prediction), normalize_answer(gold)
    predicted, expected = prediction.split(), gold.split()
    if has_impossible and not (predicted and expected):
        f1 = float(predicted == expected)
    else:
        common = collections.Counter(predicted) & collections.Counter(expected)
        f1 = _f1(common.total(), len(predicted), len(expected))
    return float(prediction == gold), f1


def _score_chinese(prediction, gold, has_impossible):
    prediction, gold = (
        text.lower().strip().translate(_DROP_CHINESE_PUNCTUATION)
        for text in (prediction, gold)
    )
    predicted = _CHINESE_SEGMENT.findall(prediction)
    expected = _CHINESE_SEGMENT.findall(gold)
    if has_impossible and not (predicted and expected):
        f1 = float(predicted == expected)
    else:
        common = _longest_common_run(predicted, expected)
        f1 = _f1(common, len(predicted), len(expected))
    return float(prediction == gold), f1


def _f1(common, predicted, expected):
    if not common:
        return 0.0
    precision, recall = common / predicted, common / expected
    return 2 * precision * recall / (precision + recall)


def _longest_common_run(left, right):
    """Returns the length of the longest run that both lists hold."""
    best = 0
    # Runs that end at the segment before, by where they end on the right.
    lengths = [0] * (len(right) + 1)
    for segment in left:
        before, lengths = lengths, [0] * (len(right) + 1)
        for index, other in enumerate(right):
            if segment == other:
                lengths[index + 1] = before[index] + 1
                best = max(best, lengths[index + 1])
    return best


def score(data, predictions, language="en"):
    """Scores every question by the gold answer that it agrees with best.

    Args:
      data: ``SquadData``, labelled.
      predictions: dict from question id to str.
      language: "en" or "zh".

    Returns:
      ``Scores``.

    Raises:
      ValueError: the file is not labelled, a question has no prediction, or
        there is no such language.
    """
    if language not in LANGUAGES:
        raise ValueError(f"language must be en or zh; received {language!r}")
    if not data.labelled:
        raise ValueError(f"{data.file} has no answers to compare with")
    exact, f1 = [], []
    for question in data.questions:
        if question.id not in predictions:
            raise ValueError(f"no prediction for question {question.id}")
        golds = [answer.text for answer in question.answers]
        if data.has_impossible:
            # An answer such as "." is normalised to nothing, which is what
            # an unanswerable question has.
            golds = [gold for gold in golds if _is_answer(gold, language)]
        # In version 1.1 only a question on an empty context has none; the
        # rules of 2.0 score it.
        has_impossible = data.has_impossible or not golds
        scores = [
            score_answer(
                predictions[question.id], gold, has_impossible, language
            )
            for gold in golds or [""]
        ]
        exact.append(max(match for match, _ in scores))
        f1.append(max(overlap for _, overlap in scores))
    return Scores(np.array(exact), np.array(f1))


def _is_answer(text, language):
    if language == "zh":
        return bool(text.strip().translate(_DROP_CHINESE_PUNCTUATION))
    return bool(normalize_answer(text))


def evaluate(data, decoded, null_score_diff_threshold=0.0, language="en"):
    """Scores a file as a whole, in percent, with the official names.

    Args:
      data: ``SquadData``, labelled.
      decoded: ``Decoded`` of the same file.
      null_score_diff_threshold: float, for version 2.0.
      language: "en" or "zh".

    Returns:
      dict. Version 1.1: "exact_match", "f1", "total". Version 2.0: "exact",
      "f1", "total" at the given threshold and the same of the questions with
      ("HasAns_…") and without answers ("NoAns_…"), where there are any;
      "null_score_diff_threshold"; and "best_exact", "best_f1" with
      "best_exact_thresh", "best_f1_thresh": the best that a threshold
      reaches on this file. Those are tuned on what they are measured on.
    """
    predictions = decoded.predictions(null_score_diff_threshold)
    scores = score(data, predictions, language)
    total = len(data.questions)
    if not data.has_impossible:
        return {
            "exact_match": 100 * float(scores.exact.mean()),
            "f1": 100 * float(scores.f1.mean()),
            "total": total,
        }
    metrics = _mean(scores, np.ones(total, bool), "")
    has_answer = _has_answer(data)
    metrics |= _mean(scores, has_answer, "HasAns_")
    metrics |= _mean(scores, ~has_answer, "NoAns_")
    metrics["null_score_diff_threshold"] = float(null_score_diff_threshold)
    answered = score(data, decoded.predictions(np.inf), language)
    empty = score(data, dict.fromkeys(predictions, ""), language)
    for name in ("exact", "f1"):
        best, threshold = _best_threshold(
            getattr(answered, name), getattr(empty, name), decoded.null_scores
        )
        metrics[f"best_{name}"] = best
        metrics[f"best_{name}_thresh"] = threshold
    return metrics


def main_scores(results):
    """Returns what of ``evaluate`` is in percent and not tuned: a dict."""
    return {
        name: value
        for name, value in results.items()
        if name.endswith(("exact", "exact_match", "f1"))
        and not name.startswith("best_")
    }


def _has_answer(data):
    return np.array([bool(question.answers) for question in data.questions])


def _mean(scores, chosen, prefix):
    if not chosen.any():
        return {}
    return {
        f"{prefix}exact": 100 * float(scores.exact[chosen].mean()),
        f"{prefix}f1": 100 * float(scores.f1[chosen].mean()),
        f"{prefix}total": int(chosen.sum()),
    }


def _best_threshold(answered, empty, null_scores):
    """Finds the threshold with the highest mean score.

    Args:
      answered: float64 [Q], the score of each question's answer.
      empty: float64 [Q], the score of answering nothing.
      null_scores: float64 [Q].

    Returns:
      (best, threshold): percent, and a threshold that gives it; the lowest
      one of several, which answers fewest questions.
    """
    order = np.argsort(null_scores, kind="stable")
    thresholds = null_scores[order]
    # totals[k]: the first k questions answered, the others not.
    gain = (answered - empty)[order]
    totals = empty.sum() + np.concatenate([[0.0], np.cumsum(gain)])
    # Questions with the same null score are answered together.
    possible = np.append(True, np.diff(thresholds) > 0)
    possible = np.append(possible, True)
    best = int(np.argmax(np.where(possible, totals, -np.inf)))
    threshold = (
        thresholds[best - 1] if best else np.nextafter(thresholds[0], -np.inf)
    )
    return 100 * float(totals[best]) / len(answered), float(threshold)
