# SPDX-License-Identifier: Apache-2.0
"""A written tokenizer against the ``Tokenizer`` that it was written of.

Other libraries apply the rules of SentencePiece in their own code, and not all
that ``Tokenizer`` does can be said there. So what was written is read again
and tried, and what differs is counted and shown.
"""

import dataclasses
import os

from albert.interchange import huggingface_tokenizer
from albert.interchange import kerashub_presets
from albert.interchange import kerashub_tokenizer

# What is known to go wrong easily; no control pieces, which are text here.
_TEXTS = (
    "",
    " ",
    "a",
    "The cat sat on the mat, and the dog did not.",
    # Digits and commas.
    "1,2, 3,4,5 and 9,",
    "In 2010, 10,000 people; in 2011, 12,500,000; by 2012,13 more.",
    "on May 5, 1999, he paid $1,234.56 (or 1.234,56 €), 50% of 2,469.12",
    "In 1987/11, 2003/04, and 12/12, nothing",
    "3,14159265358979323846264338327950288419716939937510",
    "call 0049123456789012345, or 000,000",
    "a9,b x10,y (7,) 5,'s",
    # Accents and case.
    "CAFÉ Café cafe\u0301 naïve ÅÄÖ ñ ç Ż ø ß ẞ İstanbul ı",
    "Où sont les neiges d’antan? “Gone”, she said – quite gone…",
    "ΟΔΥΣΣΕΥΣ Ἀθῆναι; ещё раз 和Σ ΟΔΟΣ是",
    "SHOUTING, iPhone and McDonald's",
    # White space.
    "  two   spaces\tand\na line \r\n",
    "no\u00a0break ideographic\u3000zero\u200bwidth next\u0085line\u2028end",
    # Marks and characters that stand for others.
    "``quotes'' of '''three''' ` and ´ \"text\" [x] {y} <z>",
    "ＦＵＬＬ width ﬁne ½ ² ™ ℌ Ⅷ ㎏ ¨",
    "a▁b ▁▁ c ▁",
    "http://www.example.com/a_b?c=1,2&d=3 #tag @name",
    "x" * 200,
    # Other scripts.
    "한국어 문장 漢字とかな हिन्दी में ไทย",
    "emoji 👩‍👧 🏳️‍🌈 \U0001d504",
)
_READERS = {
    **dict.fromkeys(
        ("bert", "huggingface"),
        (
            huggingface_tokenizer.PIPELINE_FILE,
            huggingface_tokenizer.load_written,
        ),
    ),
    "kerashub": (
        kerashub_presets.VOCABULARY,
        kerashub_tokenizer.load_written,
    ),
}


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What a comparison found.

    Attributes:
      file: str, what was compared.
      texts: int, how many texts; 0 where nothing could read the file.
      different: list of str, those that have other ids there.
    """

    file: str
    texts: int
    different: list

    def __str__(self):
        file = os.path.basename(self.file)
        if not self.texts:
            return (
                f"Tokenizer: {file} was not compared with this package, "
                "because tokenizers is not installed (pip install tokenizers)"
            )
        line = (
            f"Tokenizer: {len(self.different)} of {self.texts} test strings "
            f"have other ids in {file}"
        )
        if self.different:
            line += f", such as {self.different[0]!r}"
        return line


def compare(directory, format, tokenizer):
    """Tries the tokenizer that was written into a directory.

    Args:
      directory: str, where the writer of ``format`` wrote.
      format: a key of ``writers.WRITERS``.
      tokenizer: ``Tokenizer`` that was written.

    Returns:
      ``Comparison``; None where the SentencePiece model was written as it is,
      to be used by the original's code or this package.
    """
    if format not in _READERS:
        return None
    file, load = _READERS[format]
    return compare_ids(file, load(directory), tokenizer)


def compare_ids(file, encode, tokenizer):
    """Tries a function that should give the ids of a tokenizer.

    Args:
      file: str, what the function reads, for the report.
      encode: function from str to list of int; None where nothing can read
        the file.
      tokenizer: ``Tokenizer``.

    Returns:
      ``Comparison``.
    """
    if encode is None:
        return Comparison(file, 0, [])
    texts = [*_TEXTS, *_texts_of_pieces(tokenizer)]
    return Comparison(
        file,
        len(texts),
        [text for text in texts if encode(text) != tokenizer.encode(text)],
    )


def _texts_of_pieces(tokenizer):
    """Returns a text with each piece that is cut again: list of str."""
    if tokenizer.kind != "sentencepiece":
        return []
    return [
        f"It was{tokenizer.pieces[id_].replace('▁', ' ')} they say"
        for id_ in tokenizer.digit_comma_table()
    ]
