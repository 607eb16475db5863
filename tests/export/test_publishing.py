# SPDX-License-Identifier: Apache-2.0
"""What is told and sent to the places where models are published."""

import json
import os
import sys
import tarfile
import types

import pytest
from tensorflow.core.protobuf import fingerprint_pb2

from albert.errors import UserError
from albert.export import publishing
from albert.export import publishing_facts
from albert.export import publishing_page
from albert.export.publishing import Handle
from albert.export.publishing_facts import read_metrics
from albert.export.publishing_facts import read_phases

HANDLE = Handle("me", "albert", "novels-mini")
LICENCE = publishing.LICENCES["mit"]


class BackendError(Exception):
    pass


def kagglehub(upload, credentials="some"):
    """A stand-in for the library, which needs the network."""
    module = types.ModuleType("kagglehub")
    module.model_upload = upload
    module.config = types.ModuleType("kagglehub.config")
    module.config.get_kaggle_credentials = lambda: credentials
    module.exceptions = types.ModuleType("kagglehub.exceptions")
    module.exceptions.BackendError = BackendError
    module.exceptions.CredentialError = type("CredentialError", (OSError,), {})
    module.exceptions.UnauthenticatedError = PermissionError
    return module


def install(monkeypatch, module):
    monkeypatch.setitem(sys.modules, "kagglehub", module)
    for name in ("config", "exceptions"):
        monkeypatch.setitem(
            sys.modules, f"kagglehub.{name}", getattr(module, name, None)
        )


def write(path, files):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return str(path)


# ------------------------------------------------------------------- handles


def test_handle():
    assert Handle.parse("me/albert/tensorFlow2/novels-mini") == HANDLE
    assert str(HANDLE) == "me/albert/tensorFlow2/novels-mini"
    assert str(HANDLE.preprocessor) == (
        "me/albert/tensorFlow2/novels-mini-preprocess"
    )


@pytest.mark.parametrize(
    "text",
    [
        "me/albert",
        "me/albert/pyTorch/mini",
        "me/albert/tensorFlow2/mini/1",
        "me/albert/tensorFlow2/",
        "Me/albert/tensorFlow2/mini",
        "me/al bert/tensorFlow2/mini",
        "me/../tensorFlow2/mini",
        "https://example.com/me/albert/tensorFlow2/mini",
        "me/albert/tensorFlow2/mini\n",
    ],
)
def test_handle_of_another_form(text):
    with pytest.raises(UserError, match="OWNER/MODEL/tensorFlow2/VARIATION"):
        Handle.parse(text)


def test_licences():
    assert publishing.licence_of("MIT") is LICENCE
    assert publishing.licence_of(None) is None
    with pytest.raises(UserError, match="--licence=gpl: .*apache-2.0, mit"):
        publishing.licence_of("gpl")


# ------------------------------------------------------------------ archives


def test_archive_has_the_files_at_its_root(tmp_path):
    files = {"saved_model.pb": b"a", "variables/variables.index": b"bc"}
    directory = write(tmp_path / "saved", files)
    publishing.write_archive(directory, tmp_path / "x.tar.gz")
    with tarfile.open(tmp_path / "x.tar.gz", "r:gz") as archive:
        assert archive.getnames() == [
            "saved_model.pb",
            "variables",
            "variables/variables.index",
        ]
        for name, content in files.items():
            assert archive.extractfile(name).read() == content


def test_archive_depends_on_the_content_alone(tmp_path):
    files = {"b": b"1", "a/z": b"2", "a/y": b"3"}
    first = write(tmp_path / "first", files)
    second = write(tmp_path / "second", dict(reversed(files.items())))
    os.utime(os.path.join(second, "b"), (1, 1))
    os.chmod(os.path.join(second, "a"), 0o700)
    os.chmod(os.path.join(second, "b"), 0o600)
    for name, directory in (("1.tar.gz", first), ("other", second)):
        publishing.write_archive(directory, tmp_path / name)
    content = (tmp_path / "1.tar.gz").read_bytes()
    assert content == (tmp_path / "other").read_bytes()
    write(tmp_path / "second", {"b": b"4"})
    publishing.write_archive(second, tmp_path / "other")
    assert content != (tmp_path / "other").read_bytes()


def test_fingerprints_are_no_longer_random(tmp_path):
    fingerprints = []
    for number, identifier in ((7, "1-2"), (7, "3-4"), (8, "1-2")):
        drawn = fingerprint_pb2.FingerprintDef(
            saved_model_checksum=number, checkpoint_hash=5, uuid=identifier
        )
        write(tmp_path, {"fingerprint.pb": drawn.SerializeToString()})
        publishing.make_repeatable(str(tmp_path))
        made = fingerprint_pb2.FingerprintDef.FromString(
            (tmp_path / "fingerprint.pb").read_bytes()
        )
        assert made.uuid != identifier
        assert (made.saved_model_checksum, made.checkpoint_hash) == (number, 5)
        fingerprints.append(made.uuid)
    assert fingerprints[0] == fingerprints[1] != fingerprints[2]


# -------------------------------------------------------------------- Kaggle


def test_an_upload_tells_all_that_it_sends(tmp_path):
    files = {"saved_model.pb": b"x" * 1234, "assets/spiece.model": b"y" * 56}
    directory = write(tmp_path, files)
    upload = publishing.Upload(HANDLE, directory, LICENCE, "first version")
    assert upload.lines() == [
        "Handle: me/albert/tensorFlow2/novels-mini",
        "  licence: MIT",
        "  notes: first version",
        f"  directory: {directory}, 2 files, 1,290 bytes",
        "               56  assets/spiece.model",
        "            1,234  saved_model.pb",
    ]


def test_an_upload_is_one_call(monkeypatch, tmp_path):
    calls = []
    module = kagglehub(lambda *args, **options: calls.append((args, options)))
    install(monkeypatch, module)
    publishing.Upload(HANDLE, str(tmp_path), LICENCE, "notes").send("now/here")
    assert calls == [
        (
            (str(HANDLE), "now/here"),
            {"license_name": "MIT", "version_notes": "notes"},
        )
    ]


@pytest.mark.parametrize(
    "error", [ConnectionError("gone"), BackendError("gone"), ValueError("gone")]
)
def test_an_upload_that_fails(monkeypatch, tmp_path, error):
    def fail(*args, **options):
        raise error

    install(monkeypatch, kagglehub(fail))
    upload = publishing.Upload(HANDLE, str(tmp_path), LICENCE, "")
    with pytest.raises(UserError, match=f"{HANDLE}: Kaggle .*Error: gone"):
        upload.send(str(tmp_path))


def test_kagglehub_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(UserError, match="pip install kagglehub"):
        publishing.check_kaggle()


def test_no_credentials(monkeypatch):
    install(monkeypatch, kagglehub(None, credentials=None))
    with pytest.raises(UserError, match="no credentials.*KAGGLE_API_TOKEN"):
        publishing.check_kaggle()


# --------------------------------------------------------------------- facts


def test_phases_are_followed_back(tmp_path):
    def run(name, **settings):
        return write(
            tmp_path / name, {"run.json": json.dumps(settings).encode()}
        )

    first = run("phase1", num_train_steps=7, init_checkpoint=None)
    second = run("phase2", num_train_steps=5, init_checkpoint=first)
    phases, started_from = read_phases(second)
    assert [each.settings["num_train_steps"] for each in phases] == [7, 5]
    assert started_from is None
    third = run("phase3", init_checkpoint="/home/me/albert_base_v2.tar.gz")
    assert read_phases(third)[1] == "albert_base_v2.tar.gz"
    assert read_phases(str(tmp_path)) == ([], None)
    assert read_phases("/nowhere/x.tar.gz") == ([], None)
    circle = run("circle", init_checkpoint=str(tmp_path / "circle"))
    assert len(read_phases(circle)[0]) == 1


def test_what_a_run_was_told_is_on_the_page():
    phase = publishing_facts.TrainingPhase(
        {
            "masked_lm_prob": 0.15,
            "masked_lm_prob_schedule": "0.3,0.15@0.5",
            "mask_replacement": "mask",
            "learning_rate_decay": "cosine",
            "weight_average_decay": 0.999,
            "freeze": None,
            "seed": 3,
            "decay_after_warmup": True,
            "poly_power": 1.0,
            "attention_l2": 0.25,
            "bias_correction": False,
        },
        {"settings": {"masked_lm_prob": 0.2}},
    )
    assert publishing_page._phase(phase) == {
        "share of masked pieces": "0.15",
        "share of masked pieces, with the shares of the training": (
            "0.3,0.15@0.5"
        ),
        "masked pieces become ([MASK], others, as before)": "mask",
        "decay of the learning rate": "cosine",
        "decay of the average of the weights": "0.999",
        "seed": "3",
        "the decay begins after the warm-up": "yes",
        "penalty of attention": "0.25",
    }


def test_records_of_a_phase(tmp_path):
    metadata = {
        "kind": "albert_pretraining",
        "schema_version": 1,
        "files": [{"name": "a.tfrecord", "records": 3, "bytes": 4}],
        "corpus": {"documents": 11},
    }
    write(
        tmp_path / "records",
        {"a.tfrecord": b"1234", "a.json": json.dumps(metadata).encode()},
    )
    settings = {"input_file": str(tmp_path / "records" / "*.tfrecord")}
    write(tmp_path / "run", {"run.json": json.dumps(settings).encode()})
    ((phase,), _) = read_phases(str(tmp_path / "run"))
    assert phase.records["corpus"] == {"documents": 11}
    (tmp_path / "records" / "a.tfrecord").unlink()
    ((phase,), _) = read_phases(str(tmp_path / "run"))
    assert phase.records == {}


def test_metrics_and_their_baselines(tmp_path):
    results = {
        "checkpoint": "/tmp/x/model.ckpt-7",
        "masked_lm_accuracy": 0.25,
        "word_frequency_accuracy": 0.125,
        "sentence_order_loss": 0.5,
    }
    path = write(tmp_path, {"eval_results.json": json.dumps(results).encode()})
    assert read_metrics(path) == (
        "model.ckpt-7",
        [
            ("masked_lm_accuracy", 0.25, 0.125),
            ("sentence_order_loss", 0.5, None),
        ],
    )
    # Of weights that are no longer there.
    results["checkpoint_sha256"] = "12ab"
    write(tmp_path, {"eval_results.json": json.dumps(results).encode()})
    assert read_metrics(path) == (None, [])
    write(tmp_path, {"eval_results.json": b"[1"})
    with pytest.raises(UserError, match="eval_results.json: not valid JSON"):
        read_metrics(path)
    (tmp_path / "eval_results.json").unlink()
    assert read_metrics(path) == (None, [])
