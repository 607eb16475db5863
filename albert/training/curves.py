# SPDX-License-Identifier: Apache-2.0
"""Draws a run's curves as a picture, from its TensorBoard events.

    python -m albert.training.curves curves.png MODEL_DIR [MODEL_DIR ...]

Several directories are phases of one training, drawn one after another.
"""

import glob
import json
import os

from albert import command_line
from albert.errors import UserError

_PANELS = (
    ("masked_lm_loss", "word_frequency_loss"),
    ("masked_lm_accuracy", "word_frequency_accuracy"),
    ("sentence_order_loss", None),
    ("sentence_order_accuracy", None),
)
_CHANCE = {"sentence_order_loss": 0.6931, "sentence_order_accuracy": 0.5}


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


def draw(path, directories):
    """Draws losses and accuracies of one or several phases.

    Args:
      path: the picture to write, .png or .svg.
      directories: model directories, in the order of training.

    Raises:
      UserError: a directory without TensorBoard events.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 7), layout="constrained")
    axes = dict(
        zip(
            (name for name, _ in _PANELS),
            figure.subplots(2, 2).flat,
            strict=True,
        )
    )
    offset = 0
    for directory in directories:
        train = read_scalars(os.path.join(directory, "tensorboard", "train"))
        held_out = read_scalars(os.path.join(directory, "tensorboard", "eval"))
        if not train:
            raise UserError(
                f"{directory}: no TensorBoard events in it: give a model "
                "directory that was trained"
            )
        results = _read_results(directory)
        last = 0
        for name, axis in axes.items():
            for values, style in (
                (train.get(name, []), {"color": "0.6", "linewidth": 1}),
                (held_out.get(name, []), {"color": "C0", "marker": "."}),
            ):
                if values:
                    steps = [offset + step for step, _ in values]
                    axis.plot(steps, [value for _, value in values], **style)
                    last = max(last, values[-1][0])
            axis.set_title(name.replace("_", " "))
            axis.set_xlabel("step")
        for name, baseline in _PANELS:
            level = results.get(baseline, _CHANCE.get(name))
            if level is not None:
                axes[name].hlines(
                    level, offset, offset + last, colors="C3", linestyles="--"
                )
        offset += last
        if directory != directories[-1]:
            for axis in axes.values():
                axis.axvline(offset, color="0.8", linewidth=1)
    figure.suptitle(
        "grey: training; blue: held-out records; "
        "red: word frequency alone, or chance"
    )
    figure.savefig(path, dpi=110)


def _read_results(directory):
    path = os.path.join(directory, "eval_results.json")
    if not os.path.exists(path):
        return {}
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def main(fv, path, directories):
    """Draws the picture."""
    del fv  # There are no flags.
    if not directories:
        raise UserError("no model directory given; see --help")
    command_line.load_tensorflow()  # TensorBoard does, and not as quietly.
    draw(path, directories)
    print(f"wrote {path}")


if __name__ == "__main__":
    command_line.run(
        main, lambda fv: None, positional=("PICTURE", "MODEL_DIR...")
    )
