# SPDX-License-Identifier: Apache-2.0
"""The command `albert embed`: files, order, pairs, flags."""

import json
import pathlib
import shutil

import numpy as np
import pytest

import albert
from albert import vector_flags
from albert.embedding import __main__ as embed
from albert.modeling import pooling

TEXTS = ["the river sang", "a mill", "", "a very old mill beside the river"]


@pytest.fixture
def run(run_module, models, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts.txt").write_text("\n".join(TEXTS) + "\n")

    def run(*arguments, head="classification"):
        return run_module(embed, models(head), *arguments)

    return run


def test_poolings_are_those_of_the_model():
    assert vector_flags.POOLINGS == pooling.POOLINGS


def test_files_hold_what_the_model_gives_in_python(
    run, models, tmp_path, monkeypatch
):
    monkeypatch.setattr(embed, "_BLOCK_TEXTS", 3)
    wanted = albert.load(models("classification")).embed(TEXTS, pooling="max")
    for name, read in (("v.npy", np.load), ("v.tsv", np.loadtxt)):
        code, printed, errors = run(
            "--input_file=texts.txt", f"--output_file={name}", "--pooling=max"
        )
        assert code == 0, errors
        assert "4 vectors of 22 numbers" in printed
        assert "1 rows or words in 4 rows have no text" in errors
        found = read(tmp_path / name)
        assert found.shape == (4, 22)
        assert np.abs(found - wanted).max() < 1e-5


def test_a_column_of_a_table_and_the_standard_output(run, tmp_path):
    (tmp_path / "rows.tsv").write_text("n\tr\n1\tthe mill\n2\ta river\n")
    code, printed, errors = run(
        "--input_file=rows.tsv", "--text_field=r", "--normalize", head="none"
    )
    assert code == 0, errors
    found = np.loadtxt(printed.splitlines())
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-5
    assert len(found) == 2


def test_what_sentence_transformers_says_is_not_read(
    run_module, models, tmp_path, caplog
):
    model = shutil.copytree(models("none"), tmp_path / "model")
    (model / "modules.json").write_text("[]")
    (tmp_path / "texts.txt").write_text("a mill\n")
    code, _, errors = run_module(
        embed, model, f"--input_file={tmp_path}/texts.txt"
    )
    assert code == 0, errors
    assert f"warning: {model}/modules.json says how sentence-tr" in errors
    caplog.clear()
    with caplog.at_level("WARNING", logger="absl"):
        albert.load(model)
    assert "modules.json says how sentence-transformers" in caplog.text


def test_models_of_texts_have_vectors_without_task_json(run, tmp_path):
    code, printed, errors = run("--input_file=texts.txt", head="text_to_text")
    assert code == 0, errors
    assert len(printed.splitlines()) == 4


def test_agreement_with_people(run, tmp_path):
    lines = ["sentence1\tsentence2\tscore"]
    lines += [f"the mill {'sang ' * n}\tthe mill\t{5 - n}" for n in range(5)]
    lines += ["the mill\tthe river\t"]
    (tmp_path / "pairs.tsv").write_text("\n".join(lines) + "\n")
    code, _, errors = run("--sts_file=pairs.tsv")
    assert code == 2 and "pairs.tsv:7: " in errors
    code, printed, errors = run(
        "--sts_file=pairs.tsv", "--skip_bad_rows", "--output_file=r.json"
    )
    assert code == 0, errors
    results = json.loads((tmp_path / "r.json").read_text())
    assert (results["num_pairs"], results["num_left_out"]) == (5, 1)
    assert results["num_texts_cut"] == 0
    assert pathlib.Path(results["weights"]).name.startswith("model.ckpt-")
    assert [file["path"] for file in results["files"]] == ["pairs.tsv"]
    assert f"Spearman {results['spearman']:.4f}" in printed
    # The texts with more in them are less like the short one.
    assert results["spearman"] > 0.8
    assert 0.5 < results["baseline"]["spearman"] < 0.8


REFUSED = {
    "one of them": [],
    ".npy or .tsv": ["--input_file=texts.txt", "--output_file=v.txt"],
    "in .json": ["--sts_file=texts.txt", "--output_file=v.npy"],
    "--skip_bad_rows": ["--input_file=texts.txt", "--skip_bad_rows"],
    "--score_field": ["--input_file=texts.txt", "--score_field=a"],
    "--text_field": ["--sts_file=texts.txt", "--text_field=a"],
    "no text: put": ["--input_file=empty.txt"],
    "--overwrite": ["--input_file=texts.txt", "--output_file=there.npy"],
    "both input and output": [
        "--input_file=texts.npy",
        "--output_file=texts.npy",
        "--overwrite",
    ],
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_is_refused(run, tmp_path, words):
    for name in ("empty.txt", "there.npy", "texts.npy"):
        (tmp_path / name).write_text("")
    before = sorted(tmp_path.iterdir())
    code, printed, errors = run(*REFUSED[words])
    assert (code, printed) == (2, "")
    assert errors.count("\n") == 1
    assert words in errors
    assert sorted(tmp_path.iterdir()) == before
