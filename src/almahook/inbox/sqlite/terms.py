"""What events are found by: their ids and subjects, in an index that costs the same however large.

In a sorted index each random key changes a page of its own, which is written to the log and then,
at a checkpoint, at random into the file. So the terms of new events go to a small level first: its
pages are few, and many terms share them. A level that is full is moved into the next one, which is
larger, in the order of its terms and a slice at a time. It is a log-structured merge tree (O'Neil
and others, 1996).

A term is a number of 31 bits for a text, and a sign that tells ids from subjects. Another text may
have it too, so whoever finds an event by a term compares the text.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from sqlite3 import Connection
from zlib import crc32

from almahook.inbox.event import NewEvent
from almahook.inbox.sqlite.rows import pack
from almahook.inbox.sqlite.sql import load_queries

_Q = load_queries()

# How many events the first level takes. Their terms are on some 40 pages, and the worker collects
# hundreds of events in one transaction.
_FIRST = 8192
# How many times larger the next level is. So often, at most, is a page written for each time that
# the terms on it move down. The first two levels fit into SQLite's cache, and up to 8 million
# events there is one more: one page to be read for each event that comes.
_TIMES = 32
# Each time so many events have come, a full level moves on by so many terms. That is twice what
# they brought, so that it is empty before it is full again.
_EVERY = 256
_SLICE = 1024

_LEAST = -(2**31) - 1
_MOST = 2**31


@dataclass(frozen=True, kw_only=True, slots=True)
class _Level:
    """A row of the table of levels."""

    level: int
    gone: int
    going: int
    term: int
    event_seq: int

    def begun(self, arrived: int) -> "_Level":
        """Begin to move on if it is full: ``arrived`` is the newest event that it has whole."""
        is_full = arrived - self.gone >= _FIRST * _TIMES**self.level
        return replace(self, going=arrived) if is_full and not self.is_moving else self

    @property
    def is_moving(self) -> bool:
        """Whether a part of its terms has left it."""
        return self.going > self.gone

    def after(self, end: tuple[int, int] | None) -> "_Level":
        """Say how far it is once the terms up to an end have moved, or all."""
        if end is None:
            return replace(self, gone=self.going, term=_LEAST, event_seq=0)
        return replace(self, term=end[0], event_seq=end[1])


def id_term(event_id: str) -> int:
    """Return the term of an id.

    It is negative, so that ids lie together: only they are looked up for each event that comes.
    """
    return _term(event_id) - 2**31


def subject_term(subject: str) -> int:
    """Return the term of a subject; it is not negative."""
    return _term(subject)


def _term(text: str) -> int:
    # With its sign it is what SQLite stores in four bytes.
    return crc32(text.encode("utf-8")) >> 1


def candidates(connection: Connection, event_ids: Sequence[str]) -> list[tuple[int, int]]:
    """Return places in ``event_ids``, each with the number of an event that may have that id."""
    packed = pack(map(id_term, event_ids))
    found = connection.execute(_Q["candidates"], {"terms": packed}).fetchone()[0]
    return [(place, seq) for place, seq in json.loads(found)]


def add(connection: Connection, events: Sequence[NewEvent], *, first: int) -> None:
    """Index events that have just been stored, numbered from ``first`` on, and move levels on."""
    found: list[int | None] = [id_term(event.event_id) for event in events]
    found += [subject_term(event.subject) if event.subject else None for event in events]
    given = {"terms": pack(found), "first": first, "events": len(events)}
    connection.execute(_Q["insert_terms"], given)
    newest = first + len(events) - 1
    if slices := newest // _EVERY - (first - 1) // _EVERY:
        _move_on(connection, newest, slices * _SLICE)


def forget(connection: Connection, seqs: Sequence[int]) -> None:
    """Remove the terms of events that are still stored."""
    asked = {"seqs": pack(seqs)}
    texts = json.loads(connection.execute(_Q["texts_of"], asked).fetchone()[0])
    found = [(id_term(event_id), seq) for seq, event_id, _ in texts]
    found += [(subject_term(subject), seq) for seq, _, subject in texts]
    connection.execute(_Q["purge_terms"], {"rows": pack(found)})


def _move_on(connection: Connection, newest: int, size: int) -> None:
    """Move ``size`` terms of each level that is full into the next.

    Whoever appends does it, in the transaction that he has. Nobody else needs to be there for the
    index to stay quick, and of what a crash takes neither the events nor the move remain.
    """
    arrived = newest
    for row in connection.execute(_Q["levels"]).fetchall():
        level = _Level(**row).begun(arrived)
        if level.is_moving:
            level = _move_slice(connection, level, size)
            connection.execute(_Q["set_level"], asdict(level))
        arrived = level.gone


def _move_slice(connection: Connection, level: _Level, size: int) -> _Level:
    row = connection.execute(_Q["slice_end"], {**asdict(level), "size": size}).fetchone()
    end = (row[0], row[1]) if row else None
    until_term, until_seq = end or (_MOST, 0)
    bounds = {**asdict(level), "until_term": until_term, "until_seq": until_seq}
    connection.execute(_Q["copy_slice"], bounds)
    connection.execute(_Q["delete_slice"], bounds)
    return level.after(end)
