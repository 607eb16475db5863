# SPDX-License-Identifier: Apache-2.0
"""Turns text into pretraining records: the work of one process.

There are two kinds of work: encoding documents, once for each block of the
corpus, and making serialised records of the ids, once for each unit and pass.
The records of a unit depend on the settings, the seed, and the indices of pass
and unit, and so not on the process that makes them.
"""

import dataclasses
import gzip

import numpy as np

from albert.errors import UserError
from albert.records.instance_statistics import Statistics
from albert.records.schema import PretrainingSchema
from albert.records.schema import unmasked_fields
from albert.records.serialization import encode_records
from albert.records.surface_features import SurfaceSample
from albert.records.surface_features import ends_in_punctuation
from albert.records.unmasked_pairs import make_tokens
from albert.records.unmasked_pairs import pair_columns
from albert.text.instances import SPECIAL_TOKENS
from albert.text.instances import PairSettings
from albert.text.instances import assemble
from albert.text.instances import pair_segments
from albert.text.masking import MASK_REPLACEMENTS
from albert.text.masking import MaskingPieces
from albert.text.masking import MaskingSettings
from albert.text.masking import mask_instances
from albert.text.token_cache import encode_documents
from albert.text.tokenizers import load_tokenizer
from albert.text.word_segmenters import NO_SEGMENTER
from albert.text.word_segmenters import WordEncoder
from albert.text.word_segmenters import find_segmenter

COMPRESSIONS = ("", "GZIP")
# Level 6 makes the files 3% smaller than level 3 and takes twice as long.
_GZIP_LEVEL = 3
# Instances of a unit whose surface is looked at.
_SURFACE_SAMPLE = 2000
# Instances of a unit that are masked, if training will mask them, to tell what
# the masks will be like.
_MASKED_SAMPLE = 256


@dataclasses.dataclass(frozen=True)
class PretrainingDataSettings:
    """Settings that decide which records are made from a text.

    Attributes:
      vocabulary_file: path of the SentencePiece model or the WordPiece
        vocabulary.
      do_lower_case, strip_accents: settings of the tokenizer.
      pairs: ``albert.text.instances.PairSettings``.
      masking: ``albert.text.masking.MaskingSettings``.
      dynamic_masking: whether unmasked segment pairs are written, which are
        masked while a model is trained: ``albert.records.unmasked_pairs``.
      dupe_factor: passes over the text, each with other pairs and masks.
      random_seed: int, at least 0.
      word_start_rule: "scripts" or "original", which pieces start a word,
        and whether Chinese and Japanese sentences begin with "▁" inside a
        document; see ``albert.text.word_starts``.
      word_segmenter: "none" or "jieba", what finds words in scripts without
        spaces; see ``albert.text.word_segmenters``.
      num_shards: files that the records are spread over.
      compression: "" or "GZIP".
    """

    vocabulary_file: str
    do_lower_case: bool = True
    strip_accents: bool = True
    pairs: PairSettings = PairSettings()
    masking: MaskingSettings = MaskingSettings()
    dynamic_masking: bool = False
    dupe_factor: int = 40
    random_seed: int = 12345
    word_start_rule: str = "scripts"
    word_segmenter: str = NO_SEGMENTER
    num_shards: int = 1
    compression: str = ""

    def __post_init__(self):
        """Refuses settings that cannot work."""
        length = self.pairs.max_seq_length
        predictions = self.masking.max_predictions_per_seq
        # One token in each segment, and a choice of lengths to draw from.
        shortest = SPECIAL_TOKENS[self.pairs.objective] + 2
        if length < shortest:
            raise UserError(
                f"--max_seq_length must be at least {shortest} with "
                f"--objective={self.pairs.objective}, not {length}"
            )
        if not 1 <= predictions <= length:
            raise UserError(
                "--max_predictions_per_seq must be from 1 to "
                f"--max_seq_length ({length}), not {predictions}"
            )
        if not 0 < self.masking.masked_lm_prob < 1:
            raise UserError(
                "--masked_lm_prob must be between 0 and 1, not "
                f"{self.masking.masked_lm_prob}"
            )
        if self.masking.mask_replacement not in MASK_REPLACEMENTS:
            raise UserError(
                "--mask_replacement must be one of "
                f"{', '.join(MASK_REPLACEMENTS)}, not "
                f"{self.masking.mask_replacement}"
            )
        if not 0 <= self.pairs.short_seq_prob <= 1:
            raise UserError(
                "--short_seq_prob must be from 0 to 1, not "
                f"{self.pairs.short_seq_prob}"
            )
        share = self.pairs.single_sentence_share
        if share and self.pairs.objective != "sop":
            raise UserError(
                f"--single_sentence_share={share:g} is for --objective=sop, "
                f"not {self.pairs.objective}: leave it out"
            )
        if not 0 <= share < 1:
            raise UserError(
                "--single_sentence_share must be from 0 to below 1, not "
                f"{share:g}"
            )
        for name, value, smallest in (
            ("ngram", self.masking.ngram, 1),
            ("dupe_factor", self.dupe_factor, 1),
            ("random_seed", self.random_seed, 0),
        ):
            if value < smallest:
                raise UserError(
                    f"--{name} must be at least {smallest}, not {value}"
                )

    @property
    def fields(self):
        """The ``albert.records.schema.Field``s of the records."""
        if self.dynamic_masking:
            return unmasked_fields(self.pairs.objective)
        return PretrainingSchema(
            self.pairs.max_seq_length, self.masking.max_predictions_per_seq
        ).fields

    def tokenizer(self):
        """Returns the tokenizer; raises UserError where it cannot."""
        return load_tokenizer(
            self.vocabulary_file,
            lower_case=self.do_lower_case,
            strip_accents=self.strip_accents,
        )

    def encoder(self, tokenizer):
        """Returns the ``WordEncoder`` around a tokenizer of ``tokenizer()``.

        Raises:
          UserError: the segmenter is not installed.
        """
        return WordEncoder(
            tokenizer,
            tokenizer.word_start_table(self.word_start_rule),
            find_segmenter(self.word_segmenter),
        )

    def generator(self, *identity):
        """Returns the random generator of a pass, or of a unit in a pass.

        Args:
          *identity: int, see ``Unit``; without its index for a pass.
        """
        return np.random.Generator(
            np.random.PCG64(
                np.random.SeedSequence(self.random_seed, spawn_key=identity)
            )
        )


@dataclasses.dataclass(frozen=True)
class Unit:
    """Piece of work: some blocks of the corpus, in one pass.

    Attributes:
      cache: ``albert.text.token_cache.TokenCache``.
      identity: tuple of int, its own in all of the work: the indices of pass
        and unit, after those of the shard, where the work is divided.
      ranges: list of (first, end) document indices.
    """

    cache: object
    identity: tuple
    ranges: list


@dataclasses.dataclass(frozen=True)
class UnitRecords:
    """Records of a unit.

    Attributes:
      shards: list of num_shards (bytes, number of records): every
        num_shards-th record from the first on, from the second on, ...
      statistics: ``Statistics``.
      example: dict of the first instance's arrays, or None without any.
    """

    shards: list
    statistics: Statistics
    example: dict | None


class RecordMaker:
    """Maker of records; each process has one."""

    def __init__(self, settings):
        """Loads the tokenizer and its tables.

        Args:
          settings: ``PretrainingDataSettings``.

        Raises:
          UserError: see ``load_tokenizer`` and ``find_segmenter``.
        """
        self.settings = settings
        self.tokenizer = settings.tokenizer()
        self._encoder = settings.encoder(self.tokenizer)
        self._special_ids = (
            self.tokenizer.pad_id,
            self.tokenizer.cls_id,
            self.tokenizer.sep_id,
        )
        self._is_punctuation = ends_in_punctuation(self.tokenizer.pieces)[
            self._encoder.pieces_of_ids
        ]
        self._tokens = make_tokens(
            self._encoder.word_start, self.tokenizer.vocabulary_size
        )
        self._pieces = MaskingPieces(
            mask_id=self.tokenizer.mask_id,
            replacement_ids=self.tokenizer.replacement_ids(),
        )

    def encode(self, documents):
        """Encodes a list of lists of str as ``TokenizedDocuments``."""
        before = self._encoder.unknown_characters
        tokenized = encode_documents(
            self._encoder,
            documents,
            mark_every_sentence=self.settings.word_start_rule == "original",
        )
        return dataclasses.replace(
            tokenized,
            unknown_characters=self._encoder.unknown_characters - before,
        )

    def make_records(self, unit):
        """Makes the ``UnitRecords`` of a ``Unit``."""
        settings = self.settings
        generator = settings.generator(*unit.identity)
        with unit.cache.open() as reader:
            documents, indices = reader.read_documents(unit.ranges)
            foreign = _ForeignText(
                reader, indices, len(documents.ids), generator
            )
            pairs, dropped = pair_segments(
                documents,
                self._encoder.word_start,
                settings.pairs,
                generator,
                foreign.draw if settings.pairs.objective == "nsp" else None,
            )
        pairs = pairs.take(generator.permutation(len(pairs)))
        ids = np.concatenate([documents.ids, *foreign.slices])
        dynamic = settings.dynamic_masking
        instances = assemble(
            pairs.take(slice(_MASKED_SAMPLE)) if dynamic else pairs,
            ids,
            settings.pairs.max_seq_length,
            self._special_ids,
            self._encoder.word_start,
            self.tokenizer.vocabulary_size,
        )
        masked = mask_instances(
            instances, settings.masking, self._pieces, generator
        )
        columns = _columns(instances, masked)
        return UnitRecords(
            shards=self._serialize_shards(
                self._unmasked_columns(pairs, ids, generator)
                if dynamic
                else columns
            ),
            statistics=dataclasses.replace(
                self._count(pairs, instances, masked),
                dropped_documents=dropped,
                text_tokens=len(documents.ids),
                used_tokens=pairs.count_used(len(documents.ids)),
                surface=self._sample_surface(pairs, ids),
            ),
            example={name: values[0] for name, values in columns.items()}
            if len(pairs)
            else None,
        )

    def _unmasked_columns(self, pairs, ids, generator):
        """Returns the columns of records that are masked while training."""
        objective = self.settings.pairs.objective
        if objective == "sop":
            pairs = pairs.swap(pairs.labels == 1)  # as they were in the text
        return pair_columns(pairs, ids, self._tokens, objective, generator)

    def _serialize_shards(self, columns):
        """Serialises the records of each shard: every num_shards-th one."""
        num_records = len(next(iter(columns.values())))
        num_shards = self.settings.num_shards
        order = np.argsort(np.arange(num_records) % num_shards, kind="stable")
        flat, offsets = encode_records(
            {name: values[order] for name, values in columns.items()},
            self.settings.fields,
        )
        shards = []
        first = 0
        for shard in range(num_shards):
            end = first + len(range(shard, num_records, num_shards))
            content = flat[offsets[first] : offsets[end]].tobytes()
            if content and self.settings.compression == "GZIP":
                # Gzip files may be joined; without a time of day in them
                # the same records are the same bytes.
                content = gzip.compress(content, _GZIP_LEVEL, mtime=0)
            shards.append((content, end - first))
            first = end
        return shards

    def _sample_surface(self, pairs, ids):
        if self.settings.pairs.objective == "none":
            return SurfaceSample()
        return SurfaceSample.of_pairs(
            pairs.take(pairs.have_two).take(slice(_SURFACE_SAMPLE)),
            ids,
            self._encoder.word_start,
            self._is_punctuation,
        )

    def _count(self, pairs, instances, masked):
        objective = self.settings.pairs.objective
        alone = 0 if objective == "none" else ~pairs.have_two
        lengths = pairs.a_length + pairs.b_length
        lengths += SPECIAL_TOKENS[objective] - alone
        budgets = self.settings.masking.budgets(instances.lengths)
        return Statistics(
            instances=len(lengths),
            tokens=int(lengths.sum()),
            full=int((lengths == self.settings.pairs.max_seq_length).sum()),
            label_ones=int(pairs.labels.sum()),
            single_sentences=int(np.sum(alone)),
            inspected=len(instances.lengths),
            inspected_tokens=int(instances.lengths.sum()),
            masked=int(masked.replacement_counts.sum()),
            budget=int(budgets.sum()),
            span_counts=masked.span_counts,
            replacement_counts=masked.replacement_counts,
        )


class _ForeignText:
    """Slices of other documents, placed as if appended to the unit's ids."""

    def __init__(self, reader, document_indices, first_token, generator):
        self.slices = []
        self._reader = reader
        self._document_indices = document_indices
        self._next_token = first_token
        self._generator = generator

    def draw(self, document, wanted_tokens):
        """Draws a slice of another document; see ``pair_segments``."""
        ids = self._reader.read_random_slice(
            int(self._document_indices[document]),
            wanted_tokens,
            self._generator,
        )
        start = self._next_token
        self.slices.append(ids)
        self._next_token += len(ids)
        return start, len(ids)


def _columns(instances, masked):
    """Returns an array for each field of the schema."""
    seq_length = instances.input_ids.shape[1]
    return {
        "input_ids": masked.input_ids,
        "input_mask": np.arange(seq_length) < instances.lengths[:, None],
        "segment_ids": instances.segment_ids,
        "token_boundary": instances.token_boundary,
        "masked_lm_positions": masked.masked_lm_positions,
        "masked_lm_ids": masked.masked_lm_ids,
        "masked_lm_weights": masked.masked_lm_weights,
        "next_sentence_labels": instances.labels[:, None],
    }
