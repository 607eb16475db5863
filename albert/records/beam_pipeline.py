# SPDX-License-Identifier: Apache-2.0
"""Makes the shards of a set of pretraining records with Apache Beam.

An element of the pipeline is a shard: a worker fetches its files of text, makes
its records with the very function that makes them without Beam, and puts them
where they belong. So a shard is the same bytes on any runner, and one that is
there is not made again. Text and records may lie on any file system that Beam
knows.
"""

import contextlib
import dataclasses
import functools
import logging as python_logging
import os
import re
import tempfile

from absl import logging

from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.inputs import open_file
from albert.paths import is_address
from albert.processes import ProcessPool
from albert.records import beam_files
from albert.records import corpus_shards
from albert.records import merged_shards
from albert.records import pretraining_sets
from albert.records.metadata import metadata_path
from albert.records.metadata import read_metadata
from albert.records.pretraining import RecordMaker

# In what a runner says of an exception of a worker.
_ERROR_OF_WORKER = re.compile(r"UserError: (.*?)(?:\\n|\n|$)")
_WHERE = re.compile(r"\s*\[while running.*", re.DOTALL)
# They log the traceback of what the command says in a line.
_LOGGERS = ("apache_beam.runners", "apache_beam.io")


@dataclasses.dataclass(frozen=True)
class ShardWork:
    """What a worker is sent to make a shard.

    Attributes:
      shard: ``albert.records.corpus_shards.Shard``.
      description: dict of ``pretraining_sets.describe_shard``.
      settings: ``PretrainingDataSettings``.
      reading: ``ReadingSettings``.
      replaced: tuple of str, JSON files that are removed before its records
        appear.
    """

    shard: object
    description: dict
    settings: object
    reading: object
    replaced: tuple = ()


def make_shards(
    settings, reading, tokenizer, patterns, number, output_file, **options
):
    """Makes the shards of a set that are missing.

    Args:
      settings: ``PretrainingDataSettings``.
      reading: ``ReadingSettings``.
      tokenizer: of ``settings.tokenizer()``.
      patterns: list of str, paths or globs of the text.
      number: int, how many shards.
      output_file: str, name of the whole set.
      **options: runner, str; pipeline_options, list of str such as
        "direct_num_workers=4"; overwrite, bool.

    Returns:
      (list of ``Shard``, list of dict): the shards and the JSON of each.

    Raises:
      UserError: Beam or the runner is not there, a shard cannot be made, or
        what is there does not belong to this set.
    """
    pipeline_options = _read_options(
        options["runner"], options["pipeline_options"]
    )
    inputs, sizes = _list_inputs(patterns)
    shards = corpus_shards.divide(
        inputs, sizes, number, output_file, _open_text
    )
    describe = functools.partial(
        _describe, settings, reading, tokenizer, output_file
    )
    with open_file(settings.vocabulary_file) as stream:
        vocabulary = stream.read()
    overwrite = options["overwrite"]
    _refuse_other_number(shards[0])
    with _mirrored(shards) as mirror:
        missing = [
            shard
            for shard, here in mirror
            if not corpus_shards.is_made(here, describe(shard), overwrite)
        ]
        _refuse_others(
            missing, {s.index: here for s, here in mirror}, overwrite
        )
    with _mirrored_file(metadata_path(output_file)) as here:
        merged_shards.check_merged(here, shards, describe(shards[0]), overwrite)
    replaced = (metadata_path(output_file),) if overwrite else ()
    for shard in shards:
        if shard not in missing:
            print(f"{shard.output_file} is there already")
    if missing:
        logging.info("%d shards with %s", len(missing), options["runner"])
        _run(
            pipeline_options,
            [
                ShardWork(shard, describe(shard), settings, reading, replaced)
                for shard in missing
            ],
            vocabulary,
        )
    with _mirrored(shards) as mirror:
        of_shards = corpus_shards.read_shards(
            [here for _, here in mirror], describe
        )
    return shards, of_shards


def _list_inputs(names):
    """Returns the files of text and their sizes: two lists.

    Paths and patterns of paths mean what they mean without Beam, which would
    take other files for some of them.
    """
    addresses = list(filter(is_address, names))
    paths = [name for name in names if name not in addresses]
    found = {}
    if paths:
        inputs = expand_files(paths)
        sizes = corpus_shards.measure(inputs)
        found |= zip(inputs, sizes, strict=True)
    if addresses:
        with beam_files.explained():
            matches = beam_files.file_systems().match(addresses)
        for address, match in zip(addresses, matches, strict=True):
            if not match.metadata_list:
                raise UserError(f"{address}: no such file")
            found |= {
                each.path: _measure(each.path, each.size_in_bytes)
                for each in match.metadata_list
            }
    return list(found), list(found.values())


def _measure(address, size):
    """Returns the bytes of a file at an address as of a path: int."""
    if size > corpus_shards.LARGEST_BLANK:
        return size
    with tempfile.TemporaryDirectory() as folder:
        here = os.path.join(folder, "text")
        with beam_files.explained():
            beam_files.copy_in(address, here)
        with _renamed({here: address}):
            return corpus_shards.measure([here])[0]


def _open_text(path):
    return beam_files.open_bytes(path) if is_address(path) else open_file(path)


def _describe(settings, reading, tokenizer, output_file, shard):
    description = pretraining_sets.describe_shard(
        settings, reading, tokenizer, shard
    )
    if is_address(output_file):  # No path leads from there to here.
        description["vocabulary"]["model_file"] = None
    return description


@contextlib.contextmanager
def _mirrored(shards):
    """Mirrors shards at addresses in a local folder, as far as they are there.

    A context manager that gives a list of pairs: a shard, and itself in the
    folder. There are its JSON, and a file of the size of its records.
    """
    if not is_address(shards[0].output_file):
        yield [(shard, shard) for shard in shards]
        return
    files = beam_files.file_systems()
    with tempfile.TemporaryDirectory() as folder:
        mirror = []
        for shard in shards:
            name = os.path.basename(shard.output_file)
            here = dataclasses.replace(
                shard, output_file=os.path.join(folder, name)
            )
            mirror.append((shard, here))
            path = metadata_path(shard.output_file)
            with beam_files.explained():
                if not files.exists(path):
                    continue
                beam_files.copy_in(path, metadata_path(here.output_file))
                (match,) = files.match([shard.output_file])
            for each in match.metadata_list:
                with open(here.output_file, "wb") as stream:
                    stream.truncate(each.size_in_bytes)
        with _renamed({folder: os.path.dirname(shards[0].output_file)}):
            yield mirror


@contextlib.contextmanager
def _mirrored_file(path):
    """Mirrors a JSON that is there: a context manager that gives its path."""
    if not is_address(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        here = os.path.join(folder, os.path.basename(path))
        with beam_files.explained():
            if beam_files.file_systems().exists(path):
                beam_files.copy_in(path, here)
        with _renamed({folder: os.path.dirname(path)}):
            yield here


def _refuse_other_number(first):
    """Refuses files at addresses of the same name of another division."""
    if not is_address(first.output_file):
        return  # ``divide`` does.
    files = beam_files.file_systems()
    with beam_files.explained():
        folder, name = files.split(first.output_file)
        start = name.rsplit("-00000-of-", 1)[0]
        (match,) = files.match([files.join(folder, f"{start}-*")])
    corpus_shards.refuse_other_number(
        first.output_file, [each.path for each in match.metadata_list]
    )


def _refuse_others(missing, here_of, overwrite):
    """Refuses to write over what no earlier run of this command has made."""
    for shard in missing:
        json_file = metadata_path(shard.output_file)
        for name in (shard.output_file, json_file):
            with beam_files.explained():
                if not beam_files.file_systems().exists(name):
                    continue
            if not overwrite:
                raise UserError(
                    f"{name} exists, and is no shard of this set, or not a "
                    "whole one: choose another --output_file, or give "
                    "--overwrite"
                )
            if name == json_file:
                here = here_of[shard.index].output_file
                is_ours = read_metadata(metadata_path(here))
            else:
                is_ours = beam_files.begins_with_record(name)
            if not is_ours:
                raise UserError(
                    f"{name} exists and holds no records, so --overwrite does "
                    "not replace it: choose another --output_file"
                )


@contextlib.contextmanager
def _renamed(names):
    """Gives the paths in messages other names: dict of path to name."""
    try:
        yield
    except UserError as error:
        message = str(error)
        for path, name in names.items():
            message = message.replace(path, name)
        raise UserError(message) from None


def make_shard(work, vocabulary):
    """Makes one shard; in a worker.

    Args:
      work: ``ShardWork``.
      vocabulary: bytes of the file of the vocabulary, which workers on other
        machines do not have.
    """
    with tempfile.TemporaryDirectory() as folder:
        vocabulary_file = os.path.join(
            folder, os.path.basename(work.settings.vocabulary_file)
        )
        with open(vocabulary_file, "wb") as stream:
            stream.write(vocabulary)
        settings = dataclasses.replace(
            work.settings, vocabulary_file=vocabulary_file
        )
        names = {vocabulary_file: work.settings.vocabulary_file}
        inputs = []
        for index, path in enumerate(work.shard.inputs):
            here = path
            if not os.path.isfile(path):
                here = os.path.join(
                    folder, f"{index:06d}-{os.path.basename(path)}"
                )
                beam_files.copy_in(path, here)
            names[here] = path
            inputs.append(here)
        output = os.path.join(
            folder, "made", os.path.basename(work.shard.output_file)
        )
        own = metadata_path(work.shard.output_file)
        names |= {output: work.shard.output_file, metadata_path(output): own}
        maker = functools.partial(RecordMaker, settings)
        with _renamed(names), ProcessPool(1, maker) as pool:
            made = pretraining_sets.make_set(
                settings,
                work.reading,
                inputs,
                output,
                tokenizer=settings.tokenizer(),
                pool=pool,
                shard=work.shard,
                description=work.description,
            )
        # What has a JSON is complete.
        for path in (*work.replaced, own):
            beam_files.remove(path)
        beam_files.copy_out(output, work.shard.output_file)
        beam_files.copy_out(made.json_files[0], own)
    return work.shard.index


def write_merged(path, metadata, of_shards):
    """Writes the JSON of the whole set; see ``merged_shards.write_merged``."""
    with tempfile.TemporaryDirectory() as folder:
        here = os.path.join(folder, os.path.basename(path))
        merged_shards.write_merged(here, metadata, of_shards)
        beam_files.copy_out(here, path)


def _run(pipeline_options, works, vocabulary):
    import apache_beam

    for name in _LOGGERS:
        python_logging.getLogger(name).setLevel(python_logging.CRITICAL)
    try:
        with apache_beam.Pipeline(options=pipeline_options) as pipeline:
            (
                pipeline
                | "shards" >> apache_beam.Create(works)
                | "spread" >> apache_beam.Reshuffle()
                | "make records" >> apache_beam.Map(make_shard, vocabulary)
            )
    except Exception as error:
        # Runners raise what they like, with the worker's exception in it.
        text = _WHERE.sub("", str(error)).strip()
        found = _ERROR_OF_WORKER.search(text)
        reason = found[1] if found else (text.splitlines() or [repr(error)])[-1]
        raise UserError(
            f"{reason} (the same command goes on with the shards that are "
            "missing)"
        ) from error


def _read_options(runner, names):
    beam_files.file_systems()
    from apache_beam.options.pipeline_options import PipelineOptions

    return PipelineOptions(
        [f"--runner={runner}", *(f"--{name}" for name in names or ())]
    )
