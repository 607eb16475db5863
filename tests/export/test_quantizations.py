# SPDX-License-Identifier: Apache-2.0
"""Files that lose much are refused, and a smaller loss is told."""

import dataclasses
import logging

import pytest

from albert.errors import UserError
from albert.export import quantizations
from albert.export.verification import Comparison

GOOD = Comparison(
    examples=7, difference=0.01, relative=0.01, answers=200, agreeing=200
)


def check(
    name="int8",
    min_agreement=0.9,
    possible=quantizations.QUANTIZATIONS,
    **changes,
):
    comparison = dataclasses.replace(GOOD, **changes)
    quantizations.check_comparison(
        "run/model", name, comparison, min_agreement, possible
    )


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"relative": float("nan")}, "gives NaN"),
        ({"relative": 0.31}, "0.31 of the largest one and more than 0.3"),
        (
            {"agreeing": 179},
            "179 of 200 .* share of 0.895 .*--min_agreement=0.9: leave it "
            "out, with --quantization=float32,float16",
        ),
        ({"name": "float32"}, "use another format"),
        ({"name": "bfloat16", "relative": float("nan")}, "use another format"),
        (
            {"relative": 0.31, "possible": ["float16", "int8"]},
            "with --quantization=float16$",
        ),
    ],
)
def test_refused(changes, told):
    with pytest.raises(UserError, match=f"^run/model as .*{told}"):
        check(**changes)


def test_few_other_answers_are_warned_of(caplog):
    with caplog.at_level(logging.WARNING, logger="absl"):
        check(agreeing=198)
        check(answers=0, agreeing=0)
        assert not caplog.records
        check(agreeing=197)
        check(agreeing=100, min_agreement=0.5)
    first, second = (record.getMessage() for record in caplog.records)
    assert "197 of 200" in first and "0.985" in first
    assert "100 of 200" in second


def test_what_is_lost_in_bfloat16_is_warned_of(caplog):
    with caplog.at_level(logging.WARNING, logger="absl"):
        check("bfloat16", agreeing=198)
        assert not caplog.records
        check("bfloat16", relative=0.11)
        check("bfloat16", agreeing=100)
    first, second = (record.getMessage() for record in caplog.records)
    assert "more than 0.1: let clients compute in float32" in first
    assert "100 of 200 answers" in second and "in float32" in second


def test_names():
    assert quantizations.check_names(["int8", "float16", "int8"]) == [
        "int8",
        "float16",
    ]
    for names, told in ((["int4"], "int4: "), ([], "is empty")):
        with pytest.raises(UserError, match=told):
            quantizations.check_names(names)
