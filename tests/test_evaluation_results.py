# SPDX-License-Identifier: Apache-2.0
"""What results say about their data, and that other data keep them."""

import json
import logging
import os

import pytest

from albert import evaluation_results
from albert import outputs
from albert.errors import UserError

DATA = [evaluation_results.describe_data("dev", "a/dev", 7, "12ab34cd")]
OTHER = [evaluation_results.describe_data("dev", "b", 7, "checksum 12ab34ce")]


def read(path):
    return json.loads((path / "eval_results.json").read_text())


def write(path, data, value=3.5):
    metrics = {"loss": value}
    return evaluation_results.write(
        path, "w", metrics, data, {}, beside=["p.tsv", "absent.tsv"]
    )


def test_evaluation(tmp_path):
    path = evaluation_results.write(
        tmp_path / "new",
        "there/model.ckpt-5",
        {"masked_lm_loss": 3.5},
        DATA,
        {"masked_lm_loss": 5.25, "of_another_model": 0.0625},
    )
    assert path == str(tmp_path / "new/eval_results.json")
    assert read(tmp_path / "new") == {
        "checkpoint": "there/model.ckpt-5",
        "data": [
            {
                "split": "dev",
                "path": "a/dev",
                "examples": 7,
                "checksum": "12ab34cd",
            }
        ],
        "masked_lm_loss": 3.5,
        "baseline": {"masked_lm_loss": 5.25},
    }


def test_same_data_by_another_path_replace_their_results(tmp_path):
    write(tmp_path, DATA, 3.5)
    write(tmp_path, [DATA[0] | {"path": "elsewhere"}], 2.5)
    assert os.listdir(tmp_path) == ["eval_results.json"]
    assert read(tmp_path)["loss"] == 2.5


def test_results_of_other_data_are_kept(tmp_path, caplog):
    write(tmp_path, DATA, 3.5)
    (tmp_path / "p.tsv").write_text("of a")
    with caplog.at_level(logging.WARNING):
        write(tmp_path, OTHER, 2.5)
    earlier = tmp_path / "earlier_results" / "dev-7-12ab34cd"
    assert f"was of other data (a/dev): it is in {earlier} now" in caplog.text
    assert sorted(os.listdir(tmp_path)) == [
        "earlier_results",
        "eval_results.json",
    ]
    assert read(tmp_path)["loss"] == 2.5
    assert read(earlier)["loss"] == 3.5
    assert (earlier / "p.tsv").read_text() == "of a"
    # There and back: each has its own place, and each model too.
    write(tmp_path, DATA, 3.5)
    write(tmp_path, OTHER, 2.5)
    write(tmp_path, DATA, 4.5)
    write(tmp_path, OTHER, 5.5)
    assert sorted(os.listdir(earlier.parent)) == [
        "dev-7-12ab34cd",
        "dev-7-12ab34cd-2",
        "dev-7-12ab34ce",
    ]
    assert read(earlier)["loss"] == 3.5
    assert read(earlier.parent / "dev-7-12ab34cd-2")["loss"] == 4.5


OUTSIDE = {"split": "../x", "path": "x", "examples": 1, "checksum": "a"}


@pytest.mark.parametrize(
    "data",
    [5, [5], [{}], [], [OUTSIDE]],
)
def test_damaged_data(tmp_path, data):
    content = {"data": data, "loss": 3.5}
    outputs.write_json(tmp_path / "eval_results.json", content)
    for refuse in (
        lambda: write(tmp_path, DATA),
        lambda: evaluation_results.check_earlier(
            tmp_path, "test_results.json", "eval_results.json"
        ),
    ):
        with pytest.raises(UserError, match=r"eval_results\.json: .*data"):
            refuse()
    assert read(tmp_path) == content


def test_results_of_before_say_nothing_of_their_data(tmp_path):
    outputs.write_json(tmp_path / "eval_results.json", {"loss": 1.0})
    evaluation_results.check_earlier(tmp_path, "eval_results.json")
    write(tmp_path, DATA)
    assert os.listdir(tmp_path) == ["eval_results.json"]


def test_runs(tmp_path):
    evaluation_results.write_runs(
        tmp_path, 7, [{"f1": 1.0}, {"f1": 3.0}], {"f1": 2.0}, DATA, {"f1": 0.5}
    )
    assert read(tmp_path) == {
        "data": DATA,
        "f1": 2.0,
        "baseline": {"f1": 0.5},
        "runs": [{"seed": 7, "f1": 1.0}, {"seed": 8, "f1": 3.0}],
    }
