# SPDX-License-Identifier: Apache-2.0
"""A vocabulary whose words are letters, and pairs of two languages."""

import pytest

from albert.text.tokenizers import load_tokenizer

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
# A language in small letters, and one in capitals.
PIECES = [*SPECIAL, *"abcdefghijklm", *"ABCDEFGHIJKLM", "."]


@pytest.fixture(scope="session")
def vocabulary(tmp_path_factory):
    path = tmp_path_factory.mktemp("vocabulary") / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in PIECES))
    return str(path)


@pytest.fixture(scope="session")
def tokenizer(vocabulary):
    return load_tokenizer(vocabulary, lower_case=False, strip_accents=False)
