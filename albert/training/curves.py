# SPDX-License-Identifier: Apache-2.0
"""Draws a run's curves as a picture, from its TensorBoard events.

    albert curves curves.png MODEL_DIR [MODEL_DIR ...]

Several directories are phases of one training, drawn one after another.
"""

import glob
import io
import itertools
import os

from absl import logging

from albert import command_line
from albert import outputs
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.inputs import check_file
from albert.inputs import read_file
from albert.model_directory import read_evaluation
from albert.training import event_tags
from albert.training.event_tags import TRAINED_LAYERS

POSITIONAL = ("PICTURE", "MODEL_DIR...")
# What a line shows, and how it is drawn.
_TRAINING = ("training data", {"color": "0.6", "linewidth": 1})
_HELD_OUT = ("held-out data", {"color": "C0", "marker": "."})
# While the model grows.
_TRAINED_LAYERS = (
    "held-out data, the layers trained",
    {"color": "C2", "marker": "."},
)
_BASELINE = ("without a model", {"color": "C3", "linestyle": "--"})
# What changes in the course of a training, and what it counts.
_SCHEDULES = {
    "num_layers": "layers",
    "train_batch_size": "sequences",
    "max_seq_length": "pieces",
    "masked_lm_prob": "masked",
}
# What a picture says it was made by, and under which key: of these, and of no
# others, are replaced without being told to.
_MARK = "albert curves"
# In the directory of a run.
RUN_PICTURE = "curves.png"
_KEYS = {"png": "Software", "svg": "Creator", "pdf": "Creator"}


def read_scalars(directory):
    """Reads the scalars of a TensorBoard directory.

    Args:
      directory: holds event files.

    Returns:
      dict of metric to list of (step, value), by step; what a restart
      repeated, or left out, is that of the restart.

    Raises:
      UserError: an event file cannot be read.
    """
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.util import tensor_util

    scalars = {}
    # What TensorBoard itself looks for.
    pattern = os.path.join(glob.escape(directory), "*tfevents*")
    for path in sorted(glob.glob(pattern)):
        check_file(path)
        events = event_accumulator.EventAccumulator(
            path, size_guidance={event_accumulator.TENSORS: 0}
        )
        events.Reload()
        for tag in events.Tags()["tensors"]:
            found = events.Tensors(tag)
            first = min(event.step for event in found)
            name = event_tags.name_of(tag)
            scalars[name] = {
                step: value
                for step, value in scalars.get(name, {}).items()
                if step < first
            }
            for event in found:
                value = tensor_util.make_ndarray(event.tensor_proto)
                # Others put histograms, texts and pictures beside them.
                if value.ndim == 0 and value.dtype.kind == "f":
                    scalars[name][event.step] = float(value)
    return {
        name: sorted(values.items())
        for name, values in scalars.items()
        if values
    }


def draw(path, directories, flag="PICTURE"):
    """Draws the metrics of one or several phases, a panel for each.

    Args:
      path: the picture to write, .png, .svg or .pdf; replaced if it is there.
      directories: model directories, in the order of training.
      flag: str, what messages tell to choose another of.

    Raises:
      UserError: a directory without TensorBoard events.
    """
    phases = [(directory, *_read_phase(directory)) for directory in directories]
    _draw(path, phases, flag)


def _draw(path, phases, flag):
    """Draws phases: (directory, *what ``_read_scalars_of`` returns)."""
    from matplotlib.figure import Figure

    names = sorted(
        {name for _, *parts in phases for part in parts for name in part}
    )
    names = [name for name in names if event_tags.is_metric(name)]
    rows = -(-len(names) // 2)
    figure = Figure(figsize=(11, 0.4 + 3.5 * rows), layout="constrained")
    panels = list(figure.subplots(rows, 2, squeeze=False).flat)
    axes = dict(zip(names, panels, strict=False))
    for unused in panels[len(names) :]:
        unused.set_axis_off()
    shown = {}  # Label to its first line.
    offset, ends, changes, minutes = 0, [], [], []
    for directory, train, held_out, trained_layers in phases:
        baseline = read_evaluation(directory).get("baseline", {})
        last = max(values[-1][0] for values in train.values())
        if "train_minutes" in train:
            minutes.append(train["train_minutes"][-1][1])
        for name, axis in axes.items():
            level = baseline.get(name)
            for (label, style), points in (
                (_TRAINING, train.get(name)),
                (_HELD_OUT, held_out.get(name)),
                (_TRAINED_LAYERS, trained_layers.get(name)),
                (_BASELINE, level is not None and [(0, level), (last, level)]),
            ):
                if points:
                    steps = [offset + step for step, _ in points]
                    values = [value for _, value in points]
                    (line,) = axis.plot(steps, values, **style)
                    shown.setdefault(label, line)
        changes += [
            (offset + step, text) for step, text in _find_changes(train)
        ]
        offset += last
        ends.append(offset)
    step_label = "step"
    if len(minutes) == len(phases):
        step_label += f" ({sum(minutes):.3g} minutes of training)"
    for name, axis in axes.items():
        axis.set_title(name.replace("_", " "))
        axis.set_xlabel(step_label)
        if not any(line.get_ydata().any() for line in axis.get_lines()):
            # All are 0, around which matplotlib would show 0.05 up and down.
            axis.set_ylim(-0.05, 1.05)
        for end in ends[:-1]:
            axis.axvline(end, color="0.8", linewidth=1)
        for step, text in changes:
            axis.axvline(step, color="0.8", linewidth=1, linestyle=":")
            axis.annotate(
                text,
                (step, 0.98),
                xycoords=("data", "axes fraction"),
                rotation=90,
                verticalalignment="top",
                fontsize="x-small",
                color="0.4",
            )
    kinds = (_TRAINING, _HELD_OUT, _TRAINED_LAYERS, _BASELINE)
    lines = {label: shown[label] for label, _ in kinds if label in shown}
    figure.legend(
        lines.values(), lines, loc="outside upper center", ncols=len(lines)
    )
    picture = io.BytesIO()
    figure.savefig(
        picture,
        format=_suffix(path),
        dpi=110,
        metadata={_KEYS[_suffix(path)]: _MARK},
    )
    outputs.write_file(path, picture.getvalue(), flag)


def draw_run(directory):
    """Draws the curves of one run in its directory.

    Returns:
      list of str, the picture; empty, with a warning, where nothing is left
      of what TensorBoard was told.
    """
    scalars = _read_scalars_of(directory)
    if not scalars[0]:
        logging.warning(
            "%s: no TensorBoard events in it: no curves are drawn", directory
        )
        return []
    path = os.path.join(directory, RUN_PICTURE)
    _draw(path, [(directory, *scalars)], "--output_dir")
    return [path]


def _read_scalars_of(directory):
    return [
        read_scalars(os.path.join(directory, "tensorboard", part))
        for part in ("train", "eval", TRAINED_LAYERS)
    ]


def _read_phase(directory):
    train, *held_out = _read_scalars_of(directory)
    if not train:
        raise UserError(
            f"{directory}: no TensorBoard events in it: give a model "
            "directory that was trained"
        )
    return train, *held_out


def _find_changes(train):
    """Returns (step, text) where a schedule changes something."""
    return [
        (step, f"{after:g} {unit}")
        for name, unit in _SCHEDULES.items()
        for (step, before), (_, after) in itertools.pairwise(
            train.get(name, [])
        )
        if after != before
    ]


def check_picture(path, overwrite=False):
    """Refuses a picture that cannot be written or may not be replaced.

    Args:
      path: str.
      overwrite: bool, whether a file that this module did not draw is
        replaced too.

    Raises:
      UserError: see ``outputs.check_file``; or it is of another kind, or not
        to be replaced.
    """
    if _suffix(path) not in _KEYS:
        raise UserError(
            f"{path}: no kind of picture that can be drawn: give a name that "
            f"ends in {', '.join(f'.{suffix}' for suffix in _KEYS)}"
        )
    outputs.check_file(path, "PICTURE")
    if overwrite or not os.path.lexists(path):
        return
    if _MARK.encode() not in read_file(path):
        raise UserError(
            f"{path}: exists already and was not drawn by this command: "
            "choose another PICTURE, or replace it with --overwrite"
        )


def _suffix(path):
    return os.path.splitext(path)[1].removeprefix(".").lower()


def define_flags(fv):
    """Defines the command's flags."""
    FlagGroup(fv, "Files").boolean(
        "overwrite",
        False,
        "Replace a file at PICTURE that this command did not draw. Its own "
        "pictures it replaces without being told to.",
    )


def main(fv, path, directories):
    """Draws the picture."""
    if not directories:
        raise UserError("no model directory given; see --help")
    check_picture(path, fv.overwrite)
    with outputs.made_directories([path], "PICTURE"):
        command_line.load_tensorflow()  # TensorBoard does, and not as quietly.
        draw(path, directories)
    print(f"wrote {path}")


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
