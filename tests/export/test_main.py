# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/export/__main__.py: flags, destinations, dispatch."""

import os
import subprocess
import sys

import pytest
from absl import flags

import albert
from albert.convert import ConversionReport
from albert.errors import UserError
from albert.export import __main__ as command
from albert.export import serving
from albert.export.exported_files import MARKER_FILE
from albert.export.exported_files import new_export

CONFIG = albert.AlbertConfig(
    vocab_size=31,
    embedding_size=5,
    hidden_size=6,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=7,
)


def parse(*arguments):
    fv = flags.FlagValues()
    command.define_flags(fv)
    fv(["albert.export", *arguments])
    return fv


@pytest.fixture
def asked(monkeypatch):
    """What the serving format was asked for; it writes a saved_model.pb."""
    calls = []

    def export(source, destination, overwrite, **options):
        calls.append((source, destination, options))
        with new_export(source, destination, overwrite) as directory:
            path = os.path.join(directory, "saved_model.pb")
            with open(path, "w") as file:
                file.write(f"export {len(calls)}")
        return serving.ServingReport(
            destination,
            {"kind": "thing", "max_seq_length": 7, "signatures": {}},
            11,
        )

    monkeypatch.setattr(serving, "export", export)
    return calls


class TestFlags:
    def test_only_what_is_given_is_passed_on(self, asked, tmp_path, capsys):
        fv = parse("--format=serving", "--max_seq_length=61", "--top=3")
        command.main(fv, "model", str(tmp_path / "new"))
        options = {"max_seq_length": 61, "top": 3}
        assert asked == [("model", str(tmp_path / "new"), options)]
        assert "sequences of 7 pieces" in capsys.readouterr().out

    @pytest.mark.parametrize("format", list(command.FORMATS))
    def test_flags_of_another_format_are_refused(self, format):
        for other, names in command.FORMATS.items():
            for name in set(names) - set(command.FORMATS[format]):
                fv = parse(f"--format={format}")
                fv[name].value = "1"
                with pytest.raises(
                    UserError, match=f"--{name} is for --format=.*{other}"
                ):
                    command.find_options(fv)

    def test_options_are_those_of_the_formats(self):
        import inspect

        from albert.export import litert
        from albert.export import onnx
        from albert.export import openvino
        from albert.export import sentence_transformers
        from albert.export import tfhub

        for name, module in (
            ("serving", serving),
            ("tfhub", tfhub),
            ("litert", litert),
            ("onnx", onnx),
            ("openvino", openvino),
            ("sentence-transformers", sentence_transformers),
        ):
            known = inspect.signature(module.export).parameters
            assert set(command.FORMATS[name]) <= set(known)

    def test_format_is_required(self, tmp_path):
        with pytest.raises(UserError, match="--format is required"):
            command.main(parse(), "model", str(tmp_path / "new"))


class TestDestination:
    @pytest.fixture
    def place(self, asked, tmp_path):
        """An export."""
        command.main(parse("--format=serving"), "model", str(tmp_path / "old"))
        asked.clear()
        return tmp_path / "old"

    def test_something_there_is_refused(self, asked, place):
        with pytest.raises(UserError, match="an older export with --overwrite"):
            command.main(parse("--format=serving"), "model", str(place))
        assert asked == []
        assert (place / "saved_model.pb").read_text() == "export 1"

    def test_overwrite_replaces_an_export(self, asked, place, tmp_path):
        asked.append("before")
        fv = parse("--format=serving", "--overwrite")
        command.main(fv, "model", str(place))
        assert os.listdir(tmp_path) == ["old"]
        assert sorted(os.listdir(place)) == [MARKER_FILE, "saved_model.pb"]
        assert (place / "saved_model.pb").read_text() == "export 2"

    def test_a_failure_leaves_it(self, place, monkeypatch, contents):
        def fail(source, destination, overwrite):
            with new_export(source, destination, overwrite):
                raise UserError("no model")

        monkeypatch.setattr(serving, "export", fail)
        before = contents(place.parent)
        with pytest.raises(UserError, match="no model"):
            command.main(
                parse("--format=serving", "--overwrite"), "model", str(place)
            )
        assert contents(place.parent) == before

    @pytest.mark.parametrize(
        "names",
        [
            ["letters.txt"],
            # A model with its checkpoints; a project of somebody's.
            ["albert_config.json", "model.ckpt-best.index"],
            ["config.json", "src/thesis.txt"],
            ["saved_model.pb"],
            [MARKER_FILE],
        ],
    )
    def test_what_is_no_export_is_not_replaced(
        self, asked, tmp_path, names, contents
    ):
        for name in names:
            (tmp_path / name).parent.mkdir(exist_ok=True)
            (tmp_path / name).write_text("{}")
        before = contents(tmp_path)
        fv = parse("--format=serving", "--overwrite")
        with pytest.raises(UserError, match="is not an export.*yourself"):
            command.main(fv, "model", str(tmp_path))
        assert asked == []
        assert contents(tmp_path) == before

    @pytest.mark.parametrize("name", ["letter", "new/letter", "saved_model.pb"])
    def test_foreign_files_are_named(self, asked, place, name, contents):
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_text("dear")
        before = contents(place)
        fv = parse("--format=serving", "--overwrite")
        with pytest.raises(UserError, match=f"as it was exported: {name}: "):
            command.main(fv, "model", str(place))
        assert asked == []
        assert contents(place) == before

    def test_a_change_that_keeps_the_size_is_named(self, asked, place):
        (place / "saved_model.pb").write_text("export 7")
        fv = parse("--format=serving", "--overwrite")
        with pytest.raises(UserError, match="as it was exported: saved_model"):
            command.main(fv, "model", str(place))
        assert (place / "saved_model.pb").read_text() == "export 7"

    def test_links_are_foreign(self, asked, place, tmp_path):
        (tmp_path / "data").mkdir()
        (place / "link").symlink_to(tmp_path / "data")
        fv = parse("--format=serving", "--overwrite")
        with pytest.raises(UserError, match="as it was exported: link: "):
            command.main(fv, "model", str(place))

    def test_foreign_file_that_appears_meanwhile(self, place):
        with (
            pytest.raises(UserError, match="as it was exported: letter"),
            new_export("model", str(place), overwrite=True),
        ):
            (place / "letter").write_text("dear")
        assert (place / "letter").read_text() == "dear"
        assert (place / "saved_model.pb").read_text() == "export 1"

    @pytest.mark.parametrize(
        "content",
        [
            "",
            "[" * 100_000,
            "null",
            "5",
            '{"kind": "albert export"}',
            '{"kind": "albert export", "files": 5}',
            '{"kind": "albert export", "files": [5]}',
            '{"kind": "albert export", "files": [{"name": 5, "sha256": []}]}',
            '{"kind": "records", "files": []}',
            '{"kind": "albert export", "files": [{"name": [], "sha256": "1"}]}',
        ],
    )
    def test_damaged_list_of_files(self, asked, place, content):
        (place / MARKER_FILE).write_text(content)
        fv = parse("--format=serving", "--overwrite")
        with pytest.raises(UserError, match="replaced|is not an export"):
            command.main(fv, "model", str(place))
        assert (place / "saved_model.pb").exists()

    def test_the_model_is_not_replaced(self, asked, place, tmp_path):
        (tmp_path / "link").symlink_to(place)
        fv = parse("--format=serving", "--overwrite")
        for source in (place, place / "model.ckpt-best", tmp_path / "link"):
            with pytest.raises(UserError, match="holds the model"):
                command.main(fv, str(source), str(place))
        assert sorted(os.listdir(place)) == [MARKER_FILE, "saved_model.pb"]

    def test_kill_leaves_the_old_one(self, place, tmp_path):
        program = (
            "import os, signal, sys\n"
            "from albert.export.exported_files import new_export\n"
            "with new_export('model', sys.argv[1], overwrite=True) as new:\n"
            "    open(os.path.join(new, 'half'), 'w').close()\n"
            "    os.kill(os.getpid(), signal.SIGKILL)\n"
        )
        killed = subprocess.run([sys.executable, "-c", program, str(place)])
        assert killed.returncode == -9
        assert (place / "saved_model.pb").read_text() == "export 1"
        assert len(os.listdir(tmp_path)) == 2
        fv = parse("--format=serving", "--overwrite")
        command.main(fv, "model", str(place))
        assert os.listdir(tmp_path) == ["old"]


class TestConversion:
    def test_google(self, tmp_path, capsys):
        model = albert.AlbertEncoder(CONFIG)
        albert.save_weights(model, tmp_path / "model", "model_dir")
        arguments = str(tmp_path / "model"), str(tmp_path / "new")
        command.main(parse("--format=google"), *arguments)
        assert "No tokenizer was written" in capsys.readouterr().out
        (tmp_path / "new" / "albert_config.json").chmod(0o600)
        command.main(parse("--format=google", "--overwrite"), *arguments)
        assert sorted(os.listdir(tmp_path / "new")) == [
            "albert_config.json",
            MARKER_FILE,
            "checksums.json",
            "model.ckpt-best.data-00000-of-00001",
            "model.ckpt-best.index",
        ]
        loaded = albert.AlbertEncoder(CONFIG)
        albert.load_weights(loaded, tmp_path / "new")

    def test_without_the_tokenizer(self, monkeypatch, capsys):
        asked = {}

        def convert(source, destination, to, new_directory, **options):
            asked.update(options)
            return ConversionReport(source, "none", 25, {}, [], False)

        monkeypatch.setattr(command, "convert", convert)
        for given, options in (
            (["--notokenizer"], {"tokenizer": False}),
            ([], {}),
        ):
            asked.clear()
            fv = parse("--format=huggingface", *given)
            command.main(fv, "model", "new")
            assert asked == options
            assert "Written: new, 25 weights" in capsys.readouterr().out


class TestProgram:
    def test_help_and_bad_input(self, tmp_path, run_process):
        def run(*arguments):
            return run_process("-m", "albert.export", *arguments)

        found = run("--help")
        assert found.returncode == 0
        assert "--null_score_diff_threshold" in found.stdout
        found = run("model", str(tmp_path / "new"), "--format=sculpture")
        assert found.returncode == 2
        assert found.stderr.count("\n") == 1
        found = run(
            str(tmp_path / "none"), str(tmp_path / "new"), "--format=serving"
        )
        assert found.returncode == 2
        assert "no such checkpoint" in found.stderr
        assert found.stderr.count("\n") == 1
        assert os.listdir(tmp_path) == []

    def test_flags_do_not_load_tensorflow(self):
        code = (
            "import sys; from absl import flags; "
            "from albert.export import __main__ as command; "
            "command.define_flags(flags.FlagValues()); "
            "assert 'tensorflow' not in sys.modules"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
