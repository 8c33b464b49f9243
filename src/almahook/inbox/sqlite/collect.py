"""From the spool into the database."""

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress

from almahook.errors import InboxUnavailableError
from almahook.inbox.contract import Collected, Receipt
from almahook.inbox.event import NewEvent, StoredEvent
from almahook.inbox.sqlite import rows
from almahook.inbox.sqlite.append import append
from almahook.inbox.sqlite.batches import Chunk
from almahook.inbox.sqlite.bodies import is_needed, leave, stretches
from almahook.inbox.sqlite.database import Database
from almahook.inbox.sqlite.spool import Spool, Waiting
from almahook.inbox.sqlite.sql import load_queries
from almahook.inbox.sqlite.terms import Terms

_Q = load_queries()
_TRANSACTION = 256


class Collector:
    """Stores spooled events in the database, each once whoever else collects at the same time.

    Args:
        burst: So many events at once, or more, are stored without their bodies.
    """

    def __init__(self, database: Database, terms: Terms, spool: Spool, *, burst: int) -> None:
        self._db = database
        self._terms = terms
        self._spool = spool
        self._burst = burst
        # Segments that are collected to their end, how far that is, whose bodies are needed still.
        self._kept: dict[str, int] = {}
        self._newest: Sequence[StoredEvent] = ()

    def collect(self, limit: int) -> Collected:
        """Collect ``limit`` events, oldest first, and the rest of the batch that the last is in.

        Raises:
            InboxUnavailableError: The spool cannot be read, or the database not written.
        """
        self._newest = ()
        events = duplicates = 0
        sizes, done = self._look()
        for name, size in sizes.items():
            start = done.get(name, 0)
            if size > start and events + duplicates < limit:
                taken = self._take(name, limit - events - duplicates)
                events, duplicates = events + taken.events, duplicates + taken.duplicates
            elif size <= start:
                self._retire(name, start)
        return Collected(events=events, duplicates=duplicates)

    def retire_kept(self) -> None:
        """Delete the segments of which all bodies have been brought into the database."""
        for name, collected in sorted(self._kept.items()):
            if self._is_needed(name):
                # So are those that come after it.
                return
            self._delete(name, collected)
            self._kept.pop(name, None)

    def newest(self, after: int, limit: int) -> Sequence[StoredEvent]:
        """Return the events that were collected last, if they are what follows an event.

        They need not be read again then.
        """
        newest, self._newest = self._newest, ()
        is_next = 0 < len(newest) <= limit and newest[0].seq == after + 1
        # Another process may have stored events in between.
        return newest if is_next and newest[-1].seq == after + len(newest) else ()

    def catch_up(self) -> None:
        """Collect what is spooled by now; when that cannot be, what was collected can be read."""
        with suppress(InboxUnavailableError):
            left = self.waiting().events
            while left > 0:
                taken = self.collect(min(left, _TRANSACTION))
                if not (taken.events or taken.duplicates):
                    break
                left -= taken.events + taken.duplicates
        # Who lists does not dispatch.
        self._newest = ()

    def waiting(self) -> Waiting:
        """Count what is not collected."""
        sizes, done = self._look()
        counts = [
            self._spool.waiting(name, done.get(name, 0))
            for name, size in sizes.items()
            if size > done.get(name, 0)
        ]
        return Waiting(
            events=sum(count.events for count in counts),
            oldest_at=min((at for count in counts if (at := count.oldest_at)), default=None),
        )

    def segments(self) -> Mapping[str, int]:
        """Return the segments that may have more to collect, with how many bytes hold batches."""
        sizes, _ = self._look()
        return sizes

    def _look(self) -> tuple[Mapping[str, int], Mapping[str, int]]:
        """Return the segments, as above, and how far each was collected."""
        with self._db.read() as connection:
            done = json.loads(connection.execute(_Q["segments"]).fetchone()[0])
        return self._spool.segments(done, passing_over=self._kept), done

    def _take(self, name: str, limit: int) -> Collected:
        # Not synced: the segment has it until a synced transaction comes before its deletion.
        with self._db.write(durable=False, memory=self._terms) as connection:
            # Read anew within the transaction: who else collects cannot do so now.
            row = connection.execute(_Q["collected"], {"name": name}).fetchone()
            chunk = self._next(name, row[0] if row else 0, limit)
            with_bodies = len(chunk.events) < self._burst
            receipts = append(connection, self._terms, chunk.events, with_bodies=with_bodies)
            if not with_bodies:
                leave(connection, stretches(name, chunk.places, receipts))
            if receipts:
                progress = {"name": name, "collected": chunk.end}
                connection.execute(_Q["set_collected"], progress)
        if not receipts:
            self._retire(name, chunk.end)
        self._newest = [*self._newest, *_new(chunk.events, receipts)]
        duplicates = sum(receipt.duplicate for receipt in receipts)
        return Collected(events=len(receipts) - duplicates, duplicates=duplicates)

    def _next(self, name: str, start: int, limit: int) -> Chunk:
        """Read what is next; of a burst what is on disk, so that no event outlives its body."""
        chunk = self._spool.read(name, start, limit=limit)
        if len(chunk.events) < self._burst:
            return chunk
        if chunk.on_disk:
            return chunk.known_on_disk()
        self._spool.sync(name)
        return chunk

    def _retire(self, name: str, collected: int) -> None:
        if not self._is_kept(name, collected):
            self._delete(name, collected)

    def _delete(self, name: str, collected: int) -> None:
        progress = {"name": name, "collected": collected}
        if self._spool.retire(name, collected=collected, first=lambda: self._sync(progress)):
            with self._db.write(durable=False) as connection:
                connection.execute(_Q["forget_segment"], {"name": name})

    def _is_kept(self, name: str, collected: int) -> bool:
        """Say whether a segment is needed; if nothing more will come, remember that."""
        if not self._is_needed(name):
            return False
        if self._spool.is_over(name, collected=collected):
            self._kept[name] = collected
        return True

    def _is_needed(self, name: str) -> bool:
        with self._db.read() as connection:
            return is_needed(connection, name)

    def _sync(self, progress: Mapping[str, object]) -> None:
        """Have on disk what was collected: only a transaction with a change in it is synced."""
        with self._db.write() as connection:
            connection.execute(_Q["set_collected"], progress)


def _new(events: Sequence[NewEvent], receipts: Sequence[Receipt]) -> list[StoredEvent]:
    return [
        rows.stored(event, receipt.seq)
        for event, receipt in zip(events, receipts, strict=False)
        if not receipt.duplicate
    ]
