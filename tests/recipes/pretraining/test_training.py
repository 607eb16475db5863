# SPDX-License-Identifier: Apache-2.0
"""What pretraining starts from, does, and writes."""

import json
import os
import re

import numpy as np
import pytest

import albert
from albert import model_directory
from albert.config import AlbertConfig
from albert.interchange import tensor_bundle
from albert.training import defaults


def test_model_directory_is_complete(
    trained, small_config, tokenizer_file, events
):
    out, printed, errors = trained
    assert set(os.listdir(out)) == {
        "albert_config.json",
        "checksums.json",
        "eval_results.json",
        "run.json",
        "spiece.json",
        "spiece.model",
        "tensorboard",
        *(
            f"model.ckpt-{step}.{suffix}"
            for step in ("2", "4", "5", "best")
            for suffix in ("index", "data-00000-of-00001")
        ),
    }
    config = model_directory.read_config(out).to_dict()
    assert small_config.items() <= config.items()
    assert (out / "spiece.model").read_bytes() == tokenizer_file.read_bytes()
    assert json.loads((out / "spiece.json").read_text())["lower_case"]
    # Masked-LM and sentence-order loss and accuracy.
    metrics = {
        f"{task}_{what}"
        for task in ("masked_lm", "sentence_order")
        for what in ("loss", "accuracy")
    }
    results = json.loads((out / "eval_results.json").read_text())
    assert results.keys() == metrics | {
        "checkpoint",
        "checkpoint_sha256",
        "albert_version",
        "data",
        "baseline",
    }
    (data,) = results["data"]
    assert data["path"].endswith("eval.tfrecord")
    assert data["examples"] > 0
    assert results["baseline"].keys() == metrics
    assert results["checkpoint"] == str(out / "model.ckpt-5")
    assert events(out / "tensorboard" / "eval") == metrics
    assert events(out / "tensorboard" / "train") == metrics | {
        "learning_rate",
        "gradient_norm",
        "sequences_per_second",
        "tokens_per_second",
    }
    for words in (
        f"Model directory: {out}",
        "Training: 5 steps in",
        f"{results['masked_lm_loss']:.4f}",
        "word frequency",
        "albert fill-mask",
    ):
        assert words in printed
    rate = defaults.pretraining_learning_rate(
        AlbertConfig(**small_config), "lamb", batch_size=6
    )
    assert f"learning rate {rate:.3g}: derived for lamb, width 22" in errors
    assert "starting from random weights" in errors


def test_evaluation_alone_is_that_of_training(
    inputs, trained, tmp_path, arguments_of, run_command
):
    out = tmp_path / "new" / "folder"
    arguments = arguments_of(
        inputs,
        out,
        "--nodo_train",
        f"--init_checkpoint={trained[0]}/model.ckpt-5",
    )
    code, printed, errors = run_command(
        *(flag for flag in arguments if not flag.startswith("--input_file"))
    )
    assert code == 0, errors
    assert os.listdir(out) == ["eval_results.json"]
    there, here = (
        json.loads((folder / "eval_results.json").read_text())
        for folder in (trained[0], out)
    )
    # Alone, the evaluation records are all that frequencies can come from.
    for results in (there, here):
        assert results.pop("baseline")["masked_lm_loss"] > 0
    assert there == here
    assert f"{here['masked_lm_loss']:.4f}" in printed


@pytest.mark.usefixtures("steps_without_gradients")
def test_weights_to_start_from(inputs, trained, tmp_path, run):
    out = tmp_path / "model"
    code, _, errors = run(
        inputs,
        out,
        f"--init_checkpoint={trained[0]}/model.ckpt-5",
        "--learning_rate=1e-30",
        "--num_train_steps=1",
        "--do_eval=false",
    )
    assert code == 0, errors
    assert f"weights loaded from {trained[0]}/model.ckpt-5" in errors
    source = tensor_bundle.read(trained[0] / "model.ckpt-5")
    weights = tensor_bundle.read(out / "model.ckpt-1")
    for name in tensor_bundle.read(trained[0] / "model.ckpt-best"):
        if name != "global_step":
            np.testing.assert_array_equal(weights[name], source[name], name)
    assert not (out / "model.ckpt-best.index").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("steps_without_gradients")
def test_weights_of_another_shape_to_start_from(
    inputs, trained, small_config, tmp_path, run
):
    """An unshared model with narrower embeddings, of a shared one."""
    changes = {
        "sharing": "none",
        "num_hidden_layers": 3,
        "embedding_size": 5,
    }
    (tmp_path / "config.json").write_text(json.dumps(small_config | changes))
    out = tmp_path / "model"
    arguments = [
        f"--init_checkpoint={trained[0]}/model.ckpt-5",
        f"--albert_config_file={tmp_path}/config.json",
        "--learning_rate=1e-30",
        "--num_train_steps=1",
        "--do_eval=false",
    ]
    code, _, errors = run(inputs, out, *arguments, "--init_layers_from=0")
    assert code == 0, errors
    assert "embeddings 5 instead of" in errors
    source = tensor_bundle.read(trained[0] / "model.ckpt-5")
    weights = tensor_bundle.read(out / "model.ckpt-1")
    layer = "bert/encoder/transformer/group_{}/inner_group_0/ffn_1/"
    for group in range(3):
        np.testing.assert_array_equal(
            weights[f"{layer.format(group)}intermediate/dense/kernel"],
            source[f"{layer.format(0)}intermediate/dense/kernel"],
        )
    settings = json.loads((out / "run.json").read_text())
    assert settings["init_layers_from"] == 0
    code, _, errors = run(inputs, out, *arguments, "--init_layers_from=mean")
    assert code == 2
    assert "init_layers_from 0 there, 'mean' here" in errors


@pytest.mark.slow
@pytest.mark.usefixtures("steps_without_gradients")
def test_a_bert_to_start_from(
    inputs, small_config, tmp_path, arguments_of, run_command
):
    """It has no head for the order of sentences, and no pooler."""
    config = AlbertConfig(
        **small_config | {"embedding_size": 22, "num_hidden_layers": 2}
    )
    pretrainer = albert.AlbertPretrainer(config)
    albert.save_weights(pretrainer, tmp_path / "bert", format="bert")
    out = tmp_path / "model"
    arguments = arguments_of(
        inputs,
        out,
        f"--init_checkpoint={tmp_path}/bert",
        "--num_train_steps=1",
        "--do_eval=false",
    )
    code, _, errors = run_command(
        *(flag for flag in arguments if "--albert_config_file" not in flag)
    )
    assert code == 0, errors
    assert "new: encoder/pooler/bias" in errors
    written = AlbertConfig.from_json(out / "albert_config.json")
    assert written.num_attention_groups == 2


@pytest.mark.slow
def test_moments_to_start_from(inputs, trained, tmp_path, run):
    moments = {}
    for flag in ("--init_optimizer", "--noinit_optimizer"):
        out = tmp_path / flag
        code, _, errors = run(
            inputs,
            out,
            f"--init_checkpoint={trained[0]}/model.ckpt-5",
            "--num_train_steps=1",
            "--do_eval=false",
            flag,
        )
        assert code == 0, errors
        moments[flag] = tensor_bundle.read(out / "model.ckpt-1")
    source = tensor_bundle.read(trained[0] / "model.ckpt-5")
    for name, fresh in moments["--noinit_optimizer"].items():
        decay = {"adam_m": 0.9, "adam_v": 0.999}.get(name.split("/")[-1])
        if decay:
            moment = moments["--init_optimizer"][name]
            difference = moment - fresh - decay * source[name]
            # Three roundings of float32 in either moment, of values that are
            # no larger, and of the gradient nothing else.
            rounding = 2.0**-20 * np.abs([moment, fresh]).max()
            assert np.abs(difference).max() < rounding, name


@pytest.mark.slow
def test_records_of_the_original(
    inputs, tmp_path, original_records, run, tokenizer_file, assert_same_tensors
):
    arguments = [
        f"--input_file={original_records}",
        "--do_eval=false",
        "--num_train_steps=1",
    ]
    without = tmp_path / "without"
    code, _, errors = run(inputs, without, *arguments)
    assert code == 0, errors
    assert "warning: the model directory will have no tokenizer" in errors
    assert "67 examples" in errors
    assert not (without / "spiece.model").exists()
    with_model = tmp_path / "with"
    code, _, errors = run(
        inputs, with_model, *arguments, f"--spm_model_file={tokenizer_file}"
    )
    assert code == 0, errors
    assert "will have no tokenizer" not in errors
    assert (with_model / "spiece.model").exists()
    assert_same_tensors(without / "model.ckpt-1", with_model / "model.ckpt-1")


@pytest.mark.slow
def test_accumulation_gives_the_same_update(
    inputs, tmp_path, small_config, run, assert_same_gradients
):
    # Without dropout, whose draws depend on how a batch is cut.
    (tmp_path / "config.json").write_text(
        json.dumps(small_config | {"hidden_dropout_prob": 0.0})
    )
    found = []
    for parts in (1, 3):
        out = tmp_path / str(parts)
        code, _, errors = run(
            inputs,
            out,
            f"--albert_config_file={tmp_path}/config.json",
            f"--gradient_accumulation_steps={parts}",
            "--learning_rate=1e-30",
            "--do_eval=false",
            "--num_train_steps=2",
        )
        assert code == 0, errors
        assert f"{parts} accumulation step(s) x {6 // parts} seq" in errors
        found.append(out / "model.ckpt-2")
    assert_same_gradients(*found)


@pytest.mark.slow
def test_bfloat16_xla_and_a_rate_far_too_high(inputs, tmp_path, run):
    code, _, errors = run(
        inputs,
        tmp_path / "model",
        "--dtype=bfloat16",
        "--jit_compile",
        "--optimizer=adamw",
        "--learning_rate=0.05",
        "--do_eval=false",
        "--num_train_steps=2",
    )
    assert code == 0, errors
    assert re.search(r"warning: --learning_rate 0.05 is \d+\.\d times", errors)
    assert "derived" not in errors
    weights = tensor_bundle.read(tmp_path / "model" / "model.ckpt-2")
    assert weights["bert/pooler/dense/kernel"].dtype == np.float32
    assert all(np.isfinite(value).all() for value in weights.values())


@pytest.mark.parametrize("objective", ["none", "nsp"])
def test_other_objectives(inputs, tmp_path, objective, run):
    out = tmp_path / "model"
    code, _, errors = run(
        inputs,
        out,
        f"--input_file={inputs}/{objective}.tfrecord",
        "--do_eval=false",
        "--num_train_steps=2",
    )
    assert code == 0, errors
    assert ("sentence_order_loss" in errors) == (objective == "nsp")


@pytest.mark.slow
@pytest.mark.parametrize("variant", ["sinusoidal", "relative_bias"])
def test_a_named_size_with_other_positions(
    inputs, arguments_of, run_command, tmp_path, variant
):
    def run(*more):
        arguments = [
            argument
            for argument in arguments_of(inputs, tmp_path / "model", *more)
            if not argument.startswith("--albert_config_file")
        ]
        return run_command(*arguments)

    flags = ("--model_size=tiny", f"--position_embedding={variant}")
    code, _, errors = run(*flags)
    assert code == 0, errors
    config = model_directory.read_config(tmp_path / "model")
    assert config == AlbertConfig.named(
        "tiny", vocab_size=2000, position_embedding=variant
    )
    names = tensor_bundle.read(tmp_path / "model" / "model.ckpt-3").keys()
    assert "bert/embeddings/position_embeddings" not in names
    found = "bert/encoder/relative_bias/bias/adam_v" in names
    assert found == (variant == "relative_bias")
    code, printed, errors = run("--nodo_train")
    assert code == 0, errors
    assert "masked_lm_loss" in printed
    code, _, errors = run("--model_size=tiny")
    assert code == 2
    words = f"position_embedding '{variant}' there, 'learned' here"
    assert words in errors.splitlines()[-1]


@pytest.mark.slow
def test_a_recipe_is_recorded_as_its_flags(inputs, run, small_config, tmp_path):
    config = tmp_path / "config.json"
    config.write_text(
        json.dumps(
            small_config | {"num_hidden_layers": 3, "embedding_size": 12}
        )
    )
    config = f"--albert_config_file={config}"
    code, _, errors = run(inputs, tmp_path / "a", config, "--recipe=budget")
    assert code == 0, errors
    # What is given counts: the batch and the steps.
    assert (
        "--recipe=budget is --optimizer=muon --train_batch_size=6 "
        "--learning_rate_decay=cosine --end_learning_rate_share=0.1 "
        "--decay_after_warmup=true --initialization=local "
        "--num_layers_schedule=1:0.33,2:0.33,3\n"
    ) in errors
    code, _, errors = run(
        *(inputs, tmp_path / "b", config, "--optimizer=muon"),
        *("--learning_rate_decay=cosine", "--end_learning_rate_share=0.1"),
        *("--decay_after_warmup", "--num_layers_schedule=1:0.33,2:0.33,3"),
        "--initialization=local",
    )
    assert code == 0, errors
    recipe, flags = (
        json.loads((tmp_path / name / "run.json").read_text()) for name in "ab"
    )
    assert recipe == flags
    assert recipe["optimizer"] == "muon"
    assert recipe["initialization"] == "local"
    one, other = (
        tensor_bundle.read(str(tmp_path / name / "model.ckpt-3"))
        for name in "ab"
    )
    assert one.keys() == other.keys()
    for name in one:
        assert np.array_equal(one[name], other[name]), name
    # Those of the original are drawn around 0 with a deviation of 0.02.
    assert np.abs(one["bert/embeddings/position_embeddings"]).max() > 0.2
