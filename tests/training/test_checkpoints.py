# SPDX-License-Identifier: Apache-2.0
"""A stopped run goes on as if it had not been stopped."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.interchange import tensor_bundle
from albert.training import distribution
from albert.training import optimizers
from albert.training.checkpoints import Progress
from albert.training.checkpoints import TrainingCheckpoints
from albert.training.fitting import fit
from albert.training.loop import TrainingLoop
from albert.training.losses import PretrainingObjective

STEPS, BATCH, RECORDS = 7, 3, 16


NOTHING_RESTORED = Progress()


class Silent:
    """A reporter that keeps what it is told."""

    def __init__(self):
        self.lines = []

    def training(self, step, history, seconds):
        self.lines.append((step, history))

    def evaluation(self, step, metrics, seconds):
        self.lines.append((step, metrics))

    def warning(self, message):
        self.lines.append(message)


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


class Run:
    """A small run with dropout in a directory."""

    def __init__(self, directory, keep=3):
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
            self.optimizer = optimizers.Lamb(0.01)
            self.optimizer.build(self.model.trainable_variables)
        self.loop = TrainingLoop(
            self.model, self.optimizer, PretrainingObjective(), strategy
        )
        self.checkpoints = TrainingCheckpoints(
            directory, self.model, self.optimizer, keep
        )
        self.reporter = Silent()

    def fit(self, num_steps, progress=NOTHING_RESTORED, **options):
        return fit(
            self.loop,
            self.checkpoints,
            self.reporter,
            **{
                "make_dataset": make_dataset,
                "num_steps": num_steps,
                "batch_size": BATCH,
                "steps_per_loop": 2,
                "save_steps": 3,
                "progress": progress,
                **options,
            },
        )

    def state(self):
        return [
            v.numpy()
            for v in [*self.model.variables, *self.optimizer.variables]
        ]


def test_a_restart_is_bit_identical(tmp_path):
    whole = Run(tmp_path / "whole")
    (tmp_path / "whole").mkdir()
    whole.fit(STEPS)
    (tmp_path / "parts").mkdir()
    Run(tmp_path / "parts").fit(3)
    resumed = Run(tmp_path / "parts")
    assert resumed.checkpoints.restore() == Progress(
        restored=True, evaluated=True
    )
    assert resumed.checkpoints.step == 3
    resumed.fit(STEPS)
    for a, b in zip(whole.state(), resumed.state(), strict=True):
        assert np.array_equal(a, b)
    # The state of dropout is part of it: without it the weights differ.
    assert len(whole.model.non_trainable_variables) == 4
    assert (tmp_path / "whole" / "model.ckpt-7.index").exists()


def test_dropout_state_matters(tmp_path):
    Run(tmp_path).fit(3)
    a, b = Run(tmp_path), Run(tmp_path)
    a.checkpoints.restore()
    b.checkpoints.restore()
    for variable in b.model.non_trainable_variables:
        variable.assign(variable + 5)
    a.fit(4)
    b.fit(4)
    assert not np.array_equal(
        a.model.encoder.pooler.kernel.numpy(),
        b.model.encoder.pooler.kernel.numpy(),
    )


def test_old_checkpoints_go_and_the_best_stays(tmp_path):
    values = iter([0.5, 0.9, 0.4, 0.7])
    run = Run(tmp_path, keep=2)
    metrics = run.fit(
        12,
        evaluate=lambda: {"masked_lm_accuracy": next(values)},
        best_metric="masked_lm_accuracy",
    )
    assert metrics == {"masked_lm_accuracy": 0.7}
    assert tensor_bundle.steps(tmp_path) == [9, 12]
    best = tensor_bundle.read(tmp_path / "model.ckpt-best")
    assert best["global_step"] == 6
    assert not any("adam" in name for name in best)
    progress = Run(tmp_path).checkpoints.restore()
    assert progress == Progress(restored=True, best=0.9, evaluated=True)


def test_slots_have_the_original_s_names(tmp_path):
    Run(tmp_path).fit(3)
    tensors = tensor_bundle.read(tmp_path / "model.ckpt-3")
    name = "bert/embeddings/word_embeddings"
    assert tensors["global_step"].dtype == np.int64
    assert tensors["global_step"] == 3
    for slot in ("adam_m", "adam_v"):
        assert tensors[f"{name}/{slot}"].shape == (41, 11)
    model = Run(tmp_path).model
    report = albert.load_weights(model, tmp_path / "model.ckpt-3")
    assert len(report.loaded) == 32


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    run = Run(tmp_path)
    run.fit(6)
    data = tmp_path / "model.ckpt-6.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:1000])
    again = Run(tmp_path)
    assert again.checkpoints.restore() == Progress(
        restored=True, evaluated=True
    )
    assert again.checkpoints.step == 3
    for path in tmp_path.glob("*.data*"):
        path.write_bytes(b"")
    with pytest.raises(albert.UserError, match="none of its 2 checkpoints"):
        Run(tmp_path).checkpoints.restore()


def test_a_foreign_checkpoint_is_refused(tmp_path):
    tensor_bundle.write(tmp_path / "model.ckpt-5", {"a": np.float32(1)})
    with pytest.raises(albert.UserError, match="not a checkpoint of this run"):
        Run(tmp_path).checkpoints.restore()


def test_an_empty_directory_restores_nothing(tmp_path):
    assert Run(tmp_path).checkpoints.restore() == Progress()


def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(tmp_path):
    run = Run(tmp_path)
    run.fit(3)
    poisoned = {**records()}
    poisoned["masked_lm_weights"] = poisoned["masked_lm_weights"].copy()
    poisoned["masked_lm_weights"][3 * BATCH + BATCH] = np.nan

    def dataset(start):
        return (
            tf.data.Dataset.from_tensor_slices(poisoned)
            .repeat()
            .skip(start)
            .batch(BATCH)
        )

    with pytest.raises(
        albert.UserError, match="^step 5: masked_lm_loss is nan"
    ):
        run.fit(STEPS, make_dataset=dataset)
    assert tensor_bundle.steps(tmp_path) == [3]


def test_damaged_records_are_named(tmp_path):
    path = tmp_path / "broken.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"x" * 100)
    path.write_bytes(path.read_bytes()[:-9])

    def dataset(start):
        return tf.data.TFRecordDataset(str(path)).map(lambda x: {"x": x})

    run = Run(tmp_path)
    with pytest.raises(albert.UserError, match="broken.tfrecord, record 0"):
        run.fit(
            3,
            make_dataset=lambda start: (
                make_dataset(start)
                .take(1)
                .concatenate(
                    tf.data.Dataset.zip(
                        dataset(start), make_dataset(start)
                    ).map(lambda _, batch: batch)
                )
            ),
            explain_data_error=lambda: f"{path}, record 0",
        )
