"""Looking: events by what is known of them, page by page, and what became of them."""
# ruff: noqa: D103 - a test is named as its sentence

from typing import Any

import pytest

from almahook.errors import ConfigurationError, NotFoundError
from almahook.inbox import EventFilter, Inbox, RunState
from almahook.testing.inbox_contract.given import (
    NOW,
    SOON,
    OpenInbox,
    add,
    assigned,
    hour,
    new_event,
    settle,
    take,
    to,
)


def listed(inbox: Inbox, **where: Any) -> list[int]:
    """List events by their numbers."""
    return [event.seq for event in inbox.events(EventFilter(**where), limit=100)]


def test_an_event_that_is_not_there_is_an_error(inbox: Inbox) -> None:
    with pytest.raises(NotFoundError):
        inbox.event(1)


def test_events_are_listed_newest_first_up_to_a_limit(inbox: Inbox) -> None:
    first, second, third = add(inbox, *[new_event(str(n)) for n in range(3)])
    assert listed(inbox) == [third, second, first]
    assert [event.seq for event in inbox.events(EventFilter(), limit=2)] == [third, second]


def test_pages_before_an_event_go_back_to_the_first_without_a_gap(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n)) for n in range(7)])
    found, before = [], None
    while page := inbox.events(EventFilter(), limit=3, before=before):
        found += [event.seq for event in page]
        before = page[-1].seq
    assert found == seqs[::-1]


def test_events_after_an_event_are_listed_oldest_first_as_they_arrive(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n)) for n in range(4)])
    followed = inbox.events(EventFilter(), limit=2, after=seqs[0])
    assert [event.seq for event in followed] == seqs[1:3]
    assert inbox.events(EventFilter(), limit=2, after=seqs[-1]) == []
    (new,) = add(inbox, new_event("new"))
    assert [e.seq for e in inbox.events(EventFilter(), limit=2, after=seqs[-1])] == [new]


def test_a_page_stays_right_while_events_arrive(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n)) for n in range(4)])
    add(inbox, new_event("late"))
    page = inbox.events(EventFilter(), limit=10, before=seqs[2])
    assert [event.seq for event in page] == [seqs[1], seqs[0]]


def test_listed_events_have_all_their_fields(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(body=b"\x00\xff"))
    assert inbox.events(EventFilter(), limit=1) == [inbox.event(seq)]


@pytest.mark.parametrize("is_dispatched", [True, False], ids=["dispatched", "pending"])
@pytest.mark.parametrize("field", ["profile", "action", "event", "event_id", "subject"])
def test_events_are_found_by_each_of_their_names(
    inbox: Inbox, field: str, is_dispatched: bool
) -> None:
    wanted, _ = inbox.append([new_event("1", **{field: "wanted"}), new_event("2")])
    if is_dispatched:
        inbox.dispatch(to("texts"), limit=10)
    assert listed(inbox, **{field: "wanted"}) == [wanted.seq]
    assert listed(inbox, **{field: "want"}) == []
    assert listed(inbox, **{field: "wanted' OR '1'='1"}) == []


def test_events_are_found_by_the_time_of_their_arrival(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n), received_at=NOW + n) for n in range(4)])
    assert listed(inbox, since=NOW + 2) == [seqs[3], seqs[2]]
    assert listed(inbox, until=NOW + 2) == [seqs[1], seqs[0]]
    assert listed(inbox, since=NOW + 1, until=NOW + 2) == [seqs[1]]
    assert listed(inbox, until=0.0) == []


def test_conditions_are_combined_also_with_pages(inbox: Inbox) -> None:
    events = [new_event(str(n), subject="ab"[n % 2]) for n in range(6)]
    seqs = add(inbox, *events)
    where = EventFilter(subject="b", profile="main", state="waiting")
    page = inbox.events(where, limit=2, before=seqs[5])
    assert [event.seq for event in page] == [seqs[3], seqs[1]]
    page = inbox.events(where, limit=2, after=seqs[1])
    assert [event.seq for event in page] == [seqs[3], seqs[5]]


def test_events_are_found_by_every_state(inbox: Inbox) -> None:
    by_state = {}
    (by_state["unhandled"],) = add(inbox, new_event("u"), match=to())
    for state in (RunState.SUCCEEDED, RunState.SKIPPED, RunState.PARKED):
        (by_state[str(state)],) = add(inbox, new_event(state))
        (lease,) = take(inbox)
        settle(inbox, lease, state)
    (by_state["running"],) = add(inbox, new_event("running"))
    take(inbox)
    superseded = [new_event(f"c{n}", time=hour(n), subject="c") for n in (1, 2)]
    by_state["superseded"], newer = add(inbox, *superseded, match=to("texts", coalesce=True))
    (by_state["cancelled"],) = add(inbox, new_event("cancelled"))
    inbox.replay(by_state["cancelled"], [assigned()], fresh=None, now=NOW)
    (by_state["waiting"],) = add(inbox, new_event("waiting"))
    (pending,) = inbox.append([new_event("pending")])
    by_state["pending"] = pending.seq
    assert set(by_state) == {"pending", "unhandled", *RunState}
    also_waiting = {by_state["cancelled"], newer}
    for name, seq in by_state.items():
        assert set(listed(inbox, state=name)) - also_waiting == {seq} - also_waiting, name
    assert set(listed(inbox, state="waiting")) == {by_state["waiting"], *also_waiting}
    assert by_state["cancelled"] in listed(inbox, state="cancelled")


def test_an_event_is_listed_once_however_many_runs_are_in_the_state(inbox: Inbox) -> None:
    (seq,) = add(inbox, new_event(), match=to("texts", "prints"))
    assert listed(inbox, state="waiting") == [seq]


def test_a_state_that_does_not_exist_is_an_error_that_names_the_states(inbox: Inbox) -> None:
    with pytest.raises(ConfigurationError, match="unhandled"):
        listed(inbox, state="lost")


def test_runs_of_several_events_are_listed_oldest_first(inbox: Inbox) -> None:
    seqs = add(inbox, *[new_event(str(n)) for n in range(3)], match=to("texts", "prints"))
    found = inbox.runs([seqs[2], seqs[0]])
    assert [run.event_seq for run in found] == [seqs[0], seqs[0], seqs[2], seqs[2]]
    assert [run.id for run in found] == sorted(run.id for run in found)
    assert inbox.runs([]) == []
    assert inbox.runs([999]) == []


def test_the_version_changes_when_another_process_has_written(open_inbox: OpenInbox) -> None:
    watching, writing = open_inbox(), open_inbox()
    before = watching.version()
    assert watching.version() == before
    (receipt,) = writing.append([new_event()])
    after_append = watching.version()
    assert after_append != before
    writing.claim(receipt.seq, to("texts"), now=NOW, until=SOON)
    assert watching.version() != after_append
