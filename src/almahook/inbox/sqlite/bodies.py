"""Bodies that are not with their events yet.

In a burst, events are stored without their bodies, which are most of what there is to write. Each
body is in the spool then, on disk since it was received, and comes into the database later.
"""

import logging
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter
from sqlite3 import Connection
from typing import NamedTuple

from msgspec.structs import replace

from almahook.inbox.contract import Receipt
from almahook.inbox.event import StoredEvent
from almahook.inbox.sqlite.database import Database
from almahook.inbox.sqlite.rows import pack
from almahook.inbox.sqlite.spool import Spool
from almahook.inbox.sqlite.sql import ManyRows, load_queries

_Q = load_queries()
_SPOOLED = ManyRows(_Q["insert_spooled"])
_BODIES = ManyRows(_Q["insert_bodies"])

# Bodies are read before they are written, and may be large.
_MOST_BYTES = 8 * 1024 * 1024

log = logging.getLogger("almahook.inbox")


class Stretch(NamedTuple):
    """Bodies in the spool: of events that follow each other, in a batch and in the inbox.

    Attributes:
        first: The event of the first.
        place: Where the batch begins, in bytes from the start of the segment.
        nth: Which of its events is the first, counted from 0.
    """

    first: int
    number: int
    segment: str
    place: int
    nth: int


def stretches(
    segment: str, places: Sequence[tuple[int, int]], receipts: Sequence[Receipt]
) -> list[Stretch]:
    """Say where the bodies are of events that were stored out of a segment.

    Args:
        segment: Its name.
        places: Where each batch begins, and the number of its events.
        receipts: One for each of these events, in order.
    """
    found: list[Stretch] = []
    begun = 0
    for place, number in places:
        batch = receipts[begun : begun + number]
        begun += number
        found += [
            Stretch(first=first, number=new, segment=segment, place=place, nth=nth)
            for first, nth, new in _together(batch)
        ]
    return found


def leave(connection: Connection, left: Sequence[Stretch]) -> None:
    """Note which bodies are left in the spool."""
    _SPOOLED.insert(connection, left)


def is_needed(connection: Connection, segment: str) -> bool:
    """Say whether bodies are left in a segment."""
    return bool(connection.execute(_Q["is_needed"], {"segment": segment}).fetchone()[0])


class Bodies:
    """Finds bodies wherever they are, and brings them into the database."""

    def __init__(self, database: Database, spool: Spool) -> None:
        self._db = database
        self._spool = spool

    def complete(
        self, connection: Connection, events: Sequence[StoredEvent]
    ) -> Sequence[StoredEvent]:
        """Return events with their bodies.

        Raises:
            InboxUnavailableError: The spool cannot be read.
        """
        lacking = [event.seq for event in events if not event.body]
        if not lacking:
            return events
        found = self._find(connection, lacking)
        return [
            event if event.body else replace(event, body=found.get(event.seq, b""))
            for event in events
        ]

    def bring_in(self, limit: int) -> int:
        """Bring about ``limit`` bodies into the database, oldest first; return how many.

        Raises:
            InboxUnavailableError: The spool cannot be read, or the database not written.
        """
        taken = self._oldest(limit)
        if not taken:
            return 0
        # Not synced: its segment has them until a synced transaction comes before its deletion.
        with self._db.write(durable=False) as connection:
            for stretch, bodies in taken:
                # Somebody else may have done it, and the events may be gone by now.
                if connection.execute(_Q["forget_spooled"], {"first": stretch.first}).rowcount:
                    _BODIES.insert(connection, bodies)
        return sum(stretch.number for stretch, _ in taken)

    def _oldest(self, limit: int) -> list[tuple[Stretch, list[tuple[int, bytes]]]]:
        """Read so many bodies, or fewer that are large, with the numbers of their events."""
        with self._db.read() as connection:
            found = connection.execute(_Q["oldest_spooled"], {"limit": limit}).fetchall()
        taken = []
        number = size = 0
        for stretch in (Stretch(**row) for row in found):
            if number >= limit or size >= _MOST_BYTES:
                break
            bodies = self._read(stretch)
            taken.append((stretch, bodies))
            number += stretch.number
            size += sum(len(body) for _, body in bodies)
        return taken

    def _find(self, connection: Connection, seqs: Sequence[int]) -> dict[int, bytes]:
        found = _stored(connection, seqs)
        if len(found) < len(seqs):
            found |= self._spooled(connection, [seq for seq in seqs if seq not in found])
        if len(found) < len(seqs):
            # They may have been brought in meanwhile.
            found |= _stored(connection, [seq for seq in seqs if seq not in found])
        return found

    def _spooled(self, connection: Connection, seqs: Sequence[int]) -> dict[int, bytes]:
        rows = map(tuple, connection.execute(_Q["spooled"], {"seqs": pack(seqs)}).fetchall())
        found: dict[int, bytes] = {}
        for (segment, place), wanted in groupby(rows, key=itemgetter(2, 3)):
            batch = self._spool.batch(segment, place)
            found |= {seq: batch[nth].body for seq, nth, *_ in wanted if nth < len(batch)}
        return found

    def _read(self, stretch: Stretch) -> list[tuple[int, bytes]]:
        batch = self._spool.batch(stretch.segment, stretch.place)
        part = batch[stretch.nth : stretch.nth + stretch.number]
        if len(part) < stretch.number:
            lost = {"file": stretch.segment, "event": stretch.first, "events": stretch.number}
            log.error("spool.bodies_lost", extra={"fields": lost})
        return [(seq, event.body) for seq, event in enumerate(part, stretch.first)]


def _together(receipts: Sequence[Receipt]) -> list[tuple[int, int, int]]:
    """Return of each stretch of a batch its first event, where that is in the batch, its length."""
    new = [(one.seq, nth) for nth, one in enumerate(receipts) if not one.duplicate]
    found = []
    # Within a stretch both numbers grow alike.
    for _, stretch in groupby(new, key=lambda one: one[0] - one[1]):
        (first, nth), *others = stretch
        found.append((first, nth, 1 + len(others)))
    return found


def _stored(connection: Connection, seqs: Sequence[int]) -> dict[int, bytes]:
    return dict(map(tuple, connection.execute(_Q["bodies"], {"seqs": pack(seqs)})))
