# SPDX-License-Identifier: Apache-2.0
"""Spellings of labels: near matches, invisible characters, several in one."""

import collections
import unicodedata

from absl import logging

from albert.errors import UserError
from albert.tasks.line_files import shorten

# Labels of rows whose label is not known, as test sets have them.
PLACEHOLDERS = frozenset({"", "-", "-1"})

_SEPARATORS = ";,|"
# A column with more different labels than this, most of them seen once, is
# rather a number or another text.
MOST_RARE_LABELS = 50


def explain_unknown(label, known):
    """Returns what is wrong with a label that is not one of the task's.

    Args:
      label: str. Invisible characters are shown as escapes.
      known: sequence of str.

    Returns:
      (what, remedy) for ``BadRows``; the remedy names the label that was
      probably meant.
    """
    what = f"label {shorten(label)!r} is not one of {shorten(', '.join(known))}"
    near = find_near(label, known)
    return what, f"is it {near!r}? correct it" if near else "correct it"


def find_near(label, known):
    """Returns the label that another spelling means, or None.

    Upper and lower case, invisible characters, width and "1.0" for "1" do
    not count.

    Args:
      label: str.
      known: iterable of str.
    """
    key = _fold(label)
    near = [other for other in known if _fold(other) == key]
    return near[0] if len(near) == 1 else None


def check_found(path, labels):
    """Refuses labels found in the data that cannot be meant, warns of others.

    Args:
      path: str, for messages.
      labels: list of str, one for each row.

    Raises:
      UserError: most labels are seen once, or two differ in characters that
        nobody sees.
    """
    counts = collections.Counter(labels)
    if len(counts) > MOST_RARE_LABELS and 2 * len(counts) > len(labels):
        raise UserError(
            f"{path}: {len(counts)} different labels in {len(labels)} rows: "
            "choose another label column, or a regression if they are numbers"
        )
    for look, others in _group(counts, _visible).items():
        if len(others) > 1:
            raise UserError(
                f"{path}: the labels {', '.join(map(repr, sorted(others)))} "
                f"look the same ({look}): remove the invisible characters"
            )
    warn_of_spellings(path, counts, "rows")
    _warn_of_several(path, counts)
    for label in sorted(PLACEHOLDERS.intersection(counts) - {""}):
        logging.warning(
            "%s: %d rows have the label %r, as rows have whose label is not "
            "known: it is learnt like others; if it is none, name the others "
            "with --labels, and give --skip_bad_rows",
            path,
            counts[label],
            label,
        )


def warn_of_spellings(path, counts, what):
    """Warns where labels differ in their spelling only.

    Args:
      path: str, for the message.
      counts: ``collections.Counter`` of labels.
      what: str, what is counted: "rows".
    """
    for others in _group(counts, _fold).values():
        if len(others) > 1:
            logging.warning(
                "%s: the labels %s differ in their spelling only: they are "
                "learnt as %d labels",
                path,
                ", ".join(
                    f"{other!r} ({counts[other]} {what})"
                    for other in sorted(others)
                ),
                len(others),
            )


def _warn_of_several(path, counts):
    """Warns where cells seem to hold several labels: "pos;long"."""
    for separator in _SEPARATORS:
        parts = {
            label: {part.strip() for part in label.split(separator)} - {""}
            for label in counts
        }
        in_labels = collections.Counter(
            part for found in parts.values() for part in found
        )
        joined = [
            label
            for label, found in parts.items()
            if separator in label and any(in_labels[p] > 1 for p in found)
        ]
        if joined:
            logging.warning(
                "%s: %d of %d labels share parts that %r separates, such as "
                "%r (%d rows in all): several labels of one text are learnt "
                "as one label of their own",
                path,
                len(joined),
                len(counts),
                separator,
                shorten(joined[0]),
                sum(counts[label] for label in joined),
            )


def _group(labels, key):
    groups = collections.defaultdict(list)
    for label in labels:
        groups[key(label)].append(label)
    return groups


def _visible(label):
    """Removes what is not seen: zero-width characters, marks of direction."""
    return "".join(c for c in label if unicodedata.category(c) != "Cf").strip()


def _fold(label):
    folded = _visible(unicodedata.normalize("NFKC", label)).casefold()
    try:
        return f"{float(folded):g}"
    except ValueError:
        return folded
