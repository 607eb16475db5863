# SPDX-License-Identifier: Apache-2.0
"""Lengths of truncated pairs, against popping one by one."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.tasks import truncation

LENGTHS = st.lists(
    st.tuples(st.integers(0, 23), st.integers(0, 23)), min_size=1, max_size=7
)


def pop_one_by_one(a, b, budget):
    """What the original's ``_truncate_seq_pair`` is documented to do."""
    while a + b > budget:
        if a > b:
            a -= 1
        else:
            b -= 1
    return a, b


@given(LENGTHS, st.integers(2, 29))
def test_as_popping(lengths, budget):
    a, b = np.array(lengths, np.int64).T
    kept = np.stack(truncation.truncate_pairs(a, b, budget), axis=1)
    expected = [pop_one_by_one(*pair, budget) for pair in lengths]
    assert kept.tolist() == [list(pair) for pair in expected]


def test_the_second_is_cut_on_a_tie():
    a, b = truncation.truncate_pairs(np.array([7]), np.array([7]), 11)
    assert (a[0], b[0]) == (6, 5)


def test_too_short():
    truncation.check_max_seq_length(5)
    with pytest.raises(UserError, match="--max_seq_length 4"):
        truncation.check_max_seq_length(4)
