# SPDX-License-Identifier: Apache-2.0
"""Muon: its matrices by Keras's iteration, everything else as of AdamW."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.training.muon import Muon
from albert.training.muon import orthogonalize
from albert.training.optimizers import AdamW
from albert.training.variable_rules import HIDDEN_MATRIX_RULES
from albert.training.variable_rules import apply_rules

# Of values near 1, in five iterations with coefficients of up to 5.
ROUNDING = 2e-5


def keras_orthogonalized(matrix):
    muon = keras.optimizers.Muon(0.1)
    return muon.zeropower_via_newtonschulz5(tf.constant(matrix), 5).numpy()


def random_matrix(*shape, seed=3):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def make_variable(path, value):
    *scopes, name = path.split("/")
    if not scopes:
        return keras.Variable(value, name=name)
    with keras.name_scope(scopes[0]):
        return make_variable("/".join([*scopes[1:], name]), value)


@pytest.mark.parametrize("shape", [(5, 13), (13, 5), (7, 7), (1, 3)])
@pytest.mark.parametrize("scale", [1e-4, 1e3])
def test_the_iteration_is_that_of_keras(shape, scale):
    matrix = random_matrix(*shape) * np.float32(scale)
    ours = orthogonalize(tf.constant(matrix)).numpy()
    assert ours.shape == shape
    assert np.abs(ours - keras_orthogonalized(matrix)).max() < ROUNDING
    values = np.linalg.svd(ours, compute_uv=False)
    assert values.min() > 0.6 and values.max() < 1.3


def test_nothing_is_left_of_zeros():
    assert not orthogonalize(tf.zeros([3, 5])).numpy().any()


@pytest.mark.parametrize("compiled", [None, False, True])
def test_steps_by_hand(compiled):
    """compiled: None runs eagerly, True through XLA."""
    start = random_matrix(11, 7)
    kernel = make_variable("dense/kernel", start)
    muon = Muon(0.5, momentum=0.75, weight_decay_rate=0.1)
    muon.build([kernel])

    def step(gradient):
        muon.apply([gradient], [kernel])

    if compiled is not None:
        step = tf.function(step, jit_compile=compiled)
    weights, m = start.astype("float64"), 0.0
    for seed in (5, 6, 7):
        gradient = random_matrix(11, 7, seed=seed)
        step(tf.constant(gradient))
        m = 0.75 * m + 0.25 * gradient
        direction = keras_orthogonalized(
            (0.75 * m + 0.25 * gradient).astype("float32")
        )
        # 11 is the longer side.
        update = 0.2 * 11**0.5 * direction + 0.1 * weights
        weights = weights - 0.5 * update
        assert np.abs(kernel.numpy() - weights).max() < ROUNDING
        assert np.abs(muon.adam_m[0].numpy() - m).max() < ROUNDING
    assert muon.iterations.numpy() == 3


@pytest.fixture(scope="module")
def updated():
    """Paths, and what Muon and AdamW made of a model and its gradients."""
    config = albert.AlbertConfig.named(
        "tiny",
        vocab_size=41,
        hidden_size=26,
        embedding_size=11,
        num_attention_heads=2,
        intermediate_size=37,
        max_position_embeddings=17,
    )
    model = albert.AlbertPretrainer(config)
    variables = model.trainable_variables
    before = [variable.numpy() for variable in variables]
    gradients = [
        tf.constant(random_matrix(*variable.shape, seed=seed))
        for seed, variable in enumerate(variables)
    ]
    found = {}
    for optimizer_class in (Muon, AdamW):
        for variable, value in zip(variables, before, strict=True):
            variable.assign(value)
        optimizer = optimizer_class(0.1)
        optimizer.build(variables)
        optimizer.apply(gradients, variables)
        found[optimizer_class] = optimizer, [v.numpy() for v in variables]
    return [v.path for v in variables], before, found


def test_each_hidden_matrix_is_orthogonalized_apart(updated):
    paths, before, found = updated
    hidden = apply_rules(HIDDEN_MATRIX_RULES, paths)
    names = {
        "/".join(path.split("/")[-3:-1])
        for path, yes in zip(paths, hidden, strict=True)
        if yes
    }
    assert names == {
        "encoder/embedding_projection",
        "attention_0_0/query",
        "attention_0_0/key",
        "attention_0_0/value",
        "attention_0_0/output",
        "feed_forward_0_0/intermediate",
        "feed_forward_0_0/output",
        "encoder/pooler",
        "masked_lm/transform",
    }
    _, after = found[Muon]
    for path, yes, old, new in zip(paths, hidden, before, after, strict=True):
        if yes:
            # The decay is a hundredth of the weights, which are small.
            update = (old - new) / 0.1 - 0.01 * old
            values = np.linalg.svd(update, compute_uv=False)
            values /= 0.2 * max(old.shape) ** 0.5
            assert values.min() > 0.6 and values.max() < 1.3, path


def test_everything_else_is_adamw(updated):
    paths, _, found = updated
    (muon, ours), (adamw, theirs) = found[Muon], found[AdamW]
    hidden = apply_rules(HIDDEN_MATRIX_RULES, paths)
    for index, yes in enumerate(hidden):
        assert np.array_equal(ours[index], theirs[index]) == (not yes)
        names = ["adam_m"] if yes else ["adam_m", "adam_v"]
        slots = muon.slots(index)
        assert list(slots) == names
        if not yes:
            for name, slot in adamw.slots(index).items():
                assert np.array_equal(slot.numpy(), slots[name].numpy())
    # Without the number of updates and the learning rate.
    assert len(muon.variables) - 2 == 2 * len(paths) - sum(hidden)


def test_what_is_no_matrix_is_not_orthogonalized():
    cube = make_variable("dense/kernel", random_matrix(2, 3, 5))
    with pytest.raises(ValueError, match=r"dense/kernel of shape \(2, 3, 5\)"):
        Muon(0.1).build([cube])
    with pytest.raises(ValueError, match="No rule covers mystery/alpha"):
        Muon(0.1).build([make_variable("mystery/alpha", random_matrix(2, 3))])


@pytest.mark.parametrize("momentum", [1.0, -0.1])
def test_bad_momentum_is_named_with_its_value(momentum):
    with pytest.raises(ValueError, match=f"momentum={momentum}"):
        Muon(0.1, momentum=momentum)
