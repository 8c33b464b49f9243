import sqlite3
import time
from contextlib import closing

from bench.engines.almahook import new_event
from bench.fill import HANDLER, fill, finish

from almahook.inbox import (
    Assignment,
    Attempt,
    AttemptOutcome,
    Backlog,
    RunState,
    Settlement,
)
from almahook.inbox.sqlite import SQLiteInbox

COUNT = 20
SIZE = 2048
# When something is done is another matter each time.
TIMES = {"due_at", "until", "created_at", "settled_at", "started_at", "ended_at"}


def fill_by_hand(path):
    """Handle events as a worker does."""
    fill(path, COUNT, SIZE, lambda _: None)
    with closing(sqlite3.connect(path)) as connection, connection:
        for statement in (
            "DELETE FROM runs",
            "DELETE FROM attempts",
            "DELETE FROM sqlite_sequence",
        ):
            connection.execute(statement)
        connection.execute("UPDATE progress SET dispatched = 0")
    with closing(SQLiteInbox(path)) as inbox:
        inbox.dispatch(
            lambda event: [Assignment(handler=HANDLER, due_at=event.received_at)], limit=COUNT
        )
        leases = inbox.lease({HANDLER: COUNT}, now=time.time(), until=time.time())
        attempt = Attempt(number=1, started_at=1, ended_at=1, outcome=AttemptOutcome.SUCCEEDED)
        inbox.settle(
            [
                Settlement(
                    run_id=lease.run_id,
                    token=lease.token,
                    state=RunState.SUCCEEDED,
                    attempt=attempt,
                )
                for lease in leases
            ]
        )


def rows(path, table):
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        found = [dict(row) for row in connection.execute(f"SELECT * FROM {table}")]
    return [
        {name: value is not None if name in TIMES else value for name, value in row.items()}
        for row in found
    ]


def test_a_filled_inbox_holds_what_a_worker_leaves_behind(tmp_path):
    filled, by_hand = tmp_path / "filled.db", tmp_path / "by-hand.db"
    fill(filled, COUNT, SIZE, lambda _: None)
    fill_by_hand(by_hand)
    for table in ("runs", "attempts", "progress"):
        assert rows(filled, table) == rows(by_hand, table)
        assert rows(filled, table)


def test_a_finished_inbox_has_nothing_to_do(tmp_path):
    path = tmp_path / "inbox.db"
    with closing(SQLiteInbox(path)) as inbox:
        inbox.append([new_event("waits", b"{}")])
        inbox.dispatch(lambda _: [Assignment(handler=HANDLER, due_at=0)], limit=1)
        inbox.append([new_event("is pending", b"{}")])
        inbox.spool([inbox.pack([new_event("is spooled", b"{}")])])
        assert inbox.backlog().pending == 2
        finish(path)
        assert inbox.backlog() == Backlog(pending=0, oldest_at=None, waiting=0, running=0, parked=0)
