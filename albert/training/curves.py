# SPDX-License-Identifier: Apache-2.0
"""Draws a run's curves as a picture, from its TensorBoard events.

    albert curves curves.png MODEL_DIR [MODEL_DIR ...]

Several directories are phases of one training, drawn one after another.
"""

import glob
import io
import os

from albert import command_line
from albert import outputs
from albert.errors import UserError
from albert.flags import FlagGroup
from albert.model_directory import read_evaluation

POSITIONAL = ("PICTURE", "MODEL_DIR...")
# What is logged besides the metrics of the objective or the task.
_NOT_METRICS = {
    "learning_rate",
    "gradient_norm",
    "sequences_per_second",
    "tokens_per_second",
}
# What a picture says it was made by, and under which key: of these, and of no
# others, are replaced without being told to.
_MARK = "albert curves"
_KEYS = {"png": "Software", "svg": "Creator", "pdf": "Creator"}


def read_scalars(directory):
    """Reads the scalars of a TensorBoard directory.

    Args:
      directory: holds event files.

    Returns:
      dict of tag to list of (step, value), by step; where a restart repeated
      steps, the later value.
    """
    from tensorboard.backend.event_processing import event_accumulator
    from tensorboard.util import tensor_util

    scalars = {}
    for path in sorted(glob.glob(os.path.join(glob.escape(directory), "*"))):
        events = event_accumulator.EventAccumulator(
            path, size_guidance={event_accumulator.TENSORS: 0}
        )
        events.Reload()
        for tag in events.Tags()["tensors"]:
            for event in events.Tensors(tag):
                value = float(tensor_util.make_ndarray(event.tensor_proto))
                scalars.setdefault(tag, {})[event.step] = value
    return {tag: sorted(values.items()) for tag, values in scalars.items()}


def draw(path, directories, flag="PICTURE"):
    """Draws the metrics of one or several phases, a panel for each.

    Args:
      path: the picture to write, .png, .svg or .pdf; replaced if it is there.
      directories: model directories, in the order of training.
      flag: str, what messages tell to choose another of.

    Raises:
      UserError: a directory without TensorBoard events.
    """
    from matplotlib.figure import Figure

    phases = [(directory, *_read_phase(directory)) for directory in directories]
    names = sorted(
        {name for _, *scalars in phases for tags in scalars for name in tags}
        - _NOT_METRICS
    )
    rows = -(-len(names) // 2)
    figure = Figure(figsize=(11, 3.5 * rows), layout="constrained")
    panels = list(figure.subplots(rows, 2, squeeze=False).flat)
    axes = dict(zip(names, panels, strict=False))
    for unused in panels[len(names) :]:
        unused.set_axis_off()
    offset = 0
    for directory, train, held_out in phases:
        baseline = read_evaluation(directory).get("baseline", {})
        last = max(values[-1][0] for values in train.values())
        for name, axis in axes.items():
            for values, style in (
                (train.get(name, []), {"color": "0.6", "linewidth": 1}),
                (held_out.get(name, []), {"color": "C0", "marker": "."}),
            ):
                steps = [offset + step for step, _ in values]
                axis.plot(steps, [value for _, value in values], **style)
            if name in baseline:
                axis.hlines(
                    baseline[name],
                    offset,
                    offset + last,
                    colors="C3",
                    linestyles="--",
                )
            axis.set_title(name.replace("_", " "))
            axis.set_xlabel("step")
        offset += last
        if directory != directories[-1]:
            for axis in axes.values():
                axis.axvline(offset, color="0.8", linewidth=1)
    figure.suptitle("grey: training; blue: held-out data; red: without a model")
    picture = io.BytesIO()
    figure.savefig(
        picture,
        format=_suffix(path),
        dpi=110,
        metadata={_KEYS[_suffix(path)]: _MARK},
    )
    outputs.write_file(path, picture.getvalue(), flag)


def draw_run(directory):
    """Draws the curves of one run in its directory; returns the picture."""
    path = os.path.join(directory, "curves.png")
    draw(path, [directory], "--output_dir")
    return path


def _read_phase(directory):
    train, held_out = (
        read_scalars(os.path.join(directory, "tensorboard", part))
        for part in ("train", "eval")
    )
    if not train:
        raise UserError(
            f"{directory}: no TensorBoard events in it: give a model "
            "directory that was trained"
        )
    return train, held_out


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
    with open(path, "rb") as file:
        if _MARK.encode() not in file.read():
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
