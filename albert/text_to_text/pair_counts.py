# SPDX-License-Identifier: Apache-2.0
"""Counts what is odd about pairs of texts."""

import dataclasses


@dataclasses.dataclass
class PairCounts:
    """Counts over the pairs of a split.

    Attributes:
      pairs: that are used.
      blank: lines without a piece on either side, which are left out.
      without_source, without_target: pairs with a piece on one side alone,
        which are left out.
      long_source, long_target: longer than they may be, which are left out.
      cut_source: longer than they may be, and cut.
      equal: of those that are used, with one text as source and target.
      duplicates: of those that are used, which came before.
      repeated_source: of the others, whose source came before, with another
        target.
      source_pieces_per_character, target_pieces_per_character: float, over
        all pairs with two texts; spaces do not count.
    """

    pairs: int = 0
    blank: int = 0
    without_source: int = 0
    without_target: int = 0
    long_source: int = 0
    long_target: int = 0
    cut_source: int = 0
    equal: int = 0
    duplicates: int = 0
    repeated_source: int = 0
    source_pieces_per_character: float = 0.0
    target_pieces_per_character: float = 0.0

    @property
    def left_out(self):
        """Number of pairs that cannot be used; blank lines are none."""
        return (
            self.without_source
            + self.without_target
            + self.long_source
            + self.long_target
        )

    def left_out_share(self):
        """Returns the share of the pairs that are left out: float."""
        return self.left_out / max(1, self.pairs + self.left_out)

    def describe(self):
        """Returns what was counted, without what is 0: a str."""
        names = {
            "without_source": "without a source",
            "without_target": "without a target",
            "long_source": "with too long a source",
            "long_target": "with too long a target",
        }
        left_out = ", ".join(
            f"{value:,} {name}"
            for key, name in names.items()
            if (value := getattr(self, key))
        )
        parts = [f"{self.pairs:,} pairs"]
        if left_out:
            parts.append(
                f"{self.left_out:,} left out ({self.left_out_share():.2%}: "
                f"{left_out})"
            )
        for key, name in (
            ("blank", "blank lines"),
            ("cut_source", "sources cut"),
            ("equal", "with the source as target"),
            ("duplicates", "duplicates"),
            ("repeated_source", "other targets of a source that came before"),
        ):
            if value := getattr(self, key):
                parts.append(f"{value:,} {name}")
        return "; ".join(parts)
