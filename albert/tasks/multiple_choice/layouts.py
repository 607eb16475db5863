# SPDX-License-Identifier: Apache-2.0
"""Reads the layouts that questions with options are published in.

``find_layout`` decides which one a file has, by the keys of its first item: an
article, a dialogue, or the row of a table. Where each layout comes from is
said in ``LAYOUTS``. Values are not checked here.
"""

import collections.abc
import dataclasses
import re

from albert.tasks.multiple_choice import answers

# Keys of a context, and of an answer, in rows of one's own.
_CONTEXTS = ("context", "article")
_ANSWERS = ("label", "answer")
_OPTION = re.compile(r"option[ _]?(\d+|[A-Za-z])", re.ASCII)


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
    """

    id: str
    context: object
    question: object
    options: object
    answer: object = None
    names: object = None
    place: str = ""
    is_of_article: bool = False


@dataclasses.dataclass(frozen=True)
class Layout:
    """A layout of files.

    Attributes:
      name: str, for people.
      fits: function of an item (JSON value or row) to bool.
      read: function of an item and the id to use where it has none, to a
        list of ``RawQuestion``. It raises KeyError, TypeError or ValueError
        for an item that is not of the layout.
      readings: tuple of ``answers.Reading``, the ways in which the answers
        may be given.
    """

    name: str
    fits: collections.abc.Callable
    read: collections.abc.Callable
    readings: tuple


@dataclasses.dataclass(frozen=True)
class Columns:
    """The columns of a table of one's own, as flags name them.

    Attributes:
      text: str, the context; None: "context" or "article" where there is one.
      text_b: str, the question; None: "question".
      options: tuple of str; None: "option 1", "option 2", …
      label: str, the answer; None: "label" or "answer".
      id: str; None: "id", or the number of the row.
    """

    text: str | None = None
    text_b: str | None = None
    options: tuple | None = None
    label: str | None = None
    id: str | None = None

    def are_given(self):
        """Returns whether any column is named."""
        return any(dataclasses.astuple(self))

    def find_missing(self, header, label_may_lack):
        """Returns the columns that are named and not in a header.

        Args:
          header: container of str.
          label_may_lack: bool, whether that of the label need not be there.
        """
        named = [self.text, self.text_b, *(self.options or ()), self.id]
        if not label_may_lack:
            named.append(self.label)
        return [name for name in named if name and name not in header]


def find_layout(item, columns):
    """Finds the layout of a file by one of its items.

    Args:
      item: JSON value, or dict of the columns of a row.
      columns: ``Columns``; where any is named, it is a table of one's own.

    Returns:
      ``Layout``, or None for an item of none that is known.
    """
    own = Layout(
        "your own table" if columns.are_given() else "your own rows",
        lambda item: _is_own_row(item, columns),
        lambda item, id_: [_read_own_row(item, columns, id_)],
        answers.READINGS,
    )
    published = () if columns.are_given() else LAYOUTS
    return next(
        (layout for layout in (*published, own) if layout.fits(item)), None
    )


def _as_id(value, default):
    """Returns an id as text; the default where there is none."""
    if value is None or value == "":
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("an id that is neither a text nor a whole number")
    return str(value)


def _check_lists(*values):
    """Refuses what is not a list: a text has items too."""
    if not all(isinstance(value, list) for value in values):
        raise TypeError


# ------------------------------------------------------------------ articles


def _has(*keys):
    """Returns a function that tells whether an item has all these keys."""
    return lambda item: isinstance(item, dict) and all(k in item for k in keys)


def _is_article(item):
    return _has("article")(item) and "question" not in item


def _read_article(item, id_):
    """Reads an article with its questions, as RACE has them."""
    questions, options = item["questions"], item["options"]
    known = item.get("answers")
    if known is None or known == []:
        known = [None] * len(questions)
    _check_lists(questions, options, known)
    if not len(questions) == len(options) == len(known):
        raise ValueError(
            f"{len(questions)} questions, {len(options)} lists of options, "
            f"{len(known)} answers"
        )
    article_id = _as_id(item.get("id"), id_)
    return [
        RawQuestion(
            f"{article_id}-{number}",
            item["article"],
            question,
            choices,
            answer,
            place=f"question {number + 1}: ",
        )
        for number, (question, choices, answer) in enumerate(
            zip(questions, options, known, strict=True)
        )
    ]


def _is_dialogue(item):
    return (
        isinstance(item, list)
        and len(item) == 3
        and all(isinstance(part, list) for part in item[:2])
    )


def _read_dialogue(item, id_):
    turns, questions, dialogue_id = item
    _check_lists(questions)
    dialogue_id = _as_id(dialogue_id, id_)
    return [
        RawQuestion(
            f"{dialogue_id}-{number}",
            turns,
            question["question"],
            question["choice"],
            question.get("answer"),
            place=f"question {number + 1}: ",
        )
        for number, question in enumerate(questions)
    ]


# ---------------------------------------------------------------------- rows


def _read_race_row(item, id_):
    return [
        RawQuestion(
            _as_id(item["example_id"], id_),
            item["article"],
            item["question"],
            item["options"],
            item.get("answer"),
            is_of_article=True,
        )
    ]


def _read_dialogue_row(item, id_):
    return [
        RawQuestion(
            _as_id(item["dialogue_id"], id_),
            item["dialogue"],
            item["question"],
            item["choice"],
            item.get("answer"),
            is_of_article=True,
        )
    ]


def _read_swag(item, id_):
    return [
        RawQuestion(
            id_,
            item["sent1"],
            item["sent2"],
            _numbered(item, "ending"),
            item.get("label"),
        )
    ]


def _read_hellaswag(item, id_):
    """Reads a context whose last words may begin all the endings.

    As ``hellaswag_models/bert/run_bert.py`` of its authors.
    """
    context, beginning = item["ctx"], item.get("ctx_b")
    if beginning:
        context = item["ctx_a"]
    return [
        RawQuestion(
            id_, context, beginning or "", item["endings"], item.get("label")
        )
    ]


def _is_stem(item):
    return _has("question")(item) and _has("stem", "choices")(item["question"])


def _read_stem(item, id_):
    choices = item["question"]["choices"]
    _check_lists(choices)
    return [
        RawQuestion(
            _as_id(item.get("id"), id_),
            None,
            item["question"]["stem"],
            [choice["text"] for choice in choices],
            item.get("answerKey"),
            names=[choice["label"] for choice in choices],
        )
    ]


def _is_stem_row(item):
    return _has("question", "choices")(item) and _has("text", "label")(
        item["choices"]
    )


def _read_stem_row(item, id_):
    choices = item["choices"]
    _check_lists(choices["text"], choices["label"])
    if len(choices["text"]) != len(choices["label"]):
        raise ValueError(
            f"{len(choices['text'])} texts and {len(choices['label'])} labels "
            "of choices"
        )
    return [
        RawQuestion(
            _as_id(item.get("id"), id_),
            None,
            item["question"],
            choices["text"],
            item.get("answerKey"),
            names=choices["label"],
        )
    ]


def _read_cosmos(item, id_):
    return [
        RawQuestion(
            _as_id(item.get("id"), id_),
            item["context"],
            item["question"],
            _numbered(item, "answer"),
            item.get("label"),
        )
    ]


def _numbered(item, name):
    """Returns what stands in the keys name0, name1, …: list.

    Raises:
      ValueError: a number is left out.
    """
    found = [key for key in item if re.fullmatch(rf"{name}\d+", key, re.ASCII)]
    keys = [f"{name}{number}" for number in range(len(found))]
    for key in keys:
        if key not in item:
            raise ValueError(f"no {key!r} among {', '.join(found)}")
    return without_empty_end(item[key] for key in keys)


def without_empty_end(options):
    """Removes the empty cells behind the last option of a row."""
    kept = list(options)
    while kept and (kept[-1] is None or kept[-1] == ""):
        kept.pop()
    return kept


# ---------------------------------------------------------- rows of one's own


def _is_own_row(item, columns):
    if not isinstance(item, dict):
        return False
    if columns.are_given():
        return not columns.find_missing(item, label_may_lack=True)
    return "question" in item and bool(
        isinstance(item.get("options"), list) or _find_options(item)
    )


def _read_own_row(item, columns, id_):
    options = item.get("options")
    if columns.options or not isinstance(options, list):
        options = without_empty_end(
            item[name] for name in columns.options or _option_columns(item)
        )
    return RawQuestion(
        _as_id(_only_of(item, columns.id, ("id",), "--id_column"), id_),
        _only_of(item, columns.text, _CONTEXTS, "--text_column"),
        item[columns.text_b or "question"],
        options,
        _only_of(item, columns.label, _ANSWERS, "--label_column"),
    )


def _only_of(item, column, keys, flag):
    """Returns the value of a column, or of the keys that stand for it.

    Raises:
      ValueError: the keys hold different values.
    """
    keys = (column,) if column else keys
    found = {key: item[key] for key in keys if item.get(key) not in (None, "")}
    values = list(found.values())
    if any(value != values[0] for value in values):
        raise ValueError(
            f"{' and '.join(map(repr, found))} differ: name the one that is "
            f"meant with {flag}"
        )
    return values[0] if values else None


def _find_options(item):
    """Returns the keys "option 1", "option 2", …: dict to what tells them."""
    return {
        key: match[1].upper()
        for key in item
        if (match := _OPTION.fullmatch(key.strip()))
    }


def _option_columns(item):
    """Returns the keys "option 1", "option 2", … in their order.

    They begin at 0, at 1 or at A.

    Raises:
      ValueError: one is left out or there twice, or some have numbers and
        some letters.
    """
    found = _find_options(item)
    keys = sorted(found, key=lambda key: (len(found[key]), found[key]))
    marks = [found[key] for key in keys]
    letters = [chr(ord("A") + place) for place in range(len(marks))]
    if marks != letters and marks not in (
        [str(first + place) for place in range(len(marks))] for first in (0, 1)
    ):
        raise ValueError(
            f"the options are {', '.join(keys)}: number them from 1, with none "
            "left out, or name the columns with --option_columns"
        )
    return keys


_LETTER = (answers.BY_LETTER,)
_INDEX = (answers.FROM_0,)
_TEXT = (answers.BY_TEXT,)
_NAME = (answers.BY_NAME,)

LAYOUTS = (
    # https://www.cs.cmu.edu/~glai1/data/race/
    Layout("RACE's articles", _is_article, _read_article, _LETTER),
    # https://huggingface.co/datasets/ehovy/race: one row a question.
    Layout(
        "Hugging Face's rows of RACE",
        _has("example_id", "article", "options"),
        _read_race_row,
        _LETTER,
    ),
    # github.com/nlpdata/dream: data/{train,dev,test}.json.
    Layout("DREAM's dialogues", _is_dialogue, _read_dialogue, _TEXT),
    # https://huggingface.co/datasets/dataset-org/dream
    Layout(
        "Hugging Face's rows of DREAM",
        _has("dialogue_id", "dialogue", "choice"),
        _read_dialogue_row,
        _TEXT,
    ),
    # github.com/rowanz/swagaf: data/{train,val,test}.csv.
    Layout(
        "SWAG's rows", _has("sent1", "sent2", "ending0"), _read_swag, _INDEX
    ),
    # github.com/rowanz/hellaswag: data/hellaswag_{train,val,test}.jsonl.
    Layout("HellaSwag's rows", _has("ctx", "endings"), _read_hellaswag, _INDEX),
    # https://www.tau-nlp.sites.tau.ac.il/commonsenseqa and
    # https://allenai.org/data/arc, both with the stem inside the question.
    Layout("CommonsenseQA's and ARC's rows", _is_stem, _read_stem, _NAME),
    # https://huggingface.co/datasets/tau/commonsense_qa, allenai/ai2_arc
    Layout(
        "Hugging Face's rows of CommonsenseQA and ARC",
        _is_stem_row,
        _read_stem_row,
        _NAME,
    ),
    # github.com/wilburOne/cosmosqa: data/{train,valid}.csv, test.jsonl.
    Layout(
        "Cosmos QA's rows",
        _has("context", "question", "answer0"),
        _read_cosmos,
        _INDEX,
    ),
)
