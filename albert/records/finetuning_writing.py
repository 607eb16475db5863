# SPDX-License-Identifier: Apache-2.0
"""Writes features to record files, and builds the JSON beside them."""

import dataclasses
import gzip
import hashlib
import json
import os

import numpy as np

from albert.records.serialization import ByteStrings
from albert.records.serialization import encode_records

_EXAMPLES_AT_ONCE = 1024
_GZIP_LEVEL = 3


def write_features(writer, features, schema, compression="", words=None):
    """Writes the examples, in their order, evenly over the files.

    Args:
      writer: ``albert.records.writing.RecordSetWriter``.
      features: ``albert.tasks.features.Features``; without "label_ids", all
        labels are written as 0, as the original does for test sets.
      schema: ``FinetuningSchema``.
      compression: "GZIP" or "".
      words: list of bytes, of tagging what ``sequence_words.to_texts`` says
        of each example; None for examples to train on, which are shuffled.

    Raises:
      ValueError: a sequence is longer than the schema's.
    """
    num_examples, num_files = features.num_examples, len(writer.files)
    for shard in range(num_files):
        first = shard * num_examples // num_files
        end = (shard + 1) * num_examples // num_files
        for begin in range(first, end, _EXAMPLES_AT_ONCE):
            which = slice(begin, min(begin + _EXAMPLES_AT_ONCE, end))
            part = features.select(which)
            columns = _columns(part, schema, words[which] if words else None)
            flat, _ = encode_records(columns, schema.fields)
            content = flat.tobytes()
            if compression == "GZIP":
                # Gzip files may be joined; without a time of day in them
                # the same records are the same bytes.
                content = gzip.compress(content, _GZIP_LEVEL, mtime=0)
            writer.write(shard, content, part.num_examples)


def build_metadata(
    features, schema, task, tokenizer, settings, examples, directory
):
    """Builds the JSON beside the records, without the list of files.

    Args:
      features: ``Features`` that are written.
      schema: ``FinetuningSchema``.
      task: ``albert.tasks.table.Task``, with its labels.
      tokenizer: ``albert.text.tokenizers.TokenizerInterface``.
      settings: dict, what else the records depend on.
      examples: what was read of the task's files.
      directory: where the JSON will be; paths in it are relative to that.

    Returns:
      dict. It holds nothing of the run itself (times, processes), so that
      the same command writes the same JSON.
    """
    lengths = features.lengths()
    lengths = lengths[lengths > 0]  # Some questions have fewer options.
    return {
        "kind": schema.kind,
        "task": task.name,
        "task_kind": schema.task_kind,
        "labels": list(task.labels or ()),
        "labeled": examples.labels is not None,
        "max_seq_length": schema.max_seq_length,
        "choices": schema.choices,
        "vocabulary": {
            "size": tokenizer.vocabulary_size,
            "fingerprint": tokenizer.fingerprint,
            "model_file": os.path.relpath(
                tokenizer.model_file, directory or "."
            ),
        },
        "settings": settings,
        "examples_sha256": fingerprint(examples),
        "statistics": {
            "examples": features.num_examples,
            "mean_length": float(lengths.mean()),
            "longest": features.max_length(),
            "full_length_share": float(
                (lengths == schema.max_seq_length).mean()
            ),
        },
    }


def fingerprint(examples):
    """Returns the SHA-256 of a dataclass of lists: the texts and labels.

    Not of where they were read from.
    """
    total = hashlib.sha256()
    for field in dataclasses.fields(examples):
        if field.name == "files":
            continue
        value = getattr(examples, field.name)
        if isinstance(value, np.ndarray):
            value = value.tolist()
        total.update(json.dumps([field.name, value]).encode())
    return total.hexdigest()


def _columns(features, schema, words):
    """Returns an array for each field of the schema."""
    num_examples = features.num_examples
    padded = features.padded(schema.max_seq_length)
    columns = {
        name: padded[name].reshape(num_examples, -1)
        for name in ("input_ids", "input_mask", "segment_ids")
    }
    columns["is_real_example"] = np.ones((num_examples, 1), np.int32)
    labels = padded.get("label_ids")
    if schema.label_type == "tag":
        if labels is None:
            shape = (num_examples, schema.max_seq_length)
            labels = np.full(shape, -1, np.int32)
        columns["label_ids"] = np.maximum(labels, 0)
        columns["label_mask"] = (labels >= 0).astype(np.int32)
        columns["words"] = ByteStrings.join(words or [b""] * num_examples)
    else:
        if labels is None:
            labels = np.zeros((num_examples, schema.num_labels), np.int32)
        columns["label_ids"] = labels.reshape(num_examples, -1)
    return columns
