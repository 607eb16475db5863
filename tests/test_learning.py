# SPDX-License-Identifier: Apache-2.0
"""The main job on the sample text really learns (minutes: marked slow)."""

import json

import pytest


@pytest.mark.slow
def test_pretraining_beats_word_frequency(tmp_path, run_process):
    def run(*arguments):
        done = run_process(*arguments)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    vocabulary = tmp_path / "vocabulary"
    run(
        "data/create_vocabulary.py",
        "--input_file=data/sample/train/*.txt",
        f"--output_prefix={vocabulary}",
        "--vocab_size=2000",
    )
    for part, passes in (("train", 5), ("eval", 1)):
        run(
            "data/create_pretraining_data.py",
            f"--input_file=data/sample/{part}/*.txt",
            f"--output_file={tmp_path / part}.tfrecord",
            f"--spm_model_file={vocabulary}.model",
            "--max_seq_length=32",
            "--max_predictions_per_seq=5",
            f"--dupe_factor={passes}",
        )
    output = run(
        "run_pretraining.py",
        f"--input_file={tmp_path}/train.tfrecord",
        f"--eval_input_file={tmp_path}/eval.tfrecord",
        f"--output_dir={tmp_path}/model",
        "--model_size=tiny",
        "--train_batch_size=32",
        "--num_train_steps=700",
        "--save_checkpoints_steps=350",
    )
    results = json.loads((tmp_path / "model/eval_results.json").read_text())
    # Word frequency alone is what a collapsed model reaches.
    assert results["masked_lm_accuracy"] > (
        1.3 * results["baseline"]["masked_lm_accuracy"]
    ), output
    filled = run(
        "-m",
        "albert.fill_mask",
        tmp_path / "model",
        "He looked at [MASK] with a smile.",
    )
    assert len(filled.splitlines()) == 2
