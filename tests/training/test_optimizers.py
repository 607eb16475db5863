# SPDX-License-Identifier: Apache-2.0
import json
import pathlib
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from albert.config import AlbertConfig
from albert.training import optimizers
from albert.training import schedules
from albert.training.muon import Muon
from albert.training.variable_rules import WEIGHT_DECAY_RULES

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
STEPS = 10
# Eight units in the last place of 1, about as large as all that is compared.
ROUNDING = 1e-6
CLASSES = {"lamb": optimizers.Lamb, "adamw": optimizers.AdamW, "muon": Muon}
# "one_element" has a name that no variable of the model has.
GOLDEN_RULES = (*WEIGHT_DECAY_RULES, (r"^one_element$", True))
NOT_DECAYED = {
    "bert/encoder/dense/bias",
    "bert/encoder/LayerNorm/beta",
    "bert/encoder/LayerNorm/gamma",
    "bert/encoder/layer_norm/scale",
    "cls/predictions/output_bias",
    "unbiased/kernel",
}


def make_variable(path, value):
    *scopes, name = path.split("/")
    if not scopes:
        return keras.Variable(np.asarray(value, "float32"), name=name)
    with keras.name_scope(scopes[0]):
        return make_variable("/".join([*scopes[1:], name]), value)


def difference(ours, expected):
    ours, expected = np.asarray(ours), np.asarray(expected)
    assert ours.shape == expected.shape
    return float(np.abs(ours - expected).max())


class Original:
    """A golden: ten steps of the original's optimizer."""

    def __init__(self, kind):
        folder = GOLDEN / f"optimizer_{kind}"
        with np.load(folder / "inputs.npz") as arrays:
            self.inputs = dict(arrays)
        with np.load(folder / "outputs.npz") as arrays:
            self.outputs = dict(arrays)
        self.paths = [
            key.removeprefix("initial/")
            for key in self.inputs
            if key.startswith("initial/")
        ]
        self.variables = [
            make_variable(path, self.inputs[f"initial/{path}"])
            for path in self.paths
        ]
        self.optimizer = CLASSES[kind](
            schedules.PolynomialDecayWithWarmup(0.01, STEPS, 3),
            weight_decay_rules=GOLDEN_RULES,
        )
        self.optimizer.build(self.variables)

    def gradients(self, step):
        return [
            tf.constant(self.inputs[f"gradients/{path}"][step])
            for path in self.paths
        ]

    def compare(self, step, clipped, norm, rate, worst):
        """Raises each entry of worst to the differences after a step."""

        def note(quantity, ours, expected):
            found = difference(ours, expected)
            worst[quantity] = max(worst.get(quantity, 0.0), found)

        expected = self.outputs
        note("learning rate", rate, expected["lr"][step])
        note("global norm (relative)", norm / expected["global_norm"][step], 1)
        for index, path in enumerate(self.paths):
            note(
                "clipped gradients",
                clipped[index],
                expected[f"clipped_gradients/{path}"][step],
            )
            note(
                "weights",
                self.variables[index].numpy(),
                expected[f"params/{path}"][step + 1],
            )
            for slot in ("adam_m", "adam_v"):
                note(
                    slot,
                    getattr(self.optimizer, slot)[index].numpy(),
                    expected[f"{slot}/{path}"][step],
                )


@pytest.mark.parametrize("compiled", [None, False, True])
@pytest.mark.parametrize("kind", ["lamb", "adamw"])
def test_ten_steps_are_the_originals(kind, compiled):
    """compiled: None runs eagerly, True through XLA."""
    original = Original(kind)
    assert [v.path for v in original.variables] == original.paths
    assert len(original.paths) == 13

    def train_step(gradients):
        clipped, norm = optimizers.clip_by_global_norm(gradients, 1.0)
        rate = tf.identity(original.optimizer.learning_rate)
        original.optimizer.apply(clipped, original.variables)
        return clipped, norm, rate

    if compiled is not None:
        train_step = tf.function(train_step, jit_compile=compiled)
    worst = {}
    for step in range(STEPS):
        clipped, norm, rate = train_step(original.gradients(step))
        original.compare(step, clipped, norm.numpy(), rate, worst)
    print(kind, worst)
    assert original.optimizer.iterations.numpy() == STEPS
    assert len(worst) == 6
    assert max(worst.values()) < ROUNDING, worst


def test_trust_ratios_are_the_originals(monkeypatch):
    original = Original("lamb")
    ratios = []

    def spy(*args, function=optimizers.trust_ratio):
        ratios.append(function(*args).numpy())
        return function(*args)

    monkeypatch.setattr(optimizers, "trust_ratio", spy)
    adapted = [path for path in original.paths if path not in NOT_DECAYED]
    assert len(adapted) == 7
    worst = 0.0
    for step in range(STEPS):
        ratios.clear()
        clipped, _ = optimizers.clip_by_global_norm(
            original.gradients(step), 1.0
        )
        original.optimizer.apply(clipped, original.variables)
        expected = [
            original.outputs[f"trust_ratio/{path}"][step] for path in adapted
        ]
        # Relative above 1: the ratio of zero_grad is 100.
        scale = np.maximum(expected, 1.0)
        worst = max(worst, difference(ratios / scale, expected / scale))
    print(worst)
    assert worst < ROUNDING


def test_the_trust_ratio_is_one_when_a_norm_is_zero_and_never_clamped():
    zero, three_four = tf.zeros(2), tf.constant([3.0, 4.0])
    ratio = optimizers.trust_ratio
    assert ratio(zero, three_four) == 1.0
    assert ratio(three_four, zero) == 1.0
    assert ratio(zero, zero) == 1.0
    tiny = tf.constant([0.0, 0.001])
    assert difference(ratio(three_four, tiny) / 5000.0, 1.0) < ROUNDING


def test_slots_are_named_float32_and_part_of_the_state():
    variable = make_variable("encoder/dense/kernel", np.ones((2, 3)))
    optimizer = optimizers.Lamb(0.1)
    optimizer.build([variable])
    optimizer.build([variable])
    names = [slot.name for slot in optimizer.variables]
    assert names == [
        "iteration",
        "learning_rate",
        "encoder_dense_kernel_adam_m",
        "encoder_dense_kernel_adam_v",
    ]
    for slot in (*optimizer.adam_m, *optimizer.adam_v):
        assert slot.dtype == "float32"
        assert slot.shape == (2, 3)


def test_steps_with_bias_correction_by_hand():
    # beta_1 .5, beta_2 .75, epsilon .5, decay .1, rate 1, gradients 2 and -1.
    # Step 1: m 1 and v 1, corrected 2 and 4:   u = 2/2.5 + .1*1 = .9.
    # Step 2: m 0 and v 1, corrected 0 and 16/7: u = 0 + .1*.1 = .01.
    variable = make_variable("kernel", [1.0])
    optimizer = optimizers.AdamW(
        1.0,
        weight_decay_rate=0.1,
        beta_1=0.5,
        beta_2=0.75,
        epsilon=0.5,
        bias_correction=True,
    )
    for gradient, expected in ((2.0, 0.1), (-1.0, 0.09)):
        optimizer.apply([tf.constant([gradient])], [variable])
        assert difference(variable.numpy(), [expected]) < ROUNDING
    # Step 3, gradient 4: m 2, v 4.75; corrected 16/7 and 304/37;
    # u = (16/7) / (sqrt(304/37) + .5) + .1*.09.
    optimizer.apply([tf.constant([4.0])], [variable])
    update = (16 / 7) / ((304 / 37) ** 0.5 + 0.5) + 0.1 * 0.09
    assert difference(variable.numpy(), [0.09 - update]) < ROUNDING


def test_lamb_steps_with_bias_correction_by_hand():
    # As above: the ratio of the first step is 1/.9, so the step is exactly
    # rate * |w| against the sign of the update; likewise in the second.
    variable = make_variable("kernel", [1.0])
    optimizer = optimizers.Lamb(
        0.25,
        weight_decay_rate=0.1,
        beta_1=0.5,
        beta_2=0.75,
        epsilon=0.5,
        bias_correction=True,
    )
    for gradient, expected in ((2.0, 0.75), (-1.0, 0.5625)):
        optimizer.apply([tf.constant([gradient])], [variable])
        assert difference(variable.numpy(), [expected]) < ROUNDING


def test_bias_correction_makes_the_first_step_the_sign_of_the_gradient():
    variable = make_variable("bias", [0.0, 0.0, 0.0])
    optimizer = optimizers.AdamW(0.5, bias_correction=True)
    gradient = tf.constant([3.0, -0.01, 7.0])
    optimizer.apply([gradient], [variable])
    assert difference(variable.numpy(), [-0.5, 0.5, -0.5]) < 1e-4


# Rules


def test_rules_match_the_path_and_not_the_name():
    gamma = make_variable("attention/layer_norm/gamma", np.ones(3))
    kernel = make_variable("attention/query/kernel", np.ones((3, 3)))
    optimizer = optimizers.AdamW(0.1)
    # No gradient, so that only the decay can move anything.
    optimizer.apply([tf.zeros(3), tf.zeros((3, 3))], [gamma, kernel])
    assert difference(gamma.numpy(), np.ones(3)) == 0.0
    assert difference(kernel.numpy(), np.full((3, 3), 0.999)) < ROUNDING


def test_variables_without_a_rule_are_listed():
    variables = [
        make_variable("mystery/alpha", [1.0]),
        make_variable("dense/kernel", [[1.0]]),
        make_variable("embeddings/omega", [1.0]),
    ]
    with pytest.raises(ValueError, match="mystery/alpha, embeddings/omega"):
        optimizers.Lamb(0.1).build(variables)


def test_adaptation_rules_can_differ_from_the_decay_rules():
    bias = make_variable("dense/bias", [3.0, 4.0])
    kernel = make_variable("dense/kernel", [[3.0, 4.0]])
    optimizer = optimizers.Lamb(
        0.1,
        beta_1=0.0,
        weight_decay_rate=0.0,
        layer_adaptation_rules=[("bias", True), ("kernel", False)],
    )
    gradient = tf.constant([1.0, 0.0])
    optimizer.apply([gradient, gradient[None]], [bias, kernel])
    step = 1.0 / (0.001**0.5 + 1e-6)
    assert difference(bias.numpy(), [3.0 - 0.1 * 5.0, 4.0]) < ROUNDING
    assert difference(kernel.numpy(), [[3.0 - 0.1 * step, 4.0]]) < ROUNDING


# Layer-wise learning-rate decay


@pytest.mark.parametrize("kind", CLASSES)
def test_layer_decay_scales_each_step_by_depth(kind):
    paths = (
        "embeddings/word_embeddings",
        "encoder/attention_0_0/query/kernel",
        "pooler/kernel",
        "classifier/kernel",
    )

    def moves(**options):
        variables = [make_variable(path, [[1.0, 2.0]]) for path in paths]
        optimizer = CLASSES[kind](0.1, **options)
        gradient = tf.constant([[0.3, -0.7]])
        optimizer.apply([gradient] * len(paths), variables)
        return [v.numpy() - [[1.0, 2.0]] for v in variables]

    config = AlbertConfig.named("tiny", num_hidden_layers=3)
    plain = moves()
    decayed = moves(layer_decay_rate=0.5, model_config=config)
    factors = [0.5**5, 0.5**2, 0.5, 1.0]
    for without, with_decay, factor in zip(
        plain, decayed, factors, strict=True
    ):
        assert difference(with_decay, factor * without) < ROUNDING
        assert np.abs(without).min() > 0.005


@pytest.mark.parametrize("kind", CLASSES)
def test_tables_of_embeddings_have_a_rate_of_their_own(kind):
    """Both factors multiply; what is near a table is none."""
    factors = {
        "m/encoder/embeddings/word_embeddings": 0.25 * 0.5**5,
        "m/encoder/embeddings/position_embeddings": 0.25 * 0.5**5,
        "m/encoder/embeddings/layer_norm/gamma": 0.5**5,
        "m/encoder/embedding_projection/kernel": 0.5**5,
        "m/classifier/kernel": 1.0,
    }
    config = AlbertConfig.named("tiny", num_hidden_layers=3)

    def moves(**options):
        variables = [make_variable(path, [[1.0, 2.0]]) for path in factors]
        optimizer = CLASSES[kind](0.1, **options)
        gradient = tf.constant([[0.3, -0.7]])
        optimizer.apply([gradient] * len(factors), variables)
        return [v.numpy() - [[1.0, 2.0]] for v in variables]

    plain = moves()
    scaled = moves(
        embedding_learning_rate_scale=0.25,
        layer_decay_rate=0.5,
        model_config=config,
    )
    still = moves(embedding_learning_rate_scale=0.0)
    for before, after, frozen, (path, factor) in zip(
        plain, scaled, still, factors.items(), strict=True
    ):
        assert np.abs(before).min() > 0.005
        assert difference(after, factor * before) < ROUNDING, path
        table = path.endswith("_embeddings")
        assert np.array_equal(frozen, 0.0 * before if table else before)


# Gradients


def test_clipping_uses_the_true_norm_of_repeated_indices():
    # Row 1 is looked up twice: 1 + 2 makes 3; with the 4 the norm is 5
    # (summing the squares of the parts would give sqrt(21)).
    sparse = tf.IndexedSlices(
        tf.constant([[1.0], [2.0]]), tf.constant([1, 1]), dense_shape=(3, 1)
    )
    gradients = [sparse, None, tf.constant([4.0], tf.bfloat16)]
    clipped, norm = optimizers.clip_by_global_norm(gradients, 1.0)
    assert difference(norm / 5.0, 1.0) < ROUNDING
    assert norm.dtype == tf.float32
    assert clipped[1] is None
    assert difference(clipped[0], [[0.0], [0.6], [0.0]]) < ROUNDING
    assert difference(clipped[2], [0.8]) < ROUNDING
    assert clipped[2].dtype == tf.float32


def test_small_gradients_are_not_scaled():
    gradients = [tf.constant([0.3]), tf.constant([-0.4])]
    clipped, norm = optimizers.clip_by_global_norm(gradients, 1.0)
    assert difference(norm, 0.5) < ROUNDING
    assert difference(clipped, [[0.3], [-0.4]]) < ROUNDING


def test_a_norm_that_is_not_finite_spoils_every_gradient():
    gradients = [tf.constant([float("inf"), 1.0]), tf.constant([2.0])]
    clipped, norm = optimizers.clip_by_global_norm(gradients, 1.0)
    assert not np.isfinite(norm)
    for gradient in clipped:
        assert np.isnan(gradient).all()


@pytest.mark.parametrize("clip_norm", [0.0, -1.0, float("nan")])
def test_a_clip_norm_that_is_not_positive(clip_norm):
    with pytest.raises(ValueError, match="clip_norm="):
        optimizers.clip_by_global_norm([tf.ones(2)], clip_norm)


@pytest.mark.parametrize("kind", CLASSES)
def test_sparse_gradients_update_every_row(kind):
    def updated(gradient):
        table = make_variable("word_embeddings", [[1.0], [2.0], [3.0]])
        CLASSES[kind](0.1).apply([gradient], [table])
        return table.numpy()

    sparse = tf.IndexedSlices(
        tf.constant([[0.5]]), tf.constant([1]), dense_shape=(3, 1)
    )
    ours = updated(sparse)
    assert difference(ours, updated(tf.constant([[0.0], [0.5], [0.0]]))) == 0
    # The decay reaches the rows without a gradient.
    assert (ours[[0, 2]] < [[1.0], [3.0]]).all()


# Averages


@pytest.mark.parametrize("kind", CLASSES)
def test_averages_of_the_weights_by_hand(kind):
    paths = ("dense/kernel", "dense/bias", "word_embeddings")
    variables = [make_variable(path, [[1.0, 2.0]]) for path in paths]
    optimizer = CLASSES[kind](0.1, weight_average_decay=0.15)
    expected = [0.0] * len(paths)
    # The first is the weights, and 0.15 is more than 1 / 10, not than 2 / 11.
    for decay in (0.0, 0.1, 0.15, 0.15):
        gradients = [tf.constant([[0.3, -0.7]])] * len(paths)
        optimizer.apply(gradients, variables)
        for index, variable in enumerate(variables):
            weights = variable.numpy()
            expected[index] = decay * expected[index] + (1 - decay) * weights
            average = optimizer.average(variable)
            assert average is optimizer.averages[index]
            assert difference(average.numpy(), expected[index]) < ROUNDING
            assert decay == 0.0 or difference(weights, average.numpy()) > 1e-4


@pytest.mark.parametrize("kind", CLASSES)
def test_averages_change_nothing_else(kind):
    found = []
    for decay in (None, 0.5):
        kernel = make_variable("dense/kernel", [[1.0, 2.0], [3.0, 5.0]])
        optimizer = CLASSES[kind](0.1, weight_average_decay=decay)
        for gradient in ([[0.3, -0.7], [0.2, 1.0]], [[0.5, 0.1], [0.4, -0.6]]):
            optimizer.apply([tf.constant(gradient)], [kernel])
        found.append(kernel.numpy())
        assert len(optimizer.averages) == (decay is not None)
    assert np.array_equal(*found)


# Distribution


@pytest.fixture(scope="module")
def replica_report():
    script = pathlib.Path(__file__).with_name("replica_updates.py")
    process = subprocess.run(
        [sys.executable, script],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return json.loads(process.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["Lamb", "AdamW", "Muon"])
def test_two_replicas_are_one_device(replica_report, name):
    report = replica_report[name]
    norms = report.pop("norms")
    assert min(norms) < 0.1 < 1.0 < max(norms)
    assert report.pop("copies") == 2
    assert report.pop("moved") > 0.1
    # Relative, for it is far above 1; a second reduction would double it, and
    # the slots.
    report["norm"] /= max(norms)
    print(name, report)
    assert max(report.values()) < ROUNDING, report


# Arguments


@pytest.mark.parametrize("kind", CLASSES)
def test_configuration_round_trip(kind):
    options = {
        "name": "test",
        "weight_decay_rate": 0.03,
        "beta_1": 0.8,
        "beta_2": 0.98,
        "epsilon": 1e-5,
        "bias_correction": True,
        "weight_decay_rules": [["bias", False], ["", True]],
        "layer_decay_rate": 0.9,
        "embedding_learning_rate_scale": 1.5,
        "model_config": AlbertConfig.named("tiny").to_dict(),
        "weight_average_decay": 0.25,
    }
    if kind == "lamb":
        options["layer_adaptation_rules"] = [["", False]]
    if kind == "muon":
        options["momentum"] = 0.9
        options["hidden_matrix_rules"] = [["dense", True], ["", False]]
    schedule = schedules.PolynomialDecayWithWarmup(0.3, 17, 5)
    optimizer = CLASSES[kind](schedule, **options)
    config = json.loads(
        json.dumps(keras.optimizers.serialize(optimizer), sort_keys=True)
    )
    again = keras.optimizers.deserialize(config)
    assert type(again) is CLASSES[kind]
    assert again.get_config() == optimizer.get_config()
    saved = again.get_config()
    rate = saved.pop("learning_rate")
    assert rate["config"] == schedule.get_config()
    assert saved == options


def test_defaults_are_the_originals():
    config = optimizers.Lamb(0.25).get_config()
    assert config["learning_rate"] == 0.25
    assert config["weight_decay_rate"] == 0.01
    assert (config["beta_1"], config["beta_2"]) == (0.9, 0.999)
    assert config["epsilon"] == 1e-6
    assert config["bias_correction"] is False
    assert config["layer_decay_rate"] == 1.0
    assert config["embedding_learning_rate_scale"] == 1.0
    assert config["layer_adaptation_rules"] == config["weight_decay_rules"]


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "argument",
    [
        "weight_decay",
        "clipnorm",
        "clipvalue",
        "global_clipnorm",
        "use_ema",
        "loss_scale_factor",
        "gradient_accumulation_steps",
    ],
)
def test_arguments_of_keras_are_refused(kind, argument):
    with pytest.raises(TypeError, match=argument):
        CLASSES[kind](0.1, **{argument: 2})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beta_1", 1.0),
        ("beta_2", -0.1),
        ("epsilon", 0.0),
        ("weight_decay_rate", -0.01),
        ("layer_decay_rate", 0.0),
        ("layer_decay_rate", 1.1),
        ("embedding_learning_rate_scale", -0.5),
        ("weight_average_decay", 0.0),
        ("weight_average_decay", 1.0),
    ],
)
def test_bad_arguments_are_named_with_their_value(name, value):
    with pytest.raises(ValueError, match=f"{name}={value}"):
        optimizers.Lamb(0.1, **{name: value})


def test_layer_decay_needs_the_configuration():
    with pytest.raises(ValueError, match="model_config"):
        optimizers.AdamW(0.1, layer_decay_rate=0.8)


def test_a_half_precision_variable_is_refused():
    variable = keras.Variable(np.ones(3), dtype="bfloat16", name="kernel")
    with pytest.raises(ValueError, match="kernel of bfloat16"):
        optimizers.Lamb(0.1).build([variable])
