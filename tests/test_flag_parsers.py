# SPDX-License-Identifier: Apache-2.0
"""Values that flags take, and those that they refuse."""

import pytest

from albert import flag_parsers

INTEGER = flag_parsers.IntegerParser(2, 4000)
LAYER = flag_parsers.IntegerOrWordParser("mean", 0, 30)
REAL = flag_parsers.RealParser(0.5, 1e6)


@pytest.mark.parametrize(
    "parser, argument, value",
    [
        (INTEGER, "2", 2),
        (INTEGER, "4000", 4000),
        (INTEGER, 7, 7),
        (LAYER, "mean", "mean"),
        (LAYER, "30", 30),
        (REAL, "0.5", 0.5),
        (REAL, "1e6", 1e6),
        (REAL, "3", 3.0),
        (REAL, 3, 3.0),
        (flag_parsers.BooleanParser(), "True", True),
        (flag_parsers.BooleanParser(), "0", False),
        (flag_parsers.StringParser(), "a --b", "a --b"),
        (flag_parsers.ListParser(), "a, b", ["a", "b"]),
        (flag_parsers.ListParser(), ["a"], ["a"]),
    ],
)
def test_values(parser, argument, value):
    parsed = parser.parse(argument)
    assert (parsed, type(parsed)) == (value, type(value))


@pytest.mark.parametrize("argument", ["31", "-1", "means", "", "1e1"])
def test_neither_the_word_nor_an_integer(argument):
    with pytest.raises(ValueError, match="mean or a whole number from 0 to 30"):
        LAYER.parse(argument)


@pytest.mark.parametrize(
    "argument", ["1", "4001", "-3", str(2**70), "9" * 5000]
)
def test_numbers_outside_the_bounds(argument):
    message = r"it must be a whole number from 2 to 4000$"
    with pytest.raises(ValueError, match=message):
        INTEGER.parse(argument)


@pytest.mark.parametrize(
    "argument, hint",
    [
        ("1e3", ": write 1000"),
        ("1,000", ": write 1000"),
        ("1.5e2", ": write 150"),
        ("128.0", ": write 128"),
        ("1.5", ""),
        ("1e3000000", ""),
        ("1,5x", ""),
        ("nan", ""),
        ("inf", ""),
        ("", ""),
        ("two", ""),
    ],
)
def test_integers_in_another_spelling(argument, hint):
    with pytest.raises(ValueError, match=f"from 2 to 4000{hint}$"):
        INTEGER.parse(argument)


@pytest.mark.parametrize(
    "argument", ["nan", "inf", "-inf", "1e400", "-1", "0.49", "", "two"]
)
def test_real_numbers_that_cannot_be(argument):
    with pytest.raises(ValueError, match=r"a number from 0.5 to 1e\+06$"):
        REAL.parse(argument)


def test_a_comma_for_a_point():
    with pytest.raises(ValueError, match=r": write 1\.5$"):
        REAL.parse("1,5")


@pytest.mark.parametrize("argument", ["", ",", "a,,b", "a,", "--seed=3"])
def test_lists_with_gaps(argument):
    with pytest.raises(ValueError, match="empty|missing"):
        flag_parsers.ListParser().parse(argument)
