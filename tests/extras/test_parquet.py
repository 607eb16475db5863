# SPDX-License-Identifier: Apache-2.0
"""Texts in Parquet files (run by `make test-extras`)."""

import io

import pyarrow
import pytest
from pyarrow import parquet

from albert.errors import UserError
from albert.text.documents import read_documents
from albert.text.row_files import read_rows

TEXTS = ["It rained.\n\nIt stopped.", None, "", "日本の家。"] * 67


def write(path, column=TEXTS, name="text", **settings):
    table = pyarrow.table({"id": range(len(column)), name: column})
    parquet.write_table(table, path, **settings)
    return str(path)


@pytest.mark.parametrize(
    ("type_", "compression"),
    [
        (pyarrow.string(), "snappy"),
        (pyarrow.large_string(), "zstd"),
        (pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), "none"),
    ],
)
def test_texts(tmp_path, type_, compression):
    path = write(
        tmp_path / "a.txt",
        pyarrow.array(TEXTS).cast(type_),
        row_group_size=101,
        compression=compression,
    )
    assert list(read_rows(path, "text")) == list(filter(None, TEXTS))
    found = list(read_documents([path], text_field="text"))
    assert found[:2] == [["It rained.", "It stopped."], ["日本の家。"]]
    assert len(found) == 134


def test_column_that_is_not_there(tmp_path):
    path = write(tmp_path / "a", name="body")
    with pytest.raises(
        UserError,
        match=r'a: no field "text": give .* as --text_field: "id", "body"$',
    ):
        list(read_rows(path, "text"))
    with pytest.raises(UserError, match=r'a: "id" holds int64, not text'):
        list(read_rows(path, "id"))


def test_columns_that_hold_no_text(tmp_path):
    lists = write(tmp_path / "lists", [["It rained."], ["It stopped."]])
    with pytest.raises(UserError, match='lists: "text" holds list.*not text'):
        list(read_rows(lists, "text"))
    column = pyarrow.array(["It rained."])
    twice = pyarrow.Table.from_arrays([column, column], ["text", "text"])
    parquet.write_table(twice, tmp_path / "twice")
    with pytest.raises(UserError, match='twice: 2 columns are called "text"'):
        list(read_rows(str(tmp_path / "twice"), "text"))


def test_pipe(tmp_path, pipe_of):
    content = (tmp_path / write(tmp_path / "a")).read_bytes()
    with pytest.raises(UserError, match="Parquet cannot be read from a pipe"):
        list(read_rows(pipe_of(content), "text"))


@pytest.mark.parametrize("kept", [8, 1000, -1, -9])
def test_cut_off(tmp_path, kept):
    content = (tmp_path / write(tmp_path / "a")).read_bytes()
    (tmp_path / "cut").write_bytes(content[:kept])
    with pytest.raises(UserError, match="cut: damaged Parquet file") as error:
        list(read_rows(str(tmp_path / "cut"), "text"))
    assert "\n" not in str(error.value)


def test_damage_is_one_line_or_unnoticed(tmp_path):
    stream = io.BytesIO()
    table = pyarrow.table({"text": [f"It rained {n} days." for n in range(99)]})
    parquet.write_table(table, stream)
    content = stream.getvalue()
    path = tmp_path / "bad"
    refused = 0
    for place in range(4, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        try:
            list(read_rows(str(path), "text"))
        except UserError as error:
            assert str(error).startswith(f"{path}: ")
            assert "\n" not in str(error)
            refused += 1
    assert refused > 20
