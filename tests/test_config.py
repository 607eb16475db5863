# SPDX-License-Identifier: Apache-2.0
import dataclasses
import json

import pytest

from albert import AlbertConfig
from albert import UserError
from albert.config import NAMED_SIZES

RELEASED = {
    "vocab_size": 30000,
    "embedding_size": 128,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "hidden_act": "gelu",
    "hidden_dropout_prob": 0,
    "attention_probs_dropout_prob": 0,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
    "num_hidden_groups": 1,
    "inner_group_num": 1,
    # Keys of the released files that the released code never reads.
    "net_structure_type": 0,
    "gap_size": 0,
    "num_memory_blocks": 0,
    "down_scale_factor": 1,
    "layers_to_keep": [],
}


def test_released_json_is_the_named_size(tmp_path):
    path = tmp_path / "albert_config.json"
    path.write_text(json.dumps(RELEASED))
    assert AlbertConfig.from_json(path) == AlbertConfig.named("base_v2")


def test_json_round_trip(tmp_path):
    config = AlbertConfig.named("tiny", sharing="ffn", hidden_act="relu")
    path = tmp_path / "config.json"
    config.to_json(path)
    assert AlbertConfig.from_json(path) == config
    assert [p.name for p in tmp_path.iterdir()] == ["config.json"]


def test_json_of_the_original_s_positions_is_that_of_earlier_versions():
    values = AlbertConfig.named("tiny").to_dict()
    assert "position_embedding" not in values
    assert AlbertConfig.from_dict(values).position_embedding == "learned"
    values["position_embedding"] = "learned"
    assert AlbertConfig.from_dict(values) == AlbertConfig.named("tiny")


@pytest.mark.parametrize("variant", ["sinusoidal", "relative_bias"])
def test_other_positions_are_in_the_json(tmp_path, variant):
    config = AlbertConfig.named("tiny", position_embedding=variant)
    path = tmp_path / "config.json"
    config.to_json(path)
    assert json.loads(path.read_text())["position_embedding"] == variant
    assert AlbertConfig.from_json(path) == config


def test_only_a_table_of_positions_limits_the_length():
    lengths = {
        variant: AlbertConfig.named(
            "tiny", max_position_embeddings=37, position_embedding=variant
        ).longest_sequence
        for variant in ("learned", "sinusoidal", "relative_bias")
    }
    assert lengths.pop("learned") == 37
    assert all(length >= 2**16 for length in lengths.values())


def test_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        AlbertConfig.named("tiny").hidden_size = 3


@pytest.mark.parametrize("name", NAMED_SIZES)
def test_named_sizes_factorise_the_embeddings(name):
    config = AlbertConfig.named(name)
    assert config.embedding_size < config.hidden_size
    assert config.sharing == "all"


def test_versions_and_languages_differ_where_the_released_ones_do():
    for size in ("base", "large", "xlarge"):
        v1 = AlbertConfig.named(f"{size}_v1")
        v2 = AlbertConfig.named(f"{size}_v2")
        assert (v1.hidden_dropout_prob, v2.hidden_dropout_prob) == (0.1, 0.0)
        assert v1 == dataclasses.replace(
            v2, hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1
        )
    assert AlbertConfig.named("xxlarge_v1").hidden_dropout_prob == 0.0
    for size in ("base", "large", "xlarge", "xxlarge"):
        chinese = AlbertConfig.named(f"{size}_zh")
        assert (chinese.hidden_act, chinese.vocab_size) == ("relu", 21128)
    assert AlbertConfig.named("xlarge_zh").initializer_range == 0.014
    assert AlbertConfig.named("xxlarge_zh").num_attention_heads == 16
    assert AlbertConfig.named("xxlarge").num_attention_heads == 64


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hiden_size": 5}, "did you mean 'hidden_size'"),
        ({"hidden_size": 258}, "258 is not a multiple of .* 4"),
        ({"num_hidden_groups": 3}, "2 is not a multiple of .* 3"),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0.*at least 1"),
        ({"hidden_size": "128"}, "hidden_size is '128'.*type int"),
        ({"hidden_size": True}, "hidden_size is True.*type int"),
        ({"hidden_size": 2**60}, "hidden_size is 1,152,.*at most 65,536"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers.*at most 1,024"),
        (
            {"num_hidden_layers": 1000, "inner_group_num": 2},
            "2,000 blocks: at most 1,024",
        ),
        (
            {"hidden_size": 2**16, "sharing": "none"},
            "parameters: at most 10,000,000,000",
        ),
        ({"hidden_dropout_prob": 10**90}, "hidden_dropout_prob.*type float"),
        ({"initializer_range": float("nan")}, "initializer_range is nan"),
        (
            {"hidden_act": "swish"},
            "'swish'.*gelu, gelu_erf, relu, tanh, linear",
        ),
        ({"sharing": "some"}, "'some'.*all, attention, ffn, none"),
        (
            {"position_embedding": "rotary"},
            "'rotary'.*learned, sinusoidal, relative_bias",
        ),
        ({"position_embeddings": "learned"}, "did you mean 'position_embed"),
        ({"hidden_dropout_prob": 1.0}, r"1.0: it must be in \[0, 1\)"),
        ({"initializer_range": 0.0}, "initializer_range is 0.0"),
        ({"net_structure_type": 1}, "net_structure_type is 1.*remove"),
        ({"layers_to_keep": [3]}, "layers_to_keep"),
        (
            {
                "sharing": "none",
                "num_hidden_layers": 4,
                "num_hidden_groups": 2,
            },
            "contradict",
        ),
        (
            {"num_hidden_layers": 22, "num_hidden_groups": 22},
            'rounding mixes up groups.*sharing "none"',
        ),
    ],
)
def test_impossible_settings_are_refused(changes, message):
    with pytest.raises(UserError, match=message):
        AlbertConfig.named("tiny", **changes)


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(UserError, match="'huge'.*tiny.*xxlarge_zh"):
        AlbertConfig.named("huge")


def test_missing_sizes_are_not_filled_in():
    values = {k: v for k, v in RELEASED.items() if k != "hidden_size"}
    with pytest.raises(UserError, match=r"missing key\(s\) hidden_size"):
        AlbertConfig.from_dict(values)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read.*No such file"),
        ("{", "not valid JSON"),
        ("[3]", "expected an object, found a list"),
        ("[" * 100_000, "not valid JSON.*brackets"),
        ('{"vocab_size": ' + "9" * 5000 + "}", "an integer of 5,000 digits"),
        ('{"vocab_size": 3, "vocab_size": 4}', '"vocab_size" is there twice'),
        ('{"vocab_sizes": 3}', "unknown key 'vocab_sizes'"),
    ],
)
def test_bad_files_are_named(tmp_path, content, message):
    path = tmp_path / "broken.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(UserError, match=f"broken.json: .*{message}"):
        AlbertConfig.from_json(path)


def test_groups_of_the_parts():
    def groups(**changes):
        config = AlbertConfig.named("tiny", num_hidden_layers=6, **changes)
        return config.num_attention_groups, config.num_ffn_groups

    assert groups() == (1, 1)
    assert groups(num_hidden_groups=3) == (3, 3)
    assert groups(sharing="attention") == (1, 6)
    assert groups(sharing="ffn") == (6, 1)
    assert groups(sharing="none") == (6, 6)
    assert groups(sharing="attention", num_hidden_groups=2) == (2, 6)
