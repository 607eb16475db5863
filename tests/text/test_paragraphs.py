# SPDX-License-Identifier: Apache-2.0
"""Lines of a paragraph become one text, without spaces inside words."""

import pytest

from albert.text import paragraphs


@pytest.mark.parametrize(
    ("lines", "joined"),
    [
        (["The mill", "sang."], "The mill sang."),
        (["Die Mühle", "sang."], "Die Mühle sang."),
        (
            ["吾輩は猫であ", "る。名前は", "まだ無い。"],
            "吾輩は猫である。名前はまだ無い。",
        ),
        (["他说：", "“好”，", "走了。"], "他说：“好”，走了。"),
        (["他说，", "走了。"], "他说，走了。"),
        # Between scripts, as between words of Korean, there is a space.
        (["使用 TensorFlow", "的模型"], "使用 TensorFlow 的模型"),
        (["나는 고양이", "이다."], "나는 고양이 이다."),
        (["猫で ", " ある。"], "猫である。"),
        # Inside a word, whose hyphen may be its own.
        (["The well-", "known mill."], "The well-known mill."),
        (["Die Müh\u00ad ", " le sang."], "Die Mühle sang."),
        (["Vor-", "und Nachname"], "Vor- und Nachname"),
        (["A-", "B --", "c -", "he--", "a"], "A- B -- c - he-- a"),
        (["in 1914-", "a year"], "in 1914- a year"),
    ],
)
def test_lines_are_joined_as_their_script_writes_them(lines, joined):
    assert paragraphs.join_lines(lines) == joined


def test_a_page_begins_inside_a_sentence():
    lines = ["The mill stood by", "\fthe river.", "\f", "\f  And sang."]
    found = [text for _, text in paragraphs.wrapped_paragraphs(lines)]
    assert [text.split() for text in found] == [
        ["The", "mill", "stood", "by", "the", "river."],
        ["And", "sang."],
    ]


def test_a_wrapped_book_in_japanese():
    text = (
        "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。" * 9
    )
    lines = [text[i : i + 40] for i in range(0, len(text), 40)]
    ((_, paragraph),) = paragraphs.wrapped_paragraphs(lines)
    assert paragraph == text
