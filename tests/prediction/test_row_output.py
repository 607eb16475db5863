# SPDX-License-Identifier: Apache-2.0
"""Files of predictions hold what was predicted, whatever is in the texts."""

import csv
import io

import pytest

from albert.prediction import row_output


@pytest.mark.parametrize("text", ["a\rb", "a\r\nb", "a\nb", 'a "b", c', "\r"])
def test_a_table_with_commas_is_read_as_it_was_written(text):
    stream = io.StringIO(newline="")
    row_output.write_csv(stream, [[{"id": "7", "text": text}]])
    stream.seek(0)
    assert list(csv.reader(stream, strict=True)) == [
        ["id", "text"],
        ["7", text],
    ]
    assert "\n7," in stream.getvalue() or '\n"7",' in stream.getvalue()
