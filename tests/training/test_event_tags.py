# SPDX-License-Identifier: Apache-2.0
"""Which metrics are losses, whatever labels and types are called."""

import pytest

from albert.training import event_tags


@pytest.mark.parametrize(
    ("name", "is_loss"),
    [
        ("loss", True),
        ("loss_mismatched", True),
        ("masked_lm_loss", True),
        ("mse", True),
        ("attention_l2", True),
        ("accuracy_mismatched", False),
        ("entity_f1", False),
        ("entity_f1_l2", False),
        ("entity_f1_loss", False),
        ("entity_f1_loss_mismatched", False),
        ("entity_precision_mse", False),
        ("f1_loss", False),
        ("f1_l2_mismatched", False),
        ("precision_weight_loss", False),
        ("recall_mse", False),
    ],
)
def test_losses(name, is_loss):
    assert event_tags.is_loss(name) == is_loss


def test_a_type_of_entity_is_of_the_accuracies():
    # Entities have few types, and are looked at together.
    assert event_tags.tag_of("entity_f1_loss") == "accuracy/entity_f1_loss"
    assert event_tags.tag_of("f1_loss") == "labels/f1_loss"
