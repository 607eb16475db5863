# SPDX-License-Identifier: Apache-2.0
"""Words of Chinese by jieba (run by `make test-extras`)."""

import json
import pathlib
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import settings
from hypothesis import strategies as st

from albert.text.word_segmenters import find_segmenter

ROOT = pathlib.Path(__file__).parents[2]
VOCABULARY = ROOT / "tests" / "golden" / "wordpiece" / "vocab.txt"


@pytest.fixture(scope="module")
def segmenter():
    return find_segmenter("jieba")


def test_words(segmenter):
    # Of its dictionary; of its model (a name); other scripts as they are.
    assert segmenter("我来到北京清华大学。") == [
        *("我", "来到", "北京", "清华大学", "。")
    ]
    assert segmenter("他来到了网易杭研大厦") == [
        *("他", "来到", "了", "网易", "杭研", "大厦")
    ]
    assert segmenter("用Python写 1,000") == [
        *("用", "Python", "写", " ", "1", ",", "000")
    ]


@settings(max_examples=300)
@given(
    st.text() | st.text(alphabet="北京大学生T恤a1.%-+\r\n\u3000 ，\u200b龘𠀀が")
)
def test_words_are_all_of_the_text(segmenter, text):
    assert "".join(segmenter(text)) == text


def make_records(folder, num_workers, temporary):
    return subprocess.run(
        [
            *(sys.executable, "-m", "albert", "create-pretraining-data"),
            f"--input_file={folder / 'text.txt'}",
            f"--output_file={folder / str(num_workers) / 'x.tfrecord'}",
            f"--vocab_file={VOCABULARY}",
            "--max_seq_length=61",
            "--dupe_factor=40",
            f"--num_workers={num_workers}",
            "--max_unknown_share=1",
            "--word_segmenter=jieba",
        ],
        env={"PYTHONPATH": str(ROOT), "TMPDIR": str(temporary)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_records(tmp_path):
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    # What stands in jieba's cache would be believed, whoever wrote it.
    (temporary / "jieba.cache").write_bytes(b"anything")
    text = "曹操说：天下英雄。\n唯使君与操耳！\n刘备大惊失色。\n\n"
    (tmp_path / "text.txt").write_text(text * 700, "utf-8")
    contents = []
    for num_workers in (1, 2):
        done = make_records(tmp_path, num_workers, temporary)
        assert done.returncode == 0, done.stderr
        assert "Building prefix dict" not in done.stderr
        assert "Warning" not in done.stderr
        folder = tmp_path / str(num_workers)
        made = json.loads((folder / "x.json").read_text("utf-8"))
        assert made["settings"]["word_segmenter"] == "jieba"
        contents.append((folder / "x.tfrecord").read_bytes())
    assert contents[0] == contents[1]
    assert [each.name for each in temporary.iterdir()] == ["jieba.cache"]
    assert (temporary / "jieba.cache").read_bytes() == b"anything"
