# SPDX-License-Identifier: Apache-2.0
"""The command that converts models, and what it says of what it cannot."""

import functools
import os
import pathlib
import shutil

import numpy as np
import pytest
from absl import flags as absl_flags
from sentencepiece import sentencepiece_model_pb2

import albert
from albert import convert
from albert import outputs
from albert.interchange import hub_upload
from albert.interchange import tensor_bundle
from albert.interchange.starting_point import open_starting_point
from albert.training import model_card

GOLDEN = pathlib.Path(__file__).parent / "golden"
RELEASE = GOLDEN / "encoder_tiny_a"
SPM = GOLDEN / "tokenization" / "spm2000.model"
RELEASED = GOLDEN / "released_vocabulary" / "30k-clean.model"


@pytest.fixture(scope="session")
def run(run_module):
    """Function that runs the command: (exit status, stdout, stderr)."""
    return functools.partial(run_module, convert)


def small_config(**changes):
    return albert.AlbertConfig.named(
        "tiny",
        **{
            "vocab_size": 2003,
            "hidden_size": 26,
            "embedding_size": 11,
            "num_attention_heads": 2,
            "num_hidden_layers": 4,
            "intermediate_size": 37,
            "max_position_embeddings": 19,
            **changes,
        },
    )


def written(model, path, format="model_dir", spm=SPM):
    rng = np.random.default_rng(7)
    for variable in model.trainable_variables:
        variable.assign(rng.normal(size=variable.shape))
    tokenizer = albert.Tokenizer(spm, lower_case=False)
    albert.save_weights(model, path, format=format, tokenizer=tokenizer)
    return path


def tensors_of(path):
    return dict(open_starting_point(path).source.tensors)


@pytest.mark.slow
@pytest.mark.parametrize(
    "formats",
    [
        ("google", "huggingface", "kerashub", "model_dir"),
        ("huggingface", "model_dir", "kerashub", "google"),
    ],
)
def test_from_each_format_to_each(tmp_path, run, formats):
    model = albert.AlbertPretrainer(
        small_config(num_hidden_groups=2, inner_group_num=2)
    )
    source = written(model, tmp_path / "start")
    expected = tensors_of(source)
    lost = ["sentence_order/output_bias", "sentence_order/output_weights"]
    for format in formats:
        destination = tmp_path / format
        code, out, err = run(source, destination, f"--to={format}")
        assert code == 0, err
        if format == "kerashub" and lost[0] in expected:
            assert "Left behind (2)" in out
            for name in lost:
                assert name in out
                del expected[name]
        else:
            assert "Left behind" not in out
        assert f"{len(expected)} weights" in out
        found = tensors_of(destination)
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            assert np.array_equal(found[name], value), name
        start = open_starting_point(destination)
        assert start.config.num_hidden_groups == 2
        assert start.config.inner_group_num == 2
        assert not start.tokenizer.lower_case
        source = destination


HEADS = {
    "none": lambda config: albert.AlbertEncoder(config),
    "classification": lambda config: albert.AlbertClassifier(config, 3),
    "multiple_choice": lambda config: albert.AlbertMultipleChoice(config),
    "token_classification": lambda config: albert.AlbertTokenClassifier(
        config, 5
    ),
    "span_v1": lambda config: albert.AlbertSpanPredictor(config, "v1"),
}


@pytest.mark.parametrize("head", HEADS)
def test_heads_through_transformers(tmp_path, run, head):
    source = written(HEADS[head](small_config()), tmp_path / "a")
    arguments = [source, tmp_path / "b", "--to=huggingface"]
    if head in ("multiple_choice", "token_classification"):
        arguments.append(f"--head={head}")
    code, out, err = run(*arguments)
    assert code == 0, err
    assert f"({head})" in out
    assert open_starting_point(tmp_path / "b").head == head
    code, out, err = run(tmp_path / "b", tmp_path / "c", "--to=google")
    assert code == 0, err
    before, after = tensors_of(source), tensors_of(tmp_path / "c")
    lost = before.keys() - after.keys()
    if head in ("token_classification", "span_v1"):
        assert lost == {"encoder/pooler/kernel", "encoder/pooler/bias"}
    else:
        assert lost == set()
    for name, value in after.items():
        assert np.array_equal(before[name], value), name


def test_encoder_alone(tmp_path, run):
    code, out, err = run(
        RELEASE,
        tmp_path / "x",
        "--to=huggingface",
        "--head=none",
    )
    assert code == 0, err
    assert "25 weights (none)" in out
    assert "Left behind (7): cls/predictions/output_bias, " in out
    assert open_starting_point(tmp_path / "x").head == "none"


def test_lower_casing_can_be_said(tmp_path, run):
    source = written(albert.AlbertEncoder(small_config()), tmp_path / "a")
    # As Google's release comes.
    for name in ("spiece.json", "checksums.json"):
        os.remove(source / name)
    for flag, expected in (("", True), ("--nodo_lower_case", False)):
        destination = tmp_path / f"b{flag}"
        arguments = [source, destination, "--to=huggingface"]
        code, _, err = run(*arguments, *filter(None, [flag]))
        assert code == 0, err
        assert open_starting_point(destination).tokenizer.lower_case == expected


def as_suffix(tmp_path):
    """A vocabulary that tokenizer.json cannot say."""
    model = sentencepiece_model_pb2.ModelProto.FromString(SPM.read_bytes())
    model.trainer_spec.treat_whitespace_as_suffix = True
    path = tmp_path / "suffix.model"
    path.write_bytes(model.SerializeToString())
    return path


def test_tokenizer_that_cannot_go_along(tmp_path, run):
    source = written(
        albert.AlbertEncoder(small_config()),
        tmp_path / "a",
        spm=as_suffix(tmp_path),
    )
    arguments = [source, tmp_path / "b", "--to=huggingface"]
    code, _, err = run(*arguments)
    assert code == 2
    assert "--notokenizer" in err
    assert not (tmp_path / "b").exists()
    code, out, err = run(*arguments, "--notokenizer")
    assert code == 0, err
    assert "No tokenizer was written" in out


def test_ids_are_compared(tmp_path, run):
    config = small_config(vocab_size=30000)
    source = written(albert.AlbertEncoder(config), tmp_path / "a", spm=RELEASED)
    for format, words in (
        ("kerashub", "Tokenizer: 0 of 165 test strings have other ids"),
        ("huggingface", "Tokenizer: "),
        ("google", None),
    ):
        code, out, err = run(source, tmp_path / format, f"--to={format}")
        assert code == 0, err
        assert (words or "Written") in out
        assert ("Tokenizer: " in out) == bool(words)
        found = open_starting_point(tmp_path / format).tokenizer
        assert len(found.digit_comma_table()) == 141


def lacking(tmp_path):
    """A directory whose weights are not those of its configuration."""
    path = tmp_path / "lacking"
    path.mkdir()
    tensors = tensor_bundle.read(RELEASE / "model.ckpt-best")
    del tensors["bert/pooler/dense/bias"]
    tensors["cls/predictions/output_bias"] = np.zeros(7, "float32")
    tensor_bundle.write(path / "model.ckpt-best", tensors)
    shutil.copy(RELEASE / "albert_config.json", path)
    return path


def not_finite(tmp_path):
    path = tmp_path / "nan"
    path.mkdir()
    tensors = tensor_bundle.read(RELEASE / "model.ckpt-best")
    tensors["bert/pooler/dense/bias"] += np.nan
    tensor_bundle.write(path / "model.ckpt-best", tensors)
    shutil.copy(RELEASE / "albert_config.json", path)
    return path


def without_config(tmp_path):
    path = tmp_path / "bare"
    path.mkdir()
    for file in RELEASE.glob("model.ckpt-best.*"):
        shutil.copy(file, path)
    return path


def span_v2(tmp_path):
    model = albert.AlbertSpanPredictor(small_config(), "v2")
    return written(model, tmp_path / "span")


def with_positions(variant, tmp_path):
    model = albert.AlbertEncoder(small_config(position_embedding=variant))
    return written(model, tmp_path / variant)


sinusoidal = functools.partial(with_positions, "sinusoidal")
relative_bias = functools.partial(with_positions, "relative_bias")


def decoder(tmp_path):
    model = albert.AlbertEncoderDecoder(small_config(), 3, "none")
    return written(model, tmp_path / "decoder")


def small_vocabulary(tmp_path):
    model = albert.AlbertEncoder(small_config(vocab_size=1999))
    return written(model, tmp_path / "small")


@pytest.mark.parametrize(
    ("make", "arguments", "words"),
    [
        (lambda _: RELEASE, [], "--to is required"),
        (lambda _: RELEASE, ["--to=torch"], "--to"),
        (lambda _: RELEASE, ["--to=google", "--head=x"], "--head"),
        (lambda _: "/nowhere", ["--to=google"], "/nowhere: no such checkpoint"),
        (lambda path: path, ["--to=google"], "holds no checkpoint"),
        (lacking, ["--to=google"], "(2 differences): missing bert/pooler"),
        (
            lacking,
            ["--to=google"],
            "_bias has shape [7] instead of [1000]",
        ),
        (not_finite, ["--to=huggingface"], "bert/pooler/dense/bias holds"),
        (without_config, ["--to=google"], "comes without a configuration"),
        (span_v2, ["--to=huggingface"], "the head span_v2"),
        (lambda _: RELEASE, ["--to=bert"], "is not hidden_size"),
        (decoder, ["--to=huggingface"], "no class for the head text_to_text"),
        (decoder, ["--to=kerashub"], "no task for the head text_to_text"),
        (decoder, ["--to=google"], "no decoder: a model with the head text_to"),
        (small_vocabulary, ["--to=google"], "vocab_size is 1999, but"),
        (small_vocabulary, ["--to=google"], "out with --notokenizer"),
        (
            sinusoidal,
            ["--to=google"],
            "'sinusoidal': Google's code has learned",
        ),
        (sinusoidal, ["--to=huggingface"], "'sinusoidal': transformers has"),
        (relative_bias, ["--to=google"], "'relative_bias': Google's code has"),
        (relative_bias, ["--to=huggingface"], "embedding 'relative_bias': tr"),
        (relative_bias, ["--to=kerashub"], "embedding is 'relative_bias', and"),
    ],
)
def test_bad_input(tmp_path, run, make, arguments, words):
    source = make(tmp_path)
    before = sorted(os.listdir(tmp_path))
    code, out, err = run(source, tmp_path / "new", *arguments)
    assert code == 2
    assert out == ""
    assert words in err.splitlines()[-1]
    assert sorted(os.listdir(tmp_path)) == before


@pytest.mark.parametrize("make", [sinusoidal, relative_bias])
def test_positions_come_back_in_a_model_directory(tmp_path, run, make):
    source = make(tmp_path)
    code, _, err = run(source, tmp_path / "new", "--to=model_dir")
    assert code == 0, err
    before, after = tensors_of(source), tensors_of(tmp_path / "new")
    assert before.keys() == after.keys()
    for name, value in before.items():
        assert np.array_equal(after[name], value), name
    config = open_starting_point(tmp_path / "new").config
    assert config == open_starting_point(source).config


def test_a_decoder_in_a_model_directory(tmp_path, run):
    """It is copied as it is; its encoder goes everywhere."""
    source = decoder(tmp_path)
    outputs.write_json(source / "task.json", {"kind": "text_to_text"})
    code, out, err = run(source, tmp_path / "copy", "--to=model_dir")
    assert code == 0, err
    assert "(text_to_text)" in out and "Left" not in out
    expected, copied = tensors_of(source), tensors_of(tmp_path / "copy")
    assert len(expected) == len(copied) and any(
        name.startswith("decoder/layer_2/") for name in copied
    )
    for name, value in expected.items():
        np.testing.assert_array_equal(copied[name], value)
    assert (tmp_path / "copy" / "task.json").exists()
    code, out, err = run(
        source, tmp_path / "encoder", "--to=google", "--head=none"
    )
    assert code == 0, err
    assert not any(
        "decoder" in name for name in tensors_of(tmp_path / "encoder")
    )


def test_destination_that_is_there(tmp_path, run):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "notes.txt").write_text("mine")
    code, _, err = run(RELEASE, tmp_path / "x", "--to=google")
    assert code == 2
    assert "nothing is overwritten" in err
    assert os.listdir(tmp_path / "x") == ["notes.txt"]
    code, _, err = run(RELEASE, tmp_path / "x" / "notes.txt", "--to=google")
    assert code == 2
    assert (tmp_path / "x" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("format", convert.FORMATS)
def test_full_disk(tmp_path, run, format, limit_file_size):
    # A BERT's embeddings are as wide as its layers.
    changes = {"embedding_size": 26} if format == "bert" else {}
    model = albert.AlbertPretrainer(small_config(**changes))
    written(model, tmp_path / "model")
    # Less than the smallest file of weights, and more than the others.
    with limit_file_size(50_000):
        code, out, err = run(
            tmp_path / "model", tmp_path / "a/new", f"--to={format}"
        )
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith(f"error: {tmp_path}/a/new")
    assert "cannot be written (File too large)" in last
    assert "choose another destination" in last
    assert "Traceback" not in err and "albert-incomplete" not in last
    assert os.listdir(tmp_path) == ["model"]


def test_two_conversions_at_once(tmp_path, run):
    with outputs.new_directory(tmp_path / "new"):
        code, _, err = run(RELEASE, tmp_path / "new", "--to=google")
    assert code == 2
    assert "another process is writing there" in err.splitlines()[-1]


def test_formats_and_heads_are_all_there():
    from albert.interchange.writers import WRITERS

    assert set(convert.FORMATS) == set(WRITERS)
    # The values of --head.
    assert convert.HEADS_OF_WEIGHTS == (
        "pretraining",
        "masked_lm",
        "classification",
        "multiple_choice",
        "token_classification",
        "span_v1",
        "span_v2",
        "text_to_text",
        "none",
    )


@pytest.mark.parametrize("format", convert.FORMATS)
def test_labels_that_do_not_fit_the_weights(tmp_path, run, format):
    model = albert.AlbertClassifier(small_config(), 2)
    source = written(model, tmp_path / "start")
    outputs.write_json(
        source / "task.json",
        {"kind": "classification", "labels": ["a", "b", "c"]},
    )
    code, out, err = run(source, tmp_path / "new", f"--to={format}")
    assert (code, out) == (2, "")
    assert "have 2 outputs" in err and "names 3: a, b, c" in err
    assert not (tmp_path / "new").exists()


# ------------------------------------------------------------------ the hub


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--to=google", "--push=me/it"], "what --to=huggingface writes"),
        (["--push=it"], "--push: give the name as owner/name"),
        (["--push=me/it@main"], "--push: give the name as owner/name"),
        (["--push=me/it", "--licence=a b"], "--licence: give the identifier"),
        (["--dry_run"], "--dry_run is of --push=owner/name alone"),
        (["--private"], "--private is of --push"),
        (["--overwrite"], "--overwrite is of --push"),
        (["--licence=mit"], "--licence is of --push"),
    ],
)
def test_what_is_not_pushed(run, tmp_path, flags, words):
    place = tmp_path / "out"
    code, _, errors = run(RELEASE, place, "--to=huggingface", *flags)
    assert code == 2
    assert words in errors.splitlines()[-1]
    assert not place.exists()


@pytest.mark.parametrize(
    ("card", "flags", "is_kept"),
    [
        (None, [], False),
        ("# Cats\n\nMy own words.\n", [], True),
        ("# Cats\n\nMy own words.\n", ["--overwrite"], False),
        (model_card.sign("# Cats\n\n"), [], False),
        (model_card.sign("# Cats\n\n") + "My own words.\n", [], True),
    ],
)
def test_a_card_that_is_there_is_kept(
    tmp_path, monkeypatch, capsys, card, flags, is_kept
):
    sent = []
    upload = hub_upload.HubUpload
    monkeypatch.setattr(upload, "check", lambda self: card)
    monkeypatch.setattr(
        upload, "send", lambda self, path: sent.extend(os.listdir(path))
    )
    fv = absl_flags.FlagValues()
    convert.define_flags(fv)
    fv(["convert", "--to=huggingface", "--push=me/it", *flags])
    convert.main(fv, str(RELEASE), str(tmp_path / "out"))
    assert ("README.md" in sent) != is_kept
    assert "config.json" in sent
    said = "me/it has a model card that this package has not written" in (
        capsys.readouterr().out
    )
    assert said == is_kept


def test_what_would_be_pushed(run, tmp_path):
    written(albert.AlbertClassifier(small_config(), 2), tmp_path / "model")
    place = tmp_path / "out"
    code, output, errors = run(
        *(tmp_path / "model", place, "--to=huggingface", "--push=me/it"),
        *("--dry_run", "--licence=mit"),
    )
    assert code == 0, errors
    names = sorted(os.listdir(place))
    assert "README.md" in names
    for name in names:
        size = (place / name).stat().st_size
        assert f"{size:>13,}  {name}\n" in output
    assert f"To hf://me/it: {len(names)} files, " in output
    assert output.endswith("Nothing was sent (--dry_run).\n")
    card = (place / "README.md").read_text()
    assert "license: mit" in card
    parameters = sum(
        np.prod(weight.shape)
        for weight in albert.AlbertClassifier(small_config(), 2).weights
    )
    assert f"| parameters | {parameters} |" in card
