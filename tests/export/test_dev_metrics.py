# SPDX-License-Identifier: Apache-2.0
"""Files are judged by the metrics of the task, with logits made by hand."""

import logging
import pathlib
import types

import numpy as np
import pytest

import albert
from albert.errors import UserError
from albert.export import dev_metrics

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
TOKENIZER = albert.Tokenizer(GOLDEN / "spm2000.model")
# Of lengths that tell them apart.
ROWS = [("no", 1), ("the house", 0), ("the dog barked at night", 1)]


def source(run, **task):
    return types.SimpleNamespace(
        task={"task_name": "sst-2", **task},
        labels=["1", "0"],  # The model's order, not the task's.
        tokenizer=TOKENIZER,
        max_seq_length=11,
        inputs=dict.fromkeys(("input_ids", "input_mask", "segment_ids")),
        call=run,
    )


def says_one(*lengths):
    """A model that gives label 1 to texts of these numbers of pieces."""

    def run(inputs):
        is_one = np.isin(inputs["input_mask"].sum(1) - 2, lengths)
        return {"logits": np.stack([is_one, ~is_one], 1).astype(np.float32)}

    return run


@pytest.fixture
def glue(tmp_path):
    (tmp_path / "SST-2").mkdir()
    lines = ["sentence\tlabel", *(f"{text}\t{one}" for text, one in ROWS)]
    (tmp_path / "SST-2" / "dev.tsv").write_text("\n".join(lines) + "\n")
    return str(tmp_path)


def test_metrics_of_the_model_and_of_a_file(glue, caplog):
    first, second, third = (len(TOKENIZER.encode(text)) for text, _ in ROWS)
    assert len({first, second, third}) == 3
    dev = dev_metrics.DevSet(source(says_one(first, third)), glue)
    assert dev.metrics["accuracy"] == 1.0
    with caplog.at_level(logging.WARNING, logger="absl"):
        found = dev.compare("model", "int8", says_one(first, third))
        assert found == dev.metrics and not caplog.records
        found = dev.compare("model", "int8", says_one(first), batch_size=2)
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert "accuracy on the dev set falls from 1.0000 to 0.6667" in caplog.text
    assert dev_metrics.explain(found) == ", accuracy 0.6667"
    assert dev_metrics.explain(None) == ""


@pytest.mark.parametrize("name", [None, "squad", "a task of one's own"])
def test_a_task_whose_dev_set_is_not_read(glue, name):
    with pytest.raises(UserError, match="--data_dir: the model is of"):
        dev_metrics.DevSet(source(says_one(), task_name=name), glue)
