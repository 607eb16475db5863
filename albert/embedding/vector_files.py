# SPDX-License-Identifier: Apache-2.0
"""Writes vectors to files block by block.

Letters: N vectors, H their width.
"""

import numpy as np

from albert.errors import UserError

FORMS = ("npy", "tsv")


def find_form(path):
    """Returns the form that the ending of a path tells, one of ``FORMS``.

    Raises:
      UserError: it tells none.
    """
    for form in FORMS:
        if path.endswith(f".{form}"):
            return form
    raise UserError(
        f"--output_file={path}: end its name in "
        f"{' or '.join('.' + form for form in FORMS)}"
    )


def write_npy(stream, blocks, width):
    """Writes vectors as an array of NumPy, float32 [N, H].

    Args:
      stream: binary stream that can be rewound.
      blocks: iterable of float32 [any, H]; N is known at its end.
      width: int, H.
    """
    _write_header(stream, 0, width)
    begin = stream.tell()
    count = 0
    for block in blocks:
        stream.write(np.ascontiguousarray(block, "<f4").tobytes())
        count += len(block)
    stream.seek(0)
    # NumPy leaves room for the largest N.
    _write_header(stream, count, width)
    if stream.tell() != begin:
        raise AssertionError("the header has another length than before")


def _write_header(stream, count, width):
    np.lib.format.write_array_header_1_0(
        stream,
        {"descr": "<f4", "fortran_order": False, "shape": (count, width)},
    )


def write_tsv(stream, blocks):
    """Writes a line of H numbers with tabs for each vector.

    Args:
      stream: text stream.
      blocks: iterable of float32 [any, H]. The numbers have the fewest digits
        that give them back.
    """
    for block in blocks:
        # Of float32, not of Python's floats, which would show more digits.
        stream.writelines("\t".join(row) + "\n" for row in block.astype(str))
