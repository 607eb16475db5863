#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws how the time of a pretraining step grows.

    python benchmarks/step_times.py step_times.png

Four panels: length, batch, layers, and size of the model. Beside each time
stands what the step's matrix products alone would take, at the rate that was
measured in turn with it. Half an hour on two cores.
"""

import argparse
import statistics

import measurements
import turns
import works

import albert

LIMIT_COLOR, TIME_COLOR = "0.6", "C0"


def points(arguments):
    """Returns what is measured: dict of panel to list of points.

    A point is (label, size, changes of its configuration, batch, length).
    """
    size, batch, length = arguments.size, arguments.batch, arguments.length
    return {
        f"length, batch {batch}": [
            (each, size, {}, batch, each) for each in arguments.lengths
        ],
        f"batch, length {length}": [
            (each, size, {}, each, length) for each in arguments.batches
        ],
        f"layers, {batch} × {length}": [
            (each, size, {"num_hidden_layers": each}, batch, length)
            for each in arguments.layers
        ],
        f"size, {batch} × {length}": [
            (each, each, {}, batch, length) for each in arguments.sizes
        ],
    }


def measure(size, changes, batch, length, arguments):
    """Returns (seconds of a step, seconds of its products): medians."""
    config = albert.AlbertConfig.named(size, **changes)
    specification = {
        "kind": "pretraining",
        "config": config.to_dict(),
        "dtype": arguments.dtype,
        "batch": batch,
        "length": length,
        "predictions": works.num_predictions(length),
    }
    programs = turns.measure(
        works.WORKS["pretraining"],
        specification,
        [(works.OWN, *turns.OWN_PLACE), (works.LIMIT, *turns.OWN_PLACE)],
        arguments.rounds,
    )
    turns.add_shares(programs, specification)
    seconds = statistics.median(programs[0]["seconds"])
    return seconds, seconds * programs[0]["share_of_limit"]


def draw(path, title, panels):
    """Draws the panels.

    Args:
      path: the picture, .png, .svg or .pdf.
      title: str.
      panels: dict of name to list of (label, seconds, limit's seconds).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    figure.suptitle(title, fontsize="medium")
    for axes, (name, rows) in zip(
        figure.subplots(2, 2).flat, panels.items(), strict=True
    ):
        labels, seconds, limits = zip(*rows, strict=True)
        places = range(len(labels))
        axes.bar(places, seconds, color=TIME_COLOR, label="step")
        axes.bar(
            places,
            limits,
            color=LIMIT_COLOR,
            width=0.4,
            label="its matrix products alone",
        )
        axes.set_xticks(places, map(str, labels))
        axes.set_xlabel(name)
        axes.set_ylabel("seconds")
        axes.legend()
    figure.savefig(path)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("picture", help=".png, .svg or .pdf; replaced if it is there")
    add("--size", default="base", help="of the first three panels")
    add("--dtype", default="bfloat16", choices=["bfloat16", "float32"])
    add("--batch", type=int, default=4)
    add("--length", type=int, default=128)
    add("--lengths", type=int, nargs="+", default=[64, 128, 256, 512])
    add("--batches", type=int, nargs="+", default=[1, 4, 16, 64])
    add("--layers", type=int, nargs="+", default=[3, 6, 12, 24])
    add("--sizes", nargs="+", default=["base", "large", "xlarge"])
    add("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    machine = measurements.describe_machine(measurements.machine())
    title = f"Training step, {arguments.size}, {arguments.dtype}: {machine}"
    panels, measured = {}, {}
    for name, rows in points(arguments).items():
        panels[name] = []
        for label, *point in rows:
            key = repr(point)
            if key not in measured:
                measured[key] = measure(*point, arguments)
            panels[name].append((label, *measured[key]))
            print(f"{name}: {label}: %.3g s, products %.3g s" % measured[key])
    draw(arguments.picture, title, panels)


if __name__ == "__main__":
    main()
