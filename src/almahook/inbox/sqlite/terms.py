"""What events are found by: their ids and subjects, in an index that costs the same however large.

In a sorted index each random key changes a page of its own, which is written to the log and then,
at a checkpoint, at random into the file. So the terms of new events stay in memory first, where
whoever appends reads them out of the events themselves. When they are many they are moved into a
level of the table, in the order of their terms, so that many share a page, and a slice at a time. A
level that is full is moved into the next one, which is larger, in the same way. It is a
log-structured merge tree (O'Neil and others, 1996).

A term is a number of 31 bits for a text, and a sign that tells ids from subjects. Another text may
have it too, so whoever finds an event by a term compares the text.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from math import ceil
from sqlite3 import Connection

from almahook.inbox.sqlite import id_filter
from almahook.inbox.sqlite.id_filter import IdFilter
from almahook.inbox.sqlite.recent import Key, Recent, Term, Texts, id_term, terms_of
from almahook.inbox.sqlite.rows import pack
from almahook.inbox.sqlite.sql import ManyRows, load_queries

_Q = load_queries()
_TERMS = ManyRows(_Q["insert_terms"])

# How many events are in memory before their terms are moved; they take some 10 MB. Whoever searches
# looks through them, which takes milliseconds.
_FIRST = 16_384
# How many times larger the next level is. So often, at most, is a page written for each time that
# the terms on it move down. The first two levels fit into SQLite's cache; of those behind them a
# page is only read for an id that the filter does not know to be new.
_TIMES = 16
# Each time so many events have come, a full level moves on by so many terms. That is twice what
# they brought, so that it is empty before it is full again.
_EVERY = 256
_SLICE = 1024
# When there is time, a level moves on that is filled to this part.
_WHEN_QUIET = 4

# An id, and mostly a subject.
_OF_AN_EVENT = 2

_ALL = 2**62

_LEAST = -(2**31) - 1
_MOST = 2**31


@dataclass(frozen=True, kw_only=True, slots=True)
class _Level:
    """A row of the table of levels; the first level is the memory of whoever appends."""

    level: int
    gone: int
    going: int
    term: int
    event_seq: int

    def is_due(self, arrived: int, *, is_quiet: bool) -> bool:
        """Say whether it is to move on: ``arrived`` is the newest event that it has whole."""
        size: int = _FIRST * _TIMES**self.level
        if is_quiet:
            return self.is_moving or arrived - self.gone >= size // _WHEN_QUIET
        return arrived - self.gone >= size

    @property
    def is_moving(self) -> bool:
        """Whether it has begun to move on."""
        return self.going > self.gone

    def begun(self, arrived: int) -> "_Level":
        """Begin to move on, if it has not."""
        return self if self.is_moving else replace(self, going=arrived)

    def after(self, end: Term | None) -> "_Level":
        """Say how far it is once the terms up to an end have moved, or all."""
        if end is None:
            return replace(self, gone=self.going, term=_LEAST, event_seq=0)
        return replace(self, term=end[0], event_seq=end[1])


@dataclass(kw_only=True, slots=True)
class _Change:
    """What a transaction changes in memory once it is committed.

    Attributes:
        seqs: The numbers of events that were inserted, by key.
        texts: What they are found by.
        gone: Up to this event all terms are in the table.
    """

    seqs: Mapping[Key, int] = field(default_factory=dict)
    texts: Sequence[Texts] = ()
    gone: int = 0


class Terms:
    """The terms of all events, for whoever appends; each transaction that uses it is told to it."""

    def __init__(self) -> None:
        self._recent = Recent()
        self._filter = IdFilter()
        self._change = _Change()

    def candidates(self, connection: Connection, keys: Sequence[Key]) -> list[tuple[int, int]]:
        """Return places in ``keys``, each with the number of an event that may have that key.

        Nothing may have been changed in the transaction.
        """
        self._recent.read_on(connection)
        self._filter.read_on(connection)
        terms = [id_term(event_id) for *_, event_id in keys]
        older = [(place, term) for place, term in enumerate(terms) if self._filter.may_have(term)]
        asked = {"terms": pack(terms), "older": pack(older)}
        found = connection.execute(_Q["candidates"], asked).fetchone()[0]
        in_levels = [(place, seq) for place, seq in json.loads(found)]
        return [*self._recent.having(keys), *in_levels]

    def add(self, connection: Connection, seqs: Mapping[Key, int], texts: Sequence[Texts]) -> None:
        """Index events just inserted, given by their keys and, oldest first, by their texts."""
        self._change = _Change(seqs=seqs, texts=texts)
        first, last = texts[0][0], texts[-1][0]
        if slices := last // _EVERY - (first - 1) // _EVERY:
            self._move_on(connection, slices * _SLICE, is_quiet=False)

    def begin(self) -> None:
        """Forget a transaction that failed."""
        self._change = _Change()

    def committed(self) -> None:
        """Keep what was added, and let go of what was moved: no other transaction has begun."""
        change, self._change = self._change, _Change()
        self._recent.note(change.seqs, change.texts)
        self._recent.let_go(change.gone)

    def tidy(self, connection: Connection, *, limit: int) -> int:
        """Move the terms of about so many events on, now that there is time; return of how many."""
        self._recent.read_on(connection)
        moved = self._move_on(connection, _OF_AN_EVENT * limit, is_quiet=True)
        return ceil(moved / _OF_AN_EVENT)

    def forget(self, connection: Connection, seqs: Sequence[int]) -> None:
        """Remove the terms of events that are still stored."""
        if not seqs:
            return
        self._move_up_to(connection, max(seqs))
        asked = {"seqs": pack(seqs)}
        texts = json.loads(connection.execute(_Q["texts_of"], asked).fetchone()[0])
        connection.execute(_Q["purge_terms"], {"rows": pack(terms_of(texts))})
        id_filter.remove(connection, [id_term(event_id) for _, event_id, _ in texts])

    def _move_up_to(self, connection: Connection, seq: int) -> None:
        """Have the terms of an event in the table: others too may have them in memory."""
        level = _levels(connection)[0]
        if level.gone < seq:
            self._recent.read_on(connection)
        while level.gone < seq:
            _, level = self._move_slice(connection, level.begun(self._recent.newest), _ALL)

    def _move_on(self, connection: Connection, size: int, *, is_quiet: bool) -> int:
        """Move ``size`` terms of each level that is due into the next.

        Whoever appends does it too, in the transaction that he has. Nobody else needs to be there
        for the index to stay quick, and of what a crash takes neither the events nor the move
        remain.
        """
        moved = 0
        arrived = self._recent.newest
        for level in _levels(connection):
            after = level
            if level.is_due(arrived, is_quiet=is_quiet):
                number, after = self._move_slice(connection, level.begun(arrived), size)
                # All of a slice may be of newer events, which stay where they are.
                moved += max(number, 1)
            arrived = after.gone
        return moved

    def _move_slice(self, connection: Connection, level: _Level, size: int) -> tuple[int, _Level]:
        move = self._move_recent if level.level == 0 else _move_stored
        number, after = move(connection, level, size)
        connection.execute(_Q["set_level"], asdict(after))
        return number, after

    def _move_recent(self, connection: Connection, level: _Level, size: int) -> tuple[int, _Level]:
        after = level.term, level.event_seq
        moved = self._recent.terms(level.gone, level.going, after=after, size=size)
        _TERMS.insert(connection, moved)
        level = level.after(moved[-1] if len(moved) == size else None)
        self._change.gone = level.gone
        return len(moved), level


def is_due(connection: Connection) -> bool:
    """Say whether terms could be moved on, now that there is time."""
    arrived = connection.execute(_Q["newest"]).fetchone()[0] or 0
    for level in _levels(connection):
        if level.is_due(arrived, is_quiet=True):
            return True
        arrived = level.gone
    return False


def _levels(connection: Connection) -> list[_Level]:
    return [_Level(**row) for row in connection.execute(_Q["levels"])]


def _move_stored(connection: Connection, level: _Level, size: int) -> tuple[int, _Level]:
    row = connection.execute(_Q["slice_end"], {**asdict(level), "size": size}).fetchone()
    end = (row[0], row[1]) if row else None
    until_term, until_seq = end or (_MOST, 0)
    bounds = {**asdict(level), "until_term": until_term, "until_seq": until_seq}
    if level.level == 1:
        ids = connection.execute(_Q["slice_ids"], bounds).fetchone()[0]
        id_filter.add(connection, json.loads(ids))
    connection.execute(_Q["copy_slice"], bounds)
    return connection.execute(_Q["delete_slice"], bounds).rowcount, level.after(end)
