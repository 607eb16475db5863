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
    ],
)
def test_lines_are_joined_as_their_script_writes_them(lines, joined):
    assert paragraphs.join_lines(lines) == joined


def test_a_wrapped_book_in_japanese():
    text = (
        "吾輩は猫である。名前はまだ無い。どこで生れたか頓と見当がつかぬ。" * 9
    )
    lines = [text[i : i + 40] for i in range(0, len(text), 40)]
    ((_, paragraph),) = paragraphs.wrapped_paragraphs(lines)
    assert paragraph == text
