# SPDX-License-Identifier: Apache-2.0
"""Makes a set of pretraining records: text to ids, and ids to records."""

import dataclasses
import os
import shutil
import time

import numpy as np
from absl import logging

from albert.errors import UserError
from albert.inputs import check_all_same
from albert.inputs import identify_all
from albert.progress import show_progress
from albert.records import corpus_shards
from albert.records import merged_shards
from albert.records import pretraining
from albert.records import pretraining_report
from albert.records.corpus_counts import CorpusCounts
from albert.records.instance_statistics import Statistics
from albert.records.writing import RecordSetWriter
from albert.text import compression
from albert.text import token_cache
from albert.text.documents import read_documents
from albert.text.selection import Selection
from albert.text.selection import SelectionSettings

# Bytes on the disk for each byte of text, in English with a vocabulary of
# 30,000 pieces; of the records, for each pass, with masks and without.
_IDS_SHARE = 0.6
_RECORDS_SHARE = {"": 2.0, "GZIP": 0.5}
_UNMASKED_RECORDS_SHARE = {"": 0.65, "GZIP": 0.45}


@dataclasses.dataclass(frozen=True)
class ReadingSettings:
    """Settings that decide how text is read.

    Attributes:
      sentence_splitting, document_separator, sentence_splitter, text_field: as
        of ``albert.text.documents.read_documents``.
      max_unknown_share: float, the largest share of unknown pieces.
      selection: ``SelectionSettings``.
    """

    sentence_splitting: str = "auto"
    document_separator: str = "auto"
    sentence_splitter: str = "rules"
    text_field: str | None = None
    max_unknown_share: float = 0.2
    selection: SelectionSettings = SelectionSettings()


@dataclasses.dataclass(frozen=True)
class MadeSet:
    """What ``make_set`` made.

    Attributes:
      metadata: dict, the JSON beside the records, without the list of files.
      files, json_files: lists of str.
      size: int, bytes of records.
      seconds: float, how long it took.
      example: dict of the arrays of one instance.
      left_out: list of str, lines that say what was left out of the text.
    """

    metadata: dict
    files: list
    json_files: list
    size: int
    seconds: float
    example: dict
    left_out: list


def make_set(
    settings,
    reading,
    inputs,
    output_file,
    *,
    tokenizer,
    pool,
    shard=None,
    description=None,
    merged=None,
    num_shards=1,
    overwrite=False,
    listing=None,
):
    """Makes a set of records, or one shard of it, and the JSON beside them.

    Args:
      settings: ``PretrainingDataSettings``.
      reading: ``ReadingSettings``.
      inputs: list of str, the files of text.
      output_file, num_shards: as of ``RecordSetWriter``.
      tokenizer: of ``settings.tokenizer()``.
      pool: ``ProcessPool`` of ``RecordMaker``.
      shard, description: ``Shard`` and the result of ``describe_shard``, or
        None.
      merged: str, the JSON of the whole set of the shard, which is removed
        before its records appear; or None.
      overwrite: bool, whether a set that is there is replaced.
      listing: stream for what is left out, or None.

    Returns:
      ``MadeSet``.

    Raises:
      UserError: the text cannot be read or is of no use, or the records
        cannot be written.
    """
    started = time.monotonic()
    identities = identify_all(inputs)
    identity = (shard.index, shard.number) if shard else ()
    text = ",".join(inputs[:3]) + ",…" * (len(inputs) > 3)
    size = sum_of_sizes(inputs)
    _say_space(settings, tokenizer.vocabulary_size, size, output_file)
    encoder = settings.encoder(tokenizer)
    unknown_ids = np.flatnonzero(encoder.pieces_of_ids == tokenizer.unknown_id)
    with (
        RecordSetWriter(
            output_file,
            num_shards,
            overwrite,
            inputs=[*inputs, settings.vocabulary_file],
        ) as writer,
        token_cache.TokenCacheWriter(
            writer.scratch, encoder.vocabulary_size
        ) as cache_writer,
    ):
        # ------------------------------------------------------ text → ids
        selection = Selection(reading.selection, listing)
        corpus = CorpusCounts()
        with show_progress(
            "encoding",
            None if reading.text_field else size,
            "B",
            unit_scale=True,
        ) as advance:

            def read_blocks():
                documents = read_documents(
                    inputs,
                    reading.sentence_splitting,
                    reading.document_separator,
                    reading.sentence_splitter,
                    text_field=reading.text_field,
                    selection=selection,
                )
                for block in token_cache.group_documents(documents):
                    advance(corpus.add_text(block, tokenizer.kind))
                    yield block

            for encoded in pool.map(
                pretraining.RecordMaker.encode, read_blocks()
            ):
                cache_writer.append(encoded)
                corpus.add_tokens(encoded, unknown_ids)
        cache = cache_writer.finish()
        corpus.refuse_unknown(
            reading.max_unknown_share, text, settings.vocabulary_file
        )
        if settings.pairs.objective == "nsp" and cache.num_documents < 2:
            raise UserError(
                f"{text}: --objective=nsp needs two documents, "
                f"found {cache.num_documents}: put blank lines between "
                "documents, or use --objective=sop"
            )

        # --------------------------------------------------- ids → records
        statistics = Statistics()
        example = None
        with show_progress(
            "masking and writing"
            + f" in {settings.dupe_factor} passes" * (settings.dupe_factor > 1),
            settings.dupe_factor * corpus.tokens,
            "tokens",
            unit_scale=True,
        ) as advance:

            def list_units():
                for pass_index in range(settings.dupe_factor):
                    of_pass = (*identity, pass_index)
                    units = cache_writer.shuffled_units(
                        settings.generator(*of_pass),
                        max_seq_length=settings.pairs.max_seq_length,
                    )
                    for unit_index, ranges, tokens in units:
                        yield pretraining.Unit(
                            cache, (*of_pass, unit_index), ranges
                        )
                        advance(tokens)

            for records in pool.map(
                pretraining.RecordMaker.make_records, list_units()
            ):
                first = statistics.instances % len(writer.files)
                for index, (content, count) in enumerate(records.shards):
                    writer.write(
                        (first + index) % len(writer.files), content, count
                    )
                statistics += records.statistics
                example = example or records.example
        if not statistics.instances:
            raise UserError(
                f"{text}: no document has the two sentences that a "
                "pair of segments needs: take blank lines between the "
                "sentences of a text out, or give --objective=none"
            )
        metadata = pretraining_report.build_metadata(
            settings,
            tokenizer,
            corpus,
            statistics,
            sum(writer.sizes),
            directory=os.path.dirname(writer.files[0]),
        )
        if selection.counts:
            metadata["left_out"] = selection.counts
        if shard:
            metadata |= description
            metadata["counts"] = {
                "corpus": corpus.counts(),
                "statistics": statistics.counts(),
            }
            corpus_shards.refuse_changed_text(shard, inputs)
        else:
            check_all_same(identities)
        selection.warn(text)
        if merged:
            merged_shards.remove_merged(merged)
        json_files = writer.commit(metadata)

    return MadeSet(
        metadata,
        writer.files,
        json_files,
        sum(writer.sizes),
        time.monotonic() - started,
        example,
        selection.summarize(),
    )


def describe_shard(settings, reading, tokenizer, shard):
    """Returns what the JSON of a shard says besides what was counted: dict."""
    return {
        **pretraining_report.describe_settings(
            settings, tokenizer, os.path.dirname(shard.output_file)
        ),
        "reading": {
            name: value
            for name, value in dataclasses.asdict(reading).items()
            if name != "max_unknown_share"  # No record depends on it.
        },
        "shard": shard.description(),
    }


def sum_of_sizes(files):
    """Returns the bytes of text, or None where some are packed, or pipes."""
    if not all(map(os.path.isfile, files)) or any(
        map(compression.is_compressed, files)
    ):
        return None
    return sum(os.path.getsize(file) for file in files)


def _say_space(settings, vocabulary_size, size, output_file):
    """Says how much disk a set takes, and warns where there is less."""
    if size is None:
        logging.info(
            "how much disk the records take is not known before the text is "
            "unpacked"
        )
        return
    ids, share = _IDS_SHARE * size, _RECORDS_SHARE[settings.compression]
    if vocabulary_size > 1 << 16:
        ids *= 2
    if settings.dynamic_masking:
        share = _UNMASKED_RECORDS_SHARE[settings.compression]
        if vocabulary_size > 1 << 15:
            share *= 2
    records = share * size * settings.dupe_factor
    folder = os.path.dirname(os.path.abspath(output_file))
    free = _free_space(folder)
    needs = (
        f"about {_megabytes(records)} of records and, meanwhile, "
        f"{_megabytes(ids)} of ids"
    )
    if ids + records > free:
        logging.warning(
            "%s has %s of free space, and this may take %s",
            folder,
            _megabytes(free),
            needs,
        )
    else:
        logging.info("writing %s", needs)


def _free_space(path):
    """Returns the bytes that are free where a path is, or will be: int."""
    while not os.path.exists(path):
        path = os.path.dirname(path)
    return shutil.disk_usage(path).free


def _megabytes(size):
    return f"{size / 1e6:,.{0 if size >= 1e7 else 1}f} MB"
