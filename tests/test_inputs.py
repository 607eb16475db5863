# SPDX-License-Identifier: Apache-2.0
"""Every reader of a user's file refuses what is no file, and waits for none.

Readers that need TensorFlow are walked in tests/interchange.
"""

import ast
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading

import pytest

from albert import inputs
from albert import json_files
from albert import model_directory
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.interchange import archives
from albert.interchange import hdf5
from albert.records import framing
from albert.records.metadata import find_metadata
from albert.tasks.bad_rows import BadRows
from albert.tasks.line_files import read_lines
from albert.tasks.multiple_choice.question_files import RaceFolder
from albert.tasks.selection import get_task
from albert.tasks.squad.fields import Fields
from albert.tasks.squad.layouts import read_layout
from albert.text.documents import read_documents
from albert.text.text_files import read_line_blocks
from albert.text.tokenizer import Tokenizer
from albert.text.vocabulary import train_vocabulary

ROOT = pathlib.Path(__file__).parents[1]


def read_text(path):
    return list(read_documents(expand_files(str(path)), "lines"))


def read_articles(path):
    return RaceFolder("dev", ("high",)).read(
        get_task("race"), path.parents[2], "dev"
    )


# Name of the file, and what reads it.
READERS = {
    "file": ("a", inputs.open_file),
    "checked file": ("a", inputs.check_file),
    "lines": ("a.txt", lambda path: list(read_line_blocks(path))),
    "packed lines": ("a.txt.gz", lambda path: list(read_line_blocks(path))),
    "text": ("a.txt", read_text),
    "text of a vocabulary": (
        "a.txt",
        # Refused before anything is written there.
        lambda path: train_vocabulary([path], "/tmp/of-test-inputs"),
    ),
    "vocabulary": ("a.model", Tokenizer),
    "records": ("a", lambda path: list(framing.iterate_records(path))),
    "number of records": ("a", framing.count_records),
    "rows": ("a.tsv", lambda path: read_lines(path, BadRows(path, False))),
    "questions": ("a.json", lambda path: read_layout(path, Fields(path))),
    "articles": ("dev/high/1.txt", read_articles),
    "archive": ("a.tar.gz", archives.unpack),
    "JSON": ("a.json", json_files.read_object),
    "configuration": ("a.json", AlbertConfig.from_json),
    "run": (
        model_directory.RUN_FILE,
        lambda path: model_directory.read_run(path.parent),
    ),
    "JSON of records": (
        "a.json",
        lambda path: find_metadata([str(path.with_suffix(".tfrecord"))]),
    ),
    "weights of Keras": ("model.weights.h5", hdf5.find_entries),
}
# The others find their files by their names.
READERS_OF_ANY_NAME = [
    reader
    for reader in READERS
    if reader not in ("articles", "run", "JSON of records")
]

POINTER = (
    "version https://git-lfs.github.com/spec/v1\n"
    "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e23"
    "93\nsize 12345\n"
)
ANNEX = "annex/objects/SHA256E-s12345--4d7a21.txt\n"


def make_long(path):
    return path.with_name("x" * 300 + path.suffix)


def make_name_in_latin(path):
    path = path.with_name(os.fsdecode(b"caf\xe9") + path.suffix)
    path.write_text("text")
    return path


def make_socket(path):
    # The name of a socket is short; the folder of a test is not.
    with socket.socket(socket.AF_UNIX) as server:
        here = os.open(path.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{here}/{path.name}")
        finally:
            os.close(here)


def make_below_a_file(path):
    path.write_text("text")
    return path / f"a{path.suffix}"


# What makes each kind of path, and words of the message.
KINDS = {
    "directory": (pathlib.Path.mkdir, "directory"),
    "named pipe": (os.mkfifo, "is a pipe"),
    "endless device": (
        lambda path: path.symlink_to("/dev/zero"),
        "is a device",
    ),
    "socket": (make_socket, "is a socket"),
    "links in a circle": (
        lambda path: path.symlink_to(path),
        "symbolic links|No such file",
    ),
    "pointer": (lambda path: path.write_text(POINTER), "`git lfs pull`"),
    "pointer of git-annex": (
        lambda path: path.write_text(f"/{ANNEX}"),
        "`git annex get`",
    ),
    "link of git-annex": (
        lambda path: path.symlink_to(f"../.git/{ANNEX.strip()}"),
        "`git annex get`",
    ),
}
RENAMED = {
    "missing": (lambda path: path, "No such file"),
    "name that is too long": (make_long, "name too long"),
    "name in Latin-1": (make_name_in_latin, "surrogates not allowed"),
    "path below a file": (make_below_a_file, "Not a directory"),
}


# These open what this package itself has written a moment before.
OWN_FILES = {
    "albert/text/token_cache.py",
    "albert/export/publishing.py",
    "albert/records/beam_files.py",
}


def opened_for_reading(path):
    """Returns the lines of a module that call ``open`` to read."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if not isinstance(node, ast.Call) or (
            getattr(node.func, "id", "") != "open"
        ):
            continue
        modes = [node.args[1]] if len(node.args) > 1 else []
        modes += [word.value for word in node.keywords if word.arg == "mode"]
        if not any({*mode.value} & {*"wxa"} for mode in modes):
            yield node.lineno


def test_files_are_opened_in_one_place():
    found = {
        str(path.relative_to(ROOT)): lines
        for path in [
            *ROOT.glob("albert/**/*.py"),
            *ROOT.glob("data/*.py"),
            *ROOT.glob("run_*.py"),
        ]
        if (lines := list(opened_for_reading(path)))
    }
    assert found.keys() == OWN_FILES


@pytest.fixture
def no_waiting(time_limit):
    with time_limit():
        yield


def refusal(read, path):
    """Returns the one line that a reader refuses a path with."""
    with pytest.raises(UserError) as error:
        read(path)
    line = str(error.value)
    assert "\n" not in line
    assert str(path) in line or ascii(str(path)) in line
    return line


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("reader", READERS)
def test_what_is_no_file(tmp_path, reader, kind):
    name, read = READERS[reader]
    make, words = KINDS[kind]
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    make(path)
    line = refusal(read, path)
    assert any(each in line for each in words.split("|")), line


@pytest.mark.usefixtures("no_waiting")
@pytest.mark.parametrize("kind", RENAMED)
@pytest.mark.parametrize("reader", READERS_OF_ANY_NAME)
def test_names_of_no_file(tmp_path, reader, kind):
    name, read = READERS[reader]
    make, words = RENAMED[kind]
    path = make(tmp_path / name)
    assert words in refusal(read, path)


@pytest.fixture
def folder_of_all():
    """A directory that everybody may use, and nobody is who uses it.

    Root may read everything.
    """
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        before = os.geteuid()
        if before == 0:
            os.seteuid(65534)
        yield pathlib.Path(folder)
        os.seteuid(before)


@pytest.mark.parametrize("reader", READERS)
def test_files_that_must_not_be_read(folder_of_all, reader):
    name, read = READERS[reader]
    path = folder_of_all / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(0)
    assert "Permission denied" in refusal(read, path)


def test_the_remedy_ends_the_line(tmp_path):
    line = refusal(
        lambda path: inputs.open_file(path, "get it again"), tmp_path / "none"
    )
    assert line.endswith(": get it again")


def test_content(tmp_path):
    path = tmp_path / "a"
    for content in (b"", b"version 2 of it\n", os.urandom(1500)):
        path.write_bytes(content)
        assert inputs.read_file(path) == content
        inputs.check_file(path)
        with inputs.open_file(path) as stream:
            assert stream.read(7) == content[:7]
            stream.seek(3)
            assert stream.read() == content[3:]


def test_an_error_while_reading_names_the_file(tmp_path):
    """The memory of a process can be opened, and not read at 0."""
    with pytest.raises(UserError, match="/proc/self/mem: cannot be read"):
        inputs.read_file("/proc/self/mem")
    path = tmp_path / "a.txt"
    path.symlink_to("/proc/self/mem")
    for read in (
        lambda: list(read_line_blocks(path)),
        lambda: Tokenizer(path),
        lambda: framing.is_gzip(path),
    ):
        with pytest.raises(UserError, match=r"a\.txt: cannot be read \(Input"):
            read()


def test_standard_input_and_the_pipes_of_a_shell():
    for content, lines in ((b"one\ntwo\n", ["one", "two"]), (b"", [])):
        reading, writing = os.pipe()
        os.write(writing, content)
        os.close(writing)
        path = f"/dev/fd/{reading}"
        with pytest.raises(UserError, match="is a pipe"):
            inputs.open_file(path)
        assert expand_files(path) == [path]
        assert [x for block in read_line_blocks(path) for x in block] == lines
        os.close(reading)


def test_a_pipe_of_standard_input():
    program = (
        "from albert.text.text_files import read_line_blocks\n"
        "print(*read_line_blocks('/dev/stdin'))"
    )
    completed = subprocess.run(
        [sys.executable, "-c", program],
        input="a line\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert completed.stdout == "['a line'] []\n"


def test_a_pipe_that_is_written_late():
    reading, writing = os.pipe()
    writer = threading.Timer(0.1, lambda: os.close(writing))
    os.write(writing, b"one\n")
    writer.start()
    assert [*read_line_blocks(f"/dev/fd/{reading}")] == [["one"], []]
    writer.join()
    os.close(reading)


def test_directories(tmp_path):
    (tmp_path / "b").touch()
    (tmp_path / "a").touch()
    assert inputs.list_directory(tmp_path) == ["a", "b"]
    for path in (tmp_path / "a", tmp_path / "none"):
        with pytest.raises(UserError, match=f"{path}: cannot be read"):
            inputs.list_directory(path)
