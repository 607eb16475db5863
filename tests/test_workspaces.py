# SPDX-License-Identifier: Apache-2.0
"""What is in the making appears whole or not at all, whenever one is killed."""

import contextlib
import os
import subprocess
import sys

import pytest

from albert import workspaces
from albert.errors import UserError
from albert.workspaces import workspace

# Stands for a process that is killed at a moment of its work.
_PROGRAM = """
import os, signal, sys
from albert import workspaces

def die(*_):
    print("here", flush=True)
    if sys.argv[2] == "wait":
        sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)

def rename(*paths, count=[0]):
    count[0] += 1
    if count[0] == int(sys.argv[3]):
        die()
    real(*paths)

real, os.rename = os.rename, rename
workspaces._rename_with = lambda *_: False
with workspaces.workspace(sys.argv[1]) as place:
    for name in sys.argv[4:]:
        with open(os.path.join(place.new, name), "w") as file:
            file.write("new")
    if sys.argv[3] == "0":
        die()
    place.commit(sys.argv[4:], replace=True)
"""


def killed(destination, rename, *names):
    """A process that SIGKILL ends before its rename of that number."""
    process = start(destination, "kill", rename, *names)
    assert process.communicate()[0] == b"here\n"
    assert process.returncode == -9


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )


def test_small_files_are_on_the_disk_before_they_have_their_names(
    tmp_path, monkeypatch
):
    """A power cut may else leave a name without its content."""
    synced = []

    def sync(descriptor):
        synced.append(os.fstat(descriptor).st_ino)
        assert not (tmp_path / "a.json").exists()

    monkeypatch.setattr(os, "fsync", sync)
    with workspace(tmp_path / "a.json") as place:
        make(place, "a.json", "small")
        make(place, "large", content="x" * ((1 << 20) + 1))
        place.commit(["a.json", "large", "small"])
    assert synced == [
        (tmp_path / name).stat().st_ino for name in ("a.json", "small")
    ]


def make(place, *names, content="new"):
    for name in names:
        with open(os.path.join(place.new, name), "w") as file:
            file.write(content)


def read(directory):
    return {
        path.name: path.read_text()
        for path in directory.iterdir()
        if path.is_file()
    }


@pytest.fixture(params=[True, False], ids=["swapping", "renaming"])
def swapping(request, monkeypatch):
    """With and without what only Linux's own file systems can do."""
    if not request.param:
        monkeypatch.setattr(workspaces, "_rename_with", lambda *_: False)


def test_nothing_is_left(tmp_path):
    with workspace(tmp_path / "a") as place:
        make(place, "a")
        assert os.listdir(tmp_path) == [".a.albert-incomplete"]
        os.mkdir(os.path.join(place.scratch, "x"))
    assert os.listdir(tmp_path) == []
    with pytest.raises(KeyboardInterrupt), workspace(tmp_path / "a") as place:
        make(place, "a")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_commit_of_one_and_of_several(tmp_path, swapping):
    for names, replace in (
        (["a"], False),
        (["a", "b"], True),
        (["c", "d"], False),
        (["a"], True),
    ):
        content = f"{names} {replace}"
        with workspace(tmp_path / "a") as place:
            make(place, *names, content=content)
            place.commit(names, replace=replace)
        assert read(tmp_path).items() >= dict.fromkeys(names, content).items()
    assert sorted(os.listdir(tmp_path)) == ["a", "b", "c", "d"]


def test_names_of_what_is_replaced_are_removed(tmp_path, swapping):
    for name in ("a", "old", "mine"):
        (tmp_path / name).write_text(name)
    with workspace(tmp_path / "a") as place:
        make(place, "a")
        place.commit(["a"], replace=True, removed=["old"])
    assert read(tmp_path) == {"a": "new", "mine": "mine"}
    assert sorted(os.listdir(tmp_path)) == ["a", "mine"]


@pytest.mark.parametrize("names", [["a"], ["a", "b"]])
def test_what_is_there_stays_unless_told(tmp_path, names, swapping):
    (tmp_path / names[-1]).write_text("mine")
    with pytest.raises(FileExistsError), workspace(tmp_path / "a") as place:
        make(place, *names)
        place.commit(names)
    assert os.listdir(tmp_path) == [names[-1]]
    assert read(tmp_path) == {names[-1]: "mine"}


def test_directory_is_replaced_in_one_step(tmp_path, swapping):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").touch()
    with workspace(tmp_path / "d") as place:
        os.mkdir(os.path.join(place.new, "d"))
        open(os.path.join(place.new, "d", "new"), "w").close()
        place.commit(["d"], replace=True)
    assert os.listdir(tmp_path) == ["d"]
    assert os.listdir(tmp_path / "d") == ["new"]


@pytest.mark.parametrize("failing", [1, 2, 3, 4, 5, 6])
def test_failure_at_any_rename_undoes_all(tmp_path, monkeypatch, failing):
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    calls = []

    def rename(*paths):
        calls.append(paths)
        if len(calls) == failing:
            raise OSError(5, "Input/output error")
        real(*paths)

    real = os.rename
    monkeypatch.setattr(os, "rename", rename)
    monkeypatch.setattr(workspaces, "_rename_with", lambda *_: False)
    with workspace(tmp_path / "a") as place:
        make(place, "a", "b")
        with contextlib.suppress(OSError):
            place.commit(["a", "b"], replace=True)
    content = "old" if failing <= 5 else "new"
    assert len(calls) >= min(failing, 5)
    assert read(tmp_path) == {"a": content, "b": content}
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


@pytest.mark.parametrize(
    ("rename", "content"), [(0, "old"), (1, "old"), (2, "old"), (3, "old")]
)
def test_kill_before_the_new_is_complete(tmp_path, rename, content):
    check_after_kill(tmp_path, rename, content)


@pytest.mark.parametrize("rename", [4, 5])
def test_kill_when_the_new_is_complete(tmp_path, rename):
    check_after_kill(tmp_path, rename, "new")


def check_after_kill(tmp_path, rename, content):
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    killed(tmp_path / "a", rename, "a", "b")
    assert ".a.albert-incomplete" in os.listdir(tmp_path)
    with workspace(tmp_path / "a"):
        assert read(tmp_path) == {"a": content, "b": content}
    assert sorted(os.listdir(tmp_path)) == ["a", "b"]


def test_order_in_which_names_go_and_come(tmp_path, monkeypatch):
    """Records without their JSON, and results without predictions, mislead."""
    for name in ("first", "second", "last", "stale"):
        (tmp_path / name).write_text("old")
    renamed = []
    real = os.rename

    def rename(source, target):
        renamed.append(os.path.basename(source))
        real(source, target)

    monkeypatch.setattr(workspaces.os, "rename", rename)
    monkeypatch.setattr(workspaces, "_rename_with", lambda *_: False)
    names = ["first", "second", "last"]
    with workspace(tmp_path / "a") as place:
        make(place, *names)
        place.commit(names, replace=True, removed=["stale"])
    assert renamed == ["last", "stale", "second", "first", "new", *names]


def test_recovery_replaces_nothing_that_came_after(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name).write_text("old")
    killed(tmp_path / "a", 4, "a", "b")
    assert read(tmp_path) == {}
    (tmp_path / "b").write_text("mine")
    workspaces.remove_leftovers(tmp_path)
    assert read(tmp_path) == {"a": "new", "b": "mine"}


def test_one_process_at_a_time(tmp_path):
    process = start(tmp_path / "a", "wait", 0, "a")
    assert process.stdout.readline() == b"here\n"
    with (
        pytest.raises(UserError, match="another process is writing there"),
        workspace(tmp_path / "a"),
    ):
        pass
    workspaces.remove_leftovers(tmp_path)
    assert read(tmp_path / ".a.albert-incomplete" / "new") == {"a": "new"}
    process.kill()
    process.communicate()
    workspaces.remove_leftovers(tmp_path)
    assert os.listdir(tmp_path) == []


def test_writer_that_waits_is_next(tmp_path):
    process = start(tmp_path / "a", "wait", 0, "a")
    assert process.stdout.readline() == b"here\n"
    process.stdin.close()
    with workspace(tmp_path / "a", wait=True) as place:
        assert os.listdir(place.new) == []
    process.stdout.close()
    process.wait()


def test_without_locks_a_leftover_is_not_touched(tmp_path, monkeypatch):
    def fail(*_):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(workspaces.fcntl, "flock", fail)
    with workspace(tmp_path / "a") as place:
        make(place, "a")
        with (
            pytest.raises(UserError, match=r"remove .*\.a\.albert-incomplete"),
            workspace(tmp_path / "a"),
        ):
            pass
        place.commit(["a"])
    assert os.listdir(tmp_path) == ["a"]


@pytest.mark.parametrize("kind", ["file", "link"])
def test_other_things_of_that_name_stay(tmp_path, kind):
    path = tmp_path / ".a.albert-incomplete"
    (tmp_path / "folder").mkdir()
    if kind == "file":
        path.write_text("mine")
    else:
        path.symlink_to("folder")
    with (
        pytest.raises(UserError, match="in the way"),
        workspace(tmp_path / "a"),
    ):
        pass
    workspaces.remove_leftovers(tmp_path)
    assert path.exists()
    assert os.listdir(tmp_path / "folder") == []
