# SPDX-License-Identifier: Apache-2.0
"""The two heads that find answers: their losses, and which one weights have."""

from albert.errors import UserError
from albert.interchange import names
from albert.interchange.sources import head_of
from albert.interchange.sources import open_source
from albert.training import losses

OBJECTIVES = {
    "v1": losses.SpanObjective,
    "v2": losses.SpanWithAnswerabilityObjective,
}

# What the null score of a question is, see ``albert/tasks/squad/decoding.py``.
NULL_SCORES = {
    "v1": "the score of [CLS] less that of the best answer",
    "v2": "the logit of being unanswerable",
}

_HEADS = {"span_v1": "v1", "span_v2": "v2"}


def find_head(place):
    """Returns the head that weights have: "v1", "v2" or None.

    Args:
      place: whatever ``open_source`` opens, or None for random weights.
    """
    if not place:
        return None
    with open_source(place) as source:
        return _HEADS.get(head_of(source))


def require_head(place, wanted=None):
    """Returns the head that weights have, which they must.

    Args:
      place: whatever ``open_source`` opens.
      wanted: the head that it must be, or None for any.

    Raises:
      UserError: there is none, or another one.
    """
    head = find_head(place)
    if head is None:
        raise UserError(
            f"{place} has no head that finds answers: train one with --do_train"
        )
    if wanted not in (None, head):
        raise UserError(
            f"--head is {wanted}, but {place} has the head {head}: leave the "
            "flag out"
        )
    return head


def fresh_layers(place, head):
    """Returns the names of the head's layers that start anew.

    A head that was trained on other questions is of use for these.

    Args:
      place: where the first weights come from, or None for random ones.
      head: "v1" or "v2".
    """
    return () if find_head(place) == head else names.HEADS[f"span_{head}"]
