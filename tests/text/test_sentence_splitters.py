# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/sentence_splitters.py; those of ICU are in tests/icu."""

import sys

import pytest

from albert.errors import UserError
from albert.text import sentences
from albert.text.sentence_splitters import find_splitter


def test_rules():
    assert find_splitter("rules") is sentences.split_sentences


@pytest.mark.parametrize("name", ["", "pysbd", "rules:de", "icu:", ":de"])
def test_unknown(name):
    with pytest.raises(UserError, match=rf"={name}: there is none .* icu:fr"):
        find_splitter(name)


def test_icu_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "icu", None)
    with pytest.raises(UserError, match=r"icu:de needs PyICU .*\[icu\]"):
        find_splitter("icu:de")
