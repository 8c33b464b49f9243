"""What the tests of the contract start from: events, assignments, leases and settlements."""

from collections.abc import Sequence
from typing import Any, Protocol

import pytest

from almahook.inbox import (
    Assignment,
    Attempt,
    AttemptOutcome,
    Inbox,
    Lease,
    Match,
    NewEvent,
    Rejection,
    Run,
    RunState,
    Settlement,
    StoredEvent,
)

NOW = 1_700_000_000.0
SOON = NOW + 60
LATER = NOW + 3600

_OUTCOMES = {
    RunState.SUCCEEDED: AttemptOutcome.SUCCEEDED,
    RunState.SKIPPED: AttemptOutcome.SKIPPED,
    RunState.PARKED: AttemptOutcome.GAVE_UP,
    RunState.WAITING: AttemptOutcome.FAILED,
}


class OpenInbox(Protocol):
    """Opens the store of this test, as one more process would."""

    def __call__(self, **bounds: int) -> Inbox:
        """Open it; ``rejections_kept`` and ``rejection_body_bytes`` may be given."""


@pytest.fixture
def inbox(open_inbox: OpenInbox) -> Inbox:
    """Return an empty inbox."""
    return open_inbox()


@pytest.fixture
def life_cycle_examples() -> int:
    """Say how many lives are tried; a store that is asked over a network gives fewer."""
    return 150


def new_event(event_id: str = "1", /, **changes: Any) -> NewEvent:
    """Make an event that is ready to be stored."""
    given = {
        "profile": "main",
        "action": "LOAN",
        "event": "LOAN_RETURNED",
        "event_id": event_id,
        "institution": "01EXAMPLE_INST",
        "time": "2024-11-05T16:20:36.005Z",
        "subject": "6910685616953322",
        "content_type": "application/json",
        "body": b'{"action":"LOAN"}',
        "received_at": NOW,
        "secret_index": 0,
    }
    return NewEvent(**{**given, **changes})


def hour(number: int) -> str:
    """Return a time of Alma's, by its hour."""
    return f"2024-11-05T{number:02}:00:00.000Z"


def to(*handlers: str, wait_s: float = 0.0, in_lane: bool = False, coalesce: bool = False) -> Match:
    """Make a match that gives every event to these handlers."""

    def match(event: StoredEvent) -> list[Assignment]:
        lane = event.subject if in_lane or coalesce else ""
        due_at = event.received_at + wait_s
        return [
            Assignment(handler=handler, due_at=due_at, lane=lane, coalesce=coalesce)
            for handler in handlers
        ]

    return match


ORDERED = to("texts", in_lane=True)
COALESCED = to("texts", coalesce=True, wait_s=10)


def add(inbox: Inbox, *events: NewEvent, match: Match | None = None) -> list[int]:
    """Store and dispatch events; return their numbers."""
    receipts = inbox.append(events)
    inbox.dispatch(match or to("texts"), limit=1000)
    return [receipt.seq for receipt in receipts]


def tidy_all(inbox: Inbox, limit: int = 100) -> int:
    """Do all that could wait; return of how many events."""
    tidied = 0
    while more := inbox.tidy(limit=limit):
        tidied += more
    return tidied


def spool(inbox: Inbox, events: Sequence[NewEvent]) -> None:
    """Spool events together."""
    inbox.spool([inbox.pack(events)])


def take(inbox: Inbox, *, slots: int = 100, now: float = NOW, until: float = SOON) -> list[Lease]:
    """Lease what is due of the handler ``texts``."""
    return inbox.lease({"texts": slots}, now=now, until=until)


def take_one(inbox: Inbox, *, now: float = NOW, until: float = SOON) -> Lease:
    """Lease the only run of ``texts`` that is due."""
    (lease,) = take(inbox, now=now, until=until)
    return lease


def ending(
    lease: Lease, state: RunState = RunState.SUCCEEDED, *, due_at: float = 0.0, **attempt: Any
) -> Settlement:
    """Make the settlement of a lease."""
    given = {
        "number": lease.attempt,
        "started_at": NOW,
        "ended_at": NOW + 1,
        "outcome": _OUTCOMES[state],
    }
    return Settlement(
        run_id=lease.run_id,
        token=lease.token,
        state=state,
        due_at=due_at,
        attempt=Attempt(**{**given, **attempt}),
    )


def settle(
    inbox: Inbox, lease: Lease, state: RunState = RunState.SUCCEEDED, *, due_at: float = 0.0
) -> bool:
    """Settle one lease; say whether it was taken."""
    (taken,) = inbox.settle([ending(lease, state, due_at=due_at)])
    return taken


def run_of(inbox: Inbox, seq: int, handler: str = "texts") -> Run:
    """Return the newest run of an event's handler."""
    runs = [run for run in inbox.runs([seq]) if run.handler == handler]
    return max(runs, key=lambda run: run.number)


def states(inbox: Inbox, seqs: Sequence[int]) -> list[RunState]:
    """Return the state of each event's newest run of ``texts``."""
    return [run_of(inbox, seq).state for seq in seqs]


def events_of(leases: Sequence[Lease]) -> list[int]:
    """Return the events' numbers of leases."""
    return [lease.event.seq for lease in leases]


def assigned(handler: str = "texts", **changes: Any) -> Assignment:
    """Make an assignment that is due."""
    return Assignment(**{"handler": handler, "due_at": NOW, **changes})


def refused(**changes: Any) -> Rejection:
    """Make the record of a refused request."""
    given = {
        "at": NOW,
        "profile": "main",
        "method": "POST",
        "code": "signature.missing",
        "reason": "No X-Exl-Signature header.",
        "status": 401,
    }
    return Rejection(**{**given, **changes})
