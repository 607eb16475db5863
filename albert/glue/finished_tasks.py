# SPDX-License-Identifier: Apache-2.0
"""Collects tasks that have finished, also those of earlier commands.

The commands that share an output directory need not name the same tasks. What
another one has made in the way of this one stands in the same table.
"""

import os

from albert import model_directory
from albert.glue import benchmark
from albert.glue import planning
from albert.glue import results as glue_results


def collect_trained(plan, entry):
    """Returns the ``TaskResults`` of a task that has been trained."""
    directories = [plan.directory(entry.name, seed) for seed in plan.seeds]
    return glue_results.collect(entry, plan.seeds, directories, directories)


def collect_asked(entry, seed, run):
    """Returns the ``TaskResults`` of the diagnostics; None without labels.

    Args:
      entry: ``Entry`` that is not trained.
      seed: int, that of the model that was asked.
      run: ``Run``, that of the predictions.
    """
    if not os.path.exists(
        os.path.join(run.directory, model_directory.EVALUATION_FILE)
    ):
        return None
    return glue_results.collect(entry, [seed], [run.directory], [run.start])


def find_others(plan, entries, found, with_test):
    """Finds tasks that are not done now, and have been by an earlier command.

    Args:
      plan: ``Plan``.
      entries: list of ``Entry``, those that are done now.
      found: dict from the name of one of these to its ``TaskResults``.
      with_test: bool, whether the test sets are wanted.

    Returns:
      (results, predictions, reasons): dict from the name of a task to its
      ``TaskResults``, to the directory of its predictions, and to why what
      is there is not taken.

    Raises:
      UserError: what is there is damaged.
    """
    results, predictions, reasons = {}, {}, {}
    for entry in benchmark.in_order_of_work(benchmark.BENCHMARK):
        if entry in entries:
            continue
        if entry.is_trained:
            runs = [plan.training(entry, seed) for seed in plan.seeds]
            if not all(run.finished.is_there() for run in runs):
                if any(os.path.exists(run.results_path) for run in runs):
                    reasons[entry.name] = "there, made otherwise"
                continue
            results[entry.name] = collect_trained(plan, entry)
            best = results[entry.name].best
        elif not plan.needs_mnli(entry):
            best = plan.seeds[0]
        elif entry.starts_from in found | results:
            best = (found | results)[entry.starts_from].best
        else:
            continue
        run = plan.predictions(entry, best, with_test)
        if run is None or not run.finished.is_there():
            continue
        predictions[entry.name] = run.directory
        if not entry.is_trained and (asked := collect_asked(entry, best, run)):
            results[entry.name] = asked
    return results, predictions, reasons


def describe_other_mnli(plan, entries):
    """Describes models of MNLI that this command would make otherwise.

    Args:
      plan: ``Plan``.
      entries: list of ``Entry``, all that there are results of, or will be.

    Returns:
      list of str, sentences.
    """
    mnli = benchmark.find(planning.MNLI)
    names = [entry.name for entry in entries if plan.needs_mnli(entry)]
    if mnli in entries or not names:
        return []
    seeds_of = {}
    for seed in plan.seeds:
        difference = plan.training(mnli, seed).finished.find_difference()
        if difference:
            seeds_of.setdefault(difference, []).append(str(seed))
    return [
        f"The model of mnli of seed {', '.join(seeds)}, which is used by "
        f"{', '.join(names)}, was made otherwise: {difference}."
        for difference, seeds in seeds_of.items()
    ]
