# SPDX-License-Identifier: Apache-2.0
"""The tags of a graph are those of ``tag_schemes.to_bio``, of any scheme."""

import itertools

import pytest
import tensorflow as tf

from albert.export.serving_tagging import GraphBio
from albert.tasks import tag_schemes

# The prefixes of each scheme; of some, a set without B- or without O.
LABELS = {
    "IOB2": ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"],
    "IO": ["O", "I-PER", "I-LOC"],
    "IOB1 that never saw B-PER": ["O", "I-PER", "B-LOC", "I-LOC"],
    "BIOES": ["O", "B-PER", "I-PER", "E-PER", "S-PER", "S-LOC"],
    "BILOU": ["O", "B-PER", "I-PER", "L-PER", "U-PER"],
    "BMES": ["B-PER", "M-PER", "E-PER", "S-PER", "W-PER"],
    "plain": ["NOUN", "VERB", "I", "B"],
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_every_pair_and_triple_of_labels(labels):
    sentences = [
        list(tags)
        for length in (1, 2, 3)
        for tags in itertools.product(range(len(labels)), repeat=length)
    ]
    wanted = [
        tag
        for tags in sentences
        for tag in tag_schemes.to_bio([labels[i] for i in tags])
    ]
    found = tf.function(GraphBio(labels).rewrite)(
        tf.constant(list(itertools.chain(*sentences)), tf.int32),
        tf.constant(
            [i for i, tags in enumerate(sentences) for _ in tags], tf.int64
        ),
    )
    assert [tag.decode() for tag in found.numpy()] == wanted


def test_no_words():
    found = GraphBio(LABELS["IO"]).rewrite(
        tf.zeros([0], tf.int32), tf.zeros([0], tf.int64)
    )
    assert found.shape == (0,)
