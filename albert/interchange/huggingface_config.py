# SPDX-License-Identifier: Apache-2.0
"""``config.json`` of transformers to ``AlbertConfig`` and back.

Source: configuration_albert.py and activations.py of transformers 5.
"""

from albert.errors import UserError
from albert.heads import HEADS
from albert.heads import HEADS_OF_WEIGHTS
from albert.interchange import task_description
from albert.interchange.source import check_positions_of_peer
from albert.interchange.source import config_of_peer
from albert.interchange.source import groups_of_peer
from albert.modeling.layers import EPSILON

# Its defaults, for a file that leaves a setting out.
_DEFAULTS = {
    "vocab_size": 30000,
    "embedding_size": 128,
    "hidden_size": 4096,
    "num_hidden_layers": 12,
    "num_hidden_groups": 1,
    "num_attention_heads": 64,
    "intermediate_size": 16384,
    "inner_group_num": 1,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "initializer_range": 0.02,
}
_DEFAULT_ACTIVATION = "gelu_new"
_DEFAULT_CLASSIFIER_DROPOUT = 0.1

# The tanh form has several names there; "gelu" is the erf form.
_ACTIVATIONS = {
    "gelu_new": "gelu",
    "gelu_pytorch_tanh": "gelu",
    "gelu_accurate": "gelu",
    "gelu_fast": "gelu",
    "gelu": "gelu_erf",
    "gelu_python": "gelu_erf",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}
_OUR_ACTIVATIONS = {
    "gelu": "gelu_new",
    "gelu_erf": "gelu",
    "relu": "relu",
    "tanh": "tanh",
    "linear": "linear",
}

# Settings that change what a model computes, at the values ALBERT has.
_FIXED = {
    "model_type": ("albert",),
    "layer_norm_eps": (EPSILON,),
    "position_embedding_type": ("absolute",),
    "tie_word_embeddings": (True,),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "is_encoder_decoder": (False,),
    "pruned_heads": ({}, None),
    "quantization_config": (None,),
}


def from_values(values, path):
    """Translates a ``config.json``.

    Args:
      values: dict, what the file holds. Settings that do not decide the
        model (names of labels, versions, …) are left aside.
      path: str, for messages.

    Returns:
      (``AlbertConfig``, head or None, classifier_dropout): head is one of
      ``HEADS_OF_WEIGHTS``, by the file's ``architectures``.

    Raises:
      UserError: a setting that ALBERT does not have or that is impossible.
    """
    for key, allowed in _FIXED.items():
        value = values.get(key, allowed[0])
        if not any(value is each or value == each for each in allowed):
            raise UserError(
                f"{path}: {key} is {value!r}, ALBERT's is {allowed[0]!r}: this "
                "model cannot be expressed here"
            )
    activation = values.get("hidden_act", _DEFAULT_ACTIVATION)
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise UserError(
            f"{path}: hidden_act is {activation!r}: it must be one of "
            f"{', '.join(_ACTIVATIONS)}"
        )
    settings = {name: values.get(name, _DEFAULTS[name]) for name in _DEFAULTS}
    # Missing here means the other dropout, as in modeling_albert.py.
    dropout = values.get("classifier_dropout_prob", _DEFAULT_CLASSIFIER_DROPOUT)
    if dropout is None:
        dropout = settings["hidden_dropout_prob"]
    if (
        isinstance(dropout, bool)
        or not isinstance(dropout, (int, float))
        or not 0.0 <= dropout < 1.0
    ):
        raise UserError(
            f"{path}: classifier_dropout_prob is {dropout!r}: it must be in "
            "[0, 1)"
        )
    for name in ("num_hidden_layers", "num_hidden_groups"):
        if type(settings[name]) is not int or settings[name] < 1:
            raise UserError(
                f"{path}: {name} is {settings[name]!r}: it must be a positive "
                "integer"
            )
    config = config_of_peer(
        {**settings, "hidden_act": _ACTIVATIONS[activation]}, path
    )
    return config, _head(values.get("architectures")), float(dropout)


def _head(architectures):
    if not isinstance(architectures, list):
        return None
    heads = {HEADS[head].transformers: head for head in HEADS_OF_WEIGHTS}
    found = {
        heads[each]
        for each in architectures
        if isinstance(each, str) and each in heads
    }
    return found.pop() if len(found) == 1 else None


def to_values(config, head, num_labels, classifier_dropout, tokenizer, task):
    """Writes a ``config.json``; the reverse of ``from_values``.

    Args:
      config: ``AlbertConfig``.
      head: one of ``HEADS_OF_WEIGHTS``.
      num_labels: int, outputs of a classifier; 1 is regression.
      classifier_dropout: float, or None for the original's 0.1.
      tokenizer: ``Tokenizer``, or None.
      task: dict of ``task_description.read``.

    Returns:
      dict.

    Raises:
      UserError: transformers has no such head, positions or sharing.
    """
    check_positions_of_peer(config, "transformers")
    row = HEADS[head]
    if row.transformers is None:
        raise UserError(
            f"transformers has no class for the head {head} "
            f"({', '.join(row.components)}): this model cannot be written for "
            "it; `albert convert --head=none` writes the encoder alone"
        )
    values = {
        "architectures": [row.transformers],
        "model_type": "albert",
        **{name: getattr(config, name) for name in _DEFAULTS},
        "num_hidden_groups": groups_of_peer(config, "transformers"),
        "hidden_act": _OUR_ACTIVATIONS[config.hidden_act],
        "layer_norm_eps": EPSILON,
        "classifier_dropout_prob": (
            _DEFAULT_CLASSIFIER_DROPOUT
            if classifier_dropout is None
            else classifier_dropout
        ),
        "tie_word_embeddings": True,
        "dtype": "float32",
    }
    if tokenizer is not None:
        values |= {
            "pad_token_id": tokenizer.pad_id,
            "bos_token_id": tokenizer.cls_id,
            "eos_token_id": tokenizer.sep_id,
        }
    values |= task_description.to_values(
        task, num_labels if row.takes_num_labels else 0
    )
    if row.label_type == "class" and num_labels == 1:
        values["problem_type"] = "regression"
    return values
