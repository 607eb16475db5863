# SPDX-License-Identifier: Apache-2.0
"""What a model was fine-tuned for comes along, and its classes by name."""

import json
import shutil
import tarfile
import types

import numpy as np
import pytest
import safetensors.numpy

import albert
from albert.convert import convert
from albert.export import source_models
from albert.interchange import archives
from albert.interchange import task_description
from albert.interchange.starting_point import open_starting_point
from albert.tasks import trained_model
from albert.tasks.label_types import find_order
from albert.tasks.table import TASKS

MNLI = ("contradiction", "entailment", "neutral")
OTHER_ORDER = ("ENTAILMENT", "NEUTRAL", "CONTRADICTION")
TASK = {
    "task_name": "mnli",
    "kind": "classification",
    "labels": list(MNLI),
    "max_seq_length": 17,
    "classifier_dropout": 0.3,
}
CLASSIFIER = "AlbertForSequenceClassification"
CONFIG = albert.AlbertConfig(
    vocab_size=31,
    embedding_size=5,
    hidden_size=6,
    num_hidden_layers=2,
    num_attention_heads=3,
    intermediate_size=7,
    max_position_embeddings=19,
)


def numbered(names):
    return {str(id_): name for id_, name in enumerate(names)}


def turned(names):
    return {name: id_ for id_, name in enumerate(names)}


def of_values(architecture=CLASSIFIER, **values):
    values["architectures"] = [architecture]
    return task_description.from_values(values, "config.json")


class TestConfigFile:
    @pytest.mark.parametrize(
        "values",
        [
            {"id2label": numbered(MNLI)},
            {"label2id": turned(MNLI)},
            {"id2label": numbered(MNLI), "label2id": turned(MNLI)},
            {
                "id2label": numbered(["LABEL_0", "LABEL_1", "LABEL_2"]),
                "label2id": turned(MNLI),
            },
        ],
    )
    def test_classes_have_names(self, values):
        found = of_values(**values)
        assert found["labels"] == list(MNLI)
        assert found["kind"] == "classification"

    def test_order_is_that_of_the_numbers(self):
        names = [f"class {number}" for number in range(11)]
        values = dict(sorted(numbered(names).items(), reverse=True))
        assert of_values(id2label=values)["labels"] == names

    def test_placeholders_are_no_names(self):
        names = ["LABEL_0", "LABEL_1"]
        assert of_values(id2label=numbered(names)) == {}
        assert of_values(label2id=turned(names)) == {}
        assert of_values() == {}

    def test_several_labels_a_text(self):
        several = {"problem_type": "multi_label_classification"}
        found = of_values(id2label=numbered(MNLI), **several)
        assert found["kind"] == "multi_label"
        assert found["labels"] == list(MNLI)
        # Nobody has named them, and still they are not one of several.
        found = of_values(id2label=numbered(["LABEL_0", "LABEL_1"]), **several)
        assert found == {"task_name": None, "kind": "multi_label"}
        # Trained for something else since.
        task = TASK | {"kind": "multi_label"}
        named = {"id2label": numbered(MNLI), "albert_task": task}
        assert of_values(**named, **several) == task
        single = {"problem_type": "single_label_classification"}
        assert of_values(**named, **single) == {
            "task_name": None,
            "kind": "classification",
            "labels": list(MNLI),
        }

    def test_thresholds_follow_their_labels(self):
        task = TASK | {"kind": "multi_label", "thresholds": [0.1, 0.2, 0.3]}
        found = of_values(
            id2label=numbered(OTHER_ORDER),
            albert_task=task,
            problem_type="multi_label_classification",
        )
        assert found["labels"] == list(OTHER_ORDER)
        assert found["thresholds"] == [0.2, 0.3, 0.1]

    def test_classes_without_names_are_no_longer_those_of_the_task(self):
        task = TASK | {"kind": "multi_label", "thresholds": [0.1, 0.2, 0.3]}
        several = {"problem_type": "multi_label_classification"}
        bare = {"task_name": None, "kind": "multi_label"}
        for names in ({}, {"id2label": numbered(["LABEL_0", "LABEL_1"])}):
            assert of_values(albert_task=task, **names, **several) == bare
        # Of a task that never named them, all else is known.
        known = bare | {"max_seq_length": 17}
        assert of_values(albert_task=known, **several) == known

    def test_labels_that_are_called_like_placeholders(self):
        names = ["LABEL_1", "LABEL_0"]
        task = TASK | {"kind": "multi_label", "labels": names}
        task |= {"thresholds": [0.1, 0.2]}
        values = task_description.to_values(task, 2)
        values |= task_description.problem_type(task, 2)
        assert of_values(**values) == task

    def test_what_each_label_has_follows_it(self):
        several = {"problem_type": "multi_label_classification"}
        for kind, more in (("multi_label", several), ("classification", {})):
            task = TASK | {"kind": kind, "class_weights": [1.0, 2.0, 3.0]}
            found = of_values(
                id2label=numbered(OTHER_ORDER), albert_task=task, **more
            )
            assert found["labels"] == list(OTHER_ORDER)
            assert found["class_weights"] == [2.0, 3.0, 1.0]

    @pytest.mark.parametrize("name", ["thresholds", "class_weights"])
    @pytest.mark.parametrize("values", [[0.5], [0.5] * 4, []])
    def test_not_a_value_for_each_label(self, name, values):
        task = TASK | {"kind": "multi_label", name: values}
        message = f"config.json: albert_task.{name} has {len(values)} values"
        with pytest.raises(albert.UserError, match=message):
            of_values(id2label=numbered(OTHER_ORDER), albert_task=task)

    def test_one_of_several_labels_a_text_is_no_number(self):
        found = of_values(
            id2label={"0": "toxic"}, problem_type="multi_label_classification"
        )
        assert found == {
            "task_name": None,
            "kind": "multi_label",
            "labels": ["toxic"],
        }

    def test_what_a_classifier_is_trained_for(self):
        several = task_description.problem_type({"kind": "multi_label"}, 3)
        assert several == {"problem_type": "multi_label_classification"}
        assert task_description.problem_type(TASK, 3) == {}
        assert task_description.problem_type({}, 1) == {
            "problem_type": "regression"
        }

    def test_the_name_of_a_single_output_is_none_of_a_class(self):
        # One output is a regression.
        values = {"id2label": {"0": "similarity"}}
        assert of_values(problem_type="regression", **values) == {}
        task = {"task_name": "sts-b", "kind": "regression", "labels": []}
        assert of_values(albert_task=task, **values) == task

    @pytest.mark.parametrize("names", [{"id2label": numbered(MNLI)}, {}])
    def test_a_regression_of_several_numbers_has_no_classes(self, names):
        task = of_values(problem_type="regression", **names)
        assert task == {"task_name": None, "kind": "regression"}
        assert task_description.problem_type(task, 3) == {
            "problem_type": "regression"
        }
        start = types.SimpleNamespace(
            task=task, head="classification", num_labels=3, path="x"
        )
        with pytest.raises(albert.UserError, match="x: .* of 3 numbers"):
            source_models.find_head(start)

    def test_names_of_what_is_no_classifier_are_no_matter(self):
        for each in ("AlbertModel", "AlbertForQuestionAnswering"):
            assert of_values(each, id2label=numbered(MNLI)) == {}
        tags = ("O", "B-PER", "I-PER")
        found = of_values(
            "AlbertForTokenClassification", id2label=numbered(tags)
        )
        assert found["kind"] == "tagging"

    @pytest.mark.parametrize(
        "values",
        [
            {"id2label": {"0": "a", "2": "b"}},
            {"id2label": {"0": "a", "1": 5}},
            {"id2label": ["a", "b"]},
            {"label2id": {"a": 0, "b": 0}, "id2label": {"0": "a", "1": "b"}},
            {"label2id": "ab"},
            {"id2label": numbered(MNLI), "label2id": turned(OTHER_ORDER)},
        ],
    )
    def test_what_cannot_be(self, values):
        with pytest.raises(albert.UserError, match="config.json: .*2"):
            of_values(**values)

    def test_there_and_back(self):
        values = task_description.to_values(TASK, 3)
        assert values["id2label"] == numbered(MNLI)
        assert values["label2id"] == turned(MNLI)
        assert of_values(**values) == TASK

    def test_without_a_task_classes_are_placeholders(self):
        values = task_description.to_values({}, 2)
        assert values["id2label"] == {"0": "LABEL_0", "1": "LABEL_1"}
        assert of_values(**values) == {}

    def test_trained_for_something_else_since(self):
        values = task_description.to_values(TASK, 3)
        values |= {"id2label": {"0": "ham", "1": "spam"}, "label2id": None}
        assert of_values(**values) == {
            "task_name": None,
            "kind": "classification",
            "labels": ["ham", "spam"],
        }

    @pytest.mark.parametrize(
        "architectures",
        [["AlbertForQuestionAnswering"], ["AlbertModel"], None, "x", [7]],
    )
    def test_trained_since_as_another_class(self, architectures):
        values = task_description.to_values(TASK, 3)
        values["architectures"] = architectures
        assert task_description.from_values(values, "x") == {}

    def test_trained_since_to_tag_with_the_names_that_stayed(self):
        values = task_description.to_values(TASK, 3)
        assert of_values("AlbertForTokenClassification", **values) == {
            "task_name": None,
            "kind": "tagging",
            "labels": list(MNLI),
        }

    @pytest.mark.parametrize("names", [5, 3, 0])
    def test_trained_since_without_names(self, names):
        values = task_description.to_values({}, names)
        assert of_values(albert_task=TASK, **values) == {}

    @pytest.mark.parametrize(
        ("task", "architecture", "num_labels"),
        [
            ({"kind": "regression", "labels": []}, CLASSIFIER, 1),
            (
                {"kind": "multiple_choice", "labels": ["0", "1"]},
                "AlbertForMultipleChoice",
                0,
            ),
            (
                {"kind": "span", "head": "v1"},
                "AlbertForQuestionAnswering",
                0,
            ),
            (
                {"kind": "tagging", "labels": ["O", "B-X"]},
                "AlbertForTokenClassification",
                2,
            ),
        ],
    )
    def test_each_kind_there_and_back(self, task, architecture, num_labels):
        values = task_description.to_values(task, num_labels)
        assert of_values(architecture, **values) == task


class TestOrder:
    def test_by_name_whatever_the_case(self):
        assert find_order(MNLI, MNLI) == [0, 1, 2]
        assert find_order(OTHER_ORDER, MNLI) == [2, 0, 1]
        assert find_order(["a", "A"], ["A", "a"]) == [1, 0]
        assert find_order(["a", "A"], ["b", "a"]) is None
        assert find_order(["NEGATIVE", "POSITIVE"], ["0", "1"]) is None
        assert find_order(["a", "b", "c"], ["a", "b"]) is None

    def test_labels_of_tags_are_sorted(self):
        tags = ["O", "B-PER", "I-PER", "I-LOC", "B-LOC"]
        task = trained_model.with_labels(TASKS["ner"], "x", {"labels": tags})
        assert task.labels == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")

    def test_other_classes_are_refused_with_both_lists(self):
        description = {"labels": ["NEGATIVE", "POSITIVE"]}
        with pytest.raises(albert.UserError, match="0, 1.*NEGATIVE, POSITIVE"):
            trained_model.with_labels(TASKS["sst-2"], "x", description)

    def test_classes_without_names_are_a_warning(self, caplog):
        task = trained_model.with_labels(TASKS["mnli"], "there", {})
        assert task.labels == MNLI
        (line,) = caplog.messages
        assert "there does not name its classes" in line
        assert "contradiction, entailment, neutral" in line


# ------------------------------------------------------------ whole models


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory):
    """A model directory of MNLI, every weight another number."""
    path = tmp_path_factory.mktemp("model") / "mnli"
    model = albert.AlbertClassifier(CONFIG, num_labels=3)
    rng = np.random.default_rng(7)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    albert.save_weights(model, path, "model_dir")
    (path / "task.json").write_text(json.dumps(TASK))
    return path


def in_another_order(path):
    """Puts the classes of a directory of transformers into OTHER_ORDER."""
    file = path / "model.safetensors"
    tensors = safetensors.numpy.load_file(file)
    for name in ("classifier.weight", "classifier.bias"):
        tensors[name] = np.ascontiguousarray(tensors[name][[1, 2, 0]])
    safetensors.numpy.save_file(tensors, file)
    config = json.loads((path / "config.json").read_text())
    del config["albert_task"]
    config["id2label"] = numbered(OTHER_ORDER)
    config["label2id"] = turned(OTHER_ORDER)
    (path / "config.json").write_text(json.dumps(config))


def classifier_of(path, labels=None):
    model = albert.AlbertClassifier(CONFIG, num_labels=3)
    albert.load_weights(model, path, labels=labels)
    return [each.numpy() for each in model.trainable_variables]


def assert_equal(ones, others):
    for one, other in zip(ones, others, strict=True):
        assert np.array_equal(one, other)


def test_classes_in_another_order_are_put_into_ours(model_dir, tmp_path):
    convert(model_dir, tmp_path / "hf", "huggingface")
    in_another_order(tmp_path / "hf")
    expected = classifier_of(model_dir)
    assert_equal(classifier_of(tmp_path / "hf", MNLI), expected)
    # Through a model directory, which keeps the order and the names.
    convert(tmp_path / "hf", tmp_path / "back", "model_dir")
    assert task_description.read(tmp_path / "back") == {
        "task_name": None,
        "kind": "classification",
        "labels": list(OTHER_ORDER),
    }
    assert_equal(classifier_of(tmp_path / "back", MNLI), expected)
    for one, other in zip(
        classifier_of(tmp_path / "back"), expected, strict=True
    ):
        assert np.array_equal(one, other) == (one.shape[0] != 3)
    for path in (tmp_path / "hf", tmp_path / "back"):
        with pytest.raises(albert.UserError) as error:
            classifier_of(path, ("yes", "no"))
        for words in ("ENTAILMENT", "not yes, no", "id2label", "task.json"):
            assert words in str(error.value)


@pytest.mark.parametrize(
    "formats",
    [["huggingface"], ["google"], ["kerashub"], ["huggingface", "google"]],
)
def test_there_and_back(model_dir, tmp_path, formats):
    source = model_dir
    for number, format in enumerate([*formats, "model_dir"]):
        destination = tmp_path / f"{number}"
        convert(source, destination, format)
        assert open_starting_point(destination).task == TASK
        source = destination
    assert json.loads((source / "task.json").read_text()) == TASK
    assert_equal(classifier_of(source, MNLI), classifier_of(model_dir))


def packed(path):
    """Writes an archive of a directory, as one folder in it."""
    archive = path.with_suffix(".tar.gz")
    with tarfile.open(archive, "w:gz") as file:
        file.add(path, arcname="model")
    return archive


def nested(path):
    """Puts a directory into one that holds nothing else."""
    outer = path.with_suffix(".outer")
    outer.mkdir()
    return path.rename(outer / "model").parent


@pytest.mark.parametrize("arrange", [packed, nested])
@pytest.mark.parametrize("format", ["google", "model_dir"])
def test_there_and_back_in_a_folder(model_dir, tmp_path, format, arrange):
    convert(model_dir, tmp_path / "x", format)
    path = arrange(tmp_path / "x")
    assert open_starting_point(path).task == TASK
    convert(path, tmp_path / "back", "model_dir")
    assert json.loads((tmp_path / "back" / "task.json").read_text()) == TASK
    archives.remove_folders()


def test_an_archive_beside_another_model(model_dir, tmp_path):
    tags = {"kind": "tagging", "labels": ["O", "B-PER", "I-PER"]}
    shutil.copytree(model_dir, tmp_path / "tagger")
    (tmp_path / "tagger" / "task.json").write_text(json.dumps(tags))
    convert(model_dir, tmp_path / "bare", "model_dir")
    (tmp_path / "bare" / "task.json").unlink()
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    start = open_starting_point(packed(tmp_path / "tagger"))
    assert (start.task, start.head) == (tags, "token_classification")
    assert open_starting_point(packed(tmp_path / "bare")).task == {}
    archives.remove_folders()


def test_an_encoder_alone_has_no_task(model_dir, tmp_path):
    convert(model_dir, tmp_path / "x", "model_dir", head="none")
    assert not (tmp_path / "x" / "task.json").exists()
    assert open_starting_point(tmp_path / "x").task == {}


def test_the_task_tells_apart_what_the_weights_do_not(model_dir, tmp_path):
    path = tmp_path / "tagger"
    shutil.copytree(model_dir, path)
    tags = {"kind": "tagging", "labels": ["O", "B-PER", "I-PER"]}
    (path / "task.json").write_text(json.dumps(tags))
    assert open_starting_point(path).head == "token_classification"
    convert(path, tmp_path / "hf", "huggingface")
    config = json.loads((tmp_path / "hf" / "config.json").read_text())
    assert config["architectures"] == ["AlbertForTokenClassification"]
    assert config["id2label"] == numbered(tags["labels"])


def test_what_lies_beside_a_directory_is_not_its_task(model_dir, tmp_path):
    (tmp_path / "task.json").write_text(json.dumps(TASK))
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model").mkdir()
    (tmp_path / "model.ckpt-7.index").touch()
    assert task_description.read(tmp_path / "model") == {}
    assert task_description.read(tmp_path / "model.ckpt-7") == TASK
