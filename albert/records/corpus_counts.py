# SPDX-License-Identifier: Apache-2.0
"""Counts what a text has, what the vocabulary knows and what it loses."""

import dataclasses

import numpy as np

from albert.errors import UserError
from albert.text.normalization_losses import DOTLESS_I
from albert.text.normalization_losses import count_marked_letters
from albert.text.tokenizers import MOST_UNKNOWN

# Of each block, to find out how many characters lose a mark.
_SAMPLED_SENTENCES = 64


@dataclasses.dataclass
class CorpusCounts:
    """Counts over the text that records are made of.

    Attributes:
      bytes: of the sentences, with one for the end of each line.
      documents, sentences, tokens: of what was encoded.
      characters: without spaces.
      unknown, unknown_characters: tokens that are <unk>, and the characters
        that these stand for. One of them may be a line of another script.
      sampled_characters: those among which these are counted:
      marked: letters with marks.
      dotless: the dotless i of Turkish.
    """

    bytes: int = 0
    documents: int = 0
    sentences: int = 0
    tokens: int = 0
    characters: int = 0
    unknown: int = 0
    unknown_characters: int = 0
    sampled_characters: int = 0
    marked: int = 0
    dotless: int = 0

    def add_text(self, block, kind):
        """Counts documents before they are encoded.

        Args:
          block: list of lists of str.
          kind: that of the tokenizer.

        Returns:
          int, their bytes.
        """
        size = 0
        for document in block:
            for sentence in document:
                size += len(sentence.encode()) + 1
                self.characters += len(sentence) - sentence.count(" ")
        self.bytes += size
        # Of a sample, as the process that reads does nothing else beside it.
        sample = block[0][:_SAMPLED_SENTENCES]
        marked, characters = count_marked_letters(sample, kind)
        self.marked += marked
        self.sampled_characters += characters
        self.dotless += "".join(sample).count(DOTLESS_I)
        return size

    def add_tokens(self, documents, unknown_ids):
        """Counts ``TokenizedDocuments``.

        Args:
          documents: what a block became.
          unknown_ids: list of int, the ids that stand for an unknown piece.
        """
        self.documents += len(documents.document_lengths)
        self.sentences += len(documents.sentence_lengths)
        self.tokens += len(documents.ids)
        self.unknown += sum(
            np.count_nonzero(documents.ids == id_) for id_ in unknown_ids
        )
        self.unknown_characters += documents.unknown_characters

    def refuse_unknown(self, most, text, vocabulary_file):
        """Refuses a text of another language than the vocabulary.

        Args:
          most: float, the largest share of unknown pieces, or characters.
          text: str, the files of the text.
          vocabulary_file: str.

        Raises:
          UserError: there is more.
        """
        for what, share in (
            ("pieces", self.unknown / max(1, self.tokens)),
            ("characters", self._unknown_characters_share()),
        ):
            if share > most:
                raise UserError(
                    f"{text}: {share:.0%} of the {what} are unknown to "
                    f"{vocabulary_file}: give a vocabulary of this text's "
                    "language (`albert create-vocabulary` makes one), or a "
                    "larger --max_unknown_share"
                )

    def __add__(self, other):
        return CorpusCounts(
            *(
                getattr(self, field.name) + getattr(other, field.name)
                for field in dataclasses.fields(self)
            )
        )

    def counts(self):
        """Returns what was counted, as JSON can hold it: dict of int."""
        return {
            name: int(value) for name, value in dataclasses.asdict(self).items()
        }

    def as_dict(self, tokenizer):
        """Returns the figures for the JSON.

        Args:
          tokenizer: its settings say which marks and capitals are lost.
        """
        sampled = max(1, self.sampled_characters)
        return {
            "bytes": self.bytes,
            "documents": self.documents,
            "sentences": self.sentences,
            "tokens": self.tokens,
            "characters": self.characters,
            "unknown_share": self.unknown / max(1, self.tokens),
            "unknown_characters_share": self._unknown_characters_share(),
            "lost_marks_share": tokenizer.strip_accents * self.marked / sampled,
            "dotless_i_share": tokenizer.lower_case * self.dotless / sampled,
        }

    def _unknown_characters_share(self):
        # Decomposed characters may be more than those of the text.
        share = self.unknown_characters / max(1, self.characters)
        return min(1.0, share)


def describe_unknown(share, characters_share):
    """Returns a warning about what a vocabulary does not know, or None.

    Args:
      share: float, of the pieces that are <unk>.
      characters_share: float, of the characters that these stand for.
    """
    if max(share, characters_share) <= MOST_UNKNOWN:
        return None
    return (
        f"{share:.1%} of the pieces are <unk>, {characters_share:.1%} of the "
        "characters, which nothing is learnt of: make a vocabulary of this "
        "text with `albert create-vocabulary`, with the same --do_lower_case "
        "and --strip_accents"
    )
