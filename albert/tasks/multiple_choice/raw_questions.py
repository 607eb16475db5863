# SPDX-License-Identifier: Apache-2.0
"""Questions with options as their files give them, not yet checked."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class RawQuestion:
    """A question as its file gives it, not yet checked.

    Attributes:
      id: str, of the question, or of the article where it is not alone in it.
      context: str, or a list of str that are its lines; None for none.
      question: str.
      options: list of str.
      answer: which option is right, as the layout gives it; None if unknown.
      names: list of values, what the file calls the options; None if it does
        not.
      place: str, where in its item it is, for messages: "question 2: ".
      is_of_article: bool, whether the id is that of an article, in which the
        question is numbered.
      columns: tuple of str, those of a row of one's own that it was read from.
    """

    id: str
    context: object
    question: object
    options: object
    answer: object = None
    names: object = None
    place: str = ""
    is_of_article: bool = False
    columns: tuple = ()


def as_id(value, default):
    """Returns an id as text; the default where there is none.

    Raises:
      ValueError: it is of another type.
    """
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id that is neither a text nor a whole number")
    return str(value)


def without_empty_end(options):
    """Removes the empty cells behind the last option of a row."""
    kept = list(options)
    while kept and (kept[-1] is None or kept[-1] == ""):
        kept.pop()
    return kept
