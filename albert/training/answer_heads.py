# SPDX-License-Identifier: Apache-2.0
"""The head that finds answers: which one weights have, and what starts anew."""

from albert.errors import UserError
from albert.heads import HEADS
from albert.interchange.sources import head_of
from albert.interchange.sources import open_source

# What the null score of a question is, see ``albert/tasks/squad/decoding.py``.
NULL_SCORES = {
    "span_v1": "the score of [CLS] less that of the best answer",
    "span_v2": "the logit of being unanswerable",
}


def find_head(place):
    """Returns the head that weights have, where it finds answers, or None.

    Args:
      place: whatever ``open_source`` opens, or None for random weights.
    """
    if not place:
        return None
    with open_source(place) as source:
        head = head_of(source)
    return head if HEADS[head].label_type == "span" else None


def require_head(place, version=None):
    """Returns the head that weights have, which must be one of answers.

    Args:
      place: whatever ``open_source`` opens.
      version: str, the ``version`` that it must be of, or None for any.

    Raises:
      UserError: there is none, or another one.
    """
    head = find_head(place)
    if head is None:
        raise UserError(
            f"{place} has no head that finds answers: train one with --do_train"
        )
    if version not in (None, HEADS[head].version):
        raise UserError(
            f"--head is {version}, but {place} has the head "
            f"{HEADS[head].version}: leave the flag out"
        )
    return head


def fresh_components(place, head):
    """Returns the names of the head's components that start anew.

    A head that was trained on other questions is of use for these.

    Args:
      place: where the first weights come from, or None for random ones.
      head: str, a key of ``HEADS``.
    """
    return () if find_head(place) == head else HEADS[head].components
