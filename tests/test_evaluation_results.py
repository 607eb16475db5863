# SPDX-License-Identifier: Apache-2.0
"""What results say about their data, and that other data keep them."""

import concurrent.futures
import json
import logging
import os
import pathlib
import signal
import subprocess
import sys

import pytest

import albert
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
    paths = evaluation_results.write(
        tmp_path / "new",
        "there/model.ckpt-5",
        {"masked_lm_loss": 3.5},
        DATA,
        {"masked_lm_loss": 5.25, "of_another_model": 0.0625},
    )
    assert paths == [str(tmp_path / "new/eval_results.json")]
    assert read(tmp_path / "new") == {
        "checkpoint": "there/model.ckpt-5",
        "albert_version": albert.__version__,
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


def test_same_results_by_another_path_replace_the_others(tmp_path):
    write(tmp_path, DATA, 3.5)
    write(tmp_path, [DATA[0] | {"path": "elsewhere"}], 3.50001)
    assert os.listdir(tmp_path) == ["eval_results.json"]
    assert read(tmp_path)["loss"] == 3.50001


@pytest.mark.parametrize("name", ["albert_version", "checkpoint_sha256"])
def test_what_earlier_versions_did_not_write_is_no_difference(tmp_path, name):
    weights = tmp_path / "w"
    weights.write_bytes(b"weights")
    arguments = (tmp_path, str(weights), {"loss": 3.5}, DATA, {})
    evaluation_results.write(*arguments)
    content = read(tmp_path)
    del content[name]
    (tmp_path / "eval_results.json").write_text(json.dumps(content))
    evaluation_results.write(*arguments)
    assert not (tmp_path / "earlier_results").exists()
    assert name in read(tmp_path)


def test_bad_rows_are_written_where_there_are_some(tmp_path):
    assert "bad_rows" not in DATA[0]
    data = [evaluation_results.describe_data("dev", "a", 7, "12ab", (), 2)]
    write(tmp_path, data)
    assert read(tmp_path)["data"][0]["bad_rows"] == 2
    write(tmp_path, [{k: v for k, v in data[0].items() if k != "bad_rows"}])
    write(tmp_path, data)
    assert os.listdir(tmp_path) == ["eval_results.json"]


def test_other_results_of_the_same_data_are_added(tmp_path):
    for value in (3.5, 2.5, 1.5, 1.5):
        write(tmp_path, DATA, value)
    assert read(tmp_path)["loss"] == 1.5
    earlier = tmp_path / "earlier_results"
    assert sorted(os.listdir(earlier)) == [
        *("dev-7-12ab34cd", "dev-7-12ab34cd-2"),
    ]
    assert read(earlier / "dev-7-12ab34cd")["loss"] == 3.5
    assert read(earlier / "dev-7-12ab34cd-2")["loss"] == 2.5


def test_results_of_other_weights_are_added(tmp_path):
    """They are told apart by the weights, not by their path."""
    (tmp_path / "model.ckpt-5.index").write_text("one")
    (tmp_path / "model.ckpt-5.data-00000-of-00001").write_text("two")
    weights = str(tmp_path / "model.ckpt-5")
    place = tmp_path / "new"
    evaluation_results.write(place, weights, {"loss": 1.5}, DATA, {})
    before = read(place)["checkpoint_sha256"]
    evaluation_results.write(place, weights, {"loss": 1.5}, DATA, {})
    assert os.listdir(place) == ["eval_results.json"]
    (tmp_path / "model.ckpt-5.data-00000-of-00001").write_text("three")
    evaluation_results.write(place, weights, {"loss": 1.5}, DATA, {})
    assert read(place)["checkpoint_sha256"] != before
    (earlier,) = (place / "earlier_results").iterdir()
    assert read(earlier)["checkpoint_sha256"] == before


def test_files_that_are_not_written_again_go_with_their_results(tmp_path):
    write(tmp_path, DATA, 3.5)
    (tmp_path / "p.tsv").write_text("of the first model")
    write(tmp_path, DATA, 2.5)
    (earlier,) = (tmp_path / "earlier_results").iterdir()
    assert read(earlier)["loss"] == 3.5
    assert (earlier / "p.tsv").read_text() == "of the first model"
    assert not (tmp_path / "p.tsv").exists()
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
        "albert_version": albert.__version__,
        "data": DATA,
        "f1": 2.0,
        "baseline": {"f1": 0.5},
        "runs": [{"seed": 7, "f1": 1.0}, {"seed": 8, "f1": 3.0}],
    }


def of(checksum):
    return [evaluation_results.describe_data("dev", "x", 7, checksum)]


def write_with_predictions(path, checksum):
    evaluation_results.write(
        path,
        "w",
        {"loss": 1.0},
        of(checksum),
        {},
        files={"p.tsv": checksum.encode(), f"{checksum}.tsv": b"submitted"},
        beside=["p.tsv", *(f"{letter * 8}.tsv" for letter in "abcdefgh")],
    )


def found_checksums(path):
    """Returns whose results there are, all with their own predictions."""
    found = []
    for place in [path, *path.glob("earlier_results/*")]:
        if place.joinpath("eval_results.json").exists():
            (data,) = read(place)["data"]
            assert (place / "p.tsv").read_text() == data["checksum"]
            (other,) = place.glob(8 * "[a-h]" + ".tsv")
            assert other.stem == data["checksum"]
            found.append(data["checksum"])
    return sorted(found)


def test_evaluations_at_the_same_time_keep_their_own_files(tmp_path):
    checksums = [letter * 8 for letter in "abcdefgh"]
    with concurrent.futures.ThreadPoolExecutor(len(checksums)) as pool:
        list(
            pool.map(
                write_with_predictions, [tmp_path] * len(checksums), checksums
            )
        )
    assert found_checksums(tmp_path) == checksums
    assert sorted(os.listdir(tmp_path / "earlier_results"))
    assert not list(tmp_path.rglob(".*"))


# Arguments: a directory and the number of renames until the kill.
KILLED = """
import os
import signal
import sys

sys.path.insert(0, sys.argv[1])
import test_evaluation_results as tests
from albert import workspaces

left = int(sys.argv[3])


def counted(function):
    def count(*arguments):
        global left
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
        left -= 1
        return function(*arguments)

    return count


os.rename = counted(os.rename)
workspaces._rename_with = counted(workspaces._rename_with)
tests.write_with_predictions(tests.pathlib.Path(sys.argv[2]), "b" * 8)
"""


@pytest.mark.parametrize("renames", range(9))
def test_kill_between_any_two_renames(tmp_path, renames):
    write_with_predictions(tmp_path, "a" * 8)
    code = subprocess.run(
        [
            sys.executable,
            "-c",
            KILLED,
            str(pathlib.Path(__file__).parent),
            str(tmp_path),
            str(renames),
        ],
        check=False,
    ).returncode
    # One to keep a copy, three aside, one of the directory, three into place.
    assert code == (0 if renames == 8 else -signal.SIGKILL)
    # Results without their own predictions are not seen even before ...
    found_checksums(tmp_path)
    write_with_predictions(tmp_path, "c" * 8)
    # ... and nothing is lost. What had not begun to appear was not there yet.
    found = {letter[0] for letter in found_checksums(tmp_path)}
    assert found == set("abc" if renames >= 5 else "ac")


def test_directory_in_the_way(tmp_path):
    (tmp_path / "p.tsv" / "mine").mkdir(parents=True)
    with pytest.raises(UserError, match=r"p\.tsv: cannot be written \(Is a"):
        write_with_predictions(tmp_path, "a" * 8)
    assert os.listdir(tmp_path) == ["p.tsv"]
    assert os.listdir(tmp_path / "p.tsv") == ["mine"]
