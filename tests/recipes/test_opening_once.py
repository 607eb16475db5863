# SPDX-License-Identifier: Apache-2.0
"""The weights that a recipe starts from are opened and unpacked once."""

import json
import pathlib
import tarfile

import pytest

import albert
from albert.interchange import archives
from albert.interchange import google

QUESTIONS = pathlib.Path(__file__).parents[1] / "golden/squad/dev-v2.0.json"


@pytest.fixture
def archive(small_config, tokenizer_file, tmp_path):
    """A pretrained model as Google releases its own."""
    albert.save_weights(
        albert.AlbertPretrainer(albert.AlbertConfig(**small_config)),
        tmp_path / "model",
        format="google",
        tokenizer=albert.Tokenizer(tokenizer_file),
    )
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(tmp_path / "model", arcname="model")
    return path


def squad(folder):
    file = folder / "questions.json"
    content = json.loads(QUESTIONS.read_text("utf-8"))
    content["data"] = content["data"][:1]
    file.write_text(json.dumps(content), "utf-8")
    return [f"--train_file={file}", "--doc_stride=40"]


def classifier(folder):
    (folder / "train.tsv").write_text(
        "text\tlabel\n" + "the wind\ta\nthe sea\tb\n" * 4
    )
    return ["--task_name=tsv", f"--data_dir={folder}", "--num_runs=2"]


@pytest.fixture
def counted(monkeypatch):
    """Lists of what is opened and of what is unpacked."""
    opened, unpacked = [], []
    open_checkpoint, unpack = google._open_checkpoint, archives._unpack

    def counting_open(prefix):
        opened.append(prefix)
        return open_checkpoint(prefix)

    def counting_unpack(path, file, folder):
        unpacked.append(path)
        return unpack(path, file, folder)

    monkeypatch.setattr(google, "_open_checkpoint", counting_open)
    monkeypatch.setattr(archives, "_unpack", counting_unpack)
    return opened, unpacked


@pytest.mark.usefixtures("steps_without_gradients")
@pytest.mark.parametrize(
    ("recipe", "arguments"),
    [("run_squad.py", squad), ("run_classifier.py", classifier)],
)
def test_archive_to_start_from(
    archive, tmp_path, counted, call_recipe, recipe, arguments
):
    opened, unpacked = counted
    out = tmp_path / "out"
    call_recipe(
        recipe,
        f"--init_checkpoint={archive}",
        f"--output_dir={out}",
        "--do_train",
        "--num_train_steps=1",
        "--train_batch_size=2",
        "--max_seq_length=96",
        "--pad_to_max_length",
        *arguments(tmp_path),
    )
    archives.remove_folders()
    assert unpacked == [str(archive)]
    # Each run's own weights are opened after its training.
    assert len([path for path in opened if not path.startswith(str(out))]) == 1
    assert any(path.startswith(str(out)) for path in opened)


@pytest.mark.usefixtures("steps_without_gradients")
def test_trained_model_that_is_only_used(
    archive, tmp_path, counted, call_recipe
):
    out, arguments = tmp_path / "out", classifier(tmp_path)[:2]
    (tmp_path / "dev.tsv").write_bytes((tmp_path / "train.tsv").read_bytes())
    call_recipe(
        "run_classifier.py",
        f"--init_checkpoint={archive}",
        f"--output_dir={out}",
        "--do_train",
        "--num_train_steps=1",
        "--max_seq_length=11",
        *arguments,
    )
    opened, _ = counted
    opened.clear()
    call_recipe(
        "run_classifier.py", f"--output_dir={out}", "--do_eval", *arguments
    )
    archives.remove_folders()
    assert len(opened) == 1
