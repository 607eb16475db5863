# SPDX-License-Identifier: Apache-2.0
"""Walk over every kind of file that is read, and ways in which it is damaged.

Whatever a file holds, a command that reads it succeeds, or ends with status 2
and one line that names the file or its folder. It writes nothing then.
"""

import contextlib
import copy
import dataclasses
import functools
import gzip
import json
import os
import pathlib
import random
import shutil
import signal
import tarfile
from collections.abc import Callable

import numpy as np
import pytest
import safetensors.numpy

import albert
from albert import model_directory
from albert.export import publishing_facts
from albert.export import serving
from albert.interchange.starting_point import open_starting_point
from albert.records import finetuning_writing
from albert.records import writing
from albert.records.metadata import read_labels
from albert.records.pretraining_batches import pretraining_dataset
from albert.records.record_set import RecordSet
from albert.records.record_set import check_record_sets
from albert.records.record_set import find_objective
from albert.records.record_stream import explained_damage
from albert.records.schema import FinetuningSchema
from albert.serve import served_model
from albert.tasks import interface
from albert.tasks import selection
from albert.tasks import trained_model
from albert.tasks.features import Features
from albert.tasks.squad import squad_files
from albert.text.documents import read_documents
from albert.training import curves
from albert.training import task_data
from albert.training.reporting import Reporter

pytestmark = pytest.mark.slow

ROOT = pathlib.Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden"
SPM = GOLDEN / "tokenization" / "spm2000.model"
SAMPLE = ROOT / "data" / "sample"

CONFIG = {
    "vocab_size": 2000,
    "embedding_size": 6,
    "hidden_size": 22,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 26,
    "max_position_embeddings": 41,
}
SECONDS = 60
FLIPS = 24

# ------------------------------------------------------------------- damages

WRONG_VALUES = (
    None,
    "zork",
    "",
    "32",
    0,
    5,
    -(10**9),
    10**9,
    10**30,
    2.5,
    float("nan"),
    float("inf"),
    True,
    [],
    [5],
    {},
    {"zork": 5},
)


def damages_of_bytes(content):
    """Yields (name, bytes) of ways in which any file is damaged."""
    size = len(content)
    yield "empty", b""
    for part in (1, size // 3, size // 2, size - 20, size - 1):
        yield f"cut to {part} bytes", content[:part]
    yield "NULs", bytes(min(size, 1 << 20))
    middle = size // 2
    for name, inside in (
        ("NULs", bytes(16)),
        ("a long line", b"a" * 3_000_000),
        ("bytes that are not UTF-8", b"\xff\xfe\x80"),
        ("a mark of byte order", b"\xef\xbb\xbf"),
        ("ends of lines", b"\r\n\n\r"),
        ("tabs", b"\t\t\t"),
    ):
        yield f"{name} inside", content[:middle] + inside + content[middle:]
    yield "a part is missing", content[: size // 3] + content[middle:]
    yield "twice", content + content
    yield (
        "LFS",
        (
            b"version https://git-lfs.github.com/spec/v1\n"
            b"oid sha256:" + b"5" * 64 + b"\nsize 12345\n"
        ),
    )
    yield "a web page", b"<!DOCTYPE html>\n<html><body>404</body></html>\n"
    numbers = random.Random(size)
    for _ in range(FLIPS):
        flipped = bytearray(content)
        position, bit = numbers.randrange(size), numbers.randrange(8)
        flipped[position] ^= 1 << bit
        yield f"bit {bit} of byte {position} flipped", bytes(flipped)


def damages_of_json(content):
    """Yields (name, bytes) of ways in which a JSON file is damaged."""
    yield from damages_of_bytes(content)
    good = json.loads(content)
    yield "100,000 brackets", b"[" * 100_000
    yield "100,000 objects", b'{"a":' * 100_000
    yield "500 brackets", b"[" * 500 + b"]" * 500
    yield "an integer of 5,000 digits", b'{"a": ' + b"9" * 5000 + b"}"
    for value in WRONG_VALUES:
        yield f"{value!r} alone", json.dumps(value).encode()
    for path in paths_of(good):
        for value in WRONG_VALUES:
            yield f"{path} is {value!r}", changed(good, path, value)
        for digits in (90, 5000):
            text = changed(good, path, "@").replace(b'"@"', b"9" * digits)
            yield f"{path} is an integer of {digits} digits", text
        deep = b"[" * 90 + b"]" * 90
        yield (
            f"{path} is 90 brackets",
            changed(good, path, "@").replace(b'"@"', deep),
        )
        yield f"{path} is missing", changed(good, path)


def paths_of(value, path=()):
    """Yields the path of every value of a JSON; of a list, the first one."""
    if path:
        yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from paths_of(inner, (*path, key))
    elif isinstance(value, list) and value:
        yield from paths_of(value[0], (*path, 0))


def changed(good, path, *value):
    """Returns the JSON with another value at a path, or without it."""
    content = copy.deepcopy(good)
    inner = content
    for key in path[:-1]:
        inner = inner[key]
    if value:
        inner[path[-1]] = value[0]
    else:
        del inner[path[-1]]
    return json.dumps(content).encode()


# ------------------------------------------------------- files and who reads


@dataclasses.dataclass(frozen=True)
class Case:
    """A file, and what reads it.

    Attributes:
      write: function of a folder that writes the file, and others with it.
      file: str, the file that is damaged, below the folder.
      read: function of the folder that does what commands do with it.
      least: int, ways of damaging it that there must be.
      is_checked: bool, whether the file has checksums: what is read of it is
        right or refused.
      every: int, one of so many damages is walked; the rest is for kinds
        that take seconds each.
    """

    write: Callable
    file: str
    read: Callable
    least: int
    is_checked: bool = False
    every: int = 1


def copied(source, *names):
    """Returns a function that copies golden files into a folder."""

    def write(folder):
        if names:
            for name in names:
                shutil.copy(GOLDEN / source / name, folder / name)
        else:
            shutil.copytree(GOLDEN / source, folder, dirs_exist_ok=True)

    return write


def written(**contents):
    """Returns a function that writes texts, of file name to text."""

    def write(folder):
        for name, text in contents.items():
            path = folder / name.replace("__", "/").replace("_", ".", 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    return write


def open_model(path):
    """Opens weights and all that lies beside them, as `albert convert`."""
    start = open_starting_point(str(path))
    config = start.find_config()
    tokenizer = start.tokenizer
    pieces = (
        tokenizer.encode("The [MASK] is 2,010, of it.") if tokenizer else ()
    )
    weights = {
        name: start.source.tensors[name] for name in start.source.tensors
    }
    return config, pieces, weights, start.head, start.task


def is_same(one, two):
    """Returns whether two results are equal, arrays in them too."""
    try:
        np.testing.assert_equal(one, two)
    except AssertionError:
        return False
    return True


# --- text and vocabulary


def read_text(folder):
    return list(read_documents([str(folder / "train.txt")]))


def read_vocabulary(folder):
    tokenizer = albert.Tokenizer(folder / "spiece.model")
    ids = tokenizer.encode("The house stood in 2010, by the river; ﷺ 日本")
    return tokenizer.decode(ids), tokenizer.pieces


# --- tasks


def read_task(name, split="train", **settings):
    def read(folder):
        task = selection.get_task(name, **settings)
        examples = interface.load(task, str(folder), split)
        return dataclasses.asdict(examples)

    return read


def read_squad(name):
    def read(folder):
        data = squad_files.read_files(
            [str(folder / name)], has_impossible=None, is_training=True
        )
        return data.how_it_was_read(), len(data.questions)

    return read


def write_squad(folder):
    content = json.loads((GOLDEN / "squad/dev-v2.0.json").read_text("utf-8"))
    content["data"] = content["data"][:1]
    content["data"][0]["paragraphs"] = content["data"][0]["paragraphs"][:2]
    text = json.dumps(content)
    (folder / "squad.json").write_text(text, "utf-8")
    (folder / "squad.json.gz").write_bytes(gzip.compress(text.encode()))
    row = {
        "id": "a",
        "title": "T",
        "context": "The house was sold.",
        "question": "What?",
        "answers": {"text": ["house"], "answer_start": [4]},
    }
    (folder / "rows.json").write_text(json.dumps([row, {**row, "id": "b"}]))
    line = {
        "context": "The house was sold.",
        "qas": [
            {
                "qid": "a",
                "question": "What?",
                "answers": ["house"],
                "detected_answers": [{"text": "house", "char_spans": [[4, 8]]}],
            }
        ],
    }
    header = {"header": {"dataset": "x"}}
    (folder / "lines.jsonl").write_text(
        "\n".join(map(json.dumps, (header, line))) + "\n"
    )


def write_race(folder):
    for level in ("high", "middle"):
        inner = folder / "RACE" / "train" / level
        inner.mkdir(parents=True)
        article = {
            "article": "A house.\nIt was sold.",
            "questions": ["What _ ?", "Who?"],
            "options": [["a", "b", "c", "d"]] * 2,
            "answers": ["A", "D"],
            "id": f"{level}1.txt",
        }
        (inner / "1.txt").write_text(json.dumps(article), "utf-8")


TABLE = "text\tlabel\n" + "".join(
    f"The house number {n} stood\t{'ab'[n % 2]}\n" for n in range(20)
)
TAGS = "Ann B-PER\nsleeps O\n\n" * 9


# --- records


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


def read_records(folder):
    records = RecordSet.open(str(folder / "*.tfrecord"))
    find_objective([records])
    start = open_starting_point(None)
    config = albert.AlbertConfig(**CONFIG | {"max_position_embeddings": 600})
    _, tokenizer = start.find_pretraining_config_and_tokenizer(
        records, model_size="tiny"
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
    records = task_data.open_records(
        {"dev": pattern},
        task,
        albert.AlbertConfig(**CONFIG),
        albert.Tokenizer(SPM),
    )["dev"]
    split = task_data.RecordData(task, "dev", pattern, records, [37])
    return records.count(), split.fingerprint, split.gold.tolist()


# --- models


@functools.cache
def _model():
    return albert.AlbertClassifier(albert.AlbertConfig(**CONFIG), 2)


def write_model(folder):
    albert.save_weights(
        _model(),
        folder / "model",
        format="model_dir",
        tokenizer=albert.Tokenizer(SPM),
    )
    model = folder / "model"
    task = {
        "task_name": "tsv",
        "kind": "classification",
        "labels": ["a", "b"],
        "max_seq_length": 37,
        "classifier_dropout": 0.1,
    }
    run = {
        "learning_rate": 1e-3,
        "seed": 7,
        "records": 20,
        "num_train_steps": 5,
        "optimizer": "lamb",
        "init_checkpoint": None,
        "input_file": "x.tfrecord",
        **task,
    }
    evaluation = {
        "checkpoint": "model.ckpt-best",
        "accuracy": 0.5,
        "loss": 0.7,
        "baseline": {"accuracy": 0.4},
        "runs": [{"seed": 7, "accuracy": 0.5}],
    }
    for name, value in (
        ("task.json", task),
        ("run.json", run),
        ("eval_results.json", evaluation),
    ):
        (model / name).write_text(json.dumps(value))
    events = model / "tensorboard"
    with Reporter(str(events), 2, 0, batch_size=3) as reporter:
        for step in (1, 2):
            values = {
                name: np.array([1.0 / step], np.float32)
                for name in ("loss", "learning_rate", "tokens")
            }
            reporter.training(step, values, seconds=2.0)
        reporter.evaluation(2, {"accuracy": 0.25}, seconds=1.0)
    (path,) = (events / "train").iterdir()
    path.rename(events / "train" / "events.out.tfevents.1.a.v2")


def write_archive(folder):
    write_model(folder / "inner")
    with tarfile.open(folder / "model.tar.gz", "w:gz") as file:
        for path in sorted((folder / "inner" / "model").iterdir()):
            if path.is_file():
                file.add(path, arcname=f"model/{path.name}")
    shutil.rmtree(folder / "inner")


def use_model(folder):
    """What the recipes do with a model directory."""
    directory = str(folder / "model")
    opened = open_model(directory)
    config = model_directory.read_config(directory)
    model_directory.check_run(directory, config, {"task_name": "tsv"})
    task = selection.get_task("tsv")
    description = opened[-1]
    trained_model.check_task(task, directory, description)
    trained_model.with_labels(task, directory, description)
    trained_model.read_seed(directory, 5)
    trained_model.find_best([directory] * 2, "accuracy")
    publishing_facts.read_phases(directory)
    metrics = publishing_facts.read_metrics(directory)
    return opened, metrics


def draw_curves(folder):
    picture = pathlib.Path(f"{folder}.png")
    curves.draw(str(picture), [str(folder / "model")])
    picture.unlink()


def write_sharded(folder):
    tensors = safetensors.numpy.load_file(
        GOLDEN / "hf_tiny/AlbertForSequenceClassification/model.safetensors"
    )
    HUGGING_FACE(folder)
    (folder / "model.safetensors").unlink()
    where = {
        name: f"model-{number % 2}.safetensors"
        for number, name in enumerate(tensors)
    }
    for file in set(where.values()):
        safetensors.numpy.save_file(
            {name: tensors[name] for name in where if where[name] == file},
            folder / file,
        )
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"metadata": {"total_size": 5}, "weight_map": where})
    )


def write_with_tokenizer(folder):
    albert.save_weights(
        _model(),
        folder / "m",
        format="huggingface",
        tokenizer=albert.Tokenizer(SPM),
    )
    for path in (folder / "m").iterdir():
        path.rename(folder / path.name)
    (folder / "m").rmdir()


def write_served(folder):
    write_model(folder / "inner")
    serving.export(str(folder / "inner" / "model"), str(folder / "export"))
    shutil.rmtree(folder / "inner")


def serve(folder):
    return served_model.load(str(folder / "export")).metadata


DATA = "model.ckpt-best.data-00000-of-00001"
HUGGING_FACE = copied("hf_tiny/AlbertForSequenceClassification")
KERASHUB = copied("kerashub_tiny/masked_lm")
MODEL = "model"

CASES = {
    "text": Case(
        written(train_txt="A house.\n\nIt stood.\n" * 40),
        "train.txt",
        read_text,
        40,
    ),
    "vocabulary": Case(
        lambda folder: shutil.copy(SPM, folder / "spiece.model"),
        "spiece.model",
        read_vocabulary,
        40,
    ),
    "configuration": Case(
        write_model, "model/albert_config.json", use_model, 300
    ),
    "settings of the tokenizer": Case(
        write_model, "model/spiece.json", use_model, 100
    ),
    "run.json": Case(write_model, "model/run.json", use_model, 300),
    "task.json": Case(write_model, "model/task.json", use_model, 150),
    "eval_results.json": Case(
        write_model, "model/eval_results.json", use_model, 150
    ),
    "eval_results.json, drawn": Case(
        write_model, "model/eval_results.json", draw_curves, 150, every=9
    ),
    "checkpoint": Case(write_model, f"model/{DATA}", use_model, 40, True),
    "index of a checkpoint": Case(
        write_model, "model/model.ckpt-best.index", use_model, 40, True
    ),
    "archive": Case(
        write_archive,
        "model.tar.gz",
        lambda folder: open_model(folder / "model.tar.gz"),
        40,
    ),
    "events": Case(
        write_model,
        "model/tensorboard/train/events.out.tfevents.1.a.v2",
        draw_curves,
        40,
    ),
    "pretraining records": Case(
        write_records, "train.tfrecord", read_records, 40, True, 2
    ),
    "JSON of pretraining records": Case(
        write_records, "train.json", read_records, 300, every=3
    ),
    "JSON beside records": Case(
        write_records, "unrelated.json", read_records, 60, True, 4
    ),
    "fine-tuning records": Case(
        write_finetuning_records,
        "train-00000-of-00002.tfrecord",
        read_finetuning_records,
        40,
        True,
    ),
    "JSON of fine-tuning records": Case(
        write_finetuning_records,
        "train.json",
        read_finetuning_records,
        300,
        every=3,
    ),
    "table": Case(written(train_tsv=TABLE), "train.tsv", read_task("tsv"), 40),
    "table of CSV": Case(
        written(train_tsv=TABLE.replace("\t", ",")),
        "train.tsv",
        read_task(
            "tsv", delimiter=",", text_column="text", label_column="label"
        ),
        40,
    ),
    "table of numbers": Case(
        written(train_tsv="text\tlabel\n" + "A house\t2.5\nA river\t1\n" * 9),
        "train.tsv",
        read_task("tsv", regression=True),
        40,
    ),
    "CoNLL": Case(written(train_txt=TAGS), "train.txt", read_task("ner"), 40),
    "RACE": Case(write_race, "RACE/train/high/1.txt", read_task("race"), 100),
    "SQuAD": Case(write_squad, "squad.json", read_squad("squad.json"), 200),
    "SQuAD, compressed": Case(
        write_squad, "squad.json.gz", read_squad("squad.json.gz"), 40
    ),
    "questions in rows": Case(
        write_squad, "rows.json", read_squad("rows.json"), 150
    ),
    "questions in lines": Case(
        write_squad, "lines.jsonl", read_squad("lines.jsonl"), 40
    ),
    "config.json of transformers": Case(
        HUGGING_FACE, "config.json", open_model, 300
    ),
    "safetensors": Case(HUGGING_FACE, "model.safetensors", open_model, 40),
    "index of safetensors": Case(
        write_sharded, "model.safetensors.index.json", open_model, 100
    ),
    "settings of transformers' tokenizer": Case(
        write_with_tokenizer, "tokenizer_config.json", open_model, 200
    ),
    **{
        f"{file} of KerasHub": Case(
            KERASHUB, file, open_model, least, every=every
        )
        for file, least, every in (
            ("config.json", 300, 2),
            ("metadata.json", 60, 1),
            ("task.json", 1000, 8),
            ("model.weights.h5", 40, 1),
            ("task.weights.h5", 40, 1),
            ("assets/tokenizer/vocabulary.spm", 40, 1),
        )
    },
    "index of KerasHub": Case(
        copied("kerashub_groups/sharded"),
        "model.weights.json",
        open_model,
        100,
        every=3,
    ),
    "part of KerasHub": Case(
        copied("kerashub_groups/sharded"),
        "model_00001.weights.h5",
        open_model,
        40,
    ),
    "graph of an export": Case(
        write_served, "export/saved_model.pb", serve, 40, every=5
    ),
    "variables of an export": Case(
        write_served,
        "export/variables/variables.data-00000-of-00001",
        serve,
        40,
        every=5,
    ),
}


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Function of a case's name to its folder, made once, and its result."""

    @functools.cache
    def make(name):
        folder = tmp_path_factory.mktemp("good")
        CASES[name].write(folder)
        return folder, CASES[name].read(folder)

    return make


@pytest.mark.parametrize("name", CASES)
def test_damage_is_one_line(name, good, run_main, contents):
    case = CASES[name]
    folder, expected = good(name)
    path = folder / case.file
    content = path.read_bytes()
    is_json = path.suffix == ".json" or name == "RACE"
    damages = damages_of_json if is_json else damages_of_bytes
    before = contents(folder)
    found = []
    faults = []
    walked = 0
    for number, (what, damaged) in enumerate(damages(content)):
        walked += 1
        if number % case.every or damaged == content:
            continue
        path.write_bytes(damaged)
        found.clear()
        try:
            with in_time():
                code, _, errors = run_main(
                    lambda _: found.append(case.read(folder)), lambda _: None
                )
        except Exception as error:
            faults.append(f"{what}: {type(error).__name__}: {error}"[:300])
            continue
        if code == 0:
            if case.is_checked and not is_same(found[0], expected):
                faults.append(f"{what}: not noticed")
            continue
        *_, last = errors.splitlines()
        lines = [
            line for line in errors.splitlines() if line.startswith("error: ")
        ]
        if (
            code != 2
            or lines != [last]
            or "Traceback" in errors
            or len(last) > 5000
        ):
            faults.append(f"{what}: {code}, {errors[-300:]}")
        elif str(folder) not in last:
            faults.append(f"{what}: names no file: {last}"[:300])
        elif os.path.exists(f"{folder}.png"):
            faults.append(f"{what}: a picture is written")
    path.write_bytes(content)
    assert contents(folder) == before
    assert not faults, f"{len(faults)} faults:\n" + "\n".join(faults[:40])
    assert walked >= case.least
    print(f"{name}: {walked} damages, one of {case.every} of them walked")


@contextlib.contextmanager
def in_time():
    """Raises TimeoutError where a reader is busy for ever."""

    def stop(*_):
        raise TimeoutError(f"more than {SECONDS} seconds")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
