# SPDX-License-Identifier: Apache-2.0
"""Every row of the table of heads."""

import dataclasses
import pathlib

import pytest

import albert
from albert import heads
from albert.export import source_models
from albert.export import verification
from albert.interchange import names
from albert.interchange import task_description
from albert.interchange import weights
from albert.interchange.starting_point import open_starting_point
from albert.tasks import trained_model
from albert.tasks.label_types import LABEL_TYPES
from albert.tasks.table import TASKS
from albert.training import answer_heads

GOLDEN = pathlib.Path(__file__).parent / "golden"
# Primes, and no two alike.
CONFIG = albert.AlbertConfig.from_dict(
    {
        "vocab_size": 41,
        "embedding_size": 7,
        "hidden_size": 26,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "intermediate_size": 29,
        "max_position_embeddings": 31,
        "type_vocab_size": 2,
    }
)
EVERY_HEAD = pytest.mark.parametrize("head", heads.HEADS)


@EVERY_HEAD
def test_model_has_the_variables_of_the_table_of_names(head):
    row = heads.HEADS[head]
    model = heads.make_model(head, CONFIG, 5 if row.takes_num_labels else None)
    assert type(model).__name__ == row.model.split(":")[1]
    made = {
        name: tuple(variable.shape)
        for name, variable in names.named_variables(model).items()
    }
    expected = names.expected_shapes(
        CONFIG, head, 5 if row.takes_num_labels else 1
    )
    if head == "masked_lm":
        # Its weights leave a part of the pretrained model out.
        made = {
            name: shape
            for name, shape in made.items()
            if not name.startswith("sentence_order/")
        }
    assert made == expected
    components = {name.split("/")[0] for name in made} - {"encoder"}
    assert components == set(row.components)


@EVERY_HEAD
def test_model_that_is_written_is_read_with_its_head(head):
    row = heads.HEADS[head]
    model = heads.make_model(head, CONFIG, 5 if row.takes_num_labels else None)
    found = weights._head_of_model(model)
    right = "pretraining" if head == "masked_lm" else row.weights_of or head
    assert found == right
    # In formats that do not say the head.
    several = {"multiple_choice", "token_classification"}
    right = "classification" if head in several else row.weights_of or head
    found = heads.find_in_components({"encoder", *row.components})
    assert found == ([] if head == "none" else [right])


@EVERY_HEAD
def test_what_a_row_names_is_there(head):
    row = heads.HEADS[head]
    assert row.name == head
    assert issubclass(heads.load(row.model), albert.AlbertEncoder) or hasattr(
        heads.make_model(head, CONFIG, 3), "encoder"
    )
    assert callable(heads.load(row.signatures))
    # What writes texts piece by piece is not converted.
    assert (head in verification._ANSWERS) == (row.label_type != "text")
    if row.label_type is None:
        # Neither of a task nor in its files; pretraining alone is trained.
        assert row.task_kind is None
        assert (row.loss is not None) == (head == "pretraining")
    else:
        assert row.task_kind
        objective = heads.make_objective(head)
        # A loss without the pooler says that it does not train it.
        assert objective.trains("encoder/pooler/kernel") == row.uses_pooler
        assert objective.trains("encoder/attention_0_0/query/kernel")
    if row.label_type == "span":
        assert row.version and head in answer_heads.NULL_SCORES
    elif row.label_type == "text":
        # No task of the table has it: `albert translate` alone.
        assert not any(task.head == head for task in TASKS.values())
    else:
        assert row.label_type is None or row.label_type in LABEL_TYPES


def test_names_in_files_and_formats_tell_heads_apart():
    rows = [heads.HEADS[head] for head in heads.HEADS_OF_WEIGHTS]
    architectures = [row.transformers for row in rows if row.transformers]
    assert len(set(architectures)) == len(architectures)
    of_tasks = [row for row in heads.HEADS.values() if row.label_type]
    written = [(row.task_kind, row.version) for row in of_tasks]
    assert len(set(written)) == len(written)
    exported = [row.exported_kind for row in of_tasks]
    assert len(set(exported)) == len(exported)
    for row in heads.HEADS.values():
        if row.weights_of:
            other = heads.HEADS[row.weights_of]
            assert row.components == other.components
            assert (row.model, row.version) == (other.model, other.version)


def test_words_in_files_stay():
    """What older models, records and clients of served models say."""
    assert {
        head: (row.task_kind, row.exported_kind)
        for head, row in heads.HEADS.items()
    } == {
        "pretraining": (None, "masked_lm"),
        "masked_lm": (None, "masked_lm"),
        "classification": ("classification", "classification"),
        "regression": ("regression", "regression"),
        "multi_label": ("multi_label", "multi_label"),
        "multiple_choice": ("multiple_choice", "multiple_choice"),
        "token_classification": ("tagging", "tagging"),
        "span_v1": ("span", "span_v1"),
        "span_v2": ("span", "span_v2"),
        "text_to_text": ("text_to_text", "text_to_text"),
        "none": (None, "encoder"),
    }


@pytest.mark.parametrize(
    ("components", "found"),
    [
        ({"masked_lm"}, ["masked_lm"]),
        ({"masked_lm", "sentence_order"}, ["pretraining"]),
        ({"sentence_order"}, []),
        # Damaged: its head is still the one to complain about.
        ({"start", "end"}, ["span_v2"]),
        ({"classifier", "span"}, ["classification", "span_v1"]),
    ],
)
def test_heads_in_weights(components, found):
    assert heads.find_in_components({"encoder", *components}) == found


# task.json as version 0.1.0 wrote it.
OLDER_TASKS = {
    "token_classification": """{
        "task_name": "ner", "kind": "tagging",
        "labels": ["O", "B-PER", "I-PER"], "max_seq_length": 17,
        "classifier_dropout": 0.1}""",
    "regression": """{
        "task_name": "sts-b", "kind": "regression", "labels": [],
        "max_seq_length": 17, "classifier_dropout": 0.1}""",
    "span_v2": """{
        "task_name": "squad", "kind": "span", "head": "v2",
        "version_2_with_negative": true, "max_seq_length": 17,
        "classifier_dropout": 0.1, "doc_stride": 3, "max_query_length": 5,
        "start_n_top": 3, "end_n_top": 2, "n_best_size": 7,
        "max_answer_length": 11}""",
}


@pytest.mark.parametrize("head", OLDER_TASKS)
def test_older_model_directories_open(tmp_path, head):
    tokenizer = albert.Tokenizer(GOLDEN / "tokenization" / "spm2000.model")
    config = dataclasses.replace(CONFIG, vocab_size=tokenizer.vocabulary_size)
    labels = 3 if head == "token_classification" else 1
    albert.save_weights(
        heads.make_model(head, config, labels),
        tmp_path / "model",
        "model_dir",
        tokenizer,
    )
    (tmp_path / "model" / "task.json").write_text(OLDER_TASKS[head])
    loaded = source_models.load(str(tmp_path / "model"))
    assert loaded.head == head
    assert loaded.max_seq_length == 17
    description = task_description.read(str(tmp_path / "model"))
    if head == "span_v2":
        assert loaded.model.start_n_top == 3
        start = open_starting_point(tmp_path / "model")
        assert answer_heads.require_head(start, "v2") == head
        with pytest.raises(albert.UserError, match="--head is v1.* head v2"):
            answer_heads.require_head(start, "v1")
    else:
        task = TASKS[description["task_name"]]
        assert task.head == head
        trained_model.check_task(task, "a model", description)
        with pytest.raises(albert.UserError, match=description["task_name"]):
            trained_model.check_task(TASKS["cola"], "a model", description)


def test_model_of_an_unknown_task_is_refused(tmp_path):
    tokenizer = albert.Tokenizer(GOLDEN / "tokenization" / "spm2000.model")
    config = dataclasses.replace(CONFIG, vocab_size=tokenizer.vocabulary_size)
    model = albert.AlbertClassifier(config, 3)
    albert.save_weights(model, tmp_path / "model", "model_dir", tokenizer)
    (tmp_path / "model" / "task.json").write_text('{"kind": "ranking"}')
    with pytest.raises(albert.UserError, match="kind: expected .*ranking"):
        source_models.load(str(tmp_path / "model"))


def test_losses_over_labels_take_weights():
    found = heads.find(weighs_labels=True)
    assert found == ["classification", "token_classification"]
    for head in found:
        objective = heads.make_objective(
            head, class_weights=[1.0, 2.0], focal_gamma=3.0
        )
        assert "cross_entropy_loss" in objective.metric_names
        assert heads.make_objective(head).metric_names == ("loss", "accuracy")
