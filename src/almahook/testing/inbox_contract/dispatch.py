"""From events to runs: each event once, in order."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from almahook.inbox import Assignment, EventFilter, Inbox, RunState, StoredEvent
from almahook.testing.inbox_contract.given import NOW, OpenInbox, add, new_event, to


def test_an_event_gets_one_run_for_each_of_its_handlers(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(), match=to("texts", "prints", wait_s=5))
    runs = inbox.runs([seq])
    assert {run.handler for run in runs} == {"texts", "prints"}
    for run in runs:
        assert (run.event_seq, run.number, run.state) == (seq, 1, RunState.WAITING)
        assert (run.attempts, run.due_at, run.settled_at) == (0, NOW + 5, None)


def test_events_are_dispatched_in_the_order_of_their_arrival_a_limit_at_a_time(
    inbox: Inbox,
) -> None:
    receipts = inbox.append([new_event(str(n), received_at=NOW - n) for n in range(5)])
    asked: list[int] = []

    def match(event: StoredEvent) -> list[Assignment]:
        asked.append(event.seq)
        return []

    counts = [inbox.dispatch(match, limit=2) for _ in range(4)]
    assert counts == [2, 2, 1, 0]
    assert asked == [receipt.seq for receipt in receipts]


def test_an_event_is_dispatched_once(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event())
    assert inbox.dispatch(to("texts", "prints"), limit=10) == 0
    assert [run.handler for run in inbox.runs([seq])] == ["texts"]


def test_two_dispatchers_at_once_make_each_run_once(open_inbox: OpenInbox) -> None:
    inboxes = open_inbox(), open_inbox()
    receipts = inboxes[0].append([new_event(str(n)) for n in range(40)])
    together = Barrier(2)

    def dispatch(inbox: Inbox) -> int:
        together.wait()
        done = 0
        while count := inbox.dispatch(to("texts"), limit=3):
            done += count
        return done

    with ThreadPoolExecutor(2) as pool:
        assert sum(pool.map(dispatch, inboxes)) == 40
    runs = inboxes[0].runs([receipt.seq for receipt in receipts])
    assert sorted(run.event_seq for run in runs) == [receipt.seq for receipt in receipts]


def test_an_event_without_handlers_is_kept_as_unhandled(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(), match=to())
    assert inbox.runs([seq]) == []
    assert [event.seq for event in inbox.events(EventFilter(state="unhandled"), limit=10)] == [seq]
    assert inbox.dispatch(to("texts"), limit=10) == 0


def test_a_match_that_raises_leaves_the_events_for_the_next_dispatch(inbox: Inbox) -> None:
    inbox.append([new_event()])

    def broken(event: StoredEvent) -> list[Assignment]:
        raise LookupError(event.event_id)

    with pytest.raises(LookupError):
        inbox.dispatch(broken, limit=10)
    assert inbox.dispatch(to("texts"), limit=10) == 1


def test_events_are_stored_while_handlers_are_being_matched(open_inbox: OpenInbox) -> None:
    dispatcher, receiver = open_inbox(), open_inbox()
    dispatcher.append([new_event("1")])

    def match(event: StoredEvent) -> list[Assignment]:
        receiver.append([new_event(f"while {event.event_id} was matched")])
        return [*to("texts")(event)]

    assert dispatcher.dispatch(match, limit=10) == 1
    assert dispatcher.backlog().pending == 1


def test_runs_outlive_the_process_that_made_them(open_inbox: OpenInbox) -> None:
    first = open_inbox()
    (seq,) = add(first, new_event())
    first.close()
    assert [run.state for run in open_inbox().runs([seq])] == [RunState.WAITING]
