# SPDX-License-Identifier: Apache-2.0
"""Finds the answer head that weights have, and its parts that start anew."""

from albert.errors import UserError
from albert.heads import HEADS

# What the null score of a question is, see ``albert/tasks/squad/decoding.py``.
NULL_SCORES = {
    "span_v1": "the score of [CLS] less that of the best answer",
    "span_v2": "the logit of being unanswerable",
}


def require_head(start, version=None):
    """Returns the head of weights, refusing one that does not find answers.

    Args:
      start: ``StartingPoint``.
      version: str, the ``version`` that it must be of, or None for any.

    Raises:
      UserError: there is none, or another one.
    """
    row = HEADS[start.head]
    if row.label_type != "span":
        raise UserError(
            f"{start.path} has no head that finds answers: train one with "
            "--do_train"
        )
    if version not in (None, row.version):
        raise UserError(
            f"--head is {version}, but {start.path} has the head "
            f"{row.version}: leave the flag out"
        )
    return row.name


def fresh_components(start, head):
    """Returns the names of the head's components that start anew.

    A head that was trained on other questions is of use for these.

    Args:
      start: ``StartingPoint``, where the first weights come from.
      head: str, a key of ``HEADS``.
    """
    return () if start.has_head(head) else HEADS[head].components
