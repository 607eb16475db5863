# SPDX-License-Identifier: Apache-2.0
"""Counts in how many minimal pairs the good sentence has the higher score.

A paradigm is a set of pairs about one rule of grammar, a phenomenon a set of
paradigms. The accuracy over all is the mean over paradigms, as that of BLiMP
(Warstadt et al. 2020, arXiv 1912.00582).
"""

import collections
import dataclasses
import io
import math
import os
import statistics

from absl import logging

from albert import outputs
from albert.errors import UserError
from albert.score.text_rows import read_rows

RESULTS_FILE = "results.json"
PAIRS_FILE = "pairs.tsv"
PICTURE_FILE = "accuracies.png"
_CHANCE = 0.5
# More pairs whose sentences are the same are a fault of the file. The published
# BLiMP has 7 of 67,000.
_MOST_SAME = 0.01
# Nobody reads shorter names of bars.
_INCHES_PER_BAR = 0.19
# Longer labels leave no room for the bars.
_LONGEST_LABEL = 70
# So many bars are 5 metres of a page.
_MOST_BARS = 1000


@dataclasses.dataclass(frozen=True)
class Pair:
    """Minimal pair: two sentences, one of which is right.

    Attributes:
      place: str, file and line, for messages.
      good, bad: str.
      paradigm, phenomenon: str; "" where none is known.
    """

    place: str
    good: str
    bad: str
    paradigm: str
    phenomenon: str

    @property
    def is_same(self):
        """bool, whether both sentences are the same."""
        return self.good == self.bad


def read_pairs(files, good, bad, paradigm, phenomenon, needed=()):
    """Reads the pairs of files.

    Args:
      files: list of str.
      good, bad, paradigm, phenomenon: str, names of columns. Where a file has
        no paradigm, its name is it; of files with the same name their path.
      needed: tuple of str, those of the last two that each file must have.

    Returns:
      list of ``Pair``.

    Raises:
      UserError: as of ``read_rows``; a sentence is empty, more than 1% of the
        pairs are twice the same sentence (fewer are warned of), some rows of a
        file have no paradigm, a paradigm is of two phenomena, a file lacks a
        field that is needed, or there are no pairs.
    """
    pairs = []
    first_of = {}
    stems = [os.path.basename(file).split(".")[0] for file in files]
    for file, stem in zip(files, stems, strict=True):
        rows = read_rows(
            file,
            (good, bad),
            optional=(paradigm, phenomenon),
            numbers=(paradigm, phenomenon),
        )
        set_of_file = one_cell(stem if stems.count(stem) == 1 else file)
        has_paradigm = None
        filled = set()
        for line, (right, wrong, rule, area) in rows:
            place = f"{file}:{line}"
            rule, area = one_cell(rule), one_cell(area)
            for name, text in ((good, right), (bad, wrong)):
                if not text.strip():
                    raise UserError(f"{place}: {name!r} is empty: fill it")
            if has_paradigm not in (None, bool(rule)):
                raise UserError(
                    f"{place}: "
                    + ("a" if rule else "no")
                    + f" {paradigm!r}, unlike the rows above it: fill it in "
                    "all rows of a file, or in none"
                )
            has_paradigm = bool(rule)
            filled |= {
                name
                for name, text in ((paradigm, rule), (phenomenon, area))
                if text
            }
            pair = Pair(place, right, wrong, rule or set_of_file, area)
            first = first_of.setdefault(pair.paradigm, pair)
            if area != first.phenomenon:
                raise UserError(
                    f"{place}: the set {pair.paradigm!r} is of "
                    f"{area!r} here, and of "
                    f"{first.phenomenon!r} in {first.place}: "
                    f"correct {phenomenon!r}, or name the set otherwise"
                )
            pairs.append(pair)
        for name in needed:
            if has_paradigm is not None and name not in filled:
                raise UserError(
                    f"{file}: no row has the field {name!r}, or a text in it: "
                    "name one that all files have"
                )
    if not pairs:
        raise UserError(f"{', '.join(files)}: no pairs: give a file with some")
    _check_same(pairs)
    return pairs


def _check_same(pairs):
    """Warns of pairs that are twice the same sentence; refuses many."""
    same = [pair for pair in pairs if pair.is_same]
    if not same:
        return
    told = (
        f"{same[0].place}: both sentences are {same[0].good!r}; so it is in "
        f"{len(same):,} of {len(pairs):,} pairs"
    )
    if len(same) > _MOST_SAME * len(pairs):
        raise UserError(f"{told}: correct them, or leave these rows out")
    logging.warning("%s, each of which counts one half, as a tie", told)


def warn_of_same_pieces(pairs):
    """Warns of different sentences that are the same to a vocabulary.

    Args:
      pairs: list of ``Pair``, those of which both sentences have the same ids.
    """
    pairs = [pair for pair in pairs if not pair.is_same]
    if pairs:
        logging.warning(
            "%s: %r and %r have the same pieces, and so it is in %s pairs, "
            "each of which counts one half, as a tie",
            pairs[0].place,
            pairs[0].good,
            pairs[0].bad,
            f"{len(pairs):,}",
        )


def count(pairs, scores):
    """Counts the pairs whose good sentence has the higher score.

    Args:
      pairs: list of ``Pair``.
      scores: list of (``Score`` of the good one, ``Score`` of the bad one).

    Returns:
      dict for JSON: accuracy, num_pairs, num_ties, each of which counts one
      half; num_same_sentences, the ties that no model can decide;
      accuracy_by_length_alone, what the sentence with fewer pieces has;
      phenomena, the accuracy of each; paradigms, for each its accuracy,
      standard_error, num_pairs, num_ties and phenomenon.
    """
    groups = collections.defaultdict(list)
    for pair, (good, bad) in zip(pairs, scores, strict=True):
        groups[pair.paradigm].append(
            (
                pair.phenomenon,
                _points(good.log_likelihood, bad.log_likelihood),
                _points(-good.num_pieces, -bad.num_pieces),
            )
        )
    paradigms = {}
    by_phenomenon = collections.defaultdict(list)
    by_length = []
    for paradigm, rows in sorted(groups.items()):
        areas, points, shorter = zip(*rows, strict=True)
        accuracy = statistics.mean(points)
        paradigms[paradigm] = {
            "accuracy": accuracy,
            "standard_error": math.sqrt(accuracy * (1 - accuracy) / len(rows)),
            "num_pairs": len(rows),
            "num_ties": points.count(_CHANCE),
            "phenomenon": areas[0],
        }
        by_length.append(statistics.mean(shorter))
        if areas[0]:
            by_phenomenon[areas[0]].append(accuracy)
    return {
        "accuracy": statistics.mean(
            each["accuracy"] for each in paradigms.values()
        ),
        "num_pairs": len(pairs),
        "num_ties": sum(each["num_ties"] for each in paradigms.values()),
        "num_same_sentences": sum(pair.is_same for pair in pairs),
        "accuracy_by_length_alone": statistics.mean(by_length),
        "phenomena": {
            name: statistics.mean(accuracies)
            for name, accuracies in sorted(by_phenomenon.items())
        },
        "paradigms": paradigms,
    }


def _points(good, bad):
    """Returns 1 where the first is higher, 0 where the second, 0.5 else."""
    return (good > bad) + _CHANCE * (good == bad)


def table(results):
    """Returns what ``count`` gives as a table: str, a line for each row."""
    rows = [("paradigm", "pairs", "accuracy", "")]
    by_phenomenon = sorted(
        results["paradigms"].items(), key=lambda item: item[1]["phenomenon"]
    )
    shown = None
    for name, each in by_phenomenon:
        phenomenon = each["phenomenon"]
        if phenomenon and phenomenon != shown:
            mean = results["phenomena"][phenomenon]
            rows.append((phenomenon, "", f"{mean:.1%}", ""))
            shown = phenomenon
        ties = each["num_ties"]
        rows.append(
            (
                "  " * bool(phenomenon) + name,
                f"{each['num_pairs']:,}",
                f"{each['accuracy']:.1%}",
                f"± {each['standard_error']:.1%}"
                + (f", {ties:,} ties" if ties else ""),
            )
        )
    rows.append(
        (
            "all (mean over paradigms)",
            f"{results['num_pairs']:,}",
            f"{results['accuracy']:.1%}",
            f"{results['accuracy_by_length_alone']:.1%} by length alone",
        )
    )
    width = max(len(row[0]) for row in rows)
    return "\n".join(
        f"{name:{width}}  {pairs:>7}  {accuracy:>8}  {note}".rstrip()
        for name, pairs, accuracy, note in rows
    )


def draw(results):
    """Draws the accuracies as bars, by phenomenon.

    Args:
      results: dict of ``count``.

    Returns:
      bytes of a PNG; None, with a warning, of more paradigms than can be seen.
    """
    if len(results["paradigms"]) > _MOST_BARS:
        logging.warning(
            "no picture of %s sets of pairs: at most %s are drawn",
            f"{len(results['paradigms']):,}",
            f"{_MOST_BARS:,}",
        )
        return None
    from matplotlib.figure import Figure

    rows = sorted(
        results["paradigms"].items(),
        key=lambda item: (item[1]["phenomenon"], item[0]),
        reverse=True,
    )
    phenomena = sorted({each["phenomenon"] for _, each in rows})
    figure = Figure(
        figsize=(9, 1.2 + _INCHES_PER_BAR * len(rows)), layout="constrained"
    )
    axis = figure.subplots()
    axis.barh(
        range(len(rows)),
        [each["accuracy"] for _, each in rows],
        xerr=[each["standard_error"] for _, each in rows],
        error_kw={"ecolor": "0.4", "linewidth": 0.8},
        color=[
            f"C{phenomena.index(each['phenomenon']) % 10}" for _, each in rows
        ],
    )
    axis.set_yticks(
        range(len(rows)),
        [
            _shorten_label(
                f"{each['phenomenon']}: {name}" if each["phenomenon"] else name
            )
            for name, each in rows
        ],
        fontsize=7,
        parse_math=False,
    )
    axis.axvline(_CHANCE, color="black", linestyle="--", linewidth=1)
    axis.axvline(results["accuracy"], color="black", linewidth=1)
    axis.set(
        xlim=(0, 1),
        ylim=(-0.7, len(rows) - 0.3),
        xlabel="share of pairs whose good sentence has the higher score",
        title=f"{results['num_pairs']:,} pairs: {results['accuracy']:.1%} "
        "(line), chance 50% (dashes)",
    )
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=110)
    return picture.getvalue()


def _shorten_label(text):
    """Returns a label that leaves room for its bar; paths differ at the end."""
    if len(text) > _LONGEST_LABEL:
        return "…" + text[1 - _LONGEST_LABEL :]
    return text


def write(directory, results, pairs, scores, flag):
    """Writes results, the scores of all pairs, and the picture.

    Args:
      directory: str, a new one.
      results: dict of ``count``, and what else is to be kept.
      pairs, scores: as of ``count``.
      flag: str, what messages tell to choose another of.
    """
    lines = ["paradigm\tgood_score\tbad_score\tgood\tbad"]
    lines += [
        "\t".join(
            (
                pair.paradigm,
                f"{good.log_likelihood:.4f}",
                f"{bad.log_likelihood:.4f}",
                one_cell(pair.good),
                one_cell(pair.bad),
            )
        )
        for pair, (good, bad) in zip(pairs, scores, strict=True)
    ]
    contents = {
        PAIRS_FILE: ("\n".join(lines) + "\n").encode(),
        RESULTS_FILE: outputs.json_bytes(results),
    }
    if picture := draw(results):
        contents[PICTURE_FILE] = picture
    with outputs.new_directory(directory, flag) as place:
        for name, content in contents.items():
            with open(os.path.join(place, name), "xb") as file:
                file.write(content)


def one_cell(text):
    """Returns a text without what ends a cell of a table: str."""
    return " ".join(text.split())
