# SPDX-License-Identifier: Apache-2.0
"""The JSON files of a KerasHub preset: settings there and back.

Keras describes an object by its module, class, settings and registered name;
KerasHub makes the objects again from that. Source: ``get_config`` of
albert_backbone.py, masked_lm_preprocessor.py, text_classifier.py and
sentence_piece_tokenizer.py of keras-hub 0.32.
"""

import os

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.json_files import Object
from albert.json_files import read_object

CONFIG_FILE = "config.json"
METADATA_FILE = "metadata.json"
TASK_FILE = "task.json"
TOKENIZER_FILE = "tokenizer.json"
PREPROCESSOR_FILE = "preprocessor.json"
MODEL_WEIGHTS = "model.weights.h5"
MODEL_INDEX = "model.weights.json"
TASK_WEIGHTS = "task.weights.h5"
VOCABULARY = "assets/tokenizer/vocabulary.spm"
OWN_KEY = "albert"  # in metadata.json: what a preset cannot say

# Settings of AlbertBackbone, and ours.
_SETTINGS = {
    "vocabulary_size": "vocab_size",
    "num_layers": "num_hidden_layers",
    "num_heads": "num_attention_heads",
    "num_groups": "num_hidden_groups",
    "num_inner_repetitions": "inner_group_num",
    "embedding_dim": "embedding_size",
    "hidden_dim": "hidden_size",
    "intermediate_dim": "intermediate_size",
    "max_sequence_length": "max_position_embeddings",
    "num_segments": "type_vocab_size",
}
_OF_EVERY_LAYER = ("name", "trainable", "dtype")
_FLOAT_POLICIES = (
    "float32",
    "float16",
    "bfloat16",
    "mixed_float16",
    "mixed_bfloat16",
)
# KerasHub renamed itself.
_PACKAGES = ("keras_hub", "keras_nlp")
_BACKBONE = "AlbertBackbone"
_MODULE = "keras_hub.src.models.albert."
# Defaults of KerasHub's preprocessors.
_SEQUENCE_LENGTH = 512
_MASKED_LM_SETTINGS = {
    "mask_selection_rate": 0.15,
    "mask_selection_length": 96,
    "mask_token_rate": 0.8,
    "random_token_rate": 0.1,
}


# -------------------------------------------------------------- configuration


def to_config(backbone, path):
    """Returns the ``AlbertConfig`` of a backbone's settings."""
    groups, layers = backbone["num_groups"], backbone["num_layers"]
    values = {ours: backbone[theirs] for theirs, ours in _SETTINGS.items()}
    # As many groups as layers: nothing is shared, in the paper's words.
    if groups == layers and groups != 1:
        values |= {"sharing": "none", "num_hidden_groups": 1}
    return AlbertConfig.from_dict(
        {
            **values,
            "hidden_act": "gelu",
            "hidden_dropout_prob": backbone["dropout"],
            "attention_probs_dropout_prob": backbone["dropout"],
        },
        path,
    )


def from_config(config):
    """Returns the settings of AlbertBackbone for an ``AlbertConfig``.

    Raises:
      UserError: KerasHub cannot express it; all reasons in one message.
    """
    reasons = []
    if config.hidden_act != "gelu":
        reasons.append(
            f"hidden_act is {config.hidden_act!r} and KerasHub always uses "
            "gelu, its tanh form"
        )
    if config.hidden_dropout_prob != config.attention_probs_dropout_prob:
        reasons.append(
            f"hidden_dropout_prob is {config.hidden_dropout_prob}, "
            "attention_probs_dropout_prob is "
            f"{config.attention_probs_dropout_prob}, and KerasHub has one "
            "dropout for both"
        )
    if config.num_attention_groups != config.num_ffn_groups:
        reasons.append(
            f"sharing is {config.sharing!r}, and KerasHub shares whole layers "
            "or none"
        )
    if config.position_embedding != "learned":
        reasons.append(
            f"position_embedding is {config.position_embedding!r}, and "
            "KerasHub's ALBERT has learned positions alone"
        )
    if reasons:
        raise UserError(
            f"KerasHub cannot express this model: {'; '.join(reasons)}. "
            "Convert it to another format"
        )
    settings = {
        theirs: getattr(config, ours) for theirs, ours in _SETTINGS.items()
    }
    settings["num_groups"] = config.num_attention_groups
    settings["dropout"] = config.hidden_dropout_prob
    return settings


def read_backbone(description, path):
    """Returns the settings of AlbertBackbone, checked.

    Args:
      description: dict, the content of config.json.
      path: str, for messages.

    Raises:
      UserError: another model, or settings that this package does not know.
    """
    if class_name_of(description, path) != _BACKBONE:
        raise UserError(
            f"{path}: {description['registered_name']!r} is not an ALBERT "
            "(keras_hub>AlbertBackbone): give the preset of one"
        )
    settings = json_object(description.get("config"), "config", path)
    known = {*_SETTINGS, "dropout"}
    missing = sorted(known - settings.keys())
    unknown = sorted(settings.keys() - known - set(_OF_EVERY_LAYER))
    if missing or unknown:
        parts = [f"it has no {', '.join(missing)}"] if missing else []
        parts += [f"{', '.join(unknown)} is not known"] if unknown else []
        raise UserError(
            f"{path}: {' and '.join(parts)}: only presets of the known "
            "AlbertBackbone can be read; save it with keras-hub 0.32"
        )
    _check_policy(settings.get("dtype"), path)
    return {key: settings[key] for key in known}


def _check_policy(policy, path):
    """Quantised weights are not the numbers that the layers multiply by."""
    name = policy
    if isinstance(policy, dict):
        inner = policy.get("config")
        name = inner.get("name") if isinstance(inner, dict) else None
        if policy.get("class_name") != "DTypePolicy":
            name = policy.get("class_name")
    if name is not None and name not in _FLOAT_POLICIES:
        raise UserError(
            f"{path}: dtype {name!r} is not one of "
            f"{', '.join(_FLOAT_POLICIES)}: save the model before it is "
            "quantised"
        )


def read_own(path):
    """Returns what this package wrote into metadata.json: dict, maybe empty.

    Args:
      path: str, of the file.

    Raises:
      UserError: the file is damaged.
    """
    if not os.path.exists(path):
        return {}
    return read_object(path, Object({OWN_KEY: Object()})).get(OWN_KEY, {})


def class_name_of(description, path):
    """Returns the class that a description names, one of KerasHub's.

    Raises:
      UserError: it names none.
    """
    registered = description.get("registered_name")
    if isinstance(registered, str):
        package, _, name = registered.partition(">")
        if package in _PACKAGES and name:
            return name
    raise UserError(
        f"{path}: registered_name is {registered!r}, not an object of "
        "KerasHub: give the directory of a preset"
    )


def json_object(value, name, path):
    """Returns a value that must be a JSON object.

    Raises:
      UserError: it is something else.
    """
    if not isinstance(value, dict):
        raise UserError(
            f"{path}: {name!r} is not a JSON object: get the file again"
        )
    return value


# -------------------------------------------------------------------- writing


def descriptions(backbone, task, has_tokenizer, parameters, own):
    """Returns the JSON files of a preset.

    Args:
      backbone: the result of ``from_config``.
      task: ``Task`` or None.
      has_tokenizer: bool.
      parameters: int, number of the backbone's parameters.
      own: dict, what this package reads again from metadata.json.

    Returns:
      dict of file name to value.
    """
    config = _description(
        "albert_backbone", _BACKBONE, "albert_backbone", backbone
    )
    files = {
        CONFIG_FILE: config,
        METADATA_FILE: {
            "parameter_count": parameters,
            "tasks": ["MaskedLM", "TextClassifier"],
            OWN_KEY: own,
        },
    }
    tokenizer = preprocessor = None
    if has_tokenizer:
        tokenizer = files[TOKENIZER_FILE] = _tokenizer()
    if task:
        if has_tokenizer:
            preprocessor = _preprocessor(task, tokenizer, backbone)
            files[PREPROCESSOR_FILE] = preprocessor
        files[TASK_FILE] = _task(task, config, preprocessor)
    return files


def _tokenizer():
    return _description(
        "albert_tokenizer",
        "AlbertTokenizer",
        "albert_tokenizer",
        {
            "config_file": TOKENIZER_FILE,
            "proto": None,
            "sequence_length": None,
            "add_bos": False,
            "add_eos": False,
        },
        dtype="int32",
    )


def _preprocessor(task, tokenizer, backbone):
    length = min(_SEQUENCE_LENGTH, backbone["max_sequence_length"])
    settings = {
        "tokenizer": tokenizer,
        "config_file": PREPROCESSOR_FILE,
        "sequence_length": length,
        "truncate": "round_robin",
    }
    if task.head == "masked_lm":
        settings |= _MASKED_LM_SETTINGS
        settings["mask_selection_length"] = min(
            length, settings["mask_selection_length"]
        )
    module = f"{task.description.module}_preprocessor"
    name = f"{task.class_name}Preprocessor"
    return _description(module, name, module, settings)


def _task(task, config, preprocessor):
    module = task.description.module
    settings = {
        "backbone": config,
        "preprocessor": preprocessor,
        "name": module,
    }
    if task.num_labels is not None:
        settings |= {
            "num_classes": task.num_labels,
            "activation": "linear",
            "dropout": task.dropout,
        }
    return _object_of(module, task.class_name, settings)


def _description(module, class_name, name, settings, dtype="float32"):
    policy = {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": {"name": dtype},
        "registered_name": None,
    }
    return _object_of(
        module,
        class_name,
        {"name": name, "trainable": True, "dtype": policy, **settings},
    )


def _object_of(module, class_name, settings):
    return {
        "module": _MODULE + module,
        "class_name": class_name,
        "config": settings,
        "registered_name": f"keras_hub>{class_name}",
    }
