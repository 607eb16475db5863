# SPDX-License-Identifier: Apache-2.0
"""Tests of albert/text/word_starts.py."""

import io
import re

import numpy as np
import pytest
import sentencepiece

from albert.text.normalization import normalize
from albert.text.word_starts import find_word_starts
from albert.text.word_starts import is_without_space

# The first article of the Universal Declaration of Human Rights, in part.
LINES = {
    "german": "Alle Menschen sind frei und gleich an Würde geboren, auf der "
    "Straße und im Großen, daß sie einander begegnen.",
    "turkish": "Bütün insanlar hür, haysiyet ve haklar bakımından eşit "
    "doğarlar. Akıl ve vicdana sahiptirler ve birbirlerine karşı kardeşlik.",
    "russian": "Все люди рождаются свободными и равными в своем достоинстве и "
    "правах. Они наделены разумом и совестью.",
    "greek": "Όλοι οι άνθρωποι γεννιούνται ελεύθεροι και ίσοι στην "
    "αξιοπρέπεια και τα δικαιώματα. Είναι προικισμένοι με λογική.",
    "arabic": "يولد جميع الناس أحراراً متساوين في الكرامة والحقوق. وقد وهبوا "
    "عقلاً وضميراً وعليهم أن يعامل بعضهم بعضاً بروح الإخاء.",
    "hebrew": "כל בני האדם נולדו בני חורין ושווים בערכם ובזכויותיהם.",
    "hindi": "सभी मनुष्यों को गौरव और अधिकारों के मामले में जन्मजात "
    "स्वतन्त्रता और समानता प्राप्त है।",
    "korean": "모든 인간은 태어날 때부터 자유로우며 그 존엄과 권리에 있어 "
    "동등하다. 인간은 천부적으로 이성과 양심을 부여받았으며.",
}


def pieces_of(text):
    """The pieces of a text, most of them shorter than its words."""
    text = normalize(text)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text] * 3),
        model_writer=model,
        minloglevel=2,
        hard_vocab_limit=False,
        vocab_size=len(set(text)) + 19,
        max_sentencepiece_length=3,
    )
    return sentencepiece.SentencePieceProcessor(
        model_proto=model.getvalue()
    ).encode(text, out_type=str)


def share_of_cut_words(pieces, rule):
    """Share of the words of several pieces with a start inside them."""
    starts = find_word_starts(pieces, rule)
    text = "".join(pieces)
    begins = np.cumsum([0, *map(len, pieces)])[:-1]
    words = cut = 0
    for word in re.finditer(r"▁?[^\W\d_]+(?:[^\s▁.,।]*[^\W\d_])?", text):
        inside = (begins > word.start()) & (begins < word.end())
        words += inside.any()
        cut += (starts & inside).any()
    assert words > 3
    return cut / words


@pytest.mark.parametrize("language", LINES)
def test_no_word_is_cut_in_scripts_with_spaces(language):
    pieces = pieces_of(LINES[language])
    assert share_of_cut_words(pieces, "scripts") == 0
    # Most of their letters are English ones.
    few = language in ("german", "turkish")
    assert share_of_cut_words(pieces, "original") > (0 if few else 0.9)


@pytest.mark.parametrize(
    "text",
    [
        "人人生而自由，在尊严和权利上一律平等。",
        "すべての人間は、生まれながらにして自由であり、データ",
        "มนุษย์ทั้งหลายเกิดมามีอิสระ",
        "មនុស្សទាំងអស់កើតមកមានសេរីភាព",
        "ມະນຸດທຸກຄົນເກີດມາມີກຽດ",
        "လူတိုင်းသည်တူညီလွတ်လပ်သော",
    ],
)
def test_each_piece_is_a_word_in_scripts_without_spaces(text):
    pieces = [normalize(text)[i : i + 2] for i in range(0, len(text), 2)]
    pieces = [piece for piece in pieces if piece]
    assert find_word_starts(pieces).all()


@pytest.mark.parametrize(
    ("piece", "expected"),
    [
        ("▁дом", True),
        ("дом", False),
        ("ß", False),
        ("\u093e", False),  # A vowel sign of Devanagari.
        ("\u200cخواهم", False),
        ("ing", False),
        ("ing-", False),
        ("'s", True),
        ("7", True),
        ("٣", True),
        ("।", True),
        ("北a", True),
        ("々", True),
        ("ー", True),
        ("<unk>", True),
        ("…", True),
        ("\U0001f5fc", True),
    ],
)
def test_pieces(piece, expected):
    assert find_word_starts([piece]).tolist() == [expected]


def test_english_pieces_are_the_same_under_both_rules():
    pieces = ["▁the", "ing", "Ing", "'", "s", "n't", "2", "£", "...", "▁", "-"]
    assert (
        find_word_starts(pieces).tolist()
        == find_word_starts(pieces, "original").tolist()
        == [True, False, False, True, False, True, True, True, False, True]
        + [True]
    )


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("他们住在河边。", True),
        ("“他们”来了。", True),
        ("2 すべての", True),
        ("データ", True),
        ("The 他们", False),
        ("모든 인간은", False),
        ("มนุษย์", False),
        ("Все", False),
        ("!?", False),
        ("", False),
    ],
)
def test_sentences_without_a_space_before_them(sentence, expected):
    assert is_without_space(sentence) == expected
