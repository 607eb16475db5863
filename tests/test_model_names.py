# SPDX-License-Identifier: Apache-2.0
"""How a model is named: by a path, or by a name on a hub."""

import pytest

from albert import flag_parsers
from albert.model_names import is_name
from albert.model_names import read_model

NAMES = (
    "hf://albert/albert-base-v2",
    "hf://albert/albert-base-v2@main",
    "hf://albert/albert-base-v2@refs/pr/1",
    "kaggle://keras/albert/keras/albert_base_en_uncased",
    "kaggle://keras/albert/keras/albert_base_en_uncased/2",
)


@pytest.mark.parametrize("name", NAMES)
def test_names(name):
    assert read_model(name) == name
    assert is_name(name)
    assert flag_parsers.ModelParser().parse(name) == name


def test_paths(monkeypatch):
    monkeypatch.setenv("HOME", "/home/of/me")
    for path in ("a/b", "albert/albert-base-v2", "hf:/a/b", "/a b/c@d"):
        assert read_model(path) == path
        assert not is_name(path)
    assert read_model("~/a") == "/home/of/me/a"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hf://albert-base-v2", "write hf://owner/name, or"),
        ("hf://a/b/c", "write hf://owner/name"),
        ("hf://a/..", "write hf://owner/name"),
        ("hf://a/b@", "write hf://owner/name"),
        ("hf://a/b@../../c", "write hf://owner/name"),
        ("kaggle://keras/albert", "write kaggle://owner/model/framework"),
        ("kaggle://a/b/c/d/latest", "write kaggle://owner/model/framework"),
        ("https://huggingface.co/a/b", "write hf://a/b$"),
        ("https://huggingface.co/a/b/tree/main", "write hf://a/b$"),
        ("https://hf.co/a/b/blob/v2/config.json", "write hf://a/b@v2$"),
        (
            "https://www.kaggle.com/models/keras/albert/keras/base/2",
            "write kaggle://keras/albert/keras/base/2$",
        ),
        (
            "https://www.kaggle.com/models/keras/albert",
            "write kaggle://keras/albert/FRAMEWORK/VARIATION$",
        ),
        ("https://example.org/a.tar.gz", "download it"),
        ("gs://a/b", "gcsfuse"),
        ("", "it is empty"),
    ],
)
def test_what_is_neither(text, words):
    with pytest.raises(ValueError, match=words):
        read_model(text)
