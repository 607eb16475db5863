# SPDX-License-Identifier: Apache-2.0
"""The command `albert`: what it lists, what it runs, what it refuses."""

import ast
import logging
import os
import pathlib
import re
import subprocess
import sys

import pytest
from absl import flags

import albert
from albert import __main__ as front_door
from albert import command_line

ROOT = pathlib.Path(__file__).parents[1]


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs `albert`: (exit status, stdout, stderr)."""

    def run_command(*arguments):
        monkeypatch.setattr(sys, "argv", ["albert", *arguments])
        monkeypatch.setattr(command_line.flags, "FLAGS", flags.FlagValues())
        monkeypatch.setattr(logging.getLogger(), "handlers", [])
        code = 0
        try:
            front_door.main()
        except SystemExit as error:
            code = error.code
        return code, *capsys.readouterr()

    return run_command


def test_every_script_is_a_command():
    """A script is what calls ``command_line.run``."""
    scripts = {
        path.relative_to(ROOT).as_posix()
        for folder in ("", "data/", "albert/**/")
        for path in ROOT.glob(f"{folder}*.py")
        if re.search(r"^    command_line\.run\(", path.read_text(), re.M)
    }
    assert sorted(scripts - {"albert/__main__.py"}) == sorted(
        front_door.COMMANDS.values()
    )


def test_help_lists_the_commands(run):
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    words = " ".join(out.split())
    for name, path in front_door.COMMANDS.items():
        docstring = ast.get_docstring(ast.parse((ROOT / path).read_text()))
        first = " ".join(docstring.splitlines()[0].split())
        assert f" {name} {first}" in words
    assert max(map(len, out.splitlines())) <= 80


def test_help_does_not_depend_on_the_locale():
    done = subprocess.run(
        [sys.executable, "-m", "albert", "--help"],
        cwd=ROOT,
        env={
            **os.environ,
            "LC_ALL": "C",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_imports_no_command():
    program = (
        "import sys\n"
        "from albert import __main__\n"
        "__main__.help_text()\n"
        "loaded = {m for m in sys.modules if m.partition('.')[0] in\n"
        "          ('absl', 'numpy', 'sentencepiece', 'tensorflow', 'tqdm')}\n"
        "assert not loaded, loaded\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_help_of_a_command_loads_nothing_large():
    """Before it shows its flags, a command is imported and defines them."""
    program = (
        "import sys\n"
        "from absl import flags\n"
        "from albert import __main__\n"
        "for name in __main__.COMMANDS:\n"
        "    __main__.load_script(name).define_flags(flags.FlagValues())\n"
        "    loaded = {'h5py', 'keras', 'matplotlib', 'scipy', 'sklearn',\n"
        "              'tensorboard', 'tensorflow'} & set(sys.modules)\n"
        "    assert not loaded, (name, loaded)\n"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True)


def test_help_that_cannot_be_written():
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "albert", "--help"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert re.fullmatch("error: standard output: No space.*\n", done.stderr)


def test_a_reader_that_stops_reading_is_no_fault():
    with subprocess.Popen(
        [sys.executable, "-m", "albert", "--help"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 0


@pytest.mark.parametrize("name", front_door.COMMANDS)
def test_help_of_a_command(run, name):
    """What it does, an example, the usage, and flags under headings."""
    code, out, err = run(name, "--help")
    assert (code, err) == (0, "")
    introduction, usage = out.split("\nUsage: ")
    assert f"albert {name} " in introduction
    assert re.match(rf"albert {name}\b", usage)
    lines = usage.splitlines()
    assert max(map(len, lines)) <= 80
    assert not usage.rstrip().endswith(":")
    headings = [line for line in lines[1:] if re.match(r"\S", line)]
    # A heading is written, and is not the module that a flag is defined in.
    for heading in headings:
        assert re.fullmatch(r"[A-Z][\w ,']+:", heading), heading
    assert len(set(headings)) == len(headings)


def test_values_and_aliases_in_the_help(run):
    out = run("classify", "--help")[1]
    assert "xlarge_v2" in re.findall(r"[\w]+", out)
    assert "\n  --num_train_steps, --train_step\n" in out
    assert "\n  --eval_batch_size, --predict_batch_size (default: 32)\n" in out
    assert "\n  --[no]do_train (default: false)\n" in out
    assert "Alias for" not in out


def test_version(run):
    assert run("--version") == (0, f"albert {albert.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["pretrian"], "no command 'pretrian': did you mean 'pretrain'?"),
        (["fill_mask"], "no command 'fill_mask': did you mean 'fill-mask'?"),
        (["create-vocab"], "did you mean 'create-vocabulary'?"),
        ([], "a command comes first"),
        (["--output_dir=x", "pretrain"], "a command comes first"),
    ],
)
def test_no_such_command(run, arguments, words):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"error: .*\n", err)
    assert words in err


@pytest.mark.parametrize(
    "arguments, error",
    [
        (["pretrain"], "--output_dir is required; see --help"),
        (["classify"], "--task_name is required"),
        (["classify", "--task_name=rte"], "--output_dir is required"),
        (
            ["classify", "--task_name=rte", "--output_dir=o", "--do_train"],
            "--data_dir is required for --do_train",
        ),
        (
            ["classify", "--task_name=rte", "--output_dir=o", "--do_train"]
            + ["--data_dir=d"],
            "--init_checkpoint is required",
        ),
        (["squad"], "--output_dir is required"),
        (
            ["squad", "--output_dir=o", "--do_train"],
            "--train_file is required for --do_train",
        ),
        (
            ["squad", "--output_dir=o", "--do_eval"],
            "--predict_file is required for --do_eval",
        ),
        (["create-vocabulary"], "--input_file is required; see --help"),
        (["fill-mask"], "MODEL_DIR is missing; see --help"),
        (["export", "a", "b"], "--format is required: one of serving"),
    ],
)
def test_a_command_gets_its_arguments(run, arguments, error):
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {error}")


def test_python_m_is_the_same():
    completed = subprocess.run(
        [sys.executable, "-m", "albert", "pretrain", "--no_such_flag"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 2
    assert "no_such_flag" in completed.stderr


def test_flags_of_two_commands_are_defined_once(monkeypatch):
    """But for those that are another thing in each command."""
    different = {
        "beam_size",
        "data_dir",
        "delimiter",
        "do_eval",
        "do_predict",
        "dry_run",
        "dropout_prob",
        "eval_input_file",
        "head",
        "id_column",
        "input_file",
        "language",
        "length_penalty",
        "mask_replacement",
        "masked_lm_prob",
        "max_predictions_per_seq",
        "max_seq_length",
        "optimizer",
        "option_columns",
        "output_dir",
        "output_file",
        "quantization",
        "overwrite",
        "pad_to_max_length",
        "predict_file",
        "quoting",
        "seed",
        "spm_model_file",
        "text_b_column",
        "text_column",
        "text_field",
        "text_file",
        "top",
        "train_batch_size",
        "train_file",
    }
    helps = {}
    for name in front_door.COMMANDS:
        fv = flags.FlagValues()
        front_door.load_script(name).define_flags(fv)
        for flag in fv:
            helps.setdefault(flag, set()).add(fv[flag].help)
    defaults = re.compile(r" Default: .*")
    several = {
        flag
        for flag, texts in helps.items()
        if len({defaults.sub("", text) for text in texts}) > 1
    }
    assert several == different
