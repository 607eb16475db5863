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

    def export(source, destination, **options):
        calls.append((source, destination, options))
        os.makedirs(destination)
        with open(os.path.join(destination, "saved_model.pb"), "wb"):
            pass
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
        from albert.export import tfhub

        for name, module in (
            ("serving", serving),
            ("tfhub", tfhub),
            ("litert", litert),
        ):
            known = inspect.signature(module.export).parameters
            assert set(command.FORMATS[name]) <= set(known)

    def test_format_is_required(self, tmp_path):
        with pytest.raises(UserError, match="--format is required"):
            command.main(parse(), "model", str(tmp_path / "new"))


class TestDestination:
    def test_something_there_is_refused(self, asked, tmp_path):
        (tmp_path / "saved_model.pb").write_text("mine")
        with pytest.raises(UserError, match="replace it with --overwrite"):
            command.main(parse("--format=serving"), "model", str(tmp_path))
        assert asked == []
        assert os.listdir(tmp_path) == ["saved_model.pb"]

    def test_overwrite_replaces_an_export(self, asked, tmp_path):
        place = tmp_path / "old"
        place.mkdir()
        (place / "saved_model.pb").write_text("old")
        (place / "more").write_text("old")
        fv = parse("--format=serving", "--overwrite")
        command.main(fv, "model", str(place))
        assert os.listdir(tmp_path) == ["old"]
        assert os.listdir(place) == ["saved_model.pb"]

    def test_a_failure_puts_it_back(self, tmp_path, monkeypatch):
        def fail(source, destination):
            os.makedirs(os.path.dirname(destination), exist_ok=True)
            raise UserError("no model")

        monkeypatch.setattr(serving, "export", fail)
        place = tmp_path / "old"
        place.mkdir()
        (place / "saved_model.pb").write_text("old")
        with pytest.raises(UserError, match="no model"):
            command.main(
                parse("--format=serving", "--overwrite"), "model", str(place)
            )
        assert os.listdir(tmp_path) == ["old"]
        assert (place / "saved_model.pb").read_text() == "old"

    def test_what_is_no_export_is_not_replaced(self, asked, tmp_path):
        (tmp_path / "letters.txt").write_text("dear")
        fv = parse("--format=serving", "--overwrite")
        with pytest.raises(UserError, match="is not an export"):
            command.main(fv, "model", str(tmp_path))
        assert os.listdir(tmp_path) == ["letters.txt"]

    def test_the_model_is_not_replaced(self, asked, tmp_path):
        (tmp_path / "albert_config.json").write_text("{}")
        fv = parse("--format=serving", "--overwrite")
        for source in (tmp_path, tmp_path / "model.ckpt-best"):
            with pytest.raises(UserError, match="holds the model"):
                command.main(fv, str(source), str(tmp_path))
        assert os.listdir(tmp_path) == ["albert_config.json"]


class TestConversion:
    def test_google(self, tmp_path, capsys):
        model = albert.AlbertEncoder(CONFIG)
        albert.save_weights(model, tmp_path / "model", "model_dir")
        command.main(
            parse("--format=google"),
            str(tmp_path / "model"),
            str(tmp_path / "new"),
        )
        assert "No tokenizer was written" in capsys.readouterr().out
        loaded = albert.AlbertEncoder(CONFIG)
        albert.load_weights(loaded, tmp_path / "new")

    def test_without_the_tokenizer(self, monkeypatch, capsys):
        asked = {}

        def convert(source, destination, to, **options):
            asked.update(options)
            return ConversionReport(source, "none", 25, [], False)

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
