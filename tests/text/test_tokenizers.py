# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/tokenizers.py."""

import pathlib
import typing

import pytest

from albert.errors import UserError
from albert.text.tokenizer import Tokenizer
from albert.text.tokenizers import TokenizerInterface
from albert.text.tokenizers import load_tokenizer
from albert.text.wordpiece import WordPieceTokenizer

GOLDEN = pathlib.Path(__file__).parents[1] / "golden"
FILES = {
    "sentencepiece": GOLDEN / "tokenization" / "spm2000.model",
    "wordpiece": GOLDEN / "wordpiece" / "vocab.txt",
}


@pytest.mark.parametrize("kind", FILES)
class TestBothKinds:
    def test_offer_the_interface(self, kind):
        tokenizer = load_tokenizer(FILES[kind], lower_case=False)
        assert tokenizer.kind == kind
        for name, type_ in typing.get_type_hints(TokenizerInterface).items():
            assert isinstance(getattr(tokenizer, name), type_), name
        for name in vars(TokenizerInterface):
            if not name.startswith("_"):
                assert callable(getattr(tokenizer, name)), name

    def test_are_what_their_file_and_settings_say(self, kind):
        path = FILES[kind]
        tokenizer = load_tokenizer(path, lower_case=False)
        assert tokenizer.content == path.read_bytes()
        again = load_tokenizer(path, **tokenizer.settings)
        assert again.fingerprint == tokenizer.fingerprint
        assert load_tokenizer(path).fingerprint != tokenizer.fingerprint

    def test_agree_with_themselves(self, kind):
        tokenizer = load_tokenizer(FILES[kind])
        texts = ["The cat sat.", "", "曹操, said I"]
        rows = tokenizer.encode_batch(texts)
        assert rows == [tokenizer.encode(text) for text in texts]
        assert tokenizer.encode_with_offsets(texts).ids.tolist() == sum(
            rows, []
        )
        assert rows == tokenizer.encode_batch(tokenizer.normalize_batch(texts))
        assert tokenizer.decode([tokenizer.cls_id, *rows[0]]).startswith(
            "[CLS] the cat sat"
        )


def test_content_and_not_the_name_decides(tmp_path):
    for kind, class_ in zip(
        FILES, (Tokenizer, WordPieceTokenizer), strict=True
    ):
        path = tmp_path / f"{kind}.vocabulary"
        path.write_bytes(FILES[kind].read_bytes())
        assert type(load_tokenizer(path)) is class_


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"any text\nof lines\n",
        # The list beside a SentencePiece model.
        "<pad>\t0\n<unk>\t0\n[CLS]\t0\n[SEP]\t0\n▁the\t-3.1\n".encode(),
    ],
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "vocabulary"
    path.write_bytes(content)
    with pytest.raises(UserError) as caught:
        load_tokenizer(path)
    assert str(path) in str(caught.value)
