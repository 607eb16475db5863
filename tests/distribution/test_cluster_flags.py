# SPDX-License-Identifier: Apache-2.0
"""Devices and clusters that are not there are refused at once."""

import json
import pathlib
import socket
import subprocess
import sys
import textwrap
import types

import numpy as np
import pytest

from albert.errors import UserError
from albert.training import cluster
from albert.training import coordination
from albert.training import distribution

ROOT = pathlib.Path(__file__).parents[2]
WORKERS = "--distribution_strategy=multi_worker_mirrored"
HOSTS = ["127.0.0.1:2222", "127.0.0.1:2223"]


def tf_config(kind="worker", index=0, **cluster):
    return json.dumps(
        {
            "cluster": cluster or {"worker": HOSTS},
            "task": {"type": kind, "index": index},
        }
    )


@pytest.mark.parametrize(
    "text, words",
    [
        ("", ["TF_CONFIG=''", "names no workers", "it must be like"]),
        ("{}", ["names no workers", "unset it"]),
        ("{'cluster': {}}", ["cannot be read", "it must be like"]),
        ("[1, 2]", ["cannot be read"]),
        ('{"task": {"type": "worker", "index": 0}}', ["'cluster'"]),
        ('{"cluster": {"worker": ["a:1", "b:1"]}}', ["'task'"]),
        (json.dumps({"cluster": HOSTS, "task": {}}), ["it must be like"]),
        (tf_config(index=2), ["worker 2", "not in its cluster"]),
        (tf_config(index=-1), ["worker -1", "not in its cluster"]),
        (tf_config(index="first"), ["first", "it must be like"]),
        (tf_config(kind="chief"), ["chief 0", "not in its cluster"]),
        (tf_config(worker="127.0.0.1:2222"), ["once, as host:port"]),
        (tf_config(worker=["127.0.0.1"]), ["once, as host:port"]),
        (tf_config(worker=HOSTS[:1] * 2), ["once, as host:port"]),
        (
            tf_config(worker=HOSTS, ps=["127.0.0.1:2224"]),
            ["tasks of type ps", "chief and worker", "TFJob", "type PS"],
        ),
        (tf_config(kind="ps", ps=HOSTS, worker=HOSTS), ["type ps"]),
        (tf_config(worker=HOSTS, evaluator=HOSTS[:1]), ["type evaluator"]),
        (tf_config("evaluator"), ["type evaluator", "Vertex AI", "leave"]),
        (
            tf_config("master", chief=HOSTS[:1], master=HOSTS[1:]),
            ["type master"],
        ),
    ],
)
def test_tf_config_that_is_none(
    pretraining, tmp_path, monkeypatch, text, words, run_command, assert_refused
):
    monkeypatch.setenv("TF_CONFIG", text)
    out = tmp_path / "model"
    outcome = run_command(*pretraining(out), "--nodeterministic", WORKERS)
    assert_refused(*outcome, ["TF_CONFIG", *words])
    assert not out.exists()


@pytest.fixture
def slurm(monkeypatch):
    """Sets what SLURM says to the third of three tasks on two nodes."""
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.delenv("SLURM_STEP_RESV_PORTS", raising=False)
    for name, value in {
        "PROCID": "2",
        "STEP_NUM_TASKS": "3",
        "STEP_NODELIST": "n[1-2]",
        "STEP_TASKS_PER_NODE": "2,1",
        "STEP_ID": "0",
        "JOB_ID": "123456",
    }.items():
        monkeypatch.setenv(f"SLURM_{name}", value)


@pytest.fixture
def addresses(monkeypatch):
    """Function to the addresses that are found, whatever ports are free."""
    monkeypatch.setattr(cluster, "check_port", lambda address, remedy: None)

    def find():
        resolver = cluster.find_resolver(num_gpus=0)
        found = resolver.cluster_spec().as_dict()
        return found, resolver.task_type, resolver.task_id

    return find


def test_ports_of_slurm_depend_on_the_job(slurm, addresses, monkeypatch):
    found, *task = addresses()
    assert task == ["worker", 2]
    assert found == {"worker": ["n1:22296", "n1:22297", "n2:22296"]}
    monkeypatch.setenv("SLURM_JOB_ID", "123457")
    others, *_ = addresses()
    assert not set(found["worker"]) & set(others["worker"])
    monkeypatch.delenv("SLURM_JOB_ID")
    with pytest.raises(UserError, match="SLURM_JOB_ID.*srun"):
        addresses()


def test_ports_that_slurm_has_reserved(slurm, addresses, monkeypatch):
    monkeypatch.setenv("SLURM_STEP_RESV_PORTS", "12003,12007-12008")
    found, *_ = addresses()
    assert found == {"worker": ["n1:12003", "n1:12007", "n2:12003"]}
    monkeypatch.setenv("SLURM_STEP_RESV_PORTS", "12003")
    with pytest.raises(UserError, match="2 tasks .* 1 ports .*resv-ports=2"):
        addresses()
    monkeypatch.setenv("SLURM_STEP_RESV_PORTS", "many")
    with pytest.raises(UserError, match="SLURM does not say"):
        addresses()


def test_a_master_is_a_chief(addresses, monkeypatch):
    text = tf_config("master", master=HOSTS[:1], worker=HOSTS[1:])
    monkeypatch.setenv("TF_CONFIG", text)
    expected = {"chief": HOSTS[:1], "worker": HOSTS[1:]}
    assert addresses() == (expected, "chief", 0)


def test_a_port_that_is_taken():
    with socket.socket() as other:
        other.bind(("", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(UserError) as error:
            cluster.check_port(f"node7:{port}", "choose another")
    line = f"port {port} of node7, the address of this worker, cannot be used"
    assert str(error.value).startswith(line)
    assert "Address already in use" in str(error.value)
    assert str(error.value).endswith("choose another")
    cluster.check_port(f"node7:{port}", "choose another")
    with pytest.raises(UserError, match="port 70000 "):
        cluster.check_port("node7:70000", "choose another")


@pytest.mark.parametrize(
    "text, words",
    [
        (tf_config(), "--distribution_strategy=mirrored takes no notice"),
        ("{", "takes no notice"),
        ("{}", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_tf_config_that_is_not_used(text, words, monkeypatch, caplog):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    cluster.warn_of_unused("mirrored")
    assert words in caplog.text and bool(words) == bool(caplog.text)


@pytest.mark.parametrize(
    "given, words",
    [
        ([WORKERS], ["TF_CONFIG", "srun"]),
        (
            [WORKERS, "--all_reduce_alg=hierarchical_copy"],
            ["hierarchical_copy", "multi_worker_mirrored", "auto, nccl, ring"],
        ),
        (
            ["--distribution_strategy=mirrored", "--all_reduce_alg=ring"],
            ["ring is not for", "mirrored", "nccl, hierarchical_copy"],
        ),
        (["--all_reduce_alg=nccl"], ["nccl is not for", "one_device"]),
        (["--distribution_strategy=ps"], ["--distribution_strategy", "ps"]),
        (["--num_gpus=1"], ["--num_gpus=1", "0 GPU(s)", "smaller"]),
        (["--num_gpus=3"], ["--num_gpus=3", "strategy=mirrored"]),
        (["--num_gpus=-1"], ["--num_gpus"]),
        (["--tpu=local"], ["--tpu is for", "--distribution_strategy=tpu"]),
        (
            ["--distribution_strategy=tpu", "--num_gpus=1"],
            ["--num_gpus is not for"],
        ),
        (
            ["--train_batch_size=10", "--gradient_accumulation_steps=4"],
            ["--train_batch_size 10", "4 accumulation", "multiple of 4"],
        ),
        (["--output_dir=gs://bucket/model"], ["gs://bucket/model", "path"]),
    ],
)
def test_devices_that_do_not_fit(
    pretraining,
    tmp_path,
    monkeypatch,
    given,
    words,
    run_command,
    assert_refused,
):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "model"
    outcome = run_command(*pretraining(out), "--nodeterministic", *given)
    assert_refused(*outcome, words)
    assert list(tmp_path.iterdir()) == []


def test_batches_of_evaluations_that_differ_between_workers(monkeypatch):
    def gather(strategy, values):
        return np.array([[8], values])

    alone = types.SimpleNamespace(num_replicas_in_sync=1)
    monkeypatch.setattr(distribution, "get_strategy", lambda **_: alone)
    monkeypatch.setattr(coordination, "finish", lambda _: None)
    monkeypatch.setattr(coordination, "gather", gather)
    assert distribution.start(8) is alone
    with pytest.raises(UserError, match=r"have \[7, 8\]: --eval_batch_size"):
        distribution.start(7)


@pytest.mark.slow
def test_a_batch_that_workers_cannot_share(launcher, pretraining, tmp_path):
    """Both say so, and neither waits for the other."""
    command = pretraining(tmp_path / "model", WORKERS, "--train_batch_size=9")
    for worker in launcher.start_workers(*command):
        words = "--train_batch_size 9 is not divisible by 2 replica(s)"
        assert words in worker.refusal()
    assert not (tmp_path / "model").exists()


@pytest.mark.slow
def test_no_tpu(tmp_path):
    """In a process of its own: TensorFlow connects once."""
    script = textwrap.dedent(
        """
        import tensorflow as tf
        import albert
        from albert.training import distribution
        for tpu in (None, "local", "no-such-tpu", "grpc://127.0.0.1:1"):
            try:
                distribution.get_strategy("tpu", tpu=tpu)
            except albert.UserError as error:
                print(error)
        """
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    lines = done.stdout.splitlines()
    names = ("", "local", "no-such-tpu", "grpc://127.0.0.1:1")
    for line, tpu in zip(lines, names, strict=True):
        assert line.startswith(f"--tpu={tpu}: no TPU can be used (")
        assert "--tpu=local" in line and "--tpu_zone" in line


@pytest.mark.slow
def test_a_worker_says_whom_it_waits_for(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", tf_config())
    script = textwrap.dedent(
        """
        from absl import logging
        logging.set_verbosity(logging.INFO)
        from albert.training import distribution
        distribution.get_strategy("multi_worker_mirrored")
        """
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as process:
        for line in process.stderr:
            if "waiting until all workers are there" in line:
                break
        assert line.endswith(f": {', '.join(HOSTS)}\n")
        assert process.poll() is None
        process.kill()
