# SPDX-License-Identifier: Apache-2.0
"""Work spread over processes. The functions are builtins, because what
crosses to a process must be importable there."""

import functools
import multiprocessing.connection
import operator
import os

import pytest

from albert import processes
from albert.errors import UserError


def pool(num_workers, context=3):
    return processes.ProcessPool(num_workers, functools.partial(int, context))


@pytest.mark.parametrize("num_workers", [1, 2])
def test_results_are_in_order(num_workers):
    with pool(num_workers) as workers:
        got = list(workers.map(operator.mul, range(101)))
        # A second kind of work in the same processes.
        assert list(workers.map(operator.add, [5])) == [8]
    assert got == [3 * item for item in range(101)]


@pytest.mark.parametrize("num_workers, most", [(1, 1), (2, 4)])
def test_items_are_taken_when_they_are_needed(num_workers, most):
    taken = 0

    def items():
        nonlocal taken
        for item in range(50):
            taken += 1
            yield item

    with pool(num_workers) as workers:
        results = workers.map(operator.mul, items())
        for finished in range(50):
            next(results)
            assert taken <= finished + most


@pytest.mark.parametrize("num_workers", [1, 2])
def test_errors_of_the_work_are_raised_here(num_workers):
    with (
        pool(num_workers) as workers,
        pytest.raises(ZeroDivisionError),
    ):
        list(workers.map(operator.floordiv, [1, 2, 0, 4]))


@pytest.mark.parametrize("num_workers", [1, 2])
def test_errors_of_the_items_are_raised_here(num_workers):
    def items():
        yield 1
        raise UserError("no such file")

    with pool(num_workers) as workers, pytest.raises(UserError):
        list(workers.map(operator.mul, items()))


def test_errors_of_the_context_are_raised_here():
    with (
        pool(2, context="three") as workers,
        pytest.raises(ValueError) as error,
    ):
        list(workers.map(operator.mul, [1]))
    # Where in the process it was.
    assert "Traceback" in error.value.__notes__[0]


def test_death_of_a_process_is_told():
    with (
        pool(2, context=7) as workers,
        pytest.raises(UserError, match="--num_workers=2"),
    ):
        list(workers.map(_end, range(3)))


def _end(context, item):
    os._exit(item)


def test_death_of_a_process_while_it_answers_is_told():
    with (
        pool(2) as workers,
        pytest.raises(UserError, match="--num_workers=2"),
    ):
        list(workers.map(_end_in_the_middle_of_the_answer, range(3)))


def _end_in_the_middle_of_the_answer(context, item):
    def send_half(connection, data):
        os.write(connection.fileno(), data[: len(data) // 2])
        os._exit(item)

    multiprocessing.connection.Connection._send = send_half
    return list(range(100))


def test_processes_end_with_the_pool():
    with pool(2) as workers:
        assert list(workers.map(operator.mul, [1])) == [3]
        started = multiprocessing.active_children()
        assert len(started) == 2
    assert multiprocessing.active_children() == []


def test_processes_that_no_machine_holds_are_refused(monkeypatch):
    monkeypatch.setattr(processes, "available_cores", lambda: 3)
    assert processes.check_number(0) == 3
    assert processes.check_number(24) == 24
    with pytest.raises(UserError, match="num_workers=25.*3 cores.*at most 24"):
        processes.check_number(25)
