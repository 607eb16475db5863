# SPDX-License-Identifier: Apache-2.0
"""Which of three settings is in force: the user's, the model's, the paper's."""

import pytest

from albert.errors import UserError
from albert.tasks.squad import answer_settings

NOT_GIVEN = dict.fromkeys(answer_settings.DEFAULTS)


def test_settings_in_force():
    given = NOT_GIVEN | {"doc_stride": 7}
    trained = {"doc_stride": 5, "n_best_size": 3, "head": "v2"}
    assert answer_settings.find(given, trained, 384) == (
        answer_settings.DEFAULTS | {"doc_stride": 7, "n_best_size": 3}
    )


@pytest.mark.parametrize(
    "trained, max_seq_length, expected",
    [
        # The original's, where it leaves windows that overlap by much.
        ({}, 512, 128),
        ({}, 384, 128),
        ({}, 256, 128),
        ({}, 128, 64),
        ({}, 2, 1),
        # As the model was trained, or for shorter sequences.
        ({"doc_stride": 100, "max_seq_length": 128}, 128, 100),
        ({"doc_stride": 100, "max_seq_length": 384}, 128, 64),
        ({"doc_stride": 31, "max_seq_length": 384}, 128, 31),
        ({"doc_stride": 31, "max_seq_length": 128}, 384, 31),
        ({"max_seq_length": 128}, 128, 64),
    ],
)
def test_stride_suits_the_sequences(trained, max_seq_length, expected):
    found = answer_settings.find(NOT_GIVEN, trained, max_seq_length)
    assert found["doc_stride"] == expected


def test_stride_that_skips_is_refused():
    given = NOT_GIVEN | {"doc_stride": 124}
    with pytest.raises(UserError, match="shows 124 pieces of a text at most"):
        answer_settings.find(given, {}, 128)
    given["doc_stride"] = 123
    assert answer_settings.find(given, {}, 128)["doc_stride"] == 123
