# SPDX-License-Identifier: Apache-2.0
"""What the tests of predictions share: models with random weights."""

import json
import pathlib

import pytest

import albert
from albert import model_directory
from albert.heads import HEADS
from albert.heads import make_model

SPM = (
    pathlib.Path(__file__).parents[1]
    / "golden"
    / "tokenization"
    / "spm2000.model"
)
# By head: what a directory says of its task.
TASKS = {
    "classification": {"labels": ["bird", "cat", "dog"]},
    "multi_label": {
        "labels": ["bird", "cat", "dog"],
        "thresholds": [0.0, 1.0, 0.0],
        "label_separator": " / ",
    },
    "regression": {"labels": []},
    "multiple_choice": {"labels": ["A", "B", "C"], "max_qa_length": 17},
    "token_classification": {"labels": ["O", "B-PER", "I-PER"]},
    "span_v1": {"labels": None, "version_2_with_negative": False},
    "span_v2": {"labels": None, "version_2_with_negative": True},
}


@pytest.fixture(scope="session")
def models(tmp_path_factory, small_config):
    """Model directories by head, made at their first use."""
    config = albert.AlbertConfig(**small_config, initializer_range=0.3)
    made = {}

    def find(head):
        if head not in made:
            made[head] = tmp_path_factory.mktemp("models") / head
            made[head].mkdir()
            model_directory.write_description(
                made[head], config, albert.Tokenizer(SPM)
            )
            model = make_model(
                head,
                config,
                len(TASKS.get(head, {}).get("labels") or ()) or 1,
            )
            albert.save_weights(model, made[head] / "model.ckpt-3")
            if head in TASKS:
                row = HEADS[head]
                task = {
                    "task_name": None,
                    "kind": row.task_kind,
                    "head": row.version,
                    "max_seq_length": 29,
                    "doc_stride": 7,
                    "max_query_length": 11,
                    **TASKS[head],
                }
                (made[head] / "task.json").write_text(json.dumps(task))
        return made[head]

    return find
