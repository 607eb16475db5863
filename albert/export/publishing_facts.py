# SPDX-License-Identifier: Apache-2.0
"""Collects the facts in a model directory for the model's page."""

import dataclasses
import os
import re

from absl import logging

from albert import model_directory
from albert.config import AlbertConfig
from albert.errors import UserError
from albert.interchange import checkpoint_paths
from albert.interchange.weight_paths import find_weights
from albert.model_names import describe_path
from albert.records.metadata import find_metadata
from albert.records.record_set import RecordSet

# What the page says of a run: the key and its name on the page.
TEXT = {
    "bytes": "bytes of text",
    "documents": "documents",
    "sentences": "sentences",
    "tokens": "pieces of text",
}
INSTANCES = {
    "dupe_factor": "passes over the text",
    "objective": "objective besides masked words",
    "single_sentence_share": "share of the pairs that became single sentences",
    "masked_lm_prob": "share of masked pieces",
    "ngram": "words of a masked n-gram, at most",
}
RUN = {
    "records": "sequences made",
    "max_seq_length": "pieces of a sequence",
    "train_batch_size": "sequences of a step",
    "train_batch_size_schedule": (
        "sequences of a step, with their shares of the training"
    ),
    "num_train_steps": "steps",
    # Those of the run, where the records are not masked yet.
    "masked_lm_prob": INSTANCES["masked_lm_prob"],
    "masked_lm_prob_schedule": (
        "share of masked pieces, with the shares of the training"
    ),
    "mask_replacement": "masked pieces become ([MASK], others, as before)",
    "train_minutes": "minutes of training",
    "num_layers_schedule": "layers, with their shares of the training",
    "max_seq_length_schedule": "pieces, with their shares of the training",
    "initialization": "initial weights",
    "optimizer": "optimizer",
    "learning_rate": "learning rate",
    "learning_rate_decay": "decay of the learning rate",
    "end_learning_rate_share": "part of it that is left in the end",
    "weight_average_decay": "decay of the average of the weights",
    "num_warmup_steps": "steps of warm-up",
    "warmup_proportion": "part of the training that is warm-up",
    "seed": "seed",
    "dtype": "computed in",
}
# What is said where it is not the original's way: (its value, the name).
RUN_BESIDES = {
    "start_warmup_step": (0, "step before which the learning rate is 0"),
    "decay_after_warmup": (False, "the decay begins after the warm-up"),
    "poly_power": (1.0, "power of the decay"),
    "bias_correction": (False, "bias correction"),
    "layer_decay_rate": (1.0, "decay of the learning rate by layer"),
    "embedding_learning_rate_scale": (
        1.0,
        "factor of the learning rate of embeddings",
    ),
    "attention_head_l2": (0.0, "penalty of each attention head"),
    "attention_l2": (0.0, "penalty of attention"),
    "bucket_by_length": (False, "batches of like length"),
    "init_optimizer": (False, "moments of the optimizer go on"),
}


# Of a run whose records are masked while training; others tell them apart.
_OF_MASKS = ("max_predictions_per_seq", "masked_lm_prob", "mask_replacement")


@dataclasses.dataclass(frozen=True)
class TrainingPhase:
    """One run of pretraining.

    Attributes:
      settings: dict, the run's ``run.json``.
      records: dict, what the JSONs beside its records say: "settings" and
        "corpus". Sets that differ in a setting have the list of its values;
        counts of the text are those of all sets together. It is empty where
        the records are gone or are others by now.
    """

    settings: dict
    records: dict


@dataclasses.dataclass(frozen=True)
class ModelFacts:
    """Facts about a model: configuration, weights, training and metrics.

    Attributes:
      name: str, of the directory, fit for a title.
      config: ``AlbertConfig``.
      parameters: int, of the encoder.
      parameters_with_heads: int.
      has_masked_lm, has_sentence_order: bool, the heads there are.
      tokenizer: ``TokenizerInterface``.
      weights: str, name of the checkpoint.
      phases: list of ``TrainingPhase``, the first one first.
      started_from: str, name of the weights before the first phase, or None.
      evaluated: str, name of the checkpoint that was evaluated, or None.
      metrics: list of (name, value, value of the baseline or None).
    """

    name: str
    config: AlbertConfig
    parameters: int
    parameters_with_heads: int
    has_masked_lm: bool
    has_sentence_order: bool
    tokenizer: object
    weights: str
    phases: list
    started_from: str | None
    evaluated: str | None
    metrics: list


def read(source, encoder, heads, tokenizer, weights):
    """Returns the ``ModelFacts`` of a model.

    Args:
      source: str, the model directory, a checkpoint in it, or other weights.
      encoder: ``AlbertEncoder``.
      heads: dict of the heads there are: "masked_lm", "sentence_order".
      tokenizer: ``TokenizerInterface``.
      weights: str, path of the checkpoint.
    """
    phases, started_from = read_phases(source)
    evaluated, metrics = read_metrics(_directory_of(source) or source)
    parameters = encoder.count_params()
    name = os.path.basename(os.path.abspath(source))
    return ModelFacts(
        name=re.sub(r"[^\w.-]+", "-", name, flags=re.ASCII),
        config=encoder.config,
        parameters=parameters,
        parameters_with_heads=parameters
        + sum(head.count_params() for head in heads.values()),
        has_masked_lm="masked_lm" in heads,
        has_sentence_order="sentence_order" in heads,
        tokenizer=tokenizer,
        weights=os.path.basename(weights),
        phases=phases,
        started_from=started_from,
        evaluated=evaluated,
        metrics=metrics,
    )


def read_phases(weights):
    """Returns the runs that led to weights.

    Args:
      weights: str, a model directory or a checkpoint in one; others have none.

    Returns:
      (list of ``TrainingPhase``, str): the weights that the first one started
      from, by the name of their file; None for random weights.
    """
    phases = []
    seen = set()
    directory = _directory_of(weights)
    while directory and os.path.realpath(directory) not in seen:
        seen.add(os.path.realpath(directory))
        settings = model_directory.read_run(directory)
        if not settings:
            break
        phases.insert(0, TrainingPhase(settings, _records(directory, settings)))
        weights = settings.get("init_checkpoint")
        if not weights:
            return phases, None
        directory = _directory_of(weights)
    if not phases:
        return [], None
    return phases, describe_path(weights)


def _directory_of(weights):
    """Returns the directory that weights lie in; None where they are gone."""
    try:
        return checkpoint_paths.find_directory(find_weights(weights))
    except UserError:
        return None


def read_metrics(directory):
    """Returns the last evaluation of the weights of a model directory.

    Args:
      directory: str.

    Returns:
      (str or None, list): the checkpoint's name, and (metric, value, value of
      the baseline or None) for each number.
    """
    results = model_directory.read_evaluation(directory)
    if not model_directory.holds_measured(directory, results):
        return None, []
    baseline = results.get("baseline", {})
    # Runs of pretraining have the baseline beside the metrics.
    prefix = "word_frequency_"
    for name, value in results.items():
        if name.startswith(prefix):
            baseline[f"masked_lm_{name.removeprefix(prefix)}"] = value
    metrics = [
        (name, value, baseline.get(name))
        for name, value in results.items()
        if isinstance(value, float | int) and not name.startswith(prefix)
    ]
    checkpoint = results.get("checkpoint")
    return checkpoint and os.path.basename(checkpoint), metrics


def _records(directory, settings):
    """Returns ``records`` of a ``TrainingPhase``.

    Args:
      directory: str, where the run is, for messages.
      settings: dict, its ``run.json``.
    """
    patterns = settings.get("input_file")
    if not patterns:
        return {}
    expected = settings.get("records_fingerprint")
    try:
        records = RecordSet.open(
            patterns, **{name: settings.get(name) for name in _OF_MASKS}
        )
        if expected not in (None, records.fingerprint):
            raise UserError(f"{patterns} are others by now")
    except UserError as error:  # Or they were on another machine.
        logging.warning(
            "%s: the records that it was trained on are not there (%s): the "
            "page says nothing of their text",
            directory,
            error,
        )
        return {}
    sets = {
        found[0]: found[1] for found in find_metadata(records.files) if found
    }
    told = {
        os.path.join(os.path.dirname(path), file["name"])
        for path, value in sets.items()
        for file in value["files"]
    }
    corpora = [value.get("corpus", {}) for value in sets.values()]
    if told != set(records.files):
        # Some have no JSON, or a JSON counts more text than was trained on.
        corpora = [{}]
    return {
        "corpus": {
            name: sum(each[name] for each in corpora)
            for name in TEXT
            if corpora and all(name in each for each in corpora)
        },
        "settings": _settings(
            [value.get("settings", {}) for value in sets.values()]
        ),
    }


def _settings(of_sets):
    """Returns the settings that all sets say; differing ones as a list."""
    found = {}
    # Of others there may be anything in a JSON.
    for name in INSTANCES:
        if of_sets and all(name in each for each in of_sets):
            values = list(dict.fromkeys(each[name] for each in of_sets))
            found[name] = values if len(values) > 1 else values[0]
    return found
