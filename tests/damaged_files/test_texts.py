# SPDX-License-Identifier: Apache-2.0
"""Damaged texts, vocabularies, and files of tasks."""

import dataclasses
import gzip
import json
import pathlib
import shutil

import pytest

import albert
from albert.tasks import interface
from albert.tasks import selection
from albert.tasks.squad import squad_files
from albert.text.documents import read_documents

pytestmark = pytest.mark.slow

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
SPM = GOLDEN / "tokenization" / "spm2000.model"


def written(**contents):
    """Returns a function that writes texts, of file name to text."""

    def write(folder):
        for name, text in contents.items():
            path = folder / name.replace("__", "/").replace("_", ".", 1)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, "utf-8")

    return write


def read_text(folder):
    return list(read_documents([str(folder / "train.txt")]))


def write_compressed(folder):
    content = ("A house.\n\nIt stood.\n" * 40).encode()
    (folder / "train.txt").write_bytes(gzip.compress(content))


def read_rows(folder):
    files = [str(folder / "rows.jsonl")]
    return list(read_documents(files, text_field="text"))


def read_vocabulary(folder):
    tokenizer = albert.Tokenizer(folder / "spiece.model")
    ids = tokenizer.encode("The house stood in 2010, by the river; ﷺ 日本")
    return tokenizer.decode(ids), tokenizer.pieces


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

# What writes the file and others with it, the file, what reads it, and whether
# its checksum tells every damage.
CASES = {
    "text": (
        written(train_txt="A house.\n\nIt stood.\n" * 40),
        "train.txt",
        read_text,
    ),
    "text, compressed": (write_compressed, "train.txt", read_text),
    "text in rows": (
        written(rows_jsonl='{"id": 5, "text": "A house."}\n' * 20),
        "rows.jsonl",
        read_rows,
    ),
    "vocabulary": (
        lambda folder: shutil.copy(SPM, folder / "spiece.model"),
        "spiece.model",
        read_vocabulary,
    ),
    "table": (written(train_tsv=TABLE), "train.tsv", read_task("tsv")),
    "table of CSV": (
        written(train_tsv=TABLE.replace("\t", ",")),
        "train.tsv",
        read_task(
            "tsv", delimiter=",", text_column="text", label_column="label"
        ),
    ),
    "table of numbers": (
        written(train_tsv="text\tlabel\n" + "A house\t2.5\nA river\t1\n" * 9),
        "train.tsv",
        read_task("tsv", regression=True),
    ),
    "CoNLL": (written(train_txt=TAGS), "train.txt", read_task("ner")),
    "RACE": (write_race, "RACE/train/high/1.txt", read_task("race")),
    "SQuAD": (write_squad, "squad.json", read_squad("squad.json")),
    "SQuAD, compressed": (
        write_squad,
        "squad.json.gz",
        read_squad("squad.json.gz"),
        True,
    ),
    "questions in rows": (write_squad, "rows.json", read_squad("rows.json")),
    "questions in lines": (
        write_squad,
        "lines.jsonl",
        read_squad("lines.jsonl"),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_damage_is_one_line(name, walk_damages):
    assert walk_damages(*CASES[name]) > 0
