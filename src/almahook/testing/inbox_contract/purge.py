"""Purging: what is finished and old is deleted, bit by bit; what is not finished is kept."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

import pytest

from almahook.errors import NotFoundError
from almahook.inbox import EventFilter, Inbox, Purged, RunState
from almahook.testing.inbox_contract.given import (
    LATER,
    NOW,
    SOON,
    OpenInbox,
    add,
    ending,
    events_of,
    new_event,
    refused,
    settle,
    take,
    take_one,
    to,
)


def left(inbox: Inbox) -> list[int]:
    """List what is left of the events, oldest first."""
    return [event.seq for event in inbox.events(EventFilter(), limit=100, after=0)]


def test_finished_events_that_are_older_are_deleted_and_younger_ones_kept(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n), received_at=NOW + n) for n in range(3)])
    inbox.settle([ending(lease) for lease in take(inbox, now=LATER)])
    assert inbox.purge(before=NOW + 2, limit=10) == Purged(events=2, rejections=0)
    assert left(inbox) == seqs[2:]


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.SKIPPED, RunState.PARKED])
def test_every_final_state_counts_as_finished(inbox: Inbox, state: RunState) -> None:
    add(inbox, new_event())
    settle(inbox, take_one(inbox), state)
    assert inbox.purge(before=LATER, limit=10).events == 1


def test_unhandled_events_are_deleted_too(inbox: Inbox) -> None:
    add(inbox, new_event(), match=to())
    assert inbox.purge(before=LATER, limit=10).events == 1


def test_what_is_not_finished_is_kept_however_old_it_is(inbox: Inbox) -> None:
    waiting, running = add(inbox, new_event("1", received_at=1.0), new_event("2", received_at=0.0))
    assert events_of(take(inbox, slots=1)) == [running]
    (pending,) = inbox.append([new_event("3", received_at=0.0)])
    assert inbox.purge(before=LATER, limit=10) == Purged(events=0, rejections=0)
    assert left(inbox) == [waiting, running, pending.seq]


def test_an_event_is_kept_while_one_of_its_runs_is_not_finished(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(), match=to("texts", "prints"))
    settle(inbox, take_one(inbox))
    assert inbox.purge(before=LATER, limit=10).events == 0
    assert len(inbox.runs([seq])) == 2


def test_a_purge_deletes_no_more_than_its_limit_the_oldest_first(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n), received_at=NOW - n) for n in range(5)], match=to())
    assert inbox.purge(before=LATER, limit=2).events == 2
    assert left(inbox) == seqs[:3]
    assert [inbox.purge(before=LATER, limit=2).events for _ in range(3)] == [2, 1, 0]


def test_runs_attempts_and_steps_go_with_their_event(inbox: Inbox) -> None:
    gone, kept = add(inbox, new_event("1", received_at=NOW - 9), new_event("2"))
    leases = take(inbox)
    for lease in leases:
        inbox.save_step(lease, "text", b"1")
        settle(inbox, lease)
    inbox.purge(before=NOW, limit=10)
    assert inbox.runs([gone]) == []
    assert inbox.attempts(leases[0].run_id) == []
    assert inbox.load_step(leases[0], "text") is None
    assert len(inbox.runs([kept])) == 1
    assert len(inbox.attempts(leases[1].run_id)) == 1
    assert inbox.load_step(leases[1], "text") == b"1"
    with pytest.raises(NotFoundError):
        inbox.event(gone)


def test_a_lease_of_a_run_that_was_deleted_is_no_lease_of_a_later_run(inbox: Inbox) -> None:
    add(inbox, new_event("1"))
    stale = take_one(inbox)
    settle(inbox, stale)
    inbox.purge(before=LATER, limit=10)
    (seq,) = add(inbox, new_event("2"))
    current = take_one(inbox)
    assert settle(inbox, stale, RunState.PARKED) is False
    assert [run.state for run in inbox.runs([seq])] == [RunState.RUNNING]
    assert settle(inbox, current) is True


def test_a_deleted_event_is_not_found_by_its_subject_and_its_neighbours_are(inbox: Inbox) -> None:
    _, kept = add(inbox, new_event("1", received_at=NOW - 9), new_event("2"), match=to())
    inbox.purge(before=NOW, limit=10)
    found = inbox.events(EventFilter(subject=new_event().subject), limit=10)
    assert [event.seq for event in found] == [kept]


def test_an_event_that_was_deleted_is_new_when_it_arrives_again(inbox: Inbox) -> None:
    add(inbox, new_event(), match=to())
    inbox.purge(before=LATER, limit=10)
    (receipt,) = inbox.append([new_event()])
    assert not receipt.duplicate
    assert inbox.dispatch(to("texts"), limit=10) == 1


def test_old_refused_requests_are_deleted_no_more_than_the_limit(inbox: Inbox) -> None:
    inbox.reject([refused(at=NOW + n, reason=str(n)) for n in range(4)])
    assert inbox.purge(before=NOW + 3, limit=2) == Purged(events=0, rejections=2)
    assert inbox.purge(before=NOW + 3, limit=2) == Purged(events=0, rejections=1)
    assert [one.reason for one in inbox.rejections(limit=9)] == ["3"]


def test_what_was_deleted_stays_deleted(open_inbox: OpenInbox) -> None:
    first = open_inbox()
    add(first, new_event(), match=to())
    first.purge(before=SOON, limit=10)
    first.close()
    assert left(open_inbox()) == []
