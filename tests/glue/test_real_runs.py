# SPDX-License-Identifier: Apache-2.0
"""The command `albert glue` with `albert classify` itself."""

import json
import pathlib
import zipfile

import keras
import pytest

import albert
from albert.glue import __main__ as command
from albert.interchange.weights import save_weights
from albert.text.tokenizer import Tokenizer

VOCABULARY = (
    pathlib.Path(__file__).parents[1] / "golden/tokenization/spm2000.model"
)


@pytest.mark.slow
def test_three_tasks(tmp_path, make_glue, run_main, small_config):
    glue = make_glue(tmp_path / "glue", ["mnli", "rte", "ax"])
    keras.utils.set_random_seed(3)
    save_weights(
        albert.AlbertPretrainer(albert.AlbertConfig(**small_config)),
        tmp_path / "pretrained",
        "model_dir",
        Tokenizer(VOCABULARY),
    )

    def run():
        return run_main(
            command.main,
            command.define_flags,
            f"--data_dir={glue}",
            f"--init_checkpoint={tmp_path}/pretrained",
            f"--output_dir={tmp_path}/out",
            "--tasks=mnli,rte,ax",
            "--train_batch_size=2",
            "--num_train_steps=2",
            "--max_seq_length=20",
            "--early_stopping_patience=9",
            "--freeze=embeddings",
        )

    code, printed, errors = run()
    assert code == 0, errors
    assert printed.count("---- ") == 5
    started = tmp_path / "out" / "rte" / "seed_12345" / "run.json"
    assert json.loads(started.read_text())["init_checkpoint"].startswith(
        f"{tmp_path}/out/mnli/seed_12345"
    )
    results = json.loads((tmp_path / "out/glue_results.json").read_text())
    assert set(results["tasks"]) == {"mnli", "rte", "ax"}
    archive = zipfile.ZipFile(tmp_path / "out/submission_incomplete.zip")
    assert archive.namelist() == [
        "MNLI-m.tsv",
        "MNLI-mm.tsv",
        "RTE.tsv",
        "AX.tsv",
    ]
    rows = archive.read("MNLI-mm.tsv").decode().splitlines()
    assert [row.split("\t")[0] for row in rows[1:]] == list("0123456")
    code, printed, errors = run()
    assert code == 0, errors
    assert printed.count(": finished before") == 5
