# SPDX-License-Identifier: Apache-2.0
"""The card of a model that goes to the Hugging Face Hub."""

import json
import re

import pytest

from albert import evaluation_results
from albert.file_fingerprints import describe_files
from albert.heads import HEADS_OF_WEIGHTS
from albert.training import converted_card
from albert.training import model_card

SIZES = {"hidden_size": 26, "parameters": 12345}


@pytest.fixture
def directory(tmp_path):
    """A model of a task as its training leaves it."""
    place = tmp_path / "my model"
    place.mkdir()
    table = tmp_path / "dev.tsv"
    table.write_text("text\tlabel\n")
    dev = evaluation_results.describe_data(
        "dev", str(tmp_path), 37, "12ab34ce", describe_files([str(table)])
    )
    model_card.record_training_data(place, dev, {"cat": 30, "dog": 7})
    evaluation_results.write(
        place, str(place / "model.ckpt-best"), {"accuracy": 0.8125}, [dev], {}
    )
    for name, value in (
        ("task.json", {"task_name": "tsv", "kind": "classification"}),
        (
            "run.json",
            {
                "task_name": "tsv",
                "learning_rate": 0.001,
                "init_checkpoint": f"{tmp_path}/start/",
            },
        ),
    ):
        (place / name).write_text(json.dumps(value))
    return place


def test_a_model_whose_training_is_known(directory, tmp_path):
    card = converted_card.make_card(
        f"{directory}/model.ckpt-best",
        "me/cats",
        "classification",
        SIZES,
        "mit",
    )
    head, *sections = re.split("^## ", card, flags=re.MULTILINE)
    assert head.startswith(
        "---\nlicense: mit\nlibrary_name: transformers\n"
        "pipeline_tag: text-classification\ntags:\n- albert\n---\n\n# cats\n"
    )
    assert "fine-tuned for tsv" in head
    assert model_card.is_unedited(card)
    titles = [section.partition("\n")[0] for section in sections]
    assert titles == ["Use", "Size", "Results", "Data", "Recipe", "Licence"]
    use, size, results, data, recipe, _ = sections
    assert 'pipeline("text-classification", model="me/cats")' in use
    assert "| parameters | 12345 |" in size
    assert "| accuracy | 0.8125 |" in results
    assert "| cat | 30 |" in data
    assert "| `init_checkpoint` | start |" in recipe
    # Folders of who trained it are nobody's concern.
    assert str(tmp_path) not in card
    assert "dev.tsv" in results


def test_metrics_of_other_weights_are_said_to_be_that(directory):
    def make(weights):
        return converted_card.make_card(
            f"{directory}/{weights}", "me/it", "classification", SIZES
        )

    sentence = "Of `model.ckpt-best`; the weights here are `model.ckpt-900`."
    assert sentence in make("model.ckpt-900")
    assert "the weights here" not in make("model.ckpt-best")


def test_the_licence_is_that_of_the_source(directory):
    make = converted_card.make_card
    assert "license: unknown" in make(str(directory), "a/b", "none", SIZES)
    (directory / "README.md").write_text("---\nlicense: MIT\n---\n# Cats")
    # The hub has it in lower case.
    assert "license: mit" in make(str(directory), "a/b", "none", SIZES)


def test_a_model_of_others(tmp_path):
    for place in (tmp_path, tmp_path / "none"):
        card = converted_card.make_card(
            str(place), "me/base", "pretraining", SIZES
        )
        assert 'pipeline("fill-mask", model="me/base")' in card
        assert "fine-tuned" not in card
        assert "## Results" not in card


@pytest.mark.parametrize("head", HEADS_OF_WEIGHTS)
def test_every_head_has_a_use(head):
    card = converted_card.make_card("none", "me/it", head, SIZES)
    code = re.search("```python\n(.*?)```", card, re.DOTALL)[1]
    compile(code, "card", "exec")
    assert '"me/it"' in code


def test_a_model_of_several_labels_shows_all(directory):
    (directory / "task.json").write_text(
        json.dumps({"task_name": "tsv", "kind": "multi_label"})
    )
    card = converted_card.make_card(
        str(directory), "me/it", "classification", SIZES
    )
    assert 'model("A text.", top_k=None)' in card


def test_metrics_of_a_head_are_not_those_of_an_encoder(directory):
    card = converted_card.make_card(str(directory), "me/it", "none", SIZES)
    assert "accuracy" not in card


def test_what_it_was_trained_from_has_its_name(directory):
    for place, name in (
        ("/c/hub/models--a--b-c/snapshots/8e2f", "a/b-c@8e2f"),
        ("/c/kagglehub/models/k/a/keras/b/2", "kaggle://k/a/keras/b/2"),
    ):
        run = {"task_name": "tsv", "init_checkpoint": place}
        (directory / "run.json").write_text(json.dumps(run))
        card = converted_card.make_card(
            str(directory), "me/it", "classification", SIZES
        )
        assert f"| `init_checkpoint` | {name} |" in card
