# SPDX-License-Identifier: Apache-2.0
"""Trains a vocabulary, SentencePiece's or WordPiece.

The text goes through the tokenizer's own normalisation first, so that the
vocabulary is made of what the tokenizer will look up.
"""

import collections
import contextlib
import dataclasses
import functools
import os
import re
import shutil

import sentencepiece

from albert import outputs
from albert.errors import UserError
from albert.inputs import open_file
from albert.text import normalization
from albert.text import sentencepiece_training
from albert.text import wordpiece_training
from albert.text import wordpiece_words
from albert.text.selection import SelectionSettings
from albert.text.selection import open_listing
from albert.text.sentence_source import SentenceSource
from albert.text.sentence_splitters import RULES
from albert.text.tokenizers import load_tokenizer
from albert.text.wordpiece import is_wordpiece
from albert.workspaces import recover
from albert.workspaces import workspace

DEFAULT_CHARACTER_COVERAGE = 0.99995
DEFAULT_INPUT_SENTENCE_SIZE = 10_000_000
# SentencePiece's own default. It is fixed rather than the number of cores:
# sums are made per thread, so another number could change a score's last bit.
DEFAULT_NUM_THREADS = 16

# What messages tell to choose another of.
_FLAG = "--output_prefix"
# A line of PREFIX.vocab.
_PIECE_LINE = re.compile(rb"[^\t\n]*\t-?[\d.]+(e[-+]?\d+)?\n?")


@dataclasses.dataclass(frozen=True)
class VocabularyReport:
    """Report of what ``train_vocabulary`` read and made.

    Attributes:
      files: list of str, what was written, the vocabulary first.
      vocabulary_size: int, pieces in the vocabulary, special ones included.
      sentences_read: int, sentences in the text.
      sentences: int, sentences trained on (fewer where they were drawn).
      characters: int, characters in these after normalisation.
      training_lines: list of str, what the training tells of the text.
      left_out: list of str, a line for each reason for which text was left
        out.
      lost_marks_share: float, characters that lost a mark, of a sample.
      characters_per_piece: float, mean over a random sample of sentences.
      unknown_share: float, share of unknown pieces in that sample.
      first_pieces: list of str, the most frequent pieces, best first.
      fingerprint: str, the fingerprint of the new tokenizer.
    """

    files: list
    vocabulary_size: int
    sentences_read: int
    sentences: int
    characters: int
    training_lines: list
    left_out: list
    lost_marks_share: float
    characters_per_piece: float
    unknown_share: float
    first_pieces: list
    fingerprint: str

    @property
    def model_file(self):
        """The path of the vocabulary: str."""
        return self.files[0]


def train_vocabulary(
    files,
    output_prefix,
    vocabulary_size=30000,
    model_type="unigram",
    lower_case=True,
    strip_accents=True,
    sentence_splitting="auto",
    document_separator="auto",
    sentence_splitter=RULES,
    text_field=None,
    selection=None,
    left_out_file=None,
    character_coverage=DEFAULT_CHARACTER_COVERAGE,
    input_sentence_size=DEFAULT_INPUT_SENTENCE_SIZE,
    seed=12345,
    num_threads=DEFAULT_NUM_THREADS,
    overwrite=False,
):
    """Trains a vocabulary and writes it.

    The same text and arguments give the same files:

    - "unigram": PREFIX.model, a SentencePiece model, and PREFIX.vocab, its
      pieces with their scores. Ids 0 to 4 are <pad>, <unk>, [CLS], [SEP],
      [MASK], then come ( ) " - . – £ €, then the pieces learnt.
    - "wordpiece": PREFIX.txt. Ids 0 to 4 are [PAD], [UNK], [CLS], [SEP],
      [MASK], then come the characters and the pieces learnt.

    Args:
      files: list of paths, read by ``documents.read_documents``.
      output_prefix: path without suffix. Its directory is made when missing.
      vocabulary_size: int, all pieces counted.
      model_type: one of ``MODEL_TYPES``.
      lower_case, strip_accents: how the text is normalised, as the tokenizer
        will do it.
      sentence_splitting, document_separator, sentence_splitter, text_field:
        see ``documents.read_documents``.
      selection: ``albert.text.selection.SelectionSettings``; None for all.
      left_out_file: path of the list of what is left out; None for none.
      character_coverage: share of the characters of the text, between 0.98
        and 1, that get a piece of their own; the rest become <unk>.
      input_sentence_size: at most so many sentences, drawn at random, are
        kept in memory and trained on; 0 takes all.
      seed: int, for that draw and for the sample that is reported on.
      num_threads: threads of SentencePiece; WordPiece takes one.
      overwrite: replace a vocabulary that is there.

    Returns:
      VocabularyReport.

    Raises:
      UserError: bad input text (see ``read_documents``), a vocabulary too
        large or too small for it (saying what is possible), output files
        that exist, cannot be written or are no vocabulary, an argument out of
        range, or tensorflow-text, which learns WordPiece, is not installed.
        Nothing is written then.
    """
    _check_arguments(vocabulary_size, character_coverage, input_sentence_size)
    kind = _KINDS[model_type]
    paths = [f"{output_prefix}{suffix}" for suffix in kind.recognise]
    model_file = paths[0]
    with outputs.explained(model_file, _FLAG):
        recover(model_file, _FLAG)
    _check_output(output_prefix, kind, files, overwrite)
    if model_type == "wordpiece":
        wordpiece_training.load_learner()  # Before the text is read.
    with (
        open_listing(
            left_out_file, "--left_out_file", overwrite, files, paths
        ) as listing,
        outputs.made_directories([model_file], _FLAG),
        outputs.explained(model_file, _FLAG),
        workspace(model_file, _FLAG) as place,
        _copied_pipes(files, place.scratch) as readable,
    ):
        # Another process may have been quicker.
        _check_output(output_prefix, kind, files, overwrite)
        sentences = SentenceSource(
            readable,
            {
                "sentence_splitting": sentence_splitting,
                "document_separator": document_separator,
                "sentence_splitter": sentence_splitter,
                "text_field": text_field,
            },
            selection or SelectionSettings(),
            functools.partial(
                kind.normalize,
                lower_case=lower_case,
                strip_accents=strip_accents,
            ),
            input_sentence_size,
            seed,
            kind.tokenizer,
        )
        sentences.count(listing)
        contents, training_lines = kind.train(
            sentences,
            vocabulary_size=vocabulary_size,
            character_coverage=character_coverage,
            num_threads=num_threads,
        )
        for path, content in zip(paths, contents, strict=True):
            _write(place, path, content)
        _check_output(output_prefix, kind, files, overwrite)
        place.commit(list(map(os.path.basename, paths)), replace=overwrite)
    tokenizer = load_tokenizer(
        model_file, lower_case=lower_case, strip_accents=strip_accents
    )
    return _report(tokenizer, paths, sentences, training_lines)


def _check_arguments(vocabulary_size, character_coverage, input_sentence_size):
    if vocabulary_size < 1:
        raise UserError(
            f"vocab_size {vocabulary_size} is not possible; give a positive "
            "number such as 30000"
        )
    if not 0.98 <= character_coverage <= 1:
        raise UserError(
            f"character_coverage {character_coverage} is not possible; give "
            "a share between 0.98 and 1, such as "
            f"{DEFAULT_CHARACTER_COVERAGE}"
        )
    if input_sentence_size < 0:
        raise UserError(
            f"input_sentence_size {input_sentence_size} is not possible; "
            "give a positive number, or 0 for all sentences"
        )


def _check_output(output_prefix, kind, inputs, overwrite):
    """Refuses files that cannot be written, or may not be replaced."""
    if not os.path.basename(output_prefix) or os.path.isdir(output_prefix):
        raise UserError(
            f"{_FLAG}={output_prefix}: names no file: give the beginning of a "
            f"name, such as {os.path.join(output_prefix, 'vocabulary')}"
        )
    for suffix, is_ours in kind.recognise.items():
        path = f"{output_prefix}{suffix}"
        outputs.check_file(path, _FLAG, inputs)
        if not os.path.lexists(path):
            continue
        if not overwrite:
            raise UserError(
                f"{path}: exists already; choose another {_FLAG} or give "
                "--overwrite"
            )
        if not is_ours(path):
            raise UserError(
                f"{path}: is no file of a vocabulary, so --overwrite does not "
                f"replace it: choose another {_FLAG}"
            )


@contextlib.contextmanager
def _copied_pipes(files, folder):
    """Copies pipes, which can be read only once, to files in a folder.

    A context manager that gives the list of paths to read. What is wrong with
    a copy is told of the pipe.
    """
    copies = {}
    for number, path in enumerate(files):
        with open_file(path, allow_pipe=True) as stream:
            if not stream.seekable():
                copies[path] = os.path.join(folder, f"{number}")
                with open(copies[path], "xb") as file:
                    shutil.copyfileobj(stream, file)
    try:
        yield [copies.get(path, path) for path in files]
    except UserError as error:
        message = str(error)
        for path, copy in copies.items():
            message = message.replace(copy, path)
        raise UserError(message) from error


def _is_model(path):
    try:
        return bool(sentencepiece.SentencePieceProcessor(model_file=path))
    except (OSError, RuntimeError):
        return False


def _is_list(path):
    with open_file(path) as stream:
        return bool(_PIECE_LINE.fullmatch(stream.readline(1 << 16)))


def _is_wordpiece_file(path):
    with open_file(path) as stream:
        return is_wordpiece(stream.read())


def _train_sentencepiece(sentences, **settings):
    model, lines = sentencepiece_training.train(sentences, **settings)
    return [model, sentencepiece_training.list_pieces(model)], lines


def _train_wordpiece(sentences, num_threads, **settings):
    pieces, lines = wordpiece_training.train(sentences, **settings)
    return [pieces], lines


@dataclasses.dataclass(frozen=True)
class _Kind:
    """A kind of vocabulary.

    Attributes:
      recognise: dict from the suffix of each file to a function that says
        whether a path is such a file.
      tokenizer: str, the ``kind`` of the tokenizer.
      normalize: function of the tokenizer.
      train: function from sentences and settings to the contents of the files
        and lines of the summary.
    """

    recognise: dict
    tokenizer: str
    normalize: object
    train: object


_KINDS = {
    "unigram": _Kind(
        {".model": _is_model, ".vocab": _is_list},
        "sentencepiece",
        normalization.normalize,
        _train_sentencepiece,
    ),
    "wordpiece": _Kind(
        {".txt": _is_wordpiece_file},
        "wordpiece",
        wordpiece_words.normalize,
        _train_wordpiece,
    ),
}
# The names are those of spm_train.
MODEL_TYPES = tuple(_KINDS)


def _write(place, path, content):
    name = os.path.join(place.new, os.path.basename(path))
    with open(name, "xb") as stream:
        stream.write(content)


def _report(tokenizer, paths, sentences, training_lines):
    rows = tokenizer.encode_batch(sentences.sample)
    counts = collections.Counter(id_ for row in rows for id_ in row)
    pieces = max(counts.total(), 1)
    return VocabularyReport(
        files=paths,
        vocabulary_size=tokenizer.vocabulary_size,
        sentences_read=sentences.sentences_read,
        sentences=sentences.sentences,
        characters=sentences.characters,
        training_lines=training_lines,
        left_out=sentences.left_out,
        lost_marks_share=tokenizer.strip_accents * sentences.marked_share,
        characters_per_piece=sum(map(len, sentences.sample)) / pieces,
        unknown_share=counts[tokenizer.unknown_id] / pieces,
        first_pieces=[
            tokenizer.pieces[id_] for id_, _ in counts.most_common(20)
        ],
        fingerprint=tokenizer.fingerprint,
    )
