# SPDX-License-Identifier: Apache-2.0
"""More open files than the system gives at first."""

import resource

import pytest

from albert.errors import UserError
from albert.records import open_files


@pytest.fixture
def limits(monkeypatch):
    """The limits of this process, which is not changed: a list of two."""
    limits = [200, 3000]

    def change(which, new):
        limits[:] = new

    monkeypatch.setattr(resource, "getrlimit", lambda which: tuple(limits))
    monkeypatch.setattr(resource, "setrlimit", change)
    return limits


def test_the_limit_is_raised_when_it_is_too_low(limits):
    open_files.allow(1500)
    assert 1500 < limits[0] < 3000
    assert limits[1] == 3000


def test_a_limit_that_is_enough_stays(limits):
    open_files.allow(1)
    assert limits == [200, 3000]


def test_without_limits(limits):
    limits[:] = [resource.RLIM_INFINITY] * 2
    open_files.allow(10**6)
    limits[:] = [200, resource.RLIM_INFINITY]
    open_files.allow(10**6)
    assert limits[0] > 10**6


def test_what_the_system_does_not_allow_is_said(limits):
    with pytest.raises(UserError, match="2990 files.*allows 3000.*num_shards"):
        open_files.allow(2990)
    assert limits == [200, 3000]
