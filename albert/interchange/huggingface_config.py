# SPDX-License-Identifier: Apache-2.0
"""``config.json`` of transformers to ``AlbertConfig`` and back.

Source: configuration_albert.py, configuration_bert.py and activations.py of
transformers 5.
"""

import dataclasses
import re

from albert.errors import UserError
from albert.heads import HEADS
from albert.heads import HEADS_OF_WEIGHTS
from albert.interchange import task_description
from albert.interchange.source import check_positions_of_peer
from albert.interchange.source import config_of_bert
from albert.interchange.source import config_of_peer
from albert.interchange.source import groups_of_peer
from albert.modeling.layers import EPSILON


@dataclasses.dataclass(frozen=True)
class ModelType:
    """A kind of model that is read and written.

    Attributes:
      name: str, ``model_type``.
      format: str, the column of ``names``.
      defaults: dict of setting to the value of a file that leaves it out.
      activation: str, likewise of hidden_act.
      dropout: (str, float or None), the setting that is the dropout before a
        classifier and its default; None is that of the encoder.
    """

    name: str
    format: str
    defaults: dict
    activation: str
    dropout: tuple


_DEFAULT_CLASSIFIER_DROPOUT = 0.1
_ALBERT = ModelType(
    "albert",
    "huggingface",
    {
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
    },
    "gelu_new",
    # Missing there means this one, as in modeling_albert.py.
    ("classifier_dropout_prob", _DEFAULT_CLASSIFIER_DROPOUT),
)
_BERT = ModelType(
    "bert",
    "huggingface_bert",
    {
        "vocab_size": 30522,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "hidden_dropout_prob": 0.1,
        "attention_probs_dropout_prob": 0.1,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "initializer_range": 0.02,
    },
    "gelu",
    ("classifier_dropout", None),
)
MODEL_TYPES = {each.name: each for each in (_ALBERT, _BERT)}

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
    "layer_norm_eps": (EPSILON,),
    "position_embedding_type": ("absolute",),
    "tie_word_embeddings": (True,),
    "is_decoder": (False,),
    "add_cross_attention": (False,),
    "is_encoder_decoder": (False,),
    "pruned_heads": ({}, None),
    "quantization_config": (None,),
}


def find_model_type(values, path):
    """Returns the ``ModelType`` of a ``config.json``.

    Args:
      values, path: as of ``from_values``.

    Raises:
      UserError: it is neither an ALBERT nor a BERT.
    """
    name = values.get("model_type", _ALBERT.name)
    if not isinstance(name, str) or name not in MODEL_TYPES:
        raise UserError(
            f"{path}: model_type is {name!r}, ALBERT's is {_ALBERT.name!r} "
            f"and BERT's {_BERT.name!r}: this model cannot be expressed here"
        )
    return MODEL_TYPES[name]


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
    model_type = find_model_type(values, path)
    for key, allowed in _FIXED.items():
        value = values.get(key, allowed[0])
        if not any(value is each or value == each for each in allowed):
            raise UserError(
                f"{path}: {key} is {value!r}, ALBERT's is {allowed[0]!r}: this "
                "model cannot be expressed here"
            )
    activation = values.get("hidden_act", model_type.activation)
    if not isinstance(activation, str) or activation not in _ACTIVATIONS:
        raise UserError(
            f"{path}: hidden_act is {activation!r}: it must be one of "
            f"{', '.join(_ACTIVATIONS)}"
        )
    settings = {
        name: values.get(name, default)
        for name, default in model_type.defaults.items()
    }
    dropout_name, default_dropout = model_type.dropout
    dropout = values.get(dropout_name, default_dropout)
    if dropout is None:
        dropout = settings["hidden_dropout_prob"]
    if (
        isinstance(dropout, bool)
        or not isinstance(dropout, (int, float))
        or not 0.0 <= dropout < 1.0
    ):
        raise UserError(
            f"{path}: {dropout_name} is {dropout!r}: it must be in [0, 1)"
        )
    for name in ("num_hidden_layers", "num_hidden_groups"):
        if type(settings.get(name, 1)) is not int or settings.get(name, 1) < 1:
            raise UserError(
                f"{path}: {name} is {settings[name]!r}: it must be a positive "
                "integer"
            )
    settings["hidden_act"] = _ACTIVATIONS[activation]
    read = config_of_bert if model_type is _BERT else config_of_peer
    head = _head(values.get("architectures"), model_type)
    return read(settings, path), head, float(dropout)


def refuse_head(values, path):
    """Returns why the head of a ``config.json`` is not known, or None.

    A class of one's own may compute anything with weights whose names are
    those of transformers' classes.

    Args:
      values, path: as of ``from_values``.
    """
    architectures = values.get("architectures")
    if architectures is None:
        return None
    if not isinstance(architectures, list):
        architectures = [architectures]
    model_type = find_model_type(values, path)
    known = _heads_of_classes(model_type)
    others = [
        repr(each)
        for each in architectures
        # The same classes for TensorFlow and JAX.
        if re.sub("^(TF|Flax)", "", str(each)) not in known
    ]
    if not others:
        return None
    return (
        f"{path}: architectures is {', '.join(others)}, which is no class of "
        f"transformers for {model_type.name.upper()} that is known here: what "
        "it computes with its head cannot be told. Where one of those classes "
        f"computes the same, such as {class_name('classification', model_type)}"
        ", write that one there; `albert convert --head=none` writes the "
        "encoder alone"
    )


def _heads_of_classes(model_type):
    """Returns the dict of transformers' class to head."""
    heads = {class_name(head, model_type): head for head in HEADS_OF_WEIGHTS}
    if model_type is _BERT:
        # What it has besides is no head of ours.
        heads["BertForPreTraining"] = "masked_lm"
    return heads


def _head(architectures, model_type):
    if not isinstance(architectures, list):
        return None
    heads = _heads_of_classes(model_type)
    found = {
        heads[each]
        for each in architectures
        if isinstance(each, str) and each in heads
    }
    return found.pop() if len(found) == 1 else None


def class_name(head, model_type):
    """Returns the class of a head in transformers, or None.

    Args:
      head: a key of ``HEADS``.
      model_type: ``ModelType``.
    """
    name = HEADS[head].transformers
    if name is None or model_type is _ALBERT:
        return name
    return name.replace("Albert", "Bert")


def to_values(
    config,
    head,
    num_labels,
    classifier_dropout,
    tokenizer,
    task,
    model_type=_ALBERT,
):
    """Writes a ``config.json``; the reverse of ``from_values``.

    Args:
      config: ``AlbertConfig``; of a BERT, one that is a BERT.
      head: one of ``HEADS_OF_WEIGHTS``.
      num_labels: int, outputs of a classifier; 1 is regression.
      classifier_dropout: float, or None for the original's 0.1.
      tokenizer: ``Tokenizer``, or None.
      task: dict of ``task_description.read``.
      model_type: ``ModelType``.

    Returns:
      dict.

    Raises:
      UserError: transformers has no such head, positions or sharing.
    """
    check_positions_of_peer(config, "transformers")
    row = HEADS[head]
    architecture = class_name(head, model_type)
    if architecture is None:
        raise UserError(
            f"transformers has no class for the head {head} "
            f"({', '.join(row.components)}): this model cannot be written for "
            "it; `albert convert --head=none` writes the encoder alone"
        )
    values = {
        "architectures": [architecture],
        "model_type": model_type.name,
        **{name: getattr(config, name) for name in model_type.defaults},
        "hidden_act": _OUR_ACTIVATIONS[config.hidden_act],
        "layer_norm_eps": EPSILON,
        model_type.dropout[0]: (
            _DEFAULT_CLASSIFIER_DROPOUT
            if classifier_dropout is None
            else classifier_dropout
        ),
        "tie_word_embeddings": True,
        "dtype": "float32",
    }
    if model_type is _ALBERT:
        values["num_hidden_groups"] = groups_of_peer(config, "transformers")
    if tokenizer is not None:
        values |= {
            "pad_token_id": tokenizer.pad_id,
            "bos_token_id": tokenizer.cls_id,
            "eos_token_id": tokenizer.sep_id,
        }
    values |= task_description.to_values(
        task, num_labels if row.takes_num_labels else 0
    )
    if row.label_type == "class":
        values |= task_description.problem_type(task, num_labels)
    return values
