# SPDX-License-Identifier: Apache-2.0
"""Tags of entities: other schemes → BIO (IOB2)."""

import re

OUTSIDE = "O"

_TAG = re.compile(r"O|([BIESUL])-(.+)")
# BIOES and BILOU mark the last word of an entity, and those of one word.
_PREFIXES = {"B": "B", "I": "I", "E": "I", "L": "I", "S": "B", "U": "B"}


def is_tag(tag):
    """Whether a tag is O, or B-, I-, E-, S-, L- or U- and a type."""
    return _TAG.fullmatch(tag) is not None


def entity_type(tag):
    """Returns the type of a tag; None for O."""
    return None if tag == OUTSIDE else tag[2:]


def to_bio(tags):
    """Rewrites the tags of one sentence so that each entity begins with B-.

    IOB1 (B- only where an entity touches another of its type), IOB2, BIOES
    and BILOU need not be told apart: an inner tag after O or after another
    type begins an entity in all of them.

    Args:
      tags: iterable of str for which ``is_tag`` holds.

    Returns:
      list of str.
    """
    rewritten = []
    before = None
    for tag in tags:
        type_ = entity_type(tag)
        if type_ is None:
            rewritten.append(OUTSIDE)
        else:
            prefix = _PREFIXES[tag[0]] if type_ == before else "B"
            rewritten.append(f"{prefix}-{type_}")
        before = type_
    return rewritten


def bio_labels(types):
    """Returns the labels for some types: O, then B- and I- of each.

    Both prefixes of each type, although a training set may lack one of them.

    Args:
      types: iterable of str.

    Returns:
      tuple of str.
    """
    types = sorted(set(types))
    return (OUTSIDE, *(f"{prefix}-{t}" for t in types for prefix in "BI"))
