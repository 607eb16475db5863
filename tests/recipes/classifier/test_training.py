# SPDX-License-Identifier: Apache-2.0
"""How a fine-tuning run starts, and how its steps are made."""

import pathlib
import re
import shutil

import numpy as np
import pytest

from albert.interchange import tensor_bundle


@pytest.mark.slow
@pytest.mark.usefixtures("steps_without_gradients")
def test_first_weights(inputs, trained, tmp_path, train):
    """The encoder is that of the checkpoint; the head of its task alone."""
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
    assert "is kept, which has the same labels (blackmore, ward)" in errors
    two = tensor_bundle.read(again / "model.ckpt-1")
    other = tensor_bundle.read(trained[0] / "model.ckpt-best")
    for name in (*encoder, "output_weights", "output_bias"):
        assert np.abs(two[name] - other[name]).max() < 1e-28, name


@pytest.mark.usefixtures("steps_without_gradients")
def test_random_weights(inputs, tmp_path, run, training_flags, tokenizer_file):
    code, _, errors = run(
        tmp_path / "model",
        *(
            flag
            for flag in training_flags(inputs)
            if "init_checkpoint" not in flag
        ),
        f"--albert_config_file={inputs}/config.json",
        f"--spm_model_file={tokenizer_file}",
        "--num_train_steps=1",
    )
    assert code == 0, errors
    assert "warning: no --init_checkpoint: all weights" in errors
    weights = tensor_bundle.read(tmp_path / "model" / "model.ckpt-1")
    kernel = weights["bert/pooler/dense/kernel"]
    assert 0.3 < kernel.std() < 0.6


@pytest.mark.slow
def test_learning_rates_of_parts(inputs, tmp_path, train):
    source = tensor_bundle.read(inputs / "pretrained" / "model.ckpt-best")
    changes = []
    for rate, scale in ((1.0, 1.0), (0.5, 0.25)):
        out = tmp_path / str(rate)
        train(
            inputs,
            out,
            f"--layer_decay_rate={rate}",
            f"--embedding_learning_rate_scale={scale}",
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
        "bert/embeddings/word_embeddings": 0.5**3 * 0.25,
        "bert/embeddings/position_embeddings": 0.5**3 * 0.25,
        "bert/encoder/embedding_hidden_mapping_in/kernel": 0.5**3,
    }.items():
        whole, decayed = (change[name] for change in changes)
        assert np.abs(whole).max() > 0.01
        # The gradients are the same to the bit, and the weights, which are
        # below two, are rounded to 2**-23.
        assert np.abs(decayed - factor * whole).max() < 2**-20, name


@pytest.mark.slow
def test_training_without_evaluation(
    inputs, trained, tmp_path, train, evaluate
):
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
    assert "Evaluation of" not in printed
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


def test_batches_of_any_length(inputs, trained, tmp_path, train):
    out = tmp_path / "model"
    train(
        inputs, out, "--nobucket_by_length", "--gradient_accumulation_steps=5"
    )
    one, two = (
        tensor_bundle.read(each / "model.ckpt-4") for each in (out, trained[0])
    )
    # Other examples share a batch, and it is another training: a step moves
    # a weight by about the rate, 1e-3, and rounding by much less.
    assert np.isfinite(one["output_weights"]).all()
    assert np.abs(one["output_weights"] - two["output_weights"]).max() > 1e-4


def test_epochs_in_bfloat16(inputs, tmp_path, training_flags, run):
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


@pytest.mark.slow
@pytest.mark.parametrize("task", ["tsv", "ner"])
def test_padding_changes_nothing_of_the_training(
    inputs,
    sentences,
    tmp_path,
    task,
    write_rows,
    train,
    assert_same_gradients,
):
    """Neither what attention reads nor, of tagging, what the loss counts."""
    # From 2 to 21 words, so that four batches of five have four lengths, all
    # of them below the largest.
    texts = [text.split()[: n + 2] for n, text in enumerate(sentences[:20])]
    write_rows(
        tmp_path / "data" / "train.tsv",
        ["text", "label"],
        *([" ".join(words), "ab"[n % 2]] for n, words in enumerate(texts)),
    )
    write_rows(
        tmp_path / "data" / "train.txt",
        *(
            [f"{word} {['O', 'B-PER'][n % 3 == 0]}" if word else ""]
            for words in texts
            for n, word in enumerate([*words, ""])
        ),
    )
    found = []
    for arguments in ([], ["--pad_to_max_length"]):
        out = tmp_path / str(len(found))
        _, errors = train(
            inputs,
            out,
            f"--task_name={task}",
            f"--data_dir={tmp_path}/data",
            "--learning_rate=1e-30",
            # Without dropout, whose draws depend on the length.
            "--dropout_prob=0",
            "--classifier_dropout=0",
            *arguments,
        )
        longest = re.search(r"train: 20 examples, longest (\d+)", errors)
        assert int(longest[1]) < 37
        found.append(out / "model.ckpt-4")
    assert_same_gradients(*found)
