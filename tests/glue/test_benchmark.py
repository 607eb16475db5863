# SPDX-License-Identifier: Apache-2.0
"""What the benchmark adds to the table of tasks."""

import pytest

from albert.glue import benchmark
from albert.tasks.table import TASKS


def test_all_tasks_with_files_for_the_server():
    names = {name for name, task in TASKS.items() if task.submissions}
    assert {entry.name for entry in benchmark.BENCHMARK} == names
    for entry in benchmark.BENCHMARK:
        assert set(entry.test_rows) == set(entry.task.submissions.values())
        assert entry.metric in entry.task.metrics
        assert entry.is_trained == (entry.name != "ax")
        assert benchmark.find(entry.name) is entry


def test_those_that_others_start_from_come_first():
    ordered = benchmark.in_order_of_work(benchmark.BENCHMARK)
    names = [entry.name for entry in ordered]
    assert names[-4:] == ["mrpc", "sts-b", "rte", "ax"]
    assert sorted(names) == sorted(each.name for each in benchmark.BENCHMARK)


@pytest.mark.parametrize(
    "width, size",
    [
        *((32, "base"), (312, "base"), (768, "base"), (1024, "large")),
        # As a factor: 1536 is nearer to 2048 than to 1024.
        *((1536, "xlarge"), (2048, "xlarge"), (9000, "xxlarge")),
    ],
)
def test_nearest_size(width, size):
    assert benchmark.nearest_published(width).size == size


def test_published_results_are_of_tasks_of_the_benchmark():
    for published in benchmark.PUBLISHED:
        for results in (published.paper, published.release):
            assert {"mnli", "sst-2"} <= set(results)
            assert all(benchmark.find(name).is_trained for name in results)
