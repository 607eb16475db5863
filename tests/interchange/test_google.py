# SPDX-License-Identifier: Apache-2.0
"""Google's release in all its shapes, archives that attack, and writing."""

import gzip
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile

import numpy as np
import pytest

import albert
from albert.interchange import archives
from albert.interchange import checkpoint_paths
from albert.interchange import names
from albert.interchange import tensor_bundle
from albert.interchange.starting_point import open_starting_point

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
RELEASE = GOLDEN / "encoder_tiny_a"
SPM = GOLDEN / "tokenization" / "spm2000.model"
WEIGHTS = (
    "model.ckpt-best.data-00000-of-00001",
    "model.ckpt-best.index",
)


def tensors_of(path):
    return dict(open_starting_point(path).source.tensors)


def assert_is_the_release(path):
    expected = {
        names.our_name(name, "google"): value
        for name, value in tensor_bundle.read(
            RELEASE / "model.ckpt-best"
        ).items()
        if name != "global_step"
    }
    found = tensors_of(path)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert np.array_equal(found[name], value), name


def make_release(directory, spm="30k-clean.model", config="albert_config.json"):
    directory.mkdir(parents=True)
    for name in WEIGHTS:
        shutil.copyfile(RELEASE / name, directory / name)
    shutil.copyfile(RELEASE / "albert_config.json", directory / config)
    if spm:
        shutil.copyfile(SPM, directory / spm)
    return directory


def make_archive(path, folder):
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, arcname="albert_base")
    return path


# ------------------------------------------------------------ what is found


def test_directory_with_all_beside_it(tmp_path):
    path = make_release(tmp_path / "albert_base")
    for each in (path, tmp_path, path / "model.ckpt-best"):
        assert_is_the_release(each)
        start = open_starting_point(each)
        assert start.path == str(each)
        assert start.source.path == str(path / "model.ckpt-best")
        assert start.head == "pretraining"
        assert start.config.hidden_size == 64
        assert start.tokenizer.lower_case
        assert start.tokenizer.vocabulary_size == 2000


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The directory of temporary files."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    return temporary


def test_archive_leaves_nothing_behind(tmp_path, temporary):
    folder = make_release(tmp_path / "x")
    path = make_archive(tmp_path / "albert_base_v2.tar.gz", folder)
    assert_is_the_release(path)
    start = open_starting_point(path)
    assert start.path == str(path)
    assert start.source.path == f"{path}/albert_base/model.ckpt-best"
    assert start.config.num_hidden_layers == 4
    assert start.tokenizer.vocabulary_size == 2000
    assert len(list(temporary.iterdir())) == 1
    archives.remove_folders()
    assert list(temporary.iterdir()) == []
    assert_is_the_release(path)


def test_a_full_disk_is_no_fault_of_the_archive(tmp_path, limit_file_size):
    content = (member("a"), b"1" * 9000)
    path = archive_of(tmp_path / "x.tar.gz", content)
    with (
        limit_file_size(5000),
        pytest.raises(albert.UserError, match="unpacked into .* set TMPDIR"),
    ):
        archives.unpack(path)


def test_archive_is_unpacked_again_when_it_or_its_folder_changed(
    tmp_path, temporary
):
    path = archive_of(tmp_path / "x.tar.gz", (member("a"), b"1"))
    folder = archives.unpack(path)
    assert archives.unpack(str(path)) == folder
    archive_of(path, (member("a"), b"2"))
    os.utime(path, ns=(0, 0))
    changed = pathlib.Path(archives.unpack(path))
    assert (changed / "a").read_bytes() == b"2"
    shutil.rmtree(changed)
    again = pathlib.Path(archives.unpack(path))
    assert (again / "a").read_bytes() == b"2"
    archives.remove_folders()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "end", ["", "sys.exit(2)", "1 / 0", "command_line.leave(3)"]
)
def test_folders_of_archives_go_with_the_process(tmp_path, temporary, end):
    path = archive_of(tmp_path / "x.tar.gz", (member("a"), b"1"))
    program = (
        "import os, sys\n"
        "from albert import command_line\n"
        "from albert.interchange import archives\n"
        f"print(os.listdir(archives.unpack({str(path)!r})))\n{end}"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
    )
    assert done.stdout == "['a']\n", done.stderr
    assert list(temporary.iterdir()) == []


def test_archive_that_is_not_compressed(tmp_path):
    folder = make_release(tmp_path / "x")
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        archive.add(folder, arcname=".")
    assert_is_the_release(tmp_path / "a.tar")


def test_chinese_release_with_a_damaged_vocabulary(tmp_path):
    path = make_release(tmp_path / "x", None, "albert_config_base.json")
    (path / "vocab_chinese.txt").write_text("[PAD]\n")
    start = open_starting_point(path)
    assert start.config.vocab_size == 1000
    with pytest.raises(
        albert.UserError, match="nor a WordPiece vocabulary, which"
    ):
        start.find_config_and_tokenizer()


def test_tf_hub_module(tmp_path):
    (tmp_path / "variables").mkdir()
    tensor_bundle.write(
        tmp_path / "variables" / "variables",
        {
            f"module/{name}": value
            for name, value in tensor_bundle.read(
                RELEASE / "model.ckpt-best"
            ).items()
            if name != "global_step"
        },
    )
    (tmp_path / "saved_model.pb").write_bytes(b"")
    assets = tmp_path / "assets"
    assets.mkdir()
    shutil.copyfile(SPM, assets / "30k-clean.model")
    shutil.copyfile(
        RELEASE / "albert_config.json", assets / "albert_config.json"
    )
    for path in (tmp_path, tmp_path / "variables" / "variables"):
        assert_is_the_release(path)
        start = open_starting_point(path)
        assert start.config.hidden_size == 64
        assert start.tokenizer.vocabulary_size == 2000


def test_best_step_and_only_checkpoint(tmp_path):
    for step in (90, 700):
        tensor_bundle.write(
            tmp_path / f"model.ckpt-{step}", {"a": np.float32(1)}
        )
    assert checkpoint_paths.find_prefix(str(tmp_path)).endswith(
        "model.ckpt-700"
    )
    other = tmp_path / "other"
    other.mkdir()
    tensor_bundle.write(other / "bert_model.ckpt", {"a": np.float32(1)})
    assert checkpoint_paths.find_prefix(str(other)) == str(
        other / "bert_model.ckpt"
    )


@pytest.mark.parametrize(
    ("head", "expected", "make"),
    [
        (
            "classification_3way",
            "classification",
            lambda config: albert.AlbertClassifier(config, 3),
        ),
        (
            "race",
            "classification",
            lambda config: albert.AlbertMultipleChoice(config),
        ),
        (
            "squad_v1",
            "span_v1",
            lambda config: albert.AlbertSpanPredictor(config, "v1"),
        ),
        (
            "squad_v2",
            "span_v2",
            lambda config: albert.AlbertSpanPredictor(config, "v2"),
        ),
    ],
)
def test_fine_tuned_heads_of_the_original(tmp_path, head, expected, make):
    encoder = {
        name: value
        for name, value in tensor_bundle.read(
            RELEASE / "model.ckpt-best"
        ).items()
        if name.startswith("bert/")
    }
    with np.load(GOLDEN / "heads" / head / "head_weights.npz") as file:
        weights = {name: file[name] for name in file.files}
    tensor_bundle.write(
        tmp_path / "model.ckpt-best",
        {**encoder, **weights, "global_step": np.int64(7)},
    )
    start = open_starting_point(tmp_path)
    assert start.head == expected
    model = make(albert.AlbertConfig.from_json(RELEASE / "albert_config.json"))
    report = albert.load_weights(model, tmp_path)
    assert report.unused == report.fresh == []
    variables = names.named_variables(model)
    for name, value in weights.items():
        found = variables[names.our_name(name, "google")].numpy()
        assert np.array_equal(found, value), name


def test_several_heads_are_not_guessed(tmp_path):
    tensor_bundle.write(
        tmp_path / "model.ckpt-best",
        {
            name: np.zeros(3, np.float32)
            for name in ("output_bias", "cls/squad/output_bias")
        },
    )
    with pytest.raises(albert.UserError, match="several heads .*--head"):
        assert open_starting_point(tmp_path).head


def test_slots_and_step(tmp_path):
    name = "bert/pooler/dense/bias"
    tensor_bundle.write(
        tmp_path / "model.ckpt-5",
        {
            name: np.float32([1, 2]),
            f"{name}/adam_m": np.float32([3, 4]),
            f"{name}/adam_v": np.float32([5, 6]),
            "global_step": np.int64(5),
            "training_state/best": np.float64(0.5),
            "training_state/evaluation": "words",
        },
    )
    source = open_starting_point(tmp_path).source
    assert dict(source.tensors).keys() == {"encoder/pooler/bias"}
    assert source.adam_m["encoder/pooler/bias"].tolist() == [3, 4]
    assert source.adam_v["encoder/pooler/bias"].tolist() == [5, 6]
    assert source.global_step == 5
    assert source.unknown == []


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("global_step", np.int64([5]), "global_step is no whole number"),
        ("global_step", np.array("5"), "global_step is no whole number"),
        ("bert/pooler/dense/bias", np.int8([1, 2]), "of type int8"),
        ("bert/pooler/dense/bias", np.array(["a", "b"]), "of type"),
    ],
)
def test_values_that_are_no_weights(tmp_path, name, value, words):
    tensor_bundle.write(tmp_path / "model.ckpt-5", {name: value})
    with pytest.raises(albert.UserError, match=words):
        dict(open_starting_point(tmp_path).source.tensors)


# ----------------------------------------------------------- hostile files


def archive_of(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name, type=tarfile.REGTYPE, linkname=""):
    info = tarfile.TarInfo(name)
    info.type = type
    info.linkname = linkname
    return info


@pytest.mark.parametrize(
    "entry",
    [
        member("../evil"),
        member("a/../../evil"),
        member("/tmp/evil"),
        member("a\\..\\evil"),
        member("evil", tarfile.SYMTYPE, "/etc/passwd"),
        member("evil", tarfile.LNKTYPE, "../secret"),
        member("evil", tarfile.CHRTYPE),
        member("evil", tarfile.FIFOTYPE),
        member("evil", tarfile.CONTTYPE),
    ],
    ids=lambda entry: f"{entry.name} {entry.type}",
)
def test_archives_that_reach_outside(tmp_path, temporary, entry):
    path = archive_of(tmp_path / "x.tar.gz", (entry, b""))
    with pytest.raises(albert.UserError, match="a link, a device or outside"):
        archives.unpack(path)
    assert sorted(tmp_path.rglob("*")) == [temporary, path]


def test_a_link_and_then_a_file_through_it(tmp_path, temporary):
    path = archive_of(
        tmp_path / "x.tar.gz",
        (member("a", tarfile.SYMTYPE, str(tmp_path)), b""),
        (member("a/evil"), b"1"),
    )
    with pytest.raises(albert.UserError):
        archives.unpack(path)
    assert sorted(tmp_path.rglob("*")) == [temporary, path]


@pytest.mark.parametrize(
    "members",
    [
        ((member("a"), b"1"), (member("a"), b"2")),
        ((member("a"), b"1"), (member("a/b"), b"2")),
        ((member("x" * 300), b"1"),),
    ],
)
def test_archives_that_contradict_themselves(tmp_path, temporary, members):
    path = archive_of(tmp_path / "x.tar.gz", *members)
    with pytest.raises(albert.UserError, match="not a readable archive"):
        archives.unpack(path)
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no archive",
        b"\x1f\x8b",
        # Without the time, which would be in the names of these tests.
        gzip.compress(b"no archive" * 100, mtime=0),
        gzip.compress(b"x" * 5000, mtime=0)[:-30],
    ],
)
def test_files_that_are_no_archives(tmp_path, content):
    path = tmp_path / "x.tar.gz"
    path.write_bytes(content)
    with pytest.raises(albert.UserError) as error:
        open_starting_point(path)
    assert str(error.value).startswith(str(path))


def test_truncated_archive(tmp_path):
    path = make_archive(tmp_path / "x.tar.gz", make_release(tmp_path / "x"))
    path.write_bytes(path.read_bytes()[:100000])
    with pytest.raises(albert.UserError, match="not a readable archive"):
        open_starting_point(path)


@pytest.mark.parametrize("kind", ["w:gz", "w"])
def test_a_bit_of_an_archive_that_flips(tmp_path, temporary, kind):
    """Not one bit changes in silence what is unpacked of a compressed one."""
    path = tmp_path / "x.tar.gz"
    content = {
        name: np.random.default_rng(0).integers(0, 9, 500, np.uint8).tobytes()
        for name in ("spiece.model", "albert_config.json")
    }
    with tarfile.open(path, kind) as archive:
        for name, value in content.items():
            info = member(name)
            info.size = len(value)
            archive.addfile(info, io.BytesIO(value))
    whole = path.read_bytes()
    refused = 0
    for bit in np.random.default_rng(1).choice(8 * len(whole), 400, False):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        path.write_bytes(damaged)
        try:
            folder = pathlib.Path(archives.unpack(path))
        except albert.UserError as error:
            assert "get it again" in str(error)
            refused += 1
            continue
        found = {each.name: each.read_bytes() for each in folder.iterdir()}
        archives.remove_folders()
        # Nothing guards the content of an archive that is not compressed.
        assert found.keys() == content.keys()
        assert kind == "w" or found == content, f"bit {bit}"
    assert refused > (380 if kind == "w:gz" else 20)
    assert list(temporary.iterdir()) == []


def test_what_stands_behind_an_archive(tmp_path):
    path = archive_of(tmp_path / "x.tar.gz", (member("a"), bytes(range(256))))
    whole = path.read_bytes()
    plain = gzip.decompress(whole)
    # Of several streams, or with zeros behind it, it is the same archive.
    for same in (
        gzip.compress(plain[:700]) + gzip.compress(plain[700:]),
        whole + bytes(100),
    ):
        path.write_bytes(same)
        archives.unpack(path)
        archives.remove_folders()
    for damaged in (
        whole + b"garbage",
        whole + whole,
        whole[:-1],
        gzip.compress(plain[:1024]),  # cut between two entries
        gzip.compress(plain[:1024] + plain),
        plain + b"garbage",
    ):
        path.write_bytes(damaged)
        with pytest.raises(albert.UserError, match="not a readable archive"):
            archives.unpack(path)


def test_archive_that_unpacks_to_too_much(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MAX_BYTES", 1 << 20)
    path = archive_of(tmp_path / "x.tar.gz", (member("a"), bytes(3 << 20)))
    assert path.stat().st_size < 10000
    with pytest.raises(albert.UserError, match="larger than any released"):
        open_starting_point(path)


def test_archive_with_a_header_that_fills_the_memory(tmp_path):
    info = tarfile.TarInfo("a")
    info.pax_headers = {"comment": "x" * (3 << 20)}
    with tarfile.open(
        tmp_path / "x.tar.gz", "w:gz", format=tarfile.PAX_FORMAT
    ) as archive:
        archive.addfile(info)
    with pytest.raises(albert.UserError, match="larger than any released"):
        open_starting_point(tmp_path / "x.tar.gz")


def test_archive_of_too_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(archives, "_MAX_FILES", 3)
    members = [(member(str(number)), b"") for number in range(4)]
    path = archive_of(tmp_path / "x.tar.gz", *members)
    with pytest.raises(albert.UserError, match="more than 3 files"):
        open_starting_point(path)


def test_index_that_claims_more_than_the_data(tmp_path):
    for name in WEIGHTS:
        shutil.copyfile(RELEASE / name, tmp_path / name)
    data = tmp_path / WEIGHTS[0]
    data.write_bytes(data.read_bytes()[:1000])
    with pytest.raises(albert.UserError, match="the data file has 1,000 bytes"):
        open_starting_point(tmp_path)


@pytest.mark.parametrize(
    "content, words",
    [
        ('{"lower": 1}', '"lower" is not one of lower_case, digit_comma'),
        ('{"lower_case": 1}', "lower_case: expected true or false, found 1"),
        ("{", "spiece.json: "),
    ],
)
def test_damaged_settings_of_a_tokenizer(tmp_path, content, words):
    path = make_release(tmp_path / "x")
    (path / "spiece.json").write_text(content)
    with pytest.raises(albert.UserError, match=words):
        open_starting_point(path)


@pytest.mark.parametrize("format", ["google", "model_dir"])
def test_another_vocabulary_of_the_same_size_is_refused(tmp_path, format):
    """And yet the weights can be loaded without it."""
    config = small_config()
    encoder = albert.AlbertEncoder(config)
    path = tmp_path / "x"
    albert.save_weights(
        encoder, path, format=format, tokenizer=albert.Tokenizer(SPM)
    )
    assert open_starting_point(path).tokenizer.vocabulary_size == 2000
    model = path / "spiece.model"
    model.write_bytes(model.read_bytes().replace(b"the", b"thy", 1))
    start = open_starting_point(path)
    with pytest.raises(albert.UserError) as error:
        print(start.tokenizer)
    for words in (model, path / "checksums.json", "another file"):
        assert str(words) in str(error.value)
    albert.load_weights(encoder, path)
    settings = path / "albert_config.json"
    settings.write_text(settings.read_text().replace("0.02", "0.03"))
    with pytest.raises(albert.UserError, match="albert_config.*checksums"):
        open_starting_point(path)


# ------------------------------------------------------------------ writing


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


def test_written_files_are_the_release_s(tmp_path):
    model = albert.AlbertPretrainer(
        albert.AlbertConfig.from_json(RELEASE / "albert_config.json")
    )
    albert.load_weights(model, RELEASE)
    assert albert.save_weights(model, tmp_path / "x", format="google") == []
    assert_is_the_release(tmp_path / "x")
    with open(tmp_path / "x" / "albert_config.json") as file:
        written = json.load(file)
    with open(RELEASE / "albert_config.json") as file:
        released = json.load(file)
    assert written == {name: released[name] for name in written}
    # What the original's AlbertConfig takes, modeling.py:37.
    assert not {"sharing", "masked_lm_epsilon"} & written.keys()
    assert len(written) == 14


def test_tokenizer_comes_back(tmp_path):
    tokenizer = albert.Tokenizer(SPM, lower_case=False)
    model = albert.AlbertEncoder(small_config())
    for format in ("google", "model_dir"):
        albert.save_weights(
            model, tmp_path / format, format=format, tokenizer=tokenizer
        )
        found = open_starting_point(tmp_path / format).tokenizer
        assert found.fingerprint == tokenizer.fingerprint


def test_unshared_layers_are_groups_of_the_original(tmp_path):
    model = albert.AlbertEncoder(small_config(sharing="none"))
    albert.save_weights(model, tmp_path / "x", format="google")
    config = open_starting_point(tmp_path / "x").config
    assert (config.sharing, config.num_hidden_groups) == ("all", 4)
    again = albert.AlbertEncoder(config)
    albert.load_weights(again, tmp_path / "x")
    for name, variable in names.named_variables(model).items():
        found = names.named_variables(again)[name]
        assert np.array_equal(found.numpy(), variable.numpy())


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden_act": "gelu_erf"}, "'gelu_erf' is not one of Google's"),
        ({"sharing": "attention"}, "sharing 'attention'"),
        (
            {"sharing": "none", "num_hidden_layers": 22},
            "rounding mixes up groups",
        ),
    ],
)
def test_what_the_original_cannot_hold(tmp_path, changes, words):
    model = albert.AlbertEncoder(small_config(**changes))
    with pytest.raises(albert.UserError, match=words):
        albert.save_weights(model, tmp_path / "x", format="google")
    assert os.listdir(tmp_path) == []
    # A directory of this project holds it.
    albert.save_weights(model, tmp_path / "x", format="model_dir")
    assert open_starting_point(tmp_path / "x").config == model.config


@pytest.mark.parametrize("format", ["google", "huggingface"])
def test_another_epsilon_is_warned_of(tmp_path, caplog, format):
    model = albert.AlbertPretrainer(small_config(masked_lm_epsilon=1e-5))
    albert.save_weights(model, tmp_path / "x", format=format)
    assert "adds 1e-05 to the variance" in caplog.text
    caplog.clear()
    albert.save_weights(model.encoder, tmp_path / "y", format=format)
    assert caplog.text == ""


def test_nothing_is_overwritten(tmp_path):
    model = albert.AlbertEncoder(small_config())
    (tmp_path / "x").mkdir()
    albert.save_weights(model, tmp_path / "x", format="google")
    before = sorted(os.listdir(tmp_path / "x"))
    for format in ("google", "model_dir", "huggingface", "kerashub"):
        with pytest.raises(albert.UserError, match="nothing is overwritten"):
            albert.save_weights(model, tmp_path / "x", format=format)
    assert sorted(os.listdir(tmp_path / "x")) == before
    with pytest.raises(ValueError, match="format is 'torch'"):
        albert.save_weights(model, tmp_path / "y", format="torch")
