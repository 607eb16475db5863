# SPDX-License-Identifier: Apache-2.0
"""Reading of CoNLL columns."""

import pytest

from albert.errors import UserError
from albert.tasks import conll_files
from albert.tasks import interface
from albert.tasks import selection

LABELS = ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def load(tmp_path, content, split="train", name="train.txt", skip=False, **s):
    if isinstance(content, str):
        content = content.encode()
    (tmp_path / name).write_bytes(content)
    task = selection.get_task("ner", **s)
    return interface.load(task, str(tmp_path), split, skip_bad_rows=skip)


def test_two_columns(tmp_path):
    examples = load(tmp_path, "Ann B-PER\nsleeps O\n\n\nBonn B-LOC\n")
    assert examples.sentences == [["Ann", "sleeps"], ["Bonn"]]
    assert examples.labels == [["B-PER", "O"], ["B-LOC"]]


def test_four_columns_in_iob1(tmp_path):
    content = (
        "-DOCSTART- -X- O O\n\nAnn NNP - I-PER\nLee NNP - I-PER\n"
        "Bob NNP - B-PER\n\n-DOCSTART- -X- O O\nhums VBZ - O\r\n"
    )
    examples = load(tmp_path, content)
    assert examples.sentences == [["Ann", "Lee", "Bob"], ["hums"]]
    assert examples.labels == [["B-PER", "I-PER", "B-PER"], ["O"]]


def test_words_with_spaces_need_tabs(tmp_path):
    examples = load(tmp_path, "New York\tB-LOC\n \tO\na\u00a0b O\n")
    assert examples.sentences == [["New York", "", "a\u00a0b"]]


def test_columns_by_number(tmp_path):
    examples = load(
        tmp_path,
        "1 Ann B-PER NNP\n2 hums O VBZ\n",
        text_column="2",
        label_column="3",
    )
    assert examples.sentences == [["Ann", "hums"]]
    assert examples.labels == [["B-PER", "O"]]


def test_words_alone(tmp_path):
    examples = load(tmp_path, "Ann\nhums\n", "test", "test.txt")
    assert examples.labels is None
    tagged = load(tmp_path, "Ann B-PER\n", "test", "test.txt")
    assert tagged.labels == [["B-PER"]]


def test_other_names(tmp_path):
    assert len(load(tmp_path, "Ann O\n", "dev", "eng.testa")) == 1


def test_types(tmp_path):
    examples = load(tmp_path, "A I-PER\nB I-PER\n\nC B-LOC\nD B-PER\n")
    assert conll_files.find_labels(examples) == LABELS


BAD_LINES = {
    "no tag": (b"Lee", "1 columns, and column 2 is needed"),
    "not a tag": (b"Lee NNP", "'NNP' is not a tag; .*--tag_scheme=plain"),
    "suffix": (b"Lee PER-B", "'PER-B' is not a tag; --tag_scheme=suffix"),
    "near type": (b"Lee B-Per", "type 'Per' is not .*; is it 'PER'"),
    "type": (b"Lee B-ORG", "type 'ORG' is not one of LOC, PER"),
    "NUL byte": (b"L\x00ee O", "NUL byte"),
    "not UTF-8": (b"L\xe9e O", "not UTF-8"),
}


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("case", BAD_LINES)
def test_bad_lines(tmp_path, case, place):
    line, message = BAD_LINES[case]
    lines = [b"Ann B-PER", b"hums O"]
    lines.insert(place, line)
    content = b"One O\n\n" + b"\n".join(lines) + b"\n\nTwo O\n"
    with pytest.raises(UserError, match=message) as error:
        load(tmp_path, content, labels=LABELS)
    assert f"train.txt:{3 + place}: " in str(error.value)
    examples = load(tmp_path, content, labels=LABELS, skip=True)
    assert examples.sentences == [["One"], ["Two"]]
    assert examples.labels == [["O"], ["O"]]
    assert examples.bad_rows == 1


def test_empty(tmp_path):
    with pytest.raises(UserError, match="empty"):
        load(tmp_path, "\n\n")
    with pytest.raises(UserError, match="no sentences"):
        load(tmp_path, "-DOCSTART- O\n\n")
