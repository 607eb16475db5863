# SPDX-License-Identifier: Apache-2.0
"""Factorises embeddings to a smaller width by truncated SVD.

Letters: F width of the embeddings, E the smaller width, H hidden width.

A layer of embeddings computes, of one row of each table (word, token type,
position),

    LayerNorm(word + type + position) · projection + bias,

where a BERT has no projection. Layer normalisation stands before the
projection, so that to factorise the table of words alone would change what is
normalised. But it is indifferent to two things, and nothing else is lost than
what a rank below F loses:

* It takes off each row's mean, so the tables may be centred: no row then has
  a component along the vector of ones, and one of E directions cannot be used
  either. A width E holds the rank E - 1.
* It divides by the length of the centred sum, and projection onto orthonormal
  directions keeps lengths. So all tables are projected onto the same E - 1
  directions, and these onto an orthonormal basis of the centred vectors of
  width E. The new normalisation, without scale and shift, then gives the
  direction of the sum, and the new projection does the rest: the basis back,
  the old scale (times √(F / E), as a normalised vector has the length √width),
  and the old projection. The old shift goes into the bias.

A sum that lies in the E - 1 directions is mapped exactly as before. The
directions are those that keep most of the mean square of the sum, of a row
drawn evenly of each table: the eigenvectors of its second moment. They are the
right singular vectors of the tables one above the other, each without its mean
row and divided by the root of its number of rows, above the sum of the means.

The masked-LM head,

    LayerNorm(activation(h · transform + bias)) · wordsᵀ,

whose width is that of the embeddings, is projected likewise: its outputs
before the table onto the coordinates of the words. The activation is computed
after the projection then, which makes this an approximation; yet it is far
better than a new head.
"""

import dataclasses

import numpy as np

TABLES = ("word_embeddings", "token_type_embeddings", "position_embeddings")


@dataclasses.dataclass(frozen=True)
class Embeddings:
    """Values of a layer of embeddings and of what projects them.

    Attributes:
      tables: dict of name to array [rows, F].
      gamma, beta: arrays [F], of layer normalisation.
      kernel: array [F, H], the projection; the identity where there is none.
      bias: array [H].
    """

    tables: dict
    gamma: np.ndarray
    beta: np.ndarray
    kernel: np.ndarray
    bias: np.ndarray


@dataclasses.dataclass(frozen=True)
class Head:
    """Values of the masked-LM head up to the table of words.

    Attributes:
      kernel, bias: arrays [H, F] and [F], the transform.
      gamma, beta: arrays [F], of layer normalisation.
    """

    kernel: np.ndarray
    bias: np.ndarray
    gamma: np.ndarray
    beta: np.ndarray


@dataclasses.dataclass(frozen=True)
class Factorization:
    """Embeddings of a smaller width.

    Attributes:
      embeddings: ``Embeddings`` of width E.
      projection: array [F, E], from the old rows to the new ones.
      kept: dict of table to the share of its variance that is kept: of the
        sum of the squares of its centred rows.
    """

    embeddings: Embeddings
    projection: np.ndarray
    kept: dict


def largest_width(width, num_rows):
    """Returns the largest width to factorise to.

    Args:
      width: int, F.
      num_rows: int, rows of all tables together.
    """
    # Centred rows have one direction less than their width.
    return min(width - 1, num_rows + 1)


def factorize(embeddings, width):
    """Factorises embeddings.

    Args:
      embeddings: ``Embeddings``.
      width: int, E, from 2 to ``largest_width``.

    Returns:
      ``Factorization``.
    """
    old_width = embeddings.gamma.shape[0]
    centred = {
        name: _centred(np.asarray(table, np.float64))
        for name, table in embeddings.tables.items()
    }
    # Ascending eigenvalues.
    _, directions = np.linalg.eigh(_second_moment(list(centred.values())))
    directions = directions[:, :-width:-1]  # [F, E - 1]
    directions = directions * _signs(directions)
    projection = directions @ _centred_basis(width)  # [F, E]
    tables = {name: table @ projection for name, table in centred.items()}
    kept = {
        name: float(np.sum(tables[name] ** 2) / np.sum(table**2))
        if table.any()
        else 1.0
        for name, table in centred.items()
    }
    kernel = np.asarray(embeddings.kernel, np.float64)
    scale = np.sqrt(old_width / width)
    new_kernel = (projection.T * embeddings.gamma) @ kernel * scale
    factorized = Embeddings(
        tables={
            name: table.astype(np.float32) for name, table in tables.items()
        },
        gamma=np.ones(width, np.float32),
        beta=np.zeros(width, np.float32),
        kernel=new_kernel.astype(np.float32),
        bias=(embeddings.beta @ kernel + embeddings.bias).astype(np.float32),
    )
    return Factorization(factorized, projection, kept)


def project_head(head, projection):
    """Returns the ``Head`` of the new width.

    Args:
      head: ``Head``.
      projection: array [F, E], of ``Factorization``.
    """
    width = projection.shape[1]
    scaled = np.asarray(head.gamma, np.float64)[:, np.newaxis] * projection
    # A normalised vector keeps the length that the scale gave it, but for
    # what is projected away of it.
    scale = np.sqrt(np.mean(np.square(head.gamma)))
    return Head(
        kernel=(head.kernel @ scaled).astype(np.float32),
        bias=(head.bias @ scaled).astype(np.float32),
        gamma=np.full(width, scale, np.float32),
        beta=(head.beta @ projection).astype(np.float32),
    )


def _centred(rows):
    return rows - rows.mean(axis=-1, keepdims=True)


def _second_moment(tables):
    """Returns E[s · sᵀ] of the sum s of a row of each table: [F, F]."""
    means = [table.mean(axis=0) for table in tables]
    mean = sum(means)
    return np.outer(mean, mean) + sum(
        table.T @ table / len(table) - np.outer(each, each)
        for table, each in zip(tables, means, strict=True)
    )


def _signs(directions):
    """Returns signs that make each column's largest entry positive.

    Libraries of linear algebra do not agree on them.
    """
    largest = np.abs(directions).argmax(axis=0)
    return np.sign(directions[largest, range(directions.shape[1])])


def _centred_basis(width):
    """Returns an orthonormal basis of the centred vectors: [E - 1, E].

    The waves of the cosine transform but the constant one. Each is spread over
    all entries, so that these are of like size, as those of trained tables.
    """
    waves, places = np.arange(1, width), np.arange(width)
    return np.sqrt(2 / width) * np.cos(
        np.pi / width * np.outer(waves, places + 0.5)
    )
