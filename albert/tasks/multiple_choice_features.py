# SPDX-License-Identifier: Apache-2.0
"""Ids of questions with options, as ``convert_single_example`` of the
original's ``race_utils.py``."""

import numpy as np

from albert.errors import UserError
from albert.tasks import sequences
from albert.tasks import truncation
from albert.tasks.features import Features
from albert.tasks.featurization import Featurized
from albert.tasks.label_types import LABEL_TYPES

MAX_QA_LENGTH = 128


def featurize(
    task, examples, tokenizer, max_seq_length, max_qa_length=MAX_QA_LENGTH
):
    """Encodes each question C times, once with each option.

    A sequence is [CLS] article [SEP] question option [SEP]. The option takes
    the place of each "_" in the question, or follows the question where it
    has none. Of question and option the last ``max_qa_length`` pieces are
    kept; the article is cut at its end.

    Args:
      task: ``Task``; its labels are the names of the C options.
      examples: ``QuestionExamples``.
      tokenizer: ``Tokenizer``.
      max_seq_length: int, [CLS] and [SEP] counted.
      max_qa_length: int.

    Returns:
      ``Featurized``; per_example has "label_ids" int32 [N] where answers are
      known.

    Raises:
      UserError: the lengths do not fit together.
    """
    truncation.check_max_seq_length(max_seq_length)
    if not 0 < max_qa_length <= max_seq_length - 4:
        raise UserError(
            f"--max_qa_length {max_qa_length}: it must be at least 1 and "
            f"leave 4 of --max_seq_length {max_seq_length} positions to "
            "[CLS], [SEP] and the article"
        )
    choices = len(task.labels)
    articles = sequences.encode(tokenizer, examples.articles)
    endings = sequences.encode(tokenizer, _endings(examples, tokenizer))
    kept = endings.last(np.minimum(endings.lengths, max_qa_length))
    articles = articles.take(
        np.repeat(np.asarray(examples.article_numbers, np.int64), choices)
    )
    longest = articles.lengths + endings.lengths + 3
    shortened = articles.first(
        np.minimum(articles.lengths, max_seq_length - 3 - kept.lengths)
    )
    cut = longest > shortened.lengths + kept.lengths + 3
    per_example = {}
    if examples.labels is not None:
        label_type = LABEL_TYPES[task.label_type]
        per_example["label_ids"] = label_type.ids(task, examples.labels)
    return Featurized(
        Features(
            *sequences.assemble(tokenizer, shortened, kept),
            choices=choices,
            per_example=per_example,
        ),
        truncated=int(cut.reshape(-1, choices).any(axis=1).sum()),
        longest=int(longest.max(initial=0)),
        empty=int(
            (endings.lengths == 0).reshape(-1, choices).any(axis=1).sum()
        ),
    )


def _endings(examples, tokenizer):
    """Returns question and option as one text, C for each question."""
    # Normalised first: the "_" may only appear then (U+FF3F).
    questions = tokenizer.normalize_batch(examples.questions)
    return [
        question.replace("_", option)
        if "_" in question
        else f"{question} {option}"
        for question, options in zip(questions, examples.options, strict=True)
        for option in tokenizer.normalize_batch(options)
    ]
