# SPDX-License-Identifier: Apache-2.0
"""Normalises text before SentencePiece encodes it.

The same rule as ``preprocess_text`` in the original's ``tokenization.py``:
join on whitespace, decompose (NFKD), drop the combining marks, lower-case.
"""

import unicodedata

# Characters that are no combining marks, but that NFKD makes nothing else of.
_MARKS_IN_DISGUISE = frozenset("\u0f73\u0f75\u0f81\uff9e\uff9f")
# NFKD sorts a run of marks in quadratic time, which no run in so short a text
# lets one feel.
_SHORT = 256


def normalize(text, lower_case=True, strip_accents=True):
    """Returns ``text`` as the vocabulary expects it.

    Whitespace is what ``str.split`` takes for it, so NBSP, U+3000, U+2028,
    U+0085 and the ASCII separators 0x1C to 0x1F count. Lower-casing is last:
    it then sees the decomposed letters, as in the original. The result may
    hold a space at an end or two in a row where a character such as U+00A8
    decomposes into a space and a mark; SentencePiece removes these.

    Args:
      text: str.
      lower_case: lower-case the result (the original's ``do_lower_case``).
      strip_accents: decompose, and drop the combining marks. False leaves
        that to the rules of the SentencePiece model (the original's
        ``keep_accents``).

    Returns:
      str.
    """
    text = " ".join(text.split())
    # Most English sentences are ASCII, which NFKD leaves alone.
    if strip_accents and not text.isascii():
        if len(text) > _SHORT:
            # They would be dropped behind it too; no long run is left then.
            text = _drop_marks(text, _MARKS_IN_DISGUISE.intersection(text))
        text = _drop_marks(unicodedata.normalize("NFKD", text))
    return text.lower() if lower_case else text


def normalize_batch(texts, lower_case=True, strip_accents=True):
    """Normalises an iterable of str; returns a list of str."""
    return [normalize(text, lower_case, strip_accents) for text in texts]


def _drop_marks(text, others=()):
    # A sentence has few distinct characters and rarely a mark: looking at the
    # set of them is several times faster than at each in turn.
    for mark in (*filter(unicodedata.combining, set(text)), *others):
        text = text.replace(mark, "")
    return text
