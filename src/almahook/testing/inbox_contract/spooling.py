"""Spooling events: durable at once, and each once however it is collected."""
# ruff: noqa: D103, PLR2004 - a test is named as its sentence, and its expectations are literal

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import msgspec
import pytest

from almahook.inbox import Assignment, Collected, EventFilter, Inbox, NewEvent, StoredEvent
from almahook.testing.inbox_contract.given import NOW, OpenInbox, new_event, spool, take, to


def ids(inbox: Inbox) -> list[str]:
    """Return the ids of all events, sorted."""
    return sorted(event.event_id for event in inbox.events(EventFilter(), limit=1000))


def collect_all(inbox: Inbox) -> Collected:
    """Collect until nothing is left; return the sums."""
    events = duplicates = 0
    while (taken := inbox.collect(limit=100)) != Collected(events=0, duplicates=0):
        events += taken.events
        duplicates += taken.duplicates
    return Collected(events=events, duplicates=duplicates)


@pytest.mark.parametrize(
    "body", [b"", b"\x00\xff\xfe", "né €".encode(), bytes(range(256)) * 8192], ids=len
)
def test_every_field_of_a_spooled_event_is_there_once_it_is_collected(
    inbox: Inbox, body: bytes
) -> None:
    spooled = new_event(
        'é"\\1',
        profile="sandbox",
        institution="01EXAMPLE_INST 'x'",
        subject="Ana Méndez \U0001f4da",
        content_type="application/xml; charset=utf-8",
        received_at=1_730_791_630.25,
        secret_index=1,
        body=body,
    )
    spool(inbox, [spooled])
    assert inbox.collect(limit=10) == Collected(events=1, duplicates=0)
    (found,) = inbox.events(EventFilter(), limit=10)
    values = msgspec.structs.asdict(found)
    assert values.pop("seq") > 0
    assert values == msgspec.structs.asdict(spooled)


def test_without_a_spooled_event_there_is_nothing_to_collect(inbox: Inbox) -> None:
    inbox.spool([])
    assert inbox.collect(limit=10) == Collected(events=0, duplicates=0)


def test_batches_that_are_spooled_together_are_all_there(inbox: Inbox) -> None:
    inbox.spool([inbox.pack([new_event("1"), new_event("2")]), inbox.pack([new_event("3")])])
    assert collect_all(inbox) == Collected(events=3, duplicates=0)
    assert ids(inbox) == ["1", "2", "3"]


async def begin(inbox: Inbox, events: Sequence[NewEvent]) -> bool:
    """Spool events without waiting, and then wait; say whether the store did so."""
    loop = asyncio.get_running_loop()
    told: asyncio.Future[bool] = loop.create_future()
    return inbox.begin_spool([inbox.pack(events)], loop, told.set_result) and await told


def test_what_is_begun_is_stored_once_that_is_told_and_else_a_thread_can(inbox: Inbox) -> None:
    spool(inbox, [new_event("0")])
    for number in range(1, 4):
        events = [new_event(str(number)), new_event(f"{number} too")]
        if not asyncio.run(begin(inbox, events)):
            spool(inbox, events)
        assert collect_all(inbox).duplicates == 0
        assert {event.event_id for event in events} <= {*ids(inbox)}
    assert ids(inbox) == ["0", "1", "1 too", "2", "2 too", "3", "3 too"]


def test_what_was_begun_has_ended_once_that_was_waited_for(inbox: Inbox) -> None:
    async def begin_and_finish() -> bool:
        loop = asyncio.get_running_loop()
        told: list[bool] = []
        is_begun = inbox.begin_spool([inbox.pack([new_event("1")])], loop, told.append)
        inbox.finish_spool()
        assert told == [True] * is_begun
        return is_begun

    spool(inbox, [new_event("0")])
    is_begun = asyncio.run(begin_and_finish())
    collect_all(inbox)
    assert ids(inbox) == ["0", "1"][: 1 + is_begun]


def test_what_was_spooled_can_be_collected_after_the_store_was_closed(
    open_inbox: OpenInbox,
) -> None:
    first = open_inbox()
    spool(first, [new_event()])
    first.close()
    assert collect_all(open_inbox()) == Collected(events=1, duplicates=0)


def test_another_process_collects_what_was_spooled(open_inbox: OpenInbox) -> None:
    first, second = open_inbox(), open_inbox()
    spool(first, [new_event("1")])
    assert collect_all(second) == Collected(events=1, duplicates=0)
    spool(first, [new_event("2")])
    assert collect_all(second) == Collected(events=1, duplicates=0)
    assert collect_all(first) == Collected(events=0, duplicates=0)
    assert ids(first) == ids(second) == ["1", "2"]


def test_an_event_that_is_spooled_twice_is_kept_once(inbox: Inbox) -> None:
    spool(inbox, [new_event("1"), new_event("2"), new_event("1")])
    spool(inbox, [new_event("2"), new_event("3")])
    assert collect_all(inbox) == Collected(events=3, duplicates=2)
    assert ids(inbox) == ["1", "2", "3"]


def test_an_event_that_is_in_the_inbox_is_not_taken_in_again(inbox: Inbox) -> None:
    (receipt,) = inbox.append([new_event(body=b"first")])
    spool(inbox, [new_event(body=b"second")])
    assert collect_all(inbox) == Collected(events=0, duplicates=1)
    assert inbox.event(receipt.seq).body == b"first"


def test_what_was_collected_is_dispatched_as_what_was_appended(inbox: Inbox) -> None:
    spool(inbox, [new_event("1"), new_event("2")])
    collect_all(inbox)
    assert inbox.dispatch(to("texts"), limit=10) == 2
    assert sorted(lease.event.event_id for lease in take(inbox)) == ["1", "2"]


def test_what_was_collected_is_dispatched_as_it_is_read(inbox: Inbox) -> None:
    seen: list[StoredEvent] = []
    spool(inbox, [new_event("1", body=b"one"), new_event("2"), new_event("1")])
    collect_all(inbox)

    def match(event: StoredEvent) -> Sequence[Assignment]:
        seen.append(event)
        return []

    assert inbox.dispatch(match, limit=10) == 2
    assert sorted(event.event_id for event in seen) == ["1", "2"]
    assert seen == [inbox.event(event.seq) for event in seen]


def test_what_was_collected_at_once_can_be_dispatched_bit_by_bit(inbox: Inbox) -> None:
    spool(inbox, [new_event(str(number)) for number in range(5)])
    collect_all(inbox)
    assert [inbox.dispatch(to("texts"), limit=2) for _ in range(4)] == [2, 2, 1, 0]
    assert len(take(inbox)) == 5


def test_what_others_store_between_what_is_collected_is_dispatched_too(
    open_inbox: OpenInbox,
) -> None:
    collecting, other = open_inbox(), open_inbox()
    spool(collecting, [new_event("1")])
    collect_all(collecting)
    other.append([new_event("2")])
    spool(collecting, [new_event("3")])
    assert collecting.collect(limit=10).events == 1
    while collecting.dispatch(to("texts"), limit=10):
        pass
    assert sorted(lease.event.event_id for lease in take(other)) == ["1", "2", "3"]


def test_what_is_spooled_counts_as_pending(inbox: Inbox) -> None:
    inbox.append([new_event("1")])
    spool(inbox, [new_event("2", received_at=NOW + 5), new_event("3", received_at=NOW + 6)])
    assert inbox.backlog().pending == 3
    collect_all(inbox)
    assert (inbox.backlog().pending, inbox.backlog().oldest_at) == (3, NOW)


def test_more_is_collected_as_long_as_there_is_more(inbox: Inbox) -> None:
    for number in range(50):
        spool(inbox, [new_event(str(number)), new_event(f"{number} too")])
    sizes = []
    while (taken := inbox.collect(limit=10).events) > 0:
        sizes.append(taken)
    assert sum(sizes) == 100
    assert max(sizes) < 100


def test_sixteen_who_collect_at_once_take_each_event_once(open_inbox: OpenInbox) -> None:
    spooling = open_inbox()
    for number in range(64):
        spool(spooling, [new_event(str(number))])
    inboxes = [open_inbox() for _ in range(4)]
    together = Barrier(16)

    def collect(number: int) -> int:
        together.wait()
        return collect_all(inboxes[number % 4]).events

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(collect, range(16))) == 64
    assert len(ids(spooling)) == 64


def test_what_several_collect_and_dispatch_at_once_is_all_dispatched(
    open_inbox: OpenInbox,
) -> None:
    spooling = open_inbox()
    for number in range(64):
        spool(spooling, [new_event(str(number))])
    inboxes = [open_inbox() for _ in range(2)]
    together = Barrier(8)

    def work(number: int) -> None:
        together.wait()
        while inboxes[number % 2].collect(limit=4).events:
            inboxes[number % 2].dispatch(to("texts"), limit=4)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    while spooling.dispatch(to("texts"), limit=100):
        pass
    assert len(take(spooling)) == 64


def test_who_spools_while_others_collect_loses_nothing(open_inbox: OpenInbox) -> None:
    collecting, spooling = open_inbox(), open_inbox()

    def spool_many() -> None:
        for number in range(200):
            spool(spooling, [new_event(str(number))])

    with ThreadPoolExecutor(2) as pool:
        done = pool.submit(spool_many)
        found = 0
        while not done.done():
            found += collecting.collect(limit=10).events
        done.result()
    assert found + collect_all(collecting).events == 200
