# SPDX-License-Identifier: Apache-2.0
"""Leaves out duplicates and bad text, counts it, and repairs mojibake.

Whatever is left out has a reason, under which it is counted and listed.
A paragraph is a line of 100 characters or more, or shorter lines that follow
each other without a blank line, if they have as many together. Anything
shorter ("* * *", "Yes.") is kept however often it occurs.
"""

import collections
import contextlib
import dataclasses
import itertools
import json
import os
import unicodedata

from absl import logging

from albert import outputs
from albert.errors import UserError
from albert.inputs import open_file
from albert.text.hash_set import HashSet
from albert.text.line_evidence import is_article_tag

DUPLICATES = ("keep", "documents", "paragraphs")

_SHORTEST_PARAGRAPH = 100
# More lines without a blank one between them are several paragraphs.
_LONGEST_PARAGRAPH = 1 << 16
_BLOCK_CHARACTERS = 1 << 20
# Counted beside the reasons, though it is kept.
_REPAIRED = "repaired line"
# More is warned of.
_MUCH_LEFT_OUT = 0.2
_SHOWN = 100
_LISTING_START = b'{"reason": '


@dataclasses.dataclass(frozen=True)
class SelectionSettings:
    """Settings of what is left out of a text; by default nothing.

    Attributes:
      duplicates: "documents": leave out documents that came before;
        "paragraphs": also paragraphs; "keep": neither. Texts that differ in
        nothing but whitespace are the same.
      min_document_characters: int, shorter documents are left out.
      min_letter_share: float, share of letters and marks among the
        characters of a document, spaces aside.
      max_repeated_share: float, share of a document's characters in
        sentences that came before in it.
      repair_mojibake: bool, whether ftfy repairs text that was decoded as
        something else than it was encoded in.
    """

    duplicates: str = "keep"
    min_document_characters: int = 0
    min_letter_share: float = 0.0
    max_repeated_share: float = 1.0
    repair_mojibake: bool = False


@contextlib.contextmanager
def open_listing(path, flag, overwrite=False, inputs=(), others=()):
    """Opens a new list of what is left out, which appears when it is complete.

    A context manager that gives the stream for ``Selection``; None where there
    is no path.

    Args:
      path: str or None.
      flag: str, what messages tell to choose another of.
      overwrite: bool, whether an older list is replaced.
      inputs: files that must not be overwritten in any case.
      others: files that are written beside it.

    Raises:
      UserError: it cannot be written, something is there, or it is one of the
        others.
    """
    if path is None:
        yield None
        return
    outputs.check_file(path, flag, inputs)
    if os.path.realpath(path) in map(os.path.realpath, others):
        raise UserError(
            f"{path}: is written by this command already: choose another {flag}"
        )
    if os.path.lexists(path):
        _check_replaced(path, flag, overwrite)
    with outputs.new_file(path, flag, overwrite) as stream:
        yield stream


def _check_replaced(path, flag, overwrite):
    if not overwrite:
        raise UserError(
            f"{path}: exists already; choose another {flag} or give --overwrite"
        )
    with open_file(path) as stream:
        start = stream.read(len(_LISTING_START))
    if start not in (b"", _LISTING_START):
        raise UserError(
            f"{path}: is no list of what was left out, so --overwrite does not "
            f"replace it: choose another {flag}"
        )


class Selection:
    """Selection from one reading of a text, with its counts.

    Attributes:
      counts: dict of str, a reason, to how much was left out for it:
        ``{"number": int, "characters": int}``. Lines that were repaired are
        counted as well.
    """

    def __init__(self, settings, listing=None):
        """Begins a reading.

        Args:
          settings: ``SelectionSettings``.
          listing: binary stream that a line of JSON is written to for all
            that is left out; or None.

        Raises:
          UserError: mojibake is to be repaired, and ftfy is not installed.
        """
        self.counts = {}
        self._kept = 0
        self._settings = settings
        self._listing = listing
        self._documents = HashSet()
        self._paragraphs = HashSet()
        self._repair = None
        if settings.repair_mojibake:
            self._repair = _find_repair()

    def keep_lines(self, blocks, path):
        """Yields blocks of lines without paragraphs that came before.

        Args:
          blocks: iterable of lists of str, the lines of a file.
          path: str, the file.
        """
        if self._repair:
            blocks = self._repair_lines(blocks, path)
        if self._settings.duplicates == "paragraphs":
            blocks = self._keep_new_paragraphs(blocks, path)
        return blocks

    def keep_documents(self, found, path):
        """Yields the documents that are kept, and counts the others.

        One that was cut is as long as its parts together, and its end is not
        left out because it is short.

        Args:
          found: iterable of (list of str, whether a document ends there: a cut
            one goes on with what follows).
          path: str, the file that they are from.
        """
        parts, characters = [], 0
        least = self._settings.min_document_characters
        for document, is_end in found:
            parts.append((document, is_end))
            characters += _length(document)
            if is_end or characters >= least:
                yield from self._keep_parts(parts, characters, path)
                parts = []
            if is_end:
                characters = 0

    def _keep_parts(self, parts, characters, path):
        for document, is_end in parts:
            reason = self._judge(document, characters)
            if reason:
                self._count(reason, "\n".join(document), path)
            else:
                self._kept += _length(document)
                yield document, is_end

    def summarize(self):
        """Returns a line for each reason: list of str."""
        total = self._kept + sum(self._left_out().values())
        shares = {
            reason: f" ({characters / max(1, total):.1%} of the text)"
            for reason, characters in self._left_out().items()
        }
        lines = [
            f"{reason}: {count['number']:,}, {count['characters']:,} characters"
            + shares.get(reason, "")
            for reason, count in self.counts.items()
        ]
        for what, hashes in (
            ("documents", self._documents),
            ("paragraphs", self._paragraphs),
        ):
            if hashes.is_full:
                lines.append(
                    f"only the first {len(hashes):,} {what} were compared with "
                    "those that follow"
                )
        return lines

    def warn(self, name):
        """Warns where much of the text was left out.

        Args:
          name: str, of the text.
        """
        left_out = sum(self._left_out().values())
        share = left_out / max(1, left_out + self._kept)
        if share > _MUCH_LEFT_OUT:
            logging.warning(
                "%s: %.0f%% of the text was left out: see whether this is what "
                "it should be; --left_out_file lists it",
                name,
                100 * share,
            )

    def _left_out(self):
        """Returns the characters that were left out, by the reason: dict."""
        return {
            reason: count["characters"]
            for reason, count in self.counts.items()
            if reason != _REPAIRED
        }

    def _judge(self, document, whole):
        """Returns why a document is left out, or None.

        Args:
          document: list of str, a document or a part of one.
          whole: int, characters of the whole, as far as it was read.
        """
        settings = self._settings
        if settings == SelectionSettings():
            return None
        if whole < settings.min_document_characters:
            return "short document"
        if settings.min_letter_share > 0 and (
            _letter_share(document) < settings.min_letter_share
        ):
            return "document of few letters"
        if settings.max_repeated_share < 1:
            # Each sentence counts when it comes again.
            characters = _length(document)
            repeated = characters - _length(set(document))
            if repeated > settings.max_repeated_share * characters:
                return "document of repetitions"
        if settings.duplicates != "keep" and not self._documents.add(
            " ".join(" ".join(document).split())
        ):
            return "duplicate document"
        return None

    def _keep_new_paragraphs(self, blocks, path):
        kept, characters = [], 0
        # Blank lines around what is left out count once, not twice: in this
        # gap, and of those that follow to be skipped.
        gap = skipped = 0
        for lines in _split_paragraphs(blocks):
            if _is_blank(lines[0]):
                if skipped:
                    skipped -= 1
                    continue
                gap += 1
            elif is_article_tag(lines[0]) or self._is_new_paragraph(
                lines, path
            ):
                gap = skipped = 0
            else:
                skipped = gap
                continue
            kept += lines
            characters += sum(map(len, lines)) + len(lines)
            if characters >= _BLOCK_CHARACTERS:
                yield kept
                kept, characters = [], 0
        yield kept

    def _is_new_paragraph(self, lines, path):
        if sum(map(len, lines)) < _SHORTEST_PARAGRAPH:
            return True
        text = " ".join(" ".join(lines).split())
        if self._paragraphs.add(text):
            return True
        self._count("duplicate paragraph", text, path)
        return False

    def _repair_lines(self, blocks, path):
        for block in blocks:
            yield [
                line if line.isascii() else self._repair_line(line, path)
                for line in block
            ]

    def _repair_line(self, line, path):
        repaired = self._repair(line)
        if repaired != line:
            self._count(_REPAIRED, line, path)
        return repaired

    def _count(self, reason, text, path):
        count = self.counts.setdefault(reason, {"number": 0, "characters": 0})
        count["number"] += 1
        count["characters"] += len(text)
        if self._listing:
            entry = {"reason": reason, "file": str(path)}
            entry |= {"characters": len(text), "text": text[:_SHOWN]}
            line = json.dumps(entry, ensure_ascii=False)
            self._listing.write(f"{line}\n".encode())


def _split_paragraphs(blocks):
    """Yields the lines of paragraphs; blank ones and marks by themselves."""
    paragraph, characters = [], 0
    for line in itertools.chain.from_iterable(blocks):
        is_alone = (
            len(line) >= _SHORTEST_PARAGRAPH
            or _is_blank(line)
            or is_article_tag(line)
        )
        if paragraph and (is_alone or characters > _LONGEST_PARAGRAPH):
            yield paragraph
            paragraph, characters = [], 0
        if is_alone:
            yield [line]
        else:
            paragraph.append(line)
            characters += len(line)
    if paragraph:
        yield paragraph


def _length(sentences):
    """Returns the number of characters of sentences."""
    return sum(map(len, sentences))


def _is_blank(line):
    return not line or line.isspace()


def _letter_share(document):
    """Returns the share of letters among characters that are no spaces."""
    counts = collections.Counter()
    for sentence in document:
        counts.update(sentence)
    letters = others = 0
    for character, number in counts.items():
        if character.isalpha() or unicodedata.category(character)[0] == "M":
            letters += number
        elif not character.isspace():
            others += number
    return letters / max(letters + others, 1)


def _find_repair():
    try:
        import ftfy
    except ImportError:
        raise UserError(
            "--repair_mojibake needs a package that is not installed: pip "
            "install ftfy"
        ) from None
    return ftfy.fix_encoding
