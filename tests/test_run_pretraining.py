# SPDX-License-Identifier: Apache-2.0
"""The main job: records in, a model directory out, whatever happens."""

import contextlib
import importlib.util
import io
import json
import logging
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf
from absl import flags

from albert import command_line
from albert import model_directory
from albert.config import AlbertConfig
from albert.interchange import tensor_bundle
from albert.records import framing
from albert.training import defaults

ROOT = pathlib.Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
TOKENIZER = GOLDEN / "tokenization" / "spm2000.model"
OTHER_TOKENIZER = GOLDEN / "tokenization" / "spm2000_numcomma.model"
ORIGINAL_RECORDS = GOLDEN / "pretraining_data" / "examples_first_67.tfrecord"
CONFIG = {
    "vocab_size": 2000,
    "embedding_size": 6,
    "hidden_size": 22,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 26,
    "max_position_embeddings": 128,
    # A step depends on the state of dropout's generators too.
    "hidden_dropout_prob": 0.1,
}


def load_recipe(path):
    specification = importlib.util.spec_from_file_location("recipe", path)
    recipe = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(recipe)
    return recipe


def make_records(output, text, *arguments):
    recipe = load_recipe(ROOT / "data" / "create_pretraining_data.py")
    fv = flags.FlagValues()
    recipe.define_flags(fv)
    fv(
        [
            "create_pretraining_data",
            f"--input_file={text}",
            f"--output_file={output}",
            f"--spm_model_file={TOKENIZER}",
            "--max_seq_length=32",
            "--max_predictions_per_seq=5",
            "--dupe_factor=1",
            "--num_workers=1",
            *arguments,
        ]
    )
    recipe.main(fv)


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    """A directory with train, eval, none, nsp and other records, configs."""
    folder = tmp_path_factory.mktemp("inputs")
    lines = (GOLDEN / "pretraining_data" / "input.txt").read_text().split("\n")
    (folder / "train.txt").write_text("\n".join(lines[:600]))
    (folder / "eval.txt").write_text("\n".join(lines[600:700]))
    train = folder / "train.txt"
    make_records(folder / "train.tfrecord", train, "--num_shards=2")
    make_records(folder / "eval.tfrecord", folder / "eval.txt")
    for objective in ("none", "nsp"):
        make_records(
            folder / f"{objective}.tfrecord", train, f"--objective={objective}"
        )
    make_records(
        folder / "other.tfrecord", train, f"--spm_model_file={OTHER_TOKENIZER}"
    )
    (folder / "config.json").write_text(json.dumps(CONFIG))
    for name, changes in {
        "typo": {"hidden_sizes": 22},
        "heads": {"num_attention_heads": 5},
        "vocabulary": {"vocab_size": 1999},
        "short": {"max_position_embeddings": 31},
        "wide": {"hidden_size": 26},
    }.items():
        (folder / f"{name}.json").write_text(json.dumps(CONFIG | changes))
    return folder


@pytest.fixture(scope="module")
def trained(inputs, tmp_path_factory):
    """A model directory after five steps; not to be changed."""
    out = tmp_path_factory.mktemp("trained") / "model"
    code, printed, errors = run(inputs, out, "--num_train_steps=5")
    assert code == 0, errors
    return out, printed, errors


def arguments_of(inputs, out, *more):
    return [
        "run_pretraining.py",
        f"--input_file={inputs}/train-*.tfrecord",
        f"--eval_input_file={inputs}/eval.tfrecord",
        f"--albert_config_file={inputs}/config.json",
        f"--output_dir={out}",
        "--train_batch_size=6",
        "--eval_batch_size=7",
        "--max_eval_steps=3",
        "--num_train_steps=3",
        "--save_checkpoints_steps=2",
        *more,
    ]


def run(inputs, out, *more):
    """Runs the command in this process: (exit status, stdout, stderr)."""
    return run_command(arguments_of(inputs, out, *more))


def run_command(arguments):
    recipe = load_recipe(ROOT / "run_pretraining.py")
    handlers = list(logging.getLogger().handlers)
    printed, errors = io.StringIO(), io.StringIO()
    code = 0
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(printed),
        contextlib.redirect_stderr(errors),
    ):
        patch.setattr(flags, "FLAGS", flags.FlagValues())
        patch.setattr(sys, "argv", arguments)
        try:
            command_line.run(recipe.main, recipe.define_flags)
        except SystemExit as error:
            code = error.code
        finally:
            logging.getLogger().handlers[:] = handlers
    return code, printed.getvalue(), errors.getvalue()


def contents(directory):
    """Path to bytes of every file, or what the path itself is."""
    if not directory.is_dir():
        return directory.read_bytes() if directory.exists() else None
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def events(directory):
    """Tags of the TensorBoard events in a directory."""
    tags = set()
    for path in directory.glob("events.*"):
        for event in tf.compat.v1.train.summary_iterator(str(path)):
            tags |= {value.tag for value in event.summary.value}
    return tags


def assert_same_tensors(one, two):
    one, two = tensor_bundle.read(one), tensor_bundle.read(two)
    assert one.keys() == two.keys()
    for name in one:
        np.testing.assert_array_equal(one[name], two[name], name)


def test_model_directory_is_complete(trained):
    out, printed, errors = trained
    assert set(os.listdir(out)) == {
        "albert_config.json",
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
    assert CONFIG.items() <= config.items()
    assert (out / "spiece.model").read_bytes() == TOKENIZER.read_bytes()
    assert model_directory.read_tokenizer(out).lower_case
    # Masked-LM and sentence-order loss and accuracy.
    metrics = {
        f"{task}_{what}"
        for task in ("masked_lm", "sentence_order")
        for what in ("loss", "accuracy")
    }
    results = json.loads((out / "eval_results.json").read_text())
    assert results.keys() == metrics | {"checkpoint", "baseline"}
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
        AlbertConfig(**CONFIG), "lamb", batch_size=6
    )
    assert f"learning rate {rate:.3g}: derived for lamb, width 22" in errors
    assert "starting from random weights" in errors


def test_same_command_again_changes_nothing(inputs, trained, tmp_path):
    out = tmp_path / "model"
    shutil.copytree(trained[0], out)
    before = contents(out)
    code, printed, errors = run(inputs, out, "--num_train_steps=5")
    assert code == 0
    assert "continuing at step 5 of 5" in errors
    assert "all 5 steps were made before" in printed
    after = contents(out)
    written = before.pop("eval_results.json"), after.pop("eval_results.json")
    one, two = map(json.loads, written)
    assert one.pop("checkpoint") != two.pop("checkpoint")  # another folder
    assert one == two
    assert before.items() <= after.items()
    assert all("events" in name for name in after.keys() - before.keys())


def test_killed_run_ends_as_if_it_had_not_been(inputs, tmp_path):
    arguments = [
        "--num_train_steps=400",
        "--save_checkpoints_steps=50",
        "--steps_per_loop=7",
        "--keep_checkpoint_max=1",
        "--max_eval_steps=1",
    ]
    out = tmp_path / "killed"
    process = subprocess.Popen(
        [sys.executable, *arguments_of(inputs, out, *arguments)],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while not tensor_bundle.steps(out):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    step = tensor_bundle.steps(out)[-1]
    assert 50 <= step < 400
    code, _, errors = run(inputs, out, *arguments)
    assert code == 0, errors
    assert f"continuing at step {step} of 400" in errors
    whole = tmp_path / "whole"
    code, _, errors = run(inputs, whole, *arguments)
    assert code == 0, errors
    for name in ("model.ckpt-400", "model.ckpt-best"):
        assert_same_tensors(whole / name, out / name)


def test_evaluation_alone_is_that_of_training(inputs, trained, tmp_path):
    out = tmp_path / "new" / "folder"
    code, printed, errors = run(
        inputs,
        out,
        "--nodo_train",
        "--input_file=",
        f"--init_checkpoint={trained[0]}/model.ckpt-5",
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


def test_weights_to_start_from(inputs, trained, tmp_path):
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


def test_moments_to_start_from(inputs, trained, tmp_path):
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
            taken = moments["--init_optimizer"][name] - fresh
            expected = decay * source[name]
            largest = np.abs(expected).max()
            assert np.abs(taken - expected).max() < 1e-3 * largest, name


def test_records_of_the_original(inputs, tmp_path):
    arguments = [
        f"--input_file={ORIGINAL_RECORDS}",
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
        inputs, with_model, *arguments, f"--spm_model_file={TOKENIZER}"
    )
    assert code == 0, errors
    assert "warning" not in errors
    assert (with_model / "spiece.model").exists()
    assert_same_tensors(without / "model.ckpt-1", with_model / "model.ckpt-1")


def test_accumulation_gives_the_same_update(inputs, tmp_path):
    # Without dropout, whose draws depend on how a batch is cut.
    (tmp_path / "config.json").write_text(
        json.dumps(CONFIG | {"hidden_dropout_prob": 0.0})
    )
    found = []
    for parts in (1, 3):
        out = tmp_path / str(parts)
        code, _, errors = run(
            inputs,
            out,
            f"--albert_config_file={tmp_path}/config.json",
            f"--gradient_accumulation_steps={parts}",
            "--do_eval=false",
            "--num_train_steps=2",
        )
        assert code == 0, errors
        assert f"{parts} accumulation step(s) x {6 // parts} seq" in errors
        found.append(tensor_bundle.read(out / "model.ckpt-2"))
    for name in found[0]:
        difference = np.abs(found[0][name] - found[1][name]).max()
        assert difference < 1e-6, name


def test_bfloat16_xla_and_a_rate_far_too_high(inputs, tmp_path):
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
def test_other_objectives(inputs, tmp_path, objective):
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


BAD_FLAGS = [
    (["--input_file="], ["--input_file"]),
    (["--output_dir="], ["--output_dir"]),
    (["--input_file={i}/missing"], ["missing", "no such file"]),
    (["--eval_input_file={i}/m*ing"], ["m*ing", "no such file"]),
    (["--input_file={i}"], ["{i}", "is a directory"]),
    (["--input_file={t}/empty"], ["{t}/empty", "no record"]),
    (["--input_file={t}/text"], ["{t}/text", "record 0"]),
    (["--input_file={t}/other.json"], ["other.json", "no record file"]),
    (["--max_seq_length=64"], ["train-00000", "32", "64"]),
    (["--max_predictions_per_seq=7"], ["train-00000", "5", "7"]),
    (["--albert_config_file={i}/missing.json"], ["missing.json"]),
    (["--albert_config_file={i}/typo.json"], ["typo.json", "hidden_sizes"]),
    (["--albert_config_file={i}/heads.json"], ["heads.json", "heads 5"]),
    (["--albert_config_file={i}/vocabulary.json"], ["1999", "2000"]),
    (["--albert_config_file={i}/short.json"], ["max_position", "31", "32"]),
    (["--model_size=tiny"], ["--model_size", "--albert_config_file"]),
    (["--albert_config_file="], ["--model_size", "--albert_config_file"]),
    (["--spm_model_file={o}"], ["train-00000", "another SentencePiece"]),
    (["--spm_model_file={i}/missing"], ["{i}/missing"]),
    (["--spm_model_file={t}/text"], ["{t}/text"]),
    (["--input_file={i}/other.tfrecord"], ["eval.tfrecord", "another"]),
    (["--input_file={t}/cut"], ["{t}/cut", "record 16 (0-based)", "trunc"]),
    (["--input_file={t}/flip"], ["{t}/flip", "record 5 (0-based)", "corr"]),
    (["--eval_input_file={t}/flip"], ["{t}/flip", "record 5", "again"]),
    (["--gradient_accumulation_steps=4"], ["--train_batch_size 6", "4"]),
    (["--train_batch_size=0"], ["--train_batch_size"]),
    (["--no_such_flag=1"], ["no_such_flag"]),
    (["--optimizer=sgd"], ["--optimizer", "sgd", "lamb"]),
    (["--num_train_steps=many"], ["--num_train_steps", "many"]),
    (["a_word"], ["a_word", "--name=value"]),
    (["--do_eval", "--eval_input_file="], ["--do_eval", "--eval_input"]),
    (["--nodo_train", "--do_eval=false"], ["--nodo_train"]),
    (["--nodo_train"], ["no checkpoint"]),
    (["--init_checkpoint={t}/missing"], ["{t}/missing", "no such checkp"]),
    (["--init_checkpoint={t}"], ["{t}", "no checkpoint"]),
    (
        ["--albert_config_file={i}/wide.json", "--init_checkpoint={trained}"],
        ["does not fit", "[22, 22]", "[26, 26]"],
    ),
    (["--init_optimizer"], ["--init_optimizer", "--init_checkpoint"]),
    (
        [
            "--init_optimizer",
            "--init_checkpoint={trained}/model.ckpt-best",
        ],
        ["adam_m", "model.ckpt-best", "moments"],
    ),
    (["--learning_rate=0"], ["--learning_rate", "positive"]),
    (["--learning_rate=-1"], ["--learning_rate"]),
    (["--learning_rate=nan"], ["--learning_rate", "nan", "finite"]),
    (["--max_seq_length=0"], ["--max_seq_length"]),
    (
        ["--eval_input_file={i}/none.tfrecord"],
        ["none.tfrecord", "--objective=sop", "--objective=none"],
    ),
    (["--output_dir={t}/text"], ["{t}/text", "not a directory"]),
    (["--output_dir={t}/text/model"], ["{t}/text", "not a directory"]),
]


@pytest.mark.parametrize(
    "arguments, words", BAD_FLAGS, ids=[" ".join(a) for a, _ in BAD_FLAGS]
)
def test_bad_input(inputs, trained, tmp_path, arguments, words):
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("It was a dark and stormy night. " * 9)
    (tmp_path / "other.json").write_text("{}")
    whole = ORIGINAL_RECORDS.read_bytes()
    payloads = list(framing.iterate_records(ORIGINAL_RECORDS))
    starts = np.cumsum([0, *(len(payload) + 16 for payload in payloads)])
    (tmp_path / "cut").write_bytes(whole[: starts[17] - 3])
    flipped = bytearray(whole)
    flipped[starts[5] + 100] ^= 8
    (tmp_path / "flip").write_bytes(flipped)
    if "flip" in arguments[0]:
        arguments = [f"--input_file={ORIGINAL_RECORDS}", *arguments]
        if "--eval" not in arguments[1]:
            arguments.append("--do_eval=false")
    out = tmp_path / "model"
    out.mkdir()
    before = contents(tmp_path)
    names = {
        "i": inputs,
        "t": tmp_path,
        "o": OTHER_TOKENIZER,
        "trained": trained[0],
    }
    arguments = [argument.format(**names) for argument in arguments]
    code, printed, errors = run(inputs, out, *arguments)
    assert code == 2, errors
    assert printed == ""
    *log, last = errors.splitlines()
    assert last.startswith("error: ")
    assert not any(line.startswith("error: ") for line in log)
    assert "Traceback" not in errors
    for word in words:
        assert word.format(**names) in last
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "changes, words",
    [
        (["--train_batch_size=4"], ["train_batch_size 6 there, 4 here"]),
        (["--num_train_steps=3"], ["num_train_steps 5 there, 3 here"]),
        (["--learning_rate=1e-3"], ["learning_rate 0.00", "0.001 here"]),
        (["--albert_config_file={i}/wide.json"], ["hidden_size 22", "26"]),
    ],
)
def test_directory_of_another_run(inputs, trained, changes, words):
    before = contents(trained[0])
    changes = [change.format(i=inputs) for change in changes]
    code, _, errors = run(inputs, trained[0], "--num_train_steps=5", *changes)
    assert code == 2
    last = errors.splitlines()[-1]
    assert "holds another run" in last
    assert "--output_dir" in last
    for word in words:
        assert word in last
    assert contents(trained[0]) == before


def test_directory_in_use(inputs, trained, tmp_path):
    config = model_directory.read_config(trained[0])
    out = tmp_path / "model"
    settings = json.loads((trained[0] / "run.json").read_text())
    with model_directory.held(out):
        model_directory.write_run(out, config, None, settings)
        before = contents(out)
        code, _, errors = run(inputs, out, "--num_train_steps=5")
        assert code == 2
        assert "another process is training there" in errors.splitlines()[-1]
        assert contents(out) == before


def test_damage_that_is_reached_while_training(inputs, tmp_path):
    payloads = list(framing.iterate_records(inputs / "nsp.tfrecord"))
    with tf.io.TFRecordWriter(str(tmp_path / "long")) as writer:
        for number in range(8192 + 900):
            writer.write(payloads[number % len(payloads)])
    content = bytearray((tmp_path / "long").read_bytes())
    content[-1000] ^= 1
    (tmp_path / "long").write_bytes(content)
    out = tmp_path / "model"
    code, _, errors = run(
        inputs,
        out,
        f"--input_file={tmp_path}/long",
        "--train_batch_size=1024",
        "--num_train_steps=9",
        "--steps_per_loop=4",
        "--save_checkpoints_steps=4",
        "--max_eval_steps=1",
    )
    assert code == 2, errors
    last = errors.splitlines()[-1]
    assert re.search(r"long, record 90\d\d \(0-based\): corrupt", last)
    assert "make the records again" in last
    assert tensor_bundle.steps(out)[-1] in (4, 8)
    tensor_bundle.read(
        tensor_bundle.step_prefix(out, tensor_bundle.steps(out)[-1])
    )


def test_disk_that_is_full(inputs, tmp_path):
    out = tmp_path / "model"

    def fail(prefix, tensors):
        raise tf.errors.ResourceExhaustedError(
            None,
            None,
            f"{{{{node x}}}} {prefix}; No space left on device [Op:SaveV2]",
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tensor_bundle, "write", fail)
        code, _, errors = run(inputs, out, "--do_eval=false")
    assert code == 2
    last = errors.splitlines()[-1]
    assert "step 2 cannot be saved" in last
    assert "No space left on device" in last
    assert "SaveV2" not in last and "{{" not in last
    code, _, errors = run(inputs, out, "--do_eval=false")
    assert code == 0, errors


def test_wrong_flags_answer_without_tensorflow(inputs, tmp_path):
    completed = subprocess.run(
        [
            sys.executable,
            "-X",
            "importtime",
            *arguments_of(
                inputs,
                tmp_path / "model",
                f"--albert_config_file={inputs}/typo.json",
            ),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert completed.returncode == 2
    assert "tensorflow" not in completed.stderr
    assert "error: " in completed.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []


def test_records_made_again_are_another_run(inputs, tmp_path):
    """The same path and count, but other records."""
    again = tmp_path / "inputs"
    shutil.copytree(inputs, again)
    out = tmp_path / "model"
    code, _, errors = run(again, out, "--num_train_steps=2")
    assert code == 0, errors
    path = again / "train.json"
    metadata = json.loads(path.read_text())
    metadata["settings"]["masked_lm_prob"] = 0.05
    path.write_text(json.dumps(metadata))
    code, _, errors = run(again, out, "--num_train_steps=2")
    assert code == 2
    assert "records_fingerprint" in errors


def test_truncated_records_are_named_with_the_record(inputs, tmp_path):
    again = tmp_path / "inputs"
    shutil.copytree(inputs, again)
    path = again / "train-00001-of-00002.tfrecord"
    path.write_bytes(path.read_bytes()[:-20])
    records = json.loads((again / "train.json").read_text())["files"][1]
    code, _, errors = run(again, tmp_path / "model")
    assert code == 2
    last = records["records"] - 1
    assert f"{path}, record {last} (0-based)" in errors
    assert not (tmp_path / "model").exists()


def test_a_new_evaluation_forgets_the_old_best(inputs, tmp_path):
    out = tmp_path / "model"
    more = ["--num_train_steps=4", "--save_checkpoints_steps=2"]
    code, _, errors = run(inputs, out, *more)
    assert code == 0, errors
    for name in ("model.ckpt-4.index", "eval_results.json"):
        (out / name).unlink()
    code, _, errors = run(inputs, out, *more, "--max_eval_steps=1")
    assert code == 0, errors
    assert "the evaluation has changed" in errors
