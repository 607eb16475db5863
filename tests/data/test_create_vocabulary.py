# SPDX-License-Identifier: Apache-2.0
"""Tests of data/create_vocabulary.py, and in albert/text of vocabulary.py,
sentence_source.py and sentencepiece_training.py."""

import gzip
import importlib
import json
import logging
import os
import pathlib
import random
import re

import pytest
from absl import flags
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.text import sentencepiece_training
from albert.text.selection import SelectionSettings
from albert.text.sentence_source import SentenceSource
from albert.text.tokenizer import Tokenizer
from albert.text.vocabulary import train_vocabulary
from albert.workspaces import workspace

ROOT = pathlib.Path(__file__).parents[2]
RECIPE = ROOT / "data" / "create_vocabulary.py"
SPECIAL_PIECES = [
    *("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"),
    *("(", ")", '"', "-", ".", "–", "£", "€"),
]


@pytest.fixture
def run_recipe(call_recipe):
    """Runs the recipe's main in this process."""
    return lambda *arguments: call_recipe(RECIPE, *arguments)


def sample_text(number_of_sentences, seed=7):
    """Made-up sentences of words that share syllables, some accented."""
    generator = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprst" for b in ("a", "e", "i", "ou")]

    def word():
        return "".join(generator.choices(syllables, k=generator.randint(1, 3)))

    words = [word() for _ in range(1201)] + ["Café", "1999", "(Ünder)"]
    return "".join(
        " ".join(generator.choices(words, k=11)).capitalize() + ".\n"
        for _ in range(number_of_sentences)
    )


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Two files, one compressed: 1,013 sentences."""
    folder = tmp_path_factory.mktemp("corpus")
    (folder / "a.txt").write_text(sample_text(606), "utf-8")
    (folder / "b.txt.gz").write_bytes(
        gzip.compress(sample_text(407, seed=8).encode())
    )
    return [str(folder / "a.txt"), str(folder / "b.txt.gz")]


def train(corpus, prefix, **settings):
    settings = {"vocabulary_size": 307, **settings}
    return train_vocabulary(corpus, str(prefix), **settings)


def piece_list(prefix):
    lines = pathlib.Path(f"{prefix}.vocab").read_text("utf-8").split("\n")
    assert lines.pop() == ""
    return [line.split("\t")[0] for line in lines]


class TestModel:
    def test_pieces_and_report(self, corpus, tmp_path):
        report = train(corpus, tmp_path / "new" / "v")
        tokenizer = Tokenizer(report.model_file)
        assert report.model_file == str(tmp_path / "new" / "v.model")
        assert tokenizer.vocabulary_size == report.vocabulary_size == 307
        assert tokenizer.pieces[:13] == SPECIAL_PIECES
        assert piece_list(tmp_path / "new" / "v") == tokenizer.pieces
        assert report.sentences == report.sentences_read == 1013
        assert report.training_lines == []
        assert set(report.first_pieces) < set(tokenizer.pieces[5:])
        assert report.fingerprint == tokenizer.fingerprint
        assert 1.5 < report.characters_per_piece < 5
        assert report.unknown_share == 0
        assert sorted(os.listdir(tmp_path / "new")) == ["v.model", "v.vocab"]

    def test_text_is_normalised_first(self, corpus, tmp_path):
        train(corpus, tmp_path / "v")
        characters = set("".join(piece_list(tmp_path / "v")[13:]))
        assert characters.isdisjoint("éÉüÜ")
        assert not any(char.isupper() for char in characters)

    def test_case_is_kept_when_asked(self, corpus, tmp_path):
        report = train(corpus, tmp_path / "v", lower_case=False)
        characters = set("".join(piece_list(tmp_path / "v")[13:]))
        assert any(char.isupper() for char in characters)
        tokenizer = Tokenizer(report.model_file, lower_case=False)
        assert tokenizer.decode(tokenizer.encode("Bada.")) == "Bada."

    def test_scores_in_the_vocab_file(self, corpus, tmp_path):
        train(corpus, tmp_path / "v")
        lines = (tmp_path / "v.vocab").read_text("utf-8").splitlines()
        scores = [float(line.split("\t")[1]) for line in lines]
        assert scores[:13] == [0.0] * 13
        assert scores[13:] == sorted(scores[13:], reverse=True)
        assert all(score < 0 for score in scores[13:])


class TestDraw:
    @pytest.mark.parametrize("limit", [0, 503, 10_000])
    def test_same_settings_same_files(self, corpus, tmp_path, limit):
        for name in ("a", "b"):
            report = train(
                corpus, tmp_path / name, input_sentence_size=limit, seed=3
            )
            assert report.sentences == (503 if limit == 503 else 1013)
            assert report.sentences_read == 1013
        for suffix in ("model", "vocab"):
            assert (tmp_path / f"a.{suffix}").read_bytes() == (
                tmp_path / f"b.{suffix}"
            ).read_bytes()

    def test_another_seed_draws_others(self, corpus, tmp_path):
        characters = {
            train(
                corpus,
                tmp_path / f"v{seed}",
                input_sentence_size=503,
                seed=seed,
            ).characters
            for seed in (3, 4, 5)
        }
        assert len(characters) == 3


class TestLongSentences:
    # 4,192 bytes are as many as SentencePiece takes.
    @pytest.mark.parametrize(
        ("sentence", "expected"),
        [
            ("ab " * 1397 + "a", ["ab " * 1397 + "a"]),
            ("ab " * 1397 + "ab", ["ab " * 1396 + "ab", " ab"]),
            ("x" * 4192 + " y", ["x" * 4192, " y"]),
            ("x" * 4193, ["x" * 4192, "x"]),
            ("я" * 2097, ["я" * 2096, "я"]),
            ("x" + "я" * 2096, ["x" + "я" * 2095, "я"]),
            ("。" * 2000, ["。" * 1397, "。" * 603]),
            (" " + "x" * 5000, [" " + "x" * 4191, "x" * 809]),
        ],
    )
    def test_cut(self, sentence, expected):
        assert sentencepiece_training._cut_sentence(sentence) == expected

    @given(st.text(alphabet="a ßя。😀", max_size=30), st.integers(4, 9))
    def test_nothing_is_lost(self, sentence, longest):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(
                sentencepiece_training, "_MAX_SENTENCE_BYTES", longest
            )
            parts = sentencepiece_training._cut_sentence(sentence)
        assert "".join(parts) == sentence
        assert all(len(part.encode()) <= longest for part in parts)

    def test_all_are_trained_on(self, tmp_path):
        """Texts of one line, which SentencePiece left out one and all."""
        words = [f"word{number}" for number in range(50)]
        generator = random.Random(5)
        path = tmp_path / "long.txt"
        path.write_text(" ".join(generator.choices(words, k=5000)) + "\n")
        report = train([str(path)], tmp_path / "v", vocabulary_size=30)
        assert report.sentences == 1
        (line,) = report.training_lines
        assert "cut        1 sentences of more than 4,192 bytes" in line
        assert report.unknown_share == 0
        assert "▁word" in piece_list(tmp_path / "v")

    def test_what_only_they_hold_is_learnt(self, corpus, tmp_path):
        path = tmp_path / "long.txt"
        path.write_text("я" * 2097 + "\n" + "я" * 1000 + "\n", "utf-8")
        report = train([*corpus, str(path)], tmp_path / "v")
        (line,) = report.training_lines
        assert "cut        1 sentences" in line
        assert report.unknown_share == 0


class TestPipes:
    def test_is_read_as_a_file(self, corpus, tmp_path, pipe_of):
        train(corpus[:1], tmp_path / "a")
        content = pathlib.Path(corpus[0]).read_bytes()
        report = train([pipe_of(gzip.compress(content))], tmp_path / "b")
        assert report.sentences == report.sentences_read == 606
        assert (tmp_path / "a.model").read_bytes() == (
            tmp_path / "b.model"
        ).read_bytes()
        assert len(os.listdir(tmp_path)) == 4

    def test_what_is_wrong_is_told_of_the_pipe(self, tmp_path, pipe_of):
        path = pipe_of(b"One.\nTw\xf6.\n")
        with pytest.raises(UserError, match=f"^{path}: line 2 is not UTF-8"):
            train([path], tmp_path / "v")
        assert os.listdir(tmp_path) == []


class TestMemory:
    def test_what_there_is_not(self, corpus, tmp_path, monkeypatch):
        monkeypatch.setattr("albert.memory.available_memory", lambda: 900_000)
        with pytest.raises(
            UserError,
            match=r"2 input files: training on 1,013 sentences takes about "
            r"0\.0 GB .* --input_sentence_size=\d+0 or less",
        ) as error:
            train(corpus, tmp_path / "v")
        assert os.listdir(tmp_path) == []
        fitting = int(re.search(r"size=(\d+)", str(error.value))[1])
        assert 300 < fitting < 900
        train(corpus, tmp_path / "v", input_sentence_size=fitting)

    def test_it_is_told_before(self, corpus, tmp_path, monkeypatch, caplog):
        monkeypatch.setattr(sentencepiece_training, "_WORTH_TELLING", 1)
        with caplog.at_level(logging.INFO, logger="absl"):
            train(corpus, tmp_path / "v", input_sentence_size=503)
        (told,) = [m for m in caplog.messages if "of memory" in m]
        assert "training on 503 sentences will take about 0.0 GB" in told

    def test_bytes_that_are_expected(self, corpus):
        source = SentenceSource(
            corpus, {}, SelectionSettings(), str.lower, 503, seed=1
        )
        source.count()
        size = sum(len(sentence.encode()) for sentence in source)
        assert abs(source.expected_bytes - size) < 0.05 * size

    def test_a_text_that_is_written_to_between_readings(self, tmp_path):
        path = tmp_path / "a.txt"
        path.write_text(sample_text(60), "utf-8")
        source = SentenceSource(
            [str(path)], {}, SelectionSettings(), str.lower, 0, seed=1
        )
        source.count()
        with open(path, "a") as stream:
            stream.write("More of it.\n")
        with pytest.raises(UserError, match=r"a\.txt: was replaced while it"):
            list(source)

    def test_large_corpus_is_announced(self, corpus, tmp_path, monkeypatch):
        def spy(**settings):
            announced.append(settings["train_extremely_large_corpus"])
            real(**settings)

        announced = []
        trainer = sentencepiece_training.sentencepiece.SentencePieceTrainer
        real = trainer.train
        monkeypatch.setattr(trainer, "train", spy)
        train(corpus, tmp_path / "a")
        monkeypatch.setattr(sentencepiece_training, "_LARGEST_USUAL_CORPUS", 1)
        train(corpus, tmp_path / "b")
        assert announced == [False, True]
        assert (tmp_path / "a.model").read_bytes() == (
            tmp_path / "b.model"
        ).read_bytes()

    def test_a_system_that_does_not_tell(self, corpus, tmp_path, monkeypatch):
        monkeypatch.setattr("albert.memory.available_memory", lambda: None)
        train(corpus, tmp_path / "v")


class TestRefusals:
    def test_too_large_names_the_largest(self, corpus, tmp_path):
        with pytest.raises(UserError, match="too large") as error:
            train(corpus, tmp_path / "v", vocabulary_size=30000)
        assert "\n" not in str(error.value)
        assert os.listdir(tmp_path) == []
        largest = int(re.search(r"possible is (\d+)", str(error.value))[1])
        report = train(corpus, tmp_path / "v", vocabulary_size=largest)
        assert report.vocabulary_size == largest
        with pytest.raises(UserError, match=f"largest possible is {largest};"):
            train(corpus, tmp_path / "w", vocabulary_size=largest + 1)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("\0" * 5000, "holds NUL .* from line 1 on, 5,000 in 5,000"),
            ("a\n" * 20 + "\0\n" * 20, "holds NUL .* from line 21 on"),
            ("\1\2\n\n" * 7, "other than control characters"),
        ],
    )
    def test_nothing_to_train_on(self, tmp_path, content, words):
        path = tmp_path / "a.txt"
        path.write_text(content)
        with pytest.raises(UserError, match=words) as error:
            train([str(path)], tmp_path / "v")
        line = str(error.value)
        assert ".cc" not in line
        assert "[" not in line
        assert os.listdir(tmp_path) == ["a.txt"]

    def test_too_small_names_the_smallest(self, corpus, tmp_path):
        with pytest.raises(UserError, match="too small") as error:
            train(corpus, tmp_path / "v", vocabulary_size=17)
        smallest = int(re.search(r"alone need (\d+)", str(error.value))[1])
        with pytest.raises(UserError, match=f"alone need {smallest};"):
            train(corpus, tmp_path / "v", vocabulary_size=smallest - 1)
        assert os.listdir(tmp_path) == []
        train(corpus, tmp_path / "v", vocabulary_size=smallest + 1)

    def test_nothing_is_overwritten(self, corpus, tmp_path):
        kept = tmp_path / "v.vocab"
        kept.write_text("mine")
        with pytest.raises(UserError, match=r"v\.vocab: exists already"):
            train(corpus, tmp_path / "v")
        assert kept.read_text() == "mine"
        assert os.listdir(tmp_path) == ["v.vocab"]
        with pytest.raises(UserError, match="is no file of a vocabulary"):
            train(corpus, tmp_path / "v", overwrite=True)
        assert kept.read_text() == "mine"
        kept.unlink()
        (tmp_path / "v.model").write_bytes(b"of another program")
        with pytest.raises(UserError, match=r"v\.model: is no file of a voc"):
            train(corpus, tmp_path / "v", overwrite=True)
        assert os.listdir(tmp_path) == ["v.model"]

    def test_vocabulary_is_overwritten_when_asked(self, corpus, tmp_path):
        train(corpus, tmp_path / "v")
        before = (tmp_path / "v.model").read_bytes()
        with pytest.raises(UserError, match="too large"):
            train(corpus, tmp_path / "v", vocabulary_size=30000, overwrite=True)
        assert (tmp_path / "v.model").read_bytes() == before
        train(corpus, tmp_path / "v", vocabulary_size=211, overwrite=True)
        assert len(piece_list(tmp_path / "v")) == 211
        assert sorted(os.listdir(tmp_path)) == ["v.model", "v.vocab"]

    def test_vocabulary_that_a_kill_left_between_two_names(
        self, corpus, tmp_path
    ):
        (tmp_path / "v.model").write_text("the new one")
        place = tmp_path / ".v.model.albert-incomplete"
        (place / "ready").mkdir(parents=True)
        (place / "ready" / "v.vocab").write_text("its pieces")
        with pytest.raises(UserError, match="exists already"):
            train(corpus, tmp_path / "v")
        assert sorted(os.listdir(tmp_path)) == ["v.model", "v.vocab"]

    @pytest.mark.parametrize("link", ["symlink_to", "hardlink_to", None])
    def test_input_is_never_overwritten(self, corpus, tmp_path, link):
        text = tmp_path / ("text" if link else "in.model")
        text.write_text("One.\nTwo.\n")
        if link:
            getattr(tmp_path / "in.model", link)(text)
        with pytest.raises(UserError, match="both input and output"):
            train([*corpus, str(text)], tmp_path / "in", overwrite=True)
        assert text.read_text() == "One.\nTwo.\n"

    @pytest.mark.parametrize("prefix", ["", "folder", "folder/"])
    def test_prefix_without_a_name(self, corpus, tmp_path, monkeypatch, prefix):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "folder").mkdir()
        with pytest.raises(UserError, match="names no file: give .*vocabulary"):
            train(corpus, prefix)
        assert os.listdir(tmp_path) == ["folder"]
        assert os.listdir(tmp_path / "folder") == []

    def test_prefix_that_is_a_suffix_alone(self, corpus, tmp_path, run_recipe):
        with pytest.raises(UserError, match="names no file"):
            run_recipe(
                f"--input_file={corpus[0]}",
                f"--output_prefix={tmp_path}/.model",
            )
        assert os.listdir(tmp_path) == []

    def test_vocabulary_that_appears_meanwhile_is_not_replaced(
        self, corpus, tmp_path, monkeypatch
    ):
        def appear(sentences, **settings):
            (tmp_path / "v.model").write_text("another's")
            return real(sentences, **settings)

        real = sentencepiece_training.train
        monkeypatch.setattr(sentencepiece_training, "train", appear)
        with pytest.raises(UserError, match=r"v\.model: exists already"):
            train(corpus, tmp_path / "v")
        assert (tmp_path / "v.model").read_text() == "another's"
        assert os.listdir(tmp_path) == ["v.model"]

    def test_two_at_once(self, corpus, tmp_path):
        with (
            workspace(tmp_path / "v.model"),
            pytest.raises(UserError, match="another process is writing"),
        ):
            train(corpus, tmp_path / "v")
        train(corpus, tmp_path / "v")

    def test_full_disk(self, corpus, tmp_path, limit_file_size):
        with limit_file_size(2000), pytest.raises(UserError) as caught:
            train(corpus, tmp_path / "new" / "v")
        assert "new/v.model: cannot be written (" in str(caught.value)
        assert "--output_prefix" in str(caught.value)
        assert os.listdir(tmp_path) == []

    def test_bad_text_is_named(self, corpus, tmp_path):
        path = tmp_path / "latin.txt"
        path.write_bytes(b"One.\nTw\xf6.\n")
        with pytest.raises(UserError, match=r"latin\.txt: line 2 is not UTF"):
            train([*corpus, str(path)], tmp_path / "v")
        assert os.listdir(tmp_path) == ["latin.txt"]

    def test_text_that_turns_bad_while_training(
        self, corpus, tmp_path, monkeypatch
    ):
        # The second reading happens inside SentencePiece's C++.
        readings = []

        def read(files, **settings):
            readings.append(files)
            yield ["One.", "Two."]
            if len(readings) == 2:
                raise UserError("b.txt: line 7 is not UTF-8")

        monkeypatch.setattr(
            "albert.text.sentence_source.documents.read_documents", read
        )
        with pytest.raises(UserError, match=r"^b\.txt: line 7 is not UTF-8$"):
            train(corpus, tmp_path / "v")
        assert os.listdir(tmp_path) == []

    def test_empty_corpus(self, tmp_path):
        (tmp_path / "empty.txt").write_text("\n\n")
        with pytest.raises(UserError, match="no text found"):
            train([str(tmp_path / "empty.txt")], tmp_path / "v")

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"vocabulary_size": 0}, "vocab_size 0"),
            ({"character_coverage": 0.5}, r"character_coverage 0\.5"),
            ({"character_coverage": 1.5}, r"character_coverage 1\.5"),
            ({"input_sentence_size": -1}, "input_sentence_size -1"),
        ],
    )
    def test_settings_out_of_range(self, corpus, tmp_path, settings, message):
        with pytest.raises(UserError, match=message):
            train(corpus, tmp_path / "v", **settings)

    def test_directory_that_cannot_be_made(self, corpus, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UserError, match="file is not a directory"):
            train(corpus, tmp_path / "file" / "v")


class TestRecipe:
    def test_summary_and_next_command(
        self, corpus, tmp_path, capsys, run_recipe
    ):
        run_recipe(
            f"--input_file={','.join(corpus)}",
            f"--output_prefix={tmp_path}/v.model",
            "--vocab_size=211",
            "--do_lower_case=false",
        )
        printed = capsys.readouterr().out
        assert "211 pieces" in printed
        assert "1,013 of 1,013 sentences" in printed
        assert "Next:\n  albert create-pretraining-data" in printed
        assert f"--spm_model_file={tmp_path}/v.model" in printed
        assert "--do_lower_case=false" in printed
        # The lengths that README goes on with.
        lengths = "--max_seq_length=64 --max_predictions_per_seq=10"
        assert lengths in printed
        readme = (pathlib.Path(__file__).parents[2] / "README.md").read_text()
        assert lengths in readme
        assert sorted(os.listdir(tmp_path)) == ["v.model", "v.vocab"]

    def test_what_is_left_out(self, corpus, tmp_path, capsys, run_recipe):
        twice = tmp_path / "twice.txt"
        text = sample_text(606).replace("\n", "\n\n")
        twice.write_text(text + "\n" + text, "utf-8")
        listing = tmp_path / "left_out.jsonl"
        run_recipe(
            f"--input_file={twice}",
            f"--output_prefix={tmp_path}/v",
            "--vocab_size=101",
            "--duplicates=documents",
            f"--left_out_file={listing}",
        )
        printed = capsys.readouterr().out
        assert "606 of 606 sentences" in printed
        assert "left out   duplicate document: 606, " in printed
        assert len(listing.read_text("utf-8").splitlines()) == 606
        with pytest.raises(UserError, match="w.vocab: is written .* already"):
            run_recipe(
                f"--input_file={twice}",
                f"--output_prefix={tmp_path}/w",
                f"--left_out_file={tmp_path}/w.vocab",
            )

    def test_wordpiece_and_the_next_command(
        self, corpus, tmp_path, capsys, run_recipe
    ):
        # Before the recipe does, which needs a stderr with a number.
        importlib.import_module("tensorflow")
        run_recipe(
            f"--input_file={','.join(corpus)}",
            f"--output_prefix={tmp_path}/v.txt",
            "--vocab_size=211",
            "--model_type=wordpiece",
            "--strip_accents=false",
        )
        printed = capsys.readouterr().out
        assert f"wrote      {tmp_path}/v.txt\n" in printed
        assert "1,013 of 1,013 sentences" in printed
        assert "in the text, all learnt from" in printed
        assert (
            f" --vocab_file={tmp_path}/v.txt --strip_accents=false "
            in (printed.partition("Next:")[2])
        )
        assert "--spm_model_file" not in printed
        pieces = (tmp_path / "v.txt").read_text("utf-8").splitlines()
        assert len(pieces) == 211
        assert "é" in pieces

    def test_rows_and_the_next_command(self, tmp_path, capsys, run_recipe):
        rows = tmp_path / "rows.txt"
        rows.write_text(
            "".join(
                json.dumps({"my text": line}) + "\n"
                for line in sample_text(300).splitlines()
            )
        )
        run_recipe(
            f"--input_file={rows}",
            f"--output_prefix={tmp_path}/v",
            "--vocab_size=101",
            "--text_field=my text",
        )
        printed = capsys.readouterr().out
        assert "300 of 300 sentences" in printed
        assert " --text_field='my text' " in printed.partition("Next:")[2]

    def test_defaults_are_the_originals(self, load_recipe):
        flag_values = flags.FlagValues()
        load_recipe(RECIPE).define_flags(flag_values)
        flag_values(["x", "--input_file=a", "--output_prefix=b"])
        assert flag_values.vocab_size == 30000
        assert flag_values.character_coverage == 0.99995
        assert flag_values.input_sentence_size == 10_000_000
        assert flag_values.do_lower_case is True

    def test_command_line_error_is_one_line(
        self, corpus, tmp_path, run_process
    ):
        result = run_process(
            RECIPE,
            f"--input_file={corpus[0]}",
            f"--output_prefix={tmp_path}/v",
        )
        assert result.returncode == 2
        last = result.stderr.splitlines()[-1]
        assert last.startswith("error: vocab_size 30000 is too large")
        assert "Traceback" not in result.stderr
        assert os.listdir(tmp_path) == []
