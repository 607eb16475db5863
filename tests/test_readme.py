# SPDX-License-Identifier: Apache-2.0
"""The documents say what the code does: commands, flags, paths and numbers.

No command is run; each is parsed with the flags of its own script, and its
input must exist or be written by a command before it.
"""

import fnmatch
import importlib.util
import inspect
import pathlib
import re
import shlex
import shutil

import pytest
from absl import flags

import albert
from albert.__main__ import COMMANDS
from albert.config import NAMED_SIZES
from albert.config import AlbertConfig
from albert.model_names import is_name
from albert.records.writing import shard_names
from albert.tasks import table
from albert.tasks.metrics import METRICS
from albert.training import defaults

ROOT = pathlib.Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
# Every page for users: name to text.
PAGES = {"README.md": README} | {
    f"docs/{path.name}": path.read_text()
    for path in sorted((ROOT / "docs").glob("*.md"))
}
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
    "tensorboard",
    "tensorflow_model_server",
    "touch",
}
INPUT_FLAGS = (
    "data_dir",
    "eval_file",
    "eval_input_file",
    "input_file",
    "predict_file",
    "spm_model_file",
    "text_file",
    "train_file",
)
# Ours whose first argument is a model, and those that write a second one.
READ_A_MODEL = (
    *("convert", "export", "fill-mask", "generate", "predict", "serve"),
)
WRITE_A_MODEL = ("convert", "export")


def code_blocks(text, language):
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.M | re.S)


def prose(text):
    return re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)


def commands_of(text):
    lines = "\n".join(code_blocks(text, "bash")).replace("\\\n", " ")
    return [shlex.split(line, comments=True) for line in lines.split("\n")]


def makefile_commands():
    values = dict(re.findall(r"^(\w+) *[:?]?= *(.*)$", MAKEFILE, re.M))
    # $(1) is what a recipe is called with.
    values["1"] = ""
    text = re.sub(r"\$\((\w+)\)", lambda m: values[m[1]], MAKEFILE)
    lines = text.replace("\\\n", " ").split("\n")
    return [shlex.split(line) for line in lines if line.startswith("\t")]


def our_commands(commands):
    """Yields (path of our script, its arguments)."""
    for program, *arguments in filter(None, commands):
        if program == "srun":
            while arguments[0].startswith("--"):
                del arguments[0]
            program, *arguments = arguments
        name = pathlib.PurePath(program).name
        if name == "albert" and arguments[0] != "--help":
            yield COMMANDS[arguments[0]], arguments[1:]
        elif name == "python" and arguments[0] == "-m":
            path = arguments[1].replace(".", "/")
            path += "/__main__.py" if (ROOT / path).is_dir() else ".py"
            if path.startswith("albert/"):
                yield path, arguments[2:]
        elif name == "python" and arguments[0] != "-I":
            yield arguments[0], arguments[1:]


def downloads(commands):
    """Returns the paths that curl writes and that archives are unpacked to."""
    paths = []
    for program, *arguments in filter(None, commands):
        if program == "curl" and "--output" in arguments:
            paths.append(arguments[arguments.index("--output") + 1])
        elif arguments[:3] == ["-m", "zipfile", "-e"]:
            assert arguments[3] in paths, arguments
            paths.append(arguments[4])
    return paths


def load_script(path):
    specification = importlib.util.spec_from_file_location(
        f"script_{pathlib.PurePath(path).stem}", ROOT / path
    )
    script = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(script)
    return script


def parse(path, arguments):
    """Parses a command as its script does; returns (flags, positional)."""
    flag_values = flags.FlagValues()
    load_script(path).define_flags(flag_values)
    return flag_values, flag_values([path, *arguments])[1:]


def check_commands(commands, there=()):
    """Parses every command, in order; its input must be there by then.

    Args:
      commands: lists of words.
      there: paths that were written before.

    Returns:
      (number of our commands, paths that are there at the end).
    """
    there = [*there, *downloads(commands)]
    parsed = 0

    def is_there(model):
        return model in there or is_name(model)

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
                assert is_there(fv[name].value), f"{path}: {fv[name].value}"
        if path in map(COMMANDS.get, READ_A_MODEL):
            assert is_there(positional[0]), f"{path}: {positional[0]}"
        if path in map(COMMANDS.get, WRITE_A_MODEL):
            # What is there is refused.
            assert positional[1] not in there or (
                "overwrite" in fv and fv.overwrite
            ), f"{path}: {positional[1]} is there already"
            there.append(positional[1])
        if path == COMMANDS["curves"]:
            assert set(positional[1:]) <= set(there), positional
        if "output_prefix" in fv:
            there.append(f"{fv.output_prefix}.model")
        elif "output_file" in fv and "num_shards" in fv:
            there += shard_names(fv.output_file, fv.num_shards)
        elif "output_dir" in fv:
            there += [fv.output_dir, f"{fv.output_dir}/albert_config.json"]
            if path == COMMANDS["create-finetuning-data"]:
                start = f"{fv.output_dir}/{fv.task_name}"
                there += [f"{start}_{x}.tfrecord" for x in fv.splits]
    return parsed, there


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_examples_of_a_page(page):
    """A page may use what it wrote before, and what `make demo` writes."""
    _, of_demo = check_commands(makefile_commands())
    _, there = check_commands(commands_of(PAGES[page]), of_demo)
    for example in code_blocks(PAGES[page], "python"):
        if "import albert" in example:
            continue  # is run below
        for path in re.findall(r'"((?:run|demo)/[^"]+)"', example):
            assert any(
                pathlib.PurePath(path).is_relative_to(each) for each in there
            ), path


def test_a_server_ends_its_block():
    """What follows a command that does not end is never reached."""
    for page, text in PAGES.items():
        for block in code_blocks(text, "bash"):
            lines = block.replace("\\\n", " ").strip().split("\n")
            for line in lines[:-1]:
                words = shlex.split(line, comments=True)
                assert words[:1] not in (
                    ["tensorboard"],
                    ["tensorflow_model_server"],
                ), f"{page}: {line}"
                assert words[:2] != ["albert", "serve"], f"{page}: {line}"


def test_functions_named_beside_a_file_exist():
    found = 0
    for page, text in PAGES.items():
        for functions, path in re.findall(
            r"((?:`\w+`(?: and )?)+) in `(albert/\S+\.py)`", prose(text)
        ):
            source = (ROOT / path).read_text()
            for name in re.findall(r"`(\w+)`", functions):
                found += 1
                assert re.search(rf"\b(def|class) {name}\b", source), (
                    f"{page}: {name} in {path}"
                )
    assert found >= 6


def test_signatures_of_the_python_page():
    for name in ("load_weights", "save_weights"):
        row = re.search(rf"`{name}\((.*)\)` \|", PAGES["docs/python.md"])
        shown = [each.split("=")[0] for each in row[1].split(", ")]
        assert shown == list(
            inspect.signature(getattr(albert, name)).parameters
        )


def test_each_command_is_shown():
    shown = {
        path
        for text in PAGES.values()
        for path, _ in our_commands(commands_of(text))
    }
    assert shown >= set(COMMANDS.values())


def test_commands_of_the_makefile():
    number, _ = check_commands(makefile_commands())
    assert number >= 6


def test_a_flag_that_does_not_exist_is_noticed():
    with pytest.raises(flags.Error, match="no_such_flag"):
        parse("run_pretraining.py", ["--no_such_flag=1"])


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("albert fill-mask run/none", "run/none"),
        ("albert convert demo/model demo/model --to=google", "already"),
        ("srun --nodes=2 albert pretrain --input_file=run/none", "run/none"),
    ],
)
def test_a_missing_input_is_noticed(command, message):
    with pytest.raises(AssertionError, match=message):
        check_commands([command.split()], ["demo/model"])


def test_programs_are_known_and_targets_exist():
    targets = set(re.findall(r"^([\w-]+):", MAKEFILE, re.M))
    for page, text in PAGES.items():
        for program, *arguments in filter(None, commands_of(text)):
            if program == "make":
                assert set(arguments) <= targets, arguments
            else:
                known = OTHERS | {"albert", "python", "srun"}
                assert program in known, f"{page}: {program}"
    for text in (*PAGES.values(), CONTRIBUTING):
        for target in re.findall(r"`make ([\w-]+)`", text):
            assert target in targets, target


def test_commands_in_the_text_exist():
    for page, text in PAGES.items():
        for name in re.findall(r"`albert\s+([\w-]+)", prose(text)):
            known = {*COMMANDS, "COMMAND", "create-", "--help"}
            assert name in known, f"{page}: {name}"


def test_flags_in_the_text_exist():
    defined = set()
    for path in COMMANDS.values():
        flag_values = flags.FlagValues()
        load_script(path).define_flags(flag_values)
        defined |= {f"--{name}" for name in flag_values}
    # The original's, in the table of differences.
    absent = {
        "--init_from_group0",
        "--master",
        "--masked_lm_budget",
        "--num_tpu_cores",
        "--use_tpu",
    }
    assert defined.isdisjoint(absent)
    # Of TensorFlow Serving, saved_model_cli, XLA, pip, srun, and of the
    # programs in benchmarks/.
    others = {
        "--all",
        "--dir",
        "--earlier",
        "--enable_batching",
        "--help",
        "--minutes",
        "--no-deps",
        "--only",
        "--output",
        "--peer_python",
        "--processes",
        "--resv-ports",
        "--rounds",
        "--seconds",
        "--shapes",
        "--size",
        "--work",
        "--xla_gpu_enable_triton_gemm",
    }
    for page, text in PAGES.items():
        for code in re.findall(r"`([^`]+)`", prose(text)):
            for flag in re.findall(r"(?:^|\s)(--[\w-]+)", code):
                known = defined | absent | others
                assert flag in known or flag.replace("--no", "--") in known, (
                    f"{page}: {flag}"
                )


def anchors_of(text):
    headings = re.findall(r"^#+ (.+)$", prose(text), re.M)
    return {
        re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def test_files_and_links_exist():
    for page, text in (PAGES | {"CONTRIBUTING.md": CONTRIBUTING}).items():
        folder = (ROOT / page).parent
        for link in re.findall(r"\]\((?!https?:)([^)]+)\)", prose(text)):
            path, _, anchor = link.partition("#")
            target = folder / path if path else ROOT / page
            assert target.exists(), f"{page}: {link}"
            if anchor:
                assert anchor in anchors_of(target.read_text()), (
                    f"{page}: {link}"
                )
        for code in re.findall(r"`([^`\n]+)`", prose(text)):
            if re.match(r"(albert|data|docs|tests|benchmarks)/", code):
                assert list(ROOT.glob(code)), f"{page}: {code}"


def test_the_index_has_every_page():
    pages = set(PAGES) - {"README.md", "docs/README.md"}
    linked = re.findall(r"\]\(([\w-]+\.md)\)", PAGES["docs/README.md"])
    assert {f"docs/{name}" for name in linked} == pages
    assert set(re.findall(r"\]\((docs/[\w-]+\.md)\)", README)) >= pages


def test_the_map_has_every_module():
    text = PAGES["docs/map.md"]
    sections = dict(
        re.findall(r"^## (\S+)\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    )
    listed = []
    for folder, section in sections.items():
        paths = re.findall(r"^\| `(\S+\.py)` \| .+ \|$", section, re.M)
        if folder != "Recipes":
            assert {str(pathlib.PurePath(path).parent) for path in paths} <= {
                folder
            }
        listed += paths
    assert len(set(listed)) == len(listed)
    modules = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "albert").rglob("*.py")
        if path.name != "__init__.py"
    }
    recipes = {
        path.relative_to(ROOT).as_posix()
        for path in (*ROOT.glob("run_*.py"), *ROOT.glob("data/*.py"))
    }
    assert set(listed) == modules | recipes | {"albert/__init__.py"}


def test_the_table_of_sizes():
    rows = re.findall(
        r"^\| (\w+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \| (\d+)"
        r" \| ([\d,]+) \| ([\d,]+) \|$",
        PAGES["docs/pretraining.md"],
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
        + r" \| ([\d.]+) at batch (\d+)" * 3
        + r" \|$",
        PAGES["docs/pretraining.md"],
        re.M,
    )
    for size, row in zip(("base", "small"), rows, strict=True):
        config = AlbertConfig.named(size)
        for optimizer, rate, batch in zip(
            ("lamb", "adamw", "muon"), row[::2], row[1::2], strict=True
        ):
            assert defaults.pretraining_learning_rate(
                config, optimizer, int(batch)
            ) == pytest.approx(float(rate), rel=1e-6), (size, optimizer)


def test_the_example_in_python(tmp_path, monkeypatch, capsys):
    (example,) = code_blocks(PAGES["docs/python.md"], "python")
    (tmp_path / "run").mkdir()
    shutil.copy(VOCABULARY, tmp_path / "run" / "vocabulary.model")
    monkeypatch.chdir(tmp_path)
    exec(compile(example, "docs/python.md", "exec"), {})
    printed = capsys.readouterr().out
    assert "25 weights; 7 of the heads" in printed
    assert "256)" in printed
    assert (tmp_path / "run/weights/model.ckpt-best.index").exists()


def test_the_example_of_a_task():
    (example,) = code_blocks(PAGES["docs/finetuning.md"], "python")
    (task,) = eval(f"({example})", vars(table).copy())
    assert task.num_labels == 2
    assert task.splits("dev") == ["dev"]
    assert task.best_metric in METRICS
    assert set(task.metrics) <= set(METRICS)


def test_every_name_of_the_package_is_told():
    listed = re.findall(r"^\| `(\w+)", PAGES["docs/python.md"], re.M)
    assert sorted(listed) == albert.__all__


def test_no_placeholder_is_left():
    for name in (*PAGES, "CONTRIBUTING.md", "CHANGELOG.md"):
        left = re.findall(
            r"<<\w+>>|^[A-Z]+_[A-Z_]+$", (ROOT / name).read_text(), re.M
        )
        assert not left, f"{name}: {left}"


def test_readme_and_contributing_are_short():
    assert len(README.splitlines()) <= 300
    assert len(CONTRIBUTING.splitlines()) <= 100
