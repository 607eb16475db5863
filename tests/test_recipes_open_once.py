# SPDX-License-Identifier: Apache-2.0
"""What a recipe starts from is opened once, and unpacked once."""

import importlib.util
import json
import pathlib
import tarfile

import pytest
from absl import flags

import albert
from albert.interchange import archives
from albert.interchange import google

ROOT = pathlib.Path(__file__).parents[1]
TOKENIZER = ROOT / "tests" / "golden" / "tokenization" / "spm2000.model"
QUESTIONS = ROOT / "tests" / "golden" / "squad" / "dev-v2.0.json"


@pytest.fixture
def archive(tmp_path):
    """A pretrained model as Google releases its own."""
    config = albert.AlbertConfig(
        vocab_size=2000,
        embedding_size=6,
        hidden_size=22,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=26,
        max_position_embeddings=128,
    )
    albert.save_weights(
        albert.AlbertPretrainer(config),
        tmp_path / "model",
        format="google",
        tokenizer=albert.Tokenizer(TOKENIZER),
    )
    path = tmp_path / "model.tar.gz"
    with tarfile.open(path, "w:gz") as file:
        file.add(tmp_path / "model", arcname="model")
    return path


def run(name, *arguments):
    """Runs a recipe in this process."""
    specification = importlib.util.spec_from_file_location(
        "recipe", ROOT / f"{name}.py"
    )
    recipe = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(recipe)
    values = flags.FlagValues()
    recipe.define_flags(values)
    values([name, *map(str, arguments)])
    recipe.main(values)


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


@pytest.mark.parametrize(
    ("recipe", "arguments"),
    [("run_squad", squad), ("run_classifier", classifier)],
)
def test_archive_to_start_from(
    archive, tmp_path, monkeypatch, recipe, arguments
):
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
    out = tmp_path / "out"
    run(
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
