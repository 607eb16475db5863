# SPDX-License-Identifier: Apache-2.0
"""What cannot be written is refused in one line that names it."""

import ast
import errno
import json
import os
import pathlib
import re

import pytest

from albert import outputs
from albert.errors import UserError
from albert.workspaces import workspace

ROOT = pathlib.Path(__file__).parents[1]

# Calls that create a file or a directory, or give one a name.
CREATING = re.compile(
    r"os\.(mkdir|makedirs|mkfifo|mknod|rename|renames|replace|link|symlink)"
    r"|shutil\.(copy|copy2|copyfile|copyfileobj|copytree|move|make_archive)"
    r"|tempfile\.\w+|np\.save\w*|\w+\.tofile"
    r"|.+\.(mkdir|write_text|write_bytes|touch|symlink_to|hardlink_to)"
    r"|tf\.(saved_model\.save|raw_ops\.\w*Save\w*|io\.(write_file|gfile\..+))"
    r"|.+\.(savefig|save_file|save_weights|create_file_writer|TFRecordWriter)"
)
# These do so for some of their modes.
OPENING = re.compile(r"(.+\.)?(open|fdopen|File|GzipFile|ZipFile)")
WRITING = re.compile(r"[wxa]|r.?\+|O_(CREAT|WRONLY|RDWR)")

# Beside outputs.py and workspaces.py. Who adds a line here says where the
# files lie.
CREATED_ELSEWHERE = {
    # In what ``workspace`` or ``outputs.new_directory`` has made.
    "albert/evaluation_results.py": {"shutil.copy2"},
    "albert/export/preprocessor.py": {"tf.saved_model.save"},
    "albert/export/publishing.py": {"open", "gzip.GzipFile", "tarfile.open"},
    "albert/interchange/hdf5.py": {"h5py.File"},
    "albert/score/minimal_pairs.py": {"figure.savefig", "open"},
    "albert/interchange/huggingface.py": {"safetensors.numpy.save_file"},
    # The second where a workspace has made it; the first is of what was there.
    "albert/interchange/tensor_bundle.py": {"os.replace", "tf.raw_ops.SaveV2"},
    # What workers fetch, and make, in a temporary folder of theirs.
    "albert/records/beam_files.py": {
        "open",
        "shutil.copyfileobj",
        "tempfile.NamedTemporaryFile",
    },
    "albert/records/beam_pipeline.py": {
        "open",
        "tempfile.TemporaryDirectory",
    },
    "albert/records/writing.py": {"open"},
    "albert/text/token_cache.py": {"open"},
    "albert/text/vocabulary.py": {"open", "shutil.copyfileobj"},
    "albert/export/engine_models.py": {"tempfile.TemporaryDirectory"},
    # Its assets are in a temporary folder.
    "albert/export/serving.py": {
        "tempfile.TemporaryDirectory",
        "tf.saved_model.save",
    },
    "albert/export/tfhub_encoder.py": {
        "tempfile.TemporaryDirectory",
        "tf.saved_model.save",
    },
    # In a temporary folder, which ends with the process.
    "albert/export/litert_conversion.py": {
        "tempfile.TemporaryDirectory",
        "tf.saved_model.save",
    },
    "albert/export/onnx.py": {"tempfile.TemporaryDirectory"},
    "albert/export/openvino.py": {
        "tempfile.TemporaryDirectory",
        "tf.saved_model.save",
    },
    "albert/interchange/archives.py": {
        "open",
        "os.makedirs",
        "shutil.copyfileobj",
        "tempfile.mkdtemp",
    },
    "albert/serve/__main__.py": {"tempfile.TemporaryDirectory"},
    "albert/serve/served_model.py": {"tempfile.TemporaryDirectory"},
    # TensorBoard's events, in a model directory that is held.
    "albert/training/reporting.py": {"tf.summary.create_file_writer"},
    # In memory.
    "albert/glue/submission.py": {"zipfile.ZipFile"},
    "albert/tasks/prediction_files.py": {"figure.savefig"},
    "albert/training/curves.py": {"figure.savefig"},
    "albert/text_to_text/attention_plot.py": {"figure.savefig"},
    # /dev/null.
    "albert/standard_streams.py": {"open", "os.open"},
}


def creating_calls(source):
    """Returns the names of the calls in a module that create something."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        if CREATING.fullmatch(name) and "gettempdir" not in name:
            found.add(name)
        elif OPENING.fullmatch(name):
            modes = [*node.args[1:]]
            modes += [word.value for word in node.keywords if word.arg]
            for part in (part for mode in modes for part in ast.walk(mode)):
                words = getattr(part, "value", ""), getattr(part, "attr", "")
                if any(
                    isinstance(word, str) and WRITING.match(word)
                    for word in words
                ):
                    found.add(name)
    return found


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("open(path, 'xb')", {"open"}),
        ("open(path, mode='r+')", {"open"}),
        ("open(path); open(path, 'rb', encoding='utf-8')", set()),
        ("os.open(path, os.O_RDWR | os.O_CREAT)", {"os.open"}),
        ("os.open(path, os.O_RDONLY)", set()),
        ("pathlib.Path(a).mkdir()", {"pathlib.Path(a).mkdir"}),
        ("text.replace(a, b); os.replace(a, b)", {"os.replace"}),
        ("h5py.File(path, 'r'); h5py.File(path, 'w')", {"h5py.File"}),
    ],
)
def test_what_creates_is_seen(source, names):
    assert creating_calls(source) == names


def test_files_are_created_in_one_place():
    found = {
        str(path.relative_to(ROOT)): names
        for path in [
            *ROOT.glob("albert/**/*.py"),
            *ROOT.glob("data/*.py"),
            *ROOT.glob("run_*.py"),
        ]
        if (names := creating_calls(path.read_text("utf-8")))
    }
    assert found.pop("albert/outputs.py")
    assert found.pop("albert/workspaces.py")
    assert found == CREATED_ELSEWHERE


class TensorFlowError(Exception):
    __module__ = "tensorflow.python.framework.errors_impl"


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter").write_text("mine")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("missing/file")
    os.mkfifo(tmp_path / "pipe")
    return tmp_path


BAD_DIRECTORIES = {
    "file": "file is not a directory",
    "file/a/b": "file is not a directory",
    "loop": "symbolic links",
    "loop/a": "symbolic links",
    "nowhere": "No such file",
    "x" * 250: "250 bytes is too long",
    "x" * 300: "300 bytes is too long",
    "a/" + "x" * 250 + "/b": "250 bytes is too long",
    "/".join(["x" * 100] * 60): "path is too long",
    "gs://bucket/a": "path of a file system",
    "s3://bucket/a": "path of a file system",
    "hdfs://host/a": "path of a file system",
}


@pytest.mark.parametrize("path", BAD_DIRECTORIES)
def test_impossible_directories(place, path, contents):
    before = contents(place)
    for refuse in (
        outputs.check_directory,
        outputs.make_directory,
        lambda path: outputs.new_directory(path).__enter__(),
    ):
        with pytest.raises(UserError) as caught:
            refuse(path)
        message = str(caught.value)
        if path not in ("file", "loop", "nowhere"):
            assert BAD_DIRECTORIES[path] in message
        assert "\n" not in message and "destination" in message
    assert contents(place) == before


@pytest.mark.parametrize(
    ("path", "words"),
    [
        *BAD_DIRECTORIES.items(),
        ("folder", "is a directory: name a file in it"),
        ("folder/", "names no file"),
        ("", "names no file"),
        ("pipe", "is not a file"),
        ("/dev/null", "is not a file"),
    ],
)
def test_impossible_files(place, path, words):
    if path == "file":
        outputs.check_file(path)
        return
    with pytest.raises(UserError, match="another|as destination") as caught:
        outputs.check_file(path)
    assert words in str(caught.value)


def test_possible_places(place):
    for path in ("a/b/c", "folder", "full", "./folder/../a"):
        outputs.check_directory(path)
    for path in ("a/b", "file", "folder/a", "x" * 236):
        outputs.check_file(path)
    outputs.write_file("x" * 236, b"x")


@pytest.mark.parametrize("make", ["link_to", "symlink_to", "same"])
def test_inputs_are_refused_by_any_name(place, make):
    name = "file"
    if make == "symlink_to":
        (place / "other").symlink_to("file")
        name = "other"
    if make == "link_to":
        (place / "other").hardlink_to(place / "file")
        name = "folder/../other"
    with pytest.raises(UserError, match="both input and output"):
        outputs.check_file(name, inputs=["folder", str(place / "file")])


def test_directory_without_permission(place, monkeypatch):
    # Permissions do not bind the superuser, who may run this test.
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(UserError, match="cannot be written: choose another"):
        outputs.check_directory("a/b")


class TestNewDirectory:
    @pytest.mark.parametrize("path", ["new", "a/b/new", "folder", "link"])
    def test_appears_at_the_end(self, place, path):
        (place / "link").symlink_to("folder")
        with outputs.new_directory(path) as directory:
            with open(os.path.join(directory, "x"), "w"):
                pass
            assert not os.path.exists(os.path.join(path, "x"))
        assert os.listdir(path) == ["x"]
        assert os.path.islink("link")
        assert not [name for name in os.listdir() if name.startswith(".")]

    def test_failure_leaves_nothing(self, place, contents):
        before = contents(place)
        with pytest.raises(RuntimeError), outputs.new_directory("a/b"):
            raise RuntimeError
        assert contents(place) == before

    def test_what_is_there_stays(self, place):
        with (
            pytest.raises(UserError, match="nothing is overwritten"),
            outputs.new_directory("full"),
        ):
            pass
        with (
            pytest.raises(UserError, match="nothing is overwritten"),
            outputs.new_directory("folder"),
        ):
            (place / "folder" / "letter").write_text("mine")
        assert (place / "folder" / "letter").read_text() == "mine"

    def test_two_at_once(self, place):
        with (
            outputs.new_directory("new"),
            pytest.raises(UserError, match="another process is writing"),
            outputs.new_directory("new"),
        ):
            pass
        assert os.listdir("new") == []

    def test_replaced_when_complete(self, place):
        def fail(path):
            raise UserError("not that one")

        checked = []
        with (
            pytest.raises(UserError, match="not that one"),
            outputs.new_directory("full", check_replaced=fail),
        ):
            pass
        with outputs.new_directory(
            "full", check_replaced=checked.append
        ) as new:
            assert os.listdir("full") == ["letter"]
            with open(os.path.join(new, "x"), "w"):
                pass
        assert os.listdir("full") == ["x"]
        assert set(checked) == {"full"} and len(checked) == 3


class TestErrors:
    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (OSError(errno.ENOSPC, "No space left on device"), "make room"),
            (OSError(errno.EDQUOT, "Disk quota exceeded"), "make room"),
            (OSError(errno.EFBIG, "File too large"), "ulimit -f"),
            (OSError(errno.EROFS, "Read-only", "a/b"), "mount it writable"),
            (OSError(errno.EACCES, "Permission", "a"), "permissions"),
            (OSError(errno.EIO, "Input/output error", "a/b"), "the disk"),
            (
                TensorFlowError("7 (No space left on device); [Op:SaveV2]"),
                r", .*: cannot be written \(No space left on device\)",
            ),
            (
                ValueError("7 (No space left on device)"),
                r": cannot be written \(No space left on device\)",
            ),
            (
                OSError("[...] errno = 28, 'No space left on device'"),
                r": cannot be written \(No space left on device\)",
            ),
        ],
    )
    def test_one_line_with_the_remedy(self, place, error, words):
        with (
            pytest.raises(UserError, match=f"^a/b.*{words}.* --flag$"),
            outputs.explained("a/b", "--flag"),
        ):
            raise error

    @pytest.mark.parametrize(
        "error",
        [
            ValueError("a fault"),
            OSError(errno.EBADF, "a fault"),
            OSError(errno.EACCES, "Permission denied", "input"),
            OSError(errno.EISDIR, "Is a directory"),
            FileNotFoundError(errno.ENOENT, "No such file", "input"),
        ],
    )
    def test_others_are_raised_as_they_are(self, place, error):
        with pytest.raises(type(error)) as caught, outputs.explained("a/b"):
            raise error
        assert caught.value is error

    def test_file_in_a_workspace_has_its_final_name(self, limit_file_size):
        with (
            pytest.raises(UserError, match=r"^\S*/new/big: cannot be written"),
            limit_file_size(100),
            outputs.new_directory("new") as directory,
        ):
            outputs.write_file(os.path.join(directory, "big"), bytes(101))
        assert not os.path.exists("new")


class TestFiles:
    def test_written_whole(self, place, limit_file_size):
        outputs.write_file("file", b"new")
        with (
            pytest.raises(UserError, match=r"^file: cannot be .*ulimit -f"),
            limit_file_size(1 << 10),
        ):
            outputs.write_file("file", bytes(1 << 11))
        assert (place / "file").read_bytes() == b"new"
        outputs.write_json("new.json", {"a": 5})
        assert (place / "new.json").read_text() == '{\n  "a": 5\n}\n'
        assert not [name for name in os.listdir() if name.startswith(".")]

    @pytest.mark.parametrize(
        ("path", "words"),
        [
            ("folder", "move the directory of that name"),
            ("missing/a", "make its directory again"),
            ("file/a", "move the file that is in the way"),
            ("x" * 250, "give a shorter name"),
        ],
    )
    def test_impossible(self, place, path, words):
        with pytest.raises(UserError, match=words):
            outputs.write_file(path, b"new")
        assert os.listdir("folder") == []

    def test_permissions_are_those_of_the_user(self, place):
        before = os.umask(0o027)
        try:
            outputs.write_file("a", b"")
            with outputs.new_directory("d"):
                pass
        finally:
            os.umask(before)
        assert os.stat("a").st_mode & 0o777 == 0o640
        assert os.stat("d").st_mode & 0o777 == 0o750

    def test_another_writer_is_waited_for(self, place):
        with workspace("other"):
            outputs.write_file("file", b"new")
        assert (place / "file").read_bytes() == b"new"


def test_json_holds_any_script_as_it_is(tmp_path):
    path = tmp_path / "labels.json"
    outputs.write_json(path, {"labels": ["höflich", "да"]})
    text = path.read_text(encoding="utf-8")
    assert "höflich" in text and "да" in text
    assert json.loads(text) == {"labels": ["höflich", "да"]}


def test_new_file_appears_at_the_end_or_not_at_all(tmp_path):
    path = str(tmp_path / "made" / "file")
    with outputs.new_file(path, "--list") as stream:
        stream.write(b"one")
        assert not os.path.exists(path)
    with (
        pytest.raises(UserError, match="exists already|appeared"),
        outputs.new_file(path, "--list") as stream,
    ):
        stream.write(b"two")
    with (
        pytest.raises(KeyError),
        outputs.new_file(path, "--list", overwrite=True) as stream,
    ):
        stream.write(b"three")
        raise KeyError
    with open(path, "rb") as file:
        assert file.read() == b"one"
    with outputs.new_file(path, "--list", overwrite=True) as stream:
        stream.write(b"four")
    with open(path, "rb") as file:
        assert file.read() == b"four"
    assert os.listdir(tmp_path / "made") == ["file"]
