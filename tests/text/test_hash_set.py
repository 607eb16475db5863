# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/hash_set.py."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.text import hash_set
from albert.text.hash_set import HashSet


@given(st.lists(st.text(max_size=3)), st.sampled_from([1, 3, 1 << 10]))
def test_as_a_set(texts, slots):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(hash_set, "_SMALLEST_TABLE", 1 << slots.bit_length())
        hashes, known = HashSet(), set()
        for text in texts:
            assert hashes.add(text) is (text not in known)
            known.add(text)
        assert len(hashes) == len(known)
        assert not hashes.is_full


def test_it_grows():
    hashes = HashSet()
    assert all(hashes.add(f"{number}") for number in range(5003))
    assert not any(hashes.add(f"{number}") for number in range(5003))
    assert 2 * 5003 <= len(hashes._table) < 4 * 5003


def test_it_takes_no_more_than_it_may():
    hashes = HashSet(most=3)
    assert [hashes.add(text) for text in "abcabc"] == [True] * 3 + [False] * 3
    assert not hashes.is_full
    assert hashes.add("d")
    assert hashes.is_full
    assert hashes.add("d")
    assert not hashes.add("a")
    assert len(hashes) == 3


@pytest.mark.parametrize("value", [0, 2**64 - 1])
def test_hashes_at_the_ends_of_the_table(monkeypatch, value):
    class Digest:
        def digest(self):
            return value.to_bytes(8, "little")

    monkeypatch.setattr(hashlib, "blake2b", lambda *_, **__: Digest())
    hashes = HashSet()
    assert hashes.add("a")
    assert not hashes.add("a")
