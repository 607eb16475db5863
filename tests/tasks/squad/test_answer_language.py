# SPDX-License-Identifier: Apache-2.0
"""The language whose rules answers are compared by."""

import types

import pytest

from albert.tasks.squad.answer_language import find_language


def questions(*texts):
    return types.SimpleNamespace(
        questions=[types.SimpleNamespace(text=text) for text in texts]
    )


@pytest.mark.parametrize(
    "texts, language",
    [
        (["长江有多长?"], "zh"),
        (["黑豹队的防守丢了308分？", "NFL 是什么"], "zh"),
        (["長江有多長？"], "zh"),
        # Kana and Chinese characters: Japanese.
        (["東京大学は何年に設立されましたか"], "en"),
        (["How long is the 长江?"], "en"),
        (["서울은 어디에 있습니까?"], "en"),
        (["308?"], "en"),
        ([], "en"),
    ],
)
def test_found_in_the_questions(texts, language, caplog):
    caplog.set_level("INFO", logger="absl")
    assert find_language(None, None, [questions(*texts)]) == language
    assert ("by characters" in caplog.text) == (language == "zh")


def test_what_is_said_wins(caplog):
    caplog.set_level("INFO", logger="absl")
    chinese = [questions("长江有多长?")]
    assert find_language("en", "zh", chinese) == "en"
    assert find_language("zh", None, [questions("Why?")]) == "zh"
    assert find_language(None, "zh", [questions("Why?")]) == "zh"
    assert not caplog.text
    assert find_language(None, "en", chinese) == "en"
    assert "--language=zh compares characters" in caplog.text
