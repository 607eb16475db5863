# SPDX-License-Identifier: Apache-2.0
"""ALBERT in TensorFlow/Keras.

The names below are loaded when they are first used, so that
``import albert`` (and with it ``--help`` and the data workers) does not wait
for TensorFlow.
"""

import importlib
import importlib.abc
import importlib.machinery
import sys

__version__ = "0.1.0"

_HOME_OF_NAME = {
    "AlbertClassifier": "albert.modeling.models",
    "AlbertConfig": "albert.config",
    "AlbertEncoder": "albert.modeling.encoder",
    "AlbertEncoderDecoder": "albert.modeling.encoder_decoder",
    "AlbertMultipleChoice": "albert.modeling.models",
    "AlbertPretrainer": "albert.modeling.models",
    "AlbertSpanPredictor": "albert.modeling.span_predictor",
    "AlbertTokenClassifier": "albert.modeling.models",
    "Tokenizer": "albert.text.tokenizer",
    "UserError": "albert.errors",
    "load": "albert.answering.loading",
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


class _BehindKeras(importlib.abc.MetaPathFinder):
    """Imports the models as soon as Keras is there.

    Keras finds the classes of a `.keras` file among those that are registered,
    and nothing but their import registers them.
    """

    def find_spec(self, name, path, target=None):
        """Returns how Keras is imported, and the models behind it."""
        if name != "keras":
            return None
        specification = importlib.machinery.PathFinder.find_spec(name, path)
        if specification is None or specification.loader is None:
            return specification
        execute = specification.loader.exec_module

        def exec_module(module):
            if self in sys.meta_path:
                sys.meta_path.remove(self)
            execute(module)
            importlib.import_module("albert.modeling.registered")

        specification.loader.exec_module = exec_module
        return specification


if sys.modules.get("keras"):
    importlib.import_module("albert.modeling.registered")
else:
    sys.meta_path.insert(0, _BehindKeras())
