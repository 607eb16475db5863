# SPDX-License-Identifier: Apache-2.0
"""Keeps a tokenised corpus on disk and reads parts of it.

The text is encoded once, and each pass over it (``dupe_factor``) reads ids
from here; memory holds the block at hand and a few numbers for each block.

Three flat files in a folder: ``tokens`` (ids), ``sentences`` (uint32, tokens
of each sentence) and ``documents`` (int64 triples: first token, first
sentence, number of sentences). A block is a run of whole documents; blocks
are the pieces in which the corpus is shuffled.
"""

import contextlib
import dataclasses
import itertools
import os

import numpy as np

from albert.text.instances import TokenizedDocuments
from albert.text.word_starts import is_without_space

# About 120 instances of 512 tokens: small enough that a unit of work draws
# on many places of the corpus.
BLOCK_CHARACTERS = 1 << 18
# A unit of work: a few thousand instances of 128 tokens, enough to make
# array operations cheap, and some tens of megabytes at work.
UNIT_TOKENS = 1 << 19
# Documents without much text still take a sequence each.
_BLOCK_DOCUMENTS = 1 << 8

_SENTENCE_DTYPE = np.dtype("<u4")
_DOCUMENT_DTYPE = np.dtype("<i8")
_DOCUMENT_COLUMNS = 3


def group_documents(documents, block_characters=BLOCK_CHARACTERS):
    """Gathers documents into blocks; where they end depends on the text alone.

    Args:
      documents: iterable of lists of str.
      block_characters: a block ends with the document that fills it, or
        with its 256th.

    Yields:
      list of documents.
    """
    block = []
    characters = 0
    for document in documents:
        block.append(document)
        characters += sum(map(len, document))
        if characters >= block_characters or len(block) >= _BLOCK_DOCUMENTS:
            yield block
            block = []
            characters = 0
    if block:
        yield block


def encode_documents(tokenizer, documents, mark_every_sentence=False):
    """Encodes documents, each a list of str, as ``TokenizedDocuments``.

    Sentences without a token and documents without a sentence are left out.

    Args:
      tokenizer: ``albert.text.word_segmenters.WordEncoder``, or a tokenizer.
      documents: list of lists of str.
      mark_every_sentence: bool, whether sentences begin with "▁" also where
        no space stands before them (Chinese, Japanese).
    """
    sentences = list(itertools.chain.from_iterable(documents))
    firsts = {0, *itertools.accumulate(map(len, documents))}
    is_joined = [
        not mark_every_sentence
        and not sentence.isascii()
        and index not in firsts
        and is_without_space(sentence)
        for index, sentence in enumerate(sentences)
    ]
    marked, joined = (
        iter(
            tokenizer.encode_batch(
                itertools.compress(sentences, chosen), after_space
            )
        )
        for chosen, after_space in (
            ([not each for each in is_joined], True),
            (is_joined, False),
        )
    )
    rows = (next(joined if each else marked) for each in is_joined)
    kept = []
    document_lengths = []
    for document in documents:
        sentences = [
            row for row in itertools.islice(rows, len(document)) if row
        ]
        if sentences:
            kept += sentences
            document_lengths.append(len(sentences))
    return TokenizedDocuments(
        ids=np.fromiter(
            itertools.chain.from_iterable(kept),
            _token_dtype(tokenizer.vocabulary_size),
        ),
        sentence_lengths=np.array([len(row) for row in kept], _SENTENCE_DTYPE),
        document_lengths=np.array(document_lengths, np.int64),
    )


@dataclasses.dataclass(frozen=True)
class TokenCache:
    """Finished cache, cheap to send to another process.

    Attributes:
      folder: where the files are.
      vocabulary_size: number of ids, which decides their type.
      num_documents: documents in all.
    """

    folder: str
    vocabulary_size: int
    num_documents: int

    @contextlib.contextmanager
    def open(self):
        """Opens the files: a context manager that gives a reader."""
        with contextlib.ExitStack() as stack:
            streams = [
                stack.enter_context(open(os.path.join(self.folder, name), "rb"))
                for name in ("tokens", "sentences", "documents")
            ]
            yield TokenCacheReader(self, *streams)


class TokenCacheWriter:
    """Writer of a new cache, to be used as a context manager."""

    def __init__(self, folder, vocabulary_size):
        self._folder = folder
        self._vocabulary_size = vocabulary_size
        self._block_ends = []
        self._block_tokens = []
        self.num_documents = 0
        self.num_sentences = 0
        self.num_tokens = 0

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._streams = {
                name: stack.enter_context(
                    open(os.path.join(self._folder, name), "wb")
                )
                for name in ("tokens", "sentences", "documents")
            }
            self._close = stack.pop_all().close
        return self

    def __exit__(self, *exception):
        self._close()

    def append(self, documents):
        """Appends ``TokenizedDocuments`` as one block."""
        num_documents = len(documents.document_lengths)
        if not num_documents:
            return
        sentence_ends = np.cumsum(documents.document_lengths)
        first_sentences = sentence_ends - documents.document_lengths
        token_starts = (
            np.cumsum(documents.sentence_lengths, dtype=np.int64)
            - documents.sentence_lengths
        )
        table = np.stack(
            [
                self.num_tokens + token_starts[first_sentences],
                self.num_sentences + first_sentences,
                documents.document_lengths,
            ],
            axis=1,
        )
        for name, values, dtype in (
            ("tokens", documents.ids, _token_dtype(self._vocabulary_size)),
            ("sentences", documents.sentence_lengths, _SENTENCE_DTYPE),
            ("documents", table, _DOCUMENT_DTYPE),
        ):
            self._streams[name].write(values.astype(dtype).tobytes())
        self.num_documents += num_documents
        self.num_sentences += len(documents.sentence_lengths)
        self.num_tokens += len(documents.ids)
        self._block_ends.append(self.num_documents)
        self._block_tokens.append(len(documents.ids))

    def finish(self):
        """Writes everything out and returns the ``TokenCache``."""
        for stream in self._streams.values():
            stream.flush()
        return TokenCache(
            self._folder, self._vocabulary_size, self.num_documents
        )

    def shuffled_units(
        self, generator, unit_tokens=UNIT_TOKENS, max_seq_length=1
    ):
        """Yields the blocks in a random order, grouped into units of work.

        Args:
          generator: ``np.random.Generator``.
          unit_tokens: a unit ends with the block that fills it.
          max_seq_length: int, tokens that each document fills at least,
            because its sequences are padded.

        Yields:
          (index of the unit, list of (first, end) document indices with one
          pair for each block, tokens of the unit).
        """
        unit_index = 0
        unit = []
        tokens = filled = 0
        for block in generator.permutation(len(self._block_ends)).tolist():
            first = self._block_ends[block - 1] if block else 0
            end = self._block_ends[block]
            unit.append((first, end))
            tokens += self._block_tokens[block]
            filled += max(
                self._block_tokens[block], (end - first) * max_seq_length
            )
            if filled >= unit_tokens:
                yield unit_index, unit, tokens
                unit_index += 1
                unit = []
                tokens = filled = 0
        if unit:
            yield unit_index, unit, tokens


class TokenCacheReader:
    """Reader of the documents of an open cache."""

    def __init__(self, cache, tokens, sentences, documents):
        self.num_documents = cache.num_documents
        self._token_dtype = _token_dtype(cache.vocabulary_size)
        self._tokens = tokens
        self._sentences = sentences
        self._documents = documents

    def read_documents(self, ranges):
        """Reads ranges of documents.

        Args:
          ranges: list of (first, end) document indices.

        Returns:
          (``TokenizedDocuments``, int64 array): the documents, and the
          index of each in the corpus.
        """
        parts = [self._read_range(first, end) for first, end in ranges]
        columns = [
            np.concatenate(column) for column in zip(*parts, strict=True)
        ]
        indices = np.concatenate([np.arange(*pair) for pair in ranges])
        return TokenizedDocuments(*columns), indices

    def read_random_slice(self, other_than, wanted_tokens, generator):
        """Reads text from a random place of a random document.

        As the original draws the second segment of a negative
        next-sentence pair: from the start of a random sentence, sentence
        after sentence until there are enough tokens or the document ends.

        Args:
          other_than: index of the document that is not drawn.
          wanted_tokens: where to stop; at least one sentence is taken.
          generator: ``np.random.Generator``.

        Returns:
          integer array of ids.
        """
        document = int(generator.integers(self.num_documents - 1))
        document += document >= other_than
        token_start, sentence_start, sentences = _read(
            self._documents,
            _DOCUMENT_DTYPE,
            document * _DOCUMENT_COLUMNS,
            _DOCUMENT_COLUMNS,
        ).tolist()
        lengths = _read(
            self._sentences, _SENTENCE_DTYPE, sentence_start, sentences
        )
        ends = np.cumsum(lengths, dtype=np.int64)
        first = int(generator.integers(sentences))
        begin = int(ends[first - 1]) if first else 0
        last = np.searchsorted(ends, begin + wanted_tokens)
        last = min(max(int(last), first), sentences - 1)
        return _read(
            self._tokens,
            self._token_dtype,
            token_start + begin,
            int(ends[last]) - begin,
        )

    def _read_range(self, first, end):
        table = _read(
            self._documents,
            _DOCUMENT_DTYPE,
            first * _DOCUMENT_COLUMNS,
            (end - first) * _DOCUMENT_COLUMNS,
        ).reshape(-1, _DOCUMENT_COLUMNS)
        sentence_lengths = _read(
            self._sentences,
            _SENTENCE_DTYPE,
            int(table[0, 1]),
            int(table[:, 2].sum()),
        )
        ids = _read(
            self._tokens,
            self._token_dtype,
            int(table[0, 0]),
            int(sentence_lengths.sum()),
        )
        return ids, sentence_lengths, table[:, 2]


def _read(stream, dtype, first, count):
    # pread and not a memory map: mapped pages would count as memory in use.
    content = os.pread(
        stream.fileno(), count * dtype.itemsize, first * dtype.itemsize
    )
    return np.frombuffer(content, dtype)


def _token_dtype(vocabulary_size):
    return np.dtype("<u2" if vocabulary_size <= 1 << 16 else "<u4")
