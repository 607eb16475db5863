# SPDX-License-Identifier: Apache-2.0
"""What users give for weights, what it stands for, and what cannot be read."""

import os
import tarfile

import numpy as np
import pytest

from albert import convert
from albert.errors import UserError
from albert.interchange import huggingface
from albert.interchange import task_description
from albert.interchange import tensor_bundle
from albert.interchange.starting_point import open_starting_point
from albert.interchange.weight_paths import find_weights

POINTER = (
    "version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
)
PREFIX = "model/model.ckpt-best"


def make_files(directory, *names):
    for name in names:
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")


@pytest.fixture
def place(tmp_path, monkeypatch):
    """The current directory: a checkpoint, directories with weights, a cache.

    The cache is that of the Hugging Face Hub.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    make_files(
        tmp_path,
        f"{PREFIX}.index",
        f"{PREFIX}.data-00000-of-00002",
        f"{PREFIX}.meta",
        "model/albert_config.json",
        "directory/config.json",
        "directory/model.safetensors",
        "directory/model.safetensors.index.json",
        "directory/model.weights.h5",
        "directory/saved_model.pb",
        "a.tar.gz",
        "a.zip",
        "folder/snapshots/x",
        "models--a--one/blobs/x",
        "models--a--one/snapshots/0123/config.json",
        "models--a--two/blobs/x",
        "models--a--two/snapshots/0123/config.json",
        "models--a--two/snapshots/4567/config.json",
        "models--a--main/blobs/x",
        "models--a--main/snapshots/0123/config.json",
        "models--a--main/snapshots/4567/config.json",
        "models--a--main/refs/main",
    )
    (tmp_path / "models--a--main/refs/main").write_text("4567")
    return tmp_path


@pytest.mark.parametrize(
    ("given", "found"),
    [
        (PREFIX, PREFIX),
        (f"{PREFIX}.index", PREFIX),
        (f"{PREFIX}.meta", PREFIX),
        (f"{PREFIX}.data-00000-of-00002", PREFIX),
        ("model", "model"),
        ("model/albert_config.json", "model"),
        ("directory/config.json", "directory"),
        ("directory/model.safetensors", "directory"),
        ("directory/model.safetensors.index.json", "directory"),
        ("directory/model.weights.h5", "directory"),
        ("directory/saved_model.pb", "directory"),
        ("directory/pytorch_model.bin", "directory"),
        ("a.tar.gz", "a.tar.gz"),
        ("models--a--one", "models--a--one/snapshots/0123"),
        ("models--a--one/", "models--a--one/snapshots/0123"),
        ("models--a--main", "models--a--main/snapshots/4567"),
        ("models--a--main/snapshots", "models--a--main/snapshots/4567"),
        (
            "models--a--main/snapshots/0123",
            "models--a--main/snapshots/0123",
        ),
        ("folder", "folder"),
    ],
)
def test_what_is_meant(place, given, found):
    assert os.path.normpath(find_weights(given)) == found
    home = os.path.normpath(find_weights(f"~/{given}"))
    assert home == f"{place}/{found}"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ('model_checkpoint_path: "model.ckpt-best"\n', PREFIX),
        ('model_checkpoint_path: "/there/model.ckpt-best"\nall_', PREFIX),
        ('model_checkpoint_path: "model.ckpt-7"\n', None),
        ('all_model_checkpoint_paths: "model.ckpt-best"\n', None),
        ("", None),
        ("\xff\0", None),
    ],
)
def test_the_file_that_names_the_latest_checkpoint(place, content, found):
    (place / "model/checkpoint").write_text(content, "latin-1")
    if found:
        assert find_weights("model/checkpoint") == found
        return
    with pytest.raises(UserError, match="^model/checkpoint: names"):
        find_weights("model/checkpoint")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("none", "no such checkpoint .there is no none.index"),
        ("model/none", "no such checkpoint"),
        ("model/none.meta", "no such checkpoint .there is no model/none.index"),
        ("none/config.json", "no such checkpoint"),
        (
            "albert/albert-base-v2",
            "of the Hugging Face Hub, write hf://albert/albert-base-v2",
        ),
        ("gs://albert/a.tar.gz", "gcsfuse"),
        ("hf://albert-base-v2", "write hf://owner/name"),
        ("https://huggingface.co/a/b/tree/x", "write hf://a/b@x"),
        ("a.zip", "is a file, and no checkpoint.*unpack an archive of another"),
        ("/dev/zero", "is a device"),
        ("models--a--two", "holds 2 snapshots"),
    ],
)
def test_what_is_refused(place, given, words):
    for read in (find_weights, open_starting_point, task_description.read):
        with pytest.raises(UserError, match=words) as error:
            read(given)
        assert str(error.value).startswith(f"{given}: ")


def test_names_of_the_hub_are_not_suspected_in_a_folder_that_exists(place):
    with pytest.raises(UserError) as error:
        find_weights("model/none")
    assert "hf://" not in str(error.value)


def test_weights_are_found_by_every_file_of_a_checkpoint(tmp_path):
    prefix = f"{tmp_path}/model.ckpt-7"
    tensor_bundle.write(prefix, {"bert/pooler/dense/bias": np.ones(3)})
    (tmp_path / "checkpoint").write_text(
        'model_checkpoint_path: "model.ckpt-7"'
    )
    for name in (
        "model.ckpt-7.data-00000-of-00001",
        "model.ckpt-7.meta",
        "checkpoint",
    ):
        start = open_starting_point(tmp_path / name)
        assert start.path == f"{tmp_path}/{name}"
        assert start.source.path == prefix
        assert list(start.source.tensors) == ["encoder/pooler/bias"]


# ------------------------------------------------- weights that are not there


def make_pipe(path):
    path.unlink()
    os.mkfifo(path)


def make_directory(path):
    path.unlink()
    path.mkdir()


KINDS = {
    "pointer": (lambda path: path.write_text(POINTER), "`git lfs pull`"),
    "named pipe": (make_pipe, "is a pipe"),
    "directory": (make_directory, "is a directory"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("suffix", ["index", "data-00000-of-00001"])
def test_files_of_a_checkpoint(tmp_path, suffix, kind):
    make, words = KINDS[kind]
    prefix = tmp_path / "model.ckpt-best"
    tensor_bundle.write(prefix, {"a": np.float32(1)})
    make(tmp_path / f"model.ckpt-best.{suffix}")
    for path in (tmp_path, prefix):
        with pytest.raises(UserError, match=words) as error:
            open_starting_point(path)
        assert f"{prefix}.{suffix}: " in str(error.value)


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_of_safetensors(tmp_path, kind):
    make, words = KINDS[kind]
    path = tmp_path / "model.safetensors"
    path.touch()
    make(path)
    with pytest.raises(UserError, match=words):
        huggingface._open_file(str(path))


def test_an_archive_is_named_and_not_its_temporary_folder(tmp_path, run_module):
    folder = tmp_path / "albert_base"
    folder.mkdir()
    tensor_bundle.write(folder / "model.ckpt-best", {"a": np.ones(99)})
    for name, damaged, content, words in (
        ("one.tar.gz", "albert_config.json", "{}", "missing key"),
        ("two.tar.gz", "model.ckpt-best.index", POINTER, "`git lfs pull`"),
    ):
        (folder / damaged).write_text(content)
        with tarfile.open(tmp_path / name, "w:gz") as archive:
            archive.add(folder, arcname="albert_base")
        code, _, errors = run_module(
            convert, tmp_path / name, tmp_path / "new", "--to=google"
        )
        assert code == 2
        last = errors.splitlines()[-1]
        place = tmp_path / name / "albert_base" / damaged
        assert last.startswith(f"error: {place}")
        assert words in last
