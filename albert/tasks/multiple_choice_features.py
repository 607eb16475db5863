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


def check_max_qa_length(max_qa_length, max_seq_length):
    """Refuses a length of question and option that leaves no context.

    Args:
      max_qa_length: int.
      max_seq_length: int.

    Raises:
      UserError: it is too long, or not positive.
    """
    if not 0 < max_qa_length <= max_seq_length - 4:
        raise UserError(
            f"--max_qa_length is {max_qa_length}, and 4 of --max_seq_length "
            f"{max_seq_length} positions are for [CLS], [SEP] and the context: "
            f"give a longer --max_seq_length, or --max_qa_length from 1 to "
            f"{max_seq_length - 4}"
        )


def featurize(
    task, examples, tokenizer, max_seq_length, max_qa_length=MAX_QA_LENGTH
):
    """Encodes each question once with each of its options, C at most.

    A sequence is [CLS] article [SEP] question option [SEP]. The option takes
    the place of each "_" in the question, or follows the question where it
    has none. Of question and option the last ``max_qa_length`` pieces are
    kept; the article is cut at its end. The sequences of options that a
    question lacks have no token: the model gives them no probability.

    Args:
      task: ``Task``; its labels are the names of the C options. C is the
        same for all splits, so that batches have one shape.
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
    check_max_qa_length(max_qa_length, max_seq_length)
    choices = len(task.labels)
    options = np.fromiter(map(len, examples.options), np.int64, len(examples))
    articles = sequences.encode(tokenizer, examples.articles)
    endings = sequences.encode(tokenizer, _endings(examples, tokenizer))
    endings_known = sequences.count_known(tokenizer, endings)
    kept = endings.last(np.minimum(endings.lengths, max_qa_length))
    articles = articles.take(
        np.repeat(np.asarray(examples.article_numbers, np.int64), options)
    )
    longest = articles.lengths + endings.lengths + 3
    shortened = articles.first(
        np.minimum(articles.lengths, max_seq_length - 3 - kept.lengths)
    )
    cut = longest > shortened.lengths + kept.lengths + 3
    input_ids, row_splits, segment_starts = sequences.assemble(
        tokenizer, shortened, kept
    )
    # Which of the C sequences of each example are there.
    there = np.arange(choices) < options[:, None]

    def spread(values):
        """Puts a value for each option into the places of C: [N, C]."""
        places = np.zeros(there.shape, values.dtype)
        places[there] = values
        return places

    lengths = spread(np.diff(row_splits)).reshape(-1)
    per_example = {}
    if examples.labels is not None:
        label_type = LABEL_TYPES[task.label_type]
        per_example["label_ids"] = label_type.ids(task, examples.labels)
    return Featurized(
        Features(
            input_ids,
            np.concatenate([row_splits[:1], np.cumsum(lengths)]),
            spread(segment_starts).reshape(-1),
            choices=choices,
            per_example=per_example,
        ),
        truncated=int(spread(cut).any(axis=1).sum()),
        longest=int(longest.max(initial=0)),
        empty=int(spread(endings_known == 0).any(axis=1).sum()),
    )


def _endings(examples, tokenizer):
    """Returns question and option as one text, once for each option."""
    # Normalised first: the "_" may only appear then (U+FF3F).
    questions = tokenizer.normalize_batch(examples.questions)
    return [
        question.replace("_", option)
        if "_" in question
        else f"{question} {option}"
        for question, options in zip(questions, examples.options, strict=True)
        for option in tokenizer.normalize_batch(options)
    ]
