# SPDX-License-Identifier: Apache-2.0
"""Writes and prints the results of the recipes when all runs are done."""

import os
import shlex

import numpy as np

from albert import command_line
from albert import evaluation_results
from albert import model_directory
from albert.tasks.squad import answer_metrics


def summarize_runs(directory, evaluation, outcomes, best, weights, seed):
    """Writes and prints the metrics of one run, or of several.

    Args:
      directory: str, of all runs together; a single run has written its
        metrics there before.
      evaluation: ``TaskEvaluation``.
      outcomes: list of what ``evaluation.evaluate`` returned, for each run.
      best: int, the index of the run whose confusion matrix is drawn.
      weights: str, the checkpoint of a single run.
      seed: int, that of the first run; each has the next one.

    Returns:
      list of str, the files.
    """
    all_metrics = [metrics for metrics, _ in outcomes]
    medians = {
        name: float(np.median([metrics[name] for metrics in all_metrics]))
        for name in all_metrics[0]
    }
    if len(outcomes) > 1:
        evaluation_results.write_runs(
            directory,
            seed,
            all_metrics,
            medians,
            evaluation.data,
            evaluation.baseline,
            beside=evaluation.files,
        )
        name = evaluation.best_metric
        scores = ", ".join(f"{metrics[name]:.4f}" for metrics in all_metrics)
        print(f"\n{name} of {len(outcomes)} runs: {scores}")
        print("Medians:")
    else:
        print(f"\nEvaluation of {weights}:")
    print_evaluation(medians, evaluation.baseline, "constant answer")
    _, predictions = outcomes[best]
    return [
        os.path.join(directory, model_directory.EVALUATION_FILE),
        *evaluation.write_confusion_matrix(directory, predictions),
    ]


def print_answer_scores(scores, baseline):
    """Prints the scores of the answers to questions.

    Args:
      scores: dict of numbers, of ``answer_metrics.evaluate``.
      baseline: dict of numbers, what no answers at all reach; or empty.
    """
    print_evaluation(
        answer_metrics.main_scores(scores),
        baseline,
        "no answers" if baseline else "",
    )
    if "best_f1" in scores:
        print(
            "With the threshold tuned on these very questions, so better than "
            f"on others: exact {scores['best_exact']:.2f} with "
            "--null_score_diff_threshold="
            # All digits: rounded, a score may fall on its other side.
            f"{scores['best_exact_thresh']!r}, "
            f"f1 {scores['best_f1']:.2f} with "
            f"{scores['best_f1_thresh']!r}"
        )


def print_evaluation(metrics, baseline, baseline_name):
    """Prints metrics, each beside that of a baseline without a model.

    Args:
      metrics: dict of metric name to float.
      baseline: dict of float, some of the same metrics.
      baseline_name: str, what the baseline knows.
    """
    print(f"{'evaluation':28}{'model':>10}{baseline_name:>18}")
    for name, value in metrics.items():
        alone = f"{baseline[name]:18.4f}" if name in baseline else ""
        print(f"{name:28}{value:10.4f}{alone}")


def print_next_commands(directory):
    """Prints commands that use a model directory."""
    events = os.path.join(directory, "tensorboard")
    command_line.print_next(
        f"albert fill-mask {shlex.quote(directory)} "
        '"The [MASK] of the house was open."',
        f"tensorboard --logdir={shlex.quote(events)}",
    )


def print_written(model, paths):
    """Prints the paths of the model and of the files written about it."""
    print(f"\nModel: {model}")
    for path in paths:
        print(f"Written: {path}")
