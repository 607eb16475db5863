# SPDX-License-Identifier: Apache-2.0
"""Loads a model with all that it needs to answer texts."""

import os

from absl import logging

from albert.answering.arguments import check_number
from albert.answering.loaded_model import LoadedModel
from albert.embedding.embedder import warn_of_modules
from albert.errors import UserError
from albert.export import source_models
from albert.interchange.starting_point import open_starting_point
from albert.training import distribution
from albert.training.options import DTYPE_POLICIES


def load(
    path: str | os.PathLike,
    *,
    max_seq_length: int | None = None,
    batch_size: int = 32,
    dtype: str = "float32",
) -> LoadedModel:
    """Loads a model, with its tokenizer, labels and settings.

    Args:
      path: a model directory, or what else ``albert convert`` reads: of
        Google, Hugging Face or KerasHub, or a name such as
        "hf://albert/albert-base-v2".
      max_seq_length: pieces that texts are cut at, or, of answers, windows
        have. Default: those of the training, else 128.
      batch_size: sequences that are computed together. Nothing depends on it.
      dtype: "float32", or "bfloat16" for quicker and coarser computation.

    Returns:
      ``LoadedModel``.

    Raises:
      UserError: there is no model, or one without a configuration or a
        tokenizer.

    Example:
      >>> import albert
      >>> pieces = "[PAD] [UNK] [CLS] [SEP] [MASK] cat ##s .".split()
      >>> with open("vocab.txt", "w") as file:
      ...     print(*pieces, sep="\\n", file=file)
      >>> tokenizer = albert.load_tokenizer("vocab.txt")
      >>> config = albert.AlbertConfig.named("tiny", vocab_size=len(pieces))
      >>> network = albert.AlbertPretrainer(config)
      >>> lost = albert.save_weights(network, "cats", "model_dir", tokenizer)
      >>> model = albert.load("cats")
      >>> model.methods
      ['fill_mask', 'score', 'embed']
      >>> len(model.fill_mask("Cats [MASK].", top_k=3)[0].pieces)
      3
    """
    if not path:
        raise UserError("albert.load: give the path of a model")
    if dtype not in DTYPE_POLICIES:
        raise UserError(
            f"dtype is {dtype!r}: give one of {', '.join(DTYPE_POLICIES)}"
        )
    check_number("batch_size", batch_size)
    if max_seq_length is not None:
        check_number("max_seq_length", max_seq_length)
    start = open_starting_point(path)
    warn_of_modules(os.fspath(path))
    strategy = distribution.start(batch_size, name="one_device")
    # Not in its scope: Keras's fit() would refuse the network outside of it.
    source = source_models.load(
        start,
        model=source_models.find_model(start),
        max_seq_length=max_seq_length,
        dtype=DTYPE_POLICIES[dtype],
        needs_pooler=False,
    )
    if source.fresh:
        logging.warning(
            "%s has no weights for %s: in model.network they are random, and "
            "no answer depends on them",
            path,
            ", ".join(source.fresh),
        )
    return LoadedModel(os.fspath(path), source, strategy, batch_size)
