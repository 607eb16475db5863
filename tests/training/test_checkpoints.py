# SPDX-License-Identifier: Apache-2.0
"""A stopped run goes on as if it had not been stopped."""

import errno
import os

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert import inputs
from albert.interchange import tensor_bundle
from albert.training import distribution
from albert.training import optimizers
from albert.training.checkpoints import Progress
from albert.training.checkpoints import TrainingCheckpoints
from albert.training.loop import TrainingLoop
from albert.training.losses import PretrainingObjective
from albert.training.muon import Muon

STEPS, BATCH, RECORDS = 7, 3, 16


def records():
    rng = np.random.default_rng(11)
    shape = (RECORDS, 13)
    return {
        "input_ids": rng.integers(0, 41, shape).astype("int32"),
        "input_mask": np.ones(shape, "int32"),
        "segment_ids": rng.integers(0, 2, shape).astype("int32"),
        "masked_lm_positions": rng.integers(0, 13, (RECORDS, 5)).astype(
            "int32"
        ),
        "masked_lm_ids": rng.integers(0, 41, (RECORDS, 5)).astype("int32"),
        "masked_lm_weights": np.ones((RECORDS, 5), "float32"),
        "next_sentence_labels": rng.integers(0, 2, (RECORDS, 1)).astype(
            "int32"
        ),
        "example_weights": np.ones(RECORDS, "float32"),
    }


def make_dataset(start_record):
    return (
        tf.data.Dataset.from_tensor_slices(records())
        .repeat()
        .skip(start_record)
        .batch(BATCH, drop_remainder=True)
    )


class Training:
    """A small model with dropout that is trained in a directory."""

    def __init__(self, directory, keep=3, optimizer=optimizers.Lamb):
        keras.utils.set_random_seed(3)
        config = albert.AlbertConfig.named(
            "tiny",
            vocab_size=41,
            hidden_size=26,
            embedding_size=11,
            num_attention_heads=2,
            intermediate_size=37,
            max_position_embeddings=17,
            hidden_dropout_prob=0.2,
            attention_probs_dropout_prob=0.1,
        )
        strategy = distribution.get_strategy("one_device")
        with strategy.scope():
            self.model = albert.AlbertPretrainer(config)
            self.optimizer = optimizer(0.01)
            self.optimizer.build(self.model.trainable_variables)
        self.loop = TrainingLoop(
            self.model, self.optimizer, PretrainingObjective(), strategy
        )
        self.checkpoints = TrainingCheckpoints(
            directory, self.model, self.optimizer, keep
        )

    def train(self, count):
        """Makes steps and saves."""
        dataset = make_dataset(self.checkpoints.step * BATCH)
        self.loop.train(iter(self.loop.distribute(dataset)), count)
        self.checkpoints.save(best=None, evaluated=True)

    def save_as_of(self, step):
        """Saves as after so many steps, without making them."""
        self.optimizer.iterations.assign(step)
        self.checkpoints.save(best=None, evaluated=True)

    def state(self):
        return [
            v.numpy()
            for v in [*self.model.variables, *self.optimizer.variables]
        ]


def test_what_is_restored_goes_on_bit_for_bit(tmp_path):
    whole, second = Training(tmp_path), Training(tmp_path)
    whole.train(3)
    assert second.checkpoints.restore() == Progress(
        restored=True, evaluated=True
    )
    assert second.checkpoints.step == 3
    whole.train(STEPS - 3)
    assert (tmp_path / "model.ckpt-7.index").exists()
    before = second.state()
    second.train(STEPS - 3)
    for a, b in zip(whole.state(), second.state(), strict=True):
        assert np.array_equal(a, b)
    assert any(map(np.any, map(np.not_equal, before, second.state())))
    # The state of dropout is part of it: without it the weights differ.
    assert len(whole.model.non_trainable_variables) == 4


@pytest.mark.slow
def test_dropout_state_matters(tmp_path):
    Training(tmp_path).train(3)
    a, b = Training(tmp_path), Training(tmp_path)
    a.checkpoints.restore()
    b.checkpoints.restore()
    for variable in b.model.non_trainable_variables:
        variable.assign(variable + 5)
    a.train(1)
    b.train(1)
    assert not np.array_equal(
        a.model.encoder.pooler.kernel.numpy(),
        b.model.encoder.pooler.kernel.numpy(),
    )


def test_slots_have_the_original_s_names(tmp_path):
    Training(tmp_path).save_as_of(3)
    tensors = tensor_bundle.read(tmp_path / "model.ckpt-3")
    name = "bert/embeddings/word_embeddings"
    assert tensors["global_step"].dtype == np.int64
    assert tensors["global_step"] == 3
    for slot in ("adam_m", "adam_v"):
        assert tensors[f"{name}/{slot}"].shape == (41, 11)
    model = Training(tmp_path).model
    report = albert.load_weights(model, tmp_path / "model.ckpt-3")
    assert len(report.loaded) == 32


def test_matrices_of_muon_have_one_slot(tmp_path):
    Training(tmp_path, optimizer=Muon).save_as_of(3)
    tensors = tensor_bundle.read(tmp_path / "model.ckpt-3")
    for name, slots in (
        ("bert/embeddings/word_embeddings", ["adam_m", "adam_v"]),
        ("bert/pooler/dense/kernel", ["adam_m"]),
        ("bert/pooler/dense/bias", ["adam_m", "adam_v"]),
    ):
        assert slots == sorted(
            each.removeprefix(f"{name}/")
            for each in tensors
            if each.startswith(f"{name}/")
        )
    assert Training(tmp_path, optimizer=Muon).checkpoints.restore().restored
    with pytest.raises(albert.UserError, match="lacks .*pooler/dense/kernel"):
        Training(tmp_path).checkpoints.restore()


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    training = Training(tmp_path)
    training.save_as_of(3)
    training.save_as_of(6)
    data = tmp_path / "model.ckpt-6.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    again = Training(tmp_path)
    assert again.checkpoints.restore() == Progress(
        restored=True, evaluated=True
    )
    assert again.checkpoints.step == 3
    for path in tmp_path.glob("*.data*"):
        path.write_bytes(b"")
    with pytest.raises(albert.UserError, match="none of its 2 checkpoints"):
        Training(tmp_path).checkpoints.restore()


def test_one_that_the_machine_cannot_read_is_not_passed_over(
    tmp_path, monkeypatch
):
    training = Training(tmp_path)
    training.save_as_of(3)
    training.save_as_of(6)
    data = tmp_path / "model.ckpt-6.data-00000-of-00001"
    readinto = inputs._InputFile.readinto

    def fail(stream, buffer):
        with inputs._one_line(stream.name, stream._remedy):
            if stream.name == str(data):
                raise OSError(errno.EIO, "Input/output error")
        return readinto(stream, buffer)

    # TensorFlow does not say which of the two it is.
    data.write_bytes(data.read_bytes()[:-1] + b"?")
    monkeypatch.setattr(inputs._InputFile, "readinto", fail)
    told = f"{data}: cannot be read .Input/output error.: .* may be whole"
    with pytest.raises(albert.UserError, match=told):
        training.checkpoints.restore()


def test_a_directory_that_cannot_be_read_is_not_empty(tmp_path, monkeypatch):
    def fail(path):
        raise OSError(errno.ESTALE, "Stale file handle", path)

    monkeypatch.setattr(os, "listdir", fail)
    with pytest.raises(OSError, match="Stale"):
        Training(tmp_path).checkpoints.restore()


def test_a_foreign_checkpoint_is_refused(tmp_path):
    tensor_bundle.write(tmp_path / "model.ckpt-5", {"a": np.float32(1)})
    with pytest.raises(albert.UserError, match="not a checkpoint of this run"):
        Training(tmp_path).checkpoints.restore()


def test_an_empty_directory_restores_nothing(tmp_path):
    assert Training(tmp_path).checkpoints.restore() == Progress()
