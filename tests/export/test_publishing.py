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
from albert.records.record_set import RecordSet

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


def test_a_bar_in_a_value_is_no_new_cell():
    facts = types.SimpleNamespace(
        metrics=[("accuracy | of <b>words</b>", 0.25, None)],
        evaluated=None,
        weights="model.ckpt-7",
    )
    assert (
        r"| accuracy \| of &lt;b>words&lt;/b> | 0.25 |"
        in (publishing_page._evaluation(facts)[0])
    )


def make_set(path, name, corpus, content=b"1234", **settings):
    """Writes a set of records as far as the page needs it."""
    metadata = {
        "kind": "albert_pretraining",
        "schema_version": 1,
        "files": [
            {"name": f"{name}.tfrecord", "records": 3, "bytes": len(content)}
        ],
        "max_seq_length": 19,
        "max_predictions_per_seq": 3,
        "vocabulary": {"size": 53, "fingerprint": "5a"},
        "settings": settings,
        "corpus": corpus,
    }
    write(
        path,
        {
            f"{name}.tfrecord": content,
            f"{name}.json": json.dumps(metadata).encode(),
        },
    )
    return str(path / f"{name}.tfrecord")


def records_of_run(path, input_file, **settings):
    settings = {"input_file": input_file, **settings}
    write(path, {"run.json": json.dumps(settings).encode()})
    ((phase,), _) = read_phases(str(path))
    return phase.records


def test_records_of_a_phase(tmp_path, caplog):
    file = make_set(tmp_path / "records", "a", {"documents": 11})
    patterns = str(tmp_path / "records" / "*.tfrecord")
    records = records_of_run(tmp_path / "run", patterns)
    assert records["corpus"] == {"documents": 11}
    assert caplog.messages == []
    os.remove(file)
    assert records_of_run(tmp_path / "run", patterns) == {}
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path / 'run'}: the records that it was ")


def test_several_sets_of_records(tmp_path):
    wiki = make_set(
        tmp_path,
        "wiki",
        {"documents": 1_000_000, "bytes": 7},
        dupe_factor=10,
        ngram=3,
        single_sentence_share=0.1,
        random_seed=[],
    )
    books = make_set(
        tmp_path,
        "books",
        {"documents": 10, "bytes": 5},
        dupe_factor=5,
        ngram=3,
        random_seed=[],
    )
    records = records_of_run(tmp_path / "run", f"{wiki},{books}")
    assert records == {
        "corpus": {"documents": 1_000_010, "bytes": 12},
        "settings": {"dupe_factor": [5, 10], "ngram": 3},
    }
    page = publishing_page._phase(publishing_facts.TrainingPhase({}, records))
    assert page["documents"] == "1,000,010"
    assert page["passes over the text"] == "5, 10"
    assert page["words of a masked n-gram, at most"] == "3"


def test_text_that_was_not_all_counted(tmp_path):
    file = make_set(tmp_path, "a", {"documents": 10}, ngram=3)
    other = write(tmp_path, {"others.tfrecord": b"5"}) + "/others.tfrecord"
    records = records_of_run(tmp_path / "run", f"{file},{other}")
    assert records == {"corpus": {}, "settings": {"ngram": 3}}
    assert records_of_run(tmp_path / "run", other) == {
        "corpus": {},
        "settings": {},
    }
    # A set that was trained on in part.
    metadata = json.loads((tmp_path / "a.json").read_text())
    metadata["files"].append({"name": "b.tfrecord", "records": 3, "bytes": 4})
    write(tmp_path, {"a.json": json.dumps(metadata).encode()})
    assert records_of_run(tmp_path / "run", file)["corpus"] == {}


def test_records_that_were_made_anew_are_not_told_of(tmp_path, caplog):
    file = make_set(tmp_path, "a", {"documents": 11})
    fingerprint = RecordSet.open(file).fingerprint
    run = {"records_fingerprint": fingerprint}
    assert records_of_run(tmp_path / "run", file, **run)["corpus"]
    assert caplog.messages == []
    make_set(tmp_path, "a", {"documents": 12}, content=b"12345")
    assert records_of_run(tmp_path / "run", file, **run) == {}
    assert f"({file} are others by now)" in caplog.text


def test_other_masks_are_not_other_records(tmp_path):
    file = make_set(tmp_path, "a", {"documents": 11})
    path = tmp_path / "a.json"
    metadata = json.loads(path.read_text()) | {
        "masking": "dynamic",
        "pieces": {
            "pad_id": 0,
            "cls_id": 2,
            "sep_id": 3,
            "mask_id": 4,
            "replacement_ids": "5-52",
        },
        "settings": {
            "objective": "sop",
            "masked_lm_prob": 0.15,
            "ngram": 3,
            "favor_shorter_ngram": True,
            "do_whole_word_mask": False,
        },
    }
    path.write_text(json.dumps(metadata))
    masks = {"masked_lm_prob": 0.2, "max_predictions_per_seq": 4}
    fingerprint = RecordSet.open(file, **masks).fingerprint
    assert fingerprint != RecordSet.open(file).fingerprint
    records = records_of_run(
        tmp_path / "run", file, records_fingerprint=fingerprint, **masks
    )
    assert records["corpus"] == {"documents": 11}


def test_a_checkpoint_has_the_facts_of_its_directory(tmp_path):
    first = write(
        tmp_path / "phase1",
        {"run.json": b'{"num_train_steps": 7}', "model.ckpt-7.index": b""},
    )
    second = {"num_train_steps": 5, "init_checkpoint": f"{first}/model.ckpt-7"}
    path = write(
        tmp_path / "phase2",
        {
            "run.json": json.dumps(second).encode(),
            "model.ckpt-5.index": b"",
            "model.ckpt-best.index": b"",
        },
    )
    for name in ("model.ckpt-5", "model.ckpt-5.index", ""):
        phases, started_from = read_phases(os.path.join(path, name))
        steps = [each.settings["num_train_steps"] for each in phases]
        assert steps == [7, 5]
        assert started_from is None


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
