# SPDX-License-Identifier: Apache-2.0
"""A wheel of what is in the repository works outside the clone."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile

import pytest

ROOT = pathlib.Path(__file__).parents[1]
# What the wheel is made of.
SOURCES = (
    "LICENSE",
    "README.md",
    "albert",
    "data",
    "pyproject.toml",
    "run_classifier.py",
    "run_pretraining.py",
    "run_squad.py",
    "setup.py",
)

pytestmark = pytest.mark.slow


def call(*arguments, **options):
    completed = subprocess.run(
        list(map(str, arguments)),
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert completed.returncode == 0, completed.stderr + completed.stdout
    return completed.stdout


def build(source, destination):
    """Builds a wheel with what is installed, without the network."""
    call(
        *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps"),
        *("--no-index", "--no-build-isolation", "--no-cache-dir"),
        *("--wheel-dir", destination, source),
    )
    (wheel,) = pathlib.Path(destination).glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A copy of the repository without what was built in it."""
    source = tmp_path_factory.mktemp("source")
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name,
                source / name,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        else:
            shutil.copy(ROOT / name, source)
    return source


@pytest.fixture(scope="module")
def wheel(source, tmp_path_factory):
    return build(source, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def albert(wheel, tmp_path_factory):
    """Runs the installed command in a folder; returns what it printed."""
    place = tmp_path_factory.mktemp("environment")
    call(sys.executable, "-m", "venv", "--without-pip", place)
    (packages,) = place.glob("lib/python*/site-packages")
    call(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"),
        *("--no-index", "--no-warn-script-location", "--python"),
        *(place / "bin" / "python", wheel),
    )
    # The libraries of these tests; a folder that is added so is not searched
    # for .pth files, and so not for the package as `make setup` installs it.
    libraries = [
        path for path in sys.path if path.endswith("site-packages")
    ] or [sysconfig.get_path("purelib")]
    (packages / "libraries.pth").write_text("\n".join(libraries))
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PYTHON")
    }
    working = tmp_path_factory.mktemp("working")
    found = call(
        place / "bin" / "python",
        *("-c", "import albert; print(albert.__file__)"),
        cwd=working,
        env=environment,
    )
    assert found.strip() == str(packages / "albert" / "__init__.py")

    def run(*arguments):
        return call(
            place / "bin" / "albert", *arguments, cwd=working, env=environment
        )

    return run


def test_what_it_carries(wheel):
    """Each module and each recipe once, and nothing beside the package."""
    names = set(zipfile.ZipFile(wheel).namelist())
    names = {name for name in names if ".dist-info/" not in name}
    assert {name.split("/")[0] for name in names} == {"albert"}
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "albert").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    recipes = (*ROOT.glob("run_*.py"), *ROOT.glob("data/*.py"))
    wanted |= {f"albert/recipes/{path.name}" for path in recipes}
    assert names == wanted


def test_the_source_distribution_builds_the_same(source, wheel, tmp_path):
    backend = "import sys, setuptools.build_meta as backend; "
    call(
        *(sys.executable, "-c"),
        backend + "backend.build_sdist(sys.argv[1])",
        tmp_path,
        cwd=source,
    )
    (archive,) = tmp_path.glob("*.tar.gz")
    again = build(archive, tmp_path / "wheel")
    names = [sorted(zipfile.ZipFile(w).namelist()) for w in (wheel, again)]
    assert names[0] == names[1]


def test_from_text_to_a_filled_mask(albert):
    """The package installed alone: every step but the text is the wheel's."""
    listed = albert("--help")
    assert re.search(r"^  pretrain +\S", listed, re.M)
    text = ROOT / "data" / "sample" / "train" / "*.txt"
    albert(
        "create-vocabulary",
        f"--input_file={text}",
        "--output_prefix=vocabulary",
        "--vocab_size=500",
    )
    # Two processes: they import this command's file too.
    albert(
        "create-pretraining-data",
        f"--input_file={text}",
        "--spm_model_file=vocabulary.model",
        "--output_file=train.tfrecord",
        "--max_seq_length=32",
        "--max_predictions_per_seq=5",
        "--dupe_factor=1",
        "--num_workers=2",
    )
    printed = albert(
        "pretrain",
        "--input_file=train.tfrecord",
        "--model_size=tiny",
        "--output_dir=model",
        "--train_batch_size=4",
        "--num_train_steps=3",
    )
    assert "albert fill-mask model " in printed
    filled = albert("fill-mask", "model", "The [MASK] of the house.")
    assert re.search(r"^    \S+ \d+%, ", filled, re.M)
    assert "Usage: albert classify " in albert("classify", "--help")
