# SPDX-License-Identifier: Apache-2.0
"""Defines the signature of models that write texts.

Letters: N texts, K targets of each, T pieces of a target.
"""

import tensorflow as tf

from albert.errors import UserError
from albert.export.serving_sequences import are_truncated
from albert.export.serving_sequences import call_in_parts
from albert.export.serving_sequences import make_inputs
from albert.text_to_text.decoding import BeamSearch

# What ``str.strip`` takes off.
_SPACES = r"[\t-\r\x1c-\x1f\x{85}\p{Z}]+"
_SEARCH_SETTINGS = ("beam_size", "length_penalty", "max_target_length")


def text_to_text_signatures(loaded, tokenizer, **options):
    """Returns the signature of a model that writes texts.

    Args:
      loaded: ``SourceModel``.
      tokenizer: ``GraphTokenizer``.
      **options: beam_size and length_penalty, None for those of the task; and
        options of other heads.

    Returns:
      (signatures, default), see ``serving_texts.text_signatures``.

    Raises:
      UserError: the task does not say how texts are searched for.
    """
    settings = {
        name: options.get(name)
        if options.get(name) is not None
        else _of_task(loaded, name)
        for name in _SEARCH_SETTINGS
    }
    search = BeamSearch(
        loaded.model, tokenizer, num_best=settings["beam_size"], **settings
    )

    def find(inputs):
        ids, scores = search(inputs["input_ids"], inputs["input_mask"])
        return {"ids": ids, "scores": scores}

    def write(text):
        segments = [tokenizer.encode(text)]
        inputs = make_inputs(tokenizer, segments, loaded.max_seq_length)
        found = call_in_parts(find, inputs)
        targets = _decode(found["ids"], tokenizer)
        # Of no text there is nothing to write.
        is_there = segments[0].row_lengths()[:, tf.newaxis] > 0
        targets = tf.where(is_there, targets, "")
        return {
            "target": targets[:, 0],
            "targets": targets,
            "scores": tf.where(is_there, found["scores"], 0.0),
            "truncated": are_truncated(segments, loaded.max_seq_length),
        }

    text = tf.TensorSpec([None], tf.string, "text")
    return {"text": (write, [text])}, "text"


def _decode(ids, tokenizer):
    """Returns the texts of ids [N, K, T]: string [N, K]."""
    targets, length = ids.shape[1], ids.shape[2]
    rows = tf.reshape(ids, (-1, length))
    is_text = (rows != tokenizer.sep_id) & (rows != tokenizer.pad_id)
    lengths = tf.reduce_sum(tf.cast(is_text, tf.int64), axis=1)
    texts = tokenizer.decode(tf.RaggedTensor.from_tensor(rows, lengths))
    texts = clean(texts)
    return tf.reshape(texts, (-1, targets))


def clean(texts):
    """Returns strings without ends of lines, and stripped, as of Translator."""
    texts = tf.strings.regex_replace(texts, r"[\t-\r]", " ")
    return tf.strings.regex_replace(texts, f"^{_SPACES}|{_SPACES}$", "")


def _of_task(loaded, name):
    if name not in loaded.task:
        raise UserError(
            f"task.json does not say the {name} of the model: restore it, as "
            "`albert translate` wrote it"
        )
    return loaded.task[name]
