# SPDX-License-Identifier: Apache-2.0
"""Defines the signatures of tagging: a tag for each word.

Letters: N sentences, W words of the longest of them, M words of all.
"""

import unicodedata

import tensorflow as tf

from albert.export.graph_tokenizer_tables import CodePointTable
from albert.export.graph_tokenizer_tables import all_characters
from albert.export.graph_tokenizer_tables import code_point_marks
from albert.export.serving_sequences import call_in_parts
from albert.export.serving_sequences import first_of_rows
from albert.export.serving_sequences import make_inputs
from albert.export.serving_sequences import rows_from
from albert.tasks import tag_schemes


def tagging_signatures(loaded, tokenizer, **_):
    """Returns the signatures of tagging.

    Args:
      loaded: ``SourceModel``.
      tokenizer: ``GraphTokenizer``.
      **_: options of other heads.

    Returns:
      (signatures, default), see ``serving_texts.text_signatures``.
    """
    tagger = _Tagger(loaded, tokenizer)

    def of_words(words):
        tags, truncated = tagger.tag(words)
        return {"tags": tags, "truncated": truncated}

    def of_text(text):
        words, starts, ends = tagger.split(text)
        return of_words(words) | {
            "words": words,
            "starts": starts,
            "ends": ends,
        }

    return {
        "text": (of_text, [tf.TensorSpec([None], tf.string, "text")]),
        "words": (of_words, [tf.TensorSpec([None, None], tf.string, "words")]),
    }, "text"


class GraphBio(tf.Module):
    """``tag_schemes.to_bio`` in a graph.

    Args:
      labels: list of L str, tags of any scheme.
    """

    def __init__(self, labels):
        super().__init__()
        types = [tag_schemes.entity_type(label) for label in labels]
        # A number for each type: that of its first label.
        self._types = tf.constant([types.index(type_) for type_ in types])
        self._continues = tf.constant(
            [tag_schemes.continues_entity(label) for label in labels]
        )
        self._opens = tf.constant(
            [tag_schemes.opens_entity(label) for label in labels]
        )
        # What each label is where an entity goes on, and elsewhere.
        self._inner, self._others = (
            tf.constant([tag_schemes.bio_tag(label, inner) for label in labels])
            for inner in (True, False)
        )

    def rewrite(self, tags, sentences):
        """Returns BIO tags: string [M].

        Args:
          tags: int32 [M], indices of labels.
          sentences: int64 [M], the sentence that each word is in, ascending.
        """
        types = tf.gather(self._types, tags)
        goes_on = (
            (types[1:] == types[:-1])
            & tf.gather(self._continues, tags[1:])
            & tf.gather(self._opens, tags[:-1])
            & (sentences[1:] == sentences[:-1])
        )
        # None of no words.
        is_inner = tf.concat([tf.zeros_like(tags[:1], tf.bool), goes_on], 0)
        return tf.where(
            is_inner,
            tf.gather(self._inner, tags),
            tf.gather(self._others, tags),
        )


class _Tagger(tf.Module):
    def __init__(self, loaded, tokenizer):
        super().__init__()
        self._loaded = loaded
        self._tokenizer = tokenizer
        self._outside = loaded.labels.index(
            tag_schemes.unseen_label(loaded.labels)
        )
        self._bio = GraphBio(loaded.labels)
        self._punctuation = CodePointTable(
            code_point_marks(
                character
                for character in all_characters()
                if unicodedata.category(character)[0] == "P"
            )
        )

    def split(self, texts):
        """Splits texts into words.

        At white space; and a punctuation mark is a word of its own unless
        it stands between two characters that are neither that nor space:
        "(U.S.)" is "(", "U.S", ".", ")".

        Args:
          texts: string [N].

        Returns:
          (words, starts, ends): string [N, W], "" behind the last one;
          int32 [N, W], characters of the text, 0 there.
        """
        normalizer = self._tokenizer.normalizer
        characters = normalizer.decode(texts)
        codes, rows = characters.flat_values, characters.value_rowids()
        white = normalizer.is_white(codes)
        mark = self._punctuation.lookup(codes) > 0
        # Neighbours in the same text that are parts of words.
        nowhere = tf.constant(-1, tf.int64)
        inner = tf.where(~white & ~mark, rows, nowhere)
        nothing = tf.constant([-1], tf.int64)
        left = tf.concat([nothing, inner[:-1]], 0) == rows
        right = tf.concat([inner[1:], nothing], 0) == rows
        alone = mark & ~(left & right)
        breaks = white | alone
        # A word begins behind what ends one.
        before = tf.concat([nothing, tf.where(breaks, nowhere, rows)[:-1]], 0)
        begins = ~white & (alone | (before != rows))
        starts = tf.where(begins)[:, 0]
        behind = tf.concat([tf.where(breaks, nowhere, rows)[1:], nothing], 0)
        ends = tf.where(~white & (alone | (behind != rows)))[:, 0] + 1
        rows = tf.gather(rows, starts)
        words = tf.strings.unicode_encode(
            rows_from(codes, starts, ends - starts), "UTF-8"
        )
        text_starts = tf.gather(characters.row_starts(), rows)
        return tuple(
            tf.RaggedTensor.from_value_rowids(
                values, rows, nrows=characters.nrows(), validate=False
            ).to_tensor()
            for values in (
                words,
                tf.cast(starts - text_starts, tf.int32),
                tf.cast(ends - text_starts, tf.int32),
            )
        )

    def tag(self, words):
        """Tags words.

        As ``albert.tasks.tagging_features`` and ``predictions``: each word
        is encoded by itself, has the label of its first piece, and O where it
        has no pieces; long sentences are cut between words.

        Args:
          words: string [N, W], "" where there is none.

        Returns:
          (tags, truncated): string [N, W] of BIO tags, "" where there is no
          word; bool [N], whether a word has more pieces than a sequence and
          only its first ones were read.
        """
        places = tf.where(words != "")
        sentences = places[:, 0]
        room = self._loaded.max_seq_length - 2
        pieces = self._tokenizer.encode(tf.gather_nd(words, places))
        truncated = tf.math.unsorted_segment_max(
            tf.cast(pieces.row_lengths() > room, tf.int32),
            sentences,
            tf.shape(words, tf.int64)[0],
        )
        pieces = first_of_rows(pieces, tf.minimum(pieces.row_lengths(), room))
        splits = tf.RaggedTensor.from_value_rowids(
            sentences, sentences, nrows=tf.shape(words, tf.int64)[0]
        ).row_splits
        begins = _cut_sentences(pieces.row_splits, splits, room)
        row_of_word = tf.cumsum(tf.cast(begins, tf.int64)) - 1
        firsts = tf.gather(pieces.row_starts(), tf.where(begins)[:, 0])
        sequences = tf.RaggedTensor.from_row_splits(
            pieces.flat_values,
            tf.concat([firsts, pieces.row_splits[-1:]], 0),
            validate=False,
        )
        logits = call_in_parts(
            self._loaded.call,
            make_inputs(
                self._tokenizer, [sequences], self._loaded.max_seq_length
            ),
        )["logits"]
        columns = 1 + pieces.row_starts() - tf.gather(firsts, row_of_word)
        best = tf.gather_nd(
            tf.argmax(logits, axis=-1, output_type=tf.int32),
            tf.stack([row_of_word, columns], axis=1),
        )
        best = tf.where(pieces.row_lengths() > 0, best, self._outside)
        tags = tf.tensor_scatter_nd_update(
            tf.zeros_like(words), places, self._bio.rewrite(best, sentences)
        )
        # The largest of no words is the lowest number.
        return tags, truncated > 0


def _cut_sentences(before, splits, room):
    """Marks the words that a sequence begins with.

    Args:
      before: int64 [M + 1], pieces before each word; no word has more than
        ``room``.
      splits: int64 [N + 1], the words of each sentence.
      room: int, the most pieces of a sequence.

    Returns:
      bool [M].
    """
    total = tf.size(before) - 1

    def mark(begins, words, which):
        words = tf.boolean_mask(words, which)[:, tf.newaxis]
        return tf.tensor_scatter_nd_update(
            begins, words, tf.ones_like(words[:, 0], tf.bool)
        )

    def too_long(current):
        return tf.gather(before, splits[1:]) - tf.gather(before, current) > room

    def body(current, begins):
        # The first word that ends behind what fits begins the next sequence.
        limits = tf.gather(before, current) + room
        following = (
            tf.searchsorted(before, limits, "right", out_type=tf.int64) - 1
        )
        which = too_long(current)
        return tf.where(which, following, current), mark(
            begins, following, which
        )

    begins = mark(
        tf.zeros([total + 1], tf.bool), splits, tf.ones_like(splits, tf.bool)
    )
    _, begins = tf.while_loop(
        lambda current, _: tf.reduce_any(too_long(current)),
        body,
        (splits[:-1], begins),
    )
    return begins[:-1]
