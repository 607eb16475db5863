# SPDX-License-Identifier: Apache-2.0
"""Judges how lines hold sentences, wherever that changes inside a file.

There are four layouts: ``lines`` (a sentence a line, blank lines between
documents), ``paragraphs`` (a paragraph a line), ``articles`` (the same, with
blank lines between documents only) and ``wrapped`` (a paragraph over several
lines of about the same width). Files are often several texts one after the
other, so each line is evidence for the stretch that it stands in:

* A line that holds several sentences speaks for paragraphs or articles, one
  that holds a single sentence for lines.
* A line that ends a sentence and is followed by another line speaks for
  articles, one that is followed by a blank line for paragraphs, as does a
  sentence that goes on after a blank line.
* A line that does not end a sentence, is followed by another line and has no
  room for that one's first word speaks for wrapped text. The room is measured
  by the width of the lines before and after it, from 40 to 120 characters.

The sequence of layouts that is likeliest, when a change costs as much as
about 30 lines of clear evidence, is found as the text streams by (Viterbi's
algorithm). So neither the beginning of a file nor the order of its parts
decides how the rest is read.
"""

import dataclasses
import itertools
import math

from albert.text.line_evidence import EVIDENCE
from albert.text.line_evidence import WINDOW_LINES
from albert.text.line_evidence import weigh

KINDS = ("lines", "paragraphs", "articles", "wrapped")

_MAX_UNDECIDED_CHARACTERS = 1 << 19
_MAX_CHARACTERS_AHEAD = 1 << 16

_COST_OF_A_CHANGE = 75.0
_SHARE_SEVERAL = {
    "lines": 0.05,
    "paragraphs": 0.5,
    "articles": 0.5,
    "wrapped": 0.2,
}
_SHARE_RUN_ON = {
    "lines": 0.08,
    "paragraphs": 0.08,
    "articles": 0.08,
    "wrapped": 0.7,
}
# Balanced where about half of the paragraphs follow each other directly.
_PENALTY_FOLLOWED = {"paragraphs": 2.0}
_PENALTY_NOT_FOLLOWED = {"articles": 1.8}
# A blank line inside a sentence, at the end of a page, parts no documents.
_PENALTY_BROKEN_OFF = {"articles": 5.0, "lines": 5.0}
# Where a blank line follows each line, it seldom is a document.
_PENALTY_LAST_LINE = {"lines": 0.45, "wrapped": 0.45}
_PENALTY_TOO_WIDE = 5.0


@dataclasses.dataclass(frozen=True)
class Stretch:
    """Lines of one layout, one after the other.

    Attributes:
      kind: one of KINDS.
      first_line: the number of the first of its lines, from 1.
      reason: str, the figures that decided it.
      lines: iterable of str.
    """

    kind: str
    first_line: int
    reason: str
    lines: object


def divide(blocks, kinds=KINDS):
    """Divides lines into stretches of one layout.

    Args:
      blocks: iterable of lists of str, the lines of a file.
      kinds: the layouts that may be found.

    Yields:
      Stretch, whose lines must be taken before the next one is asked for.
      Together they hold every line.
    """
    parts = _divide_blocks(blocks, kinds)
    for _, group in itertools.groupby(parts, key=lambda part: part[0]):
        yield _join(group)


def _join(parts):
    _, kind, first_line, reason, lines = next(parts)
    rest = itertools.chain.from_iterable(part[-1] for part in parts)
    return Stretch(kind, first_line, reason, itertools.chain(lines, rest))


def _divide_blocks(blocks, kinds):
    """Yields (number of the stretch, kind, first line, reason, lines).

    The reason is that of the first lines of a stretch, "" of others.
    """
    path = _Path(kinds)
    lines = []
    evidence = []
    past = []
    first_line = 1
    number = 0
    before = None
    for block in itertools.chain(blocks, [None]):
        at_end = block is None
        lines += [] if at_end else block
        end = len(lines) - (0 if at_end else _count_ahead(lines))
        if end > len(evidence):
            new, past = weigh(lines[len(evidence) :], past, end - len(evidence))
            path.extend(new)
            evidence += new
        decided = path.decided(everything=at_end)
        start = decided[-1][1] if decided else 0
        undecided = lines[start:]
        if (
            sum(map(len, undecided)) + len(undecided)
            > _MAX_UNDECIDED_CHARACTERS
        ):
            decided += [
                (kind, start + stop)
                for kind, stop in path.decided(everything=True)
            ]
        start = 0
        for kind, stop in decided:
            reason = ""
            if kind != before:
                number += 1
                before = kind
                reason = _explain(kind, lines[start:stop], evidence[start:stop])
            yield number, kind, first_line + start, reason, lines[start:stop]
            start = stop
        first_line += start
        del lines[:start], evidence[:start]


def _count_ahead(lines):
    """Counts the last lines, whose evidence waits for what follows."""
    ahead = characters = 0
    for line in itertools.islice(reversed(lines), 2 * WINDOW_LINES):
        ahead += 1
        characters += len(line)
        if characters > _MAX_CHARACTERS_AHEAD:
            break
    return ahead


class _Path:
    """Likeliest sequence of layouts, and the rivals that may still win."""

    def __init__(self, kinds):
        self._kinds = kinds
        self._scores = [0.0] * len(kinds)
        # Each is (where its last layout begins, that, what was before it).
        self._paths = [(0, kind, None) for kind in kinds]
        self._position = 0
        self._sure = None
        self._weights = {
            evidence: [_weight(kind, evidence) for kind in kinds]
            for evidence in EVIDENCE
        }

    def extend(self, evidence):
        """Goes on by some lines."""
        for position, each in enumerate(evidence, self._position):
            if each is None:
                continue
            weights = self._weights[each]
            if self._sure is None or weights[self._sure] < max(weights):
                self._step(position, weights)
        self._position += len(evidence)

    def _step(self, position, weights):
        best = max(self._scores)
        winner = self._paths[self._scores.index(best)]
        scores = []
        for i, weight in enumerate(weights):
            score = self._scores[i]
            if best - _COST_OF_A_CHANGE >= score:
                score = best - _COST_OF_A_CHANGE
                self._paths[i] = (position, self._kinds[i], winner)
            scores.append(score + weight)
        best = max(scores)
        self._scores = [score - best for score in scores]
        # Then a line that speaks for the winner changes nothing.
        rival = sorted(self._scores)[-2]
        self._sure = scores.index(best) if rival <= -_COST_OF_A_CHANGE else None

    def decided(self, everything):
        """Returns (kind, end) of the decided stretches, and forgets them.

        Args:
          everything: decide all lines now.
        """
        certain = everything or self._sure is not None
        if certain:
            best = self._paths[self._scores.index(max(self._scores))]
            paths = [_unlink(best)]
        else:
            paths = [_unlink(path) for path in self._paths]
        found = []
        for steps in itertools.zip_longest(*paths):
            if len(set(steps)) > 1:
                end = min(step[0] for step in steps if step)
                break
            found.append(steps[0])
        else:
            end = self._position
        if not found:
            return []
        stretches = [
            (kind, start)
            for (_, kind), (start, _) in zip(
                found, [*found[1:], (end, None)], strict=True
            )
            if start > 0
        ]
        kind = found[-1][1]
        self._position -= end
        if certain:
            self._paths = [
                (0, each, (0, kind, None) if each != kind else None)
                for each in self._kinds
            ]
        else:
            self._paths = [
                _link(kind, steps[len(found) :], end) for steps in paths
            ]
        return stretches


def _unlink(path):
    """Returns the (start, kind) pairs of a linked path, the first one first."""
    steps = []
    while path:
        steps.append(path[:2])
        path = path[2]
    return steps[::-1]


def _link(kind, steps, end):
    """Links pairs, after lines of a kind that end where the first may begin."""
    path = (0, kind, None)
    for start, kind in steps:
        path = (start - end, kind, path)
    return path


def _weight(kind, evidence):
    """Returns the log-likelihood of a line's evidence."""
    weight = 0.0
    if evidence == "runs on":
        return math.log(_SHARE_RUN_ON[kind])
    if evidence.startswith("several"):
        weight += math.log(_SHARE_SEVERAL[kind])
    else:
        weight += math.log(1 - _SHARE_SEVERAL[kind])
    if "followed" in evidence:
        weight += math.log(1 - _SHARE_RUN_ON[kind])
    else:
        weight -= _PENALTY_LAST_LINE.get(kind, 0)
    if "ended, followed" in evidence:
        weight -= _PENALTY_FOLLOWED.get(kind, 0)
    elif "ended" in evidence:
        weight -= _PENALTY_NOT_FOLLOWED.get(kind, 0)
    if "broken off" in evidence:
        weight -= _PENALTY_BROKEN_OFF.get(kind, 0)
    if "too wide" in evidence and kind == "wrapped":
        weight -= _PENALTY_TOO_WIDE
    return weight


def _explain(kind, lines, evidence):
    """Returns the figures by which lines have a layout."""
    found = [each for each in evidence if each]
    if kind == "wrapped":
        full = [
            len(line.strip())
            for line, each in zip(lines, evidence, strict=True)
            if each == "runs on"
        ]
        followed = len(full) + sum("followed" in each for each in found)
        if full:
            width = sorted(full)[-1 - len(full) // 20]
            return (
                f"{len(full) / followed:.0%} of the lines that another "
                f"follows are filled to about {width} characters"
            )
    several = sum(each.startswith("several") for each in found)
    reason = (
        f"{several / max(len(found), 1):.0%} of the lines hold several "
        "sentences"
    )
    if kind in ("paragraphs", "articles"):
        followed = sum("ended, followed" in each for each in found)
        ended = max(sum("ended" in each for each in found), 1)
        reason += (
            f", {followed / ended:.0%} of the paragraphs are followed by "
            "another without a blank line"
        )
    return reason
