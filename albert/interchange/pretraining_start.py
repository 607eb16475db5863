# SPDX-License-Identifier: Apache-2.0
"""Finds the configuration and the tokenizer of a pretraining run."""

import dataclasses

from absl import logging

from albert import model_directory
from albert.errors import UserError
from albert.interchange import google
from albert.text.tokenizers import load_tokenizer


def find_config_and_tokenizer(
    start,
    records,
    albert_config_file=None,
    model_size=None,
    position_embedding=None,
    vocabulary_file=None,
    directory=None,
):
    """Returns the configuration and the tokenizer of a pretraining run.

    Args:
      start: ``StartingPoint``.
      records: ``RecordSet``; the JSON beside it names the tokenizer where
        no flag does.
      albert_config_file, model_size, vocabulary_file: as of
        ``StartingPoint.find_config_and_tokenizer``.
      position_embedding: str, of a model of ``model_size``.
      directory: str, the model directory that is trained in; if the run
        was begun there, its tokenizer is taken where no other is found.

    Returns:
      (``AlbertConfig``, ``Tokenizer``); None and a warning where the
      tokenizer is not known.

    Raises:
      UserError: there is no configuration, a tokenizer cannot be used, or
        they do not fit together.
    """
    tokenizer = _find_tokenizer(start, records, vocabulary_file, directory)
    config = start.find_config(albert_config_file, model_size, tokenizer)
    if position_embedding is not None:
        config = dataclasses.replace(
            config, position_embedding=position_embedding
        )
    return config, tokenizer


def _find_tokenizer(start, records, vocabulary_file, directory):
    if vocabulary_file is None:
        vocabulary_file = records.tokenizer_file()
    if vocabulary_file is None:
        if start.tokenizer:
            return start.tokenizer
        begun = directory and model_directory.is_of_run(directory)
        file = google.find_tokenizer(directory) if begun else None
        if file:
            return file.load()
        logging.warning(
            "the model directory will have no tokenizer: give the one "
            "that made %s with --spm_model_file or --vocab_file",
            records.files[0],
        )
        return None
    own = start.usable_tokenizer()
    if records.metadata or not own:
        made_with = (records.metadata or {}).get("settings", {})
        settings = {
            "lower_case": made_with.get("do_lower_case", True),
            "strip_accents": made_with.get("strip_accents", True),
        }
    else:  # Records of the original, which do not say.
        settings = own.settings
    tokenizer = load_tokenizer(vocabulary_file, **settings)
    # Not their pieces: with other scores the same ones give other ids.
    if own and own.content != tokenizer.content:
        raise UserError(
            f"{start.path} was trained with another vocabulary than "
            f"{vocabulary_file}, which made {records.files[0]}: make the "
            "records with the vocabulary that came with the weights"
        )
    return tokenizer
