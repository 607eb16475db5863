# SPDX-License-Identifier: Apache-2.0
import pytest

import albert
from albert.config import AlbertConfig
from albert.training import variable_rules


@pytest.mark.parametrize(
    ("path", "decayed"),
    [
        # What the original does with these names (the goldens of the
        # optimizers): "bias" is found anywhere.
        ("bert/embeddings/word_embeddings", True),
        ("bert/encoder/dense/kernel", True),
        ("bert/encoder/dense/bias", False),
        ("bert/encoder/LayerNorm/beta", False),
        ("bert/encoder/LayerNorm/gamma", False),
        ("bert/encoder/layer_norm/scale", False),
        ("cls/predictions/output_bias", False),
        ("cls/seq_relationship/output_weights", True),
        ("unbiased/kernel", False),
        ("zero_init/kernel", True),
        # Names of Keras layers.
        ("embeddings/position_embeddings/embeddings", True),
        ("embeddings/layer_norm/beta", False),
        ("encoder/relative_bias/bias", False),
    ],
)
def test_default_rules_decay_what_the_original_decays(path, decayed):
    rules = variable_rules.WEIGHT_DECAY_RULES
    assert variable_rules.apply_rules(rules, [path]) == (decayed,)


def test_the_first_rule_decides():
    rules = [("b", True), ("a", False)]
    assert variable_rules.apply_rules(rules, ["ab", "ac"]) == (True, False)


def test_paths_without_a_rule_are_listed():
    paths = ["mystery/alpha", "dense/kernel", "embeddings/omega"]
    with pytest.raises(ValueError, match="mystery/alpha, embeddings/omega"):
        variable_rules.apply_rules(variable_rules.WEIGHT_DECAY_RULES, paths)


def config(**changes):
    return AlbertConfig.named("tiny", num_hidden_layers=12, **changes)


@pytest.mark.parametrize(
    ("path", "depth"),
    [
        ("encoder/embeddings/word_embeddings", 0),
        ("encoder/embeddings/layer_norm/gamma", 0),
        ("encoder/embedding_projection/kernel", 0),
        ("encoder/attention_0_1/query/kernel", 4),
        ("encoder/attention_2_0/layer_norm/beta", 12),
        ("encoder/feed_forward_0_0/output/kernel", 1),
        ("encoder/feed_forward_11_0/output/kernel", 12),
        ("encoder/relative_bias/bias", 12),
        ("encoder/pooler/kernel", 13),
        ("albert_pretrainer/masked_lm/transform/kernel", 14),
        ("classifier/output_weights", 14),
    ],
)
def test_depth_of_a_variable(path, depth):
    shared_attention = config(sharing="attention", num_hidden_groups=3)
    assert variable_rules.variable_depth(path, shared_attention) == depth


def test_everything_shared_is_as_deep_as_the_last_layer():
    path = "encoder/feed_forward_0_0/output/kernel"
    assert variable_rules.variable_depth(path, config()) == 12


@pytest.mark.parametrize("part", ["attention", "feed_forward"])
def test_a_group_the_model_does_not_have(part):
    with pytest.raises(ValueError, match="group 3, but the model has 3"):
        variable_rules.variable_depth(
            f"encoder/{part}_3_0/kernel", config(num_hidden_groups=3)
        )


@pytest.mark.parametrize("sharing", ["all", "attention", "ffn", "none"])
@pytest.mark.parametrize("position_embedding", ["learned", "relative_bias"])
def test_rules_and_depths_cover_every_variable_of_the_model(
    sharing, position_embedding
):
    small = AlbertConfig.named(
        "tiny",
        vocab_size=31,
        num_hidden_layers=3,
        sharing=sharing,
        position_embedding=position_embedding,
    )
    paths = [v.path for v in albert.AlbertPretrainer(small).trainable_variables]
    decayed = variable_rules.apply_rules(
        variable_rules.WEIGHT_DECAY_RULES, paths
    )
    for path, yes in zip(paths, decayed, strict=True):
        vector = "layer_norm" in path or "bias" in path
        assert yes == (not vector), path
    tables = [p for p in paths if variable_rules.is_embedding_table(p)]
    wanted = ["word_embeddings", "token_type_embeddings"]
    if position_embedding == "learned":
        wanted.append("position_embeddings")
    assert [path.rpartition("/")[2] for path in tables] == wanted
    depths = {variable_rules.variable_depth(path, small) for path in paths}
    assert depths == ({0, 3, 4, 5} if sharing == "all" else {0, 1, 2, 3, 4, 5})
