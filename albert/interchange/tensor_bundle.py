# SPDX-License-Identifier: Apache-2.0
"""Reads and writes checkpoints as the original does: tensors by name.

``PREFIX.index`` and ``PREFIX.data-00000-of-00001``, readable with
``tf.train.load_checkpoint`` by anything that reads Google's release.
TensorFlow is loaded when tensors are read or written, not to find their files.
"""

import contextlib
import functools
import glob
import math
import os
import re

from albert import outputs
from albert.errors import UserError
from albert.inputs import check_file
from albert.inputs import open_file
from albert.interchange.source import Tensors
from albert.workspaces import workspace

BEST = "model.ckpt-best"
# What the reader's C++ errors become in Python, besides TensorFlow's own.
_READER_ERRORS = (ValueError, RuntimeError, IndexError)
_REMEDY = (
    "give another one, or remove its files so that the previous one is used"
)
_REMEDY_OF_MACHINE = (
    "check the path, its permissions, the disk and the memory: the checkpoint "
    "may be whole"
)
_BLOCK_BYTES = 1 << 20
_STEP = re.compile(r"model\.ckpt-(\d+)\.index")


class DamagedError(UserError):
    """Damage of a checkpoint: its files can be read, and are not whole."""


def write(prefix, tensors):
    """Writes a checkpoint that appears complete or not at all.

    A prefix without its index is no checkpoint to any reader.

    Args:
      prefix: path without suffix, e.g. "out/model.ckpt-500". Its directory is
        made when missing.
      tensors: dict of name to array or tensor.
    """
    import tensorflow as tf

    names = list(tensors)
    with (
        outputs.made_directories([prefix]),
        workspace(prefix, wait=True) as place,
    ):
        tf.raw_ops.SaveV2(
            prefix=os.path.join(place.new, os.path.basename(prefix)),
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.convert_to_tensor(tensors[name]) for name in names],
        )
        # The index last.
        place.commit(sorted(os.listdir(place.new)), replace=True)


def read(prefix):
    """Reads all tensors of a checkpoint.

    Args:
      prefix: path without suffix.

    Returns:
      dict of name to ``np.ndarray``, or bytes for a string.

    Raises:
      UserError: no checkpoint there, or the machine cannot read it.
      DamagedError: it is damaged.
    """
    return {
        name: read_one()
        for name, (_, read_one) in open_tensors(prefix).entries().items()
    }


def open_tensors(prefix):
    """Opens a checkpoint, to read its tensors one by one.

    Args:
      prefix: path without suffix.

    Returns:
      ``Tensors``.

    Raises:
      UserError: no checkpoint there, or the machine cannot read it.
      DamagedError: it is damaged. Reading a tensor raises both too.
    """
    import tensorflow as tf

    for path in (f"{prefix}.index", *_data_files(prefix)):
        check_file(path, _REMEDY_OF_MACHINE)
    with _one_line(prefix):
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        dtypes = reader.get_variable_to_dtype_map()
    # A damaged index must not make TensorFlow reserve what cannot be there.
    available = sum(map(os.path.getsize, _data_files(prefix)))
    for name, shape in shapes.items():
        size = max(dtypes[name].size or 1, 1) * math.prod(shape)
        if size > available:
            raise DamagedError(
                f"{prefix}: not a readable checkpoint ({name} has shape "
                f"{shape}, the data file has {available:,} bytes): get it "
                "again"
            )

    def read_one(name):
        with _one_line(prefix):
            return reader.get_tensor(name)

    return Tensors(
        {
            name: (tuple(shape), functools.partial(read_one, name))
            for name, shape in shapes.items()
        }
    )


@contextlib.contextmanager
def _one_line(prefix):
    import tensorflow as tf

    try:
        yield
    except (tf.errors.OpError, *_READER_ERRORS) as error:
        reason = str(error).splitlines()[0]
        if isinstance(error, tf.errors.ResourceExhaustedError):
            raise UserError(
                f"{prefix}: cannot be read ({reason}): {_REMEDY_OF_MACHINE}"
            ) from None
        _check_machine(prefix)
        raise DamagedError(
            f"{prefix}: not a readable checkpoint ({reason}): {_REMEDY}"
        ) from None


def _check_machine(prefix):
    """Refuses a checkpoint whose files the machine cannot read to the end.

    TensorFlow says that as it says that a file is damaged.
    """
    for path in (f"{prefix}.index", *_data_files(prefix)):
        with open_file(path, _REMEDY_OF_MACHINE) as stream:
            while stream.read(_BLOCK_BYTES):
                pass


def set_aside(prefix):
    """Renames a checkpoint so that nothing takes it for one any more.

    Returns:
      str, its new prefix.
    """
    directory, name = os.path.split(str(prefix))
    new = os.path.join(directory, f"damaged-{name}")
    for path in (f"{prefix}.index", *_data_files(prefix)):
        if os.path.exists(path):
            os.replace(path, new + path.removeprefix(str(prefix)))
    return new


def remove(prefix):
    """Removes a checkpoint, its index first: without it there is none."""
    for path in (f"{prefix}.index", *_data_files(prefix)):
        if os.path.exists(path):
            os.remove(path)


def steps(directory):
    """Returns the steps of ``model.ckpt-STEP`` in a directory, ascending.

    Raises:
      OSError: the machine cannot read the directory, whatever it holds.
    """
    try:
        names = os.listdir(directory or ".")
    except (FileNotFoundError, NotADirectoryError):
        return []
    found = map(_STEP.fullmatch, names)
    return sorted(int(match.group(1)) for match in found if match)


def step_prefix(directory, step):
    """Returns the prefix of the checkpoint of a step."""
    return os.path.join(str(directory), f"model.ckpt-{step}")


def resolve(path):
    """Returns the checkpoint prefix that ``path`` stands for.

    Args:
      path: a prefix, the path of an ``.index`` file, or a directory: its
        ``model.ckpt-best`` if it has one, else its latest step.

    Raises:
      UserError: there is no checkpoint.
    """
    path = str(path)
    if os.path.isdir(path):
        best = os.path.join(path, BEST)
        if os.path.exists(f"{best}.index"):
            return best
        found = steps(path)
        if found:
            return step_prefix(path, found[-1])
        raise UserError(
            f"{path}: this directory holds no checkpoint (no model.ckpt-best "
            "and no model.ckpt-STEP): give a model directory or a checkpoint "
            "prefix"
        )
    prefix = path.removesuffix(".index")
    if not os.path.exists(f"{prefix}.index"):
        raise UserError(
            f"{path}: no such checkpoint (there is no {prefix}.index): give a "
            "model directory or a checkpoint prefix"
        )
    return prefix


def _data_files(prefix):
    return glob.glob(glob.escape(str(prefix)) + ".data-*-of-*")
