# SPDX-License-Identifier: Apache-2.0
"""Repaired mojibake (run by `make test-extras`)."""

import io
import json

from albert.text.selection import Selection
from albert.text.selection import SelectionSettings

TEXT = "Das Haus am Fluß – “schön”, sagte er."


def test_lines_are_repaired_and_counted():
    listing = io.BytesIO()
    made = Selection(SelectionSettings(repair_mojibake=True), listing)
    wrong = TEXT[:16].encode().decode("cp1252")
    blocks = [["It rained.", TEXT], [wrong, "日本の家"]]
    kept = list(made.keep_lines(blocks, "a.txt"))
    # Nothing else is changed, such as quotation marks.
    assert kept == [["It rained.", TEXT], [TEXT[:16], "日本の家"]]
    assert made.summarize() == [
        f"repaired line: 1, {len(wrong)} characters",
    ]
    assert json.loads(listing.getvalue())["text"] == wrong
