# SPDX-License-Identifier: Apache-2.0
"""Loading of models for Python: formats, and what is none."""

import pathlib

import numpy as np
import pytest
import safetensors.numpy

import albert
from albert.errors import UserError
from albert.export import source_models
from albert.heads import make_model

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"


def test_another_format_and_random_weights_that_are_told(caplog):
    """A masked-LM model of KerasHub has no pooler and no sentence order."""
    model = albert.load(GOLDEN / "kerashub_tiny" / "masked_lm")
    assert model.methods == ["fill_mask", "score", "embed"]
    assert "no weights for encoder/pooler/bias" in caplog.text
    assert "sentence_order/output_weights" in caplog.text
    assert len(model.fill_mask("a [MASK]", top_k=2)[0].pieces) == 2


@pytest.mark.parametrize("head", ["multiple_choice", "text_to_text", "none"])
def test_any_model_has_vectors(tmp_path, small_config, caplog, head):
    """Heads that nothing describes are left out; so may the pooler be."""
    tokenizer = albert.Tokenizer(GOLDEN / "tokenization" / "spm2000.model")
    network = make_model(head, albert.AlbertConfig(**small_config))
    form = "model_dir" if head == "text_to_text" else "huggingface"
    albert.save_weights(network, tmp_path / "model", form, tokenizer)
    told = "does not say its"
    if head == "none":
        file = tmp_path / "model" / "model.safetensors"
        tensors = safetensors.numpy.load_file(file)
        kept = {name: tensors[name] for name in tensors if "pool" not in name}
        assert len(kept) == len(tensors) - 2
        safetensors.numpy.save_file(kept, file, {"format": "pt"})
        told = "no weights for encoder/pooler/bias"
        with pytest.raises(UserError, match="pooler"):
            source_models.load(tmp_path / "model", "encoder")
    model = albert.load(tmp_path / "model")
    assert model.methods == ["embed"]
    assert told in caplog.text
    encoder = getattr(network, "encoder", network)
    ids = [tokenizer.cls_id, *tokenizer.encode("a mill"), tokenizer.sep_id]
    states = encoder({"input_ids": np.array([ids], np.int32)})
    wanted = np.mean(states["sequence_output"][0], axis=0)
    assert np.abs(model.embed("a mill") - wanted).max() < 1e-5


@pytest.mark.parametrize("path", ["", None, "nowhere", "model.keras"])
def test_what_is_no_model_is_refused(tmp_path, monkeypatch, path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.keras").write_text("")
    with pytest.raises(UserError) as error:
        albert.load(path)
    words = {
        "nowhere": "no such checkpoint",
        "model.keras": "keras.saving.load_model",
    }.get(path, "give the path")
    assert words in str(error.value)


def test_settings_that_cannot_be_are_refused(models):
    with pytest.raises(UserError, match="dtype is 'half'"):
        albert.load(models("none"), dtype="half")
    for settings in (
        {"batch_size": 0},
        {"batch_size": "8"},
        {"max_seq_length": -1},
    ):
        with pytest.raises(UserError, match="give a whole number from 1"):
            albert.load(models("none"), **settings)
    with pytest.raises(UserError, match="999"):
        albert.load(models("none"), max_seq_length=999)
    assert albert.load(models("none"), max_seq_length=9).max_seq_length == 9
