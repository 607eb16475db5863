# SPDX-License-Identifier: Apache-2.0
"""Files and flags that the fine-tuning recipe refuses."""

import numpy as np
import pytest

import albert
from albert import model_directory
from albert.interchange import tensor_bundle
from albert.text.tokenizer import Tokenizer

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


@pytest.mark.parametrize("files, words", BAD_FILES)
def test_bad_files(
    inputs,
    tmp_path,
    files,
    words,
    contents,
    run,
    training_flags,
    assert_refused,
):
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


def test_bad_rows_can_be_left_out(inputs, model, tmp_path, run, rows_of):
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


BAD_FLAGS = [
    (["--task_name="], ["--task_name", "empty"]),
    (["--task_name=colla"], ["colla", "cola, sst-2"]),
    (["--output_dir="], ["--output_dir", "empty"]),
    (["--nodo_train"], ["nothing to do", "--do_eval"]),
    (["--data_dir="], ["--data_dir", "empty"]),
    (["--data_dir=~nobody_of_the_name"], ["--data_dir", "no home directory"]),
    (["--data_dir={i}/missing"], ["{i}/missing", "no such folder"]),
    (["--init_checkpoint="], ["--init_checkpoint", "empty"]),
    (["--init_checkpoint=hf://a"], ["no name of a model", "hf://owner/name"]),
    (["--eval_file=s3://a/b", "--do_eval"], ["--eval_file", "a file system"]),
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
    (["--learning_rate=0"], ["--learning_rate", "from 1e-37 to 10"]),
    (["--num_train_epochs=1"], ["--num_train_steps", "--num_train_epochs"]),
    (["--gradient_accumulation_steps=2"], ["--train_batch_size 5", "2"]),
    (["--task_name=ner", "--id_column=word"], ["leave out", "--id_column"]),
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
    (["--early_stopping_patience=2"], ["--early_stopping_patience", "--do_e"]),
    (["--freeze=pooler"], ["'pooler'", "embeddings, encoder"]),
    (
        ["--freeze=encoder", "--attention_l2=0.1"],
        ["--attention_l2", "--freeze=encoder leaves"],
    ),
    (
        ["--num_folds=900", "--do_eval"],
        ["--num_folds=900", "examples that differ"],
    ),
    (["--num_folds=3"], ["--num_folds needs", "--do_eval"]),
    (["--sweep=poly_power=1,x", "--do_eval"], ["poly_power=x: it must"]),
    (
        ["--sweep=num_train_epochs=1,2", "--do_eval"],
        ["num_train_epochs=1.0: ", "--num_train_steps"],
    ),
    (["--num_runs=0"], ["--num_runs"]),
    (
        ["--num_runs=3", "--seed=4294967294"],
        ["--num_runs=3", "--seed=4294967294", "4294967295"],
    ),
    (
        ["--num_warmup_steps=3", "--start_warmup_step=2"],
        ["--num_warmup_steps=3", "--start_warmup_step=2", "steps=4", "peak"],
    ),
    (
        ["--num_train_steps=1000000000"],
        ["--num_train_steps", "5000000000 examples", "fewer steps"],
    ),
    (["--max_qa_length=37"], ["--max_qa_length=37", "--max_seq_length", "37"]),
    # Said before files are looked for.
    (["--task_name=race", "--max_qa_length=34"], ["--max_qa_length is 34"]),
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
    (
        ["--init_checkpoint={m}", "--labels=ward,blackmoor"],
        ["blackmore, ward", "ward, blackmoor"],
    ),
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
def test_bad_flags(
    inputs,
    trained,
    tmp_path,
    arguments,
    words,
    other_tokenizer_file,
    training_flags,
    small_config,
    tokenizer_file,
    contents,
    run,
    assert_refused,
):
    names = {
        "i": inputs,
        "t": tmp_path,
        "o": other_tokenizer_file,
        "m": trained[0],
    }
    given = training_flags(inputs)
    if "--nodo_train" in arguments:
        given = [flag for flag in given if "init_checkpoint" not in flag]
    model_directory.write_description(
        tmp_path / "head",
        albert.AlbertConfig(**small_config),
        Tokenizer(tokenizer_file),
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
    "given, words",
    [
        ([], "--output_dir is required"),
        (["--output_dir=o"], "--data_dir is required for --do_train"),
        (
            ["--output_dir=o", "--data_dir=d"],
            "--init_checkpoint is required for --do_train",
        ),
    ],
)
def test_flags_that_are_required(given, words, run_command, assert_refused):
    outcome = run_command(
        "run_classifier.py", "--task_name=tsv", "--do_train", *given
    )
    assert_refused(*outcome, [words])


def test_answers_without_tensorflow(
    inputs, tmp_path, training_flags, run_process
):
    write_files(tmp_path / "data", {"dev.tsv": GOOD + "a\tcow\n"})
    completed = run_process(
        "-X",
        "importtime",
        "run_classifier.py",
        *training_flags(inputs),
        f"--data_dir={tmp_path}/data",
        "--do_eval",
        f"--output_dir={tmp_path}/model",
    )
    assert completed.returncode == 2
    for name in ("tensorflow", "sklearn", "matplotlib"):
        assert f" {name}\n" not in completed.stderr
    assert "dev.tsv:8" in completed.stderr.splitlines()[-1]
    assert not (tmp_path / "model").exists()
