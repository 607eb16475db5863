# SPDX-License-Identifier: Apache-2.0
"""The exact parameter counts of the released models and of the paper.

The paper prints rounded numbers; these follow from the released shapes, and
those of the four sizes equal other implementations of the released weights.
Weights have shapes alone here: billions of numbers take minutes.
"""

import pytest

import albert

pytestmark = pytest.mark.usefixtures("weights_without_values")


@pytest.mark.parametrize(
    ("name", "encoder", "pretrainer"),
    [
        ("base", 11_683_584, 11_813_810),
        ("large", 17_683_968, 17_847_474),
        ("xlarge", 58_724_864, 59_021_490),
        ("xxlarge", 222_595_584, 223_158_450),
        ("base_v1", 11_683_584, 11_813_810),
        ("large_v1", 17_683_968, 17_847_474),
        ("xlarge_v1", 58_724_864, 59_021_490),
        ("base_zh", 10_547_968, 10_669_322),
        ("large_zh", 16_548_352, 16_702_986),
        ("xlarge_zh", 57_589_248, 57_877_002),
        ("xxlarge_zh", 221_459_968, 222_013_962),
    ],
)
def test_released_sizes(name, encoder, pretrainer):
    model = albert.AlbertPretrainer(albert.AlbertConfig.named(name))
    assert model.count_params() == pretrainer
    assert model.encoder.count_params() == encoder


def base_count(**changes):
    config = albert.AlbertConfig.named("base", **changes)
    return albert.AlbertEncoder(config).count_params()


@pytest.mark.parametrize(
    ("embedding_size", "not_shared", "shared"),
    [
        (64, 87_648_000, 9_681_408),
        (128, 89_650_176, 11_683_584),
        (256, 93_654_528, 15_687_936),
        (768, 109_081_344, 31_114_752),
    ],
)
def test_paper_table_3_embedding_size(embedding_size, not_shared, shared):
    assert base_count(embedding_size=embedding_size) == shared
    assert (
        base_count(embedding_size=embedding_size, sharing="none") == not_shared
    )


@pytest.mark.parametrize(
    ("sharing", "of_768", "of_128"),
    [
        ("all", 31_114_752, 11_683_584),
        ("attention", 83_078_400, 63_647_232),
        ("ffn", 57_117_696, 37_686_528),
        ("none", 109_081_344, 89_650_176),
    ],
)
def test_paper_table_4_sharing(sharing, of_768, of_128):
    assert base_count(sharing=sharing, embedding_size=768) == of_768
    assert base_count(sharing=sharing) == of_128


@pytest.mark.parametrize(
    ("groups", "count"),
    [
        (1, 11_683_584),
        (2, 18_771_456),
        (3, 25_859_328),
        (4, 32_947_200),
        (6, 47_122_944),
        (12, 89_650_176),
    ],
)
def test_groups(groups, count):
    assert base_count(num_hidden_groups=groups) == count


@pytest.mark.parametrize(
    ("hidden_size", "count"),
    [
        (1024, 17_683_968),
        (2048, 58_724_864),
        (4096, 222_595_584),
        (6144, 495_518_208),
    ],
)
def test_paper_table_12_width(hidden_size, count):
    config = albert.AlbertConfig.named(
        "large",
        hidden_size=hidden_size,
        intermediate_size=4 * hidden_size,
        num_hidden_layers=3,
    )
    assert albert.AlbertEncoder(config).count_params() == count
