# SPDX-License-Identifier: Apache-2.0
"""The table of names: one row is one variable, in every format."""

import collections
import math

import numpy as np
import pytest

import albert
from albert.config import NAMED_SIZES
from albert.interchange import arrangements
from albert.interchange import names
from albert.interchange import variable_table

SIZES = {
    "vocab_size": 53,
    "embedding_size": 11,
    "hidden_size": 26,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "intermediate_size": 37,
    "max_position_embeddings": 19,
    "type_vocab_size": 3,
}


def small_config(**changes):
    return albert.AlbertConfig.from_dict({**SIZES, **changes})


def shapes_of(model):
    return {
        name: tuple(variable.shape)
        for name, variable in names.named_variables(model).items()
    }


MODELS = {
    "none": lambda config: albert.AlbertEncoder(config),
    "pretraining": lambda config: albert.AlbertPretrainer(config),
    "classification": lambda config: albert.AlbertClassifier(config, 5),
    "multiple_choice": lambda config: albert.AlbertMultipleChoice(config),
    "token_classification": lambda config: albert.AlbertTokenClassifier(
        config, 5
    ),
    "span_v1": lambda config: albert.AlbertSpanPredictor(config, "v1"),
    "span_v2": lambda config: albert.AlbertSpanPredictor(config, "v2"),
    "text_to_text": lambda config: albert.AlbertEncoderDecoder(config),
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"num_hidden_groups": 2, "inner_group_num": 3},
        {"sharing": "attention"},
        {"sharing": "ffn"},
        {"sharing": "none", "embedding_size": 26},
        {"position_embedding": "sinusoidal"},
        {"position_embedding": "relative_bias", "inner_group_num": 3},
    ],
)
@pytest.mark.parametrize("head", MODELS)
@pytest.mark.usefixtures("weights_without_values")
def test_table_says_the_shapes_of_every_model(head, changes):
    if head == "text_to_text" and changes.get("position_embedding"):
        # A decoder has no biases of distances.
        changes = changes | {"position_embedding": "sinusoidal"}
    config = small_config(**changes)
    num_labels = 1 if head == "multiple_choice" else 5
    assert names.expected_shapes(config, head, num_labels) == shapes_of(
        MODELS[head](config)
    )


def test_table_says_the_shapes_of_unshared_decoders():
    config = small_config(inner_group_num=3)
    model = albert.AlbertEncoderDecoder(config, 5, "none")
    expected = names.expected_shapes(
        config, "text_to_text", num_decoder_blocks=5
    )
    assert expected == shapes_of(model)


@pytest.mark.parametrize("format", variable_table.FORMATS)
def test_names_and_values_come_back(format):
    config = small_config(num_hidden_groups=2, inner_group_num=3)
    rng = np.random.default_rng(3)
    seen = set()
    for head in MODELS:
        for name, shape in names.expected_shapes(config, head, 5).items():
            theirs = names.peer_name(name, format)
            if theirs is None:
                continue
            assert names.our_name(theirs, format) == name
            seen.add((name, theirs))
            order = names.arrangement(name, format)
            values = rng.normal(size=shape)
            arranged = arrangements.arrange(values, order, config)
            assert arranged.shape == arrangements.arranged_shape(
                shape, order, config
            )
            assert shape == arrangements.restored_shape(arranged.shape, order)
            restored = arrangements.restore(arranged, order)
            assert np.array_equal(restored, values)
    ours, theirs = zip(*seen, strict=True)
    assert len(set(ours)) == len(set(theirs)) == len(seen)


@pytest.mark.parametrize("format", variable_table.BERT_FORMATS)
def test_names_of_bert(format):
    config = small_config(sharing="none", embedding_size=26)
    theirs = {
        name: names.peer_name(name, format)
        for head in MODELS
        for name in names.expected_shapes(config, head, 5)
    }
    lacking = {name.split("/")[0] for name in theirs if theirs[name] is None}
    assert lacking == {
        "sentence_order",
        "start",
        "end",
        "answer_class",
        "decoder",
    }
    there = {ours: name for ours, name in theirs.items() if name is not None}
    assert len(set(there.values())) == len(there) == 3 + 2 + 4 * 16 + 2 + 5 + 4
    for ours, name in there.items():
        assert names.our_name(name, format) == ours
    for name in ("attention_0_1/query/bias", "embedding_projection/bias"):
        assert names.peer_name(f"encoder/{name}", format) is None


def test_no_two_rows_are_one():
    for column in (
        "ours",
        *variable_table.FORMATS,
        *variable_table.BERT_FORMATS,
    ):
        count = collections.Counter(
            getattr(row, column) for row in variable_table.ROWS
        )
        del count[None]
        assert set(count.values()) == {1}


def test_rows_that_a_format_has_no_place_for():
    # A model with it is refused as a whole.
    relative_bias = "encoder/relative_bias/bias"

    def heads_without(format):
        return {
            row.ours.split("/")[0]
            for row in variable_table.ROWS
            if row.name(format) is None and row.ours != relative_bias
        }

    assert heads_without("google") == set()
    ours = {"start", "end", "answer_class", "decoder"}
    assert heads_without("huggingface") == ours
    assert {"sentence_order", "span"} | ours <= heads_without("kerashub")
    assert "encoder" not in heads_without("kerashub")
    assert names.peer_name(relative_bias, "huggingface") is None
    assert names.peer_name(relative_bias, "kerashub") is None


@pytest.mark.parametrize(
    ("format", "name"),
    [
        ("google", "bert/encoder/transformer/group_00/inner_group_0/LayerNorm"),
        (
            "google",
            "bert/encoder/transformer/group_00/inner_group_0/LayerNorm/beta",
        ),
        ("google", "classifier/output_bias"),
        ("huggingface", "albert.pooler.kernel"),
        ("huggingface", "albertXpooler.weight"),
        ("kerashub", "pooled_dense/vars/2"),
    ],
)
def test_names_outside_the_table_are_errors(format, name):
    with pytest.raises(KeyError, match="no row"):
        names.our_name(name, format)


def test_arrangements_differ_where_they_should():
    config = small_config(hidden_size=6, num_attention_heads=3)
    kernel = np.arange(36).reshape(6, 6)
    by_head = arrangements.arrange(kernel, arrangements.HEADS_OUT, config)
    assert by_head.shape == (6, 3, 2)
    assert by_head[4, 2, 1] == kernel[4, 5]
    by_head = arrangements.arrange(kernel, arrangements.HEADS_IN, config)
    assert by_head.shape == (3, 2, 6)
    assert by_head[2, 1, 4] == kernel[5, 4]
    bias = arrangements.arrange(np.arange(6), arrangements.HEADS_BIAS, config)
    assert bias.tolist() == [[0, 1], [2, 3], [4, 5]]


# Of Google's base model: the published names, and shapes from its code.
BASE = {
    "google": {
        "bert/embeddings/word_embeddings": (30000, 128),
        "bert/encoder/embedding_hidden_mapping_in/kernel": (128, 768),
        "bert/encoder/transformer/group_0/inner_group_0/attention_1/self/key/"
        "kernel": (768, 768),
        "bert/encoder/transformer/group_0/inner_group_0/ffn_1/intermediate/"
        "output/dense/kernel": (3072, 768),
        "bert/encoder/transformer/group_0/inner_group_0/LayerNorm_1/gamma": (
            768,
        ),
        "cls/predictions/transform/dense/kernel": (768, 128),
        "cls/predictions/output_bias": (30000,),
        "cls/seq_relationship/output_weights": (2, 768),
    },
    "huggingface": {
        "albert.embeddings.token_type_embeddings.weight": (2, 128),
        "albert.encoder.embedding_hidden_mapping_in.weight": (768, 128),
        "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn.weight": (
            3072,
            768,
        ),
        "albert.encoder.albert_layer_groups.0.albert_layers.0."
        "full_layer_layer_norm.bias": (768,),
        "predictions.dense.weight": (128, 768),
        "sop_classifier.classifier.weight": (2, 768),
    },
    "kerashub": {
        "group_0_inner_layer_0/_self_attention_layer/query_dense/vars/0": (
            768,
            12,
            64,
        ),
        "group_0_inner_layer_0/_self_attention_layer/output_dense/vars/0": (
            12,
            64,
            768,
        ),
        "group_0_inner_layer_0/_self_attention_layer/value_dense/vars/1": (
            12,
            64,
        ),
    },
}
ENCODER_PARAMETERS = {
    "base": 11_683_584,
    "large": 17_683_968,
    "xlarge": 58_724_864,
    "xxlarge": 222_595_584,
    "base_zh": 10_547_968,
    "large_zh": 16_548_352,
    "xlarge_zh": 57_589_248,
    "xxlarge_zh": 221_459_968,
}


@pytest.mark.parametrize("size", sorted(NAMED_SIZES))
@pytest.mark.parametrize("format", variable_table.FORMATS)
def test_released_sizes_go_through_the_table(size, format):
    config = albert.AlbertConfig.named(size)
    theirs = {}
    for name, shape in names.expected_shapes(config).items():
        peer = names.peer_name(name, format)
        order = names.arrangement(name, format)
        arranged = arrangements.arranged_shape(shape, order, config)
        assert arrangements.restored_shape(arranged, order) == shape
        assert math.prod(arranged) == math.prod(shape)
        if peer is not None:
            theirs[peer] = arranged
    assert len(theirs) == (30 if format == "kerashub" else 32)
    if size == "base":
        assert BASE[format].items() <= theirs.items()
    released = size.removesuffix("_v1").removesuffix("_v2")
    if released in ENCODER_PARAMETERS:
        encoder = names.expected_shapes(config, "none").values()
        assert sum(map(math.prod, encoder)) == ENCODER_PARAMETERS[released]
