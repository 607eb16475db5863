# SPDX-License-Identifier: Apache-2.0
"""Compares an exported file with its Keras model on real text.

Letters: N examples, C choices, S positions, P masked positions, V vocabulary.
"""

import dataclasses

import numpy as np

from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.heads import HEADS
from albert.inputs import check_file
from albert.tasks import sequences
from albert.tasks import truncation
from albert.tasks.features import Features
from albert.text.text_files import read_line_blocks

# Used where no text is given. Different lengths and scripts, and what
# tokenizers stumble over.
TEXTS = (
    "The dog barked at the night.",
    "It is a truth universally acknowledged, that a single man in possession "
    "of a good fortune, must be in want of a wife.",
    "In 1,999 cases of 2,000 nothing happened; then, at 3:45 p.m., it did!",
    "Where is the café that you told me about? I can't find it anywhere.",
    "Die Straße über den Fluß war gesperrt.",
    "犬が夜に吠えた。",
    "Call me Ishmael. Some years ago - never mind how long precisely - having "
    "little or no money in my purse, and nothing particular to interest me "
    "on shore, I thought I would sail about a little and see the watery part "
    "of the world.",
    "no",
)

# Of a file of texts, those that are used, spread over it.
MOST_TEXTS = 200
# Of those, for heads that give a score for each piece of the vocabulary at each
# masked position: 100 examples of 20 positions are 240 MB with 30,000 pieces.
_MOST_MASKED_TEXTS = 50

# The log-probability of a position that cannot be an answer is about -1e30.
_IMPOSSIBLE = -1e29
_MASK_EVERY = 7
# Of the largest number of a regression.
_LEAST_SPREAD = 0.01
_BATCH = 8


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Differences between the outputs of a file and those of the model.

    Attributes:
      examples: int, N.
      difference: float, largest absolute difference of all outputs.
      relative: float, the largest part of the largest output that one is;
        of a regression of what lies between its largest and smallest number.
        Scores that are compared with each other have their mean taken off
        before: what all have in common hides no error.
      answers, agreeing: ints, answers (labels, all labels of a text, tags
        other than the commonest one, starts and ends, pieces) that were
        compared, and those that are the same; 0 of an encoder and a
        regression.
    """

    examples: int
    difference: float
    relative: float
    answers: int
    agreeing: int


def read_texts(patterns):
    """Returns texts to compare with: list of str.

    Args:
      patterns: sequence of str, paths or globs of plain text, a text a line;
        of more than ``MOST_TEXTS`` lines, as many, spread over the files.

    Raises:
      UserError: no such file, no plain text, or no line with text.
    """
    paths = expand_files(patterns)
    # Twice through the files, which no pipe can be read: they may be larger
    # than the memory.
    for path in paths:
        check_file(path)
    count = sum(1 for _ in _read_lines(paths))
    if not count:
        raise UserError(
            f"{', '.join(patterns)}: no text in it to compare with: give a "
            "file of texts, one a line"
        )
    chosen = set(_spread(count, MOST_TEXTS))
    return [line for i, line in enumerate(_read_lines(paths)) if i in chosen]


def _read_lines(paths):
    """Yields the lines with text: str."""
    for path in paths:
        for block in read_line_blocks(path):
            for line in block:
                if line.strip():
                    yield line.strip()


def _spread(count, most):
    """Returns numbers below a count, spread over it, ``most`` at most."""
    places = np.linspace(0, count - 1, min(count, most))
    return places.round().astype(int).tolist()


def make_examples(source, texts):
    """Returns inputs: dict from name to int32 [N, …] of ``source.inputs``.

    Each text alone, each with the next one as a pair, one without text and
    one without padding; for span heads, the pairs.

    Args:
      source: ``SourceModel``.
      texts: sequence of str, at least one with pieces in it.
    """
    tokenizer, length = source.tokenizer, source.max_seq_length
    truncation.check_max_seq_length(length)
    if "masked_lm_positions" in source.inputs:
        texts = [texts[i] for i in _spread(len(texts), _MOST_MASKED_TEXTS)]
    pieces = tokenizer.encode_batch(texts)
    everything = [id_ for row in pieces for id_ in row]
    if not everything:
        raise UserError(
            "the texts to verify with give no pieces: give others with words"
        )
    filled = (everything * (length // len(everything) + 1))[:length]
    alone = [*pieces, [], filled]
    first = [*pieces, filled]
    second = [*pieces[1:], filled, pieces[0]]
    if HEADS[source.head].label_type == "span":
        alone = []
    features = _assemble(tokenizer, alone, first, second, length)
    examples = features.padded(length)
    if HEADS[source.head].label_type == "choice":
        choices = source.inputs["input_ids"][0]
        rows = np.arange(features.num_examples)
        rows = (rows[:, None] + np.arange(choices)) % len(rows)
        examples = {name: rows_[rows] for name, rows_ in examples.items()}
    if "p_mask" in source.inputs:
        examples["p_mask"] = _impossible(examples, tokenizer)
    if "masked_lm_positions" in source.inputs:
        _mask(examples, tokenizer, source.inputs["masked_lm_positions"][0])
    return {name: examples[name] for name in source.inputs}


def _assemble(tokenizer, alone, first, second, length):
    def spans(rows):
        lengths = np.array([len(row) for row in rows], np.int64)
        ids = np.array([id_ for row in rows for id_ in row], np.int32)
        return sequences.Spans(ids, np.cumsum(lengths) - lengths, lengths)

    parts = []
    if alone:
        alone = spans(alone)
        alone = alone.first(np.minimum(alone.lengths, length - 2))
        parts.append(sequences.assemble(tokenizer, alone))
    first, second = spans(first), spans(second)
    kept = truncation.truncate_pairs(first.lengths, second.lengths, length - 3)
    pairs = (first.first(kept[0]), second.first(kept[1]))
    parts.append(sequences.assemble(tokenizer, *pairs))
    return Features.concatenate([Features(*part) for part in parts])


def _impossible(examples, tokenizer):
    """Marks where no answer can be, as tasks/squad/windows.py: int32 [N, S]."""
    possible = examples["segment_ids"] * (
        examples["input_ids"] != tokenizer.sep_id
    )
    possible[:, 0] = 1
    return (1 - possible).astype(np.int32)


def _mask(examples, tokenizer, slots):
    """Masks pieces, and adds their positions: int32 [N, P]."""
    ids = examples["input_ids"]
    places = np.zeros((len(ids), slots), np.int32)
    special = [tokenizer.cls_id, tokenizer.sep_id]
    for row, mask in enumerate(examples["input_mask"]):
        words = np.flatnonzero(mask & ~np.isin(ids[row], special))
        chosen = words[row % _MASK_EVERY :: _MASK_EVERY][:slots]
        ids[row, chosen] = tokenizer.mask_id
        places[row, : len(chosen)] = chosen
    examples["masked_lm_positions"] = places


def run(function, examples, batch_size=_BATCH):
    """Returns a function's outputs for all examples: dict of [N, …].

    Args:
      function: of a dict of int32 [batch_size, …] to a dict of tensors.
      examples: of ``make_examples``.
      batch_size: int; the last batch is filled up with its last example.
    """
    num_examples = len(examples["input_ids"])
    outputs = []
    for start in range(0, num_examples, batch_size):
        rows = np.arange(start, start + batch_size)
        rows = np.minimum(rows, num_examples - 1)
        batch = {name: values[rows] for name, values in examples.items()}
        outputs.append(
            {name: np.asarray(v) for name, v in function(batch).items()}
        )
    return {
        name: np.concatenate([each[name] for each in outputs])[:num_examples]
        for name in outputs[0]
    }


def compare(source, examples, expected, received):
    """Compares the outputs of a file with those of the model.

    Args:
      source: ``SourceModel``.
      examples: of ``make_examples``.
      expected, received: of ``run``, of the model and of the file.

    Returns:
      ``Comparison``; its differences are NaN where an output of either, of a
      padded position too, is infinite or NaN.
    """
    difference = relative = 0.0
    for name in source.outputs:
        if np.issubdtype(expected[name].dtype, np.integer):
            continue
        wanted, got = expected[name], received[name]
        if not (np.isfinite(got).all() and np.isfinite(wanted).all()):
            difference = relative = float("nan")
            break
        compared = _compared(source, name, examples, expected, received)
        if compared.ndim < wanted.ndim:
            # All scores of a row or none: [rows, choices].
            wanted, got = wanted[compared], got[compared]
            compared = np.ones(wanted.shape, bool)
        largest = float(np.abs(wanted - got)[compared].max(initial=0.0))
        if name in _CHOSEN_AMONG.get(source.head, ()):
            wanted = _without_mean(wanted, compared)
            got = _without_mean(got, compared)
        wanted, got = wanted[compared], got[compared]
        of_scale = float(np.abs(wanted - got).max(initial=0.0))
        difference = max(difference, largest)
        relative = max(relative, of_scale / _scale(source, wanted))
    same = _same_answers(source, examples, expected, received)
    return Comparison(
        examples=len(examples["input_ids"]),
        difference=difference,
        relative=relative,
        answers=same.size,
        agreeing=int(same.sum()),
    )


def _without_mean(scores, compared):
    """Takes the mean of the scores of each choice off them.

    Args:
      scores: float [..., choices].
      compared: bool of the same shape: which may be chosen.
    """
    return scores - scores.mean(axis=-1, keepdims=True, where=compared)


def _scale(source, wanted):
    """Returns what differences are a part of: float.

    Args:
      source: ``SourceModel``.
      wanted: float [any], what the model gives.
    """
    largest = float(np.abs(wanted).max(initial=0.0))
    if HEADS[source.head].label_type != "number":
        return max(1.0, largest)
    # Numbers may be all above 1000 or all below 0.01. Where they are almost
    # equal, what float32 rounds is much of what lies between them.
    between = float(np.ptp(wanted)) if wanted.size else 0.0
    return max(between, _LEAST_SPREAD * largest) or 1.0


def _compared(source, name, examples, expected, received):
    """Returns which values of an output are compared: bool array."""
    real = examples["input_mask"].astype(bool)
    if name == "masked_lm_logits":
        return examples["masked_lm_positions"] > 0
    if name.endswith("_top_log_probs"):
        possible = expected[name] > _IMPOSSIBLE
        if name.startswith("end"):
            # Another start has other ends.
            starts = expected["start_top_index"]
            same = starts == received["start_top_index"]
            ends = possible.shape[1] // starts.shape[1]
            possible &= np.repeat(same, ends, axis=1)
        return possible
    if name in _OF_POSITIONS or HEADS[source.head].label_type == "tag":
        return real
    return np.ones(expected[name].shape, bool)


def _same_answers(source, examples, expected, received):
    """Tells which answers of a file are those of the model: bool [any]."""
    find = _ANSWERS[source.head]
    answers = find(source, examples, expected)
    there = find(source, examples, received)
    same = answers == there
    if HEADS[source.head].label_type == "classes":
        # One answer a text: of many labels few are ever predicted, and a file
        # that predicts none would agree in most.
        return same.all(axis=1)
    if HEADS[source.head].label_type == "tag" and answers.size:
        # Nor do most tags, such as O, tell anything.
        commonest = np.bincount(answers).argmax()
        told = (answers != commonest) | (there != commonest)
        return same[told] if told.any() else same
    return same


def _predicted(source, examples, outputs):
    """Returns which of several labels are predicted: bool [N, L]."""
    import scipy.special

    probabilities = scipy.special.expit(outputs["logits"].astype(np.float64))
    return probabilities >= source.thresholds


def _no_answers(source, examples, outputs):
    return np.zeros(0, int)


def _classes(source, examples, outputs):
    return outputs["logits"].argmax(-1)


def _tags(source, examples, outputs):
    special = [source.tokenizer.cls_id, source.tokenizer.sep_id]
    words = examples["input_mask"] & ~np.isin(examples["input_ids"], special)
    return outputs["logits"].argmax(-1)[words.astype(bool)]


def _starts_and_ends(source, examples, outputs):
    real = examples["input_mask"].astype(bool)
    return np.concatenate(
        [
            np.where(real, outputs[f"{name}_logits"], -np.inf).argmax(-1)
            for name in ("start", "end")
        ]
    )


def _likeliest_beams(source, examples, outputs):
    return np.concatenate(
        [outputs[f"{name}_top_index"][:, 0] for name in ("start", "end")]
    )


def _pieces(source, examples, outputs):
    slots = examples["masked_lm_positions"] > 0
    return outputs["masked_lm_logits"].argmax(-1)[slots]


# Outputs with values for each position, besides the logits of tagging.
_OF_POSITIONS = ("sequence_output", "start_logits", "end_logits")
# Outputs whose last axis holds scores of which the largest one is chosen.
_CHOSEN_AMONG = {
    "pretraining": ("masked_lm_logits", "sentence_order_logits"),
    "masked_lm": ("masked_lm_logits",),
    "classification": ("logits",),
    "multiple_choice": ("logits",),
    "token_classification": ("logits",),
    "span_v1": ("start_logits", "end_logits"),
}

_ANSWERS = {
    "pretraining": _pieces,
    "masked_lm": _pieces,
    "classification": _classes,
    "multi_label": _predicted,
    "regression": _no_answers,
    "multiple_choice": _classes,
    "token_classification": _tags,
    "span_v1": _starts_and_ends,
    "span_v2": _likeliest_beams,
    "none": _no_answers,
}
