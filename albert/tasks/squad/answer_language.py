# SPDX-License-Identifier: Apache-2.0
"""Finds the language whose rules answers are compared by.

Chinese has no spaces between words: by the rules of English an answer with one
character too many has an F1 of 0.
"""

from absl import logging

# Of the letters in questions: Chinese texts have names in other scripts, and
# Japanese ones have kana as well.
_LEAST_HAN = 0.5
_MOST_KANA = 0.05


def find_language(given, trained, questions):
    """Returns "en" or "zh", and says why where nobody has said which.

    Args:
      given: str, what the user says, or None.
      trained: str, what the model was trained with, or None.
      questions: list of ``SquadData``.
    """
    if given:
        return given
    found = "zh" if _are_chinese(questions) else "en"
    if trained is None:
        if found == "zh":
            logging.info(
                "the questions are Chinese: answers are compared by "
                "characters, as CMRC 2018 does; --language=en compares words"
            )
        return found
    if trained == "en" and found == "zh":
        logging.warning(
            "the questions are Chinese, and answers are compared by words, as "
            "the model was trained: --language=zh compares characters"
        )
    return trained


def _are_chinese(questions):
    """Whether most letters of all questions are Chinese characters."""
    han = kana = letters = 0
    for data in questions:
        for question in data.questions:
            for character in filter(str.isalpha, question.text):
                letters += 1
                han += "\u4e00" <= character <= "\u9fff"
                kana += "\u3040" <= character <= "\u30ff"
    return han > _LEAST_HAN * letters and kana < _MOST_KANA * letters
