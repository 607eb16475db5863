# SPDX-License-Identifier: Apache-2.0
"""Finds out of which kind the records in files are."""

from albert.errors import UserError
from albert.inspection.first_records import first_features
from albert.inspection.record_kinds import FinetuningKind
from albert.inspection.record_kinds import PretrainingKind
from albert.inspection.record_kinds import UnmaskedKind
from albert.records import framing
from albert.records.metadata import find_metadata
from albert.records.schema import FinetuningSchema
from albert.records.schema import PretrainingSchema
from albert.records.unmasked_pairs import DYNAMIC

# By "kind" in the JSON, and by a feature that only records of it have.
_KINDS = {
    PretrainingSchema.kind: PretrainingKind,
    FinetuningSchema.kind: FinetuningKind,
}
_SIGNS = {
    "masked_lm_positions": PretrainingKind,
    "segment_lengths": UnmaskedKind,
    "label_ids": FinetuningKind,
}


def open_kind(files):
    """Opens files of records, all of one kind.

    Args:
      files: list of paths.

    Returns:
      ``PretrainingKind``, ``UnmaskedKind`` or ``FinetuningKind``.

    Raises:
      UserError: they hold records of no kind that is known, or of several;
        or none.
    """
    for file in files:
        if not framing.begins_with_record(file):
            raise UserError(
                f"{file} is no TFRecord file, or its first bytes are damaged: "
                "give files of records, or copy it again"
            )
    found = list(filter(None, find_metadata(files)))
    if found:
        path, value = found[0]
        for other_path, other in found:
            if _what(other) != _what(value):
                raise UserError(
                    f"{path} and {other_path} describe records of different "
                    "kinds, tasks, objectives or vocabularies: give those of "
                    "one at a time"
                )
        kind = _KINDS.get(value["kind"])
        if value.get("masking") == DYNAMIC and kind is PretrainingKind:
            kind = UnmaskedKind
        if kind is None:
            raise UserError(
                f"{path} describes records of kind {value['kind']!r}, which "
                f"is neither {' nor '.join(map(repr, _KINDS))}: give records "
                "that this package made"
            )
        return kind(files)
    return _kind_of_features(files)(files)


def _what(metadata):
    """Returns what all records must have in common to be counted together."""
    return [
        metadata["kind"],
        metadata.get("masking"),
        metadata.get("task"),
        metadata.get("labels"),
        metadata.get("vocabulary", {}).get("fingerprint"),
        metadata.get("settings", {}).get("objective"),
    ]


def _kind_of_features(files):
    """Finds the kind of records without a JSON, by the first of them."""
    file, features = files[0], first_features(files[0])
    signs = [sign for sign in _SIGNS if sign in features]
    if len(signs) == 1:
        return _SIGNS[signs[0]]
    if features:
        names = ", ".join(sorted(features)[:8])
        has = f"the features of its first record are {names}"
    else:
        has = "its first record has no features"
    raise UserError(
        f"{file} holds neither pretraining nor fine-tuning records ({has}): "
        "give files of `albert create-pretraining-data` or `albert "
        "create-finetuning-data`, or those of the original"
    )
