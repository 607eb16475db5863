# SPDX-License-Identifier: Apache-2.0
"""Which of three settings is in force: the user's, the model's, the paper's."""

from albert.tasks.squad import answer_settings


def test_settings_in_force():
    given = dict.fromkeys(answer_settings.DEFAULTS) | {"doc_stride": 7}
    trained = {"doc_stride": 5, "n_best_size": 3, "head": "v2"}
    assert answer_settings.find(given, trained) == (
        answer_settings.DEFAULTS | {"doc_stride": 7, "n_best_size": 3}
    )
