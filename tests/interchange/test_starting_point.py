# SPDX-License-Identifier: Apache-2.0
"""What a model starts from: found together, opened once, passed on."""

import os
import pathlib
import shutil
import tarfile
import types

import numpy as np
import pytest
from sentencepiece import sentencepiece_model_pb2

import albert
from albert.interchange import archives
from albert.interchange import google
from albert.interchange import pretraining_start
from albert.interchange import tensor_bundle
from albert.interchange.starting_point import holds_foreign_weights
from albert.interchange.starting_point import open_starting_point
from albert.interchange.weights import load_slots
from albert.interchange.weights import load_weights
from albert.training import optimizers

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
SPM = GOLDEN / "tokenization" / "spm2000.model"
OTHER_SPM = GOLDEN / "tokenization" / "spm2000_numcomma.model"
WORDPIECE = GOLDEN / "wordpiece" / "vocab.txt"
CONFIG = {
    "vocab_size": 2000,
    "embedding_size": 6,
    "hidden_size": 22,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 26,
    "max_position_embeddings": 53,
}


def make(path, format="model_dir", lower_case=False, **changes):
    """Writes a pretrained model with its tokenizer."""
    model = albert.AlbertPretrainer(albert.AlbertConfig(**CONFIG | changes))
    tokenizer = albert.Tokenizer(SPM, lower_case, digit_comma="stripped")
    albert.save_weights(model, path, format=format, tokenizer=tokenizer)
    return path


@pytest.fixture(scope="module")
def directory(tmp_path_factory):
    return make(tmp_path_factory.mktemp("start") / "model")


@pytest.fixture(scope="module")
def archive(directory):
    path = directory.parent / "model.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(directory, arcname="model")
    return path


@pytest.fixture
def bare(directory, tmp_path):
    """A checkpoint with nothing beside it."""
    for path in directory.glob("model.ckpt-best.*"):
        shutil.copy(path, tmp_path)
    return tmp_path / "model.ckpt-best"


@pytest.fixture
def config_file(tmp_path):
    path = tmp_path / "other" / "albert_config.json"
    path.parent.mkdir()
    albert.AlbertConfig(**CONFIG | {"hidden_size": 26}).to_json(path)
    return path


def refusal(function, *arguments, **options):
    with pytest.raises(albert.UserError) as error:
        function(*arguments, **options)
    message = str(error.value)
    assert "\n" not in message
    return message


# ------------------------------------------------------------ what is found


def test_what_came_with_the_weights(directory):
    start = open_starting_point(directory)
    assert start.path == str(directory)
    assert start.head == "pretraining"
    assert start.num_labels is None
    config, tokenizer = start.find_config_and_tokenizer()
    assert config == start.config == albert.AlbertConfig(**CONFIG)
    assert tokenizer is start.tokenizer
    assert (tokenizer.lower_case, tokenizer.digit_comma) == (False, "stripped")
    assert open_starting_point(start) is start


def test_outputs_of_a_classifier(directory, tmp_path):
    model = albert.AlbertClassifier(albert.AlbertConfig(**CONFIG), 3)
    albert.save_weights(model, tmp_path / "x", format="model_dir")
    start = open_starting_point(tmp_path / "x")
    assert (start.head, start.num_labels) == ("classification", 3)


@pytest.mark.parametrize("format", ["huggingface", "kerashub"])
def test_what_was_trained_there_is_read_whatever_lies_beside_it(
    directory, tmp_path, format
):
    make(tmp_path, format, embedding_size=4)
    assert holds_foreign_weights(str(tmp_path))
    assert open_starting_point(tmp_path).config.embedding_size == 4
    for path in directory.iterdir():
        shutil.copy(path, tmp_path)
    (tmp_path / "run.json").write_text("{}")
    (tmp_path / "task.json").write_text('{"task_name": "rte"}')
    start = open_starting_point(tmp_path)
    assert start.config.embedding_size == 6
    assert start.source.format == "google"
    assert start.task == {"task_name": "rte"}
    assert not holds_foreign_weights(str(tmp_path))


def test_random_weights(config_file):
    start = open_starting_point(None)
    assert (start.path, start.source, start.config) == (None, None, None)
    assert (start.tokenizer, start.head, start.num_labels) == (
        None,
        "none",
        None,
    )
    message = refusal(start.find_config_and_tokenizer, model_size="tiny")
    assert message.startswith("a new model comes without a tokenizer: give")
    assert "--spm_model_file" in message
    config, tokenizer = start.find_config_and_tokenizer(
        model_size="tiny", vocabulary_file=SPM
    )
    assert config == albert.AlbertConfig.named("tiny", vocab_size=2000)
    assert (tokenizer.lower_case, tokenizer.digit_comma) == (True, "original")
    config, _ = start.find_config_and_tokenizer(
        config_file, vocabulary_file=SPM
    )
    assert config.hidden_size == 26
    with pytest.raises(ValueError, match="no weights to load"):
        load_weights(albert.AlbertEncoder(config), start)


def test_weights_alone(bare):
    start = open_starting_point(bare)
    message = refusal(start.find_config_and_tokenizer)
    assert message.startswith(f"{bare} comes without a tokenizer: give it")
    assert "--spm_model_file" in message
    assert "spiece.model" in message
    for missing in (
        refusal(start.find_config_and_tokenizer, vocabulary_file=SPM),
        refusal(start.find_config),
    ):
        assert missing.startswith(f"{bare} comes without a configuration: give")
        assert "--albert_config_file" in missing
        assert "albert_config.json" in missing


def test_flags_win(directory, config_file):
    start = open_starting_point(directory)
    config, tokenizer = start.find_config_and_tokenizer(
        config_file, dropout=0.125
    )
    assert config.hidden_size == 26
    assert config.hidden_dropout_prob == 0.125
    assert config.attention_probs_dropout_prob == 0.125
    config, _ = start.find_config_and_tokenizer(model_size="mini")
    assert config == albert.AlbertConfig.named("mini", vocab_size=2000)
    # Its other settings are those of the weights.
    _, tokenizer = start.find_config_and_tokenizer(vocabulary_file=SPM)
    assert tokenizer is not start.tokenizer
    assert (tokenizer.lower_case, tokenizer.digit_comma) == (False, "stripped")
    _, tokenizer = start.find_config_and_tokenizer(
        vocabulary_file=SPM, strip_accents=False
    )
    assert (tokenizer.lower_case, tokenizer.strip_accents) == (False, False)
    message = refusal(start.find_config_and_tokenizer, strip_accents=False)
    assert message.startswith("--strip_accents is False, but that of")
    _, tokenizer = start.find_config_and_tokenizer(
        vocabulary_file=SPM, do_lower_case=True
    )
    assert tokenizer.lower_case
    assert (
        start.find_config_and_tokenizer(do_lower_case=False)[1]
        is start.tokenizer
    )


def test_flags_that_contradict_the_weights(directory):
    start = open_starting_point(directory)
    message = refusal(start.find_config_and_tokenizer, do_lower_case=True)
    assert f"--do_lower_case is True, but that of {directory}" in message
    message = refusal(
        start.find_config_and_tokenizer, vocabulary_file=OTHER_SPM
    )
    assert f"{OTHER_SPM} has other pieces than" in message
    assert str(directory) in message


def test_vocabulary_of_another_size(tmp_path):
    path = make(tmp_path / "x", vocab_size=1999)
    start = open_starting_point(path)
    message = refusal(start.find_config_and_tokenizer)
    assert message.startswith(f"{path}: vocab_size is 1999, but ")
    assert "spiece.model has 2000 pieces: give" in message
    assert refusal(start.check_pieces, start.config, start.tokenizer) == message
    # A vocabulary that is padded holds all pieces.
    path = make(tmp_path / "y", vocab_size=2001)
    start = open_starting_point(path)
    start.check_pieces(start.config, start.tokenizer)
    assert "vocab_size is 2001" in refusal(start.find_config_and_tokenizer)


def test_tokenizer_that_cannot_be_used(tmp_path):
    """It is refused where it is wanted, and nowhere else."""
    path = make(tmp_path / "x", "huggingface")
    (path / "tokenizer_config.json").write_text('{"keep_accents": 1}')
    start = open_starting_point(path)
    assert "keep_accents is 1" in refusal(start.find_config_and_tokenizer)
    _, tokenizer = start.find_config_and_tokenizer(vocabulary_file=SPM)
    assert tokenizer.vocabulary_size == 2000
    load_weights(albert.AlbertPretrainer(start.config), start)


# ------------------------------------------------------------- WordPiece

WORDS = {"vocab_size": 916}


@pytest.fixture(scope="module")
def chinese(tmp_path_factory):
    """A folder as Google's Chinese archives have it, without a model file."""
    path = tmp_path_factory.mktemp("start") / "albert_tiny_zh"
    model = albert.AlbertPretrainer(albert.AlbertConfig(**CONFIG | WORDS))
    albert.save_weights(model, path, format="google")
    shutil.copy(WORDPIECE, path / "vocab_chinese.txt")
    return path


def test_vocabulary_of_the_chinese_releases(chinese):
    start = open_starting_point(chinese)
    _, tokenizer = start.find_config_and_tokenizer()
    assert tokenizer.kind == "wordpiece"
    assert tokenizer.lower_case
    assert tokenizer.content == WORDPIECE.read_bytes()


def test_wordpiece_of_a_flag(chinese, bare):
    tokenizer = open_starting_point(bare).find_tokenizer(WORDPIECE, False)
    assert tokenizer.settings == {"lower_case": False, "strip_accents": False}
    start = open_starting_point(chinese)
    assert start.find_tokenizer(WORDPIECE).fingerprint == (
        start.tokenizer.fingerprint
    )
    message = refusal(start.find_tokenizer, SPM)
    assert f"{SPM} has other pieces than the tokenizer of {chinese}" in message


@pytest.mark.parametrize("format", ["model_dir", "google"])
def test_wordpiece_goes_along(tmp_path, format):
    model = albert.AlbertPretrainer(albert.AlbertConfig(**CONFIG | WORDS))
    tokenizer = albert.load_tokenizer(WORDPIECE, lower_case=False)
    albert.save_weights(model, tmp_path / "x", format, tokenizer)
    assert {"vocab.txt", "wordpiece.json"} <= {
        path.name for path in (tmp_path / "x").iterdir()
    }
    again = open_starting_point(tmp_path / "x").tokenizer
    assert again.fingerprint == tokenizer.fingerprint
    (tmp_path / "x" / "vocab.txt").write_text("[UNK]\n")
    assert "checksums.json" in refusal(
        open_starting_point(tmp_path / "x").find_tokenizer
    )


# ---------------------------------------------------------- pretraining


def records(tokenizer_file=None, lower_case=False):
    return types.SimpleNamespace(
        files=["x.tfrecord"],
        metadata={"settings": {"do_lower_case": lower_case}},
        tokenizer_file=lambda: tokenizer_file,
    )


def test_tokenizer_of_records(directory, caplog):
    new = open_starting_point()
    config, tokenizer = pretraining_start.find_config_and_tokenizer(
        new, records(), None, "tiny"
    )
    assert config == albert.AlbertConfig.named("tiny")
    assert tokenizer is None
    assert "the one that made x.tfrecord with --spm_model_file" in caplog.text
    config, tokenizer = pretraining_start.find_config_and_tokenizer(
        new, records(SPM), None, "tiny"
    )
    assert config.vocab_size == 2000
    assert not tokenizer.lower_case
    start = open_starting_point(directory)
    config, tokenizer = pretraining_start.find_config_and_tokenizer(
        start, records()
    )
    assert (config, tokenizer) == (start.config, start.tokenizer)
    _, tokenizer = pretraining_start.find_config_and_tokenizer(
        start, records(SPM, lower_case=True)
    )
    assert tokenizer.lower_case
    silent = records(SPM)
    silent.metadata = None
    _, tokenizer = pretraining_start.find_config_and_tokenizer(start, silent)
    assert tokenizer.settings == start.tokenizer.settings
    for message in (
        refusal(
            pretraining_start.find_config_and_tokenizer,
            start,
            records(OTHER_SPM),
        ),
        refusal(
            pretraining_start.find_config_and_tokenizer,
            start,
            records(SPM),
            vocabulary_file=OTHER_SPM,
        ),
    ):
        assert message.startswith(f"{directory} was trained with another")
        assert f"{OTHER_SPM}, which made x.tfrecord" in message


def test_a_tokenizer_that_is_there_is_kept(directory, tmp_path, caplog):
    directory = shutil.copytree(directory, tmp_path / "model")
    new = open_starting_point()
    arguments = records(), None, "tiny"
    _, tokenizer = pretraining_start.find_config_and_tokenizer(
        new, *arguments, directory=str(directory)
    )
    # What lies there may be of another model, unless its run was begun there.
    assert tokenizer is None and caplog.messages
    caplog.clear()
    (directory / "run.json").write_text("{}")
    config, tokenizer = pretraining_start.find_config_and_tokenizer(
        new, *arguments, directory=str(directory)
    )
    own = open_starting_point(directory).tokenizer
    assert tokenizer.fingerprint == own.fingerprint
    assert config.vocab_size == 2000
    assert not caplog.messages


def test_the_same_pieces_with_other_scores_are_another_vocabulary(
    directory, tmp_path
):
    model = sentencepiece_model_pb2.ModelProto.FromString(SPM.read_bytes())
    model.pieces[100].score -= 1
    (tmp_path / "other.model").write_bytes(model.SerializeToString())
    message = refusal(
        pretraining_start.find_config_and_tokenizer,
        open_starting_point(directory),
        records(str(tmp_path / "other.model")),
    )
    assert message.startswith(f"{directory} was trained with another")


# ------------------------------------------------- opened once, read lazily


@pytest.fixture
def counted(monkeypatch):
    """Counts of what is opened, unpacked and read."""
    counts = {"opened": 0, "unpacked": 0, "read": 0}

    def count(module, name, key):
        function = getattr(module, name)

        def counting(*arguments):
            counts[key] += 1
            return function(*arguments)

        monkeypatch.setattr(module, name, counting)

    count(google, "_open_checkpoint", "opened")
    count(archives, "_unpack", "unpacked")
    count(google.Tensors, "__getitem__", "read")
    yield counts
    archives.remove_folders()


def test_a_run_opens_an_archive_once(archive, counted):
    start = open_starting_point(archive)
    config, _ = start.find_config_and_tokenizer(dropout=0.1)
    assert start.head == "pretraining"
    assert counted == {"opened": 1, "unpacked": 1, "read": 0}
    model = albert.AlbertClassifier(config, 3)
    for _ in range(5):
        load_weights(model, start, fresh=("classifier",))
    assert counted["opened"] == counted["unpacked"] == 1
    assert counted["read"] >= 5 * 25


def test_a_process_unpacks_an_archive_once(archive, counted):
    for _ in range(3):
        model = albert.AlbertEncoder(open_starting_point(archive).config)
        load_weights(model, archive)
    assert counted["opened"] == 6
    assert counted["unpacked"] == 1


def test_moments_from_what_is_open(tmp_path, counted):
    model = albert.AlbertEncoder(albert.AlbertConfig(**CONFIG))
    optimizer = optimizers.AdamW(0.1)
    optimizer.build(model.trainable_variables)
    tensors = {"global_step": np.int64(7)}
    for name, value in albert.interchange.weights.google_tensors(model).items():
        tensors[name] = value
        tensors[f"{name}/adam_m"] = value + 1
        tensors[f"{name}/adam_v"] = value + 2
    tensor_bundle.write(tmp_path / "model.ckpt-7", tensors)
    start = open_starting_point(tmp_path)
    load_weights(model, start)
    assert load_slots(optimizer, model, start) == 7
    assert counted["opened"] == 1
    for variable, moment in zip(
        model.trainable_variables, optimizer.adam_m, strict=True
    ):
        np.testing.assert_array_equal(moment, variable + 1)


@pytest.mark.parametrize("format", ["huggingface", "kerashub"])
def test_a_file_that_is_replaced_meanwhile(tmp_path, format):
    """Weights of two models are never mixed."""
    path = make(tmp_path / "x", format, lower_case=True)
    tensors = open_starting_point(path).source.tensors
    names = sorted(tensors)
    tensors[names[0]]
    for file in pathlib.Path(path).glob("model*"):
        content = file.read_bytes()
        file.unlink()
        file.write_bytes(content)
    with pytest.raises(
        albert.UserError, match="was replaced while it was read"
    ):
        tensors[names[1]]


@pytest.mark.parametrize("format", ["huggingface", "kerashub"])
def test_no_file_stays_open(tmp_path, format):
    path = make(tmp_path / "x", format, lower_case=True)
    start = open_starting_point(path)
    load_weights(albert.AlbertEncoder(start.config), start)
    links = [
        os.readlink(entry.path)
        for entry in os.scandir("/proc/self/fd")
        if os.path.exists(entry.path)
    ]
    assert not [link for link in links if link.startswith(str(path))]
