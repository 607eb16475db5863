# SPDX-License-Identifier: Apache-2.0
"""A run in its directory: made whole, in parts, and refused."""

import contextlib
import dataclasses
import functools
import json
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert import run_settings
from albert.errors import StopRequested
from albert.errors import UserError
from albert.interchange import tensor_bundle
from albert.interchange.starting_point import open_starting_point
from albert.training import agreement
from albert.training import batch_size_schedule
from albert.training import budgets
from albert.training import curves
from albert.training import depth_schedule
from albert.training import distribution
from albert.training import preemption
from albert.training import run_steps
from albert.training.loop import TrainingLoop
from albert.training.losses import PretrainingObjective
from albert.training.options import TrainingOptions
from albert.training.phases import lay_out
from albert.training.phases import parse_phases
from albert.training.run import Run

STEPS, BATCH, RECORDS = 7, 3, 16
CONFIG = albert.AlbertConfig.named(
    "tiny",
    vocab_size=41,
    hidden_size=26,
    embedding_size=11,
    num_hidden_layers=1,
    num_attention_heads=2,
    intermediate_size=37,
    max_position_embeddings=17,
    hidden_dropout_prob=0.2,
    attention_probs_dropout_prob=0.1,
)
OPTIONS = TrainingOptions(
    learning_rate=0.01,
    train_batch_size=BATCH,
    num_train_steps=STEPS,
    num_warmup_steps=0,
    start_warmup_step=0,
    optimizer="lamb",
    poly_power=1.0,
    layer_decay_rate=1.0,
    embedding_learning_rate_scale=0.7,
    attention_head_l2=0.03,
    attention_l2=0.05,
    bias_correction=False,
    dtype="float32",
    seed=3,
    gradient_accumulation_steps=1,
    steps_per_loop=2,
    save_checkpoints_steps=3,
    keep_checkpoint_max=2,
    jit_compile=False,
    bucket_by_length=False,
    recompute_layers=False,
)


class Killed(BaseException):
    """The end of a process."""


class Examples:
    """Records in memory; they may be poisoned, damaged, or too few."""

    def __init__(self, nan_at=None, damage=None):
        rng = np.random.default_rng(11)
        shape = (RECORDS, 13)

        def integers(low, high, shape):
            return rng.integers(low, high, shape).astype("int32")

        self.records = {
            "input_ids": integers(0, 41, shape),
            "input_mask": np.ones(shape, "int32"),
            "segment_ids": integers(0, 2, shape),
            "masked_lm_positions": integers(0, 13, (RECORDS, 5)),
            "masked_lm_ids": integers(0, 41, (RECORDS, 5)),
            "masked_lm_weights": np.ones((RECORDS, 5), "float32"),
            "next_sentence_labels": integers(0, 2, (RECORDS, 1)),
            "example_weights": np.ones(RECORDS, "float32"),
        }
        if nan_at is not None:
            self.records["masked_lm_weights"][nan_at] = np.nan
        self.damage = damage
        self.starts = []

    @property
    def settings(self):
        return {"training_data": f"{RECORDS} examples"}

    def training_batches(
        self,
        batch_size,
        *,
        seed,
        num_steps,
        start_step,
        bucket_by_length,
        start_record=None,
        max_seq_length=None,
    ):
        assert (seed, bucket_by_length) == (3, False)
        assert num_steps in (STEPS, None)
        self.starts.append(start_step)
        if start_record is None:
            start_record = start_step * batch_size
        else:
            self.starts[-1] = start_record, batch_size
        whole = (
            tf.data.Dataset.from_tensor_slices(self.records)
            .repeat()
            .skip(start_record)
            .batch(batch_size, drop_remainder=True)
        )
        if max_seq_length:
            self.starts[-1] = start_step, max_seq_length
            return whole.map(lambda batch: cut(batch, max_seq_length))
        if not self.damage:
            return whole
        broken = tf.data.TFRecordDataset(self.damage)
        return whole.take(1).concatenate(
            tf.data.Dataset.zip(broken, whole).map(lambda _, batch: batch)
        )

    def locate_damage(self):
        return self.damage and f"{self.damage}, record 0"


def cut(batch, max_seq_length):
    """Cuts the sequences of a batch, with their masked pieces."""
    return {
        name: value[:, :max_seq_length] if value.shape[1:] == (13,) else value
        for name, value in batch.items()
    } | {"masked_lm_positions": batch["masked_lm_positions"] % max_seq_length}


class Scores:
    """An evaluation with values that are known before; None ends it."""

    best_metric = "accuracy"

    def __init__(self, *values, evaluated_on="these"):
        self.values = list(values)
        self.evaluated_on = evaluated_on
        self.depths = []

    def metrics(self, loop, num_layers=None):
        self.depths.append(num_layers)
        if num_layers is not None:  # For the log alone.
            return {"accuracy": 9, "loss": -9}
        value = self.values.pop(0)
        if value is None:
            raise StopRequested("asked to stop")
        if value is Killed:
            raise Killed
        return {"accuracy": value, "loss": -value}


def make_run(directory, **changes):
    return Run(
        **{
            "directory": str(directory),
            "config": CONFIG,
            "tokenizer": None,
            "options": OPTIONS,
            "data": Examples(),
            "start": open_starting_point(),
            **changes,
        }
    )


def train(run, watch=None):
    """Returns what ``Run.train`` does, with a model of its own."""
    keras.utils.set_random_seed(run.options.seed)
    strategy = distribution.get_strategy("one_device")
    with strategy.scope():
        model = albert.AlbertPretrainer(run.config)
    return run.train(model, PretrainingObjective(), strategy, watch)


def make_loop():
    """Returns the loop of ``OPTIONS`` that a ``Run`` would make."""
    keras.utils.set_random_seed(OPTIONS.seed)
    strategy = distribution.get_strategy("one_device")
    with strategy.scope():
        model = albert.AlbertPretrainer(CONFIG)
        optimizer = OPTIONS.make_optimizer(model, OPTIONS.make_budget())
    return TrainingLoop(
        model,
        optimizer,
        PretrainingObjective(),
        strategy,
        regularizer=OPTIONS.make_regularizer(model),
    )


def state(loop):
    return [
        v.numpy() for v in [*loop.model.variables, *loop.optimizer.variables]
    ]


def test_a_killed_run_ends_as_a_whole_one(tmp_path):
    whole, metrics = train(make_run(tmp_path / "a", evaluation=Scores(4, 2, 3)))
    assert metrics == {"accuracy": 3, "loss": -3}
    with pytest.raises(Killed):
        train(make_run(tmp_path / "b", evaluation=Scores(4, Killed)))
    assert tensor_bundle.steps(tmp_path / "b") == [3]
    data = Examples()
    again, metrics = train(
        make_run(tmp_path / "b", data=data, evaluation=Scores(2, 3))
    )
    assert data.starts == [3]
    assert metrics == {"accuracy": 3, "loss": -3}
    for a, b in zip(state(whole), state(again), strict=True):
        assert np.array_equal(a, b)
    for name in ("model.ckpt-6", "model.ckpt-7", "model.ckpt-best"):
        a, b = (tensor_bundle.read(tmp_path / x / name) for x in "ab")
        assert a.keys() == b.keys()
        assert all(np.array_equal(a[key], b[key]) for key in a)


class Weights(Scores):
    """Scores that note a weight of the model at each evaluation."""

    def __init__(self, *values):
        super().__init__(*values)
        self.seen = []

    def metrics(self, loop):
        self.seen.append(loop.model.encoder.pooler.kernel.numpy())
        return super().metrics(loop)


@pytest.mark.slow
def test_a_stopped_run_with_averages_ends_as_a_whole_one(tmp_path, caplog):
    options = dataclasses.replace(
        OPTIONS, optimizer="muon", weight_average_decay=0.5
    )
    scores = Weights(4, 2, 5)
    with caplog.at_level("INFO", logger="absl"):
        whole, _ = train(
            make_run(tmp_path / "a", options=options, evaluation=scores)
        )
    assert "averages of the weights (decay 0.5) are evaluated" in caplog.text
    # What was evaluated is what is kept, and is not what is trained on with.
    name = "bert/pooler/dense/kernel"
    best = tensor_bundle.read(tmp_path / "a" / "model.ckpt-best")
    last = tensor_bundle.read(tmp_path / "a" / "model.ckpt-7")
    assert np.array_equal(best[name], scores.seen[-1])
    assert np.array_equal(last[f"training_state/average/{name}"], best[name])
    kernel = whole.model.encoder.pooler.kernel.numpy()
    assert np.array_equal(last[name], kernel)
    assert np.abs(last[name] - best[name]).max() > 1e-4
    # Asked to stop while the averages are in the weights' place.
    with pytest.raises(StopRequested):
        train(
            make_run(tmp_path / "b", options=options, evaluation=Scores(None))
        )
    again, _ = train(
        make_run(tmp_path / "b", options=options, evaluation=Scores(4, 2, 5))
    )
    for a, b in zip(state(whole), state(again), strict=True):
        assert np.array_equal(a, b)
    with pytest.raises(UserError, match="weight_average_decay 0.5 there, None"):
        make_run(
            tmp_path / "b",
            options=dataclasses.replace(options, weight_average_decay=None),
        ).check()
    # A model that starts from a checkpoint has its weights, not its averages.
    start = open_starting_point(tmp_path / "a" / "model.ckpt-7")
    assert np.array_equal(start.source.tensors["encoder/pooler/kernel"], kernel)


@pytest.mark.slow
def test_a_killed_run_that_grows_ends_as_a_whole_one(tmp_path, monkeypatch):
    deep = dataclasses.replace(CONFIG, num_hidden_layers=3)
    depths = depth_schedule.plan("1:.6,2:.2,3", deep, OPTIONS.make_budget())
    assert depths.ends == (4, 6, 7)
    used = []
    train_steps = TrainingLoop.train

    def record(self, iterator, steps, num_layers=None):
        used.extend([num_layers] * steps)
        return train_steps(self, iterator, steps, num_layers)

    monkeypatch.setattr(TrainingLoop, "train", record)
    settings = {"config": deep, "depths": depths}
    scores = Scores(4, 2, 3)
    whole, metrics = train(
        make_run(tmp_path / "a", evaluation=scores, **settings)
    )
    assert used == [1, 1, 1, 1, 2, 2, 3]
    # Evaluations, and whatever follows, are of all layers; beside them, those
    # that are trained are evaluated.
    assert scores.depths == [1, None, 2, None, None]
    assert metrics == {"accuracy": 3, "loss": -3}
    assert whole.model.encoder.num_layers_applied == 3
    with pytest.raises(Killed):
        train(
            make_run(tmp_path / "b", evaluation=Scores(4, Killed), **settings)
        )
    other = depth_schedule.plan("1:.5,3", deep, OPTIONS.make_budget())
    for wrong in (None, other):
        with pytest.raises(UserError, match="num_layers_schedule '1:.6,2:.2,3"):
            train(make_run(tmp_path / "b", config=deep, depths=wrong))
    again, _ = train(
        make_run(tmp_path / "b", evaluation=Scores(2, 3), **settings)
    )
    for a, b in zip(state(whole), state(again), strict=True):
        assert np.array_equal(a, b)
    # Stopped in the evaluation after the last step of two layers.
    with pytest.raises(StopRequested):
        train(make_run(tmp_path / "c", evaluation=Scores(4, None), **settings))
    scores = Scores(2, 3)
    train(make_run(tmp_path / "c", evaluation=scores, **settings))
    assert scores.depths == [2, None, None]


class Clock:
    """Stands still but in steps, of 0.1 s for each layer: the first 9 s."""

    def __init__(self, monkeypatch):
        self.seconds = 5.0
        self.used, self.rates = [], []
        train_steps = TrainingLoop.train
        compiled = set()

        def train(loop, iterator, steps, num_layers=None):
            if (loop, num_layers) not in compiled:
                self.seconds += 9.0
            compiled.add((loop, num_layers))
            self.seconds += steps * 0.1 * (num_layers or 1)
            self.used += [num_layers] * steps
            self.rates.append(float(loop.optimizer.learning_rate))
            return train_steps(loop, iterator, steps, num_layers)

        monkeypatch.setattr(TrainingLoop, "train", train)
        monkeypatch.setattr(run_steps, "time", self)

    def monotonic(self):
        return self.seconds


IN_TIME = dataclasses.replace(
    OPTIONS,
    train_minutes=0.1,
    warmup_proportion=0.2,
    num_train_steps=None,
    num_warmup_steps=None,
    save_checkpoints_steps=None,
)


def length_plan(text):
    phases = parse_phases("--max_seq_length_schedule", text, int, "7:.5,13")
    return {"max_seq_length": lay_out(phases, OPTIONS.make_budget(), "pieces")}


@pytest.mark.slow
def test_lengths_are_those_of_trainings_one_after_the_other(tmp_path):
    """Also of a run that goes on from a checkpoint within the first."""
    settings = {
        "data_plans": length_plan("7:.6,13"),
        "options": dataclasses.replace(OPTIONS, keep_checkpoint_max=9),
    }
    data = Examples()
    whole, _ = train(make_run(tmp_path / "a", data=data, **settings))
    assert data.starts == [(0, 7), (4, 13)]
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    for step in (6, 7):
        tensor_bundle.remove(tensor_bundle.step_prefix(tmp_path / "b", step))
    data = Examples()
    again, _ = train(make_run(tmp_path / "b", data=data, **settings))
    assert data.starts == [(3, 7), (4, 13)]

    loop = make_loop()
    start = 0
    for length, count in ((7, 4), (13, 3)):
        batches = data.training_batches(
            BATCH,
            seed=3,
            num_steps=STEPS,
            start_step=start,
            bucket_by_length=False,
        ).map(functools.partial(cut, max_seq_length=length))
        loop.train(iter(loop.distribute(batches)), count)
        start += count
    for a, b, c in zip(state(whole), state(again), state(loop), strict=True):
        assert np.array_equal(a, b)
        assert np.array_equal(a, c)


@pytest.mark.usefixtures("steps_without_gradients")
def test_lengths_are_part_of_the_run(tmp_path):
    settings = {"data_plans": length_plan("7:.3,13")}
    data = Examples()
    train(make_run(tmp_path, data=data, evaluation=Scores(1, 2, 3), **settings))
    assert data.starts == [(0, 7), (2, 13)]
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["max_seq_length_schedule"] == "7:.3,13"
    for wrong in ({}, {"data_plans": length_plan("7:.4,13")}):
        with pytest.raises(UserError, match="length_schedule '7:.3,13' there"):
            make_run(tmp_path, **wrong).check()
    scalars = curves.read_scalars(str(tmp_path / "tensorboard" / "train"))
    assert scalars["max_seq_length"] == [
        (2, 7),
        (3, 13),
        (5, 13),
        (6, 13),
        (7, 13),
    ]


def batch_plan(text, options=OPTIONS):
    return batch_size_schedule.plan(text, options, 1, options.make_budget())


@pytest.mark.slow
def test_a_killed_run_whose_batches_grow_ends_as_a_whole_one(tmp_path):
    settings = {"batch_sizes": batch_plan("1:.3,2:.3,3")}
    data = Examples()
    whole, _ = train(
        make_run(
            tmp_path / "a", data=data, evaluation=Scores(4, 2, 3), **settings
        )
    )
    assert data.starts == [(0, 1), (2, 2), (6, 3)]
    with pytest.raises(Killed):
        train(
            make_run(tmp_path / "b", evaluation=Scores(4, Killed), **settings)
        )
    data = Examples()
    again, _ = train(
        make_run(tmp_path / "b", data=data, evaluation=Scores(2, 3), **settings)
    )
    # Saved after the first step of two sequences.
    assert data.starts == [(4, 2), (6, 3)]
    for a, b in zip(state(whole), state(again), strict=True):
        assert np.array_equal(a, b)
    last = tensor_bundle.read(tmp_path / "b" / "model.ckpt-7")
    assert last["training_state/sequences"] == 15

    # The updates are those of batches of these records.
    loop = make_loop()
    start = 0
    for size in (1, 1, 2, 2, 3, 3, 3):
        places = [record % RECORDS for record in range(start, start + size)]
        batch = {name: rows[places] for name, rows in data.records.items()}
        batches = tf.data.Dataset.from_tensors(batch)
        loop.train(iter(loop.distribute(batches)), 1)
        start += size
    for a, b in zip(state(whole), state(loop), strict=True):
        assert np.allclose(a, b, rtol=0, atol=1e-6)


@pytest.mark.usefixtures("steps_without_gradients")
def test_batch_sizes_are_part_of_the_run(tmp_path):
    train(make_run(tmp_path, batch_sizes=batch_plan("1:.3,3")))
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["train_batch_size_schedule"] == "1:.3,3"
    for wrong in (None, batch_plan("1:.4,3")):
        with pytest.raises(UserError, match="size_schedule '1:.3,3' there"):
            make_run(tmp_path, batch_sizes=wrong).check()
    scalars = curves.read_scalars(str(tmp_path / "tensorboard" / "train"))
    assert scalars["train_batch_size"] == [
        (2, 1),
        (3, 3),
        (5, 3),
        (6, 3),
        (7, 3),
    ]


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_killed_run_of_minutes_goes_on_with_its_records(
    tmp_path, monkeypatch
):
    Clock(monkeypatch)
    settings = {
        "options": IN_TIME,
        "batch_sizes": batch_plan("1:.5,3", IN_TIME),
    }
    with pytest.raises(Killed):
        train(
            make_run(tmp_path, evaluation=Scores(*range(6), Killed), **settings)
        )
    # Saved after 3.6 s, in which 30 steps had one sequence, and 6 three.
    assert tensor_bundle.steps(tmp_path)[-1] == 36
    data = Examples()
    train(
        make_run(tmp_path, data=data, evaluation=Scores(*range(9)), **settings)
    )
    assert data.starts == [(48, 3)]


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_run_of_minutes(tmp_path, monkeypatch, capsys, caplog):
    clock = Clock(monkeypatch)
    deep = dataclasses.replace(CONFIG, num_hidden_layers=3)
    depths = depth_schedule.plan("1:.5,3", deep, IN_TIME.make_budget())
    settings = {"config": deep, "depths": depths, "options": IN_TIME}
    # Ten milestones: the evaluations are no part of the time.
    scores = Scores(0.0)
    scores.values = list(range(1, 11))
    with caplog.at_level("INFO", logger="absl"):
        train(make_run(tmp_path, evaluation=scores, **settings))
    # 3 s of 0.1 s, and as many of 0.3 s.
    assert clock.used == [1] * 30 + [3] * 10
    assert scores.values == []
    # The warm-up of 1.2 s, then what is left of 6 s. The first step of a depth
    # is counted after three more.
    used = [0.0, 0.0, 0.1, 0.2, *(0.1 * step for step in range(4, 30))]
    used += [3.0, 3.0, 3.3, 3.6, 4.2, 4.5, 4.8, 5.1, 5.4, 5.7]
    rates = [0.01 * (s / 1.2 if s < 1.199 else 1 - s / 6) for s in used]
    assert clock.rates == pytest.approx(rates, abs=1e-6)
    assert "evaluation at step 33: " in caplog.text  # at 3.6 s
    assert "step 40, minute 0.10 of 0.1: " in caplog.text
    assert tensor_bundle.steps(tmp_path)[-1] == 40
    saved = tensor_bundle.read(tmp_path / "model.ckpt-40")
    assert saved["training_state/milliseconds"] == 6000
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["train_minutes"] == 0.1 and run["num_train_steps"] is None
    printed = capsys.readouterr().out
    assert "Training: 40 steps in" in printed
    assert "; training time 0.10 of 0.1 minutes, without" in printed
    # Nothing is left to do.
    train(make_run(tmp_path, **settings))
    assert len(clock.used) == 40
    assert "all 0.1 minutes were made before" in capsys.readouterr().out
    with pytest.raises(UserError, match="train_minutes 0.1 there, 0.2 here"):
        longer = dataclasses.replace(IN_TIME, train_minutes=0.2)
        make_run(tmp_path, **settings | {"options": longer}).check()


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_depth_that_gets_no_step_is_named(tmp_path, monkeypatch, caplog):
    Clock(monkeypatch)
    deep = dataclasses.replace(CONFIG, num_hidden_layers=29)
    # A step of 28 layers, of 2.8 s, is the last.
    depths = depth_schedule.plan("1:.5,28:.45,29", deep, IN_TIME.make_budget())
    train(make_run(tmp_path, config=deep, depths=depths, options=IN_TIME))
    assert "29 had no step, because one before it took so long" in caplog.text
    assert "28 had no" not in caplog.text


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_killed_run_of_minutes_goes_on_with_its_time(tmp_path, monkeypatch):
    clock = Clock(monkeypatch)
    with pytest.raises(Killed):
        train(
            make_run(
                tmp_path, options=IN_TIME, evaluation=Scores(4, 5, 6, Killed)
            )
        )
    # Saved after 1.8 s, killed after 2.4 s.
    assert tensor_bundle.steps(tmp_path) == [12, 18]
    assert len(clock.used) == 24
    clock.used.clear()
    train(make_run(tmp_path, options=IN_TIME, evaluation=Scores(*range(7))))
    assert len(clock.used) == 42
    saved = tensor_bundle.read(tmp_path / "model.ckpt-60")
    assert saved["training_state/milliseconds"] == 6000


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_run_of_minutes_is_saved_between_evaluations(tmp_path, monkeypatch):
    Clock(monkeypatch)
    monkeypatch.setattr(budgets, "_LONGEST_UNSAVED", 300)
    with pytest.raises(Killed):
        train(make_run(tmp_path, options=IN_TIME, evaluation=Scores(Killed)))
    # The first step is counted after the fourth; an evaluation after 0.6 s.
    assert tensor_bundle.steps(tmp_path) == [4]
    saved = tensor_bundle.read(tmp_path / "model.ckpt-4")
    assert saved["training_state/milliseconds"] == 400
    assert not saved["training_state/evaluated"]


@pytest.mark.usefixtures("steps_without_gradients")
def test_old_checkpoints_go_and_the_best_stays(tmp_path):
    train(make_run(tmp_path, evaluation=Scores(0.5, 0.9, 0.4)))
    assert tensor_bundle.steps(tmp_path) == [6, 7]
    best = tensor_bundle.read(tmp_path / "model.ckpt-best")
    assert best["global_step"] == 6
    assert not any("adam" in name for name in best)


@pytest.mark.parametrize(
    "metric, scores, best",
    [("accuracy", (0.5, 0.9, 0.9), 7), ("loss", (-4, -2, -3), 6)],
)
def test_the_best_is_the_last_of_equals_and_the_least_of_losses(
    tmp_path, metric, scores, best
):
    evaluation = Scores(*scores)
    evaluation.best_metric = metric
    train(make_run(tmp_path, evaluation=evaluation))
    weights = tensor_bundle.read(tmp_path / "model.ckpt-best")
    assert weights["global_step"] == best


@pytest.mark.usefixtures("steps_without_gradients")
def test_the_last_evaluation_stands_alone(tmp_path):
    """At 6 of 7 steps there would be one, and at 7 the next."""
    options = dataclasses.replace(OPTIONS, save_checkpoints_steps=6)
    scores = Scores(0.5)
    train(make_run(tmp_path, options=options, evaluation=scores))
    assert not scores.values
    assert tensor_bundle.steps(tmp_path) == [7]


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_run_that_is_done_makes_no_step(tmp_path, capsys):
    first, _ = train(make_run(tmp_path, evaluation=Scores(1, 2, 3)))
    assert "Training: 7 steps in" in capsys.readouterr().out
    data = Examples()
    again, metrics = train(make_run(tmp_path, data=data, evaluation=Scores()))
    assert metrics is None and not data.starts
    assert "all 7 steps were made before" in capsys.readouterr().out
    for a, b in zip(state(first), state(again), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.usefixtures("steps_without_gradients")
def test_another_evaluation_forgets_the_best(tmp_path, caplog):
    with pytest.raises(Killed):
        train(make_run(tmp_path, evaluation=Scores(9, Killed)))
    scores = Scores(1, 2, evaluated_on="others")
    train(make_run(tmp_path, evaluation=scores))
    assert "the evaluation has changed" in caplog.text
    best = tensor_bundle.read(tmp_path / "model.ckpt-best")
    assert best["global_step"] == 7


def patient(patience, **changes):
    """Options with an evaluation after each step."""
    return dataclasses.replace(
        OPTIONS,
        save_checkpoints_steps=1,
        early_stopping_patience=patience,
        **changes,
    )


@pytest.mark.usefixtures("steps_without_gradients")
def test_patience_counts_evaluations_without_a_better_one(tmp_path, caplog):
    # Equal is not better.
    scores = Scores(5, 4, 6, 6, 5, 9)
    with caplog.at_level("INFO", logger="absl"):
        train(make_run(tmp_path, options=patient(2), evaluation=scores))
    assert scores.values == [9]
    assert tensor_bundle.steps(tmp_path)[-1] == 5
    best = tensor_bundle.read(tmp_path / "model.ckpt-best")
    # Of equals the last is kept.
    assert best["global_step"] == 4
    line = "stopped early at step 5 of 7: in 2 evaluations accuracy has not"
    assert line in caplog.text


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_run_that_stopped_early_makes_no_step(tmp_path, capsys):
    options = patient(1)
    train(make_run(tmp_path, options=options, evaluation=Scores(5, 4)))
    capsys.readouterr()
    data = Examples()
    train(make_run(tmp_path, options=options, data=data, evaluation=Scores()))
    assert not data.starts
    assert "stopped early before, at step 2 of 7" in capsys.readouterr().out
    # More patience goes on from there.
    scores = Scores(3, 2, 1)
    train(make_run(tmp_path, options=patient(3), data=data, evaluation=scores))
    assert data.starts == [2]
    assert len(scores.values) == 1


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_kill_does_not_lengthen_the_patience(tmp_path):
    for values in ((5, 4, Killed), (3, Killed), (2, 9)):
        scores = Scores(*values)
        run = make_run(tmp_path, options=patient(3), evaluation=scores)
        with (
            pytest.raises(Killed)
            if Killed in values
            else contextlib.nullcontext()
        ):
            train(run)
    # 5 at step 1, then 4, 3 and 2.
    assert scores.values == [9]
    assert tensor_bundle.steps(tmp_path)[-1] == 4


@pytest.mark.usefixtures("steps_without_gradients")
def test_patience_begins_anew_with_another_evaluation(tmp_path):
    with pytest.raises(Killed):
        train(
            make_run(
                tmp_path, options=patient(2), evaluation=Scores(9, 8, Killed)
            )
        )
    scores = Scores(3, 2, 1, 0, evaluated_on="others")
    train(make_run(tmp_path, options=patient(2), evaluation=scores))
    assert scores.values == [0]


def test_a_frozen_run_goes_on_bit_for_bit(tmp_path, caplog):
    first, _ = train(make_run(tmp_path / "first"))
    start = open_starting_point(tmp_path / "first")
    options = dataclasses.replace(
        OPTIONS, freeze="encoder", attention_l2=0.0, attention_head_l2=0.0
    )
    with caplog.at_level("INFO", logger="absl"):
        whole, _ = train(make_run(tmp_path / "a", options=options, start=start))
    assert "--freeze=encoder: " in caplog.text
    with pytest.raises(Killed):
        train(
            make_run(
                tmp_path / "b",
                options=options,
                start=start,
                evaluation=Scores(Killed),
            )
        )
    with pytest.raises(albert.UserError, match="freeze None there"):
        make_run(tmp_path / "first", options=options).check()
    again = make_run(tmp_path / "b", options=options, start=start)
    again, _ = train(again)
    for a, b in zip(state(whole), state(again), strict=True):
        assert np.array_equal(a, b)
    kernels = [
        loop.model.encoder.pooler.kernel.numpy() for loop in (first, again)
    ]
    assert np.array_equal(*kernels)
    saved = tensor_bundle.read(tmp_path / "b" / "model.ckpt-7")
    assert "bert/pooler/dense/kernel" in saved
    assert "bert/pooler/dense/kernel/adam_m" not in saved
    assert "cls/predictions/output_bias/adam_m" in saved


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_run_is_not_continued_beside_best_weights_of_before(tmp_path):
    with pytest.raises(Killed):
        train(make_run(tmp_path, evaluation=Scores(4, Killed)))
    with pytest.raises(UserError, match="give --do_eval .* or remove model.ck"):
        train(make_run(tmp_path))
    assert tensor_bundle.steps(tmp_path) == [3]
    train(make_run(tmp_path, evaluation=Scores(2, 3)))
    # Nothing is trained any more: they are the best there will be.
    train(make_run(tmp_path))
    tensor_bundle.remove(tmp_path / "model.ckpt-best")
    tensor_bundle.remove(tmp_path / "model.ckpt-7")
    train(make_run(tmp_path))
    assert tensor_bundle.resolve(tmp_path) == str(tmp_path / "model.ckpt-7")


def test_a_run_that_begins_at_the_same_time_is_found(tmp_path, monkeypatch):
    other = make_run(tmp_path, options=dataclasses.replace(OPTIONS, seed=5))
    held = run_settings.held

    @contextlib.contextmanager
    def held_after_it(directory):
        with held(directory):
            run_settings.write(directory, CONFIG, None, other.settings)
        with held(directory):
            yield

    monkeypatch.setattr(run_settings, "held", held_after_it)
    with pytest.raises(UserError, match="seed 5 there, 3 here"):
        train(make_run(tmp_path))


def test_workers_must_agree_on_when_they_save(tmp_path, monkeypatch):
    seen = []

    def check_same(strategy, values):
        seen.append(values)
        raise Killed

    monkeypatch.setattr(agreement, "check_same", check_same)
    for every in (3, 4):
        options = dataclasses.replace(OPTIONS, save_checkpoints_steps=every)
        with pytest.raises(Killed):
            train(make_run(tmp_path, options=options))
    one, other = seen
    assert {name for name in one if one[name] != other[name]} == {
        "save_checkpoints_steps"
    }


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_stop_within_an_evaluation_saves_and_evaluates_later(tmp_path):
    with pytest.raises(StopRequested, match=f"^{tmp_path}: .* at step 3; "):
        train(make_run(tmp_path, evaluation=Scores(None)))
    saved = tensor_bundle.read(tmp_path / "model.ckpt-3")
    assert not saved["training_state/evaluated"]
    scores = Scores(5, 4, 3)
    train(make_run(tmp_path, evaluation=scores))
    assert not scores.values
    best = tensor_bundle.read(tmp_path / "model.ckpt-best")
    assert best["global_step"] == 3


def test_a_stop_within_training_saves_at_its_step(tmp_path, monkeypatch):
    stops = []

    @contextlib.contextmanager
    def on_sigterm(callback):
        stops.append(callback)
        yield

    class Watch:
        def update(self, step, history):
            assert len(history["masked_lm_loss"]) == (2 if step == 2 else 1)
            if step == 3:
                stops[0]()
            return f"warning of step {step}"

    monkeypatch.setattr(preemption, "on_sigterm", on_sigterm)
    with pytest.raises(StopRequested, match="saved at step 4; "):
        train(make_run(tmp_path), Watch())
    assert tensor_bundle.steps(tmp_path) == [3, 4]


@pytest.mark.usefixtures("steps_without_gradients")
def test_what_is_watched_is_told(tmp_path, caplog):
    class Watch:
        def update(self, step, history):
            return f"beware of step {step}" if step == 5 else None

    train(make_run(tmp_path), Watch())
    assert [m for m in caplog.messages if "beware" in m] == ["beware of step 5"]


def test_a_loss_that_is_not_finite_stops_the_run_at_its_step(tmp_path):
    data = Examples(nan_at=4 * BATCH)
    with pytest.raises(
        albert.UserError, match="^step 5: masked_lm_loss is nan"
    ):
        train(make_run(tmp_path, data=data))
    assert tensor_bundle.steps(tmp_path) == [3]


def test_damaged_records_are_named(tmp_path):
    path = tmp_path / "broken.tfrecord"
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(b"x" * 100)
    path.write_bytes(path.read_bytes()[:-9])
    data = Examples(damage=str(path))
    with pytest.raises(albert.UserError, match="broken.tfrecord, record 0"):
        train(make_run(tmp_path / "model", data=data))


@pytest.mark.usefixtures("steps_without_gradients")
def test_a_full_disk_is_explained(tmp_path, monkeypatch):
    def fail(prefix, tensors):
        raise tf.errors.ResourceExhaustedError(
            None, None, "{{node x}} No space left [Op:SaveV2]"
        )

    monkeypatch.setattr(tensor_bundle, "write", fail)
    with pytest.raises(
        albert.UserError,
        match=r"step 3 cannot be saved \(No space left\): make room",
    ):
        train(make_run(tmp_path))


@pytest.mark.usefixtures("steps_without_gradients")
def test_another_run_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(Killed):
        train(make_run(tmp_path, evaluation=Scores(1, Killed)))
    before = sorted(tmp_path.rglob("*"))
    for changes, name in (
        ({"options": dataclasses.replace(OPTIONS, seed=5)}, "seed"),
        (
            {"options": dataclasses.replace(OPTIONS, attention_l2=0.0)},
            "attention_l2 0.05 there, 0.0 here",
        ),
        ({"init_optimizer": True}, "init_optimizer"),
        ({"task": {"task_name": "cola"}}, "task_name"),
        ({"config": dataclasses.replace(CONFIG, type_vocab_size=3)}, "type_"),
    ):
        run = make_run(tmp_path, **changes)
        for refuse in (run.check, lambda run=run: train(run)):
            with pytest.raises(albert.UserError, match=f"another run: {name}"):
                refuse()
    assert sorted(tmp_path.rglob("*")) == before
    # What else to do, but for another model.
    run = make_run(tmp_path, init_optimizer=True, remedy="Or go on so: x")
    with pytest.raises(
        albert.UserError, match=r"continue it\. Or go on so: x$"
    ):
        run.check()
    larger = dataclasses.replace(CONFIG, type_vocab_size=3)
    run = make_run(tmp_path, config=larger, remedy="Or go on so: x")
    with pytest.raises(albert.UserError, match="settings to continue it$"):
        run.check()
    # Of these nothing that is learnt depends.
    free = dataclasses.replace(OPTIONS, steps_per_loop=1, jit_compile=True)
    make_run(tmp_path, options=free).check()


@pytest.mark.usefixtures("steps_without_gradients")
def test_the_layers_to_start_from_are_part_of_the_run(tmp_path):
    for name, there, here in (("added", None, "mean"), ("dropped", 2, None)):
        directory = tmp_path / name
        train(make_run(directory, layers_from=there))
        with pytest.raises(
            albert.UserError, match=f"_from {there!r} there, {here!r} here"
        ):
            make_run(directory, layers_from=here).check()
        make_run(directory, layers_from=there).check()
    # Of a version that had no such setting.
    path = tmp_path / "added" / "run.json"
    settings = json.loads(path.read_text())
    del settings["init_layers_from"]
    path.write_text(json.dumps(settings))
    make_run(tmp_path / "added").check()
    with pytest.raises(albert.UserError, match="None there, 'mean' here"):
        make_run(tmp_path / "added", layers_from="mean").check()


@pytest.mark.usefixtures("steps_without_gradients")
def test_the_weights_to_start_from_are_part_of_the_run(tmp_path):
    train(make_run(tmp_path / "start"))
    directory = tmp_path / "run"
    train(make_run(directory, start=open_starting_point(tmp_path / "start")))
    # Checkpoints beside the one that is read may come and go.
    best = tmp_path / "start" / f"model.ckpt-{STEPS}"
    (tmp_path / "start/model.ckpt-1.index").write_text("")
    make_run(directory, start=open_starting_point(tmp_path / "start")).check()
    with open(f"{best}.data-00000-of-00001", "ab") as stream:
        stream.write(b"x")
    run = make_run(directory, start=open_starting_point(tmp_path / "start"))
    with pytest.raises(
        albert.UserError,
        match="holds other weights .* take init_checkpoint_sha",
    ):
        run.check()
    # As it is told to.
    path = directory / "run.json"
    settings = json.loads(path.read_text())
    del settings["init_checkpoint_sha256"]
    path.write_text(json.dumps(settings))
    run.check()


@pytest.mark.usefixtures("steps_without_gradients")
def test_the_directory_describes_the_run(tmp_path):
    task = {"task_name": "of mine", "labels": ["a", "b"]}
    train(make_run(tmp_path, task=task))
    assert json.loads((tmp_path / "task.json").read_text()) == task
    settings = json.loads((tmp_path / "run.json").read_text())
    assert (
        settings.items()
        >= {
            "training_data": "16 examples",
            "init_checkpoint": None,
            "learning_rate": 0.01,
            **task,
        }.items()
    )
    assert "steps_per_loop" not in settings


def test_weights_of_another_run_are_where_it_starts(tmp_path, caplog):
    first, _ = train(make_run(tmp_path / "first"))
    start = open_starting_point(tmp_path / "first")
    with caplog.at_level("INFO", logger="absl"):
        loops = [
            train(
                make_run(
                    tmp_path / str(init_optimizer),
                    options=dataclasses.replace(OPTIONS, learning_rate=1e-30),
                    start=start,
                    init_optimizer=init_optimizer,
                )
            )[0]
            for init_optimizer in (False, True)
        ]
    assert f"32 weights loaded from {tmp_path}/first" in caplog.text
    assert caplog.text.count("the optimizer's moments too") == 1
    for loop in loops:
        kernels = [x.model.encoder.pooler.kernel.numpy() for x in (first, loop)]
        assert np.array_equal(*kernels)
    moments = [loop.optimizer.adam_v[0].numpy() for loop in loops]
    assert not np.allclose(*moments)
