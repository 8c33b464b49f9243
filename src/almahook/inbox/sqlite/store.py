"""The inbox contract on one SQLite file."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from sqlite3 import Connection
from typing import TYPE_CHECKING, Any

from almahook.errors import NotFoundError, StaleLeaseError
from almahook.inbox.contract import (
    OPEN_STATES,
    Assignment,
    Attempt,
    Backlog,
    Claim,
    Collected,
    EventFilter,
    Lease,
    Match,
    Packed,
    Purged,
    Receipt,
    Rejection,
    Run,
    RunState,
    Settlement,
)
from almahook.inbox.event import NewEvent, StoredEvent
from almahook.inbox.sqlite import rows, terms
from almahook.inbox.sqlite.append import append
from almahook.inbox.sqlite.batches import pack
from almahook.inbox.sqlite.bodies import Bodies
from almahook.inbox.sqlite.coalesce import Planned, coalesce
from almahook.inbox.sqlite.collect import Collector
from almahook.inbox.sqlite.database import BUSY_TIMEOUT_S, Database
from almahook.inbox.sqlite.search import find_events
from almahook.inbox.sqlite.spool import Spool, spool_folder
from almahook.inbox.sqlite.sql import load_queries

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop

_NEWEST = 2**63 - 1
# A worker that looks ten times a second finds fewer in all but a flood.
_BURST = 100
_BROUGHT_IN = 512
_Q = load_queries()


class SQLiteInbox:
    """The embedded inbox.

    Events, results and steps are synced to disk before a method returns. Collecting, dispatch and
    leases are not: what a dying machine takes of them is done again, as if it had not been.

    Args:
        path: The database file; it is made when it is not there, and migrated when it is old.
        rejections_kept: How many refused requests are kept.
        rejection_body_bytes: How much of a refused body is kept.
        busy_timeout_s: How long to wait for another process that holds the file locked.
        burst: Of so many events that are collected at once, or more, the bodies stay in the spool
            until there is time.

    Raises:
        InboxUnavailableError: The file cannot be opened.
        SchemaError: The file was written by a newer release.
    """

    def __init__(
        self,
        path: Path | str,
        *,
        rejections_kept: int = 1000,
        rejection_body_bytes: int = 64 * 1024,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
        burst: int = _BURST,
    ) -> None:
        self._db = Database(Path(path), busy_timeout_s=busy_timeout_s)
        self._spool = Spool(spool_folder(Path(path)))
        self._terms = terms.Terms()
        self._collector = Collector(self._db, self._terms, self._spool, burst=burst)
        self._bodies = Bodies(self._db, self._spool)
        self._rejections_kept = rejections_kept
        self._rejection_body_bytes = rejection_body_bytes

    def pack(self, events: Sequence[NewEvent]) -> Packed:
        """Write events as they are spooled, one at least; it takes neither a lock nor the disk."""
        return pack(events)

    def spool(self, packed: Sequence[Packed]) -> None:
        """Store packed events durably, in a file beside the database."""
        if packed:
            self._spool.put(packed)

    def begin_spool(
        self,
        packed: Sequence[Packed],
        loop: "AbstractEventLoop",
        ended: Callable[[bool], None],
    ) -> bool:
        """Let the kernel store packed events, where it can."""
        return self._spool.begin(packed, loop, ended)

    def finish_spool(self) -> None:
        """Wait until the kernel has stored what was begun."""
        self._spool.finish()

    def collect(self, *, limit: int) -> Collected:
        """Append spooled events, oldest first; a batch is never taken in part."""
        return self._collector.collect(limit)

    def tidy(self, *, limit: int) -> int:
        """Bring in bodies that stayed in the spool, then move what events are found by."""
        brought = self._bodies.bring_in(limit)
        self._collector.retire_kept()
        return brought or self._move_terms(limit)

    def append(self, events: Sequence[NewEvent]) -> list[Receipt]:
        """Store events durably, each once; one receipt per event, in order."""
        if not events:
            return []
        with self._db.write(memory=self._terms) as connection:
            return append(connection, self._terms, events)

    def reject(self, rejections: Sequence[Rejection]) -> None:
        """Record refused requests, oldest forgotten first."""
        with self._db.write(durable=False) as connection:
            connection.executemany(_Q["insert_rejection"], map(self._rejection_row, rejections))
            connection.execute(_Q["trim_rejections"], {"kept": self._rejections_kept})

    def dispatch(self, match: Match, *, limit: int) -> int:
        """Make the runs of the oldest events not dispatched yet; return how many events."""
        while True:
            with self._db.read() as connection:
                before = _dispatched(connection)
                events = self._collector.newest(before, limit) or self._bodies.complete(
                    connection, _after(connection, before, limit)
                )
            # Before the write lock is taken: filters are a user's code, and appends must not wait.
            planned = _plan(events, match)
            if not events or self._dispatched_together(before, events, planned):
                return len(events)

    def claim(
        self, seq: int, match: Match, *, now: float, until: float, due: bool = False
    ) -> Claim:
        """Make an event's runs if it has none, and lease those that have not succeeded."""
        with self._db.write(durable=False) as connection:
            event = self._event(connection, seq)
            _make_runs(connection, _plan([event], match))
            runs = _newest_runs(connection, seq)
            asked = {"now": now, "until": until, "due": due}
            taken = [
                run.id
                for run in runs
                if connection.execute(_Q["lease_run"], {"id": run.id, **asked}).rowcount
            ]
            busy = any(run.state in OPEN_STATES and run.id not in taken for run in runs)
            return Claim(runs=len(runs), leases=self._leased(connection, taken), busy=busy)

    def lease(self, slots: Mapping[str, int], *, now: float, until: float) -> list[Lease]:
        """Lease due runs, at most ``slots[handler]`` of each handler, the longest due first."""
        taken: list[int] = []
        with self._db.write(durable=False) as connection:
            for handler, free in slots.items():
                asked = {"handler": handler, "slots": free, "now": now, "until": until}
                taken += [row[0] for row in connection.execute(_Q["lease"], asked)]
            return self._leased(connection, taken)

    def renew(self, leases: Sequence[Lease], *, until: float) -> None:
        """Hold leases longer; those that are no longer ours are passed over."""
        with self._db.write(durable=False) as connection:
            connection.execute(_Q["renew"], {"rows": rows.pack_leases(leases), "until": until})

    def release(self, leases: Sequence[Lease]) -> None:
        """Give leases back that were not begun, as if they had never been taken."""
        with self._db.write(durable=False) as connection:
            connection.execute(_Q["release"], {"rows": rows.pack_leases(leases)})

    def expired(self, *, now: float, until: float) -> list[Lease]:
        """Take over the runs whose lease ran out, under new tokens, for the caller to settle."""
        with self._db.write(durable=False) as connection:
            taken = connection.execute(_Q["take_expired"], {"now": now, "until": until}).fetchall()
            return self._leased(connection, [row[0] for row in taken])

    def settle(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Record results; False where the lease was no longer the caller's."""
        packed = rows.pack((settled.run_id, settled.token) for settled in settlements)
        with self._db.write() as connection:
            owned = set(_ids(connection, "owned", rows=packed))
            ours = [settled for place, settled in enumerate(settlements) if place in owned]
            if ours:
                connection.execute(_Q["settle"], {"rows": rows.pack_settlements(ours)})
                connection.execute(_Q["insert_attempts"], {"rows": rows.pack_attempts(ours)})
        return [place in owned for place in range(len(settlements))]

    def load_step(self, lease: Lease, name: str) -> bytes | None:
        """Return the kept result of a step of this run, or None."""
        asked = {"run_id": lease.run_id, "name": name}
        with self._db.read() as connection:
            row = connection.execute(_Q["load_step"], asked).fetchone()
        return row[0] if row else None

    def save_step(self, lease: Lease, name: str, result: bytes) -> None:
        """Keep a step's result durably.

        Raises:
            StaleLeaseError: The lease is no longer ours; what was done is kept all the same.
        """
        step = {"run_id": lease.run_id, "token": lease.token, "name": name, "result": result}
        with self._db.write() as connection:
            is_ours = connection.execute(_Q["save_step"], step).rowcount
            if not is_ours:
                connection.execute(_Q["save_stale_step"], step)
        if not is_ours:
            raise StaleLeaseError

    def replay(
        self, seq: int, assignments: Sequence[Assignment], *, fresh: bool | None, now: float
    ) -> list[Run]:
        """Make new runs for an event, numbered one higher; what still waited is cancelled.

        Raises:
            NotFoundError: There is no such event.
        """
        with self._db.write() as connection:
            event = _event(connection, seq)
            newest = {run.handler: run for run in _newest_runs(connection, seq)}
            planned = [
                _replayed(event, assignment, newest.get(assignment.handler), now)
                for assignment in assignments
            ]
            for plan in planned:
                if (previous := newest.get(plan.handler)) is not None:
                    cancel = {"id": previous.id, "now": now, "reason": "replayed by a person"}
                    connection.execute(_Q["cancel"], cancel)
            connection.execute(_Q["insert_runs"], {"rows": rows.pack(p.row() for p in planned)})
            for plan in planned:
                _keep_steps(connection, plan, newest.get(plan.handler), fresh=fresh)
            made = {(plan.handler, plan.number) for plan in planned}
            runs = _newest_runs(connection, seq)
            return [run for run in runs if (run.handler, run.number) in made]

    def event(self, seq: int) -> StoredEvent:
        """Return one event.

        Raises:
            NotFoundError: There is no such event.
        """
        self._collector.catch_up()
        with self._db.read() as connection:
            return self._event(connection, seq)

    def events(
        self, where: EventFilter, *, limit: int, before: int | None = None, after: int | None = None
    ) -> list[StoredEvent]:
        """List events, newest first; with ``after``, oldest first (to follow what arrives)."""
        self._collector.catch_up()
        with self._db.read() as connection:
            found = find_events(connection, where, limit=limit, before=before, after=after)
            return [*self._bodies.complete(connection, found)]

    def runs(self, seqs: Sequence[int]) -> list[Run]:
        """Return all runs of these events, oldest first."""
        with self._db.read() as connection:
            found = connection.execute(_Q["runs_of"], {"seqs": rows.pack(seqs)}).fetchall()
        return [rows.run_of(row) for row in found]

    def attempts(self, run_id: int) -> list[Attempt]:
        """Return the attempts of a run, oldest first."""
        with self._db.read() as connection:
            found = connection.execute(_Q["attempts_of"], {"run_id": run_id}).fetchall()
        return [rows.attempt_of(row) for row in found]

    def rejections(
        self, *, limit: int, before: int | None = None, profile: str = ""
    ) -> list[Rejection]:
        """List refused requests, newest first."""
        newest = _NEWEST if before is None else before
        asked = {"limit": limit, "before": newest, "profile": profile}
        with self._db.read() as connection:
            found = connection.execute(_Q["rejections"], asked).fetchall()
        return [rows.rejection_of(row) for row in found]

    def forget_rejections(self, ids: Sequence[int]) -> None:
        """Delete refused requests, for example once they were taken in after all."""
        with self._db.write() as connection:
            connection.execute(_Q["forget_rejections"], {"ids": rows.pack(ids)})

    def backlog(self) -> Backlog:
        """Count what is not finished; its cost does not grow with what is."""
        with self._db.read() as connection:
            row = connection.execute(_Q["backlog"]).fetchone()
        spooled = self._collector.waiting()
        times = (row["oldest_pending"], row["oldest_open"], spooled.oldest_at)
        return Backlog(
            pending=row["pending"] + spooled.events,
            oldest_at=min((at for at in times if at is not None), default=None),
            waiting=row["waiting"],
            running=row["running"],
            parked=row["parked"],
        )

    def tally(self) -> Mapping[RunState, int]:
        """Count all runs by state; reads every run, so it is for reports and not for polling."""
        with self._db.read() as connection:
            counted = connection.execute(_Q["tally"]).fetchall()
        return {RunState(row["state"]): row["n"] for row in counted}

    def version(self) -> int:
        """A number that changes when anybody else has written; cheap enough to poll."""
        return hash((self._db.version(), *self._collector.segments().items()))

    def purge(self, *, before: float, limit: int) -> Purged:
        """Delete at most ``limit`` finished events received before a time, and old rejections."""
        asked = {"before": before, "limit": limit}
        while self._is_in_spool(asked) and self.tidy(limit=_BROUGHT_IN):
            pass
        with self._db.write(memory=self._terms) as connection:
            # Others would leave their bodies behind.
            first = _first_spooled(connection)
            seqs = [seq for seq in _ids(connection, "purgeable", **asked) if seq < first]
            self._terms.forget(connection, seqs)
            for query in _PURGE:
                connection.execute(_Q[query], {"seqs": rows.pack(seqs)})
            rejections = connection.execute(_Q["purge_rejections"], asked).rowcount
        # What was collected is deleted with the segment that it came in.
        self._spool.end_segment()
        self._collector.retire_kept()
        self._spool.forget_set_aside(before=before)
        return Purged(events=len(seqs), rejections=rejections)

    def close(self) -> None:
        """Close the files."""
        self._spool.close()
        self._db.close()

    def _move_terms(self, limit: int) -> int:
        with self._db.read() as connection:
            if not terms.is_due(connection):
                return 0
        with self._db.write(durable=False, memory=self._terms) as connection:
            return self._terms.tidy(connection, limit=limit)

    def _is_in_spool(self, purged: Mapping[str, Any]) -> bool:
        """Say whether a body of what is to be deleted may be in the spool."""
        with self._db.read() as connection:
            first = _first_spooled(connection)
            # Nearly always none is.
            return (
                first < _NEWEST and max(_ids(connection, "purgeable", **purged), default=0) >= first
            )

    def _event(self, connection: Connection, seq: int) -> StoredEvent:
        (event,) = self._bodies.complete(connection, [_event(connection, seq)])
        return event

    def _leased(self, connection: Connection, ids: Iterable[int]) -> list[Lease]:
        packed = rows.pack(ids)
        if packed == "[]":
            return []
        found = connection.execute(_Q["leased"], {"ids": packed}).fetchall()
        events = self._bodies.complete(connection, [rows.event_of(row) for row in found])
        return [rows.lease_of(row, event) for row, event in zip(found, events, strict=True)]

    def _dispatched_together(
        self, before: int, events: Sequence[StoredEvent], planned: Sequence[Planned]
    ) -> bool:
        """Write the runs, unless somebody else has dispatched in between."""
        with self._db.write(durable=False) as connection:
            if _dispatched(connection) != before:
                return False
            _make_runs(connection, planned)
            connection.execute(_Q["set_dispatched"], {"seq": events[-1].seq})
            return True

    def _rejection_row(self, rejection: Rejection) -> dict[str, Any]:
        kept = rejection.body[: self._rejection_body_bytes]
        return {name: getattr(rejection, name) for name in Rejection.__dataclass_fields__} | {
            "body": kept
        }


_PURGE = ("purge_steps", "purge_attempts", "purge_runs", "purge_bodies", "purge_events")


def _ids(connection: Connection, query: str, **parameters: object) -> list[int]:
    found: list[int] = json.loads(connection.execute(_Q[query], parameters).fetchone()[0])
    return found


def _first_spooled(connection: Connection) -> int:
    """Return the first event whose body is in the spool; what is no event's number if none is."""
    first: int | None = connection.execute(_Q["first_spooled"]).fetchone()[0]
    return _NEWEST if first is None else first


def _dispatched(connection: Connection) -> int:
    seq: int = connection.execute(_Q["dispatched"]).fetchone()[0]
    return seq


def _after(connection: Connection, seq: int, limit: int) -> Sequence[StoredEvent]:
    found = connection.execute(_Q["undispatched"], {"dispatched": seq, "limit": limit})
    return [rows.event_of(row) for row in found]


def _plan(events: Sequence[StoredEvent], match: Match) -> list[Planned]:
    return [Planned.of(event, assignment) for event in events for assignment in match(event)]


def _make_runs(connection: Connection, planned: Sequence[Planned]) -> None:
    remaining = coalesce(connection, planned, _Q)
    connection.execute(_Q["insert_runs"], {"rows": rows.pack(plan.row() for plan in remaining)})


def _event(connection: Connection, seq: int) -> StoredEvent:
    row = connection.execute(_Q["event"], {"seq": seq}).fetchone()
    if row is None:
        raise NotFoundError(f"There is no event {seq} in the inbox.")
    return rows.event_of(row)


def _newest_runs(connection: Connection, seq: int) -> list[Run]:
    return [rows.run_of(row) for row in connection.execute(_Q["newest_runs"], {"seq": seq})]


def _replayed(
    event: StoredEvent, assignment: Assignment, previous: Run | None, now: float
) -> Planned:
    # A person who replays does not want to wait for a burst to end.
    due = replace(assignment, due_at=now, coalesce=False)
    number = previous.number + 1 if previous else 1
    return replace(Planned.of(event, due), number=number, created_at=now)


def _keep_steps(
    connection: Connection, plan: Planned, previous: Run | None, *, fresh: bool | None
) -> None:
    """Carry finished steps over into a replay, so that what was sent is not sent again."""
    if previous is None:
        return
    if fresh is None:
        fresh = previous.state is RunState.SUCCEEDED
    if fresh:
        return
    asked = {"seq": plan.event_seq, "handler": plan.handler, "number": plan.number}
    new = connection.execute(_Q["run_of"], asked).fetchone()[0]
    connection.execute(_Q["copy_steps"], {"new": new, "old": previous.id})
