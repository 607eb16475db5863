# SPDX-License-Identifier: Apache-2.0
"""Tags of words, and their conversion to BIO (IOB2)."""

import collections
import itertools
import re

from albert.errors import UserError

OUTSIDE = "O"
# How tags are spelled. "prefix": B-PER, B_PER, b-PER, or B alone; "suffix":
# PER-B, PER_B; "plain": any tags that are no entities'.
SPELLINGS = ("prefix", "suffix", "plain")
# The prefixes of each scheme. BIOES and BILOU mark the last word of an entity,
# and those of one word; BMES calls inner words M, and BMEWO single ones W.
_PREFIXES = {
    "IOB1": "BI",
    "IOB2": "BI",
    "BIOES": "BIES",
    "BILOU": "BILU",
    "BMES": "BMESW",
}
# What --tag_scheme may be: "none" are tags without entities, such as parts of
# speech.
TAG_SCHEMES = (*_PREFIXES, "none")
# The type of entities whose tags name none: B, I, O.
UNNAMED_TYPE = "ENTITY"
# What UD calls a word that is nothing else.
_OTHER = "X"

_TAG = re.compile(r"([BIESULMW])-(.+)")
_PREFIX = re.compile(r"([BIESULMW])(?:[-_](.+))?", re.IGNORECASE)
_SUFFIX = re.compile(r"(.+)[-_]([BIESULMW])", re.IGNORECASE)
# What a word may be in its entity: begun by an earlier word, continued by the
# next one.
_CONTINUES = frozenset("IMEL")
_OPENS = frozenset("BIM")


def normalize(tag, spelling="prefix"):
    """Rewrites a tag in the form B-PER.

    Args:
      tag: str.
      spelling: str of ``SPELLINGS``.

    Returns:
      str: O, or one of B, I, E, S, L, U, M, W and a type; of "plain" the tag
      itself. None where it is not spelled so.
    """
    if spelling == "plain":
        # An entity's tag would be taken for one later.
        return tag if tag and not _TAG.fullmatch(tag) else None
    if tag.upper() == OUTSIDE:
        return OUTSIDE
    if spelling == "suffix":
        match = _SUFFIX.fullmatch(tag)
        return match and f"{match[2].upper()}-{match[1]}"
    match = _PREFIX.fullmatch(tag)
    return match and f"{match[1].upper()}-{match[2] or UNNAMED_TYPE}"


def entity_type(tag):
    """Returns the type of a tag; None for O and for plain tags."""
    match = _TAG.fullmatch(tag)
    return match and match[2]


def to_bio(tags):
    """Rewrites the tags of one sentence so that each entity begins with B-.

    IOB1 (B- only where an entity touches another of its type), IOB2, BIOES,
    BILOU and BMES need not be told apart: an inner tag after O, after another
    type or after the end of an entity begins one in all of them. Tags that
    break their scheme are the entities that seqeval finds in them.

    Args:
      tags: iterable of str of ``normalize``. Plain tags stay.

    Returns:
      list of str.
    """
    rewritten = []
    before = None
    for tag in tags:
        type_ = entity_type(tag)
        inner = continues_entity(tag) and type_ == before
        rewritten.append(bio_tag(tag, inner))
        # Nothing continues what has ended.
        before = type_ if opens_entity(tag) else None
    return rewritten


def continues_entity(tag):
    """Tells whether a tag goes on with an entity of its type before it."""
    return entity_type(tag) is not None and tag[0] in _CONTINUES


def opens_entity(tag):
    """Tells whether the entity of a tag may go on behind it."""
    return entity_type(tag) is not None and tag[0] in _OPENS


def bio_tag(tag, inner):
    """Returns the tag of ``to_bio``: str.

    Args:
      tag: str of ``normalize``; a plain one stays.
      inner: bool, whether it goes on with the entity before it.
    """
    type_ = entity_type(tag)
    return tag if type_ is None else f"{'I' if inner else 'B'}-{type_}"


def find_broken(tags, scheme):
    """Finds the tags of one sentence that break their scheme.

    Args:
      tags: list of str of ``normalize``.
      scheme: str of ``TAG_SCHEMES``; nothing breaks "none".

    Returns:
      list of int, their places.
    """
    broken = set()
    for place, pair in enumerate(_pairs(tags)):
        culprit = _find_culprit(*pair, scheme)
        if culprit is not None:
            broken.add(place - 1 + culprit)
    return sorted(broken)


def guess_scheme(sentences):
    """Returns the scheme that the fewest tags of entities break.

    Args:
      sentences: iterable of lists of str of ``normalize``.

    Returns:
      str of ``TAG_SCHEMES``, not "none". IOB2 where nothing tells it from
      IOB1, BIOES where nothing tells it from BMES.
    """
    pairs = collections.Counter(
        pair for tags in sentences for pair in _pairs(tags)
    )
    return min(
        ("IOB2", *_PREFIXES),
        key=lambda scheme: sum(
            count
            for pair, count in pairs.items()
            if _find_culprit(*pair, scheme) is not None
        ),
    )


def _pairs(tags):
    """Returns the pairs of neighbours, with O before and behind all."""
    return itertools.pairwise([OUTSIDE, *tags, OUTSIDE])


def _find_culprit(before, tag, scheme):
    """Returns which of two neighbours breaks a scheme: 0, 1 or None."""
    if scheme == "none":
        return None
    type_, type_before = entity_type(tag), entity_type(before)
    touches = type_ is not None and type_ == type_before
    if type_ is not None and tag[0] not in _PREFIXES[scheme]:
        return 1
    if scheme == "IOB1":
        # B- is for an entity that touches another of its type.
        return 1 if type_ and tag[0] == "B" and not touches else None
    opens = type_before is not None and before[0] in _OPENS
    if type_ is not None and tag[0] in _CONTINUES:
        return None if touches and opens else 1
    # An entity that has no end; IOB2 marks none.
    return 0 if opens and scheme != "IOB2" else None


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
