# SPDX-License-Identifier: Apache-2.0
"""Files of vectors: of any number, which is known at the end."""

import io

import numpy as np
import pytest

from albert.embedding import vector_files
from albert.errors import UserError

VECTORS = np.random.default_rng(3).normal(size=(1234, 5)).astype(np.float32)


def blocks(count):
    return (VECTORS[start : start + 100] for start in range(0, count, 100))


@pytest.mark.parametrize("count", [0, 100, 1234])
def test_numpy_reads_what_was_written(count):
    stream = io.BytesIO()
    vector_files.write_npy(stream, blocks(count), 5)
    stream.seek(0)
    found = np.load(stream)
    assert found.dtype == np.float32 and found.shape == (count, 5)
    assert np.array_equal(found, VECTORS[:count])


def test_tables_give_every_bit_back():
    stream = io.StringIO()
    vector_files.write_tsv(stream, blocks(1234))
    found = np.loadtxt(io.StringIO(stream.getvalue()), np.float32)
    assert np.array_equal(found, VECTORS)
    assert len(stream.getvalue().splitlines()[0].split("\t")) == 5


def test_the_ending_tells_the_form():
    assert vector_files.find_form("a.tsv.npy") == "npy"
    assert vector_files.find_form("a/b.tsv") == "tsv"
    with pytest.raises(UserError, match="--output_file=a.txt"):
        vector_files.find_form("a.txt")
