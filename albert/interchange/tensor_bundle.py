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
from albert.interchange.source import Tensors
from albert.workspaces import workspace

BEST = "model.ckpt-best"
# What the reader's C++ errors become in Python, besides TensorFlow's own.
_READER_ERRORS = (ValueError, RuntimeError, IndexError)
_REMEDY = (
    "give another one, or remove its files so that the previous one is used"
)
_STEP = re.compile(r"model\.ckpt-(\d+)\.index$")


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
      UserError: no checkpoint there, or a damaged one.
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
      UserError: no checkpoint there, or a damaged one; reading a tensor
        raises it too.
    """
    import tensorflow as tf

    for path in (f"{prefix}.index", *_data_files(prefix)):
        check_file(path, _REMEDY)
    with _one_line(prefix):
        reader = tf.train.load_checkpoint(str(prefix))
        shapes = reader.get_variable_to_shape_map()
        dtypes = reader.get_variable_to_dtype_map()
    # A damaged index must not make TensorFlow reserve what cannot be there.
    available = sum(map(os.path.getsize, _data_files(prefix)))
    for name, shape in shapes.items():
        size = max(dtypes[name].size or 1, 1) * math.prod(shape)
        if size > available:
            raise UserError(
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
        raise UserError(
            f"{prefix}: not a readable checkpoint ({reason}): {_REMEDY}"
        ) from None


def remove(prefix):
    """Removes a checkpoint, its index first: without it there is none."""
    for path in (f"{prefix}.index", *_data_files(prefix)):
        if os.path.exists(path):
            os.remove(path)


def steps(directory):
    """Returns the steps of ``model.ckpt-STEP`` in a directory, ascending."""
    found = (
        _STEP.search(path)
        for path in glob.glob(
            os.path.join(glob.escape(str(directory)), "model.ckpt-*.index")
        )
    )
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
