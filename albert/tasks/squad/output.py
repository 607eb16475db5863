# SPDX-License-Identifier: Apache-2.0
"""Formats answers, scores and reports as the official programs do."""

import os

import numpy as np

from albert import model_directory
from albert import outputs

PREDICTIONS_FILE = "predictions.json"
N_BEST_FILE = "nbest_predictions.json"
NULL_ODDS_FILE = "null_odds.json"
EXAMPLES_FILE = "examples.md"
# All that is about the same questions.
FILES = (
    PREDICTIONS_FILE,
    N_BEST_FILE,
    NULL_ODDS_FILE,
    EXAMPLES_FILE,
    model_directory.EVALUATION_FILE,
)

_TUNED_ON_FILE = (
    "best_exact, best_f1 and their thresholds are tuned on the questions that "
    "they are measured on"
)
# What stands among the n best of a question without any span, as in the
# original's write_predictions_v2.
_NO_SPAN = {
    "text": "",
    "probability": 1.0,
    "start_log_prob": -1e6,
    "end_log_prob": -1e6,
}
_EXCERPT_CHARACTERS = 200


def format_answers(data, decoded, predictions):
    """Formats all files of answers: to hand in, and to read.

    Args:
      data: ``SquadData``, the questions.
      decoded: ``Decoded``.
      predictions: dict from question id to str, ``decoded.predictions(…)``.

    Returns:
      dict from name to bytes.
    """
    return {
        **format_predictions(decoded, predictions),
        EXAMPLES_FILE: format_examples(data, decoded, predictions),
    }


def format_predictions(decoded, predictions):
    """Formats the files that the official evaluations read.

    ``predictions.json``, question id to text; ``nbest_predictions.json``, the
    n best with their probabilities and scores; for version 2.0
    ``null_odds.json``, question id to null score.

    Args:
      decoded: ``Decoded``.
      predictions: dict from question id to str, ``decoded.predictions(…)``.

    Returns:
      dict from name to bytes.
    """
    content = {
        PREDICTIONS_FILE: predictions,
        N_BEST_FILE: {
            id_: [_n_best_entry(answer) for answer in answers] or [_NO_SPAN]
            for id_, answers in zip(decoded.ids, decoded.n_best, strict=True)
        },
    }
    if decoded.null_scores is not None:
        odds = zip(decoded.ids, decoded.null_scores.tolist(), strict=True)
        content[NULL_ODDS_FILE] = dict(odds)
    return {name: outputs.json_bytes(value) for name, value in content.items()}


def format_evaluation(model, metrics, data, baseline=None):
    """Formats ``eval_results.json``.

    Args:
      model: dict, of ``evaluation_results.describe_model``.
      metrics: dict of numbers, from ``answer_metrics.evaluate``.
      data: list of dict, of ``evaluation_results.describe_data``.
      baseline: dict of numbers, what is reached without a model; or None.

    Returns:
      bytes.
    """
    results = {**model, "data": data, **metrics}
    if baseline:
        results["baseline"] = baseline
    if "best_f1" in metrics:
        results["note"] = _TUNED_ON_FILE
    return outputs.json_bytes(results)


def report_file(name):
    """Returns the name of the file that says what became of questions.

    Args:
      name: str, such as "train".
    """
    return f"{name}_questions.json"


def write_report(directory, name, report):
    """Writes ``<name>_questions.json`` alone; returns the path.

    Args:
      directory: created where it does not exist.
      name: str, such as "train".
      report: dict of counts and lists of str.
    """
    outputs.make_directory(directory, "--output_dir")
    path = os.path.join(directory, report_file(name))
    outputs.write_json(path, report, "--output_dir")
    return path


def format_examples(data, decoded, predictions, count=10):
    """Formats ``examples.md``: questions spread over the file, to be read.

    Args:
      data: ``SquadData``, labelled or not.
      decoded: ``Decoded``.
      predictions: dict from question id to str.
      count: int, questions at most.

    Returns:
      bytes.
    """
    total = len(data.questions)
    chosen = np.unique(np.linspace(0, total - 1, count).round().astype(int))
    parts = [f"# {len(chosen)} of {total} questions\n"]
    parts += [
        _describe(data, decoded, predictions, index)
        for index in chosen.tolist()
    ]
    return "\n".join(parts).encode()


def _describe(data, decoded, predictions, index):
    question = data.questions[index]
    predicted = predictions[question.id]
    best = next((a for a in decoded.n_best[index] if a.text), None)
    lines = [
        f"## {_one_line(question.text)}",
        "",
        f"- predicted: {_answer_text(predicted)}",
    ]
    if best is not None and not predicted:
        lines.append(f"- best answer: {best.text!r}")
    if best is not None:
        lines.append(f"- its probability: {best.probability:.3f}")
    if decoded.null_scores is not None:
        lines.append(f"- null score: {decoded.null_scores[index]:.3f}")
    if data.labelled:
        golds = dict.fromkeys(answer.text for answer in question.answers)
        gold = "; ".join(map(_answer_text, golds)) or _answer_text("")
        lines.append(f"- gold: {gold}")
    lines.append(f"- id: {question.id}, {data.titles[question.context_index]}")
    # Around the gold answer, or else around what the model found.
    if question.answers:
        middle = question.answers[0].start
    else:
        middle = best.start if best is not None else 0
    context = data.contexts[question.context_index]
    begin = min(max(0, middle - _EXCERPT_CHARACTERS), len(context))
    end = middle + _EXCERPT_CHARACTERS
    before = "…" if begin else ""
    after = "…" if end < len(context) else ""
    lines += ["", f"> {before}{_one_line(context[begin:end])}{after}", ""]
    return "\n".join(lines)


def _answer_text(text):
    return repr(text) if text else "(no answer)"


def _one_line(text):
    return " ".join(text.split())


def _n_best_entry(answer):
    return {
        "text": answer.text,
        "probability": answer.probability,
        "start_log_prob": answer.start_score,
        "end_log_prob": answer.end_score,
    }
