"""Who may execute a run: one worker at a time, until a time, under a token."""
# ruff: noqa: D103 - a test is named as its sentence

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from almahook.inbox import Inbox, Lease, RunState
from almahook.testing.inbox_contract.given import (
    LATER,
    NOW,
    SOON,
    OpenInbox,
    add,
    events_of,
    new_event,
    run_of,
    settle,
    states,
    take,
    take_one,
    to,
)


def test_a_lease_says_what_is_to_be_done(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(body=b"the body"))
    lease = take_one(inbox)
    assert (lease.handler, lease.number, lease.attempt, lease.until) == ("texts", 1, 1, SOON)
    assert lease.run_id == run_of(inbox, seq).id
    assert lease.event == inbox.event(seq)
    assert run_of(inbox, seq).state is RunState.RUNNING


def test_no_more_runs_of_a_handler_are_leased_than_it_has_slots(inbox: Inbox) -> None:
    add(inbox, *[new_event(str(n)) for n in range(5)], match=to("texts", "prints"))
    leases = inbox.lease({"texts": 2, "prints": 1, "absent": 9}, now=NOW, until=SOON)
    assert sorted(lease.handler for lease in leases) == ["prints", "texts", "texts"]
    assert inbox.lease({"texts": 0}, now=NOW, until=SOON) == []
    assert inbox.lease({}, now=NOW, until=SOON) == []


def test_a_run_is_not_leased_before_it_is_due(inbox: Inbox) -> None:
    add(inbox, new_event(), match=to("texts", wait_s=10))
    assert take(inbox, now=NOW + 9) == []
    assert len(take(inbox, now=NOW + 10)) == 1


def test_the_runs_that_have_been_due_longest_are_leased_first(inbox: Inbox) -> None:
    events = [new_event(str(n), received_at=NOW - n) for n in (1, 3, 2)]
    first, second, third = add(inbox, *events)
    assert events_of(take(inbox, slots=2)) == [second, third]
    assert events_of(take(inbox)) == [first]


def test_a_leased_run_is_not_leased_again_even_after_its_lease_ran_out(inbox: Inbox) -> None:
    add(inbox, new_event())
    take_one(inbox)
    assert take(inbox) == []
    assert take(inbox, now=LATER) == []


def test_threads_and_processes_that_lease_at_once_get_each_run_once(
    open_inbox: OpenInbox,
) -> None:
    inboxes = [open_inbox() for _ in range(2)] * 4
    seqs = add(inboxes[0], *[new_event(str(n)) for n in range(80)])
    together = Barrier(8)

    def work(inbox: Inbox) -> list[int]:
        together.wait()
        mine: list[int] = []
        while leases := take(inbox, slots=3):
            mine += events_of(leases)
        return mine

    with ThreadPoolExecutor(8) as pool:
        taken = [seq for mine in pool.map(work, inboxes) for seq in mine]
    assert sorted(taken) == seqs


def test_a_run_whose_lease_ran_out_is_taken_over_under_a_new_token(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    first = take_one(inbox, until=SOON)
    assert inbox.expired(now=SOON, until=LATER) == []
    (second,) = inbox.expired(now=SOON + 1, until=LATER)
    assert (second.run_id, second.attempt, second.until) == (first.run_id, 1, LATER)
    assert second.token != first.token
    assert second.event.seq == seq
    assert run_of(inbox, seq).state is RunState.RUNNING


def test_a_run_is_taken_over_by_one_at_a_time(inbox: Inbox) -> None:
    add(inbox, new_event())
    take_one(inbox, until=SOON)
    assert len(inbox.expired(now=SOON + 1, until=LATER)) == 1
    assert inbox.expired(now=SOON + 1, until=LATER) == []


def test_the_result_of_a_worker_that_lost_its_lease_is_refused(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    stale = take_one(inbox, until=SOON)
    (current,) = inbox.expired(now=SOON + 1, until=LATER)
    assert settle(inbox, stale, RunState.SUCCEEDED) is False
    assert inbox.attempts(stale.run_id) == []
    assert run_of(inbox, seq).state is RunState.RUNNING
    assert settle(inbox, current, RunState.PARKED) is True
    assert run_of(inbox, seq).state is RunState.PARKED


def test_a_late_result_is_taken_while_nobody_else_has_the_run(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    settle(inbox, take_one(inbox, until=SOON))
    assert inbox.expired(now=LATER, until=LATER + 1) == []
    assert run_of(inbox, seq).state is RunState.SUCCEEDED


def test_a_renewed_lease_is_held_longer(inbox: Inbox) -> None:
    add(inbox, new_event())
    lease = take_one(inbox, until=SOON)
    inbox.renew([lease], until=LATER)
    assert inbox.expired(now=SOON + 1, until=LATER) == []
    assert len(inbox.expired(now=LATER + 1, until=LATER + 2)) == 1


def test_a_lease_that_is_no_longer_ours_is_not_renewed(inbox: Inbox) -> None:
    add(inbox, new_event())
    stale = take_one(inbox, until=SOON)
    inbox.expired(now=SOON + 1, until=SOON + 2)
    inbox.renew([stale], until=LATER)
    assert len(inbox.expired(now=SOON + 3, until=LATER)) == 1


def test_a_released_run_is_as_if_it_had_never_been_taken(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    lease = take_one(inbox)
    inbox.release([lease])
    run = run_of(inbox, seq)
    assert (run.state, run.attempts, run.due_at) == (RunState.WAITING, 0, NOW)
    assert settle(inbox, lease) is False
    assert take_one(inbox).attempt == 1


def test_a_lease_that_is_no_longer_ours_is_not_released(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    stale = take_one(inbox, until=SOON)
    (current,) = inbox.expired(now=SOON + 1, until=LATER)
    inbox.release([stale])
    assert run_of(inbox, seq).state is RunState.RUNNING
    assert settle(inbox, current)
    inbox.release([current])
    assert run_of(inbox, seq).state is RunState.SUCCEEDED


def test_a_released_run_that_was_leased_again_is_not_released_by_the_first(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    first = take_one(inbox)
    inbox.release([first])
    second = take_one(inbox)
    inbox.release([first])
    assert run_of(inbox, seq).state is RunState.RUNNING
    assert settle(inbox, first) is False
    assert settle(inbox, second) is True


def test_leases_outlive_the_process_that_took_them(open_inbox: OpenInbox) -> None:
    first = open_inbox()
    seqs = add(first, new_event("1"), new_event("2"))
    lease: Lease = take(first, slots=1)[0]
    first.close()
    second = open_inbox()
    assert events_of(take(second)) == seqs[1:]
    assert settle(second, lease)
    assert states(second, seqs) == [RunState.SUCCEEDED, RunState.RUNNING]
