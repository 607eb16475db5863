# SPDX-License-Identifier: Apache-2.0
"""Records, flags and disks that end a pretraining run."""

import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf

from albert.interchange import tensor_bundle
from albert.records import framing

BAD_FLAGS = [
    (["--input_file="], ["--input_file=", "it is empty"]),
    (["--output_dir="], ["--output_dir=", "it is empty"]),
    (["--input_file={i}/missing"], ["missing", "No such file"]),
    (["--eval_input_file={i}/m*ing"], ["m*ing", "no such file"]),
    (
        ["--eval_input_file={i}/eval.tfrecord,{i}/train*-of-00002.tfrecord"],
        ["train-00000", "and 1 more: --eval_input_file is of --input_file too"],
    ),
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
    (["--albert_config_file="], ["--albert_config_file", "empty"]),
    (["--spm_model_file={o}"], ["train-00000", "another vocabulary"]),
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
    (["--train_minutes=1"], ["--num_train_steps counts steps"]),
    (["--initialization=local"], ["does not fit this model", "too narrow"]),
    (
        ["--initialization=local", "--init_checkpoint={trained}"],
        ["--initialization=local is of random weights", "leave one"],
    ),
    (["--num_train_steps=many"], ["--num_train_steps", "many"]),
    (["a_word"], ["a_word", "--name=value"]),
    (["--do_eval", "--eval_input_file="], ["--eval_input_file", "empty"]),
    (["--nodo_train", "--do_eval=false"], ["--nodo_train"]),
    (["--nodo_train"], ["no checkpoint"]),
    (["--init_checkpoint={t}/missing"], ["{t}/missing", "no such checkp"]),
    (["--init_checkpoint={t}"], ["{t}", "no checkpoint"]),
    (
        ["--albert_config_file={i}/wide.json", "--init_checkpoint={trained}"],
        ["does not fit", "[22, 22]", "[26, 26]"],
    ),
    (
        [
            "--albert_config_file={i}/relative.json",
            "--init_checkpoint={trained}",
        ],
        ["position_embedding 'learned' there, 'relative_bias' here"],
    ),
    (
        ["--position_embedding=sinusoidal"],
        ["--position_embedding", "--model_size", "--albert_config_file"],
    ),
    (["--init_optimizer"], ["--init_optimizer", "--init_checkpoint"]),
    (
        [
            "--init_optimizer",
            "--init_checkpoint={trained}/model.ckpt-best",
        ],
        ["adam_m", "model.ckpt-best", "moments"],
    ),
    (["--init_layers_from=0"], ["--init_layers_from needs --init_ch"]),
    (["--init_layers_from=first"], ["mean or a whole number from 0"]),
    (
        ["--init_layers_from=99", "--init_checkpoint={trained}"],
        ["--init_layers_from=99", "has the layers 0 to"],
    ),
    (
        [
            *("--init_layers_from=mean", "--init_checkpoint={trained}"),
            "--albert_config_file={i}/wide.json",
        ],
        ["must be equal: hidden_size 22 there, 26 here"],
    ),
    (
        [
            *("--init_layers_from=0", "--init_checkpoint={trained}"),
            "--init_optimizer",
        ],
        ["--init_optimizer with --init_layers_from"],
    ),
    (
        ["--weight_average_decay=0.9", "--do_eval=false"],
        ["--weight_average_decay needs", "give --eval_input_file"],
    ),
    (["--weight_average_decay=1"], ["--weight_average_decay"]),
    (
        ["--masked_lm_prob_schedule=0.15:0.5,0.1"],
        ["train-00000", "--masked_lm_prob_schedule changes nothing"],
    ),
    (
        ["--mask_replacement=mask"],
        ["train-00000", "--mask_replacement=mask changes nothing"],
    ),
    (["--mask_replacement=all"], ["--mask_replacement", "80-10-10", "mask"]),
    (["--learning_rate=0"], ["--learning_rate", "from 1e-37 to 10"]),
    (["--learning_rate=-1"], ["--learning_rate"]),
    (["--learning_rate=nan"], ["--learning_rate=nan", "1e-37 to 10"]),
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
def test_bad_input(
    inputs,
    trained,
    tmp_path,
    arguments,
    words,
    original_records,
    contents,
    other_tokenizer_file,
    run,
    assert_refused,
):
    (tmp_path / "empty").touch()
    (tmp_path / "text").write_text("It was a dark and stormy night. " * 9)
    (tmp_path / "other.json").write_text("{}")
    whole = original_records.read_bytes()
    payloads = list(framing.iterate_records(original_records))
    starts = np.cumsum([0, *(len(payload) + 16 for payload in payloads)])
    (tmp_path / "cut").write_bytes(whole[: starts[17] - 3])
    flipped = bytearray(whole)
    flipped[starts[5] + 100] ^= 8
    (tmp_path / "flip").write_bytes(flipped)
    if "flip" in arguments[0]:
        if "--eval" in arguments[0]:
            arguments = [f"--input_file={original_records}", *arguments]
        else:
            arguments = [*arguments, "--do_eval=false"]
    out = tmp_path / "model"
    out.mkdir()
    before = contents(tmp_path)
    names = {
        "i": inputs,
        "t": tmp_path,
        "o": other_tokenizer_file,
        "trained": trained[0],
    }
    arguments = [argument.format(**names) for argument in arguments]
    assert_refused(*run(inputs, out, *arguments), words, **names)
    assert contents(tmp_path) == before


@pytest.mark.parametrize(
    "given, words",
    [
        ([], "--output_dir is required"),
        (["--output_dir=o"], "--input_file is required"),
        (
            ["--output_dir=o", "--input_file=i"],
            "--albert_config_file, --model_size or --init_checkpoint",
        ),
        (
            [
                *("--output_dir=o", "--input_file=i", "--do_eval"),
                "--model_size=tiny",
            ],
            "--do_eval needs --eval_input_file",
        ),
        (
            [
                *("--output_dir=o", "--input_file=i", "--model_size=tiny"),
                *("--bucket_by_length", "--distribution_strategy=tpu"),
            ],
            "TPUs need one: leave it out",
        ),
    ],
)
def test_flags_that_are_required(given, words, run_command, assert_refused):
    assert_refused(*run_command("run_pretraining.py", *given), [words])


@pytest.mark.slow
@pytest.mark.usefixtures("steps_without_gradients")
def test_damage_that_is_reached_while_training(inputs, tmp_path, run):
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


def test_truncated_records_are_named_with_the_record(inputs, tmp_path, run):
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


@pytest.mark.slow
@pytest.mark.usefixtures("steps_without_gradients")
def test_disk_that_is_full(inputs, tmp_path, run):
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


def test_wrong_flags_answer_without_tensorflow(
    inputs, tmp_path, arguments_of, run_process
):
    completed = run_process(
        "-X",
        "importtime",
        *arguments_of(
            inputs,
            tmp_path / "model",
            f"--albert_config_file={inputs}/typo.json",
        ),
    )
    assert completed.returncode == 2
    assert "tensorflow" not in completed.stderr
    assert "error: " in completed.stderr.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
