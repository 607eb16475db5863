# SPDX-License-Identifier: Apache-2.0
"""Tags of words, and their conversion to BIO (IOB2)."""

import re

from albert.errors import UserError

# How the tags of a file are written. "prefix": B-PER, B_PER, b-PER, or B
# alone; "suffix": PER-B, PER_B; "plain": any tags, such as parts of speech.
TAG_SCHEMES = ("prefix", "suffix", "plain")

OUTSIDE = "O"
# The type of entities whose tags name none: B, I, O.
UNNAMED_TYPE = "ENTITY"
# What UD calls a word that is nothing else.
_OTHER = "X"

_TAG = re.compile(r"([BIESULMW])-(.+)")
_PREFIX = re.compile(r"([BIESULMW])(?:[-_](.+))?", re.IGNORECASE)
_SUFFIX = re.compile(r"(.+)[-_]([BIESULMW])", re.IGNORECASE)
# BIOES and BILOU mark the last word of an entity, and those of one word;
# BMES and BMEWO call inner words M and single ones S or W.
_PREFIXES = {
    "B": "B",
    "I": "I",
    "M": "I",
    "E": "I",
    "L": "I",
    "S": "B",
    "U": "B",
    "W": "B",
}


def normalize(tag, scheme="prefix"):
    """Rewrites a tag as its scheme writes it in the form B-PER.

    Args:
      tag: str.
      scheme: str of ``TAG_SCHEMES``.

    Returns:
      str: O, or one of B, I, E, S, L, U, M, W and a type; of "plain" the tag
      itself. None where it is no tag of the scheme.
    """
    if scheme == "plain":
        # An entity's tag would be taken for one later.
        return tag if tag and not _TAG.fullmatch(tag) else None
    if tag.upper() == OUTSIDE:
        return OUTSIDE
    if scheme == "suffix":
        match = _SUFFIX.fullmatch(tag)
        return match and f"{match[2].upper()}-{match[1]}"
    match = _PREFIX.fullmatch(tag)
    return match and f"{match[1].upper()}-{match[2] or UNNAMED_TYPE}"


def explain(tag, scheme):
    """Returns the remedy for a tag that ``normalize`` does not take."""
    if scheme == "plain":
        return (
            "leave out --tag_scheme=plain if these are entities"
            if tag
            else "add it"
        )
    if scheme == "prefix" and normalize(tag, "suffix"):
        return "--tag_scheme=suffix reads such tags"
    return (
        f"it should be O, or {'PER-B' if scheme == 'suffix' else 'B-PER'} and "
        "the like; --tag_scheme=plain reads parts of speech, --label_column "
        "says which column it is"
    )


def entity_type(tag):
    """Returns the type of a tag; None for O and for plain tags."""
    match = _TAG.fullmatch(tag)
    return match and match[2]


def to_bio(tags):
    """Rewrites the tags of one sentence so that each entity begins with B-.

    IOB1 (B- only where an entity touches another of its type), IOB2, BIOES,
    BILOU and BMES need not be told apart: an inner tag after O or after
    another type begins an entity in all of them.

    Args:
      tags: iterable of str of ``normalize``. Plain tags stay.

    Returns:
      list of str.
    """
    rewritten = []
    before = None
    for tag in tags:
        type_ = entity_type(tag)
        if type_ is None:
            rewritten.append(tag)
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


def are_plain(labels):
    """Tells whether labels are plain tags: none is that of an entity."""
    return not any(map(entity_type, labels))


def unseen_label(labels):
    """Returns the label of a word that the model does not see.

    O of entities; of plain tags O or X where there is one, else the first.

    Args:
      labels: sequence of str.
    """
    for label in (OUTSIDE, _OTHER):
        if label in labels:
            return label
    return labels[0]


def check_labels(task_name, labels):
    """Refuses what cannot be the labels of tagging.

    Raises:
      UserError: they are not plain, nor O, B- and I- of types in their order.
    """
    if are_plain(labels):
        return
    types = filter(None, map(entity_type, labels))
    if bio_labels(types) != labels:
        raise UserError(
            f"labels {', '.join(labels)}: {task_name} needs O, then B- and I- "
            "of each type, types in alphabetical order"
        )
