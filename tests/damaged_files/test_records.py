# SPDX-License-Identifier: Apache-2.0
"""Damaged records, and the JSON beside them."""

import dataclasses
import json
import pathlib
import shutil

import numpy as np
import pytest

import albert
from albert.export import publishing_facts
from albert.inspection import survey
from albert.inspection import verification
from albert.interchange import pretraining_start
from albert.interchange.starting_point import open_starting_point
from albert.records import finetuning_writing
from albert.records import pretraining
from albert.records import pretraining_report
from albert.records import writing
from albert.records.corpus_counts import CorpusCounts
from albert.records.metadata import read_labels
from albert.records.pretraining_batches import pretraining_dataset
from albert.records.record_set import RecordSet
from albert.records.record_set import check_record_sets
from albert.records.record_set import find_objective
from albert.records.record_stream import explained_damage
from albert.records.schema import FinetuningSchema
from albert.tasks import selection
from albert.tasks.features import Features
from albert.text import token_cache
from albert.text.instances import PairSettings
from albert.text.masking import MaskingSettings
from albert.training import record_data

pytestmark = pytest.mark.slow

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
SPM = GOLDEN / "tokenization" / "spm2000.model"


def write_records(folder):
    shutil.copy(SPM, folder / "spiece.model")
    shutil.copy(
        GOLDEN / "pretraining_data" / "examples_first_67.tfrecord",
        folder / "train.tfrecord",
    )
    path = folder / "train.tfrecord"
    schema = RecordSet.open(str(path)).schema
    tokenizer = albert.Tokenizer(SPM)
    value = {
        "kind": RecordSet.kind,
        "schema_version": 1,
        "max_seq_length": schema.max_seq_length,
        "max_predictions_per_seq": schema.max_predictions_per_seq,
        "compression": "",
        "vocabulary": {
            "size": tokenizer.vocabulary_size,
            "fingerprint": tokenizer.fingerprint,
            "model_file": "spiece.model",
        },
        "settings": {"objective": "sop", "do_lower_case": True, "ngram": 3},
        "corpus": {"bytes": 7},
        "files": [
            {
                "name": "train.tfrecord",
                "records": 67,
                "bytes": path.stat().st_size,
            }
        ],
    }
    (folder / "train.json").write_text(json.dumps(value))
    (folder / "unrelated.json").write_text('{"files": ["a"], "labels": 5}')
    (folder / "run.json").write_text(
        json.dumps({"input_file": str(path), "init_checkpoint": None})
    )


def write_unmasked_records(folder):
    """Segment pairs that are masked while they are read."""
    shutil.copy(SPM, folder / "spiece.model")
    settings = pretraining.PretrainingDataSettings(
        str(folder / "spiece.model"),
        pairs=PairSettings(37),
        masking=MaskingSettings(5),
        dynamic_masking=True,
    )
    maker = pretraining.RecordMaker(settings)
    sentences = (GOLDEN / "pretraining_data" / "input.txt").read_text()
    tokenized = maker.encode([sentences.split("\n\n")[0].split("\n")])
    with token_cache.TokenCacheWriter(folder, 2000) as cache_writer:
        cache_writer.append(tokenized)
        unit = pretraining.Unit(cache_writer.finish(), (0, 0), [(0, 1)])
        made = maker.make_records(unit)
    with writing.RecordSetWriter(str(folder / "train.tfrecord")) as writer:
        writer.write(0, *made.shards[0])
        writer.commit(
            pretraining_report.build_metadata(
                settings,
                maker.tokenizer,
                CorpusCounts(bytes=7),
                made.statistics,
                writer.sizes[0],
                str(folder),
            )
        )
    (folder / "run.json").write_text(
        json.dumps({"input_file": f"{folder}/train.tfrecord"})
    )


def read_records(folder):
    records = RecordSet.open(str(folder / "*.tfrecord"))
    find_objective([records])
    start = open_starting_point(None)
    config = albert.AlbertConfig.named("tiny", vocab_size=2000)
    _, tokenizer = pretraining_start.find_config_and_tokenizer(
        start, records, model_size="tiny"
    )
    check_record_sets([records], config, tokenizer)
    batches = pretraining_dataset(records, 16, training=False, seed=None)
    phases = publishing_facts.read_phases(str(folder))
    with explained_damage(records.locate_damage):
        total = [
            int(batch["input_ids"].sum())
            for batch in batches.as_numpy_iterator()
        ]
    return records.count(), records.fingerprint, total, len(phases)


def inspect_records(folder):
    report = survey.survey(
        [str(path) for path in sorted(folder.glob("*.tfrecord"))]
    )
    return report.title, report.figures[0], report.charts


def verify_records(folder):
    return verification.verify([str(path) for path in folder.glob("*.tfr*")])


def write_finetuning_records(folder):
    features = Features.from_sequences(
        [np.arange(100, 110) + n for n in range(30)],
        [5] * 30,
        choices=1,
        per_example={"label_ids": np.arange(30, dtype=np.int32) % 2},
        per_token={},
    )
    schema = FinetuningSchema("classification", 37, 1)
    task = selection.get_task("tsv", labels=("a", "b"))
    output = str(folder / "train.tfrecord")
    shutil.copy(SPM, folder / "spiece.model")
    with writing.RecordSetWriter(output, 2) as writer:
        finetuning_writing.write_features(writer, features, schema)
        writer.commit(
            finetuning_writing.build_metadata(
                features,
                schema,
                task,
                albert.Tokenizer(folder / "spiece.model"),
                {"do_lower_case": True},
                Examples(["a text"], np.ones(1)),
                str(folder),
            )
        )


@dataclasses.dataclass
class Examples:
    """What the checksum of the examples is made of."""

    texts: list
    labels: np.ndarray


def read_finetuning_records(folder):
    pattern = f"{folder}/train-*"
    labels = tuple(read_labels(pattern))
    task = selection.get_task("tsv", labels=labels)
    records = record_data.open_records(
        {"dev": pattern},
        task,
        albert.AlbertConfig.named("tiny", vocab_size=2000),
        albert.Tokenizer(SPM),
    )["dev"]
    split = record_data.RecordData(task, "dev", pattern, records, [37])
    return records.count(), split.fingerprint, split.gold.tolist()


# What writes the file and others with it, the file, what reads it, whether
# its checksums tell every damage, and one of how many is walked: of a JSON a
# number without a factor of 21, which each of its values has, so that all come.
CASES = {
    "pretraining records": (
        write_records,
        "train.tfrecord",
        read_records,
        True,
        2,
    ),
    "JSON of pretraining records": (
        write_records,
        "train.json",
        read_records,
        False,
        5,
    ),
    "unmasked records": (
        write_unmasked_records,
        "train.tfrecord",
        read_records,
        True,
        2,
    ),
    "JSON of unmasked records": (
        write_unmasked_records,
        "train.json",
        read_records,
        False,
        19,
    ),
    "pretraining records that are inspected": (
        write_records,
        "train.tfrecord",
        inspect_records,
        True,
        2,
    ),
    "JSON of pretraining records that are inspected": (
        write_records,
        "train.json",
        inspect_records,
        False,
        5,
    ),
    "JSON of fine-tuning records that are inspected": (
        write_finetuning_records,
        "train.json",
        inspect_records,
        False,
        5,
    ),
    "pretraining records that are verified": (
        write_records,
        "train.json",
        verify_records,
        False,
        5,
    ),
    "unmasked records that are inspected": (
        write_unmasked_records,
        "train.tfrecord",
        inspect_records,
        True,
        4,
    ),
    "JSON of unmasked records that are inspected": (
        write_unmasked_records,
        "train.json",
        inspect_records,
        False,
        19,
    ),
    "fine-tuning records": (
        write_finetuning_records,
        "train-00000-of-00002.tfrecord",
        read_finetuning_records,
        True,
        1,
    ),
    "JSON of fine-tuning records": (
        write_finetuning_records,
        "train.json",
        read_finetuning_records,
        False,
        5,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_damage_is_one_line(name, walk_damages):
    assert walk_damages(*CASES[name]) > 0


def test_a_json_beside_records_that_is_not_theirs(walk_damages):
    refused = walk_damages(
        write_records, "unrelated.json", read_records, is_checked=True, every=4
    )
    assert refused == 0
