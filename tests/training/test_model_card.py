# SPDX-License-Identifier: Apache-2.0
"""The card of a model: what it says, its commands, and whose it is."""

import json
import logging
import re
import shlex

import pytest
from absl import flags

from albert import __main__ as front_door
from albert import evaluation_results
from albert import model_directory
from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.file_fingerprints import fingerprint_weights
from albert.training import model_card


def write_json(directory, name, value):
    (directory / name).write_text(json.dumps(value))


@pytest.fixture
def directory(tmp_path):
    """A model of a task as its training leaves it."""
    place = tmp_path / "my model"
    place.mkdir()
    table = tmp_path / "train.tsv"
    table.write_text("text\tlabel\n" * 300)
    data = evaluation_results.describe_data(
        "train", "texts", 1234, "12ab34cd", describe_files([str(table)])
    )
    model_card.record_training_data(place, data, {"cat|s": 1000, "dogs": 234})
    dev = evaluation_results.describe_data(
        "dev", "texts", 37, "12ab34ce", describe_files([str(table)])
    )
    evaluation_results.write(
        place,
        str(place / "model.ckpt-best"),
        {"loss": 0.25, "accuracy": 0.8125},
        [dev],
        {"accuracy": 0.5625},
        details={
            "confusion": {
                "labels": ["cat|s", "dogs"],
                "counts": [[13, 3], [4, 17]],
            }
        },
    )
    write_json(
        place,
        "task.json",
        {
            "task_name": "tsv",
            "kind": "classification",
            "labels": ["cat|s", "dogs"],
        },
    )
    write_json(
        place,
        "run.json",
        {"learning_rate": 3e-5, "seed": 7, "init_checkpoint": "albert_base"},
    )
    return place


def read(directory):
    return (directory / "README.md").read_text()


def test_what_it_says(directory):
    assert model_card.write(str(directory)) == [str(directory / "README.md")]
    text = read(directory)
    assert text.startswith("---\nlicense: unknown\n")
    for line in (
        "| accuracy | 0.8125 | 0.5625 |",
        r"| cat\|s | 13 | 3 |",
        "| dogs | 4 | 17 |",
        r"| cat\|s | 1000 |",
        "| `learning_rate` | 3e-05 |",
        "| `init_checkpoint` | albert_base |",
    ):
        assert f"\n{line}\n" in text
    assert "1,234 examples of `texts`" in text
    (sha256,) = {
        file["sha256"]
        for each in model_directory.read_evaluation(directory)["data"]
        for file in each["files"]
    }
    assert text.count(f"| 3,300 | `{sha256[:12]}…` |") == 2


def test_results_of_weights_that_are_gone(directory):
    weights = directory / "model.ckpt-best.index"
    weights.write_text("some")
    results = model_directory.read_evaluation(directory)
    results["checkpoint_sha256"] = fingerprint_weights(str(weights))
    write_json(directory, "eval_results.json", results)
    line = "What `eval_results.json` says is of weights that are no longer"
    text = model_card.make_card(str(directory), "mit")
    assert "| accuracy | 0.8125 |" in text and line not in text
    weights.write_text("others")
    text = model_card.make_card(str(directory), "mit")
    assert "0.8125" not in text and line in text
    # The data that it was trained on are those of the weights.
    assert "1,234 examples of `texts`" in text


def test_thresholds_are_no_metrics_and_were_tuned_on_the_dev_set(directory):
    sentence = "were tuned on the dev set: on this very one"
    path = directory / "eval_results.json"
    results = json.loads(path.read_text())
    tested = {**results, "threshold_dogs": 0.375}
    write_json(directory, "test_results.json", tested)
    # The dev set's thresholds do not flatter a test set.
    text = model_card.make_card(str(directory), "mit")
    assert sentence not in text and "threshold_" not in text
    write_json(
        directory, "eval_results.json", results | {"threshold_dogs": 0.375}
    )
    text = model_card.make_card(str(directory), "mit")
    assert text.count(sentence) == 1 and "threshold_" not in text
    assert text.index(sentence) < text.index("`test_results.json`")
    assert "| accuracy | 0.8125 | 0.5625 |" in text


KINDS = (
    *("classification", "regression", "multiple_choice", "tagging", "span"),
    "text_to_text",
)


@pytest.mark.parametrize("kind", KINDS)
def test_its_commands_parse(directory, kind):
    write_json(directory, "task.json", {"kind": kind, "text_pairs": False})
    model_card.write(directory)
    names = ("predict", "export", "serve", "convert")
    if kind == "text_to_text":
        names = ("translate", "export", "serve")
    block = re.search("```bash\n(.*?)```", read(directory), re.DOTALL)[1]
    commands = [
        shlex.split(command)
        for line in block.splitlines()
        for command in line.split("&&")
    ]
    assert [command[:2] for command in commands] == [
        ["albert", name] for name in names
    ]
    for _, name, *arguments in commands:
        script = front_door.load_script(name)
        values = flags.FlagValues()
        script.define_flags(values)
        left = values(["albert", *arguments])[1:]
        assert len(left) == len(getattr(script, "POSITIONAL", ()))
    assert "my model" in " ".join(commands[0])


def test_it_is_written_anew_until_somebody_edits_it(directory, caplog):
    model_card.write(directory, "apache-2.0")
    first = read(directory)
    assert "license: apache-2.0\n" in first
    # What was given before stays.
    write_json(directory, "run.json", {"learning_rate": 0.125})
    assert model_card.write(directory)
    second = read(directory)
    assert "license: apache-2.0\n" in second
    assert "| 0.125 |" in second
    assert "| 0.125 |" not in first
    for edited in (
        second.replace("0.125", "0.5"),
        second + "More.\n",
        "More.\n" + second,
        "# Mine\n",
        "",
    ):
        (directory / "README.md").write_text(edited)
        with caplog.at_level(logging.INFO, logger="absl"):
            assert model_card.write(directory, "mit") == []
        assert read(directory) == edited
        assert "left as it is" in caplog.text


def test_a_directory_without_a_run_gets_none(tmp_path):
    assert model_card.write(tmp_path) == []
    assert not list(tmp_path.iterdir())


def test_what_has_too_many_labels_is_shown_as_a_picture(directory):
    results = model_directory.read_evaluation(directory)
    labels = [f"label {number}" for number in range(13)]
    results["confusion"] = {"labels": labels, "counts": [[1] * 13] * 13}
    write_json(directory, "eval_results.json", results)
    model_card.write(directory)
    assert "(confusion_matrix.png)" in read(directory)
    assert "| label 3 |" not in read(directory)


@pytest.mark.parametrize("licence", ["a b", "x" * 65, "\udcff", "a\nb", ""])
def test_no_licence(licence):
    with pytest.raises(UserError, match="--licence"):
        model_card.check_licence(licence)
