# SPDX-License-Identifier: Apache-2.0
"""`albert serve`: from the command to the answer, and to the end."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import urllib.request

import pytest

import albert
from albert import model_directory
from albert import outputs
from albert.errors import ServerStopped
from albert.errors import UserError
from albert.serve import __main__ as command
from albert.serve import served_model

SPM = pathlib.Path(__file__).parents[1] / "golden/tokenization/spm2000.model"
HELP = """
import runpy, sys
sys.modules.update(tensorflow=None, starlette=None, uvicorn=None)
sys.argv = ["serve", *sys.argv[1:]]
runpy.run_module("albert.serve", run_name="__main__")
"""


@pytest.fixture
def run(run_main):
    return lambda *arguments: run_main(
        command.main,
        command.define_flags,
        *arguments,
        positional=("MODEL_DIR",),
    )


@pytest.mark.parametrize(
    "arguments, code, told",
    [
        (["--help"], 0, "--max_body_bytes"),
        ([], 2, "MODEL_DIR is missing"),
        (["model", "--port=70000"], 2, "port"),
        (["model", "--max_texts=0"], 2, "max_texts"),
        (["model"], 2, "pip install 'albert-keras[serve]'"),
        (["model"], 2, "starlette, uvicorn and tensorflow-text"),
    ],
)
def test_help_and_errors_need_no_library(arguments, code, told, run_process):
    found = run_process("-c", HELP, *arguments)
    assert found.returncode == code
    shown = found.stderr if code else found.stdout
    assert told in shown
    assert not code or shown.startswith("error: ") and shown.count("\n") == 1


def test_a_missing_tokenizer_is_told_at_once(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_text", None)
    code, _, error = run("nothing", "--port=0")
    assert code == 2 and "'tensorflow_text'" in error
    assert "albert-keras[serve]" in error and error.count("\n") == 1


def test_a_port_in_use_is_told_before_the_model_is_loaded(run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, _, error = run("nothing", f"--port={port}")
    assert code == 2
    assert error.startswith(f"error: --host 127.0.0.1 --port {port}: Address")
    assert error.count("\n") == 1


@pytest.mark.parametrize("host", ["192.0.2.7", "a..b", "é" * 70])
def test_an_address_that_is_not_ours(run, host):
    code, _, error = run("nothing", "--port=0", f"--host={host}")
    assert code == 2
    assert "--host" in error and error.count("\n") == 1


def test_a_name_that_no_path_can_have(run):
    code, _, error = run("nothing", "--model_name=a/b")
    assert code == 2 and "--model_name" in error


@pytest.mark.parametrize("host, warned", [("0.0.0.0", 1), ("127.0.0.1", 0)])
def test_a_door_that_is_open_to_others_is_told(run, monkeypatch, host, warned):
    def load(source, *engine):
        raise UserError(f"{source}: seen")

    monkeypatch.setattr(served_model, "load", load)
    code, _, error = run("a model", f"--host={host}", "--port=0")
    assert code == 2
    lines = error.splitlines()
    assert lines[-1] == "error: a model: seen"
    assert len(lines) == 1 + warned
    assert not warned or lines[0].startswith("warning: listening at 0.0.0.0")


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_signals_stop_it_while_it_loads(signal_number):
    before = signal.getsignal(signal_number)
    with pytest.raises(ServerStopped), command._stop_by_signal():
        os.kill(os.getpid(), signal_number)
    assert signal.getsignal(signal_number) is before


@pytest.fixture
def directory(tmp_path):
    config = albert.AlbertConfig(
        vocab_size=2000,
        embedding_size=6,
        hidden_size=22,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=26,
        max_position_embeddings=37,
    )
    path = tmp_path / "model"
    path.mkdir()
    model_directory.write_description(path, config, albert.Tokenizer(SPM))
    albert.save_weights(
        albert.AlbertClassifier(config, 2), path / "model.ckpt-best"
    )
    outputs.write_json(
        path / model_directory.TASK_FILE,
        {
            "task_name": "thing",
            "kind": "classification",
            "labels": ["no", "yes"],
            "max_seq_length": 31,
        },
    )
    return path


def test_from_the_command_to_the_answer_and_to_the_end(directory, tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "albert.serve", str(directory), "--port=0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    try:
        assert process.stdout.readline().endswith("model, classification\n")
        url = process.stdout.readline().split()[1]
        assert url.startswith("http://127.0.0.1:")
        with urllib.request.urlopen(url, timeout=60) as response:
            assert b"Try the model" in response.read()
        body = json.dumps({"instances": ["good"]}).encode()
        with urllib.request.urlopen(
            f"{url}v1/models/albert:predict", body, timeout=60
        ) as response:
            (answer,) = json.load(response)["predictions"]
        assert answer["labels"] == ["no", "yes"]
        process.send_signal(signal.SIGTERM)
        rest, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0
    assert rest == ""
    assert error.splitlines()[-1] == "Stopped."
    assert "Traceback" not in error
    assert not list(temporary.iterdir())
