# SPDX-License-Identifier: Apache-2.0
"""The documents say what the code does: commands, flags, paths and numbers.

No command is run; each is parsed with the flags of its own script, and its
input must exist or be written by a command before it.
"""

import fnmatch
import importlib.util
import pathlib
import re
import shlex
import shutil

import pytest
from absl import flags

from albert.config import NAMED_SIZES
from albert.config import AlbertConfig
from albert.records.writing import shard_names
from albert.training import defaults

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
VOCABULARY = ROOT / "tests" / "golden" / "tokenization" / "spm2000.model"

# Programs that are not ours: only their files are checked.
OTHERS = {
    ".",
    "cd",
    "curl",
    "export",
    "mkdir",
    "pip",
    "python3.11",
    "ruff",
    "srun",
    "tensorboard",
    "touch",
}
INPUT_FLAGS = (
    "data_dir",
    "eval_input_file",
    "input_file",
    "predict_file",
    "spm_model_file",
    "text_file",
    "train_file",
)


def code_blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def readme_commands():
    lines = "\n".join(code_blocks(README, "bash")).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in lines.split("\n")]


def makefile_commands():
    values = dict(re.findall(r"^(\w+) *[:?]?= *(.*)$", MAKEFILE, re.M))
    text = re.sub(r"\$\((\w+)\)", lambda m: values[m[1]], MAKEFILE)
    lines = text.replace("\\\n", " ").split("\n")
    return [shlex.split(line) for line in lines if line.startswith("\t")]


def our_commands(commands):
    """Yields (path of our script, its arguments)."""
    for program, *arguments in filter(None, commands):
        name = pathlib.PurePath(program).name
        if name == "python" and arguments[0] == "-m":
            path = arguments[1].replace(".", "/")
            path += "/__main__.py" if (ROOT / path).is_dir() else ".py"
            if path.startswith("albert/"):
                yield path, arguments[2:]
        elif name == "python" and arguments[0] != "-I":
            yield arguments[0], arguments[1:]


def load_script(path):
    specification = importlib.util.spec_from_file_location(
        f"script_{pathlib.PurePath(path).stem}", ROOT / path
    )
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    return script


def parse(path, arguments):
    """Parses a command as its script does; returns (flags, positional)."""
    script = load_script(path)
    # albert/training/curves.py has no flags and so no function for them.
    define_flags = getattr(script, "define_flags", lambda fv: None)
    flag_values = flags.FlagValues()
    define_flags(flag_values)
    return flag_values, flag_values([path, *arguments])[1:]


def check_commands(commands, there=()):
    """Parses every command, in order; its input must be there by then.

    Args:
      commands: lists of words.
      there: paths that were written before.

    Returns:
      (number of our commands, paths that are there at the end).
    """
    there = list(there)
    parsed = 0
    for path, arguments in our_commands(commands):
        if "--help" in arguments:
            assert (ROOT / path).is_file(), path
            continue
        fv, positional = parse(path, arguments)
        parsed += 1
        for name in INPUT_FLAGS:
            value = fv[name].value if name in fv else None
            for pattern in (value or "").split(","):
                assert (
                    not pattern
                    or list(ROOT.glob(pattern))
                    or fnmatch.filter(there, pattern)
                ), f"{path}: nothing matches --{name}={pattern}"
        for name in ("init_checkpoint", "albert_config_file"):
            if name in fv and fv[name].value:
                assert fv[name].value in there, f"{path}: {fv[name].value}"
        if path in ("albert/fill_mask.py", "albert/serve/__main__.py"):
            assert positional[0] in there, positional[0]
        if path in ("albert/convert.py", "albert/export/__main__.py"):
            assert positional[0] in there, positional[0]
            there.append(positional[1])
        if path == "albert/training/curves.py":
            assert set(positional[1:]) <= set(there), positional
        if "output_prefix" in fv:
            there.append(f"{fv.output_prefix}.model")
        elif "output_file" in fv:
            there += shard_names(fv.output_file, fv.num_shards)
        elif "output_dir" in fv:
            there += [fv.output_dir, f"{fv.output_dir}/albert_config.json"]
    return parsed, there


def test_commands_of_the_readme():
    """It may use what `make demo` writes."""
    _, of_demo = check_commands(makefile_commands())
    number, _ = check_commands(readme_commands(), of_demo)
    assert number >= 15


def test_commands_of_the_makefile():
    number, _ = check_commands(makefile_commands())
    assert number >= 6


def test_a_flag_that_does_not_exist_is_noticed():
    with pytest.raises(flags.Error, match="no_such_flag"):
        parse("run_pretraining.py", ["--no_such_flag=1"])


def test_programs_are_known_and_targets_exist():
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.M))
    for program, *arguments in filter(None, readme_commands()):
        if program == "make":
            assert set(arguments) <= targets, arguments
        else:
            assert program in OTHERS | {"python"}, program
    for target in re.findall(r"`make ([\w-]+)`", README + CONTRIBUTING):
        assert target in targets, target


def test_flags_in_the_text_exist():
    defined = set()
    for path in (
        "run_pretraining.py",
        "run_classifier.py",
        "run_squad.py",
        "data/create_vocabulary.py",
        "data/create_pretraining_data.py",
        "data/create_finetuning_data.py",
        "albert/fill_mask.py",
        "albert/convert.py",
        "albert/export/__main__.py",
        "albert/serve/__main__.py",
    ):
        flag_values = flags.FlagValues()
        load_script(path).define_flags(flag_values)
        defined |= {f"--{name}" for name in flag_values}
    text = re.sub(r"^```.*?^```", "", README, flags=re.M | re.S)
    # The original's, in the table of differences.
    absent = {"--init_from_group0", "--masked_lm_budget", "--use_tpu"}
    assert defined.isdisjoint(absent)
    for flag in re.findall(r"`(--\w+)", text):
        known = defined | absent | {"--help"}
        assert flag in known or flag.replace("--no", "--") in known, flag


def test_files_and_links_exist():
    for text in (README, CONTRIBUTING):
        text = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
        for link in re.findall(r"\]\((?!https?:|#)([^)]+)\)", text):
            assert (ROOT / link).exists(), link
        headings = re.findall(r"^#+ (.+)$", text, re.M)
        anchors = {
            re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
            for heading in headings
        }
        assert set(re.findall(r"\]\(#([^)]+)\)", text)) <= anchors
        for code in re.findall(r"`([^`\n]+)`", text):
            if re.match(r"(albert|data|docs|tests|benchmarks)/", code):
                assert list(ROOT.glob(code)), code


def test_the_map_has_every_module():
    section = README.split("\n## The map of the code\n")[1].split("\n## ")[0]
    cells = re.findall(r"^\| (`\S+\.py`.*?) \|", section, re.M)
    listed = re.findall(r"`(\S+\.py)`", " ".join(cells))
    assert len(set(listed)) == len(listed)
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "albert").rglob("*.py")
        if path.name != "__init__.py"
    }
    recipes = {
        path.relative_to(ROOT).as_posix()
        for path in (*ROOT.glob("*.py"), *ROOT.glob("data/*.py"))
    }
    assert set(listed) == modules | recipes | {"albert/__init__.py"}


def test_the_table_of_sizes():
    rows = re.findall(
        r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+)"
        r" \| ([\d,]+) \| ([\d,]+) \|$",
        README,
        re.M,
    )
    assert [row[0] for row in rows] == list(NAMED_SIZES)[: len(rows)]
    assert len(rows) == 7
    for name, *numbers in rows:
        config = AlbertConfig.named(name)
        encoder, with_heads = count_parameters(config)
        assert [int(n.replace(",", "")) for n in numbers] == [
            config.vocab_size,
            config.embedding_size,
            config.hidden_size,
            config.num_hidden_layers,
            config.num_attention_heads,
            encoder,
            with_heads,
        ], name


def count_parameters(config):
    """(encoder, with both heads), one group; needs no model."""
    e, h = config.embedding_size, config.hidden_size
    i = config.intermediate_size
    rows = (
        config.vocab_size
        + config.type_vocab_size
        + config.max_position_embeddings
    )
    embeddings = rows * e + 2 * e + e * h + h
    attention = 4 * (h * h + h) + 2 * h
    feed_forward = h * i + i + i * h + h + 2 * h
    encoder = embeddings + attention + feed_forward + h * h + h
    masked_lm = h * e + e + 2 * e + config.vocab_size
    return encoder, encoder + masked_lm + 2 * h + 2


def test_the_table_of_learning_rates():
    rows = re.findall(
        r"^\| (?:H of 768 and more|smaller)"
        r" \| ([\d.]+) at batch (\d+) \| ([\d.]+) at batch (\d+) \|$",
        README,
        re.M,
    )
    for size, (lamb, lamb_batch, adamw, adamw_batch) in zip(
        ("base", "small"), rows, strict=True
    ):
        config = AlbertConfig.named(size)
        for optimizer, rate, batch in (
            ("lamb", lamb, lamb_batch),
            ("adamw", adamw, adamw_batch),
        ):
            assert defaults.pretraining_learning_rate(
                config, optimizer, int(batch)
            ) == pytest.approx(float(rate), rel=1e-6), (size, optimizer)


def test_the_python_example(tmp_path, monkeypatch, capsys):
    (example,) = (
        block
        for block in code_blocks(README, "python")
        if "import albert" in block
    )
    (tmp_path / "run").mkdir()
    shutil.copy(VOCABULARY, tmp_path / "run" / "vocabulary.model")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "README.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "25 weights; 7 of the heads" in printed
    assert "256)" in printed
    assert (tmp_path / "run/weights/model.ckpt-best.index").exists()


def test_no_placeholder_is_left():
    for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"):
        left = re.findall(
            r"<<\w+>>|^[A-Z]+_[A-Z_]+$", (ROOT / name).read_text(), re.M
        )
        assert not left, f"{name}: {left}"


def test_contributing_is_short():
    assert len(CONTRIBUTING.splitlines()) <= 100
