# SPDX-License-Identifier: Apache-2.0
"""Prints the results of the recipes when all runs are done."""

import os
import shlex

from albert import command_line
from albert.tasks import label_metrics
from albert.tasks.squad import answer_metrics
from albert.training import task_evaluation


def print_runs(evaluation, outcomes, weights):
    """Prints the metrics of one run, or of several.

    Args:
      evaluation: ``TaskEvaluation``.
      outcomes: list of what ``evaluation.evaluate`` returned, for each run.
      weights: str, the checkpoint of a single run.
    """
    all_metrics = [metrics for metrics, _ in outcomes]
    if len(outcomes) > 1:
        name = evaluation.best_metric
        scores = ", ".join(f"{metrics[name]:.4f}" for metrics in all_metrics)
        print(f"\n{name} of {len(outcomes)} runs: {scores}")
        print("Medians:")
    else:
        print(f"\nEvaluation of {weights}:")
    print_evaluation(
        task_evaluation.medians(all_metrics),
        evaluation.baseline,
        "constant answer",
    )
    if evaluation.tune_thresholds:
        print(
            "With thresholds tuned on this very dev set, so better than on "
            "others"
        )


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
    of_labels = _find_labels(metrics)
    in_table = {name for names in of_labels.values() for name in names}
    for name, value in metrics.items():
        if name not in in_table:
            alone = f"{baseline[name]:18.4f}" if name in baseline else ""
            print(f"{name:28}{value:10.4f}{alone}")
    if of_labels:
        width = max(28, *(len(label) + 1 for label in of_labels))
        scores = "".join(f"{score:>10}" for score in label_metrics.NAMES)
        print(f"\n{'label':{width}}{scores}")
        for label, names in of_labels.items():
            values = "".join(f"{metrics[name]:10.4f}" for name in names)
            print(f"{label:{width}}{values}")


def _find_labels(metrics):
    """Returns dict from label to the names of its precision, recall and F1."""
    found = {}
    for prefix in ("", "entity_"):
        first = f"{prefix}{label_metrics.NAMES[0]}_"
        for name in metrics:
            label = name.removeprefix(first)
            names = [f"{prefix}{each}_{label}" for each in label_metrics.NAMES]
            if name.startswith(first) and metrics.keys() >= set(names):
                found[label] = names
    return found


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
