# SPDX-License-Identifier: Apache-2.0
"""Trains a SentencePiece model with the settings of the original.

The settings are those of the ``spm_train`` command in the original's README.
"""

import io
import re

import sentencepiece
from absl import logging

from albert import memory
from albert.errors import UserError
from albert.text.tokenizer import CONTROL_PIECES

USER_DEFINED_PIECES = ("(", ")", '"', "-", ".", "–", "£", "€")
# With <pad> and <unk>.
SPECIAL_PIECES = 2 + len(CONTROL_PIECES) + len(USER_DEFINED_PIECES)

# SentencePiece leaves out longer sentences when it trains (bytes of UTF-8),
# so that they are cut.
_MAX_SENTENCE_BYTES = 4192
# Of SentencePiece, which sorts the suffixes of the text. Measured with 10 MB:
# English takes 22.3 bytes a byte of UTF-8, Chinese 17.1.
_MEMORY_OF_A_BYTE = 22
# Its numbers are of 32 bits, unless it is told that the corpus is larger, and
# then of 64.
_LARGEST_USUAL_CORPUS = (1 << 31) - (1 << 24)
_MEMORY_OF_A_BYTE_OF_MORE = 40
_WORTH_TELLING = 1 << 30


def train(sentences, vocabulary_size, character_coverage, num_threads):
    """Trains a unigram model.

    Args:
      sentences: ``SentenceSource`` that has been counted.
      vocabulary_size, character_coverage, num_threads: see
        ``albert.text.vocabulary.train_vocabulary``.

    Returns:
      (bytes, list of str): the model, and a line on sentences that were too
      long for SentencePiece, which learnt from them in parts.

    Raises:
      UserError: bad text, a vocabulary too large or too small for it, or more
        memory needed than there is.
    """
    _check_memory(sentences)
    parts = _Parts(sentences)
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(parts),
            model_writer=model,
            model_type="unigram",
            vocab_size=vocabulary_size,
            character_coverage=character_coverage,
            num_threads=num_threads,
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
        )
    except RuntimeError as error:
        if parts.error is not None:
            raise parts.error from None
        raise _explain(str(error), vocabulary_size, sentences) from error
    return model.getvalue(), parts.lines()


def list_pieces(model):
    """Returns the pieces of a model with their scores, one a line: bytes."""
    processor = sentencepiece.SentencePieceProcessor()
    processor.load_from_serialized_proto(model)
    return "".join(
        f"{processor.id_to_piece(id_)}\t{processor.get_score(id_):g}\n"
        for id_ in range(processor.get_piece_size())
    ).encode()


class _Parts:
    """Sentences in parts that SentencePiece takes, counting those it cuts.

    An exception that passes through SentencePiece's C++ arrives as text
    within a RuntimeError. It is kept in ``error`` to be raised as it was.
    """

    def __init__(self, sentences):
        self._sentences = sentences
        self._cut = 0
        self.error = None

    def __iter__(self):
        try:
            for sentence in self._sentences:
                # UTF-8 takes at most 4 bytes a character: most need not be
                # encoded.
                if len(sentence) * 4 <= _MAX_SENTENCE_BYTES:
                    yield sentence
                    continue
                parts = _cut_sentence(sentence)
                self._cut += len(parts) > 1
                yield from parts
        except UserError as error:
            self.error = error
            raise

    def lines(self):
        if not self._cut:
            return []
        return [
            f"cut        {self._cut:,} sentences of more than "
            f"{_MAX_SENTENCE_BYTES:,} bytes at spaces, as SentencePiece takes "
            "no longer ones"
        ]


def _cut_sentence(sentence):
    """Cuts a sentence at spaces into parts that SentencePiece takes.

    Returns:
      list of str. What has no space in it is cut between characters.
    """
    content = sentence.encode()
    parts = []
    start = 0
    while len(content) - start > _MAX_SENTENCE_BYTES:
        limit = start + _MAX_SENTENCE_BYTES
        # The space may be the first byte of what is left.
        end = content.rfind(b" ", start + 1, limit + 1)
        if end < 0:
            end = limit
            while content[end] & 0xC0 == 0x80:  # inside a UTF-8 sequence
                end -= 1
        parts.append(content[start:end].decode())
        start = end
    parts.append(content[start:].decode())
    return parts


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
        fitting = max(fitting // step * step, 1)  # 0 would mean all.
        raise UserError(
            f"{sentences.name}: training on {sentences.wanted:,} sentences "
            f"takes about {_gigabytes(needed)} of memory, and "
            f"{_gigabytes(available)} are free: give "
            f"--input_sentence_size={fitting} or less"
        )


def _is_large(sentences):
    return sentences.expected_bytes > _LARGEST_USUAL_CORPUS


def _gigabytes(size):
    return f"{size / 1e9:.1f} GB"


def _explain(message, vocabulary_size, sentences):
    """Returns a UserError for a message of SentencePiece's trainer."""
    largest = re.search(r"set it to a value <= (\d+)", message)
    if (
        "sentences_.empty()" in message
        or "all_chars_count" in message
        # Of a text without characters that count, the mark of a word is left.
        or (largest and int(largest[1]) <= SPECIAL_PIECES + 1)
    ):
        return sentences.no_text()
    if largest:
        return sentences.too_large(vocabulary_size, largest[1])
    smallest = re.search(r"required_chars\. \d+ vs (\d+)", message)
    if smallest:
        return sentences.too_small(vocabulary_size, smallest[1])
    # Without the place in the trainer's source.
    reason = re.sub(r"^\w+: \S+\.cc\(\d+\) (\[.*\])?\s*", "", message)
    return UserError(
        f"{sentences.name}: SentencePiece could not train on this text "
        f"({reason or 'it does not say why'}): check the text and "
        "the settings"
    )
