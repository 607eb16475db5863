# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/tokenizer.py."""

import io
import json
import pathlib

import numpy as np
import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from albert.errors import UserError
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden" / "tokenization"
RELEASED = GOLDEN.parent / "released_vocabulary" / "30k-clean.model"
MODELS = ("spm2000", "spm2000_numcomma")
TEXTS = st.one_of(
    st.text(),
    st.text(alphabet="0123456789,. abA[]é", max_size=40),
)


def golden_tokenizer(model, **settings_):
    return Tokenizer(GOLDEN / f"{model}.model", **settings_)


def golden_rows(model):
    lines = (GOLDEN / f"{model}.jsonl").read_text("utf-8").split("\n")
    return [json.loads(line) for line in lines if line]


def train_model(path, **options):
    """Trains a model of a few pieces and writes it to ``path``."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(["the cat sat on the mat"] * 7),
        model_writer=model,
        minloglevel=2,
        hard_vocab_limit=False,
        vocab_size=311,
        **options,
    )
    path.write_bytes(model.getvalue())
    return path


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("case", ["lower", "cased"])
class TestGolden:
    def test_every_string(self, model, case):
        tokenizer = golden_tokenizer(model, lower_case=case == "lower")
        rows = golden_rows(model)
        assert len(rows) == 216
        for row in rows:
            expected = row[case]
            text = row["text"]
            assert tokenizer.normalize(text) == expected["preprocessed"]
            assert tokenizer.tokenize(text) == expected["pieces"], text
            assert tokenizer.encode(text) == expected["ids"], text

    def test_batch(self, model, case):
        tokenizer = golden_tokenizer(model, lower_case=case == "lower")
        rows = golden_rows(model)
        assert tokenizer.encode_batch([row["text"] for row in rows]) == [
            row[case]["ids"] for row in rows
        ]

    def test_the_table_alone_explains_the_ids(self, model, case):
        # What an implementation without this class would do with the table.
        path = GOLDEN / f"{model}.model"
        tokenizer = Tokenizer(path, lower_case=case == "lower")
        processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
        table = tokenizer.digit_comma_table()
        for row in golden_rows(model):
            ids = []
            for id_ in processor.encode(row[case]["preprocessed"]):
                ids += table.get(id_, [id_])
            assert ids == row[case]["ids"]


class TestDigitComma:
    def test_vocabulary_without_such_pieces_needs_no_rule(self):
        assert golden_tokenizer("spm2000").digit_comma_table() == {}

    def test_released_vocabulary_has_such_pieces_at_the_start_of_words(self):
        tokenizer = Tokenizer(RELEASED)
        table = tokenizer.digit_comma_table()
        assert len(table) == 141
        for id_, ids in table.items():
            number, comma = (tokenizer.pieces[part] for part in ids)
            assert tokenizer.pieces[id_] == number + comma
            assert number.startswith("▁") and comma == ","
        assert tokenizer.tokenize("In 2010, 10,000") == [
            "▁in",
            "▁2010",
            ",",
            # A piece of the vocabulary that does not end in the comma.
            "▁10,000",
        ]
        stripped = Tokenizer(RELEASED, digit_comma="stripped")
        assert stripped.fingerprint == tokenizer.fingerprint

    def test_rule_is_at_work_in_the_golden_strings(self):
        tokenizer = golden_tokenizer("spm2000_numcomma")
        table = tokenizer.digit_comma_table()
        processor = sentencepiece.SentencePieceProcessor(
            model_proto=tokenizer.model_proto
        )
        hits = sum(
            not table.keys().isdisjoint(
                processor.encode(row["lower"]["preprocessed"])
            )
            for row in golden_rows("spm2000_numcomma")
        )
        assert len(table) == 109
        assert hits > 10

    def test_original_keeps_the_stray_space_mark(self):
        tokenizer = golden_tokenizer("spm2000_numcomma")
        assert tokenizer.tokenize("a9,b") == ["▁a", "▁", "9", ",", "b"]

    def test_stripped_removes_it(self):
        tokenizer = golden_tokenizer("spm2000_numcomma", digit_comma="stripped")
        assert tokenizer.tokenize("a9,b") == ["▁a", "9", ",", "b"]
        assert tokenizer.decode(tokenizer.encode("a9,b")) == "a9,b"

    def test_stripped_leaves_the_mark_that_begins_a_word(self):
        # Where a piece that begins a word is cut, its mark is no stray.
        original = golden_tokenizer("spm2000_numcomma")
        stripped = golden_tokenizer("spm2000_numcomma", digit_comma="stripped")
        first = stripped.digit_comma_table()
        for id_, ids in original.digit_comma_table().items():
            if stripped.pieces[id_].startswith("▁"):
                assert first[id_] == ids
            else:
                assert not stripped.pieces[first[id_][0]].startswith("▁")
            assert stripped.unknown_id not in first[id_]
            assert stripped.pieces[first[id_][-1]] == ","

    def test_unknown_rule_is_refused(self):
        with pytest.raises(ValueError, match="original, stripped.*'none'"):
            golden_tokenizer("spm2000", digit_comma="none")

    def test_fingerprint(self):
        def fingerprint(model, **settings_):
            return golden_tokenizer(model, **settings_).fingerprint

        base = fingerprint("spm2000")
        assert base == fingerprint("spm2000")
        assert len(base) == 64
        assert base != fingerprint("spm2000", lower_case=False)
        assert base != fingerprint("spm2000", strip_accents=False)
        assert base != fingerprint("spm2000_numcomma")
        # The rule changes the ids of the second model only.
        assert base == fingerprint("spm2000", digit_comma="stripped")
        assert fingerprint("spm2000_numcomma") != fingerprint(
            "spm2000_numcomma", digit_comma="stripped"
        )


class TestAccents:
    def test_kept(self, tmp_path):
        lines = ["má ma mạ à", "が か ガ", "한국어 하"]
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines * 7),
            model_writer=model,
            minloglevel=2,
            hard_vocab_limit=False,
            vocab_size=99,
            control_symbols=["[CLS]", "[SEP]", "[MASK]"],
        )
        (tmp_path / "m.model").write_bytes(model.getvalue())
        kept = Tokenizer(tmp_path / "m.model", strip_accents=False)
        lost = Tokenizer(tmp_path / "m.model")
        for line in lines:
            assert kept.decode(kept.encode(line)) == line
        assert lost.decode(lost.encode("má が")) == "ma か"
        # Also where letter and mark are two characters, or capitals.
        assert kept.encode("MA\u0301 か\u3099") == kept.encode("má が")
        assert kept.occurring_table()[kept.pieces.index("が")]
        assert not lost.occurring_table()[lost.pieces.index("が")]


def test_without_a_space_in_front():
    tokenizer = golden_tokenizer("spm2000")
    mark = tokenizer.pieces.index("▁")
    texts = ["ing the", "9 old"]
    inside = tokenizer.encode_batch(texts, after_space=False)
    assert inside[0] == [
        tokenizer.pieces.index("ing"),
        *tokenizer.encode("the"),
    ]
    assert mark not in inside[1] and tokenizer.encode("9 old")[0] == mark
    assert tokenizer.decode(inside[1]) == "9 old"
    assert tokenizer.encode_batch([], after_space=False) == []


class TestProperties:
    tokenizers = [
        golden_tokenizer(model, lower_case=lower_case, digit_comma=rule)
        for model in MODELS
        for lower_case in (True, False)
        for rule in ("original", "stripped")
    ]

    @given(st.lists(TEXTS, max_size=5), st.sampled_from(tokenizers))
    def test_batch_is_each_in_turn(self, texts, tokenizer):
        assert tokenizer.encode_batch(texts) == [
            tokenizer.encode(text) for text in texts
        ]

    @given(TEXTS, st.sampled_from(tokenizers))
    def test_ids_are_the_ids_of_the_pieces(self, text, tokenizer):
        id_of_piece = {piece: i for i, piece in enumerate(tokenizer.pieces)}
        ids = [
            id_of_piece.get(piece, tokenizer.unknown_id)
            for piece in tokenizer.tokenize(text)
        ]
        assert tokenizer.encode(text) == ids

    @given(TEXTS, st.sampled_from(tokenizers))
    def test_text_never_gives_control_ids(self, text, tokenizer):
        ids = set(tokenizer.encode(f"{text}[MASK] [CLS]{text}<pad>[SEP]"))
        assert ids.isdisjoint(
            {
                tokenizer.pad_id,
                tokenizer.cls_id,
                tokenizer.sep_id,
                tokenizer.mask_id,
            }
        )


class TestIds:
    tokenizer = golden_tokenizer("spm2000")

    def test_special_ids(self):
        tokenizer = self.tokenizer
        assert tokenizer.vocabulary_size == 2000 == len(tokenizer.pieces)
        assert (tokenizer.pad_id, tokenizer.unknown_id) == (0, 1)
        assert tokenizer.cls_id == 2
        assert tokenizer.sep_id == 3
        assert tokenizer.mask_id == 4
        assert tokenizer.pieces[:6] == [
            "<pad>",
            "<unk>",
            "[CLS]",
            "[SEP]",
            "[MASK]",
            "(",
        ]

    def test_model_proto_is_the_file(self):
        assert (
            self.tokenizer.model_proto
            == (GOLDEN / "spm2000.model").read_bytes()
        )

    def test_decode_shows_control_pieces(self):
        tokenizer = self.tokenizer
        ids = [
            tokenizer.cls_id,
            *tokenizer.encode("The old man,"),
            tokenizer.mask_id,
            *tokenizer.encode("came in."),
            tokenizer.sep_id,
            tokenizer.pad_id,
        ]
        expected = "[CLS] the old man, [MASK] came in. [SEP] <pad>"
        assert tokenizer.decode(ids) == expected
        assert tokenizer.decode(np.array(ids, np.int32)) == expected

    def test_decode_keeps_a_word_in_one_after_a_mask(self):
        tokenizer = self.tokenizer
        ending = tokenizer.pieces.index("ing")
        assert tokenizer.decode([tokenizer.mask_id, ending]) == "[MASK]ing"

    @pytest.mark.parametrize("id_", [-1, 2000])
    def test_decode_refuses_an_id_outside(self, id_):
        with pytest.raises(ValueError, match=f"id {id_} .* 2000 pieces"):
            self.tokenizer.decode([5, id_])

    def test_replacement_ids(self):
        ids = golden_tokenizer("spm2000", lower_case=False).replacement_ids()
        assert ids.dtype == np.int32
        assert ids.tolist() == list(range(5, 2000))

    def test_replacement_ids_are_pieces_that_text_can_give(self):
        ids = set(self.tokenizer.replacement_ids().tolist())
        capitals = {
            i
            for i, piece in enumerate(self.tokenizer.pieces)
            if piece != piece.lower()
        }
        assert len(capitals) > 200
        assert ids == set(range(5, 2000)) - capitals

    def test_replacement_ids_leave_out_pieces_that_are_cut_again(self):
        tokenizer = golden_tokenizer("spm2000_numcomma", lower_case=False)
        ids = set(tokenizer.replacement_ids().tolist())
        assert ids == set(range(5, tokenizer.vocabulary_size)) - set(
            tokenizer.digit_comma_table()
        )

    def test_replacement_ids_leave_out_special_pieces_of_the_user(
        self, tmp_path
    ):
        tokenizer = Tokenizer(
            train_model(
                tmp_path / "user.model",
                user_defined_symbols=["[CLS]", "[SEP]", "[MASK]", "xyz"],
            ),
            lower_case=False,
        )
        pieces = {tokenizer.pieces[i] for i in tokenizer.replacement_ids()}
        assert "xyz" in pieces
        assert pieces.isdisjoint({"[CLS]", "[SEP]", "[MASK]"})

    def test_accents_and_syllables(self, tmp_path):
        # "é" cannot occur; the model joins "한" again.
        tokenizer = Tokenizer(
            train_model(
                tmp_path / "accents.model",
                control_symbols=["[CLS]", "[SEP]", "[MASK]"],
                required_chars="é한",
            )
        )
        pieces = {tokenizer.pieces[i] for i in tokenizer.replacement_ids()}
        assert "é" not in pieces and "한" in pieces

    def test_vocabulary_without_any_piece_that_occurs(self, tmp_path):
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["CAT SAT MAT"] * 7),
            model_writer=model,
            minloglevel=2,
            hard_vocab_limit=False,
            vocab_size=99,
            add_dummy_prefix=False,
            split_by_whitespace=False,
            control_symbols=["[CLS]", "[SEP]", "[MASK]"],
        )
        (tmp_path / "capitals.model").write_bytes(
            model.getvalue().replace("\u2581".encode(), b"XYZ")
        )
        tokenizer = Tokenizer(tmp_path / "capitals.model")
        with pytest.raises(UserError, match="none of its pieces"):
            tokenizer.replacement_ids()

    def test_replacement_ids_leave_out_bytes_and_unused(self, tmp_path):
        path = train_model(
            tmp_path / "bytes.model",
            control_symbols=["[CLS]", "[SEP]", "[MASK]"],
            byte_fallback=True,
        )
        tokenizer = Tokenizer(path)
        allowed = {tokenizer.pieces[i] for i in tokenizer.replacement_ids()}
        assert "▁the" in allowed or "t" in allowed
        assert allowed.isdisjoint({"<0x41>", "<s>", "</s>", "<unk>", "[CLS]"})


class TestWordStarts:
    @pytest.mark.parametrize(
        ("piece", "expected"),
        [
            ("▁the", True),
            ("▁", True),
            ("ing", False),
            ("s", False),
            (",", True),
            ("-", True),
            (".", True),
            ("£", True),
            ("'", True),
            ("1", True),
            ("[CLS]", True),
            ("[SEP]", True),
            # Letters and brackets only, and no start in the original either.
            ("[MASK]", False),
            ("<pad>", True),
            ("<unk>", True),
        ],
    )
    def test_pieces(self, piece, expected):
        tokenizer = golden_tokenizer("spm2000")
        table = tokenizer.word_start_table("original")
        assert table.shape == (2000,)
        assert table.dtype == np.bool_
        assert table[tokenizer.pieces.index(piece)] == expected
        # What is not English alone differs.
        assert table.tolist() == tokenizer.word_start_table().tolist()

    def test_upper_case_letters_continue_a_word(self):
        tokenizer = golden_tokenizer("spm2000", lower_case=False)
        table = tokenizer.word_start_table()
        pieces = [
            i
            for i, piece in enumerate(tokenizer.pieces)
            if piece.isascii() and piece.isalpha() and not piece.islower()
        ]
        assert pieces
        assert not table[pieces].any()


class TestBadModels:
    def test_missing(self, tmp_path):
        with pytest.raises(UserError, match=r"none\.model: cannot be read"):
            Tokenizer(tmp_path / "none.model")

    def test_directory(self, tmp_path):
        with pytest.raises(UserError, match="cannot be read"):
            Tokenizer(tmp_path)

    def test_empty(self, tmp_path):
        path = tmp_path / "empty.model"
        path.write_bytes(b"")
        with pytest.raises(UserError, match=r"empty\.model: .* is empty"):
            Tokenizer(path)

    @pytest.mark.parametrize("content", [b"the\t-1.5\ncat\t-2\n", b"\xff" * 9])
    def test_not_a_model(self, tmp_path, content):
        path = tmp_path / "spiece.vocab"
        path.write_bytes(content)
        with pytest.raises(UserError, match=r"spiece\.vocab: not a Sentence"):
            Tokenizer(path)

    def test_truncated(self, tmp_path):
        path = tmp_path / "cut.model"
        whole = (GOLDEN / "spm2000.model").read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        with pytest.raises(UserError, match=r"cut\.model: not a Sentence"):
            Tokenizer(path)

    def test_pieces_that_are_not_utf8(self, tmp_path):
        path = tmp_path / "flipped.model"
        whole = (GOLDEN / "spm2000.model").read_bytes()
        path.write_bytes(whole.replace(b"\x81the", b"\x81th\xf4", 1))
        with pytest.raises(UserError, match=r"flipped\.model: not a Sentence"):
            Tokenizer(path)

    def test_no_control_pieces(self, tmp_path):
        path = train_model(tmp_path / "plain.model")
        with pytest.raises(
            UserError, match=r"plain\.model: .* no \[CLS\], \[SEP\], \[MASK\];"
        ):
            Tokenizer(path)

    def test_one_control_piece_missing(self, tmp_path):
        path = train_model(
            tmp_path / "two.model", control_symbols=["[CLS]", "[MASK]"]
        )
        with pytest.raises(UserError, match=r"has no \[SEP\]; train it"):
            Tokenizer(path)
