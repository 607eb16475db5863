# SPDX-License-Identifier: Apache-2.0
"""Trains a SentencePiece vocabulary with the settings of the original.

The settings are those of the ``spm_train`` command in the original's README.
The text goes through the tokenizer's own normalisation first, so that the
vocabulary is made of what the tokenizer will look up.
"""

import contextlib
import dataclasses
import io
import os
import re
import shutil

import sentencepiece
from absl import logging

from albert import memory
from albert import outputs
from albert.errors import UserError
from albert.inputs import open_file
from albert.text.selection import SelectionSettings
from albert.text.selection import open_listing
from albert.text.sentence_source import SentenceSource
from albert.text.tokenizer import CONTROL_PIECES
from albert.text.tokenizer import Tokenizer
from albert.workspaces import workspace

USER_DEFINED_PIECES = ("(", ")", '"', "-", ".", "–", "£", "€")
# With <pad> and <unk>.
_SPECIAL_PIECES = 2 + len(CONTROL_PIECES) + len(USER_DEFINED_PIECES)
DEFAULT_CHARACTER_COVERAGE = 0.99995
DEFAULT_INPUT_SENTENCE_SIZE = 10_000_000
# SentencePiece's own default. It is fixed rather than the number of cores:
# sums are made per thread, so another number could change a score's last bit.
DEFAULT_NUM_THREADS = 16

# Of SentencePiece, which sorts the suffixes of the text. Measured with 10 MB:
# English takes 22.3 bytes a byte of UTF-8, Chinese 17.1.
_MEMORY_OF_A_BYTE = 22
# Its numbers are of 32 bits, unless it is told that the corpus is larger, and
# then of 64.
_LARGEST_USUAL_CORPUS = (1 << 31) - (1 << 24)
_MEMORY_OF_A_BYTE_OF_MORE = 40
_WORTH_TELLING = 1 << 30

# What messages tell to choose another of.
_FLAG = "--output_prefix"
# A line of PREFIX.vocab.
_PIECE_LINE = re.compile(rb"[^\t\n]*\t-?[\d.]+(e[-+]?\d+)?\n?")


@dataclasses.dataclass(frozen=True)
class VocabularyReport:
    """Report of what ``train_vocabulary`` read and made.

    Attributes:
      model_file, vocab_file: str, the files written.
      vocabulary_size: int, pieces in the model, special ones included.
      sentences_read: int, sentences in the text.
      sentences: int, sentences trained on (fewer where they were drawn).
      characters: int, characters in these after normalisation.
      sentences_cut: int, sentences too long for SentencePiece (4,192 bytes),
        which it learnt from in parts.
      left_out: list of str, a line for each reason for which text was left
        out.
      characters_per_piece: float, mean over a random sample of sentences.
      unknown_share: float, share of unknown pieces in that sample.
      first_pieces: list of str, the most frequent pieces, best first.
      fingerprint: str, the fingerprint of the new tokenizer.
    """

    model_file: str
    vocab_file: str
    vocabulary_size: int
    sentences_read: int
    sentences: int
    characters: int
    sentences_cut: int
    left_out: list
    characters_per_piece: float
    unknown_share: float
    first_pieces: list
    fingerprint: str


def train_vocabulary(
    files,
    output_prefix,
    vocabulary_size=30000,
    lower_case=True,
    strip_accents=True,
    sentence_splitting="auto",
    text_field=None,
    selection=None,
    left_out_file=None,
    character_coverage=DEFAULT_CHARACTER_COVERAGE,
    input_sentence_size=DEFAULT_INPUT_SENTENCE_SIZE,
    seed=12345,
    num_threads=DEFAULT_NUM_THREADS,
    overwrite=False,
):
    """Trains a unigram model and writes PREFIX.model and PREFIX.vocab.

    Ids 0 to 4 are <pad>, <unk>, [CLS], [SEP], [MASK], then come ( ) " - . –
    £ €, then the pieces learnt. The same text and arguments give the same
    files.

    Args:
      files: list of paths, read by ``documents.read_documents``.
      output_prefix: path without suffix. Its directory is made when missing.
      vocabulary_size: int, all pieces counted.
      lower_case, strip_accents: how the text is normalised, as the tokenizer
        will do it.
      sentence_splitting, text_field: see ``documents.read_documents``.
      selection: ``albert.text.selection.SelectionSettings``; None for all.
      left_out_file: path of the list of what is left out; None for none.
      character_coverage: share of the characters of the text, between 0.98
        and 1, that get a piece of their own; the rest become <unk>.
      input_sentence_size: at most so many sentences, drawn at random, are
        kept in memory and trained on; 0 takes all.
      seed: int, for that draw and for the sample that is reported on.
      num_threads: threads of SentencePiece.
      overwrite: replace a vocabulary that is there.

    Returns:
      VocabularyReport.

    Raises:
      UserError: bad input text (see ``read_documents``), a vocabulary too
        large or too small for it (saying what is possible), output files
        that exist, cannot be written or are no vocabulary, or an argument out
        of range. Nothing is written then.
    """
    _check_arguments(vocabulary_size, character_coverage, input_sentence_size)
    model_file = f"{output_prefix}.model"
    vocab_file = f"{output_prefix}.vocab"
    _check_output(output_prefix, model_file, vocab_file, files, overwrite)
    with (
        open_listing(
            left_out_file, "--left_out_file", overwrite, files
        ) as listing,
        outputs.made_directories([model_file], _FLAG),
        outputs.explained(model_file, _FLAG),
        workspace(model_file, _FLAG) as place,
        _copied_pipes(files, place.scratch) as readable,
    ):
        # Another process may have been quicker.
        _check_output(output_prefix, model_file, vocab_file, files, overwrite)
        sentences = SentenceSource(
            readable,
            {
                "sentence_splitting": sentence_splitting,
                "text_field": text_field,
            },
            selection or SelectionSettings(),
            (lower_case, strip_accents),
            input_sentence_size,
            seed,
        )
        sentences.count(listing)
        _check_memory(sentences)
        proto = _train(
            sentences,
            vocabulary_size=vocabulary_size,
            character_coverage=character_coverage,
            num_threads=num_threads,
        )
        _write(place, {model_file: proto, vocab_file: _piece_list(proto)})
        _check_output(output_prefix, model_file, vocab_file, files, overwrite)
        place.commit(
            [os.path.basename(model_file), os.path.basename(vocab_file)],
            replace=overwrite,
        )
    tokenizer = Tokenizer(
        model_file, lower_case=lower_case, strip_accents=strip_accents
    )
    return _report(tokenizer, vocab_file, sentences)


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


def _check_output(output_prefix, model_file, vocab_file, inputs, overwrite):
    """Refuses files that cannot be written, or may not be replaced."""
    if not os.path.basename(output_prefix) or os.path.isdir(output_prefix):
        raise UserError(
            f"{_FLAG}={output_prefix}: names no file: give the beginning of a "
            f"name, such as {os.path.join(output_prefix, 'vocabulary')}"
        )
    for path, is_ours in ((model_file, _is_model), (vocab_file, _is_list)):
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


def _check_memory(sentences):
    """Tells the memory that training takes; refuses what there is not."""
    needed = sentences.expected_bytes * (
        _MEMORY_OF_A_BYTE_OF_MORE if _is_large(sentences) else _MEMORY_OF_A_BYTE
    )
    if needed > _WORTH_TELLING:
        logging.info(
            "training on %s sentences will take about %s of memory",
            f"{sentences.wanted:,}",
            _gigabytes(needed),
        )
    available = memory.available_memory()
    if available is not None and needed > available:
        fitting = sentences.wanted * available // needed
        # Two digits, so that it is no number of a measurement.
        step = 10 ** max(len(str(fitting)) - 2, 0)
        raise UserError(
            f"{sentences.name}: training on {sentences.wanted:,} sentences "
            f"takes about {_gigabytes(needed)} of memory, and "
            f"{_gigabytes(available)} are free: give "
            f"--input_sentence_size={fitting // step * step} or less"
        )


def _is_large(sentences):
    return sentences.expected_bytes > _LARGEST_USUAL_CORPUS


def _gigabytes(size):
    return f"{size / 1e9:.1f} GB"


def _is_model(path):
    try:
        return bool(sentencepiece.SentencePieceProcessor(model_file=path))
    except (OSError, RuntimeError):
        return False


def _is_list(path):
    with open_file(path) as stream:
        return bool(_PIECE_LINE.fullmatch(stream.readline(1 << 16)))


def _train(sentences, vocabulary_size, **settings):
    """Trains a model and returns its bytes."""
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocabulary_size,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            control_symbols=list(CONTROL_PIECES),
            user_defined_symbols=list(USER_DEFINED_PIECES),
            # In the order of the text: like its draw, SentencePiece's
            # shuffle cannot be repeated, and order decides ties.
            shuffle_input_sentence=False,
            train_extremely_large_corpus=_is_large(sentences),
            minloglevel=2,
            **settings,
        )
    except RuntimeError as error:
        if sentences.error is not None:
            raise sentences.error from None
        raise _explain(str(error), vocabulary_size, sentences) from error
    return model.getvalue()


def _explain(message, vocabulary_size, sentences):
    """Returns a UserError for a message of SentencePiece's trainer."""
    largest = re.search(r"set it to a value <= (\d+)", message)
    if (
        "sentences_.empty()" in message
        or "all_chars_count" in message
        # Of a text without characters that count, the mark of a word is left.
        or (largest and int(largest[1]) <= _SPECIAL_PIECES + 1)
    ):
        return UserError(
            f"{sentences.name}: no sentence to train on: give text "
            "with characters other than control characters"
        )
    if largest:
        return UserError(
            f"vocab_size {vocabulary_size} is too large for this text: the "
            f"largest possible is {largest[1]}; give --vocab_size="
            f"{largest[1]} or less, or more text"
        )
    smallest = re.search(r"required_chars\. \d+ vs (\d+)", message)
    if smallest:
        return UserError(
            f"vocab_size {vocabulary_size} is too small for this text: its "
            f"characters and the special pieces alone need {smallest[1]}; "
            "give a larger --vocab_size or a lower --character_coverage"
        )
    # Without the place in the trainer's source.
    reason = re.sub(r"^\w+: \S+\.cc\(\d+\) (\[.*\])?\s*", "", message)
    return UserError(
        f"{sentences.name}: SentencePiece could not train on this text "
        f"({reason or 'it does not say why'}): check the text and "
        "the settings"
    )


def _piece_list(proto):
    """Returns the content of PREFIX.vocab: pieces and scores, as bytes."""
    processor = sentencepiece.SentencePieceProcessor()
    processor.load_from_serialized_proto(proto)
    return "".join(
        f"{processor.id_to_piece(id_)}\t{processor.get_score(id_):g}\n"
        for id_ in range(processor.get_piece_size())
    ).encode()


def _write(place, contents):
    for path, content in contents.items():
        name = os.path.join(place.new, os.path.basename(path))
        with open(name, "xb") as stream:
            stream.write(content)


def _report(tokenizer, vocab_file, sentences):
    rows = tokenizer.encode_batch(sentences.sample)
    pieces = max(sum(map(len, rows)), 1)
    unknown = sum(row.count(tokenizer.unknown_id) for row in rows)
    return VocabularyReport(
        model_file=tokenizer.model_file,
        vocab_file=vocab_file,
        vocabulary_size=tokenizer.vocabulary_size,
        sentences_read=sentences.sentences_read,
        sentences=sentences.sentences,
        characters=sentences.characters,
        sentences_cut=sentences.cut,
        left_out=sentences.left_out,
        characters_per_piece=sum(map(len, sentences.sample)) / pieces,
        unknown_share=unknown / pieces,
        first_pieces=tokenizer.pieces[_SPECIAL_PIECES:][:20],
        fingerprint=tokenizer.fingerprint,
    )
