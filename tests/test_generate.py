# SPDX-License-Identifier: Apache-2.0
"""Generation: its distribution, what is fixed and never drawn, its errors."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

import albert
from albert import fill_mask
from albert import generate
from albert import model_directory

GOLDEN = pathlib.Path(__file__).parent / "golden"
MODEL = GOLDEN / "tokenization" / "spm2000.model"
POSITIONS = 37


@pytest.fixture(scope="module")
def tokenizer():
    return albert.Tokenizer(MODEL)


@pytest.fixture(scope="module")
def directories(tmp_path_factory, tokenizer):
    """Model directories with random weights: pretrained, and a classifier."""
    config = albert.AlbertConfig(
        vocab_size=2000,
        embedding_size=6,
        hidden_size=22,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=26,
        max_position_embeddings=POSITIONS,
        initializer_range=0.3,
    )
    found = []
    for name, model in (
        ("model", albert.AlbertPretrainer(config)),
        ("classifier", albert.AlbertClassifier(config, 3)),
    ):
        path = tmp_path_factory.mktemp("generate") / name
        path.mkdir()
        model_directory.write_description(path, config, tokenizer)
        albert.save_weights(model, path / "model.ckpt-3")
        found.append(path)
    return found


@pytest.fixture
def run(run_main):
    return lambda *arguments: run_main(
        generate.main,
        generate.define_flags,
        *arguments,
        positional=generate.POSITIONAL,
    )


class Pair:
    """A model of two places that have a joint distribution.

    Places 1 and 3 hold one of two pieces. A place that is predicted without
    being masked gets a third one.
    """

    config = albert.AlbertConfig.named("tiny", vocab_size=2000)

    def __init__(self, tokenizer, joint):
        self.mask_id = tokenizer.mask_id
        self.pieces = tokenizer.replacement_ids()[[5, 11, 17]]
        self.joint = tf.constant(joint, tf.float32)

    def __call__(self, inputs):
        ids, places = inputs["input_ids"], inputs["masked_lm_positions"][:, 0]
        here = tf.gather(ids, places, batch_dims=1)
        other = tf.gather(ids, 4 - places, batch_dims=1)
        # Of the place, given the other one: a masked one may be either.
        known = tf.stack(
            [
                (other == piece) | (other == self.mask_id)
                for piece in self.pieces[:2]
            ],
            axis=1,
        )  # [B, 2]
        first = tf.cast(places == 1, tf.float32)[:, None, None]
        joint = first * self.joint + (1.0 - first) * tf.transpose(self.joint)
        weights = tf.reduce_sum(
            joint * tf.cast(known, tf.float32)[:, None], axis=2
        )  # [B, 2]
        wrong = tf.cast(here != self.mask_id, tf.float32)[:, None]
        weights = tf.concat([weights, 1e9 * wrong + 1e-30], axis=1)
        columns = tf.one_hot(self.pieces, 2000)  # [3, 2000]
        logits = tf.math.log(tf.matmul(weights, columns) + 1e-30)
        return {"masked_lm_logits": logits[:, None]}


def pairs(tokenizer, joint, **options):
    """Samples pairs; returns how often each is drawn: [2, 2]."""
    model = Pair(tokenizer, joint)
    row = [tokenizer.cls_id, tokenizer.mask_id, 77, tokenizer.mask_id, 3]
    (samples,) = generate.sample_masks(model, tokenizer, [row], **options)
    samples = np.array(samples)
    assert (samples[:, [0, 2, 4]] == [row[0], row[2], row[4]]).all()
    first, second = (samples[:, place, None] for place in (1, 3))
    return np.array(
        [
            [
                np.mean((first == one) & (second == two))
                for two in model.pieces[:2]
            ]
            for one in model.pieces[:2]
        ]
    )


def test_sweeps_draw_from_the_joint_distribution(tokenizer):
    joint = np.array([[0.5, 0.1], [0.05, 0.35]])
    number = 4000
    found = pairs(tokenizer, joint, num_samples=number, seed=1)
    # Four standard deviations, for a seed that is fixed.
    limits = 4 * np.sqrt(joint * (1 - joint) / number)
    assert (np.abs(found - joint) < limits).all()


def test_temperature_and_top_k(tokenizer):
    joint = np.outer([0.8, 0.2], [0.7, 0.3])
    number = 2000
    hot = pairs(
        tokenizer, joint, num_samples=number, num_sweeps=1, temperature=2.0
    )
    first = np.sqrt([0.8, 0.2]) / np.sqrt([0.8, 0.2]).sum()
    assert abs(first[0] - 2 / 3) < 1e-12
    assert abs(hot.sum(axis=1)[0] - 2 / 3) < 4 * np.sqrt(2 / 9 / number)
    one = pairs(tokenizer, joint, num_samples=7, num_sweeps=1, top_k=1)
    assert one.tolist() == [[1.0, 0.0], [0.0, 0.0]]


def test_samples_depend_on_their_numbers_alone(directories, tokenizer):
    model, _ = fill_mask.load(directories[0])
    rows = [
        fill_mask.encode_masked(tokenizer, text)
        for text in ("the [MASK] of", "a [MASK] [MASK] house was [MASK].")
    ]

    def sample(rows, num_samples, **options):
        return generate.sample_masks(
            model,
            tokenizer,
            rows,
            num_samples=num_samples,
            num_sweeps=2,
            **options,
        )

    # More than a batch.
    many = sample(rows, 70)
    assert [len(samples) for samples in many] == [70, 70]
    few = sample(rows, 3)
    assert few == [samples[:3] for samples in many]
    assert sample(rows[:1], 3) == few[:1]
    assert sample(rows, 3, seed=1) != few
    assert sample(rows, 3, temperature=50.0) != few
    allowed = set(tokenizer.replacement_ids().tolist())
    for row, samples in zip(rows, many, strict=True):
        assert len({tuple(sample) for sample in samples}) > 60
        for drawn in samples:
            assert len(drawn) == len(row)
            for before, after in zip(row, drawn, strict=True):
                if before == tokenizer.mask_id:
                    assert after in allowed
                else:
                    assert after == before


def test_special_pieces_are_never_drawn(directories, tokenizer):
    """Not even where the model is sure of them."""
    model, _ = fill_mask.load(directories[0])
    special = [
        tokenizer.pad_id,
        tokenizer.unknown_id,
        tokenizer.cls_id,
        tokenizer.sep_id,
        tokenizer.mask_id,
    ]
    bias = np.zeros(2000, "float32")
    bias[special] = 1e3
    model.masked_lm.output_bias.assign(bias)
    row = fill_mask.encode_masked(tokenizer, "[MASK]" * 20)
    (samples,) = generate.sample_masks(
        model, tokenizer, [row], num_samples=3, num_sweeps=1
    )
    assert not {id_ for drawn in samples for id_ in drawn[1:-1]} & {*special}


def test_command(run, directories):
    model = directories[0]
    arguments = ("--num_samples=3", "--num_sweeps=2", "--seed=5")
    code, printed, errors = run(
        model, *arguments, "the [MASK] of the house", "an open [MASK]"
    )
    assert (code, errors) == (0, "")
    lines = printed.splitlines()
    assert len(lines) == 6
    for line in lines[:3]:
        assert line.startswith("the ") and line.endswith(" of the house")
    for line in lines[3:]:
        assert line.startswith("an open")
    assert "[" not in printed
    again = run(model, *arguments, "the [MASK] of the house", "an open [MASK]")
    assert again == (code, printed, errors)


def test_length(run, directories):
    code, printed, _ = run(
        directories[0], "--length=9", "--num_samples=2", "once upon"
    )
    assert code == 0
    for line in printed.splitlines():
        assert line.startswith("once upon")
        assert len(line) > len("once upon") + 9
    # From nothing.
    code, printed, _ = run(
        directories[0], f"--length={POSITIONS - 2}", "--num_samples=1"
    )
    assert (code, printed.count("\n")) == (0, 1)


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], ["MODEL_DIR", "--help"]),
        (["{d}"], ["[MASK]", "--length"]),
        (["{d}", "no mask"], ["'no mask'", "[MASK]", "--length"]),
        (["{d}", "a [MASK]", "a [mask]"], ["a [mask]", "[MASK]"]),
        (["{d}", "a [MASK]", "--length=35"], ["39 pieces", "37"]),
        (["{d}", "--length=36"], ["38 pieces", "37"]),
        (["{c}", "a [MASK]"], ["classifier", "masked-LM head", "pretrained"]),
        (["missing", "[MASK]"], ["missing", "no such checkpoint"]),
        (["{d}", "[MASK]", "--temperature=0"], ["--temperature"]),
        (["{d}", "[MASK]", "--num_samples=0"], ["--num_samples"]),
    ],
)
def test_bad_input(run, directories, arguments, words):
    names = dict(zip("dc", directories, strict=True))
    code, printed, errors = run(*[a.format(**names) for a in arguments])
    assert (code, printed) == (2, "")
    *log, last = errors.splitlines()
    assert last.startswith("error: ")
    assert not any("error" in line for line in log)
    for word in words:
        assert word in last
