# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run to their ends; these measure nothing."""

import json
import os
import pathlib
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]


@pytest.mark.slow
def test_gpu_benchmark_runs_on_a_cpu(tmp_path):
    subprocess.run(
        [
            sys.executable,
            "benchmarks/gpu.py",
            "--quick",
            "--parts=goldens,restart,steps",
            f"--output={tmp_path / 'gpu.json'}",
            f"--folder={tmp_path / 'run'}",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    results = json.loads((tmp_path / "gpu.json").read_text())
    goldens = results["goldens"]
    assert goldens["tf32_off"]["gradients"] < 1e-5
    assert goldens["tf32_off_jit_compile"]["sequence_output"] < 1e-5
    assert 0 < results["restart"]["killed_after_step"] < 40
    assert results["restart"]["largest_difference"] == 0.0
    for name in ("tiny_32", "tiny_32_jit_compile"):
        assert results[name]["usual"]["train_sequences_per_s"] > 0


@pytest.mark.slow
def test_input_pipeline_benchmark_reads_records():
    done = subprocess.run(
        [
            sys.executable,
            "benchmarks/input_pipeline.py",
            "--batch=3",
            "--steps=7",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout)["sequences_per_processor_s"] > 0
