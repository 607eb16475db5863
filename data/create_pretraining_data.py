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
from albert import pretraining_data_flags
from albert import processes
from albert import shard_flags
from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.paths import is_address
from albert.paths import split_paths
from albert.records import corpus_shards
from albert.records import merged_shards
from albert.records import pretraining
from albert.records import pretraining_report
from albert.records import pretraining_sets
from albert.records import pretraining_warnings
from albert.records.metadata import metadata_path
from albert.records.writing import shard_names
from albert.text import normalization_losses
from albert.text.selection import open_listing

# Bytes of text times passes: what is done while another process starts.
BYTES_PER_WORKER = 2_000_000


define_flags = pretraining_data_flags.define_flags


def main(fv):
    """Makes the records, and prints what they are like."""
    num_workers = processes.check_number(fv.num_workers)
    settings, reading = pretraining_data_flags.read_settings(fv)
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
