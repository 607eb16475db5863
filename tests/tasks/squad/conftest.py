# SPDX-License-Identifier: Apache-2.0
"""What the tests of the SQuAD modules share."""

import json
import pathlib

import numpy as np
import pytest

from albert.errors import UserError
from albert.tasks.squad.squad_files import read_squad
from albert.tasks.squad.windows import build_features
from albert.text.tokenizer import Tokenizer

GOLDEN = pathlib.Path(__file__).parents[2] / "golden"
# The settings of the golden features.
LIMITS = {"max_seq_length": 128, "doc_stride": 32, "max_query_length": 64}


@pytest.fixture(scope="session")
def golden():
    return GOLDEN / "squad"


@pytest.fixture(scope="session")
def tokenizer():
    return Tokenizer(GOLDEN / "tokenization" / "spm2000.model")


@pytest.fixture
def write_squad(tmp_path):
    """Returns a function that writes a file and returns its path."""

    def write(*paragraphs, version="1.1", name="squad.json"):
        """Writes an article of (context, questions) pairs.

        Args:
          *paragraphs: (str, list of dict); "question" may be left out.
        """
        content = {
            "version": version,
            "data": [
                {
                    "title": "Thing",
                    "paragraphs": [
                        {
                            "context": context,
                            "qas": [
                                {"question": "What?", **question}
                                for question in questions
                            ],
                        }
                        for context, questions in paragraphs
                    ],
                }
            ],
        }
        path = tmp_path / name
        path.write_text(json.dumps(content), "utf-8")
        return path

    return write


@pytest.fixture
def refuse():
    """Returns a function of a file to the message that it is refused with."""

    def refuse(path, **options):
        with pytest.raises(UserError) as caught:
            read_squad(path, **options)
        message = str(caught.value)
        assert "\n" not in message
        assert message.startswith(str(path))
        return message

    return refuse


@pytest.fixture
def golden_without_korean(golden, tokenizer, tmp_path):
    """Returns a function: name of a golden file to (data, windows).

    The original has no windows of the Korean paragraph (q21), so the golden
    logits have no rows for them.
    """

    def load(name):
        content = json.loads((golden / f"{name}.json").read_text("utf-8"))
        content["data"] = [
            article
            for article in content["data"]
            if article["title"] != "Korean"
        ]
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(content), "utf-8")
        data = read_squad(path)
        assert "q21" not in [question.id for question in data.questions]
        _, windows = build_features(
            data, tokenizer, is_training=False, **LIMITS
        )
        return data, windows

    return load


@pytest.fixture
def load_arrays(golden):
    def load(name):
        with np.load(golden / f"{name}.npz", allow_pickle=False) as file:
            return dict(file)

    return load
