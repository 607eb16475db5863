# SPDX-License-Identifier: Apache-2.0
"""How the tags of a file are written: found, said, and compared with flags."""

import collections
import dataclasses

from absl import logging

from albert.errors import UserError
from albert.tasks import label_spelling
from albert.tasks import tag_schemes
from albert.tasks.line_files import shorten


@dataclasses.dataclass(frozen=True)
class TagFormat:
    """How the tags of a file are written.

    Attributes:
      scheme: str of ``tag_schemes.TAG_SCHEMES``.
      spelling: str of ``tag_schemes.SPELLINGS``; "plain" of scheme "none".
      is_given: bool, whether a flag says the scheme.
    """

    scheme: str
    spelling: str
    is_given: bool = False

    def normalize(self, tag):
        """Returns a tag in the form B-PER, a plain one as it is, or None."""
        return tag_schemes.normalize(tag, self.spelling)

    def explain(self, tag):
        """Returns the remedy for a tag that ``normalize`` does not take."""
        if not tag:
            return "add it"
        if self.spelling == "plain":
            return (
                "it is that of an entity: leave out --tag_scheme=none, or "
                "correct it"
            )
        form = "B-PER" if self.spelling == "prefix" else "PER-B"
        return (
            f"it should be O, or {form} and the like; --tag_scheme=none reads "
            "parts of speech, --tag_column says which column it is"
        )

    def find_broken(self, tags):
        """Returns the places of tags that break the scheme, of a sentence."""
        return tag_schemes.find_broken(tags, self.scheme)


def find_format(path, sentences, column, scheme=None, labels=None):
    """Finds how the tags of a file are written, and logs what is guessed.

    Args:
      path: str, for messages.
      sentences: list of lists of (int, str): number of the line, and the tag
        as it is written.
      column: int, that of the tags from 1, for messages.
      scheme: str of ``tag_schemes.TAG_SCHEMES`` that must be the file's, or
        None to guess it.
      labels: tuple of str, the task's labels where they are known.

    Returns:
      ``TagFormat``.

    Raises:
      UserError: most tags do not fit, or there are as many as words.
    """
    tags = [pair for sentence in sentences for pair in sentence]
    counts = collections.Counter(tag for _, tag in tags)
    spelling = _find_spelling(counts, scheme, labels)
    found = TagFormat(scheme or "none", spelling, scheme is not None)
    bad = [(line, tag) for line, tag in tags if found.normalize(tag) is None]
    if 2 * len(bad) > len(tags):
        line, tag = bad[0]
        raise UserError(
            f"{path}:{line}: {shorten(tag)!r} is not a tag, nor are "
            f"{len(bad)} of {len(tags)} in column {column}: "
            f"{found.explain(tag)}"
        )
    if spelling == "plain":
        _check_plain(path, counts, column, scheme or labels)
        return found
    normalized = [
        list(filter(None, (found.normalize(tag) for _, tag in sentence)))
        for sentence in sentences
    ]
    guessed = tag_schemes.guess_scheme(normalized)
    if scheme is None:
        found = dataclasses.replace(found, scheme=guessed)
        logging.info(
            "%s: tags look like %s%s; --tag_scheme=%s checks it",
            path,
            guessed,
            ", the prefix behind the type" if spelling == "suffix" else "",
            guessed,
        )
    else:
        _check_scheme(path, normalized, scheme, guessed)
    return found


def log_broken(path, found, places, sentences):
    """Warns of tags that break the scheme of their file.

    Args:
      path: str.
      found: ``TagFormat``.
      places: list of (int, str): number of the line, and the tag.
      sentences: lists of str, all tags of the file.
    """
    if places:
        line, tag = places[0]
        logging.warning(
            "%s: %d of %d tags of entities break %s, the first %r in line %d: "
            "what continues nothing begins an entity, and what ends nothing "
            "is its end, as in conlleval",
            path,
            len(places),
            _count_entity_tags(sentences),
            found.scheme,
            tag,
            line,
        )


def _find_spelling(counts, scheme, labels):
    """Returns the spelling that most tags have: str of ``SPELLINGS``."""
    if scheme == "none":
        return "plain"
    if scheme is None and labels and tag_schemes.are_plain(labels):
        return "plain"
    fitting = {
        spelling: [
            tag for tag in counts if tag_schemes.normalize(tag, spelling)
        ]
        for spelling in ("prefix", "suffix")
    }
    sizes = {
        spelling: sum(counts[tag] for tag in tags)
        for spelling, tags in fitting.items()
    }
    best = max(sizes, key=sizes.get)
    if scheme is not None or labels or sizes[best] == counts.total():
        return best
    # A part of speech may be called S.
    of_entities = [tag for tag in fitting[best] if tag.upper() != "O"]
    misfits = counts.total() - sizes[best]
    if not of_entities or (
        misfits > sizes[best] and all(len(tag) == 1 for tag in of_entities)
    ):
        return "plain"
    return best


def _check_plain(path, counts, column, is_known):
    """Refuses a column that holds no tags, and says what is guessed."""
    if (
        len(counts) > label_spelling.MOST_RARE_LABELS
        and 2 * len(counts) > counts.total()
    ):
        raise UserError(
            f"{path}: {len(counts)} different tags of {counts.total()} words "
            f"in column {column}: choose another --tag_column"
        )
    if is_known:
        return
    # Where O is among them they may be entities without prefixes.
    log = logging.info
    remedy = "--tag_scheme=none says it"
    if counts[tag_schemes.OUTSIDE]:
        log = logging.warning
        remedy = "if they are entities, write them as B-PER, I-PER, O"
    log(
        "%s: no tag is that of an entity: %d tags are learnt as they are, and "
        "accuracy is the metric; %s",
        path,
        len(counts),
        remedy,
    )


def _check_scheme(path, sentences, scheme, guessed):
    """Refuses a scheme that most tags of entities break."""
    broken = sum(
        len(tag_schemes.find_broken(tags, scheme)) for tags in sentences
    )
    total = _count_entity_tags(sentences)
    if 2 * broken > total:
        raise UserError(
            f"{path}: {broken} of {total} tags of entities break {scheme}: "
            f"they look like {guessed}: give --tag_scheme={guessed}, or leave "
            "it out"
        )


def _count_entity_tags(sentences):
    """Returns how many tags are those of entities: of lists of str."""
    return sum(
        tag_schemes.entity_type(tag) is not None
        for tags in sentences
        for tag in tags
    )
