# SPDX-License-Identifier: Apache-2.0
"""Damaged models of every format, and what lies beside their weights."""

import functools
import json
import pathlib
import shutil
import tarfile

import numpy as np
import pytest
import safetensors.numpy

import albert
from albert import model_directory
from albert import run_settings
from albert.export import publishing_facts
from albert.export import serving
from albert.interchange import tensor_bundle
from albert.interchange.starting_point import open_starting_point
from albert.serve import served_model
from albert.tasks import selection
from albert.tasks import trained_model
from albert.training import budgets
from albert.training import curves
from albert.training.reporting import Reporter

pytestmark = pytest.mark.slow

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
SPM = GOLDEN / "tokenization" / "spm2000.model"


def copied(source, *names):
    """Returns a function that copies golden files into a folder."""

    def write(folder):
        if names:
            for name in names:
                shutil.copy(GOLDEN / source / name, folder / name)
        else:
            shutil.copytree(GOLDEN / source, folder, dirs_exist_ok=True)

    return write


def open_model(path):
    """Opens weights and all that lies beside them, as `albert convert`."""
    start = open_starting_point(str(path))
    config = start.find_config()
    tokenizer = start.tokenizer
    pieces = (
        tokenizer.encode("The [MASK] is 2,010, of it.") if tokenizer else ()
    )
    weights = {
        name: start.source.tensors[name] for name in start.source.tensors
    }
    return config, pieces, weights, start.head, start.task


@functools.cache
def _model():
    return albert.AlbertClassifier(
        albert.AlbertConfig.named("tiny", vocab_size=2000), 2
    )


def write_model(folder):
    albert.save_weights(
        _model(),
        folder / "model",
        format="model_dir",
        tokenizer=albert.Tokenizer(SPM),
    )
    model = folder / "model"
    task = {
        "task_name": "tsv",
        "kind": "classification",
        "labels": ["a", "b"],
        "max_seq_length": 37,
        "classifier_dropout": 0.1,
    }
    run = {
        "learning_rate": 1e-3,
        "seed": 7,
        "records": 20,
        "num_train_steps": 5,
        "optimizer": "lamb",
        "init_checkpoint": None,
        "input_file": "x.tfrecord",
        **task,
    }
    evaluation = {
        "checkpoint": "model.ckpt-best",
        "accuracy": 0.5,
        "loss": 0.7,
        "baseline": {"accuracy": 0.4},
        "runs": [{"seed": 7, "accuracy": 0.5}],
    }
    for name, value in (
        ("task.json", task),
        ("run.json", run),
        ("eval_results.json", evaluation),
    ):
        (model / name).write_text(json.dumps(value))
    events = model / "tensorboard"
    with Reporter(str(events), budgets.StepBudget(2, 1, 1), 0) as reporter:
        for step in (1, 2):
            values = {
                name: np.array([1.0 / step], np.float32)
                for name in ("loss", "learning_rate", "sequences", "tokens")
            }
            reporter.training(step, values, seconds=2.0)
        reporter.evaluation(2, {"accuracy": 0.25}, seconds=1.0)
    (path,) = (events / "train").iterdir()
    path.rename(events / "train" / "events.out.tfevents.1.a.v2")


def write_archive(folder):
    write_model(folder / "inner")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as file:
        for path in sorted((folder / "inner" / "model").iterdir()):
            if path.is_file():
                file.add(path, arcname=f"model/{path.name}")
    shutil.rmtree(folder / "inner")


def use_model(folder):
    """What the recipes do with a model directory."""
    directory = str(folder / "model")
    opened = open_model(directory)
    config = model_directory.read_config(directory)
    run_settings.check(directory, config, {"task_name": "tsv"})
    task = selection.get_task("tsv")
    description = opened[-1]
    trained_model.check_task(task, directory, description)
    trained_model.with_labels(task, directory, description)
    trained_model.read_seed(directory, 5)
    trained_model.find_best([directory] * 2, "accuracy")
    publishing_facts.read_phases(directory)
    metrics = publishing_facts.read_metrics(directory)
    return opened, metrics


def draw_curves(folder):
    picture = pathlib.Path(f"{folder}.png")
    curves.draw(str(picture), [str(folder / "model")])
    picture.unlink()


def write_sharded(folder):
    tensors = safetensors.numpy.load_file(
        GOLDEN / "hf_tiny/AlbertForSequenceClassification/model.safetensors"
    )
    HUGGING_FACE(folder)
    (folder / "model.safetensors").unlink()
    where = {
        name: f"model-{number % 2}.safetensors"
        for number, name in enumerate(tensors)
    }
    for file in set(where.values()):
        safetensors.numpy.save_file(
            {name: tensors[name] for name in where if where[name] == file},
            folder / file,
        )
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 5}, "weight_map": where})
    )


def write_bert(folder):
    """Google's BERT: four arrays are enough to be read."""
    arrays = {
        "bert/embeddings/word_embeddings": (53, 22),
        "bert/encoder/layer_0/output/dense/kernel": (37, 22),
        "bert/pooler/dense/bias": (22,),
        "cls/predictions/output_bias": (53,),
    }
    tensor_bundle.write(
        str(folder / "bert_model.ckpt"),
        {name: np.ones(shape, np.float32) for name, shape in arrays.items()},
    )
    settings = {
        "attention_probs_dropout_prob": 0.1,
        "hidden_act": "gelu",
        "hidden_dropout_prob": 0.1,
        "hidden_size": 22,
        "initializer_range": 0.02,
        "intermediate_size": 37,
        "max_position_embeddings": 29,
        "num_attention_heads": 2,
        "num_hidden_layers": 1,
        "type_vocab_size": 2,
        "vocab_size": 53,
    }
    (folder / "bert_config.json").write_text(json.dumps(settings))


def write_with_tokenizer(folder):
    albert.save_weights(
        _model(),
        folder / "m",
        format="huggingface",
        tokenizer=albert.Tokenizer(SPM),
    )
    for path in (folder / "m").iterdir():
        path.rename(folder / path.name)
    (folder / "m").rmdir()


def write_served(folder):
    write_model(folder / "inner")
    serving.export(str(folder / "inner" / "model"), str(folder / "export"))
    shutil.rmtree(folder / "inner")


def serve(folder):
    return served_model.load(str(folder / "export")).metadata


DATA = "model.ckpt-best.data-00000-of-00001"
HUGGING_FACE = copied("hf_tiny/AlbertForSequenceClassification")
KERASHUB = copied("kerashub_tiny/masked_lm")
SHARDED = copied("kerashub_groups/sharded")

# What writes the file and others with it, the file, and what reads it.
CASES = {
    "configuration": (write_model, "model/albert_config.json", use_model),
    "vocabulary": (write_model, "model/spiece.model", use_model),
    "settings of the tokenizer": (write_model, "model/spiece.json", use_model),
    "configuration of a BERT": (write_bert, "bert_config.json", open_model),
    "checksums": (write_model, "model/checksums.json", use_model),
    "run.json": (write_model, "model/run.json", use_model),
    "task.json": (write_model, "model/task.json", use_model),
    "eval_results.json": (write_model, "model/eval_results.json", use_model),
    "eval_results.json, drawn": (
        write_model,
        "model/eval_results.json",
        draw_curves,
    ),
    "checkpoint": (write_model, f"model/{DATA}", use_model),
    "index of a checkpoint": (
        write_model,
        "model/model.ckpt-best.index",
        use_model,
    ),
    "archive": (
        write_archive,
        "model.tar.gz",
        lambda folder: open_model(folder / "model.tar.gz"),
    ),
    "events": (
        write_model,
        "model/tensorboard/train/events.out.tfevents.1.a.v2",
        draw_curves,
    ),
    "config.json of transformers": (HUGGING_FACE, "config.json", open_model),
    "safetensors": (HUGGING_FACE, "model.safetensors", open_model),
    "index of safetensors": (
        write_sharded,
        "model.safetensors.index.json",
        open_model,
    ),
    "settings of transformers' tokenizer": (
        write_with_tokenizer,
        "tokenizer_config.json",
        open_model,
    ),
    **{
        f"{file} of KerasHub": (KERASHUB, file, open_model)
        for file in (
            "config.json",
            "metadata.json",
            "task.json",
            "model.weights.h5",
            "task.weights.h5",
            "assets/tokenizer/vocabulary.spm",
        )
    },
    "index of KerasHub": (SHARDED, "model.weights.json", open_model),
    "part of KerasHub": (SHARDED, "model_00001.weights.h5", open_model),
    "graph of an export": (write_served, "export/saved_model.pb", serve),
    "variables of an export": (
        write_served,
        "export/variables/variables.data-00000-of-00001",
        serve,
    ),
}
# Those whose checksums tell every damage.
CHECKED = {
    "configuration",
    "vocabulary",
    "settings of the tokenizer",
    "checkpoint",
    "index of a checkpoint",
    "archive",
}
# Of those that take seconds or have a thousand damages, one of so many.
EVERY = {
    "eval_results.json, drawn": 9,
    "config.json of KerasHub": 2,
    "task.json of KerasHub": 8,
    "index of KerasHub": 3,
    "graph of an export": 5,
    "variables of an export": 5,
}


@pytest.mark.parametrize("name", CASES)
def test_damage_is_one_line(name, walk_damages):
    refused = walk_damages(
        *CASES[name], is_checked=name in CHECKED, every=EVERY.get(name, 1)
    )
    assert refused > 0
