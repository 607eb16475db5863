# SPDX-License-Identifier: Apache-2.0
"""The benchmarks run to their ends, and count and divide rightly.

What they measure here is nothing: sizes are tiny and the machine is busy.
"""

import json
import os
import pathlib
import subprocess
import sys
import time
from importlib import import_module

import numpy as np
import pytest

import albert

ROOT = pathlib.Path(__file__).parents[1]


def run(*words, **options):
    return subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        **options,
    )


def test_flops_of_base():
    flops = import_module("flops")
    config = albert.AlbertConfig.named("base")
    # 84,934,656 weights of 12 layers, each used once a token.
    assert flops.dense_flops(config, 1) == 2 * 84_934_656
    encoder = flops.forward_flops(config, 128)
    attention = 12 * 4 * 128 * 128 * 768
    projection, pooler = 128 * 2 * 128 * 768, 2 * 768 * 768
    assert encoder == 128 * 2 * 84_934_656 + attention + projection + pooler
    step = flops.training_flops(config, 128, 20)
    assert step == 3 * (encoder + 20 * 2 * 128 * (768 + 30000))
    assert 16 * step == pytest.approx(1.1e12, rel=0.02)


def test_flops_without_projection():
    flops = import_module("flops")
    narrow = albert.AlbertConfig.named("tiny", embedding_size=128)
    wide = albert.AlbertConfig.named("tiny", embedding_size=256)
    difference = flops.forward_flops(narrow, 7) - flops.forward_flops(wide, 7)
    assert difference == 7 * 2 * 128 * 256


def test_ratio_is_that_of_pairs():
    # The medians' quotient would be 1.5.
    ratios = import_module("measurements").ratios(
        [1.0, 2.0, 4.0], [3.0, 2.0, 12.0]
    )
    assert ratios == (3.0, 1.0, 3.0)


def test_share_of_limit():
    # 10 FLOP at 5 FLOP/s take 2 s at least; half of that speed is reached.
    share = import_module("measurements").share_of_limit([4.0], 10, [0.2], 1)
    assert share == 0.5


def test_table():
    measurements = import_module("measurements")
    program = {"peak_memory_bytes": 3.21e9, "first_seconds": 4.56}
    programs = [
        {**program, "name": "own", "seconds": [1, 2], "share_of_limit": 0.345},
        {**program, "name": "peer", "seconds": [3, 5]},
        {
            **program,
            "name": "limit",
            "seconds": [0.5, 0.5],
            "tflops_per_second": [1.5, 2.5],
            "versions": {"b": "2"},
        },
    ]
    lines = measurements.table([{"work": "step", "programs": programs}])
    assert lines[2:] == [
        "| step | own | 1.5 (1 to 2) |  | 34% | 3.21 | 4.6 |",
        "| step | peer | 4 (3 to 5) | 2.75 (2.50 to 3.00) |  | 3.21 | 4.6 |",
        "| step | limit | 0.5 (0.5 to 0.5) |  |  | 3.21 | 4.6 |",
    ]
    for each in programs[:2]:
        each["versions"] = {"a": "1"}
    assert measurements.limits_and_versions(
        [{"work": "step", "programs": programs}]
    ) == ["limit of step: 2 TFLOP/s (1.5 to 2.5)", "a 1, b 2"]


def test_machine_is_named(tmp_path):
    measurements = import_module("measurements")
    path = tmp_path / "cpuinfo"
    text = "model name\t: Some EPYC\nflags\t\t: sse avx512_bf16\n\n"
    path.write_text(text + "model name\t: Other\n")
    machine = measurements.machine(path)
    assert machine["avx512_bf16"] and not machine["amx_bf16"]
    assert measurements.describe_machine({**machine, "cores": 3}) == (
        "Some EPYC, 3 cores, without amx_bf16, with avx512_bf16"
    )


def test_worker_is_that_of_its_folders(tmp_path, monkeypatch):
    # Two checkouts were the same one: that of the current directory.
    for name in ("earlier", "current"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "probe.py").write_text(
            "from workers import protocol\n"
            "works = {'any': lambda work: lambda: None}\n"
            f"protocol.serve(works, {{'probe': '{name}'}})\n"
        )
    monkeypatch.chdir(tmp_path / "current")
    folders = [str(tmp_path / "earlier"), str(ROOT / "benchmarks")]
    worker = import_module("workers.protocol").Worker(
        "probe", sys.executable, "probe", folders, {"kind": "any"}
    )
    try:
        assert worker.versions == {"probe": "earlier"}
    finally:
        worker.close()


SEQUENCES = {
    "input_ids": np.arange(1, 14, dtype=np.int32),
    "row_splits": np.array([0, 3, 8, 9, 13]),
    "segment_starts": np.array([3, 2, 1, 4], np.int32),
    "label_ids": np.array([0, 1, 2, 3], np.int32),
}


def test_batches_of_evaluation():
    batches = import_module("workers.batches")
    first, last = batches.evaluation_batches(SEQUENCES, 3, sort=False)
    assert first["input_ids"].shape == (3, 5)
    assert last["input_ids"].tolist() == [[10, 11, 12, 13, 0]]
    assert first["segment_ids"].sum(axis=1).tolist() == [0, 3, 0]
    assert first["input_mask"].sum(axis=1).tolist() == [3, 5, 1]
    first, last = batches.evaluation_batches(SEQUENCES, 2, sort=True)
    assert first["label_ids"].tolist() == [1, 3]
    assert last["input_ids"].tolist() == [[1, 2, 3], [9, 0, 0]]


def test_batches_of_training_hold_each_example_once():
    batches = import_module("workers.batches")
    lengths = np.random.default_rng(1).integers(1, 30, 211)
    sequences = {
        "input_ids": np.ones(lengths.sum(), np.int32),
        "row_splits": np.concatenate([[0], lengths.cumsum()]),
        "segment_starts": lengths,
        "label_ids": np.arange(211),
    }
    found = batches.training_batches(sequences, 2, seed=5)
    rows = np.concatenate([batch["label_ids"] for batch in found])
    assert sorted(rows) == list(range(211))
    assert rows[0] != 0
    widths = [batch["input_ids"].shape[1] for batch in found]
    assert widths[:50] == sorted(widths[:50], reverse=True)
    assert widths != sorted(widths, reverse=True)


def test_time_of_an_op_is_without_those_inside():
    own_times = import_module("op_times").own_times
    # a: 0 to 10, with b and c inside, d inside c; e behind it.
    events = [
        (4, 5, "c"),
        (0, 10, "a"),
        (5, 2, "d"),
        (1, 3, "b"),
        (10, 7, "e"),
    ]
    assert dict(own_times(events)) == {"a": 2, "b": 3, "c": 3, "d": 2, "e": 7}


@pytest.mark.parametrize(
    "name, layer",
    [
        (
            "while/body/_1/while/StatefulPartitionedCall/albert_pretrainer_1/"
            "encoder_1/feed_forward_0_0_3/layer_norm_1/Rsqrt",
            "encoder/feed_forward/layer_norm",
        ),
        (
            "while/StatefulPartitionedCall/gradient_tape/albert_pretrainer_1/"
            "masked_lm_1/MatMul/MatMul_1",
            "gradient of masked_lm",
        ),
        ("while/body/_1/while/lamb/mul_117", "lamb"),
        ("while/body/_1/while/StatefulPartitionedCall/Sum_13", "no layer"),
    ],
)
def test_layer_of_an_op(name, layer):
    assert import_module("op_times").layer_of(name) == layer


def test_ops_are_summed_for_a_step():
    op_times = import_module("op_times")
    ops = [
        op_times.Op("x/a", "Mul", 2.0),
        op_times.Op("x/b", "Add", 8.0),
        op_times.Op("y/c", "Mul", 3.0),
    ]
    assert op_times.summarize(ops, lambda op: op.type, 2) == [
        ("Add", 4.0, 0.5),
        ("Mul", 2.5, 1.0),
    ]


@pytest.mark.slow
def test_op_times_of_a_step():
    done = run(
        "benchmarks/op_times.py",
        "--size=tiny",
        "--shape=2x16",
        "--steps=2",
        "--dtype=float32",
        stdout=subprocess.PIPE,
        check=True,
    )
    lines = done.stdout.decode().splitlines()
    assert "ms of it in matrix products" in lines[1]
    rows = dict(line.strip("| ").split(" | ", 1) for line in lines[4:])
    # A step of LAMB reads each of 27 weights several times.
    assert int(rows["ReadVariableOp"].split()[-1]) > 27


@pytest.mark.slow
def test_picture_of_step_times(tmp_path):
    picture = tmp_path / "step_times.svg"
    done = run(
        "benchmarks/step_times.py",
        str(picture),
        "--size=tiny",
        "--length=16",
        "--batch=2",
        "--rounds=1",
        *("--lengths", "16", "24"),
        *("--batches", "2"),
        *("--layers", "2"),
        *("--sizes", "tiny"),
        stdout=subprocess.PIPE,
        check=True,
    )
    assert len(done.stdout.decode().splitlines()) == 5
    assert picture.read_text().startswith("<?xml")


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--work=training"], "choose all or of pretraining"),
        (["--work=mrpc"], "--work=mrpc needs --data_dir"),
        (["--shapes=16"], "--shapes must look like 16x128"),
        (["--dtype=float16"], "--dtype: choose of bfloat16, float32"),
    ],
)
def test_mistakes_in_flags_are_explained(flags, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["benchmarks/compare.py", *flags])
    with pytest.raises(SystemExit) as end:
        import_module("compare").main()
    assert end.value.code == 2
    assert message in capsys.readouterr().err


@pytest.mark.slow
def test_comparison_runs_without_peers(tmp_path):
    text = tmp_path / "text.txt"
    text.write_text("The cat sat.\n\nWhere did the old cat sit?\nHere.\n")
    folder = tmp_path / "MRPC"
    folder.mkdir()
    rows = ["Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"]
    rows += [f"{i % 2}\t1\t2\tThe cat sat {i}.\tIt sat." for i in range(5)]
    (folder / "train.tsv").write_text("\n".join(rows) + "\n")
    output = tmp_path / "speed.json"
    done = run(
        "benchmarks/compare.py",
        "--work=pretraining,encode,sentences,mrpc",
        "--size=tiny",
        "--shapes=2x16",
        "--dtype=bfloat16",
        "--rounds=2",
        f"--text_file={text}",
        f"--data_dir={tmp_path}",
        "--spm_model_file=tests/golden/tokenization/spm2000.model",
        f"--earlier={ROOT}",
        f"--output={output}",
        stdout=subprocess.PIPE,
        check=True,
    )
    results = json.loads(output.read_text())["results"]
    assert [result["work"].split(",")[0] for result in results] == [
        "pretraining",
        "encode",
        "sentences",
        "mrpc",
    ]
    for result in results:
        names = [program["name"] for program in result["programs"]]
        assert names[:2] == ["this project", "this project, earlier"]
        for program in result["programs"]:
            assert len(program["seconds"]) == 2
            assert min(program["seconds"]) > 0
            assert program["peak_memory_bytes"] > 1e8
            assert program["first_seconds"] > 0
    assert results[0]["programs"][0]["share_of_limit"] > 0
    table = done.stdout.decode()
    assert "| mrpc, tiny, bfloat16, 2 × 16 | this project |" in table
    assert f"albert {albert.__version__}" in table


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
        assert results[name]["train_sequences_per_s"] > 0
        assert results[name]["encode_sequences_per_s"] > 0


def test_gpu_benchmark_ends_in_time(tmp_path):
    start = time.perf_counter()
    subprocess.run(
        [
            sys.executable,
            "benchmarks/gpu.py",
            "--quick",
            "--parts=goldens,peak",
            "--seconds=0.5",
            f"--output={tmp_path / 'gpu.json'}",
            f"--folder={tmp_path / 'run'}",
        ],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
    )
    assert time.perf_counter() - start < 60
    results = json.loads((tmp_path / "gpu.json").read_text())
    assert results["goldens"]["error"].startswith("not done in ")
    assert results["peak"]["left_out"] == "not begun in 0.5 s"


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
