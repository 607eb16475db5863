# SPDX-License-Identifier: Apache-2.0
"""Models by their names: what is fetched, and what is said if it cannot be.

``tests/peers/test_hubs.py`` does it with the real client.
"""

import fnmatch
import sys
import types

import pytest

from albert.errors import UserError
from albert.interchange import hub_upload
from albert.interchange import hubs
from albert.interchange.weight_paths import find_weights


@pytest.fixture(autouse=True)
def forget():
    hubs.fetch.cache_clear()


@pytest.fixture
def place_of_upload(monkeypatch, tmp_path):
    """Function that makes a stand-in for the hub, with files of me/it."""

    def make(files):
        def download(repository, name):
            assert (repository, name) == ("me/it", "README.md")
            (tmp_path / name).write_bytes(files[name])
            return str(tmp_path / name)

        info = types.SimpleNamespace(
            private=False,
            siblings=[types.SimpleNamespace(rfilename=each) for each in files],
        )
        hub = types.ModuleType("huggingface_hub")
        hub.get_token = lambda: "hf_secret"
        hub.hf_hub_download = download
        hub.HfApi = lambda: types.SimpleNamespace(
            model_info=lambda repository: info
        )
        hub.constants = types.SimpleNamespace(ENDPOINT="https://hub")
        hub.errors = types.SimpleNamespace(RepositoryNotFoundError=KeyError)
        monkeypatch.setitem(sys.modules, "huggingface_hub", hub)

    return make


def test_the_card_that_is_there_is_read(place_of_upload):
    upload = hub_upload.HubUpload("me/it")
    place_of_upload({".gitattributes": b""})
    assert upload.check() is None
    place_of_upload({".gitattributes": b"", "README.md": "# É".encode()})
    assert upload.check() == "# É"
    place_of_upload({"README.md": b"# Mine", "config.json": b"{}"})
    with pytest.raises(UserError, match=r"holds config\.json already"):
        upload.check()
    upload = hub_upload.HubUpload("me/it", overwrite=True)
    assert upload.check() == "# Mine"


@pytest.mark.parametrize(
    ("files", "chosen"),
    [
        (
            # albert/albert-base-v2.
            ".gitattributes README.md config.json flax_model.msgpack "
            "model.safetensors pytorch_model.bin rust_model.ot spiece.model "
            "tf_model.h5 tokenizer.json with-prefix-tf_model.h5",
            "README.md config.json model.safetensors spiece.model "
            "tokenizer.json",
        ),
        (
            "config.json model-00001-of-00002.safetensors vocab.txt "
            "model-00002-of-00002.safetensors model.safetensors.index.json "
            "onnx/model.onnx onnx/config.json",
            "config.json model-00001-of-00002.safetensors "
            "model-00002-of-00002.safetensors model.safetensors.index.json "
            "vocab.txt",
        ),
        (
            "albert_config.json model.ckpt-best.index checksums.json run.json "
            "model.ckpt-best.data-00000-of-00001 model.ckpt-900.index "
            "spiece.json spiece.model task.json tensorboard/train/events",
            "albert_config.json checksums.json "
            "model.ckpt-best.data-00000-of-00001 model.ckpt-best.index "
            "spiece.json spiece.model task.json",
        ),
        (
            "assets/tokenizer/vocabulary.spm config.json metadata.json "
            "model.weights.h5 task.json task.weights.h5 tokenizer.json",
            "assets/tokenizer/vocabulary.spm config.json metadata.json "
            "model.weights.h5 task.json task.weights.h5 tokenizer.json",
        ),
        (
            "30k-clean.model 30k-clean.vocab albert_config.json "
            "model.ckpt-best.data-00000-of-00001 model.ckpt-best.index "
            "model.ckpt-best.meta",
            "30k-clean.model albert_config.json "
            "model.ckpt-best.data-00000-of-00001 model.ckpt-best.index",
        ),
    ],
)
def test_files_that_are_needed(files, chosen):
    patterns = hubs.choose_files(files.split())
    found = {
        name
        for pattern in patterns
        for name in fnmatch.filter(files.split(), pattern)
    }
    assert sorted(found) == chosen.split()


def test_weights_that_are_not_read():
    for files in (
        [],
        ["pytorch_model.bin"],
        ["a/model.h5"],
        ["task.weights.h5"],
    ):
        assert hubs.choose_files(files) is None


@pytest.mark.parametrize(
    ("files", "whole"),
    [
        ("config.json model.safetensors", True),
        ("model.safetensors", False),
        ("config.json model.safetensors.index.json", False),
        (
            "config.json model.safetensors.index.json "
            "model-00001-of-00002.safetensors",
            False,
        ),
        (
            "config.json model.safetensors.index.json "
            "model-00001-of-00002.safetensors "
            "model-00002-of-00002.safetensors",
            True,
        ),
        ("albert_config.json model.ckpt-best.index", True),
    ],
)
def test_a_copy_is_whole(tmp_path, files, whole):
    for name in files.split():
        (tmp_path / name).touch()
    assert hubs._is_whole(str(tmp_path)) == whole


@pytest.mark.parametrize(
    ("name", "extra"),
    [("hf://a/b", "huggingface"), ("kaggle://a/b/c/d", "kaggle")],
)
def test_a_client_that_is_not_installed(monkeypatch, name, extra):
    for package in ("huggingface_hub", "kagglehub"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=rf"^{name}: .*albert-keras\[{extra}\]"):
        find_weights(name)


class Kaggle(types.ModuleType):
    """Stands for kagglehub, which has one model."""

    def __init__(self, directory):
        super().__init__("kagglehub")
        self.directory = directory
        self.handles = []

    def model_download(self, handle):
        self.handles.append(handle)
        if handle != "a/b/c/d/2":
            raise ValueError("404\nNot found")
        return self.directory


def test_kaggle(monkeypatch, tmp_path):
    kaggle = Kaggle(str(tmp_path))
    monkeypatch.setitem(sys.modules, "kagglehub", kaggle)
    for _ in range(2):
        assert find_weights("kaggle://a/b/c/d/2") == str(tmp_path)
    assert kaggle.handles == ["a/b/c/d/2"]
    with pytest.raises(UserError, match="ValueError: 404 Not found.*/version"):
        find_weights("kaggle://a/b/c/d")


def test_paths_are_left_alone(tmp_path):
    assert hubs.find(str(tmp_path)) == str(tmp_path)
