# SPDX-License-Identifier: Apache-2.0
"""An update of pairs is that of the whole batch, however it is cut up."""

import keras
import numpy as np
import pytest

import albert
from albert.text_to_text.pair_batches import pair_dataset
from albert.text_to_text.pair_features import PairFeatures
from albert.text_to_text.token_batches import BatchLimits
from albert.text_to_text.token_batches import training_plan
from albert.training import distribution
from albert.training import optimizers
from albert.training.loop import TrainingLoop
from albert.training.losses import TextToTextObjective

CONFIG = albert.AlbertConfig(
    vocab_size=41,
    embedding_size=7,
    hidden_size=22,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=31,
    max_position_embeddings=17,
    initializer_range=0.3,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)
STEPS = 3
LIMITS = BatchLimits(
    most_tokens=300,
    most_rows=12,
    rows_multiple=12,
    source_lengths=(6, 13),
    target_lengths=(5, 11),
)


def make_features(count=31):
    """Pairs of different lengths, so that replicas have unequal shares."""
    rng = np.random.default_rng(5)
    sides = []
    for start, longest in (([2], 11), ([], 10)):
        rows = [
            [*start, *rng.integers(5, 41, rng.integers(1, longest + 1)), 3]
            for _ in range(count)
        ]
        splits = np.cumsum([0, *map(len, rows)])
        sides += [np.concatenate(rows).astype(np.int32), splits]
    return PairFeatures(*sides)


def train(strategy_name="one_device", **options):
    """Returns (weights before, weights after, history)."""
    keras.utils.set_random_seed(7)
    strategy = distribution.get_strategy(strategy_name)
    with strategy.scope():
        model = albert.AlbertEncoderDecoder(CONFIG, num_decoder_layers=2)
        optimizer = optimizers.AdamW(0.005, epsilon=1e-2)
        optimizer.build(model.trainable_variables)
    before = weights_of(model)
    features = make_features()
    batches = training_plan(
        features.source_lengths,
        features.target_lengths,
        LIMITS,
        STEPS,
        seed=1,
        bucket_by_length=True,
    )
    loop = TrainingLoop(
        model, optimizer, TextToTextObjective(0.1), strategy, **options
    )
    iterator = iter(loop.distribute(pair_dataset(features, batches)))
    history = loop.train(iterator, STEPS)
    return before, weights_of(model), history


def weights_of(model):
    return {
        variable.path.partition("/")[-1]: variable.numpy()
        for variable in model.trainable_variables
    }


def check_same(one, other):
    """Asserts that two trainings did the same, but for rounding.

    The loss does not depend on the bias of the keys, which moves by rounding.
    """
    before, weights, history = one
    assert (history["gradient_norm"] > 1.0).any()
    # Of the 31 pairs, all but the fillers.
    assert history["sequences"].sum() < 12 * STEPS
    start, found, values = other
    for name, expected in weights.items():
        np.testing.assert_array_equal(start[name], before[name])
        if name.endswith("key/bias"):
            continue
        moved = np.abs(expected - before[name]).max()
        assert np.abs(found[name] - expected).max() <= 2e-3 * moved, name
    for name, expected in history.items():
        np.testing.assert_allclose(values[name], expected, 2e-4, err_msg=name)


@pytest.mark.slow
def test_accumulation():
    whole = train()
    for steps in (2, 4):
        check_same(whole, train(accumulation_steps=steps))


@pytest.mark.slow
def test_two_replicas(run_on_two_devices):
    run_on_two_devices(
        __file__,
        """
        assert t.distribution.get_strategy("mirrored").num_replicas_in_sync == 2
        whole = t.train()
        t.check_same(whole, t.train("mirrored"))
        t.check_same(whole, t.train("mirrored", accumulation_steps=3))
        """,
    )
