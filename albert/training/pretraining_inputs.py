# SPDX-License-Identifier: Apache-2.0
"""What the records and the flags say together about a pretraining run."""

import math

from absl import logging

from albert.config import AlbertConfig
from albert.errors import UserError
from albert.text.tokenizer import Tokenizer
from albert.training import defaults


def find_tokenizer(spm_model_file, records, given=None):
    """Returns the tokenizer of the records, or None with a warning.

    Args:
      spm_model_file: path of a SentencePiece model, or None for the one that
        the JSON beside the records names, else the one of ``given``.
      records: ``RecordSet``.
      given: ``albert.interchange.sources.Description`` of the weights that
        are started from, or None.

    Raises:
      UserError: the file cannot be read or is no vocabulary for ALBERT, or
        the weights came with another one.
    """
    of_weights = given and given.tokenizer
    if spm_model_file is None:
        spm_model_file = records.tokenizer_file()
    if spm_model_file is None and of_weights:
        return of_weights
    if spm_model_file is None:
        logging.warning(
            "the model directory will have no tokenizer: give the one that "
            "made %s with --spm_model_file",
            records.files[0],
        )
        return None
    settings = (records.metadata or {}).get("settings", {})
    tokenizer = Tokenizer(
        spm_model_file, lower_case=settings.get("do_lower_case", True)
    )
    if of_weights and of_weights.model_proto != tokenizer.model_proto:
        raise UserError(
            f"{given.path} was trained with another vocabulary than "
            f"{spm_model_file}, which made {records.files[0]}: make the "
            "records with the SentencePiece model that came with the weights"
        )
    return tokenizer


def find_configuration(config, model_size, tokenizer):
    """Returns the ``AlbertConfig`` of a run, checked against its tokenizer.

    Args:
      config: what --albert_config_file holds, or None.
      model_size: --model_size, used where ``config`` is None; it takes the
        vocabulary size of the tokenizer.
      tokenizer: ``Tokenizer``, or None where it is not known.

    Raises:
      UserError: the configuration has another vocabulary size.
    """
    if config is None and model_size is None:
        raise UserError(
            "the weights come without a configuration: give it with "
            "--albert_config_file"
        )
    if config is None:
        if tokenizer is None:
            return AlbertConfig.named(model_size)
        return AlbertConfig.named(
            model_size, vocab_size=tokenizer.vocabulary_size
        )
    if tokenizer and tokenizer.vocabulary_size != config.vocab_size:
        raise UserError(
            f"the configuration has vocab_size {config.vocab_size}, but "
            f"{tokenizer.model_file} has {tokenizer.vocabulary_size} pieces: "
            "they must be those of one model"
        )
    return config


def find_objective(record_sets):
    """Returns "sop", "nsp" or "none", what all of the records were made for.

    Args:
      record_sets: list of ``RecordSet``; the original's records are "sop".

    Raises:
      UserError: they were made for different objectives.
    """
    found = {}
    for records in record_sets:
        found |= records.objectives
    if len(found) > 1:
        (one, file), (other, other_file) = list(found.items())[:2]
        raise UserError(
            f"{file} was made with --objective={one}, {other_file} with "
            f"--objective={other}: make both with the same one"
        )
    return next(iter(found))


def find_learning_rate(learning_rate, config, optimizer, batch_size):
    """Returns the given learning rate, or one that is derived and logged.

    Args:
      learning_rate: float, or None.
      config: ``AlbertConfig``.
      optimizer: "lamb" or "adamw".
      batch_size: int, sequences per update.

    Raises:
      UserError: it is not positive and finite.
    """
    if learning_rate is None:
        learning_rate = defaults.pretraining_learning_rate(
            config, optimizer, batch_size
        )
        logging.info(
            "learning rate %.3g: derived for %s, width %d, batch size %d",
            learning_rate,
            optimizer,
            config.hidden_size,
            batch_size,
        )
    if not 0.0 < learning_rate < math.inf:
        raise UserError(
            f"--learning_rate is {learning_rate}: it must be positive and "
            "finite; without the flag one is derived"
        )
    warning = defaults.learning_rate_warning(
        config, optimizer, batch_size, learning_rate
    )
    if warning:
        logging.warning("%s", warning)
    return learning_rate
