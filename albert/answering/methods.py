# SPDX-License-Identifier: Apache-2.0
"""Tells which methods of a loaded model a head answers."""

from albert.errors import UserError
from albert.heads import HEADS

# Which method answers for each type of label.
_OF_LABEL_TYPES = {
    "class": "predict",
    "classes": "predict",
    "number": "predict",
    "choice": "choose",
    "tag": "tag",
    "span": "answer",
}
_OF_MASKED_LM = ("fill_mask", "score")
# What has a model for each of them.
_SOURCES = {
    "predict": "`albert classify` of texts",
    "choose": "`albert classify` of questions with options",
    "tag": "`albert classify` of tags",
    "answer": "`albert squad`",
    "fill_mask": "`albert pretrain`",
    "score": "`albert pretrain`",
}


def methods_of(head):
    """Returns the methods that a model of a head has: list of str.

    Args:
      head: str, a key of ``albert.heads.HEADS``.
    """
    row = HEADS[head]
    found = [_OF_LABEL_TYPES.get(row.label_type)]
    if "masked_lm_logits" in row.outputs:
        found += _OF_MASKED_LM
    return [*filter(None, found), "embed"]


def check_method(path, head, method):
    """Refuses a method that a model has no head for.

    Args:
      path: str, the model, for the message.
      head: str, a key of ``albert.heads.HEADS``.
      method: str.

    Raises:
      UserError: naming the methods that it has, and what has this one.
    """
    methods = methods_of(head)
    if method not in methods:
        raise UserError(
            f"{path} has no head for .{method}: its head is {head}, for "
            f"{', '.join('.' + each for each in methods)}; a model of "
            f"{_SOURCES[method]} has one"
        )
