# SPDX-License-Identifier: Apache-2.0
"""Runs on records that are masked while training."""

import shutil

import pytest


@pytest.fixture(scope="session")
def unmasked_inputs(inputs, tokenizer_file, call_recipe, tmp_path_factory):
    """As ``inputs``, but the records of train and eval have no masks."""
    folder = tmp_path_factory.mktemp("unmasked_inputs")
    for name, more in (("train", ["--num_shards=2"]), ("eval", [])):
        call_recipe(
            "data/create_pretraining_data.py",
            "--masking=dynamic",
            f"--input_file={inputs / name}.txt",
            f"--output_file={folder / name}.tfrecord",
            f"--spm_model_file={tokenizer_file}",
            "--max_seq_length=32",
            "--max_predictions_per_seq=5",
            "--num_workers=1",
            *more,
        )
    shutil.copy(inputs / "config.json", folder)
    return folder


@pytest.fixture(scope="session")
def trained_unmasked(unmasked_inputs, run, tmp_path_factory):
    """A model directory after three steps; not to be changed."""
    out = tmp_path_factory.mktemp("trained_unmasked") / "model"
    code, printed, errors = run(unmasked_inputs, out)
    assert code == 0, errors
    return out, printed, errors


@pytest.mark.slow
def test_evaluation_alone_is_that_of_training(
    unmasked_inputs, trained_unmasked, tmp_path, run, read, results_of
):
    settings = read(trained_unmasked[0], "run.json")
    assert settings["masked_lm_prob"] == 0.15
    assert settings["max_predictions_per_seq"] == 5
    assert "predicting by word frequency" in trained_unmasked[2]
    code, _, errors = run(
        unmasked_inputs,
        tmp_path / "alone",
        "--nodo_train",
        f"--init_checkpoint={trained_unmasked[0]}/model.ckpt-3",
    )
    assert code == 0, errors
    there, here = map(results_of, (trained_unmasked[0], tmp_path / "alone"))
    # Alone, the evaluation records are all that frequencies can come from.
    for results in (there, here):
        results.pop("baseline")
    # The masks that it is evaluated on never change.
    assert there == here


@pytest.mark.slow
def test_another_share_of_masks_is_another_run(
    unmasked_inputs, trained_unmasked, contents, run
):
    before = contents(trained_unmasked[0])
    code, _, errors = run(
        unmasked_inputs, trained_unmasked[0], "--masked_lm_prob=0.3"
    )
    assert code == 2
    assert "masked_lm_prob 0.15 there, 0.3 here" in errors.splitlines()[-1]
    assert contents(trained_unmasked[0]) == before


def test_records_of_both_kinds_are_refused(
    inputs, unmasked_inputs, tmp_path, run
):
    out = tmp_path / "model"
    code, _, errors = run(
        unmasked_inputs,
        out,
        f"--input_file={unmasked_inputs}/train-*,{inputs}/train-*",
    )
    assert code == 2
    last = errors.splitlines()[-1]
    assert "of 4 record files, 2 hold unmasked segment pairs" in last
    assert not out.exists()


def test_masked_records_keep_their_masks(inputs, tmp_path, run):
    out = tmp_path / "model"
    code, _, errors = run(inputs, out, "--masked_lm_prob=0.3")
    assert code == 2
    assert "--masked_lm_prob=0.3 changes nothing" in errors.splitlines()[-1]
    assert not out.exists()


@pytest.mark.slow
def test_killed_run_ends_as_if_it_had_not_been(
    unmasked_inputs, tmp_path, assert_killed_run_ends_as_whole
):
    assert_killed_run_ends_as_whole(unmasked_inputs, tmp_path)
