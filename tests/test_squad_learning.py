# SPDX-License-Identifier: Apache-2.0
"""Finding answers can be learned by heart (minutes: marked slow)."""

import json
import pathlib

import pytest

SAMPLE = pathlib.Path(__file__).parents[1] / "data/sample/squad/train.json"


@pytest.mark.slow
@pytest.mark.parametrize("head", ["v1", "v2"])
def test_training_questions_are_learned_by_heart(tmp_path, run_process, head):
    config = {
        "vocab_size": 2000,
        "embedding_size": 64,
        "hidden_size": 128,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        "max_position_embeddings": 256,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    content = json.loads(SAMPLE.read_text("utf-8"))
    content["data"] = content["data"][:3]
    questions = tmp_path / "questions.json"
    questions.write_text(json.dumps(content), "utf-8")
    done = run_process(
        "run_squad.py",
        f"--albert_config_file={tmp_path}/config.json",
        "--spm_model_file=tests/golden/tokenization/spm2000.model",
        f"--train_file={questions}",
        f"--predict_file={questions}",
        f"--output_dir={tmp_path}/model",
        f"--head={head}",
        "--max_seq_length=256",
        "--train_batch_size=12",
        "--learning_rate=1e-3",
        "--num_train_steps=150",
        "--save_checkpoints_steps=150",
        "--do_train",
        "--do_eval",
    )
    assert done.returncode == 0, done.stderr[-2000:]
    results = json.loads((tmp_path / "model/eval_results.json").read_text())
    assert results["total"] == 12
    # All of them, or one less as the processor rounds.
    assert results["exact_match"] > 90, done.stdout
