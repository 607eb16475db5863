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


def source(run, head="classification", **task):
    return types.SimpleNamespace(
        task={"task_name": "sst-2", **task},
        head=head,
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


def test_the_mean_of_the_metrics_of_pairs(tmp_path):
    (tmp_path / "MRPC").mkdir()
    header = "Quality\t#1 ID\t#2 ID\t#1 String\t#2 String"
    rows = [f"{one}\t1\t2\tno\t{text}" for text, one in ROWS]
    (tmp_path / "MRPC" / "dev.tsv").write_text("\n".join([header, *rows]))
    run = says_one(*range(20))
    dev = dev_metrics.DevSet(source(run, task_name="mrpc"), str(tmp_path))
    assert dev.metrics == pytest.approx(
        {"f1": 4 / 5, "accuracy": 2 / 3, "glue_score": 11 / 15}
    )
    assert dev.compare("model", "int8", run) == dev.metrics


def test_numbers(tmp_path):
    (tmp_path / "STS-B").mkdir()
    rows = [f"no\t{text}\t{3 * one}" for text, one in ROWS]
    rows = ["sentence1\tsentence2\tscore", *rows]
    (tmp_path / "STS-B" / "dev.tsv").write_text("\n".join(rows))

    def run(inputs):
        return {"logits": inputs["input_mask"].sum(1, keepdims=True)}

    model = source(run, "regression", task_name="sts-b")
    model.labels = None
    dev = dev_metrics.DevSet(model, str(tmp_path))
    assert sorted(dev.metrics) == ["glue_score", "pearson", "spearman"]
    assert dev.compare("model", "int8", run) == dev.metrics


def test_the_first_of_two_dev_sets(tmp_path):
    (tmp_path / "MNLI").mkdir()
    rows = ["sentence1\tsentence2\tgold_label", "no\tthe house\tneutral"]
    text = "\n".join(rows)
    (tmp_path / "MNLI" / "dev_matched.tsv").write_text(text)

    def run(inputs):
        return {"logits": np.eye(3)[[1] * len(inputs["input_ids"])]}

    model = source(run, task_name="mnli")
    model.labels = ["entailment", "neutral", "contradiction"]
    dev = dev_metrics.DevSet(model, str(tmp_path))
    assert dev.metrics == {"accuracy": 1.0}


@pytest.mark.parametrize(
    ("head", "name", "told"),
    [
        ("classification", None, "of no task"),
        ("span_v2", "squad", "of squad"),
        ("classification", "a task of one's own", "of a task of one's own"),
        ("classification", "tsv", "of tsv, whose columns"),
        ("token_classification", "ner", "of ner, whose columns"),
        ("multi_label", "tsv", "of tsv, whose columns"),
        ("regression", "sst-2", "of sst-2 with the head regression"),
    ],
)
def test_a_task_whose_dev_set_is_not_read(glue, head, name, told):
    with pytest.raises(UserError, match=f"^--data_dir: the model is {told}"):
        dev_metrics.DevSet(source(says_one(), head, task_name=name), glue)


def test_labels_of_another_task(glue):
    model = source(says_one())
    model.labels = ["LABEL_0", "LABEL_1"]
    with pytest.raises(UserError, match="the labels LABEL_0, LABEL_1, and sst"):
        dev_metrics.DevSet(model, glue)
