# SPDX-License-Identifier: Apache-2.0
"""Scores sentences, and tells what grammar a pretrained model knows.

    albert score MODEL_DIR "She can help herself." "She can help himself."

The sentences of a file, such as a recogniser's hypotheses, one a line:

    albert score MODEL_DIR --input_file=sentences.txt --output_file=scores.tsv

Minimal pairs such as BLiMP's, in how many the good sentence scores higher:

    albert score MODEL_DIR --pairs_file='blimp/*.jsonl' --output_dir=run/blimp
"""

import itertools
import math
import os
import time

import numpy as np
from absl import logging

from albert import command_line
from albert import fill_mask
from albert import outputs
from albert.device_flags import define_dtype_flag
from albert.errors import UserError
from albert.file_fingerprints import describe_files
from albert.file_patterns import expand_files
from albert.flag_groups import FlagGroup
from albert.progress import show_progress
from albert.score import minimal_pairs
from albert.score.minimal_pairs import one_cell
from albert.score.text_rows import read_rows
from albert.streamed_outputs import check_output
from albert.streamed_outputs import open_output

POSITIONAL = ("MODEL_DIR", "TEXT...")
_METHODS = ("word_l2r", "original")
_PAIR_FIELDS = {
    "good_field": ("sentence_good", "Field of the right sentence."),
    "bad_field": ("sentence_bad", "Field of the wrong sentence."),
    "paradigm_field": (
        "UID",
        "Field with the name of the set of a pair. Without UID, each file is a "
        "set.",
    ),
    "phenomenon_field": (
        "linguistics_term",
        "Field with the name of what a set is of. The default may lack.",
    ),
}
# Texts whose sequences are sorted by length together.
_BLOCK_TEXTS = 1024
# Sentences with so many unknown pieces are warned of.
_MANY_UNKNOWN = 0.01
# exp() of more is infinite.
_LARGEST_EXPONENT = 700.0


def define_flags(fv):
    """Defines the command's flags."""
    texts = FlagGroup(fv, "Sentences")
    texts.path(
        "input_file",
        None,
        "Sentences to score, one a line, or a table or JSON lines with "
        "--text_field; instead of TEXT.",
    )
    texts.string(
        "text_field",
        None,
        "Column of a table with tabs and a first line of names, or field of "
        "JSON lines, that holds the sentence.",
    )
    texts.path(
        "output_file",
        None,
        "Where the scores are written, a row for each sentence, in order. "
        "Default: the standard output.",
    )
    texts.boolean(
        "overwrite", False, "Replace a file that is at --output_file."
    )
    pairs = FlagGroup(fv, "Minimal pairs")
    pairs.files(
        "pairs_file",
        None,
        "JSON lines or tables with tabs, of pairs: paths or globs.",
    )
    for name, (default, text) in _PAIR_FIELDS.items():
        pairs.string(name, default, text)
    pairs.path(
        "output_dir",
        None,
        "New directory for the results: a JSON, the scores of all pairs, a "
        "picture.",
    )
    how = FlagGroup(fv, "Scores")
    how.choice(
        "method",
        _METHODS[0],
        list(_METHODS),
        "What is masked to predict a piece: it and those behind it in its "
        "word (word_l2r), or it alone (original), which favours rare words of "
        "several pieces.",
    )
    how.choice(
        "long_texts",
        "refuse",
        ["refuse", "window"],
        "What becomes of texts that are longer than the model reads: refused, "
        "or each piece is predicted from as many as it reads around it.",
    )
    define_dtype_flag(how)
    how.integer(
        "batch_positions",
        8192,
        "Positions that are computed together; it changes scores by rounding "
        "alone.",
        lower_bound=1,
        upper_bound=1 << 24,
    )


def main(fv, directory, texts):
    """Scores sentences or pairs."""
    check_flags(fv, directory, texts)
    if fv.pairs_file:
        score_pairs(fv, directory)
    else:
        score_texts(fv, directory, texts)


def check_flags(fv, directory, texts):
    """Refuses flags that do not go together, and places to write to."""
    given = [bool(texts), bool(fv.input_file), bool(fv.pairs_file)]
    if sum(given) != 1:
        raise UserError(
            "give sentences, or --input_file, or --pairs_file: "
            + ("one of them" if any(given) else "there is nothing to score")
        )
    for name, needed in (
        ("text_field", "input_file"),
        ("output_dir", "pairs_file"),
    ):
        if fv[name].value and not fv[needed].value:
            raise UserError(f"--{name} needs --{needed}")
    for name in _PAIR_FIELDS:
        if fv[name].present and not fv.pairs_file:
            raise UserError(f"--{name} is of --pairs_file: leave it out")
    if fv.pairs_file:
        if fv.overwrite:
            raise UserError("--overwrite is of --output_file: leave it out")
        if fv.output_file:
            raise UserError("--pairs_file writes to --output_dir: give that")
        if fv.output_dir:
            outputs.check_new(fv.output_dir, "--output_dir")
    elif fv.output_file:
        check_output(
            fv.output_file,
            "--output_file",
            fv.overwrite,
            *filter(None, [fv.input_file, directory]),
        )


def load_scorer(fv, directory):
    """Loads a model; returns (``Scorer``, str, the weights that it has)."""
    command_line.load_tensorflow()
    from albert.interchange.starting_point import open_starting_point
    from albert.score.pseudo_likelihood import Scorer
    from albert.training.options import DTYPE_POLICIES

    start = open_starting_point(directory)
    model, tokenizer = fill_mask.load(start, DTYPE_POLICIES[fv.dtype])
    scorer = Scorer(
        model, tokenizer, fv.method, fv.long_texts, fv.batch_positions
    )
    return scorer, start.source.path


def score_texts(fv, directory, texts):
    """Writes the scores of sentences, and prints what they come to."""
    rows = name_texts(fv, texts)
    first = next(rows, None)
    if first is None:
        raise UserError(f"{fv.input_file}: no sentence: put some there")
    rows = itertools.chain([first], rows)
    scorer, _ = load_scorer(fv, directory)
    # A pipe can be read once.
    if not fv.input_file or os.path.isfile(fv.input_file):
        for block in in_blocks(name_texts(fv, texts)):
            _, names, found = zip(*block, strict=True)
            scorer.check(found, names)
    tally = Tally(scorer)
    with open_output(fv.output_file, "--output_file", fv.overwrite) as stream:
        write_scores(scorer, rows, stream.write, tally)
    if fv.output_file:
        print(f"wrote {fv.output_file}: {tally}")
    tally.warn(fv.input_file or "the sentences")


def name_texts(fv, texts):
    """Yields each text to score: (number, name for messages, text).

    Args:
      fv: values of the flags.
      texts: list of str, those of the command line.
    """
    if fv.input_file:
        columns = (fv.text_field,) if fv.text_field else ()
        for number, (text,) in read_rows(fv.input_file, columns):
            yield number, f"{fv.input_file}:{number}", text
    for number, text in enumerate(texts, start=1):
        yield number, f"sentence {number}", text


def in_blocks(rows):
    """Yields lists of rows of an iterator, as many as are scored together."""
    while block := list(itertools.islice(rows, _BLOCK_TEXTS)):
        yield block


def write_scores(scorer, rows, write, tally):
    """Writes a row for each sentence.

    Args:
      scorer: ``Scorer``.
      rows: iterator of (number, name for messages, text).
      write: function of str.
      tally: ``Tally``.
    """
    write("line\tscore\tpieces\ttext\n")
    with show_progress("scoring", unit="sentence") as advance:
        for block in in_blocks(rows):
            numbers, names, texts = zip(*block, strict=True)
            scores = scorer.score(texts, names)
            tally.add(scores)
            for number, score, text in zip(numbers, scores, texts, strict=True):
                write(
                    f"{number}\t{score.log_likelihood:.4f}\t"
                    f"{score.num_pieces}\t{one_cell(text)}\n"
                )
            advance(len(block))


def score_pairs(fv, directory):
    """Prints the accuracies over minimal pairs, and writes what they are of."""
    files = expand_files(fv.pairs_file)
    # As they are now; a pipe can be read once.
    described = [each for file in files for each in describe_files([file])]
    pairs = minimal_pairs.read_pairs(
        files,
        fv.good_field,
        fv.bad_field,
        fv.paradigm_field,
        fv.phenomenon_field,
        # The usual ones may lack; who names another expects it.
        needed=tuple(
            fv[name].value
            for name in ("paradigm_field", "phenomenon_field")
            if fv[name].value != fv[name].default
        ),
    )
    scorer, weights = load_scorer(fv, directory)
    tally = Tally(scorer)
    scores = []
    texts = [
        (pair.place, text) for pair in pairs for text in (pair.good, pair.bad)
    ]
    same = []
    for block in in_blocks(iter(texts)):
        names, sentences = zip(*block, strict=True)
        ids = scorer.check(sentences, names)
        same += map(np.array_equal, ids[::2], ids[1::2])
    minimal_pairs.warn_of_same_pieces(list(itertools.compress(pairs, same)))
    with show_progress("scoring", len(pairs), unit="pair") as advance:
        for block in in_blocks(iter(texts)):
            names, sentences = zip(*block, strict=True)
            found = scorer.score(sentences, names)
            tally.add(found)
            scores += zip(found[::2], found[1::2], strict=True)
            advance(len(block) // 2)
    results = {
        "weights": weights,
        "method": fv.method,
        "dtype": fv.dtype,
        "files": described,
        "share_of_unknown_pieces": tally.share_of_unknown,
        "num_windowed_sentences": scorer.num_windowed,
        "num_same_pieces": sum(same),
        **minimal_pairs.count(pairs, scores),
    }
    # Before they are printed, which a full disk may prevent.
    if fv.output_dir:
        minimal_pairs.write(
            fv.output_dir, results, pairs, scores, "--output_dir"
        )
    print(minimal_pairs.table(results))
    print(tally)
    if fv.output_dir:
        print(f"wrote {fv.output_dir}")
    tally.warn(", ".join(files[:1]))


class Tally:
    """Sums over what a scorer gave.

    Attributes:
      share_of_unknown: float, of the pieces that were predicted.
    """

    def __init__(self, scorer):
        self._scorer = scorer
        self._start = time.monotonic()
        self._texts = self._pieces = self._unknown = 0
        self._log_likelihood = 0.0

    def add(self, scores):
        """Adds a list of ``Score``."""
        self._texts += len(scores)
        self._pieces += sum(score.num_pieces for score in scores)
        self._unknown += sum(score.num_unknown for score in scores)
        self._log_likelihood += sum(score.log_likelihood for score in scores)

    @property
    def share_of_unknown(self):
        return self._unknown / self._pieces

    def __str__(self):
        seconds = time.monotonic() - self._start
        perplexity = math.exp(
            min(-self._log_likelihood / self._pieces, _LARGEST_EXPONENT)
        )
        return (
            f"{self._texts:,} sentences of {self._pieces:,} pieces, "
            f"pseudo-perplexity {perplexity:.1f} a piece; "
            f"{self._scorer.num_sequences:,} masked sequences in "
            f"{seconds:.0f} s"
        )

    def warn(self, name):
        """Warns of what makes scores worse than they look."""
        if self.share_of_unknown > _MANY_UNKNOWN:
            logging.warning(
                "%s: %.1f%% of the pieces are unknown to the vocabulary; their "
                "scores say nothing: use a model of this language",
                name,
                100 * self.share_of_unknown,
            )
        if self._scorer.num_windowed:
            logging.warning(
                "%s: %s of %s texts are longer than the model reads; their "
                "pieces were predicted from windows",
                name,
                f"{self._scorer.num_windowed:,}",
                f"{self._texts:,}",
            )


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
