# SPDX-License-Identifier: Apache-2.0
"""The two heads that find answers: their losses, and which one weights have."""

from albert.errors import UserError
from albert.interchange import names
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


def require_head(start, wanted=None):
    """Returns the head that weights have, which they must.

    Args:
      start: ``StartingPoint``.
      wanted: the head that it must be, or None for any.

    Raises:
      UserError: there is none, or another one.
    """
    head = _HEADS.get(start.head)
    if head is None:
        raise UserError(
            f"{start.path} has no head that finds answers: train one with "
            "--do_train"
        )
    if wanted not in (None, head):
        raise UserError(
            f"--head is {wanted}, but {start.path} has the head {head}: leave "
            "the flag out"
        )
    return head


def fresh_layers(start, head):
    """Returns the names of the head's layers that start anew.

    A head that was trained on other questions is of use for these.

    Args:
      start: ``StartingPoint``, where the first weights come from.
      head: "v1" or "v2".
    """
    return () if _HEADS.get(start.head) == head else names.HEADS[f"span_{head}"]
