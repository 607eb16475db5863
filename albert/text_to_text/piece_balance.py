# SPDX-License-Identifier: Apache-2.0
"""Compares how many pieces a vocabulary makes of the two sides of pairs."""

# How many times the pieces per character of one side are those of the other,
# where the vocabulary was made of the other alone. Sentences of Multi30k: 1.07
# and 1.19 with one of English and German, 1.5 to 2.0 with one of either alone.
_MUCH_MORE = 1.4


def piece_rates(counts):
    """Returns the pieces per character, spaces not counted: list of float.

    Args:
      counts: list of ``CorpusCounts``, of each side.
    """
    return [round(each.tokens / max(1, each.characters), 4) for each in counts]


def describe_imbalance(rates, spaceless_shares, names):
    """Returns what to say where one side has many more pieces: str, or "".

    Args:
      rates: (float, float), of ``piece_rates``.
      spaceless_shares: (float, float), how many of the characters are of
        scripts without spaces. Of these, where each is a syllable or a word,
        nothing is said.
      names: (str, str), what the sides are called.
    """
    if max(spaceless_shares) > 0.5 or max(rates) <= _MUCH_MORE * min(rates):
        return ""
    many = rates.index(max(rates))
    return (
        f"{names[many]}: {rates[many]:.2f} pieces per character, against "
        f"{rates[1 - many]:.2f} on the other side: the vocabulary seems to be "
        "of that side's language alone; make one of both sides with `albert "
        "create-vocabulary`, whose --input_file takes several files"
    )
