# SPDX-License-Identifier: Apache-2.0
"""Turns texts into vectors with the encoder of a model.

Letters: N texts, H hidden width.
"""

import os

import numpy as np
from absl import logging

from albert.modeling.pooling import PooledEncoder
from albert.prediction.row_predictions import Counts
from albert.prediction.row_predictions import compute
from albert.records import batch_plan
from albert.tasks import metrics
from albert.tasks import sequences
from albert.tasks.features import Features
from albert.training.inference_loop import InferenceLoop

# Of a directory of sentence-transformers, the steps from texts to vectors.
_MODULES_FILE = "modules.json"


def warn_of_modules(path):
    """Warns of a directory that says how vectors are made, which is not read.

    Args:
      path: str, of a model.
    """
    file = os.path.join(path, _MODULES_FILE)
    if os.path.exists(file):
        logging.warning(
            "%s says how sentence-transformers makes vectors, and is not read "
            "here: give the same pooling, normalisation and length",
            file,
        )


class Embedder:
    """Turns texts into vectors, those of like length together.

    Args:
      network: ``AlbertEncoder``, or a model with one.
      tokenizer: its tokenizer.
      strategy: ``tf.distribute.Strategy`` of one device, or that the network
        was made under.
      max_seq_length: int, pieces that texts are cut at, [CLS] and [SEP]
        counted.
      batch_size: int; nothing depends on it.
      pooling, normalize: as of ``PooledEncoder``.
      jit_compile: bool, whether XLA compiles it.

    Attributes:
      counts: ``Counts``, of all texts so far.
      width: int, H.
    """

    def __init__(
        self,
        network,
        tokenizer,
        strategy,
        max_seq_length,
        batch_size,
        *,
        pooling="mean",
        normalize=False,
        jit_compile=False,
    ):
        self.counts = Counts()
        self._tokenizer = tokenizer
        self._lengths = batch_plan.padded_lengths(
            max_seq_length, "few" if jit_compile else "many"
        )
        self._batch_size = batch_size
        encoder = getattr(network, "encoder", network)
        self._loop = InferenceLoop(
            PooledEncoder(encoder, pooling, normalize),
            None,
            strategy,
            jit_compile=jit_compile,
        )
        self.width = encoder.config.hidden_size

    def embed(self, texts):
        """Turns texts into vectors.

        Args:
          texts: list of N str.

        Returns:
          float32 [N, H], in the order of the texts.

        Raises:
          UserError: the model's outputs are not finite.
        """
        if not texts:
            return np.zeros((0, self.width), np.float32)
        pieces = sequences.encode(self._tokenizer, texts)
        kept = np.minimum(pieces.lengths, self._lengths[-1] - 2)
        self.counts.rows += len(texts)
        self.counts.cut += int((kept < pieces.lengths).sum())
        self.counts.empty += int((pieces.lengths == 0).sum())
        features = Features(
            *sequences.assemble(self._tokenizer, pieces.first(kept), None)
        )
        outputs = compute(self._loop, features, self._lengths, self._batch_size)
        metrics.check_finite(outputs["vectors"])
        return outputs["vectors"]
