# SPDX-License-Identifier: Apache-2.0
"""Beam search: exact, deterministic, and the same in any batch."""

import itertools
import types

import keras
import numpy as np
import pytest
import tensorflow as tf

import albert
from albert.text_to_text.decoding import BeamSearch

PAD, CLS, SEP, MASK = 0, 2, 3, 4
TOKENIZER = types.SimpleNamespace(
    pad_id=PAD, cls_id=CLS, sep_id=SEP, mask_id=MASK
)
# What can be written besides [SEP].
PIECES = (1, 5, 6)
VOCABULARY = 7
SOURCES = [[2, 5, 6, 1, 3], [2, 6, 6, 3], [2, 1, 3], [2, 5, 5, 5, 5, 6, 3]]
CONFIG = albert.AlbertConfig(
    vocab_size=VOCABULARY,
    embedding_size=5,
    hidden_size=22,
    num_hidden_layers=2,
    num_attention_heads=2,
    intermediate_size=29,
    max_position_embeddings=13,
    initializer_range=0.5,
)


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(3)
    model = albert.AlbertEncoderDecoder(CONFIG, num_decoder_layers=2)
    # Larger logits, so that hypotheses differ; and targets that end.
    head = model.decoder.output_head
    head.layer_norm.gamma.assign(2.0 * head.layer_norm.gamma)
    head.output_bias.assign(2.5 * tf.one_hot(SEP, VOCABULARY))
    return model


def padded(sources, length=None):
    length = length or max(map(len, sources))
    ids = np.full((len(sources), length), PAD, np.int32)
    for row, source in zip(ids, sources, strict=True):
        row[: len(source)] = source
    return ids, (ids != PAD).astype(np.int32)


def make_search(model, **options):
    settings = {"beam_size": 3, "length_penalty": 0.7, "max_target_length": 11}
    return BeamSearch(model, TOKENIZER, **{**settings, **options})


@pytest.fixture(scope="module")
def log_probs(model):
    """Function of a source and a target to what may follow each piece.

    Returns log-probabilities [T, V], with all sequences of one shape: the
    model is traced once.
    """

    @tf.function
    def forward(**inputs):
        logits = tf.cast(model(inputs)["logits"], tf.float64)
        return tf.nn.log_softmax(logits)

    def compute(source, target):
        input_ids, input_mask = padded([source], 7)
        target_input_ids, _ = padded([[CLS, *target]], 11)
        found = forward(
            input_ids=input_ids,
            input_mask=input_mask,
            target_input_ids=target_input_ids,
        )
        return found[0].numpy()[: len(target) + 1]

    return compute


def score(log_probs, source, target, length_penalty):
    """The score by its formula; ``target`` ends with [SEP]."""
    found = log_probs(source, target[:-1])
    total = found[np.arange(len(target)), target].sum()
    return total / ((5 + len(target)) / (5 + 1)) ** length_penalty


def written(ids):
    """Returns the pieces of a row up to [SEP]; only [PAD] is behind it."""
    row = list(map(int, ids))
    end = row.index(SEP) + 1
    assert set(row[end:]) <= {PAD}
    return row[:end]


# ------------------------------------------------------------------- exactness


@pytest.mark.parametrize("length_penalty", [0.0, 0.7, 3.0])
def test_a_large_beam_is_exhaustive_search(model, log_probs, length_penalty):
    length = 4  # of three pieces and [SEP]: 40 targets
    targets = [
        [*pieces, SEP]
        for number in range(length)
        for pieces in itertools.product(PIECES, repeat=number)
    ]
    search = make_search(
        model,
        beam_size=len(targets),
        num_best=len(targets),
        max_target_length=length,
        length_penalty=length_penalty,
    )
    ids, scores = search(*padded(SOURCES[:2]))
    for row, source in enumerate(SOURCES[:2]):
        expected = {
            tuple(target): score(log_probs, source, target, length_penalty)
            for target in targets
        }
        best = sorted(expected, key=expected.get, reverse=True)
        assert [tuple(written(each)) for each in ids[row]] == best
        wanted = [expected[target] for target in best]
        assert np.abs(scores[row] - wanted).max() < 1e-5


def test_a_beam_of_one_is_greedy_search(model, log_probs):
    length = 11
    ids, scores = make_search(model, beam_size=1)(*padded(SOURCES))
    lengths = set()
    for row, source in enumerate(SOURCES):
        target = []
        while target[-1:] != [SEP]:
            following = log_probs(source, target)[-1]
            allowed = [SEP] if len(target) == length - 1 else [*PIECES, SEP]
            target.append(max(allowed, key=lambda piece: following[piece]))
        assert written(ids[row, 0]) == target
        wanted = score(log_probs, source, target, 0.7)
        assert abs(scores[row, 0] - wanted) < 1e-5
        lengths.add(len(target))
    assert len(lengths) > 1


def reference_search(log_probs, source, beam_size, length_penalty, length):
    """The search in words: a list of hypotheses, sorted in Python."""
    beam, ended = [(0.0, [])], []
    for position in range(length):
        allowed = [SEP] if position == length - 1 else [*PIECES, SEP]
        candidates = []
        for total, target in beam:
            following = log_probs(source, target)[-1]
            candidates += [
                (total + following[piece], [*target, piece])
                for piece in allowed
            ]
        candidates.sort(key=lambda each: -each[0])
        beam, room = [], beam_size - len(ended)
        for total, target in candidates[:room]:
            if target[-1] == SEP:
                divisor = ((5 + len(target)) / 6) ** length_penalty
                ended.append((total / divisor, target))
            else:
                beam.append((total, target))
    return sorted(ended, key=lambda each: -each[0])


@pytest.mark.parametrize("beam_size", [2, 3, 5])
def test_search_as_a_list_in_python(model, log_probs, beam_size):
    search = make_search(model, beam_size=beam_size, num_best=beam_size)
    ids, scores = search(*padded(SOURCES))
    for row, source in enumerate(SOURCES):
        expected = reference_search(log_probs, source, beam_size, 0.7, 11)
        assert len(expected) == beam_size
        assert [written(each) for each in ids[row]] == [
            target for _, target in expected
        ]
        wanted = [each for each, _ in expected]
        assert np.abs(scores[row] - wanted).max() < 1e-5


def test_fewer_of_the_best_are_the_first_of_all(model):
    """Stopping early for the sake of one target does not change it."""
    everything = make_search(model, beam_size=5, num_best=5)(*padded(SOURCES))
    for num_best in (1, 3):
        some = make_search(model, beam_size=5, num_best=num_best)
        for received, expected in zip(
            some(*padded(SOURCES)), everything, strict=True
        ):
            np.testing.assert_array_equal(received, expected[:, :num_best])


# --------------------------------------------------------- batches and padding


def test_a_batch_gives_what_each_source_gives_alone(model):
    search = make_search(model, beam_size=4, num_best=4)
    ids, scores = search(*padded(SOURCES, length=12))
    for row, source in enumerate(SOURCES):
        alone_ids, alone_scores = search(*padded([source]))
        np.testing.assert_array_equal(alone_ids[0], ids[row])
        assert np.abs(alone_scores[0] - scores[row]).max() < 1e-5


def test_equal_scores_have_an_order(model):
    """Pieces with the same embedding and bias are equally likely."""
    table = model.encoder.embeddings.word_embeddings
    before = table.numpy()
    table.assign(before[[0, 1, 2, 3, 4, 1, 1]])
    try:
        search = make_search(model, beam_size=6, num_best=6)
        runs = [search(*padded(SOURCES)) for _ in range(2)]
        np.testing.assert_array_equal(runs[0][0], runs[1][0])
        ids, scores = runs[0]
        found = 0
        for row in range(len(SOURCES)):
            targets = [written(each) for each in ids[row]]
            ties = [
                (first, second)
                for (first, a), (second, b) in itertools.pairwise(
                    zip(targets, scores[row].numpy(), strict=True)
                )
                if a == b and len(first) == len(second)
            ]
            # The lower piece ids come first.
            assert all(first < second for first, second in ties)
            found += len(ties)
        assert found > 3
    finally:
        table.assign(before)


def test_what_is_written(model):
    search = make_search(model, beam_size=7, num_best=7)
    ids, scores = (each.numpy() for each in search(*padded(SOURCES)))
    assert ids.dtype == np.int32 and scores.dtype == np.float32
    assert ids.shape == (4, 7, 11) and scores.shape == (4, 7)
    targets = [[written(each) for each in row] for row in ids]
    for row in targets:
        assert {piece for target in row for piece in target} <= {*PIECES, SEP}
        assert len(set(map(tuple, row))) == len(row)
    assert (np.diff(scores) <= 0).all()


def test_more_than_there_are(model):
    """Of one position there is one target, which is empty."""
    search = make_search(model, beam_size=3, num_best=3, max_target_length=1)
    ids, scores = search(*padded(SOURCES))
    assert ids.numpy().tolist() == [[[SEP], [PAD], [PAD]]] * 4
    assert np.isfinite(scores[:, 0]).all()
    assert (scores.numpy()[:, 1:] == -np.inf).all()


# ---------------------------------------------------------------- when it ends


class Counted:
    """Model whose targets are likely to end, and that counts positions."""

    config = CONFIG

    def __init__(self, ending):
        self._ending = ending
        self.positions = tf.Variable(0)

    def encode(self, inputs):
        return inputs["input_ids"]

    def empty_caches(self, num_sequences):
        return [tf.zeros((num_sequences, 0))]

    def extend(self, piece_ids, position, caches, encoded):
        self.positions.assign_add(1)
        logits = tf.one_hot(SEP, VOCABULARY) * self._ending
        shape = tf.stack([*tf.unstack(tf.shape(piece_ids)), VOCABULARY])
        caches = [tf.pad(cache, [[0, 0], [0, 1]]) for cache in caches]
        return tf.broadcast_to(logits, shape), caches


@pytest.mark.parametrize(
    ("ending", "num_best", "positions"),
    [
        # Ends at once, and nothing else can be as likely.
        (9.0, 1, 1),
        # Three targets: the empty one, and two of one piece.
        (9.0, 3, 2),
        # Never likely to end: as far as it goes.
        (-30.0, 1, 11),
    ],
)
def test_search_ends_when_nothing_can_improve(ending, num_best, positions):
    model = Counted(ending)
    search = make_search(
        model, beam_size=3, num_best=num_best, length_penalty=0.2
    )
    search(*padded(SOURCES))
    assert model.positions == positions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_best": 4}, "num_best is 4: a beam of 3"),
        ({"max_target_length": 14}, "max_target_length is 14: .* 13 positions"),
    ],
)
def test_impossible_searches(model, options, message):
    with pytest.raises(albert.UserError, match=message):
        make_search(model, **options)
