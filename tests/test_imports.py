# SPDX-License-Identifier: Apache-2.0
"""Imports of the package: only lower layers, no circles, and no TensorFlow."""

import ast
import graphlib
import os
import pathlib
import re
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).parents[1]

# Packages and single modules of ``albert``, the lowest layer first. A module
# imports from its own package and from lower layers, in functions too.
LAYERS = (
    ("errors", "heads", "paths", "progress"),
    ("model_names", "standard_streams"),
    ("flag_parsers", "inputs", "workspaces"),
    ("file_fingerprints", "file_patterns", "json_files", "memory", "outputs"),
    (
        "config",
        "flag_commands",
        "flag_groups",
        "flag_spelling",
        "processes",
        "results_schema",
        "streamed_outputs",
        "text",
    ),
    ("freeze_flag", "vector_flags", "vocabulary_flags"),
    ("device_flags", "flags", "model_directory", "modeling", "run_list_flags"),
    (
        "budget_flags",
        "evaluation_results",
        "finetuning_flags",
        "pretraining_recipes",
        "run_settings",
        "tasks",
    ),
    ("interchange",),
    ("command_line", "records"),
    (
        "data_flags",
        "fill_mask",
        "inspection",
        "shard_flags",
        "training",
    ),
    (
        "classification_flags",
        "convert",
        "pretraining_data_flags",
        "pretraining_flags",
        "squad_flags",
        "text_to_text",
    ),
    ("export", "generate", "glue", "score"),
    ("prediction", "serve"),
    ("embedding",),
    ("answering",),
    ("__main__",),
)
LAYER_OF = {part: i for i, parts in enumerate(LAYERS) for part in parts}

# Where --help and the processes of data creation would wait for it.
WITHOUT_TENSORFLOW = (
    "albert",
    "albert.budget_flags",
    "albert.command_line",
    "albert.data_flags",
    "albert.flags",
    "albert.heads",
    "albert.interchange.task_description",
    "albert.model_directory",
    "albert.processes",
    "albert.records.finetuning_writing",
    "albert.records.pretraining",
    "albert.records.pretraining_report",
    "albert.records.writing",
    "albert.tasks.*",
    "albert.text.*",
)


def module_name(path):
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in ROOT.glob("albert/**/*.py")}


def imported(source, modules):
    """Returns the modules that statements anywhere in a source import."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                found.add(name if name in modules else node.module)
    # The package itself imports nothing; see the test below.
    return (found & set(modules)) - {"albert"}


IMPORTS = {
    module: imported(path.read_text("utf-8"), MODULES)
    for module, path in MODULES.items()
}


def part_of(module):
    return module.split(".")[1]


def test_every_part_of_the_package_is_in_one_layer():
    parts = {part_of(module) for module in MODULES if module != "albert"}
    assert parts == set(LAYER_OF)
    assert len(LAYER_OF) == sum(map(len, LAYERS))


def test_package_itself_imports_nothing():
    assert not IMPORTS["albert"]


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"albert"}))
def test_only_lower_layers_are_imported(module):
    part = part_of(module)
    upwards = {
        other
        for other in IMPORTS[module]
        if part_of(other) != part and LAYER_OF[part_of(other)] >= LAYER_OF[part]
    }
    assert not upwards


def test_no_module_imports_a_recipe():
    recipes = {path.stem for path in ROOT.glob("run_*.py")}
    recipes |= {path.stem for path in ROOT.glob("data/*.py")}
    assert len(recipes) == 6
    for path in MODULES.values():
        assert not imported(path.read_text("utf-8"), recipes), path


def test_imports_close_no_circle():
    # Raises CycleError, which names the modules.
    list(graphlib.TopologicalSorter(IMPORTS).static_order())


def test_imports_of_all_kinds_are_found():
    modules = ("albert.a", "albert.a.b", "albert.c", "albert.d", "albert.e")
    source = """
import albert
import albert.c
from albert.a import b
from albert.d import name
def function():
    from albert import e
"""
    assert imported(source, modules) == set(modules) - {"albert.a"}


def test_help_and_the_writing_of_records_do_not_load_tensorflow():
    names = set()
    for pattern in WITHOUT_TENSORFLOW:
        prefix = pattern.removesuffix("*")
        matching = {
            name
            for name in MODULES
            if name == pattern or (prefix != pattern and prefix in name)
        }
        assert matching, pattern
        names |= matching
    program = (
        "import sys\n"
        "sys.modules.update(tensorflow=None, keras=None, sklearn=None)\n"
        + "".join(f"import {name}\n" for name in sorted(names))
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=ROOT)


def test_what_is_left_out_with_the_oldest_tensorflow_loads_none():
    """Neither the tests themselves nor what the modules they import import."""
    environment = {
        name: value
        for name, value in os.environ.items()
        if name not in ("MAKEFLAGS", "MFLAGS")
    }
    commands = subprocess.run(
        ["make", "--dry-run", "test-oldest"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    tests = {ROOT / name for name in re.findall(r"--ignore=(\S+)", commands)}
    assert len(tests) > 40
    libraries = ("tensorflow", "tensorflow_text", "keras")
    for path in tests:
        source = path.read_text("utf-8")
        seen, left = {path}, imported(source, MODULES)
        assert not imported(source, libraries), path
        while left:
            module = left.pop()
            text = MODULES[module].read_text("utf-8")
            assert not imported(text, libraries), (path, module)
            seen.add(module)
            left |= IMPORTS[module] - seen
        # Nor what these load when they are used.
        assert not re.search(
            r"\b(albert\.(Albert|load_w|save_w)|run_process|call_recipe)",
            source,
        ), path
