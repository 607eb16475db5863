# SPDX-License-Identifier: Apache-2.0
"""What Beam's file systems are asked for, with a stand-in for them."""

import contextlib
import io
import os

import pytest

from albert.records import beam_pipeline


class Files:
    """A stand-in for Beam's file systems: dict from address to bytes."""

    def __init__(self, there):
        self.there = there

    def exists(self, path):
        return path in self.there

    def delete(self, paths):
        for path in paths:
            del self.there[path]


@pytest.fixture
def files(monkeypatch):
    found = Files({"gs://b/t.json": b"{}", "gs://b/u.json": b"[]"})
    for name, value in (
        ("_file_systems", lambda: found),
        ("_explained_file_system", contextlib.nullcontext),
        ("_open", lambda path: io.BytesIO(found.there[path])),
    ):
        monkeypatch.setattr(beam_pipeline, name, value)
    return found


def test_json_that_is_removed_here_is_removed_there(files):
    with beam_pipeline._mirrored_file("gs://b/t.json") as here:
        assert os.path.basename(here) == "t.json"
        os.remove(here)
    assert list(files.there) == ["gs://b/u.json"]


@pytest.mark.parametrize("name", ["t.json", "none.json"])
def test_json_that_is_kept(files, name):
    with beam_pipeline._mirrored_file(f"gs://b/{name}") as here:
        assert os.path.exists(here) == (name == "t.json")
    assert list(files.there) == ["gs://b/t.json", "gs://b/u.json"]


def test_json_that_another_has_removed_meanwhile(files):
    with beam_pipeline._mirrored_file("gs://b/t.json") as here:
        os.remove(here)
        files.there.clear()
    assert not files.there
