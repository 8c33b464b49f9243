"""Coalescing: of a burst about one thing, one run remains, that of the newest event."""
# ruff: noqa: D103 - a test is named as its sentence

import pytest

from almahook.inbox import Assignment, Inbox, RunState, StoredEvent
from almahook.testing.inbox_contract.given import (
    COALESCED,
    NOW,
    SOON,
    add,
    events_of,
    hour,
    new_event,
    run_of,
    settle,
    states,
    take,
    take_one,
    to,
)

WAITING, SUPERSEDED = RunState.WAITING, RunState.SUPERSEDED


def test_of_a_burst_in_one_batch_only_the_newest_event_waits(inbox: Inbox) -> None:
    burst = [new_event(str(n), time=hour(n)) for n in (1, 3, 2)]
    seqs = add(inbox, *burst, match=COALESCED)
    assert states(inbox, seqs) == [SUPERSEDED, WAITING, SUPERSEDED]
    assert events_of(take(inbox, now=SOON)) == [seqs[1]]


def test_of_a_burst_over_several_batches_only_the_newest_event_waits(inbox: Inbox) -> None:
    seqs = [
        seq
        for n in range(3)
        for seq in add(inbox, new_event(str(n), time=hour(n)), match=COALESCED)
    ]
    assert states(inbox, seqs) == [SUPERSEDED, SUPERSEDED, WAITING]


def test_a_superseded_run_says_why_and_when(inbox: Inbox) -> None:
    first, _ = [
        seq
        for n in (1, 2)
        for seq in add(inbox, new_event(str(n), time=hour(n), received_at=NOW + n), match=COALESCED)
    ]
    run = run_of(inbox, first)
    assert run.reason
    assert run.settled_at == NOW + 2


def test_the_run_that_remains_is_due_when_the_first_was(inbox: Inbox) -> None:
    for n in range(3):
        event = new_event(str(n), time=hour(n), received_at=NOW + 4 * n)
        (newest,) = add(inbox, event, match=COALESCED)
    assert run_of(inbox, newest).due_at == NOW + 10


@pytest.mark.parametrize("limit", [1, 10])
def test_however_many_are_dispatched_at_once_the_run_that_remains_is_due_at_the_same_time(
    inbox: Inbox, limit: int
) -> None:
    given = ((1, NOW), (2, NOW + 100), (2, NOW + 100))
    burst = [
        new_event(str(n), time=hour(happened), received_at=at)
        for n, (happened, at) in enumerate(given)
    ]
    first, second, third = (receipt.seq for receipt in inbox.append(burst))
    # Somebody asks for the last one before the others are dispatched; the first is older than it.
    inbox.claim(third, COALESCED, now=NOW, until=SOON, due=True)
    while inbox.dispatch(COALESCED, limit=limit):
        pass
    assert states(inbox, [first, second, third]) == [SUPERSEDED, WAITING, SUPERSEDED]
    assert run_of(inbox, second).due_at == NOW + 110


def test_the_run_that_remains_of_one_batch_is_due_when_the_first_was(inbox: Inbox) -> None:
    burst = [new_event(str(n), time=hour(n), received_at=NOW + 4 * n) for n in range(3)]
    *_, newest = add(inbox, *burst, match=COALESCED)
    assert run_of(inbox, newest).due_at == NOW + 10


def test_an_older_event_that_arrives_late_is_superseded_itself(inbox: Inbox) -> None:
    (newer,) = add(inbox, new_event("1", time=hour(2)), match=COALESCED)
    (older,) = add(inbox, new_event("2", time=hour(1), received_at=NOW + 5), match=COALESCED)
    assert states(inbox, [newer, older]) == [WAITING, SUPERSEDED]
    assert run_of(inbox, newer).due_at == NOW + 10


def test_of_two_events_of_one_time_the_one_that_arrived_later_counts(inbox: Inbox) -> None:
    first, second = add(inbox, new_event("1"), new_event("2"), match=COALESCED)
    (third,) = add(inbox, new_event("3"), match=COALESCED)
    assert states(inbox, [first, second, third]) == [SUPERSEDED, SUPERSEDED, WAITING]


def test_a_running_run_is_not_superseded_and_the_newest_waits_for_it(inbox: Inbox) -> None:
    (first,) = add(inbox, new_event("1", time=hour(1)), match=COALESCED)
    lease = take_one(inbox, now=SOON)
    seqs = add(inbox, *[new_event(str(n), time=hour(n)) for n in (2, 3)], match=COALESCED)
    assert states(inbox, [first, *seqs]) == [RunState.RUNNING, SUPERSEDED, WAITING]
    assert take(inbox, now=SOON) == []
    assert settle(inbox, lease)
    assert events_of(take(inbox, now=SOON)) == [seqs[1]]


def test_a_retry_that_waits_is_superseded_by_a_newer_event(inbox: Inbox) -> None:
    (first,) = add(inbox, new_event("1", time=hour(1)), match=COALESCED)
    settle(inbox, take_one(inbox, now=SOON), WAITING, due_at=SOON + 600)
    (second,) = add(inbox, new_event("2", time=hour(2)), match=COALESCED)
    assert states(inbox, [first, second]) == [SUPERSEDED, WAITING]


def test_finished_and_parked_runs_are_not_superseded(inbox: Inbox) -> None:
    (first,) = add(inbox, new_event("1", time=hour(1)), match=COALESCED)
    settle(inbox, take_one(inbox, now=SOON), RunState.PARKED)
    (second,) = add(inbox, new_event("2", time=hour(2)), match=COALESCED)
    settle(inbox, take_one(inbox, now=SOON))
    (third,) = add(inbox, new_event("3", time=hour(3)), match=COALESCED)
    assert states(inbox, [first, second, third]) == [RunState.PARKED, RunState.SUCCEEDED, WAITING]


def test_events_about_different_things_do_not_supersede_each_other(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(s, subject=s) for s in ("a", "b")], match=COALESCED)
    assert states(inbox, seqs) == [WAITING, WAITING]


def test_events_without_a_lane_are_not_coalesced(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(s, subject="") for s in ("a", "b")], match=COALESCED)
    assert states(inbox, seqs) == [WAITING, WAITING]


def test_handlers_that_do_not_coalesce_run_for_every_event(inbox: Inbox) -> None:
    def match(event: StoredEvent) -> list[Assignment]:
        return [*COALESCED(event), *to("prints")(event)]

    seqs = add(inbox, *[new_event(str(n), time=hour(n)) for n in (1, 2)], match=match)
    assert states(inbox, seqs) == [SUPERSEDED, WAITING]
    assert [run_of(inbox, seq, "prints").state for seq in seqs] == [WAITING, WAITING]
