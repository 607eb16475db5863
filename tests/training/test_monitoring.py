# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

import albert
from albert.training import defaults
from albert.training import monitoring
from albert.training.monitoring import CollapseDetector
from albert.training.monitoring import WordFrequencyBaseline
from albert.training.monitoring import check_finite
from albert.training.monitoring import count_masked_pieces


def batch(ids, weights, inputs=(1,)):
    return {
        "input_ids": np.array([inputs]),
        "masked_lm_ids": np.array([ids]),
        "masked_lm_weights": np.array([weights], "float32"),
    }


def history(count, loss):
    return {"masked_lm_loss": np.full(count, loss)}


def test_counts_by_hand():
    counts = count_masked_pieces(
        [batch([3, 3, 7], [1, 1, 0]), batch([5, 3, 0], [1, 1, 0])], 8
    )
    assert counts.tolist() == [0, 0, 0, 3, 0, 1, 0, 0]


def test_baseline_by_hand():
    known = np.array([0.0, 6.0, 1.0])  # smoothed: .5, 6.5, 1.5 of 8.5
    baseline = WordFrequencyBaseline.of(np.array([1.0, 2.0, 1.0]), known)
    assert baseline.accuracy == 0.5
    expected = -np.log([0.5 / 8.5, 6.5 / 8.5, 6.5 / 8.5, 1.5 / 8.5]).mean()
    assert abs(baseline.loss - expected) < 1e-12


def test_counting_refuses_what_is_not_in_the_vocabulary():
    with pytest.raises(albert.UserError, match="the id 8.*vocab_size is 8"):
        count_masked_pieces([batch([8], [1])], 8)
    with pytest.raises(albert.UserError, match="hold the id 9"):
        count_masked_pieces([batch([3], [1], inputs=(2, 9))], 8)
    with pytest.raises(albert.UserError, match="no masked piece"):
        count_masked_pieces([batch([3], [0])], 8)


def test_patience_is_a_tenth_of_the_steps_and_500_at_least():
    steps = (300, 7000, None)
    assert [monitoring.patience_for(n) for n in steps] == [500, 700, 500]


def test_a_model_that_has_learnt_nothing_is_told_of_at_the_end(caplog):
    baseline = monitoring.WordFrequencyBaseline(6.0, 0.06)
    monitoring.warn_of_nothing_learnt({"masked_lm_loss": 5.8}, baseline)
    assert not caplog.messages
    monitoring.warn_of_nothing_learnt({"masked_lm_loss": 5.83}, baseline)
    (warning,) = caplog.messages
    assert "masked_lm_loss, 5.830, is not below" in warning


def test_collapse_is_told_once_per_patience():
    detector = CollapseDetector(6.0, patience=10)
    told = [detector.update(5 * i, history(5, 5.99)) for i in range(1, 6)]
    assert [bool(line) for line in told] == [False, True, False, True, False]
    assert told[1].startswith("step 10: for 10 steps")
    assert "has not left" in told[1]


def test_chance_of_single_steps_is_not_taken_for_learning():
    """A call of few steps is far below or above what all are, now and then."""
    losses = 6.0 + np.random.default_rng(3).normal(0.0, 0.2, 600)
    assert np.mean(losses < 5.82) > 0.15
    detector = CollapseDetector(6.0, patience=100)
    told = [
        detector.update(step, {"masked_lm_loss": losses[[step]]})
        for step in range(600)
    ]
    assert sum(map(bool, told)) == 6
    assert not detector.learnt


def test_learning_is_not_told():
    detector = CollapseDetector(6.0, patience=4)
    losses = np.linspace(8.0, 4.0, 60).reshape(20, 3)
    told = [
        detector.update(3 * i, {"masked_lm_loss": row})
        for i, row in enumerate(losses)
    ]
    assert not any(told[12:])
    assert detector.learnt


def test_falling_back_is_told_as_collapse():
    detector = CollapseDetector(6.0, patience=4)
    assert detector.update(4, history(4, 4.0)) is None
    line = detector.update(8, history(4, 6.01))
    assert "has fallen back to" in line
    assert "collapsed" in line


def test_the_first_step_that_is_not_finite_is_named():
    history = {
        "masked_lm_loss": np.array([3.0, 2.0, np.inf]),
        "gradient_norm": np.array([1.0, np.nan, np.nan]),
    }
    with pytest.raises(albert.UserError, match="step 42: gradient_norm is nan"):
        check_finite(40, history)
    check_finite(40, {"gradient_norm": np.array([1.0])})


def test_learning_rates_scale_with_the_root_of_the_batch():
    base = albert.AlbertConfig.named("base")
    rate = defaults.pretraining_learning_rate
    assert rate(base, "lamb", 4096) == 0.00176
    assert abs(rate(base, "lamb", 960) - 8.52e-4) < 1e-6
    tiny = albert.AlbertConfig.named("tiny")
    assert rate(tiny, "lamb", 256) == 2 * rate(tiny, "lamb", 64)
    assert rate(tiny, "lamb", 4096) == rate(tiny, "lamb", 256)
    assert rate(tiny, "lamb", 64) > rate(base, "lamb", 64)


def test_a_rate_that_is_known_to_diverge_is_warned_of():
    xxlarge = albert.AlbertConfig.named("xxlarge")
    warning = defaults.learning_rate_warning
    assert warning(xxlarge, "lamb", 4096, 0.00176) is None
    assert "2.8 times" in warning(xxlarge, "lamb", 512, 0.00176)


def test_warm_up_is_the_original_s_for_the_original_s_steps():
    assert defaults.warmup_steps(125000) == 3125
    assert defaults.warmup_steps(1000) == 60
