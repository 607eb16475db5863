# SPDX-License-Identifier: Apache-2.0
"""The files of the ablations: what is read, and what is drawn from it."""

import hashlib
import json
import os
import random
import shutil

# Of the draw of training examples: the same for all models.
_EXAMPLES_SEED = 12345


def write_json(path, value):
    """Writes a JSON file that appears complete or not at all."""
    new = f"{path}.new"
    with open(new, "w", encoding="utf-8") as file:
        json.dump(value, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(new, path)


def read_json(path):
    """Returns what a JSON file holds."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def describe_files(paths):
    """Returns a list of [name, bytes, SHA-256] of files, sorted."""
    described = []
    for path in paths:
        with open(path, "rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        described.append(
            [os.path.basename(path), os.path.getsize(path), digest]
        )
    return sorted(described)


def describe_change(name, before, files):
    """Returns which file of two ``describe_files`` is another."""
    changed = [each for each in files if each not in (before or [])]
    gone = [each for each in before or [] if each not in files]
    example = (changed or gone or files)[0][0]
    return f"other files of {name} than before, such as {example}"


def draw_examples(source, target, number):
    """Copies the dev set of a task, and so many lines of its training set.

    The folder of the copies appears complete or not at all.
    """
    new = f"{target}.new"
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new)
    with open(f"{source}/train.tsv", "rb") as file:
        header, *lines = file.read().splitlines(keepends=True)
    if number < len(lines):
        lines = random.Random(_EXAMPLES_SEED).sample(lines, number)
    with open(f"{new}/train.tsv", "wb") as file:
        file.writelines([header, *lines])
    shutil.copyfile(f"{source}/dev.tsv", f"{new}/dev.tsv")
    os.rename(new, target)
