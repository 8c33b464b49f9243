"""Replays: a person has an event handled again."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

import pytest

from almahook.errors import NotFoundError, StaleLeaseError
from almahook.inbox import EventFilter, Inbox, Run, RunState
from almahook.testing.inbox_contract.given import (
    COALESCED,
    NOW,
    ORDERED,
    SOON,
    OpenInbox,
    add,
    assigned,
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


def replay(inbox: Inbox, seq: int, *handlers: str, fresh: bool | None = None) -> list[Run]:
    """Replay handlers of an event now; by default that of the texts."""
    assignments = [assigned(handler) for handler in handlers or ("texts",)]
    return inbox.replay(seq, assignments, fresh=fresh, now=NOW)


def test_a_replay_makes_a_new_run_numbered_one_higher(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    settle(inbox, take_one(inbox), RunState.PARKED)
    (made,) = replay(inbox, seq)
    assert (made.event_seq, made.handler, made.number) == (seq, "texts", 2)
    assert (made.state, made.attempts) == (RunState.WAITING, 0)
    assert [run.state for run in inbox.runs([seq])] == [RunState.PARKED, RunState.WAITING]
    lease = take_one(inbox)
    assert (lease.run_id, lease.number, lease.attempt) == (made.id, 2, 1)


def test_a_replay_is_due_at_once(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(), match=COALESCED)
    (made,) = inbox.replay(
        seq, [assigned(due_at=SOON, lane="a", coalesce=True)], fresh=None, now=NOW
    )
    assert (made.due_at, made.created_at) == (NOW, NOW)
    assert len(take(inbox)) == 1


def test_only_the_handlers_that_were_asked_for_are_replayed(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(), match=to("texts", "prints"))
    (made,) = replay(inbox, seq, "prints")
    assert made.handler == "prints"
    assert run_of(inbox, seq, "texts").number == 1


def test_a_replay_of_nothing_makes_nothing(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    assert inbox.replay(seq, [], fresh=None, now=NOW) == []
    assert states(inbox, [seq]) == [RunState.WAITING]


def test_what_still_waited_is_cancelled_by_a_replay(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    replay(inbox, seq)
    first, second = inbox.runs([seq])
    assert (first.state, second.state) == (RunState.CANCELLED, RunState.WAITING)
    assert first.settled_at == NOW
    assert first.reason
    assert len(take(inbox)) == 1


def test_the_late_result_of_a_run_that_was_replayed_is_refused(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    late = take_one(inbox)
    replay(inbox, seq)
    assert settle(inbox, late) is False
    with pytest.raises(StaleLeaseError):
        inbox.save_step(late, "text", b"1")
    assert [run.state for run in inbox.runs([seq])] == [RunState.CANCELLED, RunState.WAITING]
    assert settle(inbox, take_one(inbox)) is True


def test_a_replay_of_a_replay_is_numbered_higher_again(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    replay(inbox, seq)
    replay(inbox, seq)
    assert [(run.number, run.state) for run in inbox.runs([seq])] == [
        (1, RunState.CANCELLED),
        (2, RunState.CANCELLED),
        (3, RunState.WAITING),
    ]


@pytest.mark.parametrize(
    ("ended", "fresh", "kept"),
    [
        (RunState.PARKED, None, True),
        (RunState.SKIPPED, None, True),
        (RunState.WAITING, None, True),
        (RunState.SUCCEEDED, None, False),
        (RunState.PARKED, True, False),
        (RunState.SUCCEEDED, False, True),
    ],
)
def test_finished_steps_are_forgotten_after_a_success_or_when_asked(
    inbox: Inbox, ended: RunState, fresh: bool | None, kept: bool
) -> None:
    (seq,) = add(inbox, new_event())
    lease = take_one(inbox)
    inbox.save_step(lease, "text", b"1")
    settle(inbox, lease, ended, due_at=SOON)
    replay(inbox, seq, fresh=fresh)
    assert inbox.load_step(take_one(inbox), "text") == (b"1" if kept else None)


def test_steps_are_kept_over_several_replays(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    inbox.save_step(take_one(inbox), "text", b"1")
    replay(inbox, seq)
    replay(inbox, seq)
    assert inbox.load_step(take_one(inbox), "text") == b"1"


def test_an_unhandled_event_is_handled_by_its_first_replay(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(), match=to())
    (made,) = replay(inbox, seq)
    assert made.number == 1
    assert inbox.events(EventFilter(state="unhandled"), limit=10) == []
    assert events_of(take(inbox)) == [seq]


def test_an_event_that_was_replayed_before_its_dispatch_gets_each_run_once(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    replay(inbox, receipt.seq)
    inbox.dispatch(to("texts", "prints"), limit=10)
    runs = inbox.runs([receipt.seq])
    assert sorted((run.handler, run.number) for run in runs) == [("prints", 1), ("texts", 1)]


def test_a_coalescing_run_that_was_replayed_before_its_dispatch_is_not_lost(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event()])
    coalescing = assigned(lane=new_event().subject, coalesce=True)
    inbox.replay(receipt.seq, [coalescing], fresh=None, now=NOW)
    inbox.dispatch(COALESCED, limit=10)
    assert states(inbox, [receipt.seq]) == [RunState.WAITING]


def test_a_replay_keeps_to_the_order_of_the_lane(inbox: Inbox) -> None:
    events = [new_event(str(n), time=hour(n)) for n in (1, 2)]
    older, newer = add(inbox, *events, match=ORDERED)
    settle(inbox, take_one(inbox), RunState.PARKED)
    lease = take_one(inbox)
    assert lease.event.seq == newer
    inbox.replay(older, [assigned(lane=events[0].subject)], fresh=None, now=NOW)
    assert take(inbox) == []
    settle(inbox, lease)
    assert events_of(take(inbox)) == [older]


def test_a_parked_run_that_was_replayed_waits_for_nobody_any_more(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    settle(inbox, take_one(inbox), RunState.PARKED)
    replay(inbox, seq)
    settle(inbox, take_one(inbox))
    assert inbox.backlog().parked == 0
    assert inbox.events(EventFilter(state="parked"), limit=10) == []


def test_replaying_an_event_that_is_not_there_is_an_error(inbox: Inbox) -> None:
    with pytest.raises(NotFoundError):
        replay(inbox, 7)


def test_a_replay_outlives_the_process_that_asked_for_it(open_inbox: OpenInbox) -> None:
    first = open_inbox()
    (seq,) = add(first, new_event())
    replay(first, seq)
    first.close()
    assert take_one(open_inbox()).number == 2
