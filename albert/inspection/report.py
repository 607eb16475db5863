# SPDX-License-Identifier: Apache-2.0
"""Puts statistics of records into figures and charts for people."""

import dataclasses
import os

import numpy as np

from albert.inspection.findings import find_oddities
from albert.inspection.findings import share
from albert.inspection.statistics import mean
from albert.records.metadata import without_record_suffix

_MOST_BARS = 14
_MOST_PIECES = 15
_MOST_CLASSES = 20
_NICE_WIDTHS = tuple(
    digit * 10**power for power in range(7) for digit in (1, 2, 5)
)


@dataclasses.dataclass(frozen=True)
class Chart:
    """Bars with their labels.

    Attributes:
      title: str.
      note: str, what the title leaves open; or "".
      bars: list of (label, count).
      total: int, what counts are shares of.
      is_histogram: bool, whether labels are numbers in their order, and not
        names.
    """

    title: str
    note: str
    bars: list
    total: int
    is_histogram: bool = True


@dataclasses.dataclass(frozen=True)
class Report:
    """What is shown of records, on a terminal or a page.

    Attributes:
      title: str.
      figures: list of (name, text).
      charts: list of ``Chart``.
      oddities: list of str, what looks odd, with the remedy.
      instances: list of ``ShownInstance``.
      has_words, has_masks: bool, which marks the instances have.
    """

    title: str
    figures: list
    charts: list
    oddities: list
    instances: list
    has_words: bool
    has_masks: bool


def build_report(
    kind, counts, is_sample, statistics, texts, tokenizer, instances, notes
):
    """Builds the ``Report`` of records.

    Args:
      kind: as ``opening.open_kind`` returns it.
      counts: list of int, the records that were read of each file.
      is_sample: bool, whether there are more.
      statistics: ``RecordStatistics`` of them.
      texts: ``InstanceTexts``.
      tokenizer: ``TokenizerInterface``, or None.
      instances: list of ``ShownInstance``.
      notes: list of str, more that looks odd.
    """
    files = kind.records.files
    return Report(
        title=f"{_number(len(files), 'file')} of {kind.name}",
        figures=[
            *_describe_files(kind, counts, is_sample),
            *_describe_sequences(kind, statistics),
            *_describe_masks(kind, statistics, tokenizer),
            *_describe_labels(kind, statistics, texts),
            *_describe_pieces(statistics, tokenizer),
        ],
        charts=[
            chart
            for chart in (
                *_chart_files(files, counts),
                *_chart_lengths(statistics),
                *_chart_masks(kind, statistics, tokenizer),
                _chart_labels(kind, statistics, texts),
                *_chart_pieces(statistics, texts),
            )
            if chart.bars
        ],
        oddities=notes + find_oddities(kind, statistics, texts, tokenizer),
        instances=instances,
        has_words=tokenizer is not None or kind.has_masks,
        has_masks=kind.has_masks,
    )


# --------------------------------------------------------------------- figures


def _describe_files(kind, counts, is_sample):
    size = sum(map(os.path.getsize, kind.records.files))
    read = f"{sum(counts):,}"
    if is_sample:
        # Without a JSON, only a scan of the whole files would tell.
        known = not kind.num_without
        total = f"{kind.records.count():,}" if known else "more"
        read += f" of {total}: the first of each file, a sample"
    yield "records", read
    about = f"{len(counts)}, {size / 1e6:.1f} MB"
    if any(kind.records.compressions):
        about += ", compressed"
    if kind.num_without:
        about += f"; {kind.num_without:,} without a JSON beside them"
    yield "files", about
    if kind.settings:
        shown = {
            key: value
            for key, value in kind.settings.items()
            if isinstance(value, bool | int | float | str)
        }
        yield (
            "made with",
            ", ".join(f"{key}={value}" for key, value in shown.items()),
        )


def _describe_sequences(kind, statistics):
    length = kind.schema.max_seq_length
    yield (
        "length",
        f"{mean(statistics.lengths):.1f} of {length} pieces on average, "
        f"{share(statistics.places - statistics.tokens, statistics.places)} "
        f"padding, {share(statistics.full, statistics.sequences)} full",
    )
    first, second = statistics.segments
    text = f"A {mean(first):.1f} pieces on average"
    if second.sum():
        text += f", B {mean(second):.1f}"
    alone = statistics.sequences - int(second.sum())
    if alone:
        text += f", {share(alone, statistics.sequences)} without B"
    yield "segments", text


def _describe_masks(kind, statistics, tokenizer):
    if not kind.has_masks:
        return
    total = int(statistics.masked_pieces.sum())
    yield (
        "masked",
        f"{total / max(1, statistics.sequences):.2f} a sequence "
        f"({share(total, statistics.tokens)} of the pieces) of at most "
        f"{kind.schema.max_predictions_per_seq}{kind.note_of_masks}",
    )
    if not total:
        return
    yield (
        "masked words",
        f"{mean(statistics.masked_words):.2f} in a run on average; "
        f"{share(statistics.words_hit_in_part, statistics.words_hit)} of the "
        "words are hidden in part",
    )
    mask, other = statistics.replacements(tokenizer)
    yield (
        "replaced by",
        f"[MASK] {share(mask, total)}, another piece {share(other, total)}, "
        f"unchanged {share(statistics.kept, total)}"
        + (
            ""
            if tokenizer
            else " ([MASK] is taken to be the most frequent id there)"
        ),
    )


def _describe_labels(kind, statistics, texts):
    labels = statistics.labels
    if not kind.labelled:
        yield "labels", "none: the examples had none"
    elif not labels and kind.objective:
        yield "labels", "none: one segment each"
    elif kind.label_type == "number":
        low, high = statistics.label_range
        average = statistics.label_sum / labels.total()
        yield (
            "labels",
            f"numbers from {low:g} to {high:g}, {average:.3g} on average",
        )
    elif len(labels) <= 3:
        yield (
            "labels",
            ", ".join(
                f"{texts.label_text(label)} {share(count, labels.total())}"
                for label, count in sorted(labels.items())
            ),
        )
    else:
        (label, count), *_ = labels.most_common(1)
        yield (
            "labels",
            f"{len(labels)} classes, {texts.label_text(label)} is "
            f"{share(count, labels.total())}",
        )
    guessed = statistics.guessable
    if guessed:
        yield (
            "guessable",
            f"{guessed['accuracy']:.1%} of the labels, from lengths and ends "
            "of the segments alone (chance: 50% ± "
            f"{guessed['chance']:.1%}; {guessed['pairs']:,} pairs looked at)",
        )


def _describe_pieces(statistics, tokenizer):
    total = int(statistics.pieces.sum())
    distinct = int((statistics.pieces > 0).sum())
    if tokenizer is None:
        yield "pieces", f"{total:,}, {distinct:,} distinct ids"
        return
    unknown = statistics.pieces[tokenizer.unknown_id :][:1].sum()
    yield (
        "pieces",
        f"{total:,}, {distinct:,} of the {tokenizer.vocabulary_size:,} in "
        f"the vocabulary occur, {share(unknown, total)} are "
        f"{tokenizer.pieces[tokenizer.unknown_id]}",
    )


# ---------------------------------------------------------------------- charts


def _chart_files(files, counts):
    if len(files) == 1:
        return
    if len(files) <= _MOST_BARS:
        bars = [
            (without_record_suffix(os.path.basename(file)), count)
            for file, count in zip(files, counts, strict=True)
        ]
        yield Chart("records of each file", "", bars, sum(counts), False)
        return
    yield _histogram("records of a file", "", np.bincount(counts))


def _chart_lengths(statistics):
    yield _histogram("length of sequences", "in pieces", statistics.lengths)
    for name, counts in zip("AB", statistics.segments, strict=True):
        yield _histogram(
            f"length of segment {name}",
            "in pieces, without [CLS] and [SEP]",
            counts,
        )


def _chart_masks(kind, statistics, tokenizer):
    if not kind.has_masks:
        return
    yield _histogram("masked pieces of a sequence", "", statistics.masked)
    yield _histogram(
        "words of a masked run",
        "n-grams side by side are one run",
        statistics.masked_words,
    )
    mask, other = statistics.replacements(tokenizer)
    bars = [
        ("[MASK]", mask),
        ("another piece", other),
        ("unchanged", statistics.kept),
    ]
    total = int(statistics.masked_pieces.sum())
    yield Chart(
        "what the model sees in the place of masked pieces",
        "",
        bars if total else [],
        total,
        False,
    )


def _chart_labels(kind, statistics, texts):
    labels = statistics.labels
    if not kind.labelled:
        return Chart("labels", "", [], 0)
    if kind.label_type == "number":
        values = np.array(list(labels), float)
        bars, edges = np.histogram(
            values.clip(*statistics.label_range),
            min(_MOST_BARS, len(values)),
            statistics.label_range,
            weights=list(labels.values()),
        )
        names = [
            f"{low:.3g} to {high:.3g}"
            for low, high in zip(edges[:-1], edges[1:], strict=True)
        ]
        bars = list(zip(names, map(int, bars), strict=True))
        return Chart("labels", "", bars, labels.total())
    title = "tags of words" if kind.label_type == "tag" else "labels"
    absent = dict.fromkeys(range(len(kind.label_names)), 0)
    found = sorted((absent | labels).items())
    if len(found) > _MOST_CLASSES:
        found = labels.most_common(_MOST_CLASSES)
    bars = [(texts.label_text(label), count) for label, count in found]
    return Chart(title, "", bars, labels.total(), False)


def _chart_pieces(statistics, texts):
    for title, counts in (
        ("most frequent pieces", statistics.pieces),
        ("most frequent masked pieces", statistics.masked_pieces),
    ):
        best = np.argsort(-counts, kind="stable")[:_MOST_PIECES]
        bars = [
            (texts.piece(int(id_)), int(counts[id_]))
            for id_ in best
            if counts[id_]
        ]
        yield Chart(title, "", bars, int(counts.sum()), False)


def _histogram(title, note, counts):
    """Returns the ``Chart`` of a histogram, in bins of one nice width."""
    found = np.flatnonzero(counts)
    if not len(found):
        return Chart(title, note, [], 0)
    low, high = int(found[0]), int(found[-1])
    width = next(
        width
        for width in _NICE_WIDTHS
        if high // width - low // width < _MOST_BARS
    )
    bars = []
    # From 1 on, so that a full sequence of 128 is in the bin 121-128 or so.
    for first in range((max(low, 1) - 1) // width * width + 1, high + 1, width):
        last = min(first + width - 1, high)
        name = str(first) if first == last else f"{first}-{last}"
        bars.append((name, int(counts[first : last + 1].sum())))
    if low == 0:
        bars.insert(0, ("0", int(counts[0])))
    return Chart(title, note, bars, int(counts.sum()))


def _number(count, noun):
    return f"{count:,} {noun}" + ("s" if count != 1 else "")
