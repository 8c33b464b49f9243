"""Whether an id may have been stored long since, without a look at the table: a Bloom filter.

Nearly every id that comes is new, and to see that in the table takes a page of each large level, at
random, which may have to come from the disk. A bit that is not set says so at once (Bloom,
"Space/time trade-offs in hash coding with allowable errors", 1970; of his hashes there is one).

There is a bit for each 32 terms, set if an id behind level 1 has one of them. That is 8 MB in
memory, and beside five million events one new id in fourteen is looked for in vain. The bits are
in parts beside the terms, and change with them in the same transaction. As terms move in their
order, a slice of them changes few parts.
"""

import json
from collections.abc import Callable, Iterable
from itertools import groupby
from sqlite3 import Connection

from almahook.inbox.sqlite.rows import pack
from almahook.inbox.sqlite.sql import load_queries

_Q = load_queries()

_LEAST = -(2**31)
_TERMS_OF_A_BIT = 32
_BYTES = 2048
_BITS = 8 * _BYTES
_PARTS = -_LEAST // _TERMS_OF_A_BIT // _BITS
_EMPTY = bytes(_BYTES)


class IdFilter:
    """The bits as they are in the table, in the memory of whoever appends."""

    def __init__(self) -> None:
        self._parts = [_EMPTY] * _PARTS
        self._read = 0

    def read_on(self, connection: Connection) -> None:
        """Read what was changed since the last time; this transaction may have changed nothing."""
        # All of it, before any counts as read.
        rows = connection.execute(_Q["filter_changes"], {"read": self._read}).fetchall()
        for part, changed, bits in rows:
            self._parts[part] = bits
            self._read = changed

    def may_have(self, term: int) -> bool:
        """Say whether an id behind level 1 may have this term: no is certain."""
        part, bit = divmod(_bit(term), _BITS)
        return bool(self._parts[part][bit >> 3] >> (bit & 7) & 1)


def filter_bits(terms: str) -> bytes | None:
    """Make the bits of a part out of its terms, in JSON, or None out of none.

    It is there for SQL.
    """
    bits = bytearray(_EMPTY)
    for term in json.loads(terms):
        _set(bits, _bit(term) % _BITS)
    return bytes(bits) if any(bits) else None


def add(connection: Connection, terms: Iterable[int]) -> None:
    """Set the bits of terms that are behind level 1 from now on."""
    _change(connection, map(_bit, terms), _set)


def remove(connection: Connection, terms: Iterable[int]) -> None:
    """Unset the bits of terms that were deleted, unless another term needs them."""
    asked = {"bits": pack(map(_bit_with_terms, {_bit(term) for term in terms}))}
    unused = json.loads(connection.execute(_Q["unused_bits"], asked).fetchone()[0])
    _change(connection, unused, _unset)


def _change(
    connection: Connection, bits: Iterable[int], change: Callable[[bytearray, int], None]
) -> None:
    for part, group in groupby(sorted(bits), key=lambda bit: bit // _BITS):
        # Not those in memory, which are as they were when the transaction began.
        row = connection.execute(_Q["filter_part"], {"part": part}).fetchone()
        changed = bytearray(row[0] if row else _EMPTY)
        for bit in group:
            change(changed, bit % _BITS)
        connection.execute(_Q["set_filter_part"], {"part": part, "bits": changed})


def _bit(term: int) -> int:
    return (term - _LEAST) // _TERMS_OF_A_BIT


def _bit_with_terms(bit: int) -> tuple[int, int, int]:
    """Return a bit with the first and the last term that it stands for."""
    first = bit * _TERMS_OF_A_BIT + _LEAST
    return bit, first, first + _TERMS_OF_A_BIT - 1


def _set(bits: bytearray, bit: int) -> None:
    bits[bit >> 3] |= 1 << (bit & 7)


def _unset(bits: bytearray, bit: int) -> None:
    bits[bit >> 3] &= ~(1 << (bit & 7))
