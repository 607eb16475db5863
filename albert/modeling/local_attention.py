# SPDX-License-Identifier: Apache-2.0
"""Starts a model from random weights whose heads look at their neighbours.

With the original's random weights every piece looks at all others alike, and a
model learns which words occur together long before it learns where they stand:
what a query and a key know of positions is faint from the start, and drowns in
the embeddings of words as these grow. Here the model and its variables are the
same; only what they are at first differs. That attention begins as a
convolution is from d'Ascoli et al. 2021 (ConViT), that queries and keys are
made of one another, with sinusoids as positions, from Trockman and Kolter 2023
(Mimetic Initialization of Self-Attention Layers); which dimensions hold
positions, how large they are, and the offsets are this project's.

Letters: E width of the embeddings, H of the layers, D of a head, N heads,
F frequencies.
"""

import itertools

import numpy as np

# Of E, the part that begins with positions alone.
_SHARE_OF_POSITIONS = 0.25
# Root mean square of a position in its dimensions. Embeddings of words grow to
# about 0.1 in training: positions of 0.02, the original's, vanish beside them.
_POSITION_SIZE = 0.15
# Of the frequencies, in radians a piece: half of what a position can have, so
# that the pieces beside the one that is looked at are seen, too.
_HIGHEST_FREQUENCY = np.pi / 2
# The score of the piece that a head looks at, before the softmax. It is weaker
# a piece further (0.64 of it), and 0 two pieces further.
_PEAK_SCORE = 4.0
# Where the heads look, the first at the piece before. Further ones begin as in
# the original.
OFFSETS = (-1, 1, -2, 2, -3, 3, -4, 4)


def refusal(config):
    """Returns why a model cannot begin so: str, None where it can.

    Args:
      config: ``AlbertConfig``.
    """
    if config.position_embedding != "learned":
        return f"its positions are {config.position_embedding}, not learned"
    if config.embedding_size > config.hidden_size:
        return (
            f"its embeddings are wider ({config.embedding_size}) than its "
            f"layers ({config.hidden_size})"
        )
    if not _num_frequencies(config):
        return "its embeddings or heads are too narrow"
    return None


def initialize(encoder):
    """Gives an encoder with random weights heads that look at neighbours.

    The first F pairs of dimensions of the embeddings become the sines and
    cosines of the position, and are 0 in the embeddings of words. The
    projection to the layers is made larger, so that they read values of size 1,
    as each layer does of the one before. Queries and keys get what reads the
    pairs back; the queries' pairs are turned, so that the score of a head is
    highest at its offset. The first position, that of [CLS], gets none: it is
    to know the whole text, and begins by seeing all of it alike. Everything
    else stays. Nothing is drawn: it depends on the weights that the encoder
    has.

    Args:
      encoder: ``AlbertEncoder`` of a configuration without ``refusal``.
    """
    config = encoder.config
    pairs = _num_frequencies(config)
    frequencies = _HIGHEST_FREQUENCY * (np.arange(pairs) + 0.5) / pairs
    embeddings = encoder.embeddings

    words = embeddings.word_embeddings.numpy()
    words[:, : 2 * pairs] = 0.0
    embeddings.word_embeddings.assign(words)
    positions = np.zeros(embeddings.position_embeddings.shape, np.float32)
    angles = np.arange(len(positions))[:, np.newaxis] * frequencies
    amplitude = np.sqrt(2.0) * _POSITION_SIZE
    positions[:, 0 : 2 * pairs : 2] = amplitude * np.sin(angles)
    positions[:, 1 : 2 * pairs : 2] = amplitude * np.cos(angles)
    positions[0] = 0.0  # [CLS] begins by looking at all alike.
    embeddings.position_embeddings.assign(positions)
    # Embeddings are normalised before the projection.
    size = np.sqrt(np.mean(words**2) + np.mean(positions**2))

    read_back = np.eye(config.embedding_size)
    if encoder.embedding_projection is not None:
        kernel = encoder.embedding_projection.kernel
        projection = kernel.numpy()
        projection /= np.sqrt(config.embedding_size * np.mean(projection**2))
        kernel.assign(projection)
        read_back = np.linalg.pinv(projection)  # [H, E]

    width = config.hidden_size // config.num_attention_heads  # D
    strength = np.sqrt(_PEAK_SCORE * np.sqrt(width) / pairs)
    read_back = read_back[:, : 2 * pairs] * strength * size / amplitude
    for attention in itertools.chain(*encoder.attentions):
        query = attention.query.kernel.numpy()
        key = attention.key.kernel.numpy()
        for head, offset in enumerate(OFFSETS[: config.num_attention_heads]):
            place = slice(head * width, head * width + 2 * pairs)
            key[:, place] += read_back
            query[:, place] += read_back @ _turn(offset * frequencies)
        attention.query.kernel.assign(query)
        attention.key.kernel.assign(key)


def _num_frequencies(config):
    """Returns F: of E, the share of positions, but no more than a head has."""
    width = config.hidden_size // config.num_attention_heads
    share = int(_SHARE_OF_POSITIONS * config.embedding_size)
    return min(share, width) // 2


def _turn(angles):
    """Returns the matrix that adds angles to pairs of sine and cosine.

    Args:
      angles: float [F], one for each pair.

    Returns:
      float [2F, 2F]; a row (sin a, cos a, …) times it is
      (sin(a + angle), cos(a + angle), …).
    """
    matrix = np.zeros((2 * len(angles), 2 * len(angles)))
    for pair, angle in enumerate(angles):
        place = slice(2 * pair, 2 * pair + 2)
        matrix[place, place] = [
            [np.cos(angle), -np.sin(angle)],
            [np.sin(angle), np.cos(angle)],
        ]
    return matrix
