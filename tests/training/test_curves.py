# SPDX-License-Identifier: Apache-2.0
import functools
import json
import os

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure

from albert.errors import UserError
from albert.training import budgets
from albert.training import curves
from albert.training import event_tags
from albert.training.reporting import Reporter


@pytest.fixture
def run(run_module):
    """Function that runs the command: (exit status, stdout, stderr)."""
    return functools.partial(run_module, curves)


def write_run(directory, losses, accuracy=0.25, settings=None, steps=None):
    """Writes events of a step each; ``settings`` are those in force at each.

    ``steps`` are theirs, where they are not 1, 2, 3, …
    """
    directory.mkdir(exist_ok=True)
    events = directory / "tensorboard"
    budget = budgets.StepBudget(len(losses), 1, 1)
    with Reporter(str(events), budget, 0) as reporter:
        steps = steps or range(1, len(losses) + 1)
        for number, (step, loss) in enumerate(zip(steps, losses, strict=True)):
            budget.add(1, 2.0, compiled=False)
            reporter.training(
                step,
                {
                    "masked_lm_loss": np.array([loss], np.float32),
                    "learning_rate": np.array([0.5], np.float32),
                    "sequences": np.array([3.0], np.float32),
                    "tokens": np.array([7.0], np.float32),
                },
                seconds=2.0,
                settings=settings and settings[number],
            )
        reporter.evaluation(2, {"masked_lm_accuracy": accuracy}, seconds=1.0)
    (directory / "eval_results.json").write_text(
        json.dumps({"baseline": {"masked_lm_loss": 5.0}})
    )


def test_scalars_are_read_back(tmp_path):
    write_run(tmp_path, [8.0, 6.5, 4.0])
    train = curves.read_scalars(str(tmp_path / "tensorboard" / "train"))
    assert train["masked_lm_loss"] == [(1, 8.0), (2, 6.5), (3, 4.0)]
    assert train["sequences_per_second"][0] == (1, 1.5)
    held_out = curves.read_scalars(str(tmp_path / "tensorboard" / "eval"))
    assert held_out == {"masked_lm_accuracy": [(2, 0.25)]}


def test_tags_of_older_directories_are_read(tmp_path):
    with tf.summary.create_file_writer(str(tmp_path)).as_default():
        tf.summary.scalar("masked_lm_loss", 8.0, 1)
        tf.summary.scalar("loss/masked_lm_loss", 6.5, 2)
        tf.summary.scalar("entity_f1_A/B", 0.5, 2)
    assert curves.read_scalars(str(tmp_path)) == {
        "masked_lm_loss": [(1, 8.0), (2, 6.5)],
        "entity_f1_A/B": [(2, 0.5)],
    }


@pytest.fixture
def figures(monkeypatch):
    """The figures that are saved."""
    figures = []
    save = Figure.savefig

    def keep(figure, *arguments, **settings):
        figures.append(figure)
        save(figure, *arguments, **settings)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def legend_of(figure):
    return {
        text.get_text(): line.get_color()
        for legend in figure.legends
        for line, text in zip(
            legend.get_lines(), legend.get_texts(), strict=True
        )
    }


def test_other_files_and_summaries_are_passed_over(tmp_path):
    write_run(tmp_path, [8.0])
    directory = tmp_path / "tensorboard" / "train"
    os.mkfifo(directory / "pipe")
    with tf.summary.create_file_writer(str(directory)).as_default():
        tf.summary.histogram("weights", np.arange(9.0), 1)
        tf.summary.text("flags", "--dtype", 1)
    assert curves.read_scalars(str(directory))["masked_lm_loss"] == [(1, 8.0)]


@pytest.mark.parametrize("kind", ["pipe", "pointer"])
def test_event_files_that_are_none(tmp_path, kind):
    write_run(tmp_path, [8.0])
    path = tmp_path / "tensorboard" / "train" / "events.out.tfevents.1"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(UserError, match=rf"tfevents\.1: .* {kind}"):
        curves.draw(str(tmp_path / "curves.png"), [str(tmp_path)])


def test_two_phases_are_drawn(tmp_path, figures):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_run(tmp_path / name, [8.0, 6.5, 4.0])
    picture = tmp_path / "curves.png"
    curves.draw(str(picture), [str(tmp_path / n) for n in ("one", "two")])
    assert picture.read_bytes().startswith(b"\x89PNG")
    # In this order, whatever the first panel shows.
    assert list(legend_of(figures[0]).items()) == [
        ("training data", "0.6"),
        ("held-out data", "C0"),
        ("without a model", "C3"),
    ]
    accuracy, loss = figures[0].axes
    assert loss.get_title() == "masked lm loss"
    lines = [list(line.get_xdata()) for line in loss.get_lines()]
    # Training and baseline of each phase, and the end of the first one.
    assert lines == [[1, 2, 3], [0, 3], [4, 5, 6], [3, 6], [3, 3]]
    assert accuracy.get_ylim()[1] < 0.3


def test_time_and_what_changes_are_told(tmp_path, figures):
    steps = [
        {"num_layers": 1, "train_minutes": 0.25},
        {"num_layers": 2, "train_minutes": 0.75},
        {"num_layers": 2, "train_minutes": 1.5},
    ]
    write_run(tmp_path / "one", [8.0, 6.5, 4.0], settings=steps)
    write_run(tmp_path / "two", [3.0, 2.0, 1.0], settings=steps)
    write_run(tmp_path / "last", [3.0])
    names = [str(tmp_path / name) for name in ("one", "two", "last")]
    curves.draw(str(tmp_path / "a.png"), names[:2])
    # A phase whose time is not known has no part in a sum.
    curves.draw(str(tmp_path / "b.png"), names)
    assert "minutes" not in figures[1].axes[0].get_xlabel()
    panels = {axis.get_title(): axis for axis in figures[0].axes}
    assert not {"num layers", "train minutes"} & set(panels)
    axis = panels["masked lm loss"]
    assert axis.get_xlabel() == "step (3 minutes of training)"
    told = [(text.xy[0], text.get_text()) for text in axis.texts]
    assert told == [(1, "2 layers"), (4, "2 layers")]


def test_what_a_restart_leaves_out_is_gone(tmp_path):
    """A training in minutes reports at other steps after a restart."""
    write_run(tmp_path, [8.0, 6.5, 4.0], steps=[2, 5, 9])
    write_run(tmp_path, [6.0, 5.0], steps=[4, 7])
    train = curves.read_scalars(str(tmp_path / "tensorboard/train"))
    assert train["masked_lm_loss"] == [(2, 8.0), (4, 6.0), (7, 5.0)]


def test_the_legend_names_no_line_that_is_not_there(tmp_path, figures):
    write_run(tmp_path, [8.0, 6.5, 4.0])
    (tmp_path / "eval_results.json").unlink()
    curves.draw_run(str(tmp_path))
    assert set(legend_of(figures[0])) == {"training data", "held-out data"}


def test_the_layers_that_are_trained_have_a_line(tmp_path, figures):
    write_run(tmp_path, [8.0, 6.5, 4.0])
    directory = tmp_path / "tensorboard" / event_tags.TRAINED_LAYERS
    with tf.summary.create_file_writer(str(directory)).as_default():
        tf.summary.scalar("accuracy/masked_lm_accuracy", 0.5, 1)
    curves.draw_run(str(tmp_path))
    assert list(legend_of(figures[0]).items())[1:3] == [
        ("held-out data", "C0"),
        ("held-out data, the layers trained", "C2"),
    ]
    lines = [list(line.get_ydata()) for line in figures[0].axes[0].get_lines()]
    assert lines == [[0.25], [0.5]]


def test_a_run_whose_events_are_gone_has_no_curves(tmp_path, caplog):
    assert curves.draw_run(str(tmp_path)) == []
    (warning,) = caplog.messages
    assert warning.startswith(f"{tmp_path}: no TensorBoard events in it")
    assert not list(tmp_path.iterdir())


def test_a_metric_that_stays_zero_is_at_the_bottom(tmp_path, figures):
    write_run(tmp_path, [8.0, 6.5, 4.0], accuracy=0.0)
    curves.draw_run(str(tmp_path))
    bottom, top = figures[0].axes[0].get_ylim()
    assert -0.1 < bottom <= 0.0 and top >= 1.0


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_own_picture_is_replaced(tmp_path, run, suffix):
    write_run(tmp_path / "run", [8.0, 6.5, 4.0])
    picture = tmp_path / "new" / f"curves.{suffix}"
    for _ in range(2):
        code, _, err = run(picture, tmp_path / "run")
        assert code == 0, err
    assert os.listdir(tmp_path / "new") == [picture.name]


def test_picture_of_somebody_else_is_not_replaced(tmp_path, run):
    write_run(tmp_path / "run", [8.0, 6.5, 4.0])
    picture = tmp_path / "holiday.png"
    Figure().savefig(picture)
    before = picture.read_bytes()
    code, out, err = run(picture, tmp_path / "run")
    assert (code, out) == (2, "")
    assert "was not drawn by this command" in err.splitlines()[-1]
    assert picture.read_bytes() == before
    code, _, err = run(picture, tmp_path / "run", "--overwrite")
    assert code == 0, err
    assert picture.read_bytes() != before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("curves", "no kind of picture"),
        (".png", "no kind of picture"),
        ("curves.doc", "no kind of picture"),
        ("folder.png", "is a directory"),
        ("loop.png", "symbolic links"),
        ("file/a.png", "file is not a directory"),
        ("x" * 250 + ".png", "254 bytes is too long"),
    ],
)
def test_impossible_pictures(tmp_path, run, name, words):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / "loop.png").symlink_to("loop.png")
    before = sorted(os.listdir(tmp_path))
    code, out, err = run(tmp_path / name, "nowhere", "--overwrite")
    assert (code, out) == (2, "")
    assert words in err.splitlines()[-1]
    assert sorted(os.listdir(tmp_path)) == before


def test_full_disk(tmp_path, run, limit_file_size):
    write_run(tmp_path / "run", [8.0, 6.5, 4.0])
    with limit_file_size(5000):
        code, out, err = run(tmp_path / "new/curves.png", tmp_path / "run")
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert f"{tmp_path}/new/curves.png: cannot be written (File too" in last
    assert "another PICTURE" in last
    assert os.listdir(tmp_path) == ["run"]


def test_a_directory_without_events_is_named(tmp_path):
    with pytest.raises(UserError, match="no TensorBoard events"):
        curves.draw(str(tmp_path / "curves.png"), [str(tmp_path)])
    assert not (tmp_path / "curves.png").exists()


def test_a_damaged_evaluation_is_named(tmp_path):
    write_run(tmp_path, [8.0, 6.5, 4.0])
    (tmp_path / "eval_results.json").write_text('{"baseline": {')
    with pytest.raises(UserError, match="eval_results.json: not valid JSON"):
        curves.draw(str(tmp_path / "curves.png"), [str(tmp_path)])
    assert not (tmp_path / "curves.png").exists()
