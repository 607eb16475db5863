# SPDX-License-Identifier: Apache-2.0
"""Turns texts into vectors, and measures how well these tell likeness.

    albert embed MODEL --input_file=sentences.txt --output_file=vectors.npy

The vectors are in the order of the texts, a row for each. Texts are read and
vectors written as they come, so that the memory does not grow with their
number.

How far the vectors agree with people, without any training, on pairs such as
those of STS-B:

    albert embed MODEL --sts_file=STS-B/dev.tsv --skip_bad_rows
"""

import itertools

import numpy as np

from albert import command_line
from albert import inputs
from albert import outputs
from albert.device_flags import define_inference_flags
from albert.embedding import similarity
from albert.embedding import vector_files
from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.flag_groups import FlagGroup
from albert.progress import show_progress
from albert.score.text_rows import read_rows
from albert.streamed_outputs import check_output
from albert.streamed_outputs import open_output
from albert.tasks.bad_rows import BadRows
from albert.vector_flags import define_vector_flags

POSITIONAL = ("MODEL",)
# Texts that are sorted by length together, and their characters.
_BLOCK_TEXTS = 2048
_BLOCK_CHARACTERS = 1 << 22


def define_flags(fv):
    """Defines the command's flags."""
    texts = FlagGroup(fv, "Texts")
    texts.path(
        "input_file",
        None,
        "Texts, one a line, or a table or JSON lines with --text_field; plain "
        "or compressed.",
    )
    texts.string(
        "text_field",
        None,
        "Column of a table with tabs and a first line of names, or field of "
        "JSON lines, that holds the text.",
    )
    texts.path(
        "output_file",
        None,
        "Where the vectors are written: .npy, an array of NumPy, or .tsv, a "
        "line of numbers for each. With --sts_file: .json, the results.",
    )
    texts.boolean(
        "overwrite", False, "Replace a file that is at --output_file."
    )
    pairs = FlagGroup(fv, "Pairs that people have scored")
    pairs.path(
        "sts_file",
        None,
        "Table with tabs and a first line of names, or JSON lines, as those "
        "of STS-B, instead of --input_file: how far cosines agree with the "
        "scores.",
    )
    for name, default, what in (
        ("first_field", "sentence1", "the first text"),
        ("second_field", "sentence2", "the second text"),
        ("score_field", "score", "the score"),
    ):
        pairs.string(name, default, f"Column or field of {what}.")
    pairs.boolean(
        "skip_bad_rows",
        False,
        "Leave out rows that cannot be used, and count them, instead of "
        "stopping at the first.",
    )
    vectors = FlagGroup(fv, "Vectors")
    define_vector_flags(vectors)
    define_inference_flags(fv)


def main(fv, model):
    """Writes a vector for each text, or measures vectors on pairs.

    Args:
      fv: ``absl.flags.FlagValues`` with the flags of ``define_flags``.
      model: str, weights in any format.
    """
    check_flags(fv, model)
    if fv.sts_file:
        measure(fv, model)
    else:
        write_vectors(fv, model)


def check_flags(fv, model):
    """Refuses flags that do not go together, and places to write to."""
    if bool(fv.input_file) == bool(fv.sts_file):
        raise UserError("give --input_file or --sts_file: one of them")
    source = fv.input_file or fv.sts_file
    inputs.open_file(source, allow_pipe=True).close()
    if fv.sts_file:
        if fv.text_field:
            raise UserError("--text_field is of --input_file: leave it out")
        if fv.output_file and not fv.output_file.endswith(".json"):
            raise UserError(
                f"--output_file={fv.output_file}: end the name of the results "
                "in .json"
            )
    else:
        for name in ("first_field", "second_field", "score_field"):
            if fv[name].present:
                raise UserError(f"--{name} is of --sts_file: leave it out")
        if fv.skip_bad_rows:
            raise UserError("--skip_bad_rows is of --sts_file: leave it out")
        if fv.output_file:
            vector_files.find_form(fv.output_file)
    if fv.output_file:
        check_output(
            fv.output_file, "--output_file", fv.overwrite, source, model
        )


def load_embedder(fv, directory):
    """Loads a model.

    Returns:
      (``Embedder``, ``SourceModel``, str: the weights that it has).
    """
    command_line.load_tensorflow()
    from albert.embedding.embedder import Embedder
    from albert.embedding.embedder import warn_of_modules
    from albert.export import source_models
    from albert.interchange.starting_point import open_starting_point
    from albert.training import distribution
    from albert.training.options import DTYPE_POLICIES

    start = open_starting_point(directory)
    warn_of_modules(directory)
    strategy = distribution.start(fv.eval_batch_size, name="one_device")
    with strategy.scope():
        source = source_models.load(
            start,
            model="encoder",
            max_seq_length=fv.max_seq_length,
            dtype=DTYPE_POLICIES[fv.dtype],
            needs_pooler=False,
        )
    embedder = Embedder(
        source.model,
        source.tokenizer,
        strategy,
        source.max_seq_length,
        fv.eval_batch_size,
        pooling=fv.pooling,
        normalize=fv.normalize,
        jit_compile=fv.jit_compile,
    )
    return embedder, source, start.source.path


def write_vectors(fv, model):
    """Writes a vector for each text of a file."""
    columns = (fv.text_field,) if fv.text_field else ()
    texts = (text for _, (text,) in read_rows(fv.input_file, columns))
    # Read before TensorFlow, so that what is wrong answers at once.
    blocks = cut_blocks(texts)
    first = next(blocks, None)
    if first is None:
        raise UserError(f"{fv.input_file}: no text: put some there")
    embedder, source, _ = load_embedder(fv, model)
    with show_progress("embedding", unit="texts", with_rate=True) as advance:
        vectors = embed(embedder, itertools.chain([first], blocks), advance)
        if fv.output_file and vector_files.find_form(fv.output_file) == "npy":
            with outputs.new_file(
                fv.output_file, "--output_file", fv.overwrite
            ) as stream:
                vector_files.write_npy(stream, vectors, embedder.width)
        else:
            with open_output(
                fv.output_file, "--output_file", fv.overwrite
            ) as stream:
                vector_files.write_tsv(stream, vectors)
    embedder.counts.warn(fv.input_file, source.max_seq_length)
    if fv.output_file:
        print(
            f"{embedder.counts.rows:,} vectors of {embedder.width} numbers\n"
            f"Model: {model}\nWritten: {fv.output_file}"
        )


def cut_blocks(texts):
    """Yields lists of texts that fit the memory.

    Args:
      texts: iterable of str.
    """
    block, size = [], 0
    for text in texts:
        block.append(text)
        size += len(text)
        if len(block) == _BLOCK_TEXTS or size >= _BLOCK_CHARACTERS:
            yield block
            block, size = [], 0
    if block:
        yield block


def embed(embedder, blocks, advance=lambda amount: None):
    """Yields the vectors of blocks of texts: float32 [any, H]."""
    for block in blocks:
        yield embedder.embed(block)
        advance(len(block))


def measure(fv, model):
    """Prints how far cosines agree with scores of people, and writes it."""
    columns = (fv.first_field, fv.second_field, fv.score_field)
    bad_rows = BadRows(fv.sts_file, fv.skip_bad_rows)
    # As it is now; a pipe can be read once.
    described = describe_files([fv.sts_file])
    pairs = similarity.read_pairs(fv.sts_file, columns, bad_rows)
    embedder, source, weights = load_embedder(fv, model)
    texts = [*pairs.first, *pairs.second]
    with show_progress("embedding", len(texts), "texts") as advance:
        vectors = np.concatenate(
            list(embed(embedder, cut_blocks(texts), advance))
        )
    pieces = source.tokenizer.encode_batch(texts)
    halves = len(pairs.scores)
    found = similarity.correlate(
        similarity.cosines(vectors[:halves], vectors[halves:]), pairs.scores
    )
    shared = similarity.overlaps(pieces[:halves], pieces[halves:])
    baseline = {}
    if np.ptp(shared):
        baseline = similarity.correlate(shared, pairs.scores)
    if fv.output_file:
        results = {
            "weights": weights,
            "files": described,
            "pooling": fv.pooling,
            "dtype": fv.dtype,
            "max_seq_length": source.max_seq_length,
            "num_pairs": halves,
            "num_left_out": bad_rows.count,
            "num_texts_cut": embedder.counts.cut,
            **found,
            "baseline": baseline or None,
        }
        with outputs.new_file(
            fv.output_file, "--output_file", fv.overwrite
        ) as stream:
            stream.write(outputs.json_bytes(results))
    embedder.counts.warn(fv.sts_file, source.max_seq_length)
    print(
        f"{halves:,} pairs, {bad_rows.count:,} left out, {fv.pooling}\n"
        f"Spearman {found['spearman']:.4f}, Pearson {found['pearson']:.4f}"
    )
    if baseline:
        print(
            f"shared pieces alone: Spearman {baseline['spearman']:.4f}, "
            f"Pearson {baseline['pearson']:.4f}"
        )
    if fv.output_file:
        print(f"Written: {fv.output_file}")


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
