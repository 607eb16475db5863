# SPDX-License-Identifier: Apache-2.0
"""Defines the records of segment pairs that are masked while training.

A record holds the text tokens of both segments in their natural order, one
after the other, the two lengths, and an identity: eight random bytes, so that
pairs of the same tokens get other masks. Everything else is the same for all
of them and in the JSON beside them: the ids of the special pieces, those
allowed as random replacement, and the settings of masks.

A token is a little-endian integer of two bytes, or of four where the
vocabulary has more than 32,768 pieces. Its sign bit says that the piece starts
a word there, so that words are masked whole without the vocabulary, and also
words that only a segmenter finds.

Letters: N pairs, V pieces.
"""

import dataclasses

import numpy as np

from albert.errors import UserError
from albert.records.serialization import ByteStrings
from albert.text.instances import SPECIAL_TOKENS
from albert.text.masking import ORIGINAL_REPLACEMENT
from albert.text.masking import MaskingSettings

DYNAMIC = "dynamic"
# The two times at which masks can be made: writing the records, or training.
MASKING_TIMES = ("static", DYNAMIC)
_IDENTITY_BYTES = 8
_SPECIAL_IDS = ("pad_id", "cls_id", "sep_id", "mask_id")


@dataclasses.dataclass(frozen=True)
class UnmaskedPairs:
    """What the records of a set have in common.

    Attributes:
      objective: one of ``albert.text.instances.OBJECTIVES``.
      masking: ``MaskingSettings``.
      vocabulary_size: V.
      pad_id, cls_id, sep_id, mask_id: ids of the special pieces.
      replacement_ids: tuple of int, ids allowed as random replacement.
      single_sentences: bool, whether some records hold one segment alone
        though the objective has two.
    """

    objective: str
    masking: MaskingSettings
    vocabulary_size: int
    pad_id: int
    cls_id: int
    sep_id: int
    mask_id: int
    replacement_ids: tuple
    # Files with and without them can be masked together.
    single_sentences: bool = dataclasses.field(default=False, compare=False)

    @property
    def segments_needed(self):
        """str, which segments a record must have, for messages."""
        if self.objective == "none":
            return "one segment"
        if self.single_sentences:
            return "one segment or two, the first of them not empty"
        return "two segments, neither of them empty"

    @property
    def token_dtype(self):
        """``np.dtype`` of a token."""
        return token_dtype(self.vocabulary_size)

    def max_tokens(self, max_seq_length):
        """Returns how many tokens of text a sequence has room for."""
        return max_seq_length - SPECIAL_TOKENS[self.objective]

    def fits(self, a_length, b_length, max_seq_length):
        """Returns whether a sequence may have segments of such lengths.

        Neither is empty, but B where the objective is "none", or where there
        are single sentences.

        Args:
          a_length, b_length: int; or arrays, or tensors.
          max_seq_length: int.
        """
        if self.objective == "none":
            b_is_right = b_length == 0
        else:
            b_is_right = b_length >= (0 if self.single_sentences else 1)
        room = self.max_tokens(max_seq_length)
        return (a_length > 0) & b_is_right & (a_length + b_length <= room)

    @classmethod
    def from_metadata(cls, path, metadata):
        """Reads it from the JSON beside records.

        Args:
          path: str, the JSON, for messages.
          metadata: dict, its value, which fits the schema.

        Returns:
          ``UnmaskedPairs``, or None for records that are masked already.

        Raises:
          UserError: something is missing, or an id is outside the vocabulary.
        """
        if metadata.get("masking") != DYNAMIC:
            return None
        try:
            return cls._from_metadata(metadata)
        except KeyError as error:
            raise UserError(
                f"{path} lacks {error.args[0]}, without which its records "
                "cannot be masked: restore it, or make the records again"
            ) from None
        except ValueError:
            raise UserError(
                f"{path} holds ids in 'pieces' that are not of its vocabulary "
                f"of {metadata['vocabulary']['size']:,}: restore it, or make "
                "the records again"
            ) from None

    @classmethod
    def _from_metadata(cls, metadata):
        settings, pieces = metadata["settings"], metadata["pieces"]
        vocabulary_size = metadata["vocabulary"]["size"]
        special_ids = {name: pieces[name] for name in _SPECIAL_IDS}
        if max(special_ids.values()) >= vocabulary_size:
            raise ValueError(special_ids)
        return cls(
            objective=settings["objective"],
            single_sentences=bool(settings.get("single_sentence_share")),
            masking=MaskingSettings(
                max_predictions_per_seq=metadata["max_predictions_per_seq"],
                masked_lm_prob=settings["masked_lm_prob"],
                ngram=settings["ngram"],
                favor_shorter_ngram=settings["favor_shorter_ngram"],
                whole_word=settings["do_whole_word_mask"],
                mask_replacement=settings.get(
                    "mask_replacement", ORIGINAL_REPLACEMENT
                ),
            ),
            vocabulary_size=vocabulary_size,
            replacement_ids=tuple(
                _parse_ranges(pieces["replacement_ids"], vocabulary_size)
            ),
            **special_ids,
        )


def describe_pieces(tokenizer):
    """Returns the entry "pieces" of the JSON: dict.

    Args:
      tokenizer: ``albert.text.tokenizers.TokenizerInterface``.
    """
    return {
        **{name: getattr(tokenizer, name) for name in _SPECIAL_IDS},
        "replacement_ids": _format_ranges(tokenizer.replacement_ids().tolist()),
    }


def token_dtype(vocabulary_size):
    """Returns the ``np.dtype`` of a token in a record."""
    return np.dtype("<i2" if vocabulary_size <= 1 << 15 else "<i4")


def make_tokens(word_start, vocabulary_size):
    """Returns the token of each id: ``token_dtype`` [ids].

    Args:
      word_start: bool [V], pieces that start a word; or [2 V], with the words
        of a segmenter (see ``albert.text.word_segmenters``).
      vocabulary_size: V.
    """
    dtype = token_dtype(vocabulary_size)
    pieces = np.arange(len(word_start)) % vocabulary_size
    return (pieces + word_start * np.iinfo(dtype).min).astype(dtype)


def pair_columns(pairs, ids, tokens, objective, generator):
    """Returns an array for each field of ``schema.unmasked_fields``.

    Args:
      pairs: ``albert.text.instances.SegmentPairs`` in their natural order.
      ids: integers [T], the flat ids that the pairs point into.
      tokens: see ``make_tokens``.
      objective: one of ``albert.text.instances.OBJECTIVES``.
      generator: ``np.random.Generator``, which identities are drawn from.
    """
    lengths = np.stack([pairs.a_length, pairs.b_length], axis=1)
    totals = lengths.sum(axis=1)
    position = np.arange(totals.max(initial=0))
    in_b = position >= pairs.a_length[:, None]
    first = np.where(
        in_b,
        (pairs.b_start - pairs.a_length)[:, None],
        pairs.a_start[:, None],
    )
    source = np.where(position < totals[:, None], first + position, 0)
    content = tokens[ids[source]].view(np.uint8)
    columns = {
        "tokens": ByteStrings(content, totals * tokens.itemsize),
        "segment_lengths": lengths,
        "identity": _draw_identities(len(pairs), generator),
    }
    if objective == "nsp":
        columns["next_sentence_labels"] = pairs.labels[:, None]
    return columns


def _draw_identities(count, generator):
    content = np.frombuffer(generator.bytes(count * _IDENTITY_BYTES), np.uint8)
    return ByteStrings(
        content.reshape(count, _IDENTITY_BYTES),
        np.full(count, _IDENTITY_BYTES),
    )


def _format_ranges(ids):
    """Returns ascending ids as a text: "5-7,9" for 5, 6, 7, 9."""
    ranges = []
    for each in ids:
        if ranges and each == ranges[-1][1] + 1:
            ranges[-1][1] = each
        else:
            ranges.append([each, each])
    return ",".join(
        f"{first}-{last}" if last > first else f"{first}"
        for first, last in ranges
    )


def _parse_ranges(text, vocabulary_size):
    """Returns the ids of ``_format_ranges``; ValueError for other texts."""
    ids = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found = range(int(first), int(last or first) + 1)
        if not found or not 0 <= found[0] <= found[-1] < vocabulary_size:
            raise ValueError(part)
        ids += found
        if len(ids) > vocabulary_size:
            raise ValueError(text)
    return ids
