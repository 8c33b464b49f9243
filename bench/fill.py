"""An inbox as it is after weeks: events that have been handled, with their runs."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec.structs import replace

from almahook.inbox import Assignment, Attempt, AttemptOutcome, RunState, Settlement, StoredEvent
from almahook.inbox.sqlite import SQLiteInbox
from bench.engines.almahook import new_event
from bench.message import Bodies

HANDLER = "bib"
_BATCH = 5000
# Less than the retention, so that nothing is deleted while it is measured.
_DAYS = 20
_LEASE_S = 600
_DAY_S = 86400


def fill(path: Path, count: int, size: int, say: Callable[[str], None]) -> None:
    """Add events, each handled once."""
    bodies = Bodies(size)
    inbox = SQLiteInbox(path)
    first_at = time.time() - _DAYS * _DAY_S
    try:
        for done in range(0, count, _BATCH):
            batch = min(_BATCH, count - done)
            at = first_at + _DAYS * _DAY_S * done / count
            inbox.append([replace(new_event(*bodies.next()), received_at=at) for _ in range(batch)])
            _handle(inbox, batch, at)
            if done % 100_000 == 0 and done:
                say(f"    {done:,} of {count:,} events\n")
    finally:
        inbox.close()


def _handle(inbox: SQLiteInbox, batch: int, at: float) -> None:
    def match(event: StoredEvent) -> Sequence[Assignment]:
        return [Assignment(handler=HANDLER, due_at=event.received_at)]

    inbox.dispatch(match, limit=batch)
    attempt = Attempt(number=1, started_at=at, ended_at=at, outcome=AttemptOutcome.SUCCEEDED)
    leases = inbox.lease({HANDLER: batch}, now=time.time(), until=time.time() + _LEASE_S)
    inbox.settle(
        [
            Settlement(
                run_id=lease.run_id, token=lease.token, state=RunState.SUCCEEDED, attempt=attempt
            )
            for lease in leases
        ]
    )
