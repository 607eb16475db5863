# SPDX-License-Identifier: Apache-2.0
"""Looks at the first records of files, of which no JSON says what they are."""

import numpy as np
import tensorflow as tf
from google.protobuf.message import DecodeError

from albert.errors import UserError
from albert.records import framing

# That tell how many options a question has.
_RECORDS_LOOKED_AT = 64


def first_features(file):
    """Returns the features of a file's first record, by name.

    Raises:
      UserError: it has none, or it is no ``tf.train.Example``.
    """
    for features in _features_of_records(file, 1):
        return features
    raise UserError(f"{file} holds no record: leave it out, or copy it again")


def _features_of_records(file, most):
    """Yields the features of the first records of a file."""
    try:
        for index, payload in enumerate(framing.iterate_records(file)):
            if index == most:
                return
            try:
                example = tf.train.Example.FromString(payload)
            except DecodeError:
                raise UserError(
                    f"{file}, record {index} (0-based) is no "
                    "tf.train.Example: give records for training"
                ) from None
            yield example.features.feature
    except framing.FramingError as error:
        raise UserError(describe_damage(file, error)) from None


def describe_damage(file, error):
    """Returns the line of a ``FramingError``, with its remedy."""
    return (
        f"{file}, record {error.record} (0-based): {error.reason}: copy the "
        "file again, or make the records again"
    )


def guess_head(files):
    """Returns (head, choices) of fine-tuning records.

    Args:
      files: list of paths.
    """
    features = first_features(files[0])
    if features["label_ids"].WhichOneof("kind") == "float_list":
        return "regression", 1
    if "label_mask" in features:
        return "token_classification", 1
    if len(features["label_ids"].int64_list.value) > 1:
        return "multi_label", 1
    choices = _guess_choices(files[0])
    return ("multiple_choice" if choices > 1 else "classification"), choices


def _guess_choices(file):
    """Returns how many sequences an example has: [CLS] begins each of them.

    Its id is the first one, and where it stands is the same in all records.
    """
    same = None
    for features in _features_of_records(file, _RECORDS_LOOKED_AT):
        ids = np.array(features["input_ids"].int64_list.value)
        begins = ids == ids[:1]
        if same is not None and len(same) != len(begins):
            return 1  # Refused when they are read.
        same = begins if same is None else same & begins
    places = np.flatnonzero(same)
    count = max(1, len(places))
    if len(same) % count or (np.diff(places) != len(same) // count).any():
        return 1
    return count
