# SPDX-License-Identifier: Apache-2.0
"""Tiny records of each kind, right or with one fault, and their JSON."""

import importlib
import json
import pathlib

import numpy as np
import pytest

import albert
from albert.inspection import __main__ as command
from albert.records.schema import FinetuningSchema
from albert.records.schema import PretrainingSchema
from albert.records.serialization import ByteStrings
from albert.records.serialization import encode_records
from albert.records.writing import shard_names

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
SPM = GOLDEN / "tokenization" / "spm2000.model"
# Those of ``SPM``.
CLS, SEP, MASK, SIZE = 2, 3, 4, 2000


@pytest.fixture(scope="session")
def tokenizer():
    """The tokenizer that made the records."""
    return albert.Tokenizer(SPM)


def pretraining_columns(tokenizer, count=7, length=23, slots=5):
    """Returns the arrays of records: the masked ones of a sentence pair.

    Record i has i pieces less than ``length``; its label is i % 2. Of each,
    the pieces at 1 and 2 are masked: the first by [MASK], the second stays.
    """
    text = tokenizer.encode("the old warden of the house was a good man, and")
    columns = {
        field.name: np.zeros((count, field.length), np.int64)
        for field in PretrainingSchema(length, slots).fields
    }
    table = tokenizer.word_start_table()
    for row in range(count):
        size = length - row
        ids = [CLS, *text[:9], SEP, *text[: size - 12], SEP]
        assert len(ids) == size
        columns["input_ids"][row, :size] = ids
        columns["input_mask"][row, :size] = 1
        columns["segment_ids"][row, 11:size] = 1
        special = np.isin(ids, (CLS, SEP))
        columns["token_boundary"][row, :size] = table[ids] | special
        columns["masked_lm_positions"][row, :2] = 1, 2
        columns["masked_lm_ids"][row, :2] = ids[1:3]
        columns["input_ids"][row, 1] = MASK
        columns["next_sentence_labels"][row] = row % 2
    columns["masked_lm_weights"][:, :2] = 1
    return columns


def finetuning_columns(tokenizer, schema, labels):
    """Returns the arrays of records with these labels, of C sequences each."""
    texts = [tokenizer.encode(text) for text in ("a good man", "the house")]
    length = schema.max_seq_length
    columns = {
        field.name: np.zeros((len(labels), field.length), np.int64)
        for field in schema.fields
    }
    for row in range(len(labels)):
        for choice in range(schema.choices):
            begin = choice * length
            ids = [CLS, *texts[(row + choice) % 2], SEP]
            columns["input_ids"][row, begin : begin + len(ids)] = ids
            columns["input_mask"][row, begin : begin + len(ids)] = 1
    columns["label_ids"] = np.array(labels).reshape(len(labels), -1)
    columns["is_real_example"][:] = 1
    if "words" in columns:
        columns["words"] = ByteStrings.join([b"{}"] * len(labels))
    return columns


@pytest.fixture
def write_set(tmp_path, tokenizer):
    """Function that writes a set of records: the paths of its files."""

    def write(schema, columns, name="train", num_files=1, **metadata):
        """Writes columns evenly over files, and a JSON beside them.

        Args:
          schema: schema of the records.
          columns: dict of arrays [R, length].
          name: str, of the set.
          num_files: int.
          **metadata: other values in the JSON; ``json=False`` leaves it out.
        """
        files, entries = [], []
        count = len(next(iter(columns.values())))
        output = str(tmp_path / f"{name}.tfrecord")
        for index, path in enumerate(shard_names(output, num_files)):
            rows = slice(
                index * count // num_files, (index + 1) * count // num_files
            )
            part = {key: values[rows] for key, values in columns.items()}
            flat, offsets = encode_records(part, schema.fields)
            path = pathlib.Path(path)
            path.write_bytes(flat.tobytes())
            files.append(path)
            entries.append(
                {
                    "name": path.name,
                    "records": len(offsets) - 1,
                    "bytes": path.stat().st_size,
                }
            )
        value = {
            "kind": schema.kind,
            "schema_version": 1,
            "max_seq_length": schema.max_seq_length,
            "vocabulary": {
                "size": SIZE,
                "fingerprint": tokenizer.fingerprint,
                "model_file": str(SPM),
            },
            "settings": {"do_lower_case": True},
            "files": entries,
            **metadata,
        }
        if isinstance(schema, PretrainingSchema):
            value["max_predictions_per_seq"] = schema.max_predictions_per_seq
        else:
            value = {
                "task": "pets",
                "task_kind": schema.task_kind,
                "labels": [],
                "labeled": True,
                "choices": schema.choices,
            } | value
        if value.pop("json", True):
            (tmp_path / f"{name}.json").write_text(json.dumps(value))
        return files

    return write


@pytest.fixture
def pretraining_set(write_set, tokenizer):
    """Function that writes pretraining records, changed or as they are."""

    def write(change=lambda columns: None, count=7, **options):
        columns = pretraining_columns(tokenizer, count)
        change(columns)
        return write_set(PretrainingSchema(23, 5), columns, **options)

    return write


@pytest.fixture
def finetuning_set(write_set, tokenizer):
    """Function that writes fine-tuning records of a head."""

    def write(head, values, choices=1, change=lambda c: None, **options):
        schema = FinetuningSchema(head, 13, choices)
        columns = finetuning_columns(tokenizer, schema, values)
        if head == "token_classification":
            columns["label_mask"] = (np.array(values) >= 0).astype(np.int64)
            columns["label_ids"] = np.maximum(values, 0)
        change(columns)
        return write_set(schema, columns, **options)

    return write


@pytest.fixture
def run(run_module, monkeypatch):
    """Function that runs the command: (exit status, stdout, stderr)."""
    monkeypatch.setenv("COLUMNS", "160")  # No heading is broken.
    # The command would, with a standard error that is a file.
    importlib.import_module("tensorflow")
    return lambda *arguments: run_module(command, *arguments)
