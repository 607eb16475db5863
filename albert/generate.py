# SPDX-License-Identifier: Apache-2.0
"""Writes text in the places of masks, by sampling from a pretrained model.

    albert generate MODEL_DIR "The [MASK] [MASK] of the house was open."

Twenty pieces after a beginning:

    albert generate MODEL_DIR "Once upon a time" --length=20
"""

import numpy as np

from albert import command_line
from albert.errors import UserError
from albert.fill_mask import MASK
from albert.fill_mask import check_lengths
from albert.fill_mask import encode_masked
from albert.fill_mask import load
from albert.flag_groups import FlagGroup
from albert.flag_parsers import LARGEST_SEED
from albert.flag_parsers import LONGEST_SEQUENCE

POSITIONAL = ("MODEL_DIR", "TEXT...")
# Samples that are computed together.
_BATCH = 64


def sample_masks(
    model,
    tokenizer,
    rows,
    *,
    num_samples,
    num_sweeps=10,
    temperature=1.0,
    top_k=0,
    seed=0,
):
    """Samples pieces for the masks of some sequences, by Gibbs sampling.

    All places start masked. A sweep visits each of them once, in random
    order: the place is masked, and a piece is drawn from what the model
    predicts there of all the other pieces, those of the other places as they
    are by then (Wang and Cho 2019, arXiv 1902.04094). A model's predictions
    need not be the conditional distributions of any joint one, as that paper
    supposed and Cho has corrected: more sweeps need not lead anywhere.

    Args:
      model: ``AlbertPretrainer``.
      tokenizer: its tokenizer.
      rows: list of lists of ids as ``encode_masked`` returns them.
      num_samples: int, of each row.
      num_sweeps: int.
      temperature: float above 0; the logits are divided by it.
      top_k: int, the number of likeliest pieces that are drawn from; 0 is
        all. Special pieces are never drawn.
      seed: int. A sample depends on it, and on the numbers of the row and the
        sample, not on how many others there are.

    Returns:
      list, for each row a list of ``num_samples`` lists of ids.

    Raises:
      UserError: a row is longer than the model's positions.
    """
    check_lengths(model, rows)
    samples = [(i, j) for i in range(len(rows)) for j in range(num_samples)]
    plans = [
        _plan(
            np.flatnonzero(np.equal(rows[i], tokenizer.mask_id)),
            num_sweeps,
            np.random.default_rng((seed, i, j)),
        )
        for i, j in samples
    ]
    arrays = (
        _padded([rows[i] for i, _ in samples], np.int32),
        _padded([[1] * len(rows[i]) for i, _ in samples], np.int32),
        _padded([places for places, _ in plans], np.int32),
        _padded([draws for _, draws in plans], np.float32),
    )
    visit_all = _compile(model, tokenizer, temperature, top_k)
    sampled = [
        row[: len(rows[i])].tolist()
        for start in range(0, len(samples), _BATCH)
        for (i, _), row in zip(
            samples[start : start + _BATCH],
            visit_all(*(x[start : start + _BATCH] for x in arrays)).numpy(),
            strict=True,
        )
    ]
    return [
        sampled[start : start + num_samples]
        for start in range(0, len(samples), num_samples)
    ]


def _plan(places, num_sweeps, rng):
    """Draws the places of all visits, and a number for each of them.

    Returns:
      int [T] and float32 [T], in [0, 1): what decides the piece.
    """
    visits = [rng.permutation(places) for _ in range(num_sweeps)]
    places = np.concatenate(visits)
    return places, rng.random(len(places), np.float32)


def _padded(values, dtype):
    padded = np.zeros((len(values), max(map(len, values))), dtype)
    for row, each in zip(padded, values, strict=True):
        row[: len(each)] = each
    return padded


def _compile(model, tokenizer, temperature, top_k):
    """Returns a function that makes all visits of a batch.

    Letters: B samples, S positions, T visits.

    Returns:
      function of ids int32 [B, S], mask int32 [B, S], places int32 [B, T],
      where 0, the place of [CLS], is no visit, and draws float32 [B, T], to
      the ids in the end.
    """
    import tensorflow as tf

    allowed = tf.constant(tokenizer.replacement_ids())
    num_likeliest = min(top_k or len(allowed), len(allowed))

    def draw(logits, draws):
        likeliest, order = tf.math.top_k(
            tf.gather(logits, allowed, axis=1) / temperature, num_likeliest
        )
        cumulative = tf.cumsum(tf.nn.softmax(likeliest), axis=1)
        below = cumulative <= draws[:, tf.newaxis] * cumulative[:, -1:]
        slots = tf.reduce_sum(tf.cast(below, tf.int32), axis=1)
        slots = tf.minimum(slots, num_likeliest - 1)  # of what was rounded
        return tf.gather(allowed, tf.gather(order, slots, batch_dims=1))

    def visit(ids, mask, places, draws):
        cells = tf.stack([tf.range(tf.shape(ids)[0]), places], axis=1)
        masks = tf.fill(tf.shape(places), tokenizer.mask_id)
        outputs = model(
            {
                "input_ids": tf.tensor_scatter_nd_update(ids, cells, masks),
                "input_mask": mask,
                "masked_lm_positions": places[:, tf.newaxis],
            }
        )
        drawn = draw(outputs["masked_lm_logits"][:, 0], draws)
        pieces = tf.where(places > 0, drawn, ids[:, 0])
        return tf.tensor_scatter_nd_update(ids, cells, pieces)

    def visit_all(ids, mask, places, draws):
        _, ids = tf.while_loop(
            lambda step, _: step < tf.shape(places)[1],
            lambda step, ids: (
                step + 1,
                visit(ids, mask, places[:, step], draws[:, step]),
            ),
            (0, ids),
        )
        return ids

    types = (tf.int32, tf.int32, tf.int32, tf.float32)
    # Of any shape, so that the last batch needs no other graph.
    return tf.function(
        visit_all,
        input_signature=[tf.TensorSpec((None, None), each) for each in types],
        autograph=False,
    )


def define_flags(fv):
    """Defines the command's flags."""
    text = FlagGroup(fv, "Text")
    text.integer(
        "length",
        0,
        f"Masks that are put after each text, besides its own {MASK}.",
        lower_bound=0,
        upper_bound=LONGEST_SEQUENCE,
    )
    text.integer(
        "num_samples",
        5,
        "Samples of each text, one a line.",
        lower_bound=1,
        upper_bound=1000,
    )
    sampling = FlagGroup(fv, "Sampling")
    sampling.integer(
        "num_sweeps",
        10,
        "How often each mask is filled, every time by what the others are.",
        lower_bound=1,
        upper_bound=1000,
    )
    sampling.real(
        "temperature",
        1.0,
        "Divides the logits: below 1 likely pieces become likelier.",
        lower_bound=0.01,
        upper_bound=100.0,
    )
    sampling.integer(
        "top_k",
        0,
        "Draw from so many of the likeliest pieces; 0 for all of them.",
        lower_bound=0,
        upper_bound=1 << 24,
    )
    sampling.integer(
        "seed",
        0,
        "Seed of the order of the visits and of the pieces.",
        lower_bound=0,
        upper_bound=LARGEST_SEED,
    )


def main(fv, directory, texts):
    """Prints samples of every text."""
    if not (texts or fv.length):
        raise UserError(
            f'nothing to write: give a text with "{MASK}" in it, or --length'
        )
    for text in texts:
        if MASK not in text and not fv.length:
            raise UserError(
                f"no {MASK} in {text!r}: write {MASK} where pieces are to "
                "stand, or give the --length of what is to follow"
            )
    model, tokenizer = load(directory)
    rows = [
        encode_masked(tokenizer, text + MASK * fv.length)
        for text in texts or [""]
    ]
    for samples in sample_masks(
        model,
        tokenizer,
        rows,
        num_samples=fv.num_samples,
        num_sweeps=fv.num_sweeps,
        temperature=fv.temperature,
        top_k=fv.top_k,
        seed=fv.seed,
    ):
        for ids in samples:
            print(tokenizer.decode(ids[1:-1]))


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
