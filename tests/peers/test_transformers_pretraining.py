# SPDX-License-Identifier: Apache-2.0
"""The peer of the comparison of recipes: transformers in a plain loop."""

import importlib
import json
import pathlib
import sys

import numpy as np
import pytest
import torch

ROOT = pathlib.Path(__file__).parents[2]
SAMPLE = ROOT / "data" / "sample"


@pytest.fixture
def peer(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module("transformers_pretraining")


def test_labels_stand_at_the_masked_positions(peer):
    batch = {
        "input_ids": np.array([[2, 7, 4, 4, 3, 0, 0]]),
        "input_mask": np.array([[1, 1, 1, 1, 1, 0, 0]]),
        "segment_ids": np.array([[0, 0, 0, 1, 1, 0, 0]]),
        "masked_lm_positions": np.array([[2, 3, 0]]),
        "masked_lm_ids": np.array([[11, 13, 0]]),
        "masked_lm_weights": np.array([[1, 1, 0]]),
        "next_sentence_labels": np.array([[1]]),
    }
    inputs = peer.transformers_peer.pretraining_inputs(batch)
    ignored = -100
    assert inputs["labels"].tolist() == [
        [ignored, ignored, 11, 13, ignored, ignored, ignored]
    ]
    assert inputs["sentence_order_label"].tolist() == [1]
    assert inputs["token_type_ids"].tolist() == [[0, 0, 0, 1, 1, 0, 0]]


def test_losses_count_what_is_predicted_alone(peer):
    logits = torch.log(torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]))
    number, losses, hits = peer._sums(logits, torch.tensor([1, -100]))
    assert (number, hits) == (1, 0)
    assert losses == pytest.approx(np.log(4))


def test_a_row_stands_beside_those_of_learning(
    peer, tmp_path, monkeypatch, capsys
):
    learning = importlib.import_module("learning")
    monkeypatch.setattr(learning, "VOCABULARY", 1000)
    monkeypatch.setattr(peer, "EVALUATION_BATCHES", 2)
    monkeypatch.setattr(peer, "CURVE_BATCHES", 1)
    pairs = tmp_path / "pairs" / "agreement.jsonl"
    pairs.parent.mkdir()
    pairs.write_text(
        '{"sentence_good": "She goes home.", "sentence_bad": "She go home."}\n'
        '{"sentence_good": "They go home.", "sentence_bad": "They goes."}\n'
    )
    text = str(SAMPLE / "eval" / "*.txt")
    flags = ["--text", text, "--held_out", text, "--pairs", str(pairs)]
    folder = ["--output_dir", str(tmp_path)]
    arguments = learning.make_parser().parse_args([*folder, *flags])
    learning.Bench(str(tmp_path)).prepare(arguments)
    program = "transformers_pretraining.py"
    monkeypatch.setattr(
        sys,
        "argv",
        [program, *folder, "--text", text, "--quick", "--learning_rates=1e-3"],
    )
    peer.main()
    (path,) = tmp_path.glob("results/*.json")
    row = json.loads(path.read_text())
    # Near no idea of 1,000 pieces: how many steps it makes is the machine's.
    assert 0 < row["results"]["masked_lm_loss"] < 1.1 * np.log(1000)
    assert row["results"]["pairs"] in (0, 0.5, 1)
    assert row["curve"][-1][1] >= 0.1
    assert row["curve"][-1][2] == row["results"]["masked_lm_loss"]
    assert "AdamW, 0.001" in "".join(learning.table([row]))
    # What is there is not trained again.
    before = path.stat().st_mtime_ns
    peer.main()
    assert path.stat().st_mtime_ns == before
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--text=other.txt"])
    monkeypatch.setattr(peer.glob, "glob", lambda pattern: [pattern])
    with pytest.raises(SystemExit):
        peer.main()
    assert f"{tmp_path} is of {text}: give that" in capsys.readouterr().err
