# SPDX-License-Identifier: Apache-2.0
"""Google's ``bert_config.json`` to ``AlbertConfig``.

Source: ``BertConfig``, ``gelu`` and ``get_activation`` of google-research/bert
modeling.py.
"""

from albert.errors import UserError
from albert.interchange.source import config_of_bert
from albert.json_files import read_object

CONFIG_FILE = "bert_config.json"

_SETTINGS = (
    "vocab_size",
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "intermediate_size",
    "hidden_dropout_prob",
    "attention_probs_dropout_prob",
    "max_position_embeddings",
    "type_vocab_size",
    "initializer_range",
)
# Its gelu is the tanh form, as ALBERT's; that of transformers is the other.
_ACTIVATIONS = ("gelu", "relu", "tanh", "linear")


def read(path):
    """Returns the ``AlbertConfig`` of a BERT.

    Args:
      path: str. What the file has besides, as those of the Chinese and
        multilingual models, nothing there reads.

    Raises:
      UserError: damaged, a setting is missing, or one is impossible.
    """
    values = read_object(path, remedy="get it again from the same place")
    missing = [
        name for name in (*_SETTINGS, "hidden_act") if name not in values
    ]
    if missing:
        raise UserError(
            f"{path}: missing key(s) {', '.join(missing)}: get it again"
        )
    if values["hidden_act"] not in _ACTIVATIONS:
        raise UserError(
            f"{path}: hidden_act is {values['hidden_act']!r}: it must be one "
            f"of {', '.join(_ACTIVATIONS)}"
        )
    settings = {name: values[name] for name in (*_SETTINGS, "hidden_act")}
    return config_of_bert(settings, path)
