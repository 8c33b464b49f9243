"""An inbox as it is after weeks: events that have been handled, with their runs."""

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from msgspec.structs import replace

from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from bench.engines.almahook import new_event
from bench.message import Bodies

HANDLER = "bib"
_BATCH = 5000
_SAID_EVERY = 500_000
# Less than the retention, so that nothing is deleted while it is measured.
_DAYS = 20
_DAY_S = 86400
_LEASE_S = 600

# What dispatching, leasing and settling leave behind, which took half of the time: each of them
# reads the events anew. tests/bench compares it with what they do.
_HANDLED = (
    """INSERT INTO runs (event_seq, handler, number, state, attempts, due_at, lane, happened,
                         token, until, created_at, settled_at)
       SELECT seq, :handler, 1, 'succeeded', 1, received_at, '', time,
              1, :until, received_at, received_at
       FROM events WHERE seq BETWEEN :first AND :last ORDER BY seq""",
    """INSERT INTO attempts (run_id, number, started_at, ended_at, outcome, error, traceback, log)
       SELECT id, 1, settled_at, settled_at, 'succeeded', '', '', '[]'
       FROM runs WHERE event_seq BETWEEN :first AND :last AND handler = :handler ORDER BY id""",
    "UPDATE progress SET dispatched = :last",
)

_FINISHED = (
    "UPDATE progress SET dispatched = (SELECT max(seq) FROM events)",
    """UPDATE runs SET state = 'cancelled', settled_at = due_at
       WHERE state IN ('waiting', 'running')""",
)


def fill(path: Path, count: int, size: int, say: Callable[[str], None]) -> None:
    """Add events, each handled once."""
    bodies = Bodies(size)
    first_at = time.time() - _DAYS * _DAY_S
    with closing(SQLiteInbox(path)) as inbox, closing(sqlite3.connect(path)) as connection:
        for done in range(0, count, _BATCH):
            batch = min(_BATCH, count - done)
            at = first_at + _DAYS * _DAY_S * done / count
            new = (new_event(*bodies.next()) for _ in range(batch))
            receipts = inbox.append([replace(event, received_at=at) for event in new])
            _handle(connection, receipts[0].seq, receipts[-1].seq, at)
            if done % _SAID_EVERY == 0 and done:
                say(f"    {done:,} of {count:,} events\n")
        # The worker does this whenever it has nothing else to do.
        while inbox.tidy(limit=_BATCH):
            pass


def finish(path: Path) -> None:
    """Leave nothing to be done of what was received."""
    with closing(SQLiteInbox(path)) as inbox:
        # Who lists collects what is spooled.
        inbox.events(EventFilter(), limit=1)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in _FINISHED:
            connection.execute(statement)


def _handle(connection: sqlite3.Connection, first: int, last: int, at: float) -> None:
    given = {"handler": HANDLER, "first": first, "last": last, "until": at + _LEASE_S}
    with connection:
        for statement in _HANDLED:
            connection.execute(statement, given)
