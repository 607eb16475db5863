# SPDX-License-Identifier: Apache-2.0
"""Defines and reads the flags of a command that makes several runs.

Each run is a command of its own, whose flags are those that were given and a
few that differ.
"""

import dataclasses
import itertools
import os
import re

from albert.errors import UserError
from albert.flag_commands import text_of
from albert.flag_groups import FlagGroup
from albert.flag_spelling import ALIAS

_MOST_RUNS = 1000
# The headings of flags that may differ between the runs of a sweep: with other
# data or other modes, their results would not be of the same thing.
_SWEPT_HEADINGS = ("Model", "Training", "Devices")
# Nor may these: a run is one of several already, or they say which machines
# work on it, so that a list of runs on one machine waits for the others.
_NEVER_SWEPT = (
    "num_runs",
    "distribution_strategy",
    "tpu",
    "tpu_zone",
    "gcp_project",
)
# What changes the loss itself, so that its values say nothing of the models.
_LOSS_FLAGS = ("class_weights", "focal_gamma")
# In values that become parts of a folder's name.
_NOT_IN_NAMES = re.compile(r"[^\w.+-]+")
# What a run in a list is not told: it is one run.
_LIST_FLAGS = ("sweep", "num_folds", "fold")


@dataclasses.dataclass(frozen=True)
class PlannedRun:
    """Run of a list.

    Attributes:
      settings: dict from flag to str, what tells it from the others.
      directory: str, its --output_dir.
      arguments: list of str, its command line without the program.
    """

    settings: dict
    directory: str
    arguments: list

    @property
    def name(self):
        """str, what messages call it."""
        return " ".join(f"{name}={v}" for name, v in self.settings.items())


def define(fv):
    """Defines --sweep, --num_folds and --fold."""
    runs = FlagGroup(fv, "Several runs")
    runs.string(
        "sweep",
        None,
        "Make a run for each combination of values, in a directory of its own "
        "in --output_dir, and compare them: flags of model, training and "
        "devices, as in 'learning_rate=1e-5,3e-5;seed=1,2,3'. Of several "
        "seeds the median counts.",
    )
    runs.integer(
        "num_folds",
        None,
        "Divide the training data into so many parts, and train for each on "
        "the others and evaluate on it, in fold_N of --output_dir. The dev "
        "set is not used.",
        lower_bound=2,
        upper_bound=_MOST_RUNS,
    )
    runs.integer(
        "fold",
        None,
        "With --num_folds: the run of this fold alone, from 1, in --output_dir "
        "itself.",
        lower_bound=1,
        upper_bound=_MOST_RUNS,
    )


def asks_for_list(fv):
    """Returns whether flags ask for several runs, and not for one of them."""
    return bool(fv.sweep or (fv.num_folds and not fv.fold))


def check(fv):
    """Refuses flags that do not go together with several runs.

    Raises:
      UserError: naming them.
    """
    if fv.fold and not fv.num_folds:
        raise UserError("--fold is one of --num_folds: give both")
    if fv.fold and fv.fold > fv.num_folds:
        raise UserError(
            f"--fold={fv.fold} is more than --num_folds={fv.num_folds}"
        )
    if fv.fold and fv.sweep:
        raise UserError("--fold is a single run, and --sweep several: give one")
    for name in ("sweep", "num_folds"):
        if not fv[name].value:
            continue
        if not (fv.do_train and fv.do_eval):
            raise UserError(f"--{name} needs --do_train and --do_eval")
        if fv.distribution_strategy == "multi_worker_mirrored":
            raise UserError(
                f"--{name} starts its runs on this machine alone: with "
                "--distribution_strategy=multi_worker_mirrored give each run "
                "a command of its own"
            )
    if fv.num_folds:
        _check_folds(fv)


def _check_folds(fv):
    for name in ("train_file", "eval_file", "predict_file"):
        if fv[name].value:
            raise UserError(
                f"--num_folds divides texts: give --data_dir, not --{name}"
            )
    for name, wanted, why in (
        ("do_predict", False, "no single model comes out of it"),
        ("num_runs", 1, "for several seeds, give --sweep=seed=1,2,3 with it"),
        (
            "early_stopping_patience",
            None,
            "the fold that measures a model must not choose it",
        ),
        (
            "tune_thresholds",
            False,
            "the fold that measures a model must not choose its thresholds",
        ),
    ):
        if fv[name].value != wanted:
            raise UserError(f"--num_folds with --{name}: {why}")
    if fv.best_metric and not fv.sweep:
        raise UserError(
            "--num_folds with --best_metric: the last checkpoint of each fold "
            "is measured, by all metrics: leave it out, or give --sweep, whose "
            "settings it compares"
        )


def plan_folds(fv):
    """Returns the runs of all folds: list of ``PlannedRun``."""
    return [
        _plan(
            fv,
            {"fold": str(fold)},
            f"fold_{fold}",
            {"num_folds": str(fv.num_folds)},
        )
        for fold in range(1, fv.num_folds + 1)
    ]


def plan_sweep(fv):
    """Reads --sweep.

    Returns:
      list of ``PlannedRun``, the last flag changing fastest.

    Raises:
      UserError: it cannot be read, an unknown flag or value, one that is
        given twice, or too many runs.
    """
    axes = _read_axes(fv)
    _check_comparable(fv, axes)
    combinations = [
        dict(zip(axes, values, strict=True))
        for values in itertools.product(*axes.values())
    ]
    kept = {"num_folds": str(fv.num_folds)} if fv.num_folds else {}
    runs = [
        _plan(fv, settings, _folder(settings), kept)
        for settings in combinations
    ]
    places = {}
    for run in runs:
        other = places.setdefault(run.directory, run)
        if other is not run:
            raise UserError(
                f"--sweep: {other.name} and {run.name} would both be in "
                f"{run.directory}: give the paths in another spelling"
            )
    return runs


def _check_comparable(fv, axes):
    """Refuses to compare losses that are not of the same kind."""
    changing = [name for name in _LOSS_FLAGS if name in axes]
    # Of a second dev set, with its name behind.
    if changing and (fv.best_metric or "").partition("_")[0] == "loss":
        raise UserError(
            f"--best_metric={fv.best_metric}: runs that differ in "
            f"{changing[0]} have different losses: choose another metric, such "
            "as accuracy or macro_f1 (cross_entropy_loss is reported only of "
            f"runs with {' or '.join(_LOSS_FLAGS)})"
        )


def _read_axes(fv):
    """Returns dict from flag to list of values, in their canonical spelling."""
    axes = {}
    for part in fv.sweep.split(";"):
        name, equals, listed = part.strip().partition("=")
        name = name.strip().removeprefix("--")
        if not (name and equals and listed.strip()):
            raise UserError(
                f"--sweep: {part!r} is not of the form name=value,value: "
                "write 'learning_rate=1e-5,3e-5;seed=1,2,3', in quotes"
            )
        flag = _find_flag(fv, name)
        if flag.name in axes:
            raise UserError(f"--sweep: {flag.name} is there twice")
        if flag.present:
            raise UserError(
                f"--{flag.name} is given, and in --sweep too: give one of them"
            )
        values = [_canonical(flag, each.strip()) for each in listed.split(",")]
        for value in values:
            if values.count(value) > 1:
                raise UserError(
                    f"--sweep: {flag.name} has the value {value} twice"
                )
        axes[flag.name] = values
        count = 1
        for each in axes.values():
            count *= len(each)
        if count > _MOST_RUNS:
            raise UserError(
                f"--sweep has {count} runs or more: at most {_MOST_RUNS} are "
                "possible"
            )
    return axes


def _find_flag(fv, name):
    if name in fv:
        alias = ALIAS.fullmatch(fv[name].help)
        name = alias[1] if alias else name
    swept = [
        flag.name
        for heading, group in fv.flags_by_module_dict().items()
        if heading in _SWEPT_HEADINGS
        for flag in group
        if not ALIAS.fullmatch(flag.help)
    ]
    if name not in swept or name in _NEVER_SWEPT:
        raise UserError(
            f"--sweep: {name!r} is no flag that may differ: those of "
            f"{', '.join(_SWEPT_HEADINGS[:-1])} and {_SWEPT_HEADINGS[-1]} in "
            f"--help may, but for {', '.join(_NEVER_SWEPT)}"
        )
    return fv[name]


def _canonical(flag, text):
    """Returns a value as the flag's parser understands it: str.

    Raises:
      UserError: it is none.
    """
    try:
        value = flag.parser.parse(text)
    except ValueError as error:
        raise UserError(f"--sweep: {flag.name}={text}: {error}") from None
    return text_of(flag, value)


def _folder(settings):
    """Returns the name of a run's folder, which says what it is of."""
    return "_".join(
        f"{name}={_NOT_IN_NAMES.sub('-', value)}"
        for name, value in settings.items()
    )


def _plan(fv, settings, folder, kept):
    directory = os.path.join(fv.output_dir, folder)
    changes = {**settings, **kept, "output_dir": directory}
    return PlannedRun(settings, directory, _spell(fv, changes))


def _spell(fv, changes):
    """Returns the flags that were given, with changes: list of str."""
    # Of folds, it compares the settings of a sweep and chooses no checkpoint.
    left_out = (*_LIST_FLAGS, *(["best_metric"] if fv.num_folds else []))
    given = {
        name: text_of(fv[name], fv[name].value)
        for name in fv
        if fv[name].present
        and fv[name].value is not None
        and not ALIAS.fullmatch(fv[name].help)
        and name not in left_out
        # What is in a --flagfile stands for itself.
        and not str(fv.find_module_defining_flag(name)).startswith("absl")
    }
    return [f"--{name}={value}" for name, value in (given | changes).items()]
