# SPDX-License-Identifier: Apache-2.0
"""Draws which pieces of a source a model looks at while it writes."""

import io

import numpy as np

_SPACE_MARK = "\u2581"  # of SentencePiece
_INCHES_PER_PIECE = 0.32
_MOST_INCHES = 40


def align(model, source_ids, target_ids, start_id):
    """Returns how much each target piece looks at each of the source.

    Args:
      model: ``AlbertEncoderDecoder``.
      source_ids: list of S int, [CLS] … [SEP].
      target_ids: list of T int, … [SEP].
      start_id: int, that of [CLS], with which a target begins.

    Returns:
      float32 [T, S], means over all layers and heads; rows sum to 1.
    """
    weights = model.cross_attention(
        {
            "input_ids": np.array([source_ids], np.int32),
            "input_mask": np.ones((1, len(source_ids)), np.int32),
            "target_input_ids": np.array(
                [[start_id, *target_ids[:-1]]], np.int32
            ),
        }
    )
    return np.asarray(weights)[0].mean(axis=(0, 1))


def draw(weights, source_pieces, target_pieces):
    """Draws an alignment as PNG: a row for each piece that was written.

    Args:
      weights: float [T, S], of ``align``.
      source_pieces: list of S str.
      target_pieces: list of T str.

    Returns:
      bytes, a .png file.
    """
    from matplotlib.figure import Figure

    width, height = (
        min(2 + _INCHES_PER_PIECE * len(pieces), _MOST_INCHES)
        for pieces in (source_pieces, target_pieces)
    )
    figure = Figure(figsize=(width + 1, height), layout="constrained")
    axis = figure.subplots()
    image = axis.imshow(weights, cmap="Blues", vmin=0, aspect="auto")
    figure.colorbar(image, ax=axis, label="share of the attention")
    axis.set_xticks(
        range(len(source_pieces)), _labels(source_pieces), rotation=90
    )
    axis.set_yticks(range(len(target_pieces)), _labels(target_pieces))
    axis.set(xlabel="source", ylabel="written")
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()


def _labels(pieces):
    # "$" would begin a formula, and the font may lack the mark of a space.
    return [
        piece.replace(_SPACE_MARK, "_").replace("$", r"\$") for piece in pieces
    ]
