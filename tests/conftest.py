# SPDX-License-Identifier: Apache-2.0
import gc

import pytest


@pytest.fixture(scope="module", autouse=True)
def _graphs_of_a_module_are_freed():
    """Models and their graphs are cycles, far larger than Python knows."""
    yield
    gc.collect()
