# SPDX-License-Identifier: Apache-2.0
"""The fine-tuning recipe, from texts to a model, results and predictions."""

import contextlib
import importlib.util
import io
import json
import logging
import os
import pathlib
import shutil
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
from absl import flags

import albert
from albert import command_line
from albert import model_directory
from albert.interchange import tensor_bundle
from albert.interchange.weights import save_weights
from albert.text.tokenizer import Tokenizer

ROOT = pathlib.Path(__file__).parents[1]
SAMPLE = ROOT / "data" / "sample" / "classification"
GOLDEN = ROOT / "tests" / "golden"
TOKENIZER = GOLDEN / "tokenization" / "spm2000.model"
OTHER_TOKENIZER = GOLDEN / "tokenization" / "spm2000_numcomma.model"
CONFIG = {
    "vocab_size": 2000,
    "embedding_size": 6,
    "hidden_size": 22,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 26,
    "max_position_embeddings": 53,
    # A step depends on the state of dropout's generators too.
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.5,
}
PICTURE = b"\x89PNG"

# ------------------------------------------------------------------- running


def load_recipe(path):
    specification = importlib.util.spec_from_file_location("recipe", path)
    recipe = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(recipe)
    return recipe


def run_command(path, arguments):
    """Runs a recipe in this process: (exit status, stdout, stderr)."""
    recipe = load_recipe(ROOT / path)
    handlers = list(logging.getLogger().handlers)
    printed, errors = io.StringIO(), io.StringIO()
    code = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(flags, "FLAGS", flags.FlagValues())
        patch.setattr(sys, "argv", [path, *map(str, arguments)])
        try:
            command_line.run(recipe.main, recipe.define_flags)
        except SystemExit as error:
            code = error.code
        finally:
            logging.getLogger().handlers[:] = handlers
    return code, printed.getvalue(), errors.getvalue()


def run(out, *arguments):
    """The recipe with small batches: (exit status, stdout, stderr)."""
    return run_command(
        "run_classifier.py",
        [f"--output_dir={out}", "--eval_batch_size=29", *arguments],
    )


def train(inputs, out, *arguments):
    """Trains four steps on the sample, unless flags say otherwise."""
    code, printed, errors = run(out, *training_flags(inputs), *arguments)
    assert code == 0, errors
    return printed, errors


def training_flags(inputs):
    return [
        "--task_name=tsv",
        f"--data_dir={inputs}/sample",
        f"--init_checkpoint={inputs}/pretrained",
        "--do_train",
        "--train_batch_size=5",
        "--num_train_steps=4",
        "--save_checkpoints_steps=2",
        "--learning_rate=1e-3",
        "--max_seq_length=37",
    ]


def evaluate(inputs, out, *arguments):
    """The results of an evaluation alone, of the model that is there."""
    code, _, errors = run(
        out,
        "--task_name=tsv",
        f"--data_dir={inputs}/sample",
        "--do_eval",
        *arguments,
    )
    assert code == 0, errors
    return results_of(out)


def results_of(out):
    return json.loads((out / "eval_results.json").read_text())


def without_path(results):
    results.pop("checkpoint")
    return results


def assert_close(one, two, tolerance=1e-5):
    assert one.keys() == two.keys()
    for name, value in one.items():
        if name not in ("baseline", "checkpoint"):
            assert abs(value - two[name]) < tolerance, name


def contents(directory):
    """Path to bytes of every file, or to None of every folder."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        if path.is_file()
        else None
        for path in directory.rglob("*")
    }


def assert_same_tensors(one, two):
    one, two = tensor_bundle.read(one), tensor_bundle.read(two)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], name)


def events(directory):
    """Tags of the TensorBoard events in a directory."""
    tags = set()
    for path in directory.glob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    return tags


# --------------------------------------------------------------------- files


def write_rows(path, *rows):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join("\t".join(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def sentences():
    """Texts to make tasks of."""
    lines = (SAMPLE / "dev.tsv").read_text().splitlines()[1:]
    return [line.split("\t")[0] for line in lines]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A folder with a small sample, a pretrained model, configurations."""
    folder = tmp_path_factory.mktemp("inputs")
    for split, rows in (("train", 101), ("dev", 61), ("test", 23)):
        lines = (SAMPLE / f"{split}.tsv").read_text().splitlines()
        # Both authors, whose passages are mixed.
        path = folder / "sample" / f"{split}.tsv"
        write_rows(path, *([line] for line in lines[: rows + 1]))
    for name, changes in {
        "config": {},
        "wide": {"hidden_size": 26},
        "vocabulary": {"vocab_size": 1999},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(CONFIG | changes))
    keras.utils.set_random_seed(3)
    model = albert.AlbertPretrainer(albert.AlbertConfig(**CONFIG))
    save_weights(
        model, folder / "pretrained", "model_dir", Tokenizer(TOKENIZER)
    )
    return folder


@pytest.fixture(scope="module")
def trained(inputs, tmp_path_factory):
    """A model of the sample, its output; not to be changed."""
    out = tmp_path_factory.mktemp("trained") / "model"
    return out, *train(inputs, out, "--do_eval", "--do_predict")


@pytest.fixture
def model(trained, tmp_path):
    """A copy of that model, to be changed."""
    return pathlib.Path(shutil.copytree(trained[0], tmp_path / "model"))


# ------------------------------------------------------------------ one task


def test_model_directory_is_complete(inputs, trained):
    out, printed, errors = trained
    assert set(os.listdir(out)) == {
        "albert_config.json",
        "confusion_matrix.png",
        "curves.png",
        "dev_predictions.tsv",
        "eval_results.json",
        "run.json",
        "spiece.json",
        "spiece.model",
        "task.json",
        "tensorboard",
        "test_predictions.tsv",
        *(
            f"model.ckpt-{step}.{suffix}"
            for step in ("2", "4", "best")
            for suffix in ("index", "data-00000-of-00001")
        ),
    }
    assert json.loads((out / "task.json").read_text()) == {
        "task_name": "tsv",
        "kind": "classification",
        "labels": ["blackmore", "ward"],
        "max_seq_length": 37,
        "classifier_dropout": 0.1,
    }
    config = model_directory.read_config(out).to_dict()
    assert CONFIG.items() <= config.items()
    assert (out / "spiece.model").read_bytes() == TOKENIZER.read_bytes()
    for name in ("confusion_matrix.png", "curves.png"):
        assert (out / name).read_bytes().startswith(PICTURE)
    metrics = {"accuracy", "macro_f1"}
    results = results_of(out)
    assert results.keys() == metrics | {"loss", "checkpoint", "baseline"}
    assert results["baseline"].keys() == metrics
    assert results["checkpoint"] == str(out / "model.ckpt-best")
    assert events(out / "tensorboard" / "eval") == metrics | {"loss"}
    assert events(out / "tensorboard" / "train") == {
        "loss",
        "accuracy",
        "learning_rate",
        "gradient_norm",
        "sequences_per_second",
        "tokens_per_second",
    }
    written = ["eval_results.json", "confusion_matrix.png", "curves.png"]
    written += ["dev_predictions.tsv", "test_predictions.tsv"]
    for words in (
        "Training: 4 steps in",
        f"Evaluation of {out}/model.ckpt-best:",
        "constant answer",
        f"accuracy{results['accuracy']:30.4f}",
        f"Model: {out}",
        *(f"Written: {out / name}" for name in written),
    ):
        assert words in printed
    assert "Traceback" not in errors and "warning" not in errors


def test_predictions_are_those_that_were_evaluated(inputs, trained):
    out = trained[0]
    for split in ("dev", "test"):
        header, *rows = [
            line.split("\t")
            for line in (out / f"{split}_predictions.tsv")
            .read_text()
            .splitlines()
        ]
        assert header == [
            "id",
            "text",
            "label",
            "prediction",
            "probability of blackmore",
            "probability of ward",
        ]
        given = (inputs / "sample" / f"{split}.tsv").read_text().splitlines()
        assert ["\t".join(row[1:3]) for row in rows] == given[1:]
        for row in rows:
            chances = [float(value) for value in row[4:]]
            assert abs(sum(chances) - 1) < 2e-4
            assert chances[row[3] == "ward"] >= 0.5
        if split == "dev":
            right = np.mean([row[2] == row[3] for row in rows])
            assert results_of(out)["accuracy"] == pytest.approx(right)
            # Or the tests here would prove little.
            assert len({row[3] for row in rows}) == 2


def test_what_is_used_is_printed(trained):
    errors = trained[2]
    for words in (
        "train: 101 examples, longest ",
        "settings of tsv, ",
        "--dropout_prob=0.1 --classifier_dropout=0.1 --num_warmup_steps=0",
        "101 examples; 4 steps are 0.198 epochs",
        "global batch 5 = 1 replica(s) (CPU:0) x 1 accumulation step(s) x 5",
        "pretrained/model.ckpt-best; new: classifier/output_bias, "
        "classifier/output_weights; not used: cls/predictions/output_bias",
    ):
        assert words in errors
    assert "--learning_rate=" not in errors  # It was given.


def test_each_mode_alone_gives_the_same(inputs, trained, model):
    expected = contents(trained[0])
    # Twice, with as few flags as there need be, then with those of training.
    for mode in ("--do_eval", "--do_predict", "--do_eval"):
        before = contents(model)
        code, printed, errors = run(
            model, "--task_name=tsv", f"--data_dir={inputs}/sample", mode
        )
        assert code == 0, errors
        assert f"Model: {model}" in printed
        results = without_path(results_of(model))
        assert results == without_path(results_of(trained[0]))
        after = contents(model)
        assert before.keys() == after.keys()
        for name in after.keys() - {"eval_results.json"}:
            assert after[name] == expected[name], name
    code, _, errors = run(
        model, *training_flags(inputs), "--do_eval", "--nodo_train"
    )
    assert code == 0, errors
    results = without_path(results_of(model))
    assert results == without_path(results_of(trained[0]))


def test_same_command_again_trains_nothing(inputs, trained, model):
    before = contents(model)
    printed, errors = train(inputs, model, "--do_eval", "--do_predict")
    assert "continuing at step 4 of 4" in errors
    assert "all 4 steps were made before" in printed
    after = contents(model)
    one, two = (
        without_path(json.loads(files.pop("eval_results.json")))
        for files in (before, after)
    )
    assert one == two
    assert before.items() <= after.items()
    assert all("events" in name for name in after.keys() - before.keys())


def test_killed_run_ends_as_if_it_had_not_been(inputs, trained, model):
    for name in os.listdir(model):
        kept = name.startswith(("model.ckpt-2.", "albert", "run", "spiece"))
        if not kept and (model / name).is_file():
            (model / name).unlink()
    (model / f"model.ckpt-4.index.{os.getpid()}.tmp").touch()
    # The best is either that of step 2, which the kill left, or of step 4.
    best = trained[0] / "model.ckpt-best"
    if tensor_bundle.read(best)["global_step"] == 2:
        for path in trained[0].glob("model.ckpt-best.*"):
            shutil.copy(path, model)
    _, errors = train(inputs, model, "--do_eval", "--do_predict")
    assert "continuing at step 2 of 4" in errors
    assert "weights loaded" not in errors
    for name in ("model.ckpt-4", "model.ckpt-best"):
        assert_same_tensors(trained[0] / name, model / name)
    whole, parts = contents(trained[0]), contents(model)
    for name in whole.keys() - {"eval_results.json"}:
        if not name.endswith((".png", ".index")) and "events" not in name:
            assert parts[name] == whole[name], name
    results = without_path(results_of(model))
    assert results == without_path(results_of(trained[0]))


def test_training_without_evaluation(inputs, trained, tmp_path):
    printed, _ = train(
        inputs, tmp_path / "runs", "--do_predict", "--num_runs=2"
    )
    assert f"Model: {tmp_path}/runs/run_1\n" in printed
    # The second one is the first with another seed.
    runs = [
        tensor_bundle.read(tmp_path / "runs" / name / "model.ckpt-4")
        for name in ("run_1", "run_2")
    ]
    weights = [each["output_weights"] for each in runs]
    assert np.abs(weights[0] - weights[1]).max() > 0.01
    out = pathlib.Path(
        shutil.copytree(tmp_path / "runs" / "run_1", tmp_path / "model")
    )
    assert not (out / "model.ckpt-best.index").exists()
    assert not (out / "eval_results.json").exists()
    assert "constant answer" not in printed
    # Evaluation on the way changes nothing of the training.
    assert_same_weights(out / "model.ckpt-4", trained[0] / "model.ckpt-4")
    results = evaluate(inputs, out)
    assert results["checkpoint"] == str(out / "model.ckpt-4")
    lines = (tmp_path / "runs" / "test_predictions.tsv").read_text()
    assert len(lines.splitlines()) == 1 + 23


def assert_same_weights(one, two):
    one, two = tensor_bundle.read(one), tensor_bundle.read(two)
    names = [name for name in one if "training_state/" not in name]
    assert "bert/pooler/dense/kernel" in names
    for name in names:
        np.testing.assert_array_equal(one[name], two[name], name)


@pytest.mark.parametrize(
    "arguments",
    [
        ["--eval_batch_size=61"],
        ["--eval_batch_size=7"],
        ["--pad_to_max_length"],
        ["--jit_compile"],
        ["--distribution_strategy=mirrored"],
    ],
)
def test_evaluation_does_not_depend_on_batches(
    inputs, trained, model, arguments
):
    results = evaluate(inputs, model, *arguments)
    assert_close(results, results_of(trained[0]))


def test_weights_from_another_directory(inputs, trained, tmp_path):
    """Also a checkpoint of it; nothing but results is written."""
    for number, name in enumerate(("", "model.ckpt-4")):
        out = tmp_path / str(number)
        results = evaluate(
            inputs, out, f"--init_checkpoint={trained[0] / name}"
        )
        assert sorted(os.listdir(out)) == [
            "confusion_matrix.png",
            "dev_predictions.tsv",
            "eval_results.json",
        ]
        if not name:
            assert results == results_of(trained[0])
        else:
            assert results["checkpoint"] == str(trained[0] / name)


def test_first_weights(inputs, trained, tmp_path):
    """The encoder is that of the checkpoint; the head never is."""
    start = tmp_path / "start"
    train(inputs, start, "--num_train_steps=1", "--learning_rate=1e-30")
    weights = tensor_bundle.read(start / "model.ckpt-1")
    source = tensor_bundle.read(inputs / "pretrained" / "model.ckpt-best")
    encoder = [name for name in source if name.startswith("bert/")]
    assert len(encoder) == 25
    for name in encoder:
        assert np.abs(weights[name] - source[name]).max() < 1e-28, name
    assert weights["output_weights"].shape == (2, 22)
    assert 0.3 < weights["output_weights"].std() < 0.6
    assert np.abs(weights["output_bias"]).max() < 1e-28
    again = tmp_path / "again"
    _, errors = train(
        inputs,
        again,
        f"--init_checkpoint={trained[0]}",
        "--num_train_steps=1",
        "--learning_rate=1e-30",
    )
    assert "not used: output_bias, output_weights" in errors
    two = tensor_bundle.read(again / "model.ckpt-1")
    other = tensor_bundle.read(trained[0] / "model.ckpt-best")
    for name in encoder:
        assert np.abs(two[name] - other[name]).max() < 1e-28, name
    for name in ("output_weights", "output_bias"):
        assert np.abs(two[name] - weights[name]).max() < 1e-28, name


def test_random_weights(inputs, tmp_path):
    _, errors = train(
        inputs,
        tmp_path / "model",
        "--init_checkpoint=",
        f"--albert_config_file={inputs}/config.json",
        f"--spm_model_file={TOKENIZER}",
        "--num_train_steps=1",
    )
    assert "warning: no --init_checkpoint: all weights" in errors
    weights = tensor_bundle.read(tmp_path / "model" / "model.ckpt-1")
    kernel = weights["bert/pooler/dense/kernel"]
    assert 0.3 < kernel.std() < 0.6


def test_layer_decay(inputs, tmp_path):
    source = tensor_bundle.read(inputs / "pretrained" / "model.ckpt-best")
    changes = []
    for rate in (1.0, 0.5):
        out = tmp_path / str(rate)
        train(
            inputs,
            out,
            f"--layer_decay_rate={rate}",
            "--num_train_steps=1",
            "--learning_rate=0.1",
        )
        weights = tensor_bundle.read(out / "model.ckpt-1")
        assert weights["output_bias"].any()
        source["output_bias"] = np.zeros(2)
        names = weights.keys() & source
        changes.append({name: weights[name] - source[name] for name in names})
    for name, factor in {
        "output_bias": 1,
        # One layer: the pooler is above it, the embeddings are below.
        "bert/embeddings/word_embeddings": 0.5**3,
        "bert/embeddings/position_embeddings": 0.5**3,
    }.items():
        whole, decayed = (change[name] for change in changes)
        assert np.abs(whole).max() > 0.01
        assert np.abs(decayed - factor * whole).max() < 1e-6, name


def test_batches_of_any_length(inputs, trained, tmp_path):
    out = tmp_path / "model"
    train(
        inputs, out, "--nobucket_by_length", "--gradient_accumulation_steps=5"
    )
    one, two = (
        tensor_bundle.read(each / "model.ckpt-4") for each in (out, trained[0])
    )
    # Other examples share a batch, and it is another training.
    assert np.isfinite(one["output_weights"]).all()
    assert np.abs(one["output_weights"] - two["output_weights"]).max() > 1e-5


def test_epochs_in_bfloat16(inputs, tmp_path):
    arguments = [
        argument
        for argument in training_flags(inputs)
        if "num_train_steps" not in argument
    ]
    out = tmp_path / "model"
    code, _, errors = run(
        out,
        *arguments,
        "--num_train_epochs=0.1",
        "--dtype=bfloat16",
    )
    assert code == 0, errors
    assert "--num_train_steps=3 " in errors  # 2.02, rounded up
    weights = tensor_bundle.read(out / "model.ckpt-3")
    assert weights["bert/pooler/dense/kernel"].dtype == np.float32
    assert all(np.isfinite(value).all() for value in weights.values())


def test_padding_changes_nothing_of_the_training(inputs, tmp_path):
    # Without dropout, whose draws depend on the length.
    found = []
    for arguments in ([], ["--pad_to_max_length"]):
        out = tmp_path / str(len(found))
        train(
            inputs,
            out,
            "--dropout_prob=0",
            "--classifier_dropout=0",
            *arguments,
        )
        found.append(tensor_bundle.read(out / "model.ckpt-4"))
    for name in found[0]:
        assert np.abs(found[0][name] - found[1][name]).max() < 1e-5, name


# ------------------------------------------------------------- several runs


@pytest.fixture(scope="module")
def runs(inputs, tmp_path_factory):
    out = tmp_path_factory.mktemp("runs") / "model"
    return out, *train(
        inputs, out, "--do_eval", "--do_predict", "--num_runs=3", "--seed=5"
    )


def test_medians_of_runs(runs):
    out, printed, _ = runs
    assert set(os.listdir(out)) == {
        "run_1",
        "run_2",
        "run_3",
        "eval_results.json",
        "confusion_matrix.png",
        "dev_predictions.tsv",
        "test_predictions.tsv",
    }
    results = results_of(out)
    each = [results_of(out / f"run_{number}") for number in (1, 2, 3)]
    assert [run.pop("seed") for run in results["runs"]] == [5, 6, 7]
    for name in ("loss", "accuracy", "macro_f1"):
        values = [one[name] for one in each]
        assert [one[name] for one in results["runs"]] == values
        assert results[name] == np.median(values)
        assert f"{np.median(values):.4f}" in printed
    assert results["baseline"] == each[0]["baseline"]
    assert len({one["loss"] for one in each}) == 3
    best = np.argmax([one["accuracy"] for one in each]) + 1
    assert best > 1  # Or it would prove less.
    assert f"Model: {out}/run_{best}" in printed
    assert "accuracy of 3 runs: " in printed
    assert "---- run 3 of 3" in runs[2]
    rows = (out / "dev_predictions.tsv").read_text().splitlines()[1:]
    rows = [row.split("\t") for row in rows]
    right = np.mean([row[2] == row[3] for row in rows])
    assert right == pytest.approx(each[best - 1]["accuracy"])


def test_runs_again(inputs, runs, tmp_path):
    """Evaluated alone; predicted alone; not without --num_runs."""
    out = pathlib.Path(shutil.copytree(runs[0], tmp_path / "model"))
    evaluate(inputs, out, "--num_runs=3")  # Whatever the seed is now.
    found, expected = results_of(out), results_of(runs[0])
    assert found == expected
    (out / "test_predictions.tsv").unlink()
    arguments = ["--task_name=tsv", f"--data_dir={inputs}/sample"]
    code, _, errors = run(out, *arguments, "--do_predict")
    assert code == 2
    assert "holds several runs: give the --num_runs" in errors
    # Alone, the best run is known from its evaluation.
    code, _, errors = run(out, *arguments, "--do_predict", "--num_runs=3")
    assert code == 0, errors
    expected = (runs[0] / "test_predictions.tsv").read_bytes()
    assert (out / "test_predictions.tsv").read_bytes() == expected


# ---------------------------------------------------------------- every kind


@pytest.fixture(scope="module")
def glue(sentences, tmp_path_factory):
    """GLUE's folders with a few rows each, as it is published."""
    folder = tmp_path_factory.mktemp("glue")
    pairs = list(zip(sentences[:31], sentences[31:62], strict=True))
    labels = ["entailment", "not_entailment"]
    for split, rows in (("train", 31), ("dev", 17)):
        write_rows(
            folder / "RTE" / f"{split}.tsv",
            ["index", "sentence1", "sentence2", "label"],
            *(
                [str(n), *pair, labels[n % 2]]
                for n, pair in enumerate(pairs[:rows])
            ),
        )
    write_rows(
        folder / "RTE" / "test.tsv",
        ["index", "sentence1", "sentence2"],
        *([str(n + 100), *pair] for n, pair in enumerate(pairs[:13])),
    )
    labels = ["neutral", "contradiction", "entailment"]
    for split, rows in (
        ("train", 31),
        ("dev_matched", 17),
        ("dev_mismatched", 19),
    ):
        write_rows(
            folder / "MNLI" / f"{split}.tsv",
            ["index", "sentence1", "sentence2", "gold_label"],
            *(
                [str(n), *pair, labels[n % 3]]
                for n, pair in enumerate(pairs[-rows:])
            ),
        )
    for name, rows in (("matched", 11), ("mismatched", 7)):
        write_rows(
            folder / "MNLI" / f"test_{name}.tsv",
            ["index", "sentence1", "sentence2"],
            *([str(n), *pair] for n, pair in enumerate(pairs[:rows])),
        )
    write_rows(
        folder / "diagnostic" / "diagnostic-full.tsv",
        ["Premise", "Hypothesis", "Label"],
        *([*pair, labels[n % 3]] for n, pair in enumerate(pairs[:23])),
    )
    for split in ("train", "dev"):
        write_rows(
            folder / "STS-B" / f"{split}.tsv",
            ["index", "sentence1", "sentence2", "score"],
            *(
                [str(n), *pair, f"{n % 11 / 2:.3f}"]
                for n, pair in enumerate(pairs[:17])
            ),
        )
    write_rows(
        folder / "STS-B" / "test.tsv",
        ["index", "sentence1", "sentence2"],
        *([str(n), *pair] for n, pair in enumerate(pairs[:5])),
    )
    return folder


def train_task(inputs, out, name, data_dir, *arguments):
    code, printed, errors = run(
        out,
        f"--task_name={name}",
        f"--data_dir={data_dir}",
        f"--init_checkpoint={inputs}/pretrained",
        "--do_train",
        "--do_eval",
        "--train_batch_size=5",
        "--num_train_steps=2",
        "--max_seq_length=47",
        *arguments,
    )
    assert code == 0, errors
    return printed, errors


def rows_of(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


def test_pairs_of_glue_with_the_settings_of_the_task(inputs, glue, tmp_path):
    out = tmp_path / "model"
    code, _, errors = run(
        out,
        "--task_name=RTE",
        f"--data_dir={glue}",
        f"--init_checkpoint={inputs}/pretrained",
        "--do_train",
        "--do_eval",
        "--do_predict",
        "--num_train_steps=4",
    )
    assert code == 0, errors
    line = next(x for x in errors.splitlines() if x.startswith("settings"))
    for words in (
        "settings of rte, ",
        "--max_seq_length=53",  # As many positions as there are.
        "--dropout_prob=0.1",
        "--classifier_dropout=0.1",
        "--learning_rate=0.0001",
        "--train_batch_size=32",
        "--num_warmup_steps=1",  # 200 of 800
        "--save_checkpoints_steps=1",
    ):
        assert words in line
    assert "--num_train_steps" not in line  # It was given.
    config = model_directory.read_config(out)
    assert config.attention_probs_dropout_prob == 0.1
    assert tensor_bundle.steps(out) == [1, 2, 3, 4]
    header, *rows = rows_of(out / "RTE.tsv")
    assert header == ["index", "prediction"]
    assert [row[0] for row in rows] == [str(n + 100) for n in range(13)]
    assert {row[1] for row in rows} <= {"entailment", "not_entailment"}
    header, *readable = rows_of(out / "test_predictions.tsv")
    assert header[:4] == ["id", "text", "text_b", "prediction"]
    assert [row[3] for row in readable] == [row[1] for row in rows]
    assert results_of(out)["baseline"] == {"accuracy": 9 / 17}


@pytest.fixture(scope="module")
def mnli(inputs, glue, tmp_path_factory):
    out = tmp_path_factory.mktemp("mnli") / "model"
    return out, *train_task(inputs, out, "mnli", glue, "--do_predict")


def test_two_dev_sets(mnli):
    out, printed, errors = mnli
    results = results_of(out)
    names = {"accuracy", "accuracy_mismatched"}
    assert results.keys() == names | {
        "loss",
        "loss_mismatched",
        "checkpoint",
        "baseline",
    }
    assert results["baseline"].keys() == names
    assert results["baseline"]["accuracy"] == 6 / 17
    assert results["baseline"]["accuracy_mismatched"] == 7 / 19
    for split, name in (("", "matched"), ("_mismatched", "mismatched")):
        rows = rows_of(out / f"dev_{name}_predictions.tsv")[1:]
        right = np.mean([row[3] == row[4] for row in rows])
        assert results[f"accuracy{split}"] == pytest.approx(right)
    assert events(out / "tensorboard" / "eval") == names | {
        "loss",
        "loss_mismatched",
    }
    assert len(rows_of(out / "MNLI-m.tsv")) == 1 + 11
    assert len(rows_of(out / "MNLI-mm.tsv")) == 1 + 7
    assert "accuracy_mismatched" in printed


def test_diagnostics_with_the_model_of_mnli(mnli, glue, tmp_path):
    out = tmp_path / "ax"
    code, _, errors = run(
        out,
        "--task_name=ax",
        f"--data_dir={glue}",
        f"--init_checkpoint={mnli[0]}",
        "--do_eval",
    )
    assert code == 0, errors
    assert {"matthews", "accuracy"} <= results_of(out).keys()
    rows = rows_of(out / "dev_predictions.tsv")
    assert len(rows) == 1 + 23
    assert rows[0][-3:] == [
        f"probability of {label}"
        for label in ("contradiction", "entailment", "neutral")
    ]


def test_regression_of_glue(inputs, glue, tmp_path):
    out = tmp_path / "model"
    train_task(inputs, out, "sts-b", glue, "--do_predict")
    results = results_of(out)
    assert {"pearson", "spearman", "glue_score"} <= results.keys()
    rows = rows_of(out / "dev_predictions.tsv")[1:]
    gold, predicted = (
        [float(row[column]) for row in rows] for column in (3, 4)
    )
    loss = np.mean(np.subtract(gold, predicted) ** 2)
    assert results["loss"] == pytest.approx(loss, abs=1e-2)
    pearson = np.corrcoef(gold, predicted)[0, 1]
    assert results["pearson"] == pytest.approx(pearson, abs=1e-2)
    submitted = rows_of(out / "STS-B.tsv")[1:]
    assert all(0 <= float(value) <= 5 for _, value in submitted)
    assert not (out / "confusion_matrix.png").exists()


@pytest.fixture(scope="module")
def race(sentences, tmp_path_factory):
    folder = tmp_path_factory.mktemp("race")
    for split, articles in (("train", 3), ("dev", 3), ("test", 2)):
        for level in ("high", "middle"):
            inner = folder / "RACE" / split / level
            inner.mkdir(parents=True)
            for n in range(articles):
                entry = {
                    "id": f"{level}{n}.txt",
                    "article": " ".join(sentences[n : n + 3]),
                    "questions": ["It was _ .", "What was it?"],
                    "options": [sentences[9:13], list("abcd")],
                    "answers": ["ABCD"[n], "C"],
                }
                (inner / f"{n}.txt").write_text(json.dumps(entry))
    return folder


def test_multiple_choice(inputs, race, tmp_path):
    out = tmp_path / "model"
    train_task(inputs, out, "race", race, "--do_predict", "--max_qa_length=19")
    results = results_of(out)
    assert {"accuracy", "accuracy_high", "accuracy_middle"} < results.keys()
    rows = rows_of(out / "dev_predictions.tsv")[1:]
    assert len(rows) == 12
    right = np.mean([row[-6] == row[-5] for row in rows])
    assert results["accuracy"] == pytest.approx(right)
    answers = json.loads((out / "test_answers.json").read_text())
    assert len(answers) == 8 and set(answers.values()) <= set("ABCD")
    # The lengths need not be said again.
    code, _, errors = run(
        out, "--task_name=race", f"--data_dir={race}", "--do_eval"
    )
    assert code == 0, errors
    assert results_of(out) == results


@pytest.fixture(scope="module")
def ner(sentences, tmp_path_factory):
    """IOB1; one sentence is longer than the model's positions."""
    folder = tmp_path_factory.mktemp("ner")
    for split, sizes in (
        ("train", [*range(2, 19), 71]),
        ("dev", [3, 71, 5, 7]),
        ("test", [4, 73]),
    ):
        lines = ["-DOCSTART- O", ""]
        words = iter(" ".join(sentences).split())
        for size in sizes:
            for position, word in zip(range(size), words, strict=False):
                tag = ["O", "I-PER", "I-PER", "B-PER", "O", "I-LOC"]
                lines.append(f"{word} {tag[position % 6]}")
            lines.append("")
        write_rows(folder / f"{split}.txt", *([line] for line in lines))
    return folder


def test_tagging_with_windows(inputs, ner, tmp_path):
    out = tmp_path / "model"
    _, errors = train_task(
        inputs, out, "ner", ner, "--do_predict", "--learning_rate=0.01"
    )
    description = json.loads((out / "task.json").read_text())
    assert description["labels"] == ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    results = results_of(out)
    assert {
        "entity_f1",
        "entity_precision",
        "entity_recall",
        "accuracy",
    } < results.keys()
    assert "1 cut in parts" in errors
    for split in ("dev", "test"):
        # Each word of the file has a line, those of cut sentences too.
        given = (ner / f"{split}.txt").read_text().splitlines()[2:]
        rows = rows_of(out / f"{split}_predictions.txt")
        assert [row[0] for row in rows] == [
            line.split(" ")[0] for line in given
        ]
    rows = [row for row in rows_of(out / "dev_predictions.txt") if row[0]]
    assert rows[1][1] == "B-PER"  # I-PER in IOB1
    right = np.mean([row[1] == row[2] for row in rows])
    assert results["accuracy"] == pytest.approx(right)
    assert (out / "confusion_matrix.png").read_bytes().startswith(PICTURE)
    make_records(
        tmp_path / "records",
        "ner",
        ner,
        "--splits=dev",
        "--max_seq_length=47",
    )
    code, _, errors = run(
        out,
        "--task_name=ner",
        "--do_eval",
        f"--eval_file={tmp_path}/records/ner_dev.tfrecord",
    )
    assert code == 0, errors
    # An entity that a window cuts is two there.
    found = results_of(out)
    assert found.keys() == results.keys()
    assert found["accuracy"] == pytest.approx(results["accuracy"], abs=0.03)
    assert found["loss"] == pytest.approx(results["loss"], abs=1e-5)


def test_columns_by_name(inputs, sentences, tmp_path):
    for split in ("train", "dev"):
        write_rows(
            tmp_path / f"{split}.tsv",
            ["stars", "what", "where"],
            *(["12"[n % 2], sentences[n], sentences[-n]] for n in range(13)),
        )
    out = tmp_path / "model"
    columns = [
        "--text_column=where",
        "--text_b_column=what",
        "--label_column=stars",
    ]
    train_task(inputs, out, "tsv", tmp_path, *columns)
    header, first, *_ = rows_of(out / "dev_predictions.tsv")
    assert header[:4] == ["id", "text", "text_b", "label"]
    assert first[1:4] == [sentences[0], sentences[0], "1"]


def test_columns_by_number(inputs, sentences, tmp_path):
    for split in ("train", "dev"):
        write_rows(
            tmp_path / f"{split}.tsv",
            *([f"{n}", "xyz"[n % 3], sentences[n]] for n in range(13)),
        )
    out = tmp_path / "model"
    train_task(
        inputs,
        out,
        "tsv",
        tmp_path,
        "--text_column=3",
        "--label_column=2",
        "--labels=z,y,x",
    )
    rows = rows_of(out / "dev_predictions.tsv")
    assert len(rows) == 1 + 13
    assert rows[0][-3:] == [f"probability of {label}" for label in "zyx"]
    assert [row[1] for row in rows[1:]] == sentences[:13]


def test_regression_of_ones_own(inputs, sentences, tmp_path):
    for split in ("train", "dev"):
        write_rows(
            tmp_path / f"{split}.tsv",
            ["text", "label"],
            *([sentences[n], f"{n / 10}"] for n in range(13)),
        )
    out = tmp_path / "model"
    train_task(inputs, out, "tsv", tmp_path, "--regression")
    results = results_of(out)
    assert {"pearson", "spearman", "mse"} <= results.keys()
    assert results["mse"] == pytest.approx(results["loss"], rel=1e-5)
    assert results["baseline"]["mse"] == pytest.approx(0.14)
    code, _, errors = run(
        out, "--task_name=tsv", f"--data_dir={tmp_path}", "--do_eval"
    )
    assert code == 2
    assert "a model of a regression, not of a classification: give" in errors
    assert results_of(out) == results


# ------------------------------------------------------------------- records


def make_records(output, task, data_dir, *arguments):
    code, _, errors = run_command(
        "albert create-finetuning-data",
        [
            f"--task_name={task}",
            f"--data_dir={data_dir}",
            f"--spm_model_file={TOKENIZER}",
            "--max_seq_length=37",
            f"--output_dir={output}",
            *arguments,
        ],
    )
    assert code == 0, errors


@pytest.fixture(scope="module")
def records(inputs, tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    make_records(
        folder,
        "tsv",
        inputs / "sample",
        "--splits=train,dev,test",
        "--num_shards=2",
    )
    return folder


def test_records_give_the_same_evaluation(inputs, records, trained, model):
    results = without_path(results_of(trained[0]))
    found = evaluate(
        inputs, model, "--data_dir=", f"--eval_file={records}/tsv_dev-*"
    )
    assert_close(without_path(found), results)
    assert found["baseline"] == results["baseline"]
    code, _, errors = run(
        model,
        "--task_name=tsv",
        "--do_predict",
        f"--predict_file={records}/tsv_test-*",
    )
    assert code == 0, errors
    _, *rows = rows_of(model / "test_predictions.tsv")
    _, *expected = rows_of(trained[0] / "test_predictions.tsv")
    assert [row[0] for row in rows] == [row[0] for row in expected]
    assert [row[1] for row in rows] == [row[3] for row in expected]


def test_training_on_records(inputs, records, trained, tmp_path):
    out = tmp_path / "model"
    arguments = [
        *training_flags(inputs),
        f"--train_file={records}/tsv_train-*",
        "--do_eval",
        f"--eval_file={records}/tsv_dev-*",
    ]
    code, _, errors = run(out, *arguments, "--data_dir=")
    assert code == 0, errors
    assert "train: 101 records of 37 pieces" in errors
    described, expected = (
        (folder / "task.json").read_text() for folder in (out, trained[0])
    )
    assert described == expected  # The labels too.
    results = results_of(out)
    assert evaluate(inputs, out) == results
    code, printed, errors = run(out, *arguments)
    assert code == 0, errors
    assert "all 4 steps were made before" in printed
    # Texts to evaluate, with the labels of the records.
    code, _, errors = run(out, *arguments[:-1])
    assert code == 0, errors
    assert results_of(out) == results


# ----------------------------------------------------------------- bad input

HEADER = "text\tlabel\n"
GOOD = HEADER + "It barked.\tdog\nIt mewed.\tcat\n" * 3

# Files of a folder in which dev.tsv and train.tsv are good; flags; what the
# message must say. "{d}" is the folder, "{i}" the inputs.
BAD_FILES = [
    ({"train.tsv": HEADER + "It barked.\n"}, ["{d}/train.tsv:2", "columns"]),
    ({"dev.tsv": GOOD + "a\tcow\n"}, ["{d}/dev.tsv:8", "'cow'", "cat, dog"]),
    ({"dev.tsv": GOOD + "a\tb\tdog\n"}, ["{d}/dev.tsv:8", "3 columns"]),
    ({"dev.tsv": GOOD + "\n" + "a\tdog\n"}, ["{d}/dev.tsv:8", "blank line"]),
    ({"train.tsv": ""}, ["{d}/train.tsv", "empty"]),
    ({"dev.tsv": HEADER}, ["{d}/dev.tsv", "no rows below the header"]),
    ({"dev.tsv": "a\tdog\nb\tcat\n"}, ["{d}/dev.tsv:1", "'text', 'label'"]),
    ({"dev.tsv": None}, ["{d}/dev.tsv", "no such file", "dev data"]),
    ({"train.tsv": HEADER + "a\tdog\nb\tdog\n"}, ["only the label 'dog'"]),
    ({"train.tsv": GOOD + "a\0b\tdog\n"}, ["{d}/train.tsv:8", "NUL"]),
    ({"train.tsv": GOOD + "caf\xe9\tdog\n"}, ["{d}/train.tsv:8", "UTF-8"]),
]


def write_files(folder, files):
    folder.mkdir()
    for name, content in ({"train.tsv": GOOD, "dev.tsv": GOOD} | files).items():
        if content is not None:
            (folder / name).write_bytes(content.encode("latin-1"))


def assert_refused(code, printed, errors, words, **names):
    assert code == 2, errors
    assert printed == ""
    *log, last = errors.splitlines()
    assert last.startswith("error: ")
    assert not any(line.startswith("error: ") for line in log)
    assert "Traceback" not in errors
    for word in words:
        assert word.format(**names) in last


@pytest.mark.parametrize("files, words", BAD_FILES)
def test_bad_files(inputs, tmp_path, files, words):
    write_files(tmp_path / "data", files)
    before = contents(tmp_path)
    outcome = run(
        tmp_path / "model",
        *training_flags(inputs),
        f"--data_dir={tmp_path}/data",
        "--do_eval",
    )
    assert_refused(*outcome, words, d=tmp_path / "data")
    assert contents(tmp_path) == before


def test_bad_rows_can_be_left_out(inputs, model, tmp_path):
    good = (inputs / "sample" / "dev.tsv").read_text()
    bad = "one column\nIt lowed.\tcow\nNUL\0\tward\na\tb\tward\n"
    write_files(tmp_path / "data", {"dev.tsv": good + bad})
    code, _, errors = run(
        model,
        "--task_name=tsv",
        f"--data_dir={tmp_path}/data",
        "--do_eval",
        "--skip_bad_rows",
    )
    assert code == 0, errors
    line = next(x for x in errors.splitlines() if x.startswith("warning: "))
    for words in ("data/dev.tsv", "4 bad rows left out, 61 read", "tsv:63:"):
        assert words in line
    assert len(rows_of(model / "dev_predictions.tsv")) == 1 + 61


def test_line_ends_marks_and_quotes(inputs, trained, model, tmp_path):
    """As they come: BOM, CRLF, no last line end, quotes."""
    folder = tmp_path / "data"
    folder.mkdir()
    text = (inputs / "sample" / "dev.tsv").read_text()
    (folder / "dev.tsv").write_bytes(
        b"\xef\xbb\xbf" + text.rstrip("\n").replace("\n", "\r\n").encode()
    )
    results = evaluate(inputs, model, f"--data_dir={folder}")
    assert results["loss"] == results_of(trained[0])["loss"]
    (folder / "dev.tsv").write_text(
        HEADER + '"It began\tward\nHe said "No\tblackmore\n'
    )
    evaluate(inputs, model, f"--data_dir={folder}")
    rows = rows_of(model / "dev_predictions.tsv")[1:]
    assert [row[1] for row in rows] == ['"It began', 'He said "No']


BAD_FLAGS = [
    (["--task_name="], ["--task_name is required"]),
    (["--task_name=colla"], ["colla", "cola, sst-2"]),
    (["--output_dir="], ["--output_dir is required"]),
    (["--nodo_train"], ["nothing to do", "--do_eval"]),
    (["--data_dir="], ["--data_dir is required for --do_train"]),
    (["--data_dir={i}/missing"], ["{i}/missing", "no such folder"]),
    (["--init_checkpoint="], ["--init_checkpoint is required"]),
    (["--init_checkpoint={i}/missing"], ["{i}/missing"]),
    (["--init_checkpoint={i}/sample"], ["{i}/sample"]),
    (
        ["--init_checkpoint={t}/head/model.ckpt-1"],
        ["no weights of an ALBERT encoder"],
    ),
    (
        ["--albert_config_file={i}/wide.json"],
        ["does not fit", "[22, 22]", "[26, 26]", "configuration"],
    ),
    (["--albert_config_file={i}/vocabulary.json"], ["1999", "2000 pieces"]),
    (["--model_size=base", "--albert_config_file=x"], ["--model_size"]),
    (["--spm_model_file={i}/missing"], ["{i}/missing"]),
    (["--spm_model_file={o}"], ["{o}", "other pieces", "leave the flag out"]),
    (["--do_lower_case=false"], ["--do_lower_case", "leave the flag out"]),
    (["--max_seq_length=59"], ["59", "53 positions", "--max_seq_length"]),
    (["--max_seq_length=7"], ["--max_seq_length"]),
    (["--learning_rate=0"], ["--learning_rate", "positive"]),
    (["--num_train_epochs=1"], ["--num_train_steps", "--num_train_epochs"]),
    (["--gradient_accumulation_steps=2"], ["--train_batch_size 5", "2"]),
    (["--task_name=ner", "--text_column=word"], ["numbers from 1"]),
    (["--task_name=cola", "--text_column=text"], ["cola", "--task_name=tsv"]),
    (["--task_name=rte", "--labels=a,b"], ["rte", "entailment"]),
    (["--task_name=rte", "--regression"], ["rte is not tsv"]),
    (["--task_name=ax"], ["ax has no train data", "--task_name=mnli"]),
    (
        ["--label_column=author"],
        ["'author'", "sample/train.tsv:1", "--label_column say which"],
    ),
    (["--text_column=1", "--label_column=3"], ["train.tsv:1", "2 columns"]),
    (["--text_column=1", "--label_column=2"], ["looks like a header"]),
    (["--regression"], ["sample/train.tsv:2", "not a number"]),
    (["--labels=ward,dickens"], ["'blackmore'", "ward, dickens"]),
    (["--eval_file={i}/missing", "--do_eval"], ["{i}/missing"]),
    (["--eval_file={i}/config.json"], ["--eval_file is for --do_eval"]),
    (["--train_file={i}/config.json"], ["no JSON beside", "--labels"]),
    (["--num_runs=0"], ["--num_runs"]),
    (["--output_dir={i}/config.json/x"], ["config.json is not a directory"]),
    (["--output_dir={i}/pretrained"], ["{i}/pretrained", "--output_dir"]),
    (["--no_such_flag"], ["no_such_flag"]),
    (["--nodo_train", "--do_eval"], ["{t}/model", "no model of a task"]),
    (
        ["--nodo_train", "--do_eval", "--output_dir={i}/pretrained"],
        ["{i}/pretrained", "none of a task", "another --output_dir"],
    ),
]
# Those of --init_checkpoint, which training does not read.
BAD_FLAGS_WITHOUT_TRAINING = [
    (["--init_checkpoint={i}/pretrained"], ["what its labels are: give"]),
    (
        ["--init_checkpoint={i}/pretrained", "--labels=blackmore,ward"],
        ["missing output_weights"],
    ),
    (["--init_checkpoint={m}", "--task_name=rte"], ["model of tsv, not of"]),
    (["--init_checkpoint={m}", "--labels=ward,blackmore"], ["blackmore, ward"]),
    (["--output_dir={m}", "--task_name=rte"], ["model of tsv, not of rte"]),
]


@pytest.mark.parametrize(
    "arguments, words",
    BAD_FLAGS
    + [
        (["--nodo_train", "--do_eval", *arguments], words)
        for arguments, words in BAD_FLAGS_WITHOUT_TRAINING
    ],
    ids=lambda value: " ".join(value) if "-" in value[0] else "",
)
def test_bad_flags(inputs, trained, tmp_path, arguments, words):
    names = {
        "i": inputs,
        "t": tmp_path,
        "o": OTHER_TOKENIZER,
        "m": trained[0],
    }
    given = training_flags(inputs)
    if "--nodo_train" in arguments:
        given = [flag for flag in given if "init_checkpoint" not in flag]
    model_directory.write_description(
        tmp_path / "head", albert.AlbertConfig(**CONFIG), Tokenizer(TOKENIZER)
    )
    tensor_bundle.write(
        str(tmp_path / "head" / "model.ckpt-1"),
        {"output_bias": np.zeros(2, np.float32)},
    )
    before = [contents(tmp_path), contents(inputs), contents(trained[0])]
    outcome = run(
        tmp_path / "model",
        *given,
        *(argument.format(**names) for argument in arguments),
    )
    assert_refused(*outcome, words, **names)
    after = [contents(tmp_path), contents(inputs), contents(trained[0])]
    assert after == before


@pytest.mark.parametrize(
    "changes, words",
    [
        (["--train_batch_size=4"], ["train_batch_size 5 there, 4 here"]),
        (["--num_train_steps=3"], ["num_train_steps 4 there, 3 here"]),
        (["--max_seq_length=31"], ["max_seq_length 37 there, 31 here"]),
        (["--classifier_dropout=0"], ["classifier_dropout 0.1 there"]),
        (["--data_dir={t}"], ["training_data '101 examples, checksum "]),
        (["--labels=ward,blackmore"], ["labels ['blackmore', 'ward'] there"]),
        (
            ["--task_name=rte", "--data_dir={g}"],
            ["holds a model of tsv, not of rte", "--task_name=tsv"],
        ),
    ],
)
def test_directory_of_another_run(
    inputs, glue, trained, tmp_path, changes, words
):
    text = (inputs / "sample" / "train.tsv").read_text()
    (tmp_path / "train.tsv").write_text(text.replace("the", "a", 1))
    before = contents(trained[0])
    changes = [change.format(t=tmp_path, g=glue) for change in changes]
    outcome = run(trained[0], *training_flags(inputs), *changes)
    assert_refused(*outcome, words)
    assert contents(trained[0]) == before


def test_records_of_something_else(inputs, records, glue, tmp_path):
    make_records(tmp_path / "rte", "rte", glue, "--splits=dev,test")
    long = tmp_path / "long"
    make_records(long, "tsv", inputs / "sample", "--max_seq_length=41")
    before = contents(tmp_path)
    for arguments, words in (
        (
            [f"--eval_file={tmp_path}/rte/rte_dev.tfrecord"],
            ["rte_dev.tfrecord", "examples of rte"],
        ),
        (
            [f"--eval_file={long}/tsv_dev.tfrecord"],
            ["--max_seq_length must have one length, not 37, 41"],
        ),
        (
            [f"--eval_file={long}/tsv_dev.tfrecord", "--labels=x,y"],
            ["labels"],
        ),
        (
            [f"--eval_file={records}/tsv_dev.json"],
            ["no record file"],
        ),
    ):
        outcome = run(
            tmp_path / "model",
            *training_flags(inputs),
            f"--train_file={records}/tsv_train-*",
            "--do_eval",
            *arguments,
        )
        assert_refused(*outcome, words)
        assert contents(tmp_path) == before


def test_a_new_dev_set_forgets_the_old_best(inputs, model, tmp_path):
    """The best value was measured on something else."""
    for name in os.listdir(model):
        if name.startswith("model.ckpt-4"):
            (model / name).unlink()
    folder = tmp_path / "data"
    shutil.copytree(inputs / "sample", folder)
    text = (folder / "test.tsv").read_text()
    (folder / "dev.tsv").write_text(text)
    _, errors = train(inputs, model, f"--data_dir={folder}", "--do_eval")
    assert "the evaluation has changed" in errors
    best = tensor_bundle.read(model / "model.ckpt-best")
    assert best["global_step"] == 4


def test_answers_without_tensorflow(inputs, tmp_path):
    write_files(tmp_path / "data", {"dev.tsv": GOOD + "a\tcow\n"})
    completed = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            ROOT / "run_classifier.py",
            *training_flags(inputs),
            f"--data_dir={tmp_path}/data",
            "--do_eval",
            f"--output_dir={tmp_path}/model",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 2
    for name in ("tensorflow", "sklearn", "matplotlib"):
        assert f" {name}\n" not in completed.stderr
    assert "dev.tsv:8" in completed.stderr.splitlines()[-1]
    assert not (tmp_path / "model").exists()
