# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/wordpiece_training.py."""

import itertools
import os
import pathlib
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.text import wordpiece_training
from albert.text.vocabulary import train_vocabulary
from albert.text.wordpiece import WordPieceTokenizer
from albert.text.wordpiece_training import WordCounts

ROOT = pathlib.Path(__file__).parents[2]
SPECIAL_PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TEXT = (
    "曹操曰：“吾观天下。”\n"
    "The walker walked and talked, walking and talking to Café [MASK] A4.\n"
    "She asked; asking him, he was talking, jumping and jumped!\n"
) * 20


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "text" / "zh.txt"
    path.parent.mkdir()
    path.write_text(TEXT, "utf-8")
    return [str(path)]


def train(corpus, prefix, **settings):
    settings = {"vocabulary_size": 75, "character_coverage": 1.0, **settings}
    return train_vocabulary(
        corpus, str(prefix), model_type="wordpiece", **settings
    )


def pieces_of(path):
    return pathlib.Path(path).read_text("utf-8").split("\n")[:-1]


class TestVocabulary:
    def test_pieces_and_report(self, corpus, tmp_path):
        report = train(corpus, tmp_path / "new" / "v")
        assert os.listdir(tmp_path / "new") == ["v.txt"]
        assert report.files == [str(tmp_path / "new" / "v.txt")]
        tokenizer = WordPieceTokenizer(report.model_file)
        assert tokenizer.pieces == pieces_of(report.model_file)
        assert tokenizer.pieces[:5] == SPECIAL_PIECES
        assert tokenizer.vocabulary_size == report.vocabulary_size == 75
        assert report.fingerprint == tokenizer.fingerprint
        assert report.sentences == report.sentences_read == 60
        assert report.unknown_share == 0
        assert report.characters_per_piece > 1
        assert report.training_lines == [
            "words      820 in the text, all learnt from"
        ]
        # Accents are taken off before.
        assert tokenizer.tokenize("Café 操") == ["cafe", "操"]

    def test_what_words_share_is_learnt(self, tmp_path):
        stems = list(map("".join, itertools.permutations("bdgk")))
        path = tmp_path / "text.txt"
        path.write_text(
            "".join(f"{stem}ing {stem}ed.\n" for stem in stems), "utf-8"
        )
        report = train([str(path)], tmp_path / "v", vocabulary_size=22)
        assert set(pieces_of(report.model_file)[-2:]) == {"##ing", "##ed"}

    def test_every_piece_can_occur(self, corpus, tmp_path):
        report = train(corpus, tmp_path / "v")
        tokenizer = WordPieceTokenizer(report.model_file)
        assert tokenizer.occurring_table().tolist() == [False] * 5 + [True] * 70
        assert "##操" not in tokenizer.pieces
        assert "##k" in tokenizer.pieces

    def test_characters_come_by_frequency(self, corpus, tmp_path):
        pieces = pieces_of(train(corpus, tmp_path / "v").model_file)[5:]
        characters = [piece for piece in pieces if len(piece) == 1]
        assert pieces[: len(characters)] == characters
        text = TEXT.lower().replace("é", "e")
        counts = [text.count(character) for character in characters[:5]]
        assert counts == sorted(counts, reverse=True)

    def test_case_is_kept_when_asked(self, corpus, tmp_path):
        report = train(
            corpus, tmp_path / "v", lower_case=False, vocabulary_size=77
        )
        tokenizer = WordPieceTokenizer(report.model_file, lower_case=False)
        assert tokenizer.decode(tokenizer.encode("The Café")) == "The Café"

    def test_coverage_leaves_rare_characters_out(self, corpus, tmp_path):
        with open(corpus[0], "a", encoding="utf-8") as file:
            file.write("ж walking\n")
        report = train(corpus, tmp_path / "v", character_coverage=0.999)
        assert "ж" not in pieces_of(report.model_file)
        assert report.training_lines == [
            "words      822 in the text; not learnt from: 1 with characters "
            "beyond character_coverage"
        ]

    def test_largest_and_smallest_are_named(self, corpus, tmp_path):
        with pytest.raises(UserError, match="too large for this text") as error:
            train(corpus, tmp_path / "v", vocabulary_size=500)
        largest = int(re.search(r"possible is (\d+);", str(error.value))[1])
        with pytest.raises(UserError, match="too small for this text") as error:
            train(corpus, tmp_path / "v", vocabulary_size=9)
        smallest = int(re.search(r"alone need (\d+);", str(error.value))[1])
        with pytest.raises(UserError, match=f"alone need {smallest};"):
            train(corpus, tmp_path / "v", vocabulary_size=smallest - 1)
        with pytest.raises(UserError, match=f"possible is {largest};"):
            train(corpus, tmp_path / "v", vocabulary_size=largest + 1)
        assert os.listdir(tmp_path) == ["text"]
        for size in (smallest, smallest + 1, largest - 1, largest):
            report = train(corpus, tmp_path / f"{size}", vocabulary_size=size)
            assert report.vocabulary_size == size
            assert report.unknown_share == 0

    def test_chinese_alone_has_one_size(self, corpus, tmp_path):
        pathlib.Path(corpus[0]).write_text("曹操曰。\n操笑。\n", "utf-8")
        with pytest.raises(UserError, match="the largest possible is 10;"):
            train(corpus, tmp_path / "v", vocabulary_size=11)
        report = train(corpus, tmp_path / "v", vocabulary_size=10)
        assert pieces_of(report.model_file)[5:] == list("。操曰曹笑")

    def test_nothing_to_learn(self, corpus, tmp_path):
        pathlib.Path(corpus[0]).write_text("\1\2\n\n" * 7, "utf-8")
        with pytest.raises(UserError, match="no sentence to train on"):
            train(corpus, tmp_path / "v")

    @pytest.mark.slow
    def test_the_same_in_other_processes(self, corpus, tmp_path):
        contents = set()
        for seed in ("1", "2"):
            prefix = tmp_path / seed
            subprocess.run(
                [
                    *(sys.executable, "-m", "albert", "create-vocabulary"),
                    "--model_type=wordpiece",
                    f"--input_file={corpus[0]}",
                    f"--output_prefix={prefix}",
                    "--vocab_size=73",
                ],
                check=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONHASHSEED": seed},
                capture_output=True,
            )
            contents.add(pathlib.Path(f"{prefix}.txt").read_bytes())
        assert len(contents) == 1


class TestWordCounts:
    @given(
        st.lists(
            st.lists(st.text("abc猫", min_size=1, max_size=4), max_size=9)
        ),
        st.integers(1, 9),
    )
    def test_nothing_goes_uncounted(self, sentences, most):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wordpiece_training, "_MAX_DISTINCT_WORDS", most)
            patch.setattr(wordpiece_training, "_MAX_WORD_CHARACTERS", 3)
            counts = WordCounts()
            for words in sentences:
                counts.add(words)
                assert len(counts._words) <= most
        text = "".join(map("".join, sentences))
        characters = counts.characters(1.0)
        assert set(characters) == set(text)
        order = [-text.count(character) for character in characters]
        assert order == sorted(order)
        chosen, left_out = counts.words_to_learn_from(set(characters))
        assert left_out.words == sum(map(len, sentences))
        assert left_out.long == sum(
            len(word) > 3 for words in sentences for word in words
        )
        kept = sum(count for _, count in chosen)
        single = sum(n for word, n in counts._words.items() if len(word) == 1)
        assert kept + single + left_out.long + left_out.rare == left_out.words

    def test_frequent_words_are_not_forgotten(self, monkeypatch):
        monkeypatch.setattr(wordpiece_training, "_MAX_DISTINCT_WORDS", 20)
        counts = WordCounts()
        for number in range(500):
            counts.add(["often", f"once{number}"])
        chosen, left_out = counts.words_to_learn_from(set("often"))
        assert chosen == [("often", 500)]
        assert left_out.rare >= 480

    def test_the_work_is_bounded(self, monkeypatch):
        counts = WordCounts()
        counts.add(["abc"] * 3 + ["abcd"] * 2 + ["ab"] + ["x" * 51])
        monkeypatch.setattr(wordpiece_training, "_MAX_PARTS", 6 + 10)
        chosen, left_out = counts.words_to_learn_from(set("abcdx"))
        assert chosen == [("abc", 3), ("abcd", 2)]
        assert left_out.line() == (
            "words      7 in the text; not learnt from: 1 of more than 50 "
            "characters, 1 too rare"
        )


class TestThreshold:
    @given(
        st.lists(st.integers(0, 3000), min_size=3, max_size=300),
        st.integers(1, 2000),
    )
    def test_it_is_the_largest_that_suffices(self, new_pieces, room):
        """With a threshold of t there are the pieces from t on."""
        tried = []

        def learn(words, threshold):
            tried.append(threshold)
            return ["piece"] * sum(new_pieces[threshold:])

        words = [("word", len(new_pieces) - 1)]
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(wordpiece_training, "_learn_with", learn)
            learnt = wordpiece_training._learn(words, room)
        assert all(1 < threshold < len(new_pieces) for threshold in tried)
        assert len(tried) == len(set(tried)) <= 20
        if sum(new_pieces[2:]) < room:
            assert len(learnt) == sum(new_pieces[2:])
        elif len(learnt) > 1.05 * room:
            sizes = [sum(new_pieces[t:]) for t in range(2, len(new_pieces))]
            assert len(learnt) == min(size for size in sizes if size >= room)
        else:
            assert len(learnt) >= room


class TestRefusals:
    def test_without_tensorflow_text(self, tmp_path, monkeypatch):
        monkeypatch.setitem(
            sys.modules, "tensorflow_text.tools.wordpiece_vocab", None
        )
        (tmp_path / "bad.txt").write_bytes(b"\xff\n")
        with pytest.raises(UserError) as error:
            train([str(tmp_path / "bad.txt")], tmp_path / "new" / "v")
        assert "pip install 'albert-keras[export]'" in str(error.value)
        assert os.listdir(tmp_path) == ["bad.txt"]

    def test_what_is_overwritten(self, corpus, tmp_path):
        other = tmp_path / "v.txt"
        other.write_text("my diary\n")
        with pytest.raises(UserError, match=r"v\.txt: exists already"):
            train(corpus, tmp_path / "v")
        with pytest.raises(UserError, match=r"v\.txt: is no file of a vocab"):
            train(corpus, tmp_path / "v", overwrite=True)
        assert other.read_text() == "my diary\n"
        other.unlink()
        train(corpus, tmp_path / "v")
        train(corpus, tmp_path / "v", vocabulary_size=73, overwrite=True)
        assert len(pieces_of(other)) == 73

    def test_the_text_is_never_overwritten(self, corpus, tmp_path):
        prefix = corpus[0].removesuffix(".txt")
        with pytest.raises(UserError, match="both input and output"):
            train(corpus, prefix, overwrite=True)
        assert pathlib.Path(corpus[0]).read_text("utf-8") == TEXT
