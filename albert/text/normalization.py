# SPDX-License-Identifier: Apache-2.0
"""Normalises text before SentencePiece encodes it.

The same rule as ``preprocess_text`` in the original's ``tokenization.py``:
join on whitespace, decompose (NFKD), drop the combining marks, lower-case.
"""

import unicodedata


def normalize(text, lower_case=True):
    """Returns ``text`` as the vocabulary expects it.

    Whitespace is what ``str.split`` takes for it, so NBSP, U+3000, U+2028,
    U+0085 and the ASCII separators 0x1C to 0x1F count. Lower-casing is last:
    it then sees the decomposed letters, as in the original. The result may
    hold a space at an end or two in a row where a character such as U+00A8
    decomposes into a space and a mark; SentencePiece removes these.

    Args:
      text: str.
      lower_case: lower-case the result (the original's ``do_lower_case``).

    Returns:
      str.
    """
    text = " ".join(text.split())
    # Most English sentences are ASCII, which NFKD leaves alone.
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text)
        # A sentence has few distinct characters and rarely a mark: looking
        # at the set of them is several times faster than at each in turn.
        for mark in filter(unicodedata.combining, set(text)):
            text = text.replace(mark, "")
    return text.lower() if lower_case else text


def normalize_batch(texts, lower_case=True):
    """Normalises an iterable of str; returns a list of str."""
    return [normalize(text, lower_case) for text in texts]
