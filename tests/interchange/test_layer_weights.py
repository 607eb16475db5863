# SPDX-License-Identifier: Apache-2.0
"""Layers' weights under another sharing."""

import numpy as np
import pytest

import albert
from albert.interchange import layer_weights
from albert.interchange import names
from albert.interchange.source import Tensors

SIZES = {
    "vocab_size": 53,
    "embedding_size": 11,
    "hidden_size": 26,
    "num_hidden_layers": 6,
    "num_attention_heads": 2,
    "intermediate_size": 37,
    "max_position_embeddings": 19,
}


def config_of(**changes):
    return albert.AlbertConfig(**SIZES | changes)


def tensors_of(config):
    rng = np.random.default_rng(3)
    return Tensors.from_arrays(
        {
            name: rng.normal(size=shape).astype(np.float32)
            for name, shape in names.expected_shapes(config).items()
        }
    )


def assert_is(tensors, name, other, other_name):
    assert np.array_equal(tensors[name], other[other_name]), name


def test_unshared_layers_are_in_their_order():
    config = config_of(
        sharing="attention", num_hidden_groups=3, inner_group_num=2
    )
    tensors = tensors_of(config)
    unshared, copies = layer_weights.unshare(config, tensors)
    assert (unshared.num_hidden_layers, unshared.sharing) == (12, "none")
    assert unshared.inner_group_num == unshared.num_hidden_groups == 1
    shapes = names.expected_shapes(unshared)
    assert {name: copies.shape(name) for name in copies} == shapes
    for layer, group, inner in ((0, 0, 0), (3, 0, 1), (4, 1, 0), (11, 2, 1)):
        assert_is(
            copies,
            f"encoder/attention_{layer}_0/query/kernel",
            tensors,
            f"encoder/attention_{group}_{inner}/query/kernel",
        )
        # Not shared: layer // 2 has its own.
        assert_is(
            copies,
            f"encoder/feed_forward_{layer}_0/output/bias",
            tensors,
            f"encoder/feed_forward_{layer // 2}_{inner}/output/bias",
        )
    assert_is(copies, "encoder/pooler/bias", tensors, "encoder/pooler/bias")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"sharing": "none"}, {"num_hidden_layers": 4}),
        ({"num_hidden_groups": 3}, {"sharing": "none"}),
        ({"num_hidden_groups": 2}, {"num_hidden_groups": 3}),
        ({"sharing": "ffn", "inner_group_num": 2}, {"inner_group_num": 2}),
    ],
)
def test_every_layer_is_one_layer(old, new):
    old, new = config_of(**old), config_of(**new)
    tensors = tensors_of(old)
    for layer in (0, 4, 5):
        made = layer_weights.repeat_layer(old, tensors, new, layer)
        shapes = names.expected_shapes(new)
        assert {name: made.shape(name) for name in made} == shapes
        for kind, olds, news in (
            ("attention", old.num_attention_groups, new.num_attention_groups),
            ("feed_forward", old.num_ffn_groups, new.num_ffn_groups),
        ):
            for group in range(news):
                for inner in range(old.inner_group_num):
                    assert_is(
                        made,
                        f"encoder/{kind}_{group}_{inner}/output/kernel",
                        tensors,
                        f"encoder/{kind}_{layer * olds // 6}_{inner}/output/"
                        "kernel",
                    )


def test_the_mean_of_all_layers():
    old, new = config_of(sharing="ffn", num_hidden_groups=2), config_of()
    tensors = tensors_of(old)
    made = layer_weights.repeat_layer(old, tensors, new, "mean")
    for kind, groups in (("attention", 6), ("feed_forward", 2)):
        expected = np.mean(
            [
                tensors[f"encoder/{kind}_{group}_0/layer_norm/gamma"]
                for group in range(groups)
            ],
            axis=0,
        )
        found = made[f"encoder/{kind}_0_0/layer_norm/gamma"]
        assert found.dtype == np.float32
        assert np.allclose(found, expected, atol=1e-6)
