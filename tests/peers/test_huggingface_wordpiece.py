# SPDX-License-Identifier: Apache-2.0
"""transformers gives a WordPiece vocabulary the ids that it has here."""

import json
import pathlib

import pytest
import transformers

import albert
from albert.interchange import huggingface_tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "wordpiece"
LINES = (GOLDEN / "strings.jsonl").read_text("utf-8").split("\n")
TEXTS = [json.loads(line)["text"] for line in LINES if line]
# Control pieces there, which are text here.
TEXTS = [
    text
    for text in TEXTS
    if not any(piece in text for piece in ("[MASK]", "[CLS]", "[SEP]"))
]


@pytest.fixture(params=[True, False], ids=["lower", "cased"])
def written(request, tmp_path):
    tokenizer = albert.load_tokenizer(GOLDEN / "vocab.txt", request.param)
    huggingface_tokenizer.write(tmp_path, tokenizer, 53)
    (tmp_path / "config.json").write_text('{"model_type": "albert"}')
    return tokenizer, tmp_path


def test_what_is_written(written):
    ours, directory = written
    theirs = transformers.AutoTokenizer.from_pretrained(directory)
    for text in [*TEXTS, "ΑΣ ΣΑΣ.", "a" * 150]:
        assert theirs.encode(text, add_special_tokens=False) == (
            ours.encode(text)
        ), text
    assert theirs("曹", "操").input_ids == [
        ours.cls_id,
        *ours.encode("曹"),
        ours.sep_id,
        *ours.encode("操"),
        ours.sep_id,
    ]
    assert theirs.encode("[MASK]")[1] == ours.mask_id


def test_its_own_class(written):
    ours, directory = written
    theirs = transformers.BertTokenizer.from_pretrained(directory)
    # It takes words of more than 100 characters for unknown.
    texts = [t for t in TEXTS if max(map(len, t.split()), default=0) <= 100]
    assert len(texts) > 200
    for text in texts:
        assert theirs.encode(text, add_special_tokens=False) == (
            ours.encode(text)
        ), text
