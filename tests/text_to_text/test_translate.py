# SPDX-License-Identifier: Apache-2.0
"""The command ``albert translate`` from end to end, on a toy language.

The target of a word in small letters is the word in capitals.
"""

import json
import re
import shutil

import numpy as np
import pytest
from absl import flags

import albert
from albert import model_directory
from albert.errors import StopRequested
from albert.interchange import tensor_bundle
from albert.text_to_text import __main__ as translate
from albert.text_to_text import text_metrics
from albert.training.loop import TrainingLoop

CONFIG = {
    "vocab_size": 32,
    "embedding_size": 6,
    "hidden_size": 22,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 26,
    "max_position_embeddings": 40,
}


def make_pairs(count, seed):
    generator = np.random.default_rng(seed)
    for _ in range(count):
        letters = generator.choice(
            list("abcdefghijklm"), generator.integers(3, 9)
        )
        yield " ".join(letters), " ".join(letters).upper()


@pytest.fixture(scope="module")
def texts(tmp_path_factory, vocabulary):
    """A folder with pairs, a configuration and the vocabulary."""
    folder = tmp_path_factory.mktemp("texts")
    for split, count in (("train", 700), ("val", 23)):
        pairs = list(make_pairs(count, seed=count))
        for name, side in (("en", 0), ("de", 1)):
            lines = [f"{pair[side]}\n" for pair in pairs]
            (folder / f"{split}.{name}").write_text("".join(lines))
        table = "".join("\t".join(pair) + "\n" for pair in pairs)
        (folder / f"{split}.tsv").write_text(table)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    shutil.copy(vocabulary, folder / "vocab.txt")
    return folder


@pytest.fixture(scope="module")
def run(texts, run_main):
    """Runs the command: (exit status, stdout, stderr)."""

    def run_command(out, *arguments):
        return run_main(
            translate.main,
            translate.define_flags,
            f"--output_dir={out}",
            *arguments,
        )

    return run_command


def training(texts, *arguments):
    return [
        "--do_train",
        "--do_eval",
        f"--source_file={texts}/train.en",
        f"--target_file={texts}/train.de",
        f"--eval_source_file={texts}/val.en",
        f"--eval_target_file={texts}/val.de",
        f"--albert_config_file={texts}/config.json",
        f"--vocab_file={texts}/vocab.txt",
        "--do_lower_case=false",
        "--strip_accents=false",
        "--max_seq_length=17",
        "--max_target_length=19",
        "--train_batch_tokens=600",
        "--num_train_steps=6",
        "--save_checkpoints_steps=3",
        # One shape to compile.
        "--pad_to_max_length",
        "--metrics=none",
        "--beam_size=2",
        *arguments,
    ]


@pytest.fixture(scope="module")
def trained(texts, run, tmp_path_factory):
    """A model directory after six steps; not to be changed."""
    out = tmp_path_factory.mktemp("trained") / "model"
    code, printed, errors = run(out, *training(texts))
    assert code == 0, errors
    return out, printed, errors


def read(directory, name):
    return json.loads((directory / name).read_text())


def test_help_is_of_texts():
    flag_values = flags.FlagValues()
    translate.define_flags(flag_values)
    assert "targets" in flag_values["do_predict"].help
    assert "--max_target_length" in flag_values["pad_to_max_length"].help
    # Of a task's own settings, what they are here.
    assert "--cut_long_sources" in flag_values["max_seq_length"].help
    assert "Default: 10% of all" in flag_values["num_warmup_steps"].help


def test_what_is_written_and_told(texts, trained):
    out, printed, errors = trained
    task = read(out, "task.json")
    assert task == {
        "task_name": "text_to_text",
        "kind": "text_to_text",
        "labels": None,
        "max_seq_length": 17,
        "max_target_length": 19,
        "num_decoder_layers": 2,
        "decoder_sharing": "all",
        "beam_size": 2,
        "length_penalty": 0.6,
        "label_smoothing": 0.1,
    }
    settings = read(out, "run.json")
    assert settings["train_batch_tokens"] == 600
    assert settings["training_pairs"]["pairs"] == 700
    assert settings["training_data"].startswith("700 pairs, checksum ")
    results = read(out, "eval_results.json")
    (data,) = results["data"]
    assert data["path"] == f"{texts}/val.en, {texts}/val.de"
    assert (data["split"], data["examples"]) == ("dev", 23)
    assert data["pairs"]["pairs"] == 23
    assert results["checkpoint"].endswith("model.ckpt-best")
    assert results["target_loss"] > 0
    assert 0 <= results["target_accuracy"] <= 1
    assert "target_accuracy" in printed and "curves.png" in printed
    # Settings without a default of their own are told.
    assert "--learning_rate=0.001" in errors
    assert re.search(r"6 steps are 0.\d+ epochs of \d+ batches", errors)


def test_predictions_keep_the_lines(trained, texts, run, tmp_path):
    out, _, _ = trained
    lines = ["a b c", "", "d", " ", "e " * 40, "f g"]
    source = tmp_path / "source.txt"
    source.write_text("\n".join(lines))
    target = tmp_path / "new" / "target.txt"
    code, printed, errors = run(
        out,
        "--do_predict",
        f"--predict_file={source}",
        f"--output_file={target}",
    )
    assert code == 0, errors
    written = target.read_text().split("\n")
    assert len(written) == 7 and written[-1] == ""
    assert written[1] == written[3] == ""
    assert "1 texts were longer than 17 pieces, and cut" in errors
    assert str(target) in printed
    command = (
        "--do_predict",
        f"--predict_file={source}",
        f"--output_file={target}",
    )
    code, printed, errors = run(out, *command)
    assert code == 2 and f"{target} exists" in errors
    assert target.read_text().split("\n") == written
    code, printed, errors = run(out, *command, "--overwrite")
    assert code == 0 and target.read_text().split("\n") == written
    # Each by itself, and in a batch of another size, is the same.
    code, alone, errors = run(
        out, "--do_predict", f"--predict_file={source}", "--eval_batch_size=1"
    )
    assert code == 0 and alone.split("\n") == written
    code, table, errors = run(
        out, "--do_predict", f"--predict_file={source}", "--num_best=2"
    )
    rows = [line.split("\t") for line in table.splitlines()]
    numbers = [int(row[0]) for row in rows]
    assert numbers == sorted(numbers) and set(numbers) == set(range(1, 7))
    best = {}
    for number, score, text in rows:
        best.setdefault(number, []).append((float(score), text))
    assert [best[str(n + 1)][0][1] for n in range(6)] == written[:6]
    for found in best.values():
        assert found == sorted(found, key=lambda each: -each[0])
    assert len(best["1"]) == 2 and best["2"] == [(0.0, "")]


def test_evaluation_alone_with_a_table(trained, texts, run, tmp_path):
    out, _, _ = trained
    code, printed, errors = run(
        tmp_path / "other",
        f"--init_checkpoint={out}",
        "--do_eval",
        f"--eval_input_file={texts}/val.tsv",
        "--metrics=none",
    )
    assert code == 0, errors
    one, two = (
        read(out, "eval_results.json"),
        read(tmp_path / "other", "eval_results.json"),
    )
    assert one["data"][0]["checksum"] == two["data"][0]["checksum"]
    for name in ("loss", "target_loss", "target_accuracy"):
        assert abs(one[name] - two[name]) < 1e-5


@pytest.mark.usefixtures("steps_without_gradients")
def test_evaluation_alone_has_the_loss_of_the_training(texts, run, tmp_path):
    out = tmp_path / "model"
    code, _, errors = run(
        out, *training(texts, "--label_smoothing=0.5", "--num_train_steps=1")
    )
    assert code == 0, errors
    assert read(out, "task.json")["label_smoothing"] == 0.5
    before = read(out, "eval_results.json")
    evaluation = (
        "--do_eval",
        f"--eval_input_file={texts}/val.tsv",
        "--metrics=none",
    )
    code, _, errors = run(out, *evaluation)
    assert code == 0, errors
    after = read(out, "eval_results.json")
    assert abs(before["loss"] - after["loss"]) < 1e-5
    # The loss tells them apart.
    code, _, errors = run(out, *evaluation, "--label_smoothing=0")
    assert code == 0, errors
    assert abs(read(out, "eval_results.json")["loss"] - after["loss"]) > 1e-4


def test_drawing(trained, run, tmp_path):
    out, _, _ = trained
    plot = tmp_path / "alignment.png"
    code, printed, errors = run(
        out, f"--attention_plot={plot}", "--attention_text=a b c"
    )
    assert code == 0, errors
    assert plot.read_bytes().startswith(b"\x89PNG") and str(plot) in printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--do_eval"], ["--do_eval needs --eval_source_file"]),
        (["--do_train", "--model_size=mini"], ["--do_train needs --source_fi"]),
        ([], ["nothing to do"]),
        (["--attention_text=a"], ["--attention_plot needs"]),
        (["--do_predict", "--do_eval", "{eval}"], ["--output_file is requ"]),
        (["--do_eval", "{eval}", "--metrics=blue"], ["'blue' is not one of"]),
        (["--do_eval", "{eval}", "--metrics=none,bleu"], ["none alone"]),
        (
            ["--do_eval", "{eval}", "--eval_source_file={texts}/val.en"],
            ["--eval_input_file is a table of both sides"],
        ),
        (["--do_predict", "--num_best=3"], ["--num_best=3 is more than"]),
        (
            ["--do_eval", "{eval}", "--metrics=none", "--num_best=2"],
            ["--num_best is for --do_predict"],
        ),
        (["--do_predict", "--predict_file={texts}"], ["is a directory"]),
        (["--do_predict", "--num_decoder_layers=3"], ["of the model is 2"]),
        (
            ["--do_predict", "--max_target_length=41"],
            ["--max_target_length=41 is more than the 40 positions"],
        ),
        (
            ["--do_eval", "--eval_source_file={texts}/val.en"]
            + ["--eval_target_file={texts}/train.de", "--metrics=none"],
            ["has 23 lines", "train.de 700: line N"],
        ),
    ],
)
def test_refused(
    trained, texts, run, assert_refused, contents, arguments, words
):
    out, _, _ = trained
    before = contents(out)
    table = f"--eval_input_file={texts}/val.tsv"
    arguments = [each.format(eval=table, texts=texts) for each in arguments]
    if "--do_predict" in arguments and "predict_file" not in str(arguments):
        arguments.append(f"--predict_file={texts}/val.en")
    assert_refused(*run(out, *arguments), words)
    assert contents(out) == before


@pytest.mark.parametrize("flag", ["output_file", "attention_plot"])
@pytest.mark.parametrize(
    "path",
    [
        *("{texts}/train.de", "{texts}/val.en", "{texts}/vocab.txt"),
        *("{texts}/config.json", "{texts}/source.txt", "{texts}/other"),
        *("{out}/albert_config.json", "{out}/model.ckpt-best.index"),
    ],
)
def test_refuses_to_replace_what_is_read(
    trained, texts, run, assert_refused, contents, flag, path
):
    out, _, _ = trained
    (texts / "source.txt").write_text("a b\n")
    before = contents(out), contents(texts)
    path = path.format(texts=texts, out=out)
    paths = {
        "output_file": f"{texts}/other",
        "attention_plot": f"{texts}/other",
        flag: path,
    }
    arguments = [
        *training(texts),
        "--do_predict",
        f"--predict_file={texts}/source.txt",
        *(f"--{name}={value}" for name, value in paths.items()),
        "--attention_text=a",
        "--overwrite",
    ]
    assert_refused(*run(out, *arguments), [path, "choose another --"])
    assert (contents(out), contents(texts)) == before


def test_refuses_metrics_whose_package_is_missing(
    trained, texts, run, assert_refused, monkeypatch
):
    monkeypatch.setitem(text_metrics._PACKAGES, "bleu", "no_such_package")
    out, _, _ = trained
    assert_refused(
        *run(out, "--do_eval", f"--eval_input_file={texts}/val.tsv"),
        ["no-such-package", "pip install 'albert-keras[translate]'"],
    )


def test_refuses_another_run(trained, texts, run, assert_refused):
    out, _, _ = trained
    for argument, words in (
        ("--train_batch_tokens=601", ["train_batch_tokens 600 there, 601"]),
        ("--decoder_sharing=none", ["decoder_sharing 'all' there"]),
        ("--label_smoothing=0.2", ["label_smoothing"]),
    ):
        assert_refused(*run(out, *training(texts, argument)), words)


def test_a_continued_run_may_search_otherwise(trained, texts, run, tmp_path):
    out = tmp_path / "model"
    shutil.copytree(trained[0], out)
    code, _, errors = run(
        out, *training(texts, "--beam_size=3", "--length_penalty=1")
    )
    assert code == 0, errors
    task = read(out, "task.json")
    assert (task["beam_size"], task["length_penalty"]) == (3, 1.0)


@pytest.mark.usefixtures("steps_without_gradients")
def test_starts_from_another_model(trained, texts, run, tmp_path):
    out, _, _ = trained
    arguments = [each for each in training(texts) if "config" not in each]
    code, _, errors = run(
        tmp_path / "next",
        *arguments,
        f"--init_checkpoint={out}",
        "--num_train_steps=1",
    )
    assert code == 0, errors
    assert "new: none; not used: none" in errors


def test_refuses_a_decoder_that_nothing_describes(
    trained, texts, run, tmp_path, assert_refused
):
    # Shared layers have the weights of one, whatever their number is.
    start, out = tmp_path / "start", tmp_path / "out"
    shutil.copytree(trained[0], start)
    (start / "task.json").unlink()
    used = [
        f"--init_checkpoint={start}",
        "--do_predict",
        f"--predict_file={texts}/val.en",
    ]
    started = [
        *(each for each in training(texts) if "config" not in each),
        f"--init_checkpoint={start}",
    ]
    words = ["does not say the num_decoder_layers", "give --num_decoder_layers"]
    assert_refused(*run(out, *used), words)
    assert_refused(*run(out, *started), words)
    assert_refused(
        *run(out, *used, "--num_decoder_layers=2"), ["the decoder_sharing"]
    )
    described = ("--num_decoder_layers=2", "--decoder_sharing=all")
    code, printed, errors = run(out, *used, *described)
    assert code == 0 and printed.count("\n") == 23, errors


@pytest.mark.usefixtures("steps_without_gradients")
@pytest.mark.parametrize(
    "more", [[], ["--freeze=encoder", "--attention_l2=0.1"]]
)
def test_starts_from_a_pretrained_encoder(
    texts, tokenizer, run, tmp_path, more
):
    config = albert.AlbertConfig.from_dict(CONFIG)
    pretrainer = albert.AlbertPretrainer(config)
    start = tmp_path / "pretrained"
    model_directory.write_description(start, config, tokenizer)
    albert.save_weights(pretrainer, start / "model.ckpt-7")
    arguments = [
        each
        for each in training(texts)
        if "config" not in each and "vocab_file" not in each
    ]
    out = tmp_path / "model"
    code, _, errors = run(
        out,
        *arguments,
        f"--init_checkpoint={start}",
        "--num_train_steps=1",
        "--learning_rate=1e-30",
        *more,
    )
    assert code == 0, errors
    assert re.search(r"new: decoder/\S+, decoder/", errors)
    before = tensor_bundle.read(start / "model.ckpt-7")
    after = tensor_bundle.read(tensor_bundle.step_prefix(out, 1))
    kept = [name for name in before if name in after and "bert/" in name]
    assert len(kept) > 10
    for name in kept:
        # But for a step at that rate.
        assert np.abs(before[name] - after[name]).max() < 1e-29, name


@pytest.mark.usefixtures("steps_without_gradients")
def test_starts_from_a_layer_of_an_unshared_encoder(
    texts, tokenizer, run, tmp_path, assert_refused
):
    config = albert.AlbertConfig.from_dict(CONFIG | {"sharing": "none"})
    pretrainer = albert.AlbertPretrainer(config)
    start = tmp_path / "pretrained"
    model_directory.write_description(start, config, tokenizer)
    albert.save_weights(pretrainer, start / "model.ckpt-7")
    arguments = [
        *training(texts, f"--init_checkpoint={start}", "--num_train_steps=1"),
        "--learning_rate=1e-30",
        "--nodo_eval",
    ]
    out = tmp_path / "model"
    code, _, errors = run(out, *arguments, "--init_layers_from=1")
    assert code == 0, errors
    assert "each layer 1 of 2 layers" in errors
    assert re.search(r"new: decoder/\S+, decoder/", errors)
    before = tensor_bundle.read(start / "model.ckpt-7")
    after = tensor_bundle.read(tensor_bundle.step_prefix(out, 1))
    name = (
        "bert/encoder/transformer/group_{}/inner_group_0/attention_1/self/"
        "query/kernel"
    )
    # But for a step at that rate.
    difference = before[name.format(1)] - after[name.format(0)]
    assert np.abs(difference).max() < 1e-29
    assert read(out, "run.json")["init_layers_from"] == 1
    assert_refused(*run(out, *arguments), ["init_layers_from 1 there, None"])


@pytest.mark.slow
def test_stopped_run_ends_as_if_it_had_not_been(
    texts, trained, run, tmp_path, monkeypatch, assert_same_tensors
):
    whole, _, _ = trained
    train = TrainingLoop.train
    out = tmp_path / "stopped"
    arguments = training(texts, "--steps_per_loop=2")

    def train_and_stop(loop, iterator, steps, *more):
        history = train(loop, iterator, steps, *more)
        loop.request_stop()
        loop.stopped = True
        return history

    with monkeypatch.context() as patch:
        patch.setattr(TrainingLoop, "train", train_and_stop)
        flag_values = flags.FlagValues()
        translate.define_flags(flag_values)
        flag_values(["translate", f"--output_dir={out}", *arguments])
        # As a command, it would end this process.
        with pytest.raises(StopRequested):
            translate.main(flag_values)
    assert tensor_bundle.steps(out) == [2]
    code, _, errors = run(out, *arguments)
    assert code == 0 and "continuing at step 2 of 6" in errors
    assert_same_tensors(
        tensor_bundle.step_prefix(whole, 6), tensor_bundle.step_prefix(out, 6)
    )


@pytest.mark.slow
def test_it_learns(texts, run, tmp_path):
    config = CONFIG | {
        "embedding_size": 16,
        "hidden_size": 64,
        "intermediate_size": 128,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    code, printed, errors = run(
        tmp_path / "model",
        *training(
            texts,
            f"--albert_config_file={tmp_path}/config.json",
            "--nopad_to_max_length",
            "--num_train_steps=600",
            "--save_checkpoints_steps=600",
            "--dropout_prob=0",
        ),
        "--do_predict",
        f"--predict_file={texts}/val.en",
        f"--output_file={tmp_path}/written.de",
    )
    assert code == 0, errors
    written = (tmp_path / "written.de").read_text().splitlines()
    right = (texts / "val.de").read_text().splitlines()
    hits = sum(a == b for a, b in zip(written, right, strict=True))
    assert hits >= 20, (hits, printed)
