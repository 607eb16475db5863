# SPDX-License-Identifier: Apache-2.0
"""Trains a SentencePiece vocabulary with the settings of the original.

The settings are those of the ``spm_train`` command in the original's README.
The text goes through the tokenizer's own normalisation first, so that the
vocabulary is made of what the tokenizer will look up.
"""

import dataclasses
import io
import os
import random
import re

import sentencepiece
from absl import logging

from albert import outputs
from albert.errors import UserError
from albert.inputs import check_file
from albert.inputs import open_file
from albert.progress import show_progress
from albert.text import documents
from albert.text import normalization
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

# SentencePiece leaves out longer sentences when it trains (bytes of UTF-8).
_MAX_SENTENCE_BYTES = 4192
_SAMPLE_SENTENCES = 2000

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
      sentences_too_long: int, sentences that SentencePiece left out.
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
    sentences_too_long: int
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
      sentence_splitting: see ``documents.read_documents``.
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
    for path in files:
        # Each is read twice, which a pipe cannot be.
        check_file(path, "write the text to a file and give that")
    with (
        outputs.made_directories([model_file], _FLAG),
        outputs.explained(model_file, _FLAG),
        workspace(model_file, _FLAG) as place,
    ):
        # Another process may have been quicker.
        _check_output(output_prefix, model_file, vocab_file, files, overwrite)
        sentences = _SentenceSource(
            files,
            sentence_splitting,
            (lower_case, strip_accents),
            input_sentence_size,
            seed,
        )
        sentences.count()
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


def _is_model(path):
    try:
        return bool(sentencepiece.SentencePieceProcessor(model_file=path))
    except (OSError, RuntimeError):
        return False


def _is_list(path):
    with open_file(path) as stream:
        return bool(_PIECE_LINE.fullmatch(stream.readline(1 << 16)))


class _SentenceSource:
    """Normalised sentences for SentencePiece; draws, counts and samples.

    Where the text has more than ``limit`` sentences it draws ``limit`` of
    them. SentencePiece's own draw cannot be repeated: it takes its seed from
    the machine and not from ``set_random_generator_seed``.

    An exception that passes through SentencePiece's C++ arrives as text
    within a RuntimeError. It is kept in ``error`` to be raised as it was.
    """

    def __init__(self, files, sentence_splitting, settings, limit, seed):
        self._files = list(files)
        self._sentence_splitting = sentence_splitting
        self._settings = settings
        self._limit = limit
        self._draw_random = random.Random(f"draw {seed}")
        self._sample_random = random.Random(f"sample {seed}")
        self.sentences_read = 0
        self.sentences = 0
        self.characters = 0
        self.too_long = 0
        self.sample = []
        self.error = None

    @property
    def name(self):
        """What the text is called in messages."""
        if len(self._files) == 1:
            return str(self._files[0])
        return f"{len(self._files)} input files"

    def count(self):
        """Counts the sentences of the text by reading it once."""
        with show_progress(
            "reading", unit="sentences", unit_scale=True
        ) as advance:
            for document in self._read():
                self.sentences_read += len(document)
                advance(len(document))

    def __iter__(self):
        wanted = left = self.sentences_read
        if self._limit:
            wanted = min(wanted, self._limit)
        try:
            for document in self._read():
                # Selection sampling (Knuth, 3.4.2, algorithm S): exactly
                # ``wanted`` sentences, each set of them as likely, in order,
                # without keeping any.
                drawn = []
                for sentence in document:
                    if wanted == left or (
                        self._draw_random.random() * left < wanted
                    ):
                        drawn.append(sentence)
                        wanted -= 1
                    left -= 1
                for sentence in normalization.normalize_batch(
                    drawn, *self._settings
                ):
                    self._count(sentence)
                    yield sentence
        except UserError as error:
            self.error = error
            raise
        logging.info(
            "training on %s sentences, %s characters (minutes for a large "
            "text)",
            f"{self.sentences:,}",
            f"{self.characters:,}",
        )

    def _read(self):
        return documents.read_documents(self._files, self._sentence_splitting)

    def _count(self, sentence):
        self.sentences += 1
        self.characters += len(sentence)
        # UTF-8 takes at most 4 bytes a character: most need not be encoded.
        if (
            len(sentence) * 4 > _MAX_SENTENCE_BYTES
            and len(sentence.encode()) > _MAX_SENTENCE_BYTES
        ):
            self.too_long += 1
        if len(self.sample) < _SAMPLE_SENTENCES:
            self.sample.append(sentence)
        else:  # reservoir sampling: every sentence has the same chance
            place = self._sample_random.randrange(self.sentences)
            if place < _SAMPLE_SENTENCES:
                self.sample[place] = sentence


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
    left_out = ""
    if sentences.too_long:
        left_out = (
            f" ({sentences.too_long:,} of its {sentences.sentences:,} "
            f"sentences are left out: they have more than "
            f"{_MAX_SENTENCE_BYTES:,} bytes, so break the lines)"
        )
    largest = re.search(r"set it to a value <= (\d+)", message)
    if (
        "sentences_.empty()" in message
        or "all_chars_count" in message
        # Of a text without characters that count, the mark of a word is left.
        or (largest and int(largest[1]) <= _SPECIAL_PIECES + 1)
    ):
        return UserError(
            f"{sentences.name}: no sentence to train on{left_out}: give text "
            "with characters other than NUL and control characters"
        )
    if largest:
        return UserError(
            f"vocab_size {vocabulary_size} is too large for this text"
            f"{left_out}: the "
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
        f"{sentences.name}: SentencePiece could not train on this text"
        f"{left_out} ({reason or 'it does not say why'}): check the text and "
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
        sentences_too_long=sentences.too_long,
        characters_per_piece=sum(map(len, sentences.sample)) / pieces,
        unknown_share=unknown / pieces,
        first_pieces=tokenizer.pieces[_SPECIAL_PIECES:][:20],
        fingerprint=tokenizer.fingerprint,
    )
