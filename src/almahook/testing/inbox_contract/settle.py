"""Results: taken once, under the token of the lease, with the attempt they belong to."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

from dataclasses import replace

import pytest

from almahook.inbox import Attempt, AttemptOutcome, Inbox, RunState
from almahook.testing.inbox_contract.given import (
    LATER,
    NOW,
    SOON,
    OpenInbox,
    add,
    ending,
    new_event,
    run_of,
    settle,
    take,
    take_one,
)


@pytest.mark.parametrize("state", [RunState.SUCCEEDED, RunState.SKIPPED, RunState.PARKED])
def test_a_final_result_ends_the_run(inbox: Inbox, state: RunState) -> None:
    (seq,) = add(inbox, new_event())
    assert settle(inbox, take_one(inbox), state) is True
    run = run_of(inbox, seq)
    assert (run.state, run.attempts, run.settled_at) == (state, 1, NOW + 1)
    assert take(inbox, now=LATER) == []
    assert inbox.expired(now=LATER, until=LATER + 1) == []


def test_a_retry_is_leased_again_when_it_is_due_and_not_before(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    settle(inbox, take_one(inbox), RunState.WAITING, due_at=SOON)
    run = run_of(inbox, seq)
    assert (run.state, run.due_at, run.settled_at) == (RunState.WAITING, SOON, None)
    assert take(inbox, now=SOON - 1) == []
    assert take_one(inbox, now=SOON).attempt == 2


def test_the_reason_is_kept_with_the_run(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    done = ending(take_one(inbox), RunState.PARKED)
    inbox.settle([replace(done, reason="gave up after 8 attempts")])
    assert run_of(inbox, seq).reason == "gave up after 8 attempts"


def test_an_attempt_is_kept_with_all_it_says(inbox: Inbox) -> None:
    add(inbox, new_event())
    lease = take_one(inbox)
    failed = ending(
        lease,
        RunState.WAITING,
        started_at=NOW + 0.25,
        ended_at=NOW + 0.5,
        outcome=AttemptOutcome.TIMED_OUT,
        error="did not finish within 300 s",
        traceback='Traceback:\n  File "é.py"',
        log=["INFO began", "WARNING slow"],
    )
    inbox.settle([failed])
    (attempt,) = inbox.attempts(lease.run_id)
    assert isinstance(attempt, Attempt)
    assert list(attempt.log) == ["INFO began", "WARNING slow"]
    assert (attempt.number, attempt.started_at, attempt.ended_at) == (1, NOW + 0.25, NOW + 0.5)
    assert attempt.outcome is AttemptOutcome.TIMED_OUT
    assert attempt.error == "did not finish within 300 s"
    assert attempt.traceback == 'Traceback:\n  File "é.py"'


def test_attempts_are_listed_oldest_first(inbox: Inbox) -> None:
    add(inbox, new_event())
    for _ in range(3):
        lease = take_one(inbox)
        settle(inbox, lease, RunState.WAITING, due_at=NOW)
    assert [attempt.number for attempt in inbox.attempts(lease.run_id)] == [1, 2, 3]
    assert inbox.attempts(lease.run_id + 1) == []


def test_a_result_is_taken_once(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    lease = take_one(inbox)
    assert settle(inbox, lease, RunState.SUCCEEDED) is True
    assert settle(inbox, lease, RunState.PARKED) is False
    assert run_of(inbox, seq).state is RunState.SUCCEEDED
    assert [attempt.outcome for attempt in inbox.attempts(lease.run_id)] == [
        AttemptOutcome.SUCCEEDED
    ]


def test_a_result_that_comes_twice_in_one_batch_is_taken_once(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    lease = take_one(inbox)
    both = [ending(lease, RunState.SUCCEEDED), ending(lease, RunState.PARKED)]
    assert inbox.settle(both) == [True, False]
    assert run_of(inbox, seq).state is RunState.SUCCEEDED


def test_a_stale_result_is_refused_beside_the_right_one(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    stale = take_one(inbox, until=SOON)
    (current,) = inbox.expired(now=LATER, until=LATER + 60)
    both = [ending(stale, RunState.PARKED, number=9), ending(current, RunState.SUCCEEDED)]
    assert inbox.settle(both) == [False, True]
    assert run_of(inbox, seq).state is RunState.SUCCEEDED
    assert [attempt.number for attempt in inbox.attempts(current.run_id)] == [1]


def test_many_results_are_settled_at_once_each_for_itself(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n)) for n in range(3)])
    leases = take(inbox)
    settle(inbox, leases[1])
    ends = (RunState.PARKED, RunState.PARKED, RunState.WAITING)
    taken = inbox.settle(
        [ending(lease, state, due_at=SOON) for lease, state in zip(leases, ends, strict=True)]
    )
    assert taken == [True, False, True]
    assert [run_of(inbox, seq).state for seq in seqs] == [
        RunState.PARKED,
        RunState.SUCCEEDED,
        RunState.WAITING,
    ]
    assert inbox.settle([]) == []


def test_results_outlive_the_process_that_settled_them(open_inbox: OpenInbox) -> None:
    first = open_inbox()
    (seq,) = add(first, new_event())
    lease = take_one(first)
    settle(first, lease)
    first.close()
    second = open_inbox()
    assert run_of(second, seq).state is RunState.SUCCEEDED
    assert len(second.attempts(lease.run_id)) == 1
