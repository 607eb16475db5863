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
from albert.tasks.multiple_choice import own_rows
from albert.tasks.multiple_choice.raw_questions import RawQuestion
from albert.tasks.multiple_choice.raw_questions import as_id
from albert.tasks.multiple_choice.raw_questions import without_empty_end


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


def find_layout(item, columns):
    """Finds the layout of a file by one of its items.

    Args:
      item: JSON value, or dict of the columns of a row.
      columns: ``own_rows.Columns``; where any is named, it is a table of
        one's own.

    Returns:
      ``Layout``, or None for an item of none that is known.
    """
    own = Layout(
        "your own rows",
        lambda item: own_rows.is_own_row(item, columns),
        lambda item, id_: [own_rows.read_own_row(item, columns, id_)],
        answers.READINGS,
    )
    published = () if columns.are_given() else LAYOUTS
    return next(
        (layout for layout in (*published, own) if layout.fits(item)), None
    )


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
    article_id = as_id(item.get("id"), id_)
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
    dialogue_id = as_id(dialogue_id, id_)
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
            as_id(item["example_id"], id_),
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
            as_id(item["dialogue_id"], id_),
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
            as_id(item.get("id"), id_),
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
            as_id(item.get("id"), id_),
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
            as_id(item.get("id"), id_),
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
