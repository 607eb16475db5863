# SPDX-License-Identifier: Apache-2.0
"""Makes pretraining records (TFRecords) from plain text.

  albert create-pretraining-data \\
      --input_file='books/*.txt' --output_file=records/train.tfrecord \\
      --spm_model_file=vocabulary.model --num_shards=8 \\
      --max_seq_length=128 --max_predictions_per_seq=20 --dupe_factor=10

The text is one sentence a line with blank lines between documents, or prose
that is split into sentences (--sentence_splitting), of chapters or articles
(--document_separator). Flags that also exist in
google-research/albert create_pretraining_data.py mean the same here. The same
flags and text give the same bytes, whatever --num_workers is.
"""

import functools
import math
import os
import time

import numpy as np
from absl import logging

from albert import command_line
from albert import data_flags
from albert import processes
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.flag_parsers import LONGEST_SEQUENCE
from albert.flags import require
from albert.progress import show_progress
from albert.records import pretraining
from albert.records import pretraining_report
from albert.records.corpus_counts import CorpusCounts
from albert.records.metadata import metadata_path
from albert.records.unmasked_pairs import DYNAMIC
from albert.records.unmasked_pairs import MASKING_TIMES
from albert.records.writing import RecordSetWriter
from albert.records.writing import shard_names
from albert.text import compression
from albert.text import normalization_losses
from albert.text import token_cache
from albert.text.documents import DOCUMENT_SEPARATORS
from albert.text.documents import expand_files
from albert.text.documents import read_documents
from albert.text.instances import OBJECTIVES
from albert.text.instances import PairSettings
from albert.text.masking import MaskingSettings
from albert.text.selection import Selection
from albert.text.selection import open_listing
from albert.text.word_segmenters import NO_SEGMENTER
from albert.text.word_segmenters import WORD_SEGMENTERS
from albert.text.word_starts import WORD_START_RULES
from albert.vocabulary_flags import require_vocabulary
from albert.vocabulary_flags import vocabulary_file

# Bytes of text times passes: what is done while another process starts.
BYTES_PER_WORKER = 2_000_000


def define_flags(fv):
    """Defines this recipe's flags; the original's where it has them."""
    data_flags.define_text_flags(fv)
    data_flags.define_selection_flags(fv)
    data_flags.define_data_creation_flags(fv)
    data_flags.define_record_flags(fv)
    text = FlagGroup(fv, "Text")
    text.choice(
        "document_separator",
        "auto",
        list(DOCUMENT_SEPARATORS),
        "What ends documents besides article marks (<doc …>, = Title =): "
        "blank_line; chapter: headings, or three blank lines; file: nothing "
        "in a file; auto: decided by the layout.",
    )
    text.string(
        "sentence_splitter",
        "rules",
        "What splits prose into sentences: rules, or icu:LANGUAGE, such as "
        "icu:fr, which needs the extra icu.",
    )
    text.choice("input_file_mode", "r", ["r", "rb"], "Accepted, no effect.")
    text.real(
        "max_unknown_share",
        0.2,
        "Stop where more of the pieces are <unk>, of another language.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    instances = FlagGroup(fv, "Instances")
    instances.choice(
        "objective",
        "sop",
        list(OBJECTIVES),
        "sop: label 1 when two consecutive segments are swapped; nsp: when "
        "the second is from another document; none: one segment, label 0.",
    )
    instances.boolean(
        "random_next_sentence", False, "The same as --objective=nsp."
    )
    instances.boolean(
        "original_segment_pairs",
        False,
        "Cut the text as the original does: lengths tell the order, and the "
        "ends of long sentences are lost.",
    )
    instances.integer(
        "max_seq_length",
        512,
        "Tokens in a sequence.",
        lower_bound=4,
        upper_bound=LONGEST_SEQUENCE,
    )
    instances.real(
        "short_seq_prob",
        0.1,
        "Share of instances of a shorter length.",
        lower_bound=0.0,
        upper_bound=1.0,
    )
    instances.integer(
        "dupe_factor",
        None,
        "Passes over the text, each with other pairs. Default: 40; 1 with "
        "--masking=dynamic.",
        lower_bound=1,
        upper_bound=100_000,
    )
    masks = FlagGroup(fv, "Masks")
    masks.choice(
        "masking",
        MASKING_TIMES[0],
        list(MASKING_TIMES),
        "static: masks are in the records, others in each pass, as in the "
        "original; dynamic: records without masks, a quarter as large, which "
        "training masks anew in each epoch.",
    )
    masks.integer(
        "max_predictions_per_seq",
        20,
        "Most masked tokens a sequence.",
        lower_bound=1,
        upper_bound=LONGEST_SEQUENCE,
    )
    masks.real(
        "masked_lm_prob",
        0.15,
        "Share of the tokens that is masked.",
        lower_bound=1e-6,
        upper_bound=0.999,
    )
    masks.integer(
        "ngram",
        3,
        "Longest masked n-gram, in words.",
        lower_bound=1,
        upper_bound=100,
    )
    masks.boolean(
        "favor_shorter_ngram", True, "n-grams of n words have p(n) ~ 1/n."
    )
    masks.boolean("do_whole_word_mask", True, "Mask whole words.")
    masks.choice(
        "word_start_rule",
        "scripts",
        list(WORD_START_RULES),
        "scripts: letters continue a word in scripts with spaces, and in "
        "others each piece is a word, without ▁ before Chinese and Japanese "
        "sentences; original: letters a to z continue a word, ▁ before each "
        "sentence.",
    )
    masks.choice(
        "word_segmenter",
        NO_SEGMENTER,
        list(WORD_SEGMENTERS),
        "What finds words in scripts without spaces, to mask them whole: none, "
        "or jieba, for Chinese, which needs the extra jieba.",
    )
    masks.boolean("do_permutation", False, "Refused: see the error message.")
    files = FlagGroup(fv, "Files")
    files.files(
        "output_file",
        None,
        "TFRecord file, or a comma-separated list. Required.",
    )
    FlagGroup(fv, "Processes").integer(
        "num_workers",
        0,
        "0 takes every core.",
        lower_bound=0,
        upper_bound=1024,
    )


def main(fv):
    """Makes the records, and prints what they are like."""
    started = time.monotonic()
    num_workers = processes.check_number(fv.num_workers)
    settings = read_settings(fv)
    inputs = expand_files(fv.input_file)
    size = sum_of_sizes(inputs)
    if size is not None:
        needed = math.ceil(size * settings.dupe_factor / BYTES_PER_WORKER)
        num_workers = min(num_workers, max(1, needed))
    tokenizer = settings.tokenizer()
    encoder = settings.encoder(tokenizer)
    unknown_ids = np.flatnonzero(encoder.pieces_of_ids == tokenizer.unknown_id)
    unreachable = normalization_losses.describe_unreachable_pieces(tokenizer)
    if unreachable:
        logging.warning("%s", unreachable)
    with (
        processes.termination_as_interrupt(),
        open_listing(
            fv.left_out_file,
            "--left_out_file",
            fv.overwrite,
            [*inputs, settings.vocabulary_file],
            list_outputs(fv),
        ) as listing,
        RecordSetWriter(
            fv.output_file,
            fv.num_shards,
            fv.overwrite,
            inputs=[*inputs, settings.vocabulary_file],
        ) as writer,
        processes.ProcessPool(
            num_workers,
            functools.partial(pretraining.RecordMaker, settings),
        ) as pool,
        token_cache.TokenCacheWriter(
            writer.scratch, encoder.vocabulary_size
        ) as cache_writer,
    ):
        # ------------------------------------------------------ text → ids
        selection = Selection(data_flags.read_selection(fv), listing)
        corpus = CorpusCounts()
        with show_progress(
            "encoding", None if fv.text_field else size, "B", unit_scale=True
        ) as advance:

            def read_blocks():
                documents = read_documents(
                    inputs,
                    fv.sentence_splitting,
                    fv.document_separator,
                    fv.sentence_splitter,
                    text_field=fv.text_field,
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
            fv.max_unknown_share, fv.input_file, settings.vocabulary_file
        )
        if settings.pairs.objective == "nsp" and cache.num_documents < 2:
            raise UserError(
                f"{fv.input_file}: --objective=nsp needs two documents, "
                f"found {cache.num_documents}: put blank lines between "
                "documents, or use --objective=sop"
            )

        # --------------------------------------------------- ids → records
        statistics = pretraining.Statistics()
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
                    units = cache_writer.shuffled_units(
                        settings.generator(pass_index),
                        max_seq_length=settings.pairs.max_seq_length,
                    )
                    for unit_index, ranges, tokens in units:
                        yield pretraining.Unit(
                            cache, pass_index, unit_index, ranges
                        )
                        advance(tokens)

            for records in pool.map(
                pretraining.RecordMaker.make_records, list_units()
            ):
                first = statistics.instances % len(writer.files)
                for shard, (content, count) in enumerate(records.shards):
                    writer.write(
                        (first + shard) % len(writer.files), content, count
                    )
                statistics += records.statistics
                example = example or records.example
        if not statistics.instances:
            raise UserError(
                f"{fv.input_file}: no document has the two sentences that a "
                "pair of segments needs: take blank lines between the "
                "sentences of a text out, or give --objective=none"
            )
        metadata = pretraining_report.build_metadata(
            settings,
            tokenizer,
            corpus.as_dict(tokenizer),
            statistics,
            sum(writer.sizes),
            directory=os.path.dirname(writer.files[0]),
        )
        if selection.counts:
            metadata["left_out"] = selection.counts
        json_files = writer.commit(metadata)

    # ------------------------------------------------------------- summary
    written = writer.files[0]
    if writer.files[1:]:
        written = f"{len(writer.files)} record files"
    print(f"Wrote {written} and {json_files[0]}")
    print(
        pretraining_report.summarize(
            metadata, sum(writer.sizes), time.monotonic() - started
        )
    )
    for line in selection.summarize():
        print(f"  left out     {line}")
    for warning in pretraining_report.list_warnings(metadata):
        logging.warning("%s", warning)
    print("An instance, {what is hidden > what the model sees}:")
    print(f"  {pretraining_report.show_example(example, tokenizer)}")
    command = pretraining_report.next_command(
        metadata, writer.files, fv.output_file
    )
    if command:
        command_line.print_next(command)


def read_settings(fv):
    """Reads the ``PretrainingDataSettings`` from the flags."""
    require(fv, "input_file", "output_file")
    require_vocabulary(fv)
    if fv.do_permutation:
        raise UserError(
            "--do_permutation is not supported (the released models were "
            "trained without it): leave it out"
        )
    objective = fv.objective
    if fv.random_next_sentence:
        if fv["objective"].present and objective != "nsp":
            raise UserError(
                "--random_next_sentence means --objective=nsp, but "
                f"--objective={objective} is given: leave one of them out"
            )
        objective = "nsp"
    dynamic = fv.masking == DYNAMIC
    return pretraining.PretrainingDataSettings(
        vocabulary_file=vocabulary_file(fv),
        do_lower_case=fv.do_lower_case,
        strip_accents=fv.strip_accents,
        pairs=PairSettings(
            fv.max_seq_length,
            fv.short_seq_prob,
            objective,
            fv.original_segment_pairs,
        ),
        masking=MaskingSettings(
            fv.max_predictions_per_seq,
            fv.masked_lm_prob,
            fv.ngram,
            fv.favor_shorter_ngram,
            fv.do_whole_word_mask,
        ),
        dynamic_masking=dynamic,
        dupe_factor=fv.dupe_factor or (1 if dynamic else 40),
        random_seed=fv.random_seed,
        word_start_rule=fv.word_start_rule,
        word_segmenter=fv.word_segmenter,
        num_shards=len(shard_names(fv.output_file, fv.num_shards)),
        compression=fv.compression,
    )


def list_outputs(fv):
    """Returns the paths of the records, and of the JSON beside them."""
    return [
        *shard_names(fv.output_file, fv.num_shards),
        *map(metadata_path, fv.output_file.split(",")),
    ]


def sum_of_sizes(files):
    """Returns the bytes of text, or None where some are packed, or pipes."""
    if not all(map(os.path.isfile, files)) or any(
        map(compression.is_compressed, files)
    ):
        return None
    return sum(os.path.getsize(file) for file in files)


if __name__ == "__main__":
    command_line.run(main, define_flags)
