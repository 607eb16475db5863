# SPDX-License-Identifier: Apache-2.0
"""A set of texts by their hashes, in memory that is bounded."""

import hashlib

# 64 bits: among so many texts, two that differ are taken for the same with a
# probability of 1 in 8,000. The table has 1 GiB then.
MOST_HASHES = 1 << 26
_SMALLEST_TABLE = 1 << 10


class HashSet:
    """Set of texts, of which it keeps a hash of eight bytes.

    Attributes:
      is_full: bool, whether it has as many as it may; it takes no more then,
        and still knows those that it has.
    """

    def __init__(self, most=MOST_HASHES):
        """Makes an empty set that takes ``most`` texts."""
        self._most = most
        self._count = 0
        # Open addressing: a hash is in the first free slot behind its own.
        self._table = _make_table(_SMALLEST_TABLE)
        self.is_full = False

    def __len__(self):
        return self._count

    def add(self, text):
        """Adds a str; returns whether it was not there yet."""
        digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
        # Zero is a free slot.
        value = int.from_bytes(digest, "little") or 1
        slot = _find(self._table, value)
        if self._table[slot]:
            return False
        if self._count == self._most:
            self.is_full = True
            return True
        self._table[slot] = value
        self._count += 1
        if 2 * self._count > len(self._table):
            self._grow()
        return True

    def _grow(self):
        old, self._table = self._table, _make_table(2 * len(self._table))
        for value in old:
            if value:
                self._table[_find(self._table, value)] = value


def _make_table(slots):
    return memoryview(bytearray(8 * slots)).cast("Q")


def _find(table, value):
    """Returns the slot of a hash in a table, or the one that it belongs in."""
    mask = len(table) - 1
    slot = value & mask
    while table[slot] not in (0, value):
        slot = (slot + 1) & mask
    return slot
