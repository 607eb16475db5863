# SPDX-License-Identifier: Apache-2.0
"""Models by their names, with the real client and a hub on loopback."""

import importlib.util
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

import albert

HERE = pathlib.Path(__file__).parent
GOLDEN = HERE.parent / "golden"
# Fetches the names it is given, and prints directories or what is said.
FETCH = """
import sys
from albert.errors import UserError
from albert.interchange import hubs
for name in sys.argv[1:]:
    try:
        print(hubs.fetch(name))
    except UserError as error:
        print("refused:", error)
"""
# What the repository of albert/albert-base-v2 holds.
FILES = {
    ".gitattributes": b"*.bin filter=lfs",
    "README.md": b"# A model",
    "config.json": b"{}",
    "flax_model.msgpack": b"f" * 50,
    "model.safetensors": b"s" * 5000,
    "pytorch_model.bin": b"p" * 50,
    "rust_model.ot": b"r" * 50,
    "spiece.model": b"m" * 50,
    "tf_model.h5": b"t" * 50,
    "tokenizer.json": b"{}",
    "with-prefix-tf_model.h5": b"w" * 50,
}
NEEDED = [
    "README.md",
    "config.json",
    "model.safetensors",
    "spiece.model",
    "tokenizer.json",
]


def load_server():
    spec = importlib.util.spec_from_file_location(
        "hub_server", HERE / "hub_server.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.HubServer()


@pytest.fixture
def hub():
    with load_server() as hub:
        hub.models["albert/base"] = dict(FILES)
        yield hub


@pytest.fixture
def run(hub, tmp_path):
    """Function of arguments of Python: (status, output, errors)."""

    def run(*arguments, **variables):
        done = subprocess.run(
            [sys.executable, *map(str, arguments)],
            env={
                **os.environ,
                "HF_ENDPOINT": hub.address,
                "HF_HOME": str(tmp_path / "home"),
                "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                **variables,
            },
            capture_output=True,
            text=True,
        )
        return done.returncode, done.stdout.splitlines(), done.stderr

    return run


def test_what_is_fetched_and_kept(hub, run):
    names = ["hf://albert/base", "hf://albert/base@main"]
    code, found, errors = run("-c", FETCH, *names)
    assert code == 0, errors
    directory = found[0]
    assert found == [directory] * 2
    assert directory.endswith(hub.commit("albert/base"))
    assert sorted(os.listdir(directory)) == NEEDED
    for name in NEEDED:
        content = pathlib.Path(directory, name).read_bytes()
        assert content == FILES[name]
    fetched = [each for each in hub.requests if "/resolve/" in each]
    assert not [each for each in fetched if ".bin" in each or "tf_" in each]
    # The second time nothing is downloaded, and without a hub it is there.
    hub.requests.clear()
    assert run("-c", FETCH, names[0])[1] == [directory]
    assert not [each for each in hub.requests if each.startswith("GET /albert")]
    for variables in (
        {"HF_HUB_OFFLINE": "1"},
        {"HF_ENDPOINT": "http://127.0.0.1:9"},
    ):
        code, found, errors = run("-c", FETCH, names[0], **variables)
        assert found == [directory], errors
        assert "the copy in the cache is taken" in errors


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hf://albert/base@v7", "the model has no revision v7"),
        ("hf://albert/none", "no such model, or it is not public"),
        ("hf://old/pickled", "pickled (pytorch_model.bin), which can"),
        ("hf://a/picture", "no weights that are read here (it holds a.png)"),
    ],
)
def test_what_there_is_not(hub, run, name, words):
    hub.models["old/pickled"] = {"config.json": b"", "pytorch_model.bin": b""}
    hub.models["a/picture"] = {"a.png": b""}
    code, (line,), errors = run("-c", FETCH, name)
    assert code == 0, errors
    assert line.startswith(f"refused: {name}: ")
    assert words in line
    assert not [each for each in hub.requests if "/resolve/" in each]


def test_a_hub_that_cannot_be_asked(hub, run):
    hub.html = True
    for variables in ({}, {"HF_ENDPOINT": "http://127.0.0.1:9"}):
        _, (line,), errors = run("-c", FETCH, "hf://albert/base", **variables)
        assert line.startswith("refused: hf://albert/base: http://127.0.0.1:")
        assert "cannot be asked" in line, errors
        assert "there is no whole copy in" in line


def test_a_download_that_is_cut_off(hub, run, tmp_path):
    hub.broken = lambda path: path.endswith("model.safetensors")
    _, (line,), errors = run("-c", FETCH, "hf://albert/base")
    assert line.startswith("refused: hf://albert/base: the download did not")
    assert not list((tmp_path / "home").rglob("model.safetensors"))
    # It is not taken for a whole copy either.
    _, (line,), errors = run(
        "-c", FETCH, "hf://albert/base", HF_HUB_OFFLINE="1"
    )
    assert "there is no whole copy in" in line, errors
    hub.broken = lambda path: False
    _, (directory,), errors = run("-c", FETCH, "hf://albert/base")
    content = pathlib.Path(directory, "model.safetensors").read_bytes()
    assert content == FILES["model.safetensors"], errors


def test_a_model_goes_to_the_hub_and_comes_back(hub, run, tmp_path):
    tokenizer = albert.Tokenizer(GOLDEN / "tokenization" / "spm2000.model")
    config = albert.AlbertConfig.named("tiny", vocab_size=2000)
    model = albert.AlbertPretrainer(config)
    place = tmp_path / "model"
    albert.save_weights(model, place, "model_dir", tokenizer)
    convert = ("-m", "albert", "convert")
    sent = tmp_path / "sent"
    code, output, errors = run(
        *(*convert, place, sent, "--to=huggingface", "--push=me/tiny"),
        "--private",
        HF_TOKEN="hf_secret",
    )
    assert code == 0, errors
    commit = hub.commit("me/tiny")
    assert output[-1] == f"Sent: {hub.address}/me/tiny/commit/{commit}"
    assert hub.private["me/tiny"]
    assert hub.models["me/tiny"] == {
        path.name: path.read_bytes() for path in sent.iterdir()
    }
    assert b"license: unknown" in hub.models["me/tiny"]["README.md"]
    out = tmp_path / "out"
    code, _, errors = run(*convert, "hf://me/tiny", out, "--to=model_dir")
    assert code == 0, errors
    assert f"hf://me/tiny is in {tmp_path}/home" in errors
    assert "INFO" not in errors
    read = albert.AlbertPretrainer(config)
    albert.load_weights(read, out)
    for one, two in zip(model.weights, read.weights, strict=True):
        np.testing.assert_array_equal(one, two, one.path)
    code, _, errors = run("-m", "albert", "fill-mask", "hf://me/none", "a")
    assert code == 2
    assert errors.count("\n") == 1
    assert errors.startswith("error: hf://me/none: there is no such model")


# Sends a directory to me/it as the words say, and prints what is said.
SEND = """
import sys
from albert.errors import UserError
from albert.interchange.hub_upload import HubUpload
upload = HubUpload("me/it", "--private" in sys.argv, "--overwrite" in sys.argv)
try:
    upload.check()
    print(upload.send(sys.argv[1]))
except UserError as error:
    print("refused:", error)
"""


def test_what_the_hub_does_not_take(hub, run, tmp_path):
    place = tmp_path / "place"
    place.mkdir()
    (place / "config.json").write_text("{}")
    send = ("-c", SEND, place)
    token = {"HF_TOKEN": "hf_secret"}
    _, (line,), errors = run(*send)
    assert "nobody is logged in" in line, errors
    hub.refuses = True
    _, (line,), errors = run(*send, **token)
    assert "the hub did not take it" in line, errors
    assert f"`hf upload me/it {place}` sends it" in line
    hub.refuses = False
    hub.models["me/it"] = {
        "config.json": b"old",
        "README.md": b"Hello",
        "spiece.model": b"old",
        "notes.txt": b"mine",
    }
    _, (line,), errors = run(*send, **token)
    assert "holds config.json and more already: give another name" in line, (
        errors
    )
    assert hub.models["me/it"]["config.json"] == b"old"
    _, (line,), errors = run(*send, "--overwrite", "--private", **token)
    assert "is public, and --private would not change" in line, errors
    _, (line,), errors = run(*send, "--overwrite", **token)
    assert line.startswith(f"{hub.address}/me/it/commit/"), errors
    # A vocabulary that is not sent would be read with the new weights.
    assert hub.models["me/it"] == {
        "config.json": b"{}",
        "README.md": b"Hello",
        "notes.txt": b"mine",
    }
    hub.html = True
    _, (line,), errors = run(*send, **token)
    assert "cannot be asked" in line, errors
