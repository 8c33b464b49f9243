"""Counting: what is not finished, and all runs by state."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

from almahook.inbox import Backlog, Inbox, RunState
from almahook.testing.inbox_contract.given import (
    LATER,
    NOW,
    SOON,
    add,
    assigned,
    hour,
    new_event,
    settle,
    take,
    take_one,
    to,
)

NOTHING = Backlog(pending=0, oldest_at=None, waiting=0, running=0, parked=0)


def test_an_empty_inbox_has_no_backlog(inbox: Inbox) -> None:
    assert inbox.backlog() == NOTHING
    assert dict(inbox.tally()) == {}


def test_events_that_are_not_dispatched_are_pending(inbox: Inbox) -> None:
    inbox.append([new_event(str(n), received_at=NOW + n) for n in range(3)])
    backlog = inbox.backlog()
    assert (backlog.pending, backlog.oldest_at) == (3, NOW)
    inbox.dispatch(to(), limit=1)
    backlog = inbox.backlog()
    assert (backlog.pending, backlog.oldest_at) == (2, NOW + 1)


def test_duplicates_are_not_pending(inbox: Inbox) -> None:
    inbox.append([new_event("1")])
    inbox.append([new_event(n) for n in ("2", "1", "3", "3", "4")])
    assert inbox.backlog().pending == 4


def test_runs_are_counted_by_what_they_wait_for(inbox: Inbox) -> None:
    add(inbox, *[new_event(str(n), received_at=NOW + n) for n in range(6)])
    done, parked, retried, running = take(inbox, slots=4, now=SOON)
    settle(inbox, done)
    settle(inbox, parked, RunState.PARKED)
    settle(inbox, retried, RunState.WAITING, due_at=LATER)
    assert running.event.received_at == NOW + 3
    assert inbox.backlog() == Backlog(pending=0, oldest_at=NOW + 2, waiting=3, running=1, parked=1)
    assert dict(inbox.tally()) == {
        RunState.SUCCEEDED: 1,
        RunState.PARKED: 1,
        RunState.WAITING: 3,
        RunState.RUNNING: 1,
    }


def test_the_oldest_unfinished_event_may_be_an_old_one_whose_run_still_waits(inbox: Inbox) -> None:
    add(inbox, new_event("1", received_at=NOW))
    inbox.append([new_event("2", received_at=SOON)])
    assert inbox.backlog().oldest_at == NOW


def test_what_is_finished_or_parked_is_not_the_oldest_unfinished(inbox: Inbox) -> None:
    add(inbox, new_event("1"), new_event("2"))
    one, other = take(inbox)
    settle(inbox, one)
    settle(inbox, other, RunState.PARKED)
    assert inbox.backlog().oldest_at is None


def test_nothing_is_pending_after_everything_was_purged(inbox: Inbox) -> None:
    add(inbox, new_event(), match=to())
    inbox.purge(before=LATER, limit=10)
    assert inbox.backlog() == NOTHING
    inbox.append([new_event()])
    assert inbox.backlog().pending == 1


def test_the_tally_counts_replaced_runs_too(inbox: Inbox) -> None:
    burst = [new_event(str(n), time=hour(n)) for n in (1, 2)]
    _, seq = add(inbox, *burst, match=to("texts", coalesce=True))
    inbox.replay(seq, [assigned()], fresh=None, now=NOW)
    settle(inbox, take_one(inbox))
    assert dict(inbox.tally()) == {
        RunState.SUPERSEDED: 1,
        RunState.CANCELLED: 1,
        RunState.SUCCEEDED: 1,
    }
