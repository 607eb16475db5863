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

from absl import logging

from albert import command_line
from albert import data_flags
from albert import processes
from albert import shard_flags
from albert.errors import UserError
from albert.flag_groups import FlagGroup
from albert.flag_parsers import LONGEST_SEQUENCE
from albert.flags import require
from albert.paths import is_address
from albert.paths import split_paths
from albert.records import corpus_shards
from albert.records import merged_shards
from albert.records import pretraining
from albert.records import pretraining_report
from albert.records import pretraining_sets
from albert.records import pretraining_warnings
from albert.records.metadata import metadata_path
from albert.records.unmasked_pairs import DYNAMIC
from albert.records.unmasked_pairs import MASKING_TIMES
from albert.records.writing import shard_names
from albert.text import normalization_losses
from albert.text.documents import DOCUMENT_SEPARATORS
from albert.text.documents import expand_files
from albert.text.instances import OBJECTIVES
from albert.text.instances import PairSettings
from albert.text.masking import MASK_REPLACEMENTS
from albert.text.masking import ORIGINAL_REPLACEMENT
from albert.text.masking import MaskingSettings
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
    data_flags.define_text_flags(fv, addresses=True)
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
        "mask_replacement",
        ORIGINAL_REPLACEMENT,
        list(MASK_REPLACEMENTS),
        "What masked tokens become: 80-10-10: [MASK] of 80%, a random piece of "
        "10%, and 10% stay, as in the original; mask: all become [MASK].",
    )
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
        addresses=True,
    )
    shard_flags.define_shard_flags(fv)
    FlagGroup(fv, "Processes").integer(
        "num_workers",
        0,
        "0 takes every core.",
        lower_bound=0,
        upper_bound=1024,
    )


def main(fv):
    """Makes the records, and prints what they are like."""
    num_workers = processes.check_number(fv.num_workers)
    settings, reading = read_settings(fv)
    which, number = shard_flags.find_shard(fv)
    tokenizer = settings.tokenizer()
    unreachable = normalization_losses.describe_unreachable_pieces(tokenizer)
    if unreachable:
        logging.warning("%s", unreachable)
    if fv.runner:
        from albert.records import beam_pipeline

        shards, of_shards = beam_pipeline.make_shards(
            settings,
            reading,
            tokenizer,
            split_paths(fv.input_file),
            number,
            fv.output_file,
            runner=fv.runner,
            pipeline_options=fv.pipeline_options,
            overwrite=fv.overwrite,
        )
        merge(fv, settings, tokenizer, shards, of_shards)
        return

    inputs = expand_files(fv.input_file)
    if which == corpus_shards.MERGE:
        num_workers = 1
    shards = []
    if number:
        sizes = corpus_shards.measure(inputs)
        shards = corpus_shards.divide(inputs, sizes, number, fv.output_file)
    size = pretraining_sets.sum_of_sizes(inputs)
    if size is not None:
        needed = math.ceil(size * settings.dupe_factor / BYTES_PER_WORKER)
        num_workers = min(num_workers, max(1, needed))
    describe = functools.partial(
        pretraining_sets.describe_shard, settings, reading, tokenizer
    )
    open_left_out = functools.partial(
        open_listing,
        fv.left_out_file,
        "--left_out_file",
        fv.overwrite,
        [*inputs, settings.vocabulary_file],
        list_outputs(fv),
    )
    with (
        processes.termination_as_interrupt(),
        processes.ProcessPool(
            num_workers,
            functools.partial(pretraining.RecordMaker, settings),
        ) as pool,
    ):
        make = functools.partial(
            pretraining_sets.make_set,
            settings,
            reading,
            tokenizer=tokenizer,
            pool=pool,
            overwrite=fv.overwrite,
        )
        if not shards:
            with open_left_out() as listing:
                made = make(
                    inputs,
                    fv.output_file,
                    num_shards=fv.num_shards,
                    listing=listing,
                )
            print_summary(made)
            print("An instance, {what is hidden > what the model sees}:")
            example = pretraining_report.show_example(made.example, tokenizer)
            print(f"  {example}")
            print_next(fv, made.metadata, made.files)
            return
        for shard in shards:
            if which not in (shard.index, corpus_shards.ALL):
                continue
            description = describe(shard)
            is_made = corpus_shards.is_made(shard, description, fv.overwrite)
            # With --overwrite, one that is asked for by its number is made
            # again in any case.
            if is_made and not (fv.overwrite and which == shard.index):
                if fv.left_out_file and not os.path.exists(fv.left_out_file):
                    raise UserError(
                        f"{shard.output_file} is there already, and "
                        f"{fv.left_out_file} is not: give --overwrite, which "
                        "makes both, or leave --left_out_file out"
                    )
                print(f"{shard.output_file} is there already")
                continue
            merged = metadata_path(fv.output_file)
            merged_shards.check_merged(
                merged, shards, description, fv.overwrite
            )
            with open_left_out() as listing:
                made = make(
                    shard.inputs,
                    shard.output_file,
                    shard=shard,
                    description=description,
                    merged=merged if fv.overwrite else None,
                    listing=listing,
                )
            print_summary(made)
    if which in (corpus_shards.ALL, corpus_shards.MERGE):
        of_shards = corpus_shards.read_shards(shards, describe)
        merge(fv, settings, tokenizer, shards, of_shards)


def merge(fv, settings, tokenizer, shards, of_shards):
    """Writes the JSON of the whole set, and prints what the set is like."""
    path = metadata_path(fv.output_file)
    metadata = pretraining_report.merge_metadata(
        settings, tokenizer, of_shards, os.path.dirname(path)
    )
    if is_address(path):
        from albert.records import beam_pipeline

        # No path leads from there to here.
        metadata["vocabulary"]["model_file"] = None
        beam_pipeline.write_merged(path, metadata, of_shards)
    else:
        merged_shards.write_merged(path, metadata, of_shards, fv.overwrite)
    print(f"Wrote {path} of {len(shards)} shards")
    size = sum(each["files"][0]["bytes"] for each in of_shards)
    print(pretraining_report.summarize(metadata, size))
    for warning in pretraining_warnings.list_warnings(metadata):
        logging.warning("%s", warning)
    if not is_address(path):
        print_next(fv, metadata, [shard.output_file for shard in shards])


def print_summary(made):
    """Prints what a ``MadeSet`` is like, and its warnings."""
    written = made.files[0]
    if made.files[1:]:
        written = f"{len(made.files)} record files"
    print(f"Wrote {written} and {made.json_files[0]}")
    print(pretraining_report.summarize(made.metadata, made.size, made.seconds))
    for line in made.left_out:
        print(f"  left out     {line}")
    for warning in pretraining_warnings.list_warnings(made.metadata):
        logging.warning("%s", warning)


def print_next(fv, metadata, files):
    """Prints the command that tries a training on the records."""
    command = pretraining_report.next_command(metadata, files, fv.output_file)
    if command:
        command_line.print_next(command)


def read_settings(fv):
    """Reads ``PretrainingDataSettings`` and ``ReadingSettings``."""
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
    settings = pretraining.PretrainingDataSettings(
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
            fv.mask_replacement,
        ),
        dynamic_masking=dynamic,
        dupe_factor=fv.dupe_factor or (1 if dynamic else 40),
        random_seed=fv.random_seed,
        word_start_rule=fv.word_start_rule,
        word_segmenter=fv.word_segmenter,
        # A shard of the work is one file.
        num_shards=1
        if fv.shard
        else len(shard_names(fv.output_file, fv.num_shards)),
        compression=fv.compression,
    )
    reading = pretraining_sets.ReadingSettings(
        sentence_splitting=fv.sentence_splitting,
        document_separator=fv.document_separator,
        sentence_splitter=fv.sentence_splitter,
        text_field=fv.text_field,
        max_unknown_share=fv.max_unknown_share,
        selection=data_flags.read_selection(fv),
    )
    return settings, reading


def list_outputs(fv):
    """Returns the paths of the records, and of the JSON beside them."""
    num_shards = fv.num_shards
    if fv.shard:
        _, num_shards = corpus_shards.parse_shard_flag(fv.shard)
    return [
        *shard_names(fv.output_file, num_shards),
        *map(metadata_path, fv.output_file.split(",")),
    ]


if __name__ == "__main__":
    command_line.run(main, define_flags)
