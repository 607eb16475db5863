# SPDX-License-Identifier: Apache-2.0
"""Defines the signatures of texts, and of questions with options.

Letters: N examples, L labels, C choices.
"""

import tensorflow as tf

from albert.export.serving_sequences import are_truncated
from albert.export.serving_sequences import first_of_rows
from albert.export.serving_sequences import make_inputs
from albert.tasks import multiple_choice_features
from albert.tasks.table import reads_pairs


def text_signatures(loaded, tokenizer, **_):
    """Returns the signatures of a classification, a regression and the like.

    Args:
      loaded: ``SourceModel``.
      tokenizer: ``GraphTokenizer``.
      **_: options of other heads; see ``serving.export``.

    Returns:
      (signatures, default): dict of name to (function, list of
      ``tf.TensorSpec``), and the name of the one that is the default.
    """

    def answer(segments):
        logits = loaded.call(
            make_inputs(tokenizer, segments, loaded.max_seq_length)
        )["logits"]
        return _ANSWERS[loaded.head](loaded, logits) | {
            "truncated": are_truncated(segments, loaded.max_seq_length)
        }

    def of_text(text):
        return answer([tokenizer.encode(text)])

    def of_pair(text, text_b):
        return answer([tokenizer.encode(text), tokenizer.encode(text_b)])

    text, text_b = (
        tf.TensorSpec([None], tf.string, name) for name in ("text", "text_b")
    )
    return {
        "text": (of_text, [text]),
        "text_pair": (of_pair, [text, text_b]),
    }, "text_pair" if reads_pairs(loaded.task) else "text"


def multiple_choice_signatures(loaded, tokenizer, **_):
    """Returns the signatures of multiple choice; as ``text_signatures``.

    An empty option is none: its probability is 0. A question that has none but
    these has the label "".

    Raises:
      UserError: question and option leave no room for the article.
    """
    max_qa_length = loaded.task.get(
        "max_qa_length", multiple_choice_features.MAX_QA_LENGTH
    )
    multiple_choice_features.check_max_qa_length(
        max_qa_length, loaded.max_seq_length
    )
    choices = len(loaded.labels)

    def of_question(article, question, options):
        endings = tokenizer.encode(_endings(tokenizer, question, options))
        truncated = endings.row_lengths() > max_qa_length
        endings = endings[:, -max_qa_length:]
        articles = tokenizer.encode(article)
        article_index = tf.repeat(tf.range(tf.shape(article)[0]), choices)
        articles = tf.gather(articles, article_index)
        room = loaded.max_seq_length - 3 - endings.row_lengths()
        truncated |= articles.row_lengths() > room
        articles = first_of_rows(
            articles, tf.minimum(articles.row_lengths(), room)
        )
        inputs = make_inputs(
            tokenizer, [articles, endings], loaded.max_seq_length
        )
        inputs = {
            name: tf.reshape(value, (-1, choices, tf.shape(value)[1]))
            for name, value in inputs.items()
        }
        is_there = options != ""
        inputs["input_mask"] *= tf.cast(is_there, tf.int32)[:, :, tf.newaxis]
        logits = loaded.call(inputs)["logits"]
        return _choose_option(loaded.labels, logits, is_there) | {
            "truncated": tf.reduce_any(
                tf.reshape(truncated, (-1, choices)) & is_there, axis=1
            )
        }

    return {
        "question": (
            of_question,
            [
                tf.TensorSpec([None], tf.string, "article"),
                tf.TensorSpec([None], tf.string, "question"),
                tf.TensorSpec([None, choices], tf.string, "options"),
            ],
        )
    }, "question"


def choose(labels, logits):
    """Returns the most probable label, with the probability of each.

    Args:
      labels: list of L str.
      logits: float32 [N, L].

    Returns:
      dict of label: string [N], probabilities: float32 [N, L], labels:
      string [N, L], whose rows are all the same: the servers' row format
      wants every output to have a row for each input.
    """
    names = tf.constant(labels)
    return {
        "label": tf.gather(names, tf.argmax(logits, axis=-1)),
        "probabilities": tf.nn.softmax(logits),
        "labels": tf.tile(names[tf.newaxis], (tf.shape(logits)[0], 1)),
    }


def _choose_option(labels, logits, is_there):
    """Returns ``choose``; the label is "" where no option is there.

    Args:
      labels, logits: as of ``choose``.
      is_there: bool [N, L].
    """
    chosen = choose(labels, logits)
    is_any_there = tf.reduce_any(is_there, axis=1)
    chosen["label"] = tf.where(is_any_there, chosen["label"], "")
    chosen["probabilities"] = tf.where(
        is_any_there[:, tf.newaxis], chosen["probabilities"], 0.0
    )
    return chosen


def _choose(loaded, logits):
    """Returns ``choose`` of the labels of a ``SourceModel``."""
    return choose(loaded.labels, logits)


def _choose_several(loaded, logits):
    """Returns which labels texts have, with the probability of each.

    Returns:
      dict of predicted: int32 [N, L], 1 for each label that is predicted, and
      0; probabilities: float32 [N, L]; thresholds: float32 [N, L], from which
      on a label is predicted; and labels, as of ``choose``.
    """
    probabilities = tf.sigmoid(logits)
    rows = tf.shape(logits)[0]
    thresholds = tf.constant(loaded.thresholds, tf.float32)
    return {
        "predicted": tf.cast(probabilities >= thresholds, tf.int32),
        "probabilities": probabilities,
        "thresholds": tf.tile(thresholds[tf.newaxis], (rows, 1)),
        "labels": tf.tile(tf.constant(loaded.labels)[tf.newaxis], (rows, 1)),
    }


def _give_value(loaded, logits):
    """Returns dict of value, float32 [N], of logits [N, 1]."""
    return {"value": logits[:, 0]}


# By head: what the logits for texts say.
_ANSWERS = {
    "classification": _choose,
    "multi_label": _choose_several,
    "regression": _give_value,
}


def _endings(tokenizer, questions, options):
    """Joins question and option to one text: string [N · C].

    As ``_endings`` of ``albert.tasks.multiple_choice_features``.
    """

    def normalize(texts):
        normalized, _ = tokenizer.normalizer.normalize(
            tokenizer.normalizer.decode(texts)
        )
        return tf.strings.unicode_encode(normalized, "UTF-8")

    choices = tf.shape(options)[1]
    parts = tf.strings.split(normalize(questions), "_")
    parts = tf.gather(
        parts, tf.repeat(tf.range(tf.shape(questions)[0]), choices)
    )
    options = normalize(tf.reshape(options, [-1]))
    has_blank = parts.row_lengths() > 1
    # Behind each part but the last one; behind that one without a blank.
    behind = tf.gather(options, parts.value_rowids())
    last = tf.scatter_nd(
        (parts.row_limits() - 1)[:, tf.newaxis],
        tf.ones_like(options, tf.bool),
        tf.shape(behind, out_type=tf.int64),
    )
    joined = parts.with_values(
        tf.strings.join([parts.values, tf.where(last, "", behind)])
    )
    joined = tf.strings.reduce_join(joined, axis=-1)
    return tf.where(
        has_blank, joined, tf.strings.join([joined, options], separator=" ")
    )
