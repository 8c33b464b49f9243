"""Lanes: of the runs about one thing, one at a time, the oldest event first."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from almahook.inbox import Inbox, RunState
from almahook.testing.inbox_contract.given import (
    LATER,
    NOW,
    ORDERED,
    SOON,
    OpenInbox,
    add,
    events_of,
    hour,
    new_event,
    settle,
    take,
    take_one,
    to,
)


def test_runs_in_one_lane_are_leased_one_at_a_time(inbox: Inbox) -> None:
    first, second = add(inbox, new_event("1"), new_event("2"), match=ORDERED)
    lease = take_one(inbox)
    assert lease.event.seq == first
    assert take(inbox) == []
    settle(inbox, lease)
    assert events_of(take(inbox)) == [second]


def test_the_oldest_event_of_a_lane_goes_first_whenever_it_arrived(inbox: Inbox) -> None:
    events = [new_event("1", time=hour(3)), new_event("2", time=hour(1), received_at=NOW - 5)]
    late, early = add(inbox, *events, match=ORDERED)
    (earliest,) = add(inbox, new_event("3", time=hour(0), received_at=NOW), match=ORDERED)
    order = []
    for _ in range(3):
        lease = take_one(inbox)
        order.append(lease.event.seq)
        settle(inbox, lease)
    assert order == [earliest, early, late]


def test_events_of_one_time_go_in_the_order_of_their_arrival(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n)) for n in range(3)], match=ORDERED)
    order = []
    for _ in range(3):
        lease = take_one(inbox)
        order.append(lease.event.seq)
        settle(inbox, lease)
    assert order == seqs


def test_an_older_event_that_arrives_while_its_lane_is_busy_waits(inbox: Inbox) -> None:
    add(inbox, new_event("1", time=hour(2)), match=ORDERED)
    take_one(inbox)
    add(inbox, new_event("2", time=hour(1)), match=ORDERED)
    assert take(inbox) == []


def test_lanes_do_not_hold_each_other_up(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(s, subject=s) for s in ("a", "b")], match=ORDERED)
    assert events_of(take(inbox)) == seqs


def test_handlers_have_lanes_of_their_own(inbox: Inbox) -> None:
    add(inbox, new_event(), match=to("texts", "prints", in_lane=True))
    assert len(inbox.lease({"texts": 1, "prints": 1}, now=NOW, until=SOON)) == 2


def test_runs_without_a_lane_do_not_wait_for_each_other(inbox: Inbox) -> None:
    add(inbox, new_event("1"), new_event("2"), match=to("texts"))
    assert len(take(inbox)) == 2


def test_a_waiting_retry_holds_its_lane_up(inbox: Inbox) -> None:
    first, second = add(inbox, new_event("1"), new_event("2"), match=ORDERED)
    settle(inbox, take_one(inbox), RunState.WAITING, due_at=SOON)
    assert take(inbox, now=SOON - 1) == []
    retry = take_one(inbox, now=SOON)
    assert (retry.event.seq, retry.attempt) == (first, 2)
    settle(inbox, retry)
    assert events_of(take(inbox)) == [second]


def test_a_parked_run_does_not_hold_its_lane_up(inbox: Inbox) -> None:
    _, second = add(inbox, new_event("1"), new_event("2"), match=ORDERED)
    settle(inbox, take_one(inbox), RunState.PARKED)
    assert events_of(take(inbox)) == [second]


def test_a_lane_stays_taken_while_a_lost_run_is_taken_over(inbox: Inbox) -> None:
    add(inbox, new_event("1"), new_event("2"), match=ORDERED)
    take_one(inbox, until=SOON)
    assert take(inbox, now=LATER) == []
    inbox.expired(now=LATER, until=LATER + 60)
    assert take(inbox, now=LATER) == []


def test_a_released_run_frees_its_lane_and_is_first_again(inbox: Inbox) -> None:
    first, _ = add(inbox, new_event("1"), new_event("2"), match=ORDERED)
    inbox.release([take_one(inbox)])
    assert events_of(take(inbox)) == [first]


def test_a_lane_that_is_blocked_does_not_use_a_handler_s_slots_up(inbox: Inbox) -> None:
    add(inbox, *[new_event(str(n), subject="busy") for n in range(5)], match=ORDERED)
    take_one(inbox)
    (other,) = add(inbox, new_event("9", subject="free", received_at=NOW), match=ORDERED)
    assert events_of(take(inbox, slots=1)) == [other]


def test_workers_that_lease_at_once_never_have_two_runs_of_one_lane(
    open_inbox: OpenInbox,
) -> None:
    inboxes = [open_inbox() for _ in range(4)]
    events = [new_event(f"{lane}-{n}", subject=lane) for n in range(5) for lane in "ab"]
    add(inboxes[0], *events, match=ORDERED)
    together = Barrier(4)

    def work(inbox: Inbox) -> list[str]:
        together.wait()
        return [lease.event.subject for lease in take(inbox)]

    with ThreadPoolExecutor(4) as pool:
        taken = [lane for lanes in pool.map(work, inboxes) for lane in lanes]
    assert sorted(taken) == ["a", "b"]
