# SPDX-License-Identifier: Apache-2.0
"""ALBERT in TensorFlow/Keras.

The names below are loaded when they are first used, so that
``import albert`` (and with it ``--help`` and the data workers) does not wait
for TensorFlow.
"""

import importlib

__version__ = "0.1.0"

_HOME_OF_NAME = {
    "AlbertClassifier": "albert.modeling.models",
    "AlbertConfig": "albert.config",
    "AlbertEncoder": "albert.modeling.encoder",
    "AlbertEncoderDecoder": "albert.modeling.encoder_decoder",
    "AlbertMultipleChoice": "albert.modeling.models",
    "AlbertPretrainer": "albert.modeling.models",
    "AlbertSpanPredictor": "albert.modeling.models",
    "AlbertTokenClassifier": "albert.modeling.models",
    "Tokenizer": "albert.text.tokenizer",
    "UserError": "albert.errors",
    "load_tokenizer": "albert.text.tokenizers",
    "load_weights": "albert.interchange.weights",
    "save_weights": "albert.interchange.weights",
}

__all__ = sorted(_HOME_OF_NAME)


def __getattr__(name):
    if name not in _HOME_OF_NAME:
        raise AttributeError(f"module 'albert' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME_OF_NAME[name]), name)


def __dir__():
    return sorted([*globals(), *__all__])
