# SPDX-License-Identifier: Apache-2.0
"""Reads and writes Keras's HDF5 files of weights without trusting them.

An HDF5 file can point into other files (external links and storage, virtual
data sets), describe more than it holds (compression, fill values), and lead
in circles. Keras writes none of that, so all of it is refused.
"""

import contextlib
import functools

import h5py
import ml_dtypes
import numpy as np

from albert.errors import UserError
from albert.inputs import check_file
from albert.inputs import check_same
from albert.inputs import identify

# What the library raises for damaged files, besides OSError.
_READER_ERRORS = (OSError, RuntimeError, KeyError, ValueError, TypeError)
_FLOATS = ("float32", "float16")
_BFLOAT16 = "bfloat16"
# Far more than any model of Keras has; a file that leads in circles has more.
_MAX_OBJECTS = 100_000
_MAX_DEPTH = 32


def find_entries(path):
    """Lists the variables that a file of weights holds.

    Args:
      path: path of an HDF5 file.

    Returns:
      dict of a data set's path, e.g. "layers/dense/vars/0", to (shape, read):
      a tuple of ints, and a function without arguments that opens the file
      again and returns the array as float32.

    Raises:
      UserError: no such file, not HDF5, damaged, or one that does what Keras
        never does.
    """
    check_file(path, "the weights should be in it: give a complete directory")
    with _one_line(path):
        identity = identify(path)
        with h5py.File(path, "r") as file:
            return {
                name: (
                    tuple(dataset.shape),
                    functools.partial(_read, path, identity, name),
                )
                for name, dataset in _datasets(path, file)
            }


def write(path, entries):
    """Writes variables in the layout that Keras writes.

    Args:
      path: path of the file to write.
      entries: dict of path to a function that returns the array; the arrays
        are asked for one after another.
    """
    with h5py.File(path, "w") as file:
        for name, read in entries.items():
            file.create_dataset(name, data=read())


@contextlib.contextmanager
def _one_line(path):
    try:
        yield
    except _READER_ERRORS as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{path}: not a readable HDF5 file ({reason}): copy or download "
            "it again"
        ) from None


def _datasets(path, file):
    """Yields (path in the file, data set) of every variable, each checked."""
    groups = [("", file)]
    objects = 0
    while groups:
        prefix, group = groups.pop()
        for key in group:
            objects += 1
            name = f"{prefix}{key}"
            if objects > _MAX_OBJECTS or name.count("/") > _MAX_DEPTH:
                _refuse(path, name, "lies too deep, or the file has no end")
            item = _member(path, name, group, key)
            if isinstance(item, h5py.Group):
                groups.append((f"{name}/", item))
            elif isinstance(item, h5py.Dataset):
                _check_stored(path, name, item)
                yield name, item
            else:
                _refuse(path, name, "is neither a group nor a data set")


def _find(path, file, name):
    """Returns one data set of ``_datasets``, checked, and the way to it."""
    item = file
    for key in name.split("/"):
        if not isinstance(item, h5py.Group):
            _refuse(path, name, "is not in a group")
        item = _member(path, name, item, key)
    if not isinstance(item, h5py.Dataset):
        _refuse(path, name, "is not a data set")
    _check_stored(path, name, item)
    return item


def _member(path, name, group, key):
    """Returns what a group holds by a key; refuses links to other places."""
    link = group.get(key, getlink=True)
    if not isinstance(link, h5py.HardLink):
        _refuse(path, name, "is a link to another place, or gone")
    return group[key]


def _check_stored(path, name, dataset):
    if dataset.shape is None:
        _refuse(path, name, "is empty")
    if dataset.external or dataset.is_virtual:
        _refuse(path, name, "has its values in another file")
    if dataset.chunks is not None:
        _refuse(path, name, "is chunked or compressed")
    # Python's integers: the product of a hostile shape overflows others.
    size = dataset.dtype.itemsize
    for extent in dataset.shape:
        size *= int(extent)
    if dataset.id.get_storage_size() != size:
        _refuse(path, name, "has fewer values in the file than its shape says")


def _read(path, identity, name):
    check_same(path, identity)
    with _one_line(path), h5py.File(path, "r") as file:
        # Checked again: it may have been replaced just now.
        dataset = _find(path, file, name)
        if dataset.attrs.get("dtype") == _BFLOAT16:
            if dataset.dtype.itemsize != 2:
                _refuse(path, name, "is not bfloat16, as it says")
            values = dataset[()].view(ml_dtypes.bfloat16)
        elif dataset.dtype.name in _FLOATS:
            values = dataset[()]
        else:
            _refuse(path, name, f"is of type {dataset.dtype}, not a float")
        return np.asarray(values, np.float32)


def _refuse(path, name, reason):
    raise UserError(
        f"{path}: {name!r} {reason}, which Keras does not write: save the "
        "model again with KerasHub"
    )
