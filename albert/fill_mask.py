# SPDX-License-Identifier: Apache-2.0
"""Fills masked words, to look at what a model has learned.

    albert fill-mask MODEL_DIR "The capital of [MASK] is far away."

Words of real sentences, hidden one at a time and compared with the truth:

    albert fill-mask MODEL_DIR --text_file=book.txt --num_sentences=8
"""

import dataclasses
import itertools

import numpy as np

from albert import command_line
from albert.errors import UserError
from albert.file_patterns import expand_files
from albert.flag_groups import FlagGroup
from albert.flag_parsers import LARGEST_SEED
from albert.flags import define_text_field_flag
from albert.text.documents import read_documents
from albert.text.word_starts import is_of_script_without_spaces

POSITIONAL = ("MODEL_DIR", "TEXT...")
MASK = "[MASK]"
# Sequences whose logits, one for each piece of the vocabulary, are held.
_ROWS_TOGETHER = 64
_WORDS_OF_A_SENTENCE = range(8, 26)


@dataclasses.dataclass(frozen=True)
class Filling:
    """Prediction at one mask, the likeliest piece first.

    Attributes:
      pieces: list of str, as the vocabulary has them: in SentencePiece a word
        begins with "\\u2581". As a text, a filling is the words alone.
      probabilities: list of float.
    """

    pieces: list[str]
    probabilities: list[float]

    def __str__(self):
        return ", ".join(
            f"{piece.replace(chr(0x2581), '') or '_'} {probability:.0%}"
            for piece, probability in zip(
                self.pieces, self.probabilities, strict=True
            )
        )


def encode_masked(tokenizer, text):
    """Returns the ids of ``text``, with each "[MASK]" as the mask's id.

    Args:
      tokenizer: ``Tokenizer``.
      text: str.

    Returns:
      list of int: [CLS] text [SEP].
    """
    ids = [tokenizer.cls_id]
    for index, part in enumerate(text.split(MASK)):
        if index:
            ids.append(tokenizer.mask_id)
        # No new word begins after a mask without a space: [MASK]s.
        continues = index and part and not part[0].isspace()
        (pieces,) = tokenizer.encode_batch([part], after_space=not continues)
        ids += pieces
    return [*ids, tokenizer.sep_id]


def check_lengths(model, rows):
    """Refuses sequences that are longer than a model reads.

    Args:
      model: with a ``config``.
      rows: list of lists of ids.

    Raises:
      UserError: naming the longest one's length.
    """
    limit = model.config.longest_sequence
    length = max(map(len, rows))
    if length > limit:
        raise UserError(
            f"a text has {length} pieces, but the model reads at most {limit}: "
            "shorten it"
        )


def check_masks(texts):
    """Refuses texts without a mask.

    Args:
      texts: list of str.

    Raises:
      UserError: naming the first one.
    """
    for text in texts:
        if MASK not in text:
            raise UserError(
                f"no {MASK} in {text!r}: write {MASK} in place of a word"
            )


def fill_masks(model, tokenizer, rows, top=5):
    """Predicts the pieces at the masks of some sequences.

    Sequences of like length are computed together.

    Args:
      model: ``AlbertPretrainer``.
      tokenizer: ``Tokenizer``.
      rows: list of lists of ids as ``encode_masked`` returns them.
      top: int, predictions per mask.

    Returns:
      list, for each row a list of a ``Filling`` for each mask.

    Raises:
      UserError: a row is longer than the model's positions.
    """
    check_lengths(model, rows)
    fillings = [None] * len(rows)
    by_length = sorted(range(len(rows)), key=lambda number: len(rows[number]))
    for start in range(0, len(rows), _ROWS_TOGETHER):
        chosen = by_length[start : start + _ROWS_TOGETHER]
        found = _fill_batch(model, tokenizer, [rows[n] for n in chosen], top)
        for number, row in zip(chosen, found, strict=True):
            fillings[number] = row
    return fillings


def _fill_batch(model, tokenizer, rows, top):
    """Returns what ``fill_masks`` does, of rows that are computed together."""
    length = max(map(len, rows))
    positions = [
        [i for i, id_ in enumerate(row) if id_ == tokenizer.mask_id]
        for row in rows
    ]
    most = max(1, *map(len, positions))

    def padded(values, width):
        return np.array(
            [[*row, *[0] * (width - len(row))] for row in values], np.int32
        )

    outputs = model(
        {
            "input_ids": padded(rows, length),
            "input_mask": padded([[1] * len(row) for row in rows], length),
            "masked_lm_positions": padded(positions, most),
        }
    )
    logits = np.asarray(outputs["masked_lm_logits"])
    probabilities = np.exp(logits - logits.max(-1, keepdims=True))
    probabilities /= probabilities.sum(-1, keepdims=True)
    best = np.argsort(-probabilities, axis=-1)[:, :, :top]
    return [
        [
            Filling(
                [tokenizer.pieces[id_] for id_ in best[row, slot]],
                [float(probabilities[row, slot, i]) for i in best[row, slot]],
            )
            for slot in range(len(positions[row]))
        ]
        for row in range(len(rows))
    ]


def hide_words(tokenizer, sentences, num_sentences, seed):
    """Hides one word in each of some sentences.

    Args:
      tokenizer: ``Tokenizer``.
      sentences: iterable of str.
      num_sentences: int, sentences wanted.
      seed: int.

    Returns:
      list of (text with "[MASK]", hidden word); only words of one piece.
    """
    rng = np.random.default_rng(seed)
    candidates = [
        (words, space)
        for sentence in sentences
        for words, space in [_split_words(tokenizer, sentence)]
        if len(words) in _WORDS_OF_A_SENTENCE
    ]
    hidden = []
    for index in rng.permutation(len(candidates)):
        words, space = candidates[index]
        single = [
            position
            for position, word in enumerate(words)
            if word.isalpha()
            and (len(word) > 2 or not space)
            and _is_one_piece(tokenizer, word, bool(space))
        ]
        if not single:
            continue
        position = rng.choice(single)
        text = space.join([*words[:position], MASK, *words[position + 1 :]])
        hidden.append((text, words[position]))
        if len(hidden) == num_sentences:
            break
    return hidden


def _split_words(tokenizer, sentence):
    """Returns (words, what stands between them: a space or nothing).

    Where a sentence is of a script without spaces, words are its pieces.
    """
    if not is_of_script_without_spaces(sentence):
        return sentence.split(), " "
    spans = tokenizer.encode_with_offsets([sentence])
    # What is in no piece, such as a space, belongs to the word before it.
    starts = [0, *spans.starts[1:].tolist(), len(sentence)]
    return [
        sentence[start:end] for start, end in itertools.pairwise(starts)
    ], ""


def _is_one_piece(tokenizer, word, after_space):
    (ids,) = tokenizer.encode_batch([word], after_space)
    return len(ids) == 1 and ids != [tokenizer.unknown_id]


def load(path, dtype=None):
    """Loads weights in any format; returns (model, tokenizer).

    Args:
      path: of weights with a masked-LM head, or their ``StartingPoint``.
      dtype: str, a policy of Keras; None: float32.

    Raises:
      UserError: they cannot be loaded, or have no head for masked pieces.
    """
    command_line.load_tensorflow()
    from albert.interchange import weight_fit
    from albert.interchange.starting_point import open_starting_point
    from albert.interchange.weights import load_weights
    from albert.modeling.models import AlbertPretrainer

    start = open_starting_point(path)
    config, tokenizer = start.find_config_and_tokenizer()
    if not any(
        weight_fit.belongs_to(name, ["masked_lm"])
        for name in start.source.tensors
    ):
        raise UserError(
            f"{start.path} has no masked-LM head: give a pretrained model, not "
            "one that was fine-tuned or trained to translate"
        )
    model = AlbertPretrainer(config, dtype=dtype)
    load_weights(model, start, fresh=("sentence_order", "pooler"))
    return model, tokenizer


def define_flags(fv):
    """Defines the command's flags."""
    FlagGroup(fv, "Answers").integer(
        "top",
        5,
        "Predictions shown for each mask.",
        lower_bound=1,
        upper_bound=1000,
    )
    text = FlagGroup(fv, "Text with words to hide")
    text.files(
        "text_file",
        None,
        "Text whose sentences get a word hidden: paths or globs.",
    )
    define_text_field_flag(fv, "Text with words to hide")
    text.integer(
        "num_sentences",
        8,
        "Sentences taken from --text_file.",
        lower_bound=1,
        upper_bound=1000,
    )
    text.integer(
        "seed",
        0,
        "Seed of the choice of sentences.",
        lower_bound=0,
        upper_bound=LARGEST_SEED,
    )


def main(fv, directory, texts):
    """Prints the most likely pieces of every mask."""
    if not texts and not fv.text_file:
        raise UserError(
            'nothing to fill: give a text with "[MASK]" in it, or --text_file'
        )
    check_masks(texts)
    files = expand_files(fv.text_file) if fv.text_file else []
    model, tokenizer = load(directory)
    rows = [(text, None) for text in texts]
    if files:
        sentences = (
            sentence
            for document in read_documents(files, text_field=fv.text_field)
            for sentence in document
        )
        hidden = hide_words(tokenizer, sentences, fv.num_sentences, fv.seed)
        if not hidden:
            raise UserError(
                f"{fv.text_file}: no sentence of {_WORDS_OF_A_SENTENCE[0]} to "
                f"{_WORDS_OF_A_SENTENCE[-1]} words has a word that is a single "
                "piece of the vocabulary: give more text"
            )
        rows += hidden
    fillings = fill_masks(
        model,
        tokenizer,
        [encode_masked(tokenizer, text) for text, _ in rows],
        fv.top,
    )
    for (text, truth), row in zip(rows, fillings, strict=True):
        print(text)
        for filling in row:
            print(f"    {filling}")
        if truth is not None:
            found = truth.lower() in str(row[0]).lower().split()
            print(f"    the author wrote: {truth}{'  *' if found else ''}")


if __name__ == "__main__":
    command_line.run(main, define_flags, POSITIONAL)
