# SPDX-License-Identifier: Apache-2.0
"""Finds what looks odd in statistics of records, with the remedy."""

import math

from albert.records.corpus_counts import MOST_UNKNOWN
from albert.records.pretraining_warnings import MOST_GUESSED
from albert.text.masking import MASK_REPLACEMENTS
from albert.text.masking import ORIGINAL_REPLACEMENT

# What a person should look at. Of the pieces of a sequence:
_MOST_PADDING = 0.5
# Of the sequences of a task, which then are cut off.
_MOST_FULL = 0.2
# Of the masked pieces; the paper's 80, 10 and 10 percent, and some room.
_MASK_ROOM = 0.05
# Of what --masked_lm_prob asks for.
_LEAST_MASKED, _MOST_MASKED = 0.5, 1.5
_MASKED_LM_PROB = 0.15
# Of labels that are even, such as those of sentence order.
_LABEL_ROOM = 0.05
# Of the words that are hit.
_MOST_HIDDEN_IN_PART = 0.01
# Fewer tell nothing about shares.
_LEAST_TO_JUDGE = 20


def share(part, whole):
    """Returns a share in percent: str."""
    percent = 100 * part / max(1, whole)
    # So that few of many do not read as none.
    return f"{percent:.1f}%" if percent >= 0.1 or not part else "<0.1%"


def find_oddities(kind, statistics, texts, tokenizer):
    """Returns what looks odd: list of str.

    Args:
      kind: as ``opening.open_kind`` returns it.
      statistics: ``RecordStatistics``.
      texts: ``InstanceTexts``.
      tokenizer: ``TokenizerInterface``, or None.
    """
    found = [*_of_pieces(statistics, tokenizer), *_of_lengths(kind, statistics)]
    if kind.has_masks:
        found += _of_masks(kind, statistics, tokenizer)
    if kind.labelled:
        found += _of_labels(kind, statistics, texts)
    return found


def _of_pieces(statistics, tokenizer):
    if tokenizer is None:
        return
    begins = statistics.first_pieces[tokenizer.cls_id :][:1].sum()
    other = statistics.sequences - begins
    if other:
        yield (
            f"{share(other, statistics.sequences)} of the sequences do not "
            f"begin with {tokenizer.pieces[tokenizer.cls_id]}: the records "
            f"were not made with {tokenizer.model_file}"
        )
    total = statistics.pieces.sum()
    unknown = statistics.pieces[tokenizer.unknown_id :][:1].sum()
    if unknown > MOST_UNKNOWN * total:
        name = tokenizer.pieces[tokenizer.unknown_id]
        yield (
            f"{share(unknown, total)} of the pieces are {name}, which nothing "
            "is learnt of: make a vocabulary of this text with `albert "
            "create-vocabulary`, or give one of its language"
        )


def _of_lengths(kind, statistics):
    padding = statistics.places - statistics.tokens
    is_task = kind.objective is None
    alone = kind.settings.get("single_sentence_share")
    if not alone and padding > _MOST_PADDING * statistics.places:
        yield (
            f"{share(padding, statistics.places)} is padding: "
            + (
                "a shorter --max_seq_length holds the same in less room"
                if is_task
                else "documents are shorter than a sequence; give a shorter "
                "--max_seq_length"
            )
        )
    if is_task and statistics.full > _MOST_FULL * statistics.sequences:
        yield (
            f"{share(statistics.full, statistics.sequences)} of the sequences "
            "are full, so that texts were cut off: give a longer "
            "--max_seq_length"
        )
    first, second = statistics.segments
    if first[:1].sum() or second[:1].sum():
        count = int(first[:1].sum() + second[:1].sum())
        yield (
            f"{share(count, statistics.sequences)} of the sequences have a "
            "segment without a piece: look for empty texts"
        )
    if not alone and statistics.sequences > second.sum() > 0:
        count = statistics.sequences - int(second.sum())
        yield (
            f"{share(count, statistics.sequences)} of the sequences have one "
            "segment, the others two: look for texts that are missing"
        )


def _of_masks(kind, statistics, tokenizer):
    total = int(statistics.masked_pieces.sum())
    if not total:
        yield (
            "nothing is masked, so that nothing is learnt of words: make the "
            "records again"
        )
        return
    unmasked = int(statistics.masked[:1].sum())
    if unmasked:
        yield (
            f"{share(unmasked, statistics.sequences)} of the sequences have "
            "nothing masked: make the records again, with "
            "--do_whole_word_mask=false where they are short"
        )
    wanted = kind.settings.get("masked_lm_prob", _MASKED_LM_PROB)
    found = total / statistics.tokens
    if not _LEAST_MASKED * wanted < found < _MOST_MASKED * wanted:
        yield (
            f"{found:.1%} of the pieces are masked, and {wanted:.0%} were to "
            f"be: {round(wanted * kind.schema.max_seq_length)} is "
            "--max_predictions_per_seq for it"
        )
    if total < _LEAST_TO_JUDGE:
        return
    masks, _ = statistics.replacements(tokenizer)
    expected, _ = MASK_REPLACEMENTS[
        kind.settings.get("mask_replacement", ORIGINAL_REPLACEMENT)
    ]
    room = max(_MASK_ROOM, 3 * _error(expected, total))
    if abs(masks / total - expected) > room:
        yield (
            f"{share(masks, total)} of the masked pieces became [MASK], not "
            f"{expected:.0%}: another vocabulary, or another masking, made "
            "the records"
        )
    hidden = statistics.words_hit_in_part
    if (
        kind.settings.get("do_whole_word_mask", False)
        and hidden > _MOST_HIDDEN_IN_PART * statistics.words_hit
    ):
        yield (
            f"{share(hidden, statistics.words_hit)} of the words are hidden "
            "in part, though --do_whole_word_mask was given: make the "
            "records again"
        )


def _of_labels(kind, statistics, texts):
    labels, total = statistics.labels, statistics.labels.total()
    if kind.objective == "none":
        return
    if not total:
        yield (
            "no position has a label: look at the task's files"
            if kind.objective is None
            else "no record has a second segment, whose order is to be "
            "learnt: make the records again with --objective=none"
        )
        return
    is_even = kind.objective is not None
    if len(labels) == 1 and total > 1:
        (label,) = labels
        yield (
            f"all labels are {texts.label_text(label)}, so that they teach "
            "nothing: "
            + (
                "make the records again with --objective=none"
                if is_even
                else "look at the task's files; records of examples "
                "without labels are for predictions alone"
            )
        )
        return
    if is_even:
        part = labels[1] / total
        if abs(part - 0.5) > max(_LABEL_ROOM, 3 * _error(0.5, total)):
            yield (
                f"{part:.1%} of the labels are 1, not half of them: make the "
                "records with more documents of two sentences or more"
            )
        guessed = statistics.guessable
        if guessed and guessed["accuracy"] > max(
            MOST_GUESSED, 0.5 + 2 * guessed["chance"]
        ):
            yield (
                f"{guessed['accuracy']:.0%} of the labels can be guessed from "
                "lengths and ends of the segments, so that their order "
                "teaches little: make the records without "
                "--original_segment_pairs, or with --objective=none"
            )
    absent = [
        texts.label_text(index)
        for index in range(len(kind.label_names))
        if index not in labels
    ]
    if absent and not is_even and kind.label_type != "number":
        yield f"no example has the label {', '.join(absent)}"


def _error(expected, total):
    """Returns the standard error of a share."""
    return math.sqrt(expected * (1 - expected) / total)
