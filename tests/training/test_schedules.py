# SPDX-License-Identifier: Apache-2.0
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from albert.training import schedules

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"


def rates(schedule, steps):
    return np.array([float(schedule(step)) for step in steps])


@pytest.mark.parametrize("optimizer", ["lamb", "adamw"])
def test_rate_of_every_step_is_the_originals(optimizer):
    with np.load(GOLDEN / f"optimizer_{optimizer}" / "outputs.npz") as golden:
        expected = golden["lr_of_step_0_to_12"]
    schedule = schedules.PolynomialDecayWithWarmup(0.01, 10, 3)
    ours = rates(schedule, range(13))
    assert np.abs(ours - expected).max() < 1e-8
    assert ours[0] == 0.0
    assert not ours[10:].any()


def test_rate_is_a_float32_scalar_of_any_kind_of_step():
    schedule = schedules.PolynomialDecayWithWarmup(0.01, 10, 3)
    for step in (
        7,
        np.int32(7),
        tf.constant(7, tf.int64),
        keras.Variable(7, dtype="int64", trainable=False),
    ):
        rate = schedule(step)
        assert rate.dtype == tf.float32
        assert rate.shape == ()
        assert float(rate) == pytest.approx(0.003, rel=1e-6)


def test_without_warmup_the_first_rate_is_the_peak():
    schedule = schedules.PolynomialDecayWithWarmup(0.5, 8)
    assert rates(schedule, [0, 2, 8]) == pytest.approx([0.5, 0.375, 0.0])


def test_power_bends_the_decay_and_not_the_warmup():
    schedule = schedules.PolynomialDecayWithWarmup(1.0, 10, 4, power=2.0)
    assert rates(schedule, [1, 3, 4, 5, 9, 10, 11]) == pytest.approx(
        [0.25, 0.75, 0.36, 0.25, 0.01, 0.0, 0.0], abs=1e-7
    )


def test_a_cosine_falls_to_a_share_of_the_peak():
    schedule = schedules.CosineDecayWithWarmup(
        2.0, 10, num_warmup_steps=2, end_learning_rate_share=0.1
    )
    # 0.1 + 0.9 (1 + cos(pi s / 10)) / 2, of 2; the warm-up counts.
    assert rates(schedule, [0, 1, 2, 5, 9, 10, 99]) == pytest.approx(
        [0.0, 1.0, 1.828115, 1.1, 0.244049, 0.2, 0.2], abs=1e-6
    )


@pytest.mark.parametrize("decay", schedules.DECAYS.values())
def test_a_decay_after_warmup_begins_at_the_peak(decay):
    schedule = decay(
        0.5,
        10,
        num_warmup_steps=3,
        start_warmup_step=1,
        decay_after_warmup=True,
    )
    # Of either kind, half is left in the middle of steps 4 to 10.
    assert rates(schedule, [0, 1, 3, 4, 7, 10]) == pytest.approx(
        [0.0, 0.0, 1 / 3, 0.5, 0.25, 0.0], abs=1e-7
    )


def test_a_share_of_the_peak_is_where_a_power_ends():
    schedule = schedules.PolynomialDecayWithWarmup(
        1.0, 4, power=2.0, end_learning_rate_share=0.25
    )
    assert rates(schedule, [0, 2, 4]) == pytest.approx([1.0, 0.4375, 0.25])


def test_a_warmup_that_takes_all_steps_leaves_no_decay():
    schedule = schedules.CosineDecayWithWarmup(
        1.0, 4, num_warmup_steps=4, decay_after_warmup=True
    )
    assert rates(schedule, [3, 4]) == pytest.approx([0.75, 1.0])


def test_a_late_warmup_starts_at_its_step_and_is_never_negative():
    schedule = schedules.PolynomialDecayWithWarmup(
        1.0, 20, num_warmup_steps=4, start_warmup_step=5
    )
    assert rates(schedule, [0, 4, 5, 6, 8, 9, 10]) == pytest.approx(
        [0.0, 0.0, 0.0, 0.25, 0.75, 0.55, 0.5], abs=1e-7
    )


def test_steps_beyond_float32_are_counted():
    start = 2**24
    schedule = schedules.PolynomialDecayWithWarmup(
        1.0, 2**25, num_warmup_steps=7, start_warmup_step=start
    )
    assert float(schedule(start + 1)) == pytest.approx(1 / 7)


@pytest.mark.parametrize(
    ("decay", "others"),
    [
        (schedules.PolynomialDecayWithWarmup, {"power": 3.0}),
        (schedules.CosineDecayWithWarmup, {}),
    ],
)
def test_configuration_round_trip(decay, others):
    others |= {"end_learning_rate_share": 0.2, "decay_after_warmup": True}
    schedule = decay(0.3, 17, 5, 2, **others)
    config = keras.optimizers.schedules.serialize(schedule)
    again = keras.optimizers.schedules.deserialize(config)
    assert type(again) is decay
    assert again.get_config() == schedule.get_config()
    assert schedule.get_config() == {
        "initial_learning_rate": 0.3,
        "num_train_steps": 17,
        "num_warmup_steps": 5,
        "start_warmup_step": 2,
        **others,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("initial_learning_rate", 0.0),
        ("initial_learning_rate", float("nan")),
        ("num_train_steps", 0),
        ("num_train_steps", 2.5),
        ("num_warmup_steps", -1),
        ("start_warmup_step", -3),
        ("power", 0.0),
        ("end_learning_rate_share", 1.5),
        ("end_learning_rate_share", float("nan")),
    ],
)
def test_bad_arguments_are_named_with_their_value(name, value):
    arguments = {"initial_learning_rate": 0.1, "num_train_steps": 10}
    with pytest.raises(ValueError, match=f"{name}={value}"):
        schedules.PolynomialDecayWithWarmup(**(arguments | {name: value}))


def test_square_root_scaling():
    assert schedules.scaled_learning_rate(4096) == pytest.approx(0.00176)
    assert schedules.scaled_learning_rate(64) == pytest.approx(0.00022)
    assert schedules.scaled_learning_rate(
        18, reference_rate=0.1, reference_batch=2
    ) == pytest.approx(0.3)
    with pytest.raises(ValueError, match="batch_size=0"):
        schedules.scaled_learning_rate(0)
