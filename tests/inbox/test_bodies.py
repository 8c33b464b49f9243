"""Bodies that stay in the spool for a while, because their events came in a burst."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almahook.errors import InboxUnavailableError
from almahook.inbox import EventFilter, NewEvent, StoredEvent
from almahook.inbox.contract import Receipt
from almahook.inbox.sqlite import SQLiteInbox
from almahook.inbox.sqlite.bodies import stretches
from almahook.inbox.sqlite.sql import load_queries
from almahook.testing.inbox_contract.given import (
    LATER,
    new_event,
    settle,
    spool,
    take,
    tidy_all,
    to,
)

Open = Callable[[], SQLiteInbox]
BURST = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.db"


@pytest.fixture
def open_it(path: Path) -> Iterator[Open]:
    opened = []

    def open_one() -> SQLiteInbox:
        opened.append(SQLiteInbox(path, burst=BURST))
        return opened[-1]

    yield open_one
    for inbox in opened:
        inbox.close()


@pytest.fixture
def inbox(open_it: Open) -> SQLiteInbox:
    return open_it()


def body(number: int) -> bytes:
    return f"the body of {number}".encode()


def numbered(numbers: Iterable[int]) -> list[NewEvent]:
    return [new_event(str(number), body=body(number)) for number in numbers]


def flood(inbox: SQLiteInbox, number: int = BURST, first: int = 0) -> None:
    """Receive and collect so many events at once."""
    spool(inbox, numbered(range(first, first + number)))
    assert inbox.collect(limit=number).events == number


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchall()


def segments(path: Path) -> list[str]:
    return sorted(one.name for one in path.with_name("a.db-spool").iterdir())


def assert_right(events: list[StoredEvent]) -> None:
    assert [event.body for event in events] == [body(int(event.event_id)) for event in events]


def test_the_bodies_of_few_events_come_with_them(inbox, path):
    flood(inbox, BURST - 1)
    assert [one for (one,) in rows(path, "SELECT body FROM events")] == [
        body(number) for number in range(BURST - 1)
    ]
    assert inbox.tidy(limit=100) == 0


def test_the_bodies_of_a_burst_follow_when_the_inbox_is_tidy_all(inbox, path):
    flood(inbox, 30)
    assert rows(path, "SELECT seq FROM events WHERE body <> x''") == []
    assert tidy_all(inbox) == 30
    assert rows(path, "SELECT body FROM bodies ORDER BY seq") == [
        (body(number),) for number in range(30)
    ]
    assert rows(path, "SELECT * FROM spooled") == []


def test_what_may_not_be_on_disk_yet_is_left_for_the_next_time(inbox, path):
    batches = [inbox.pack(numbered(range(first, first + 6))) for first in (0, 6, 12, 18)]
    inbox.spool(batches[:2])
    # Its writer may be at it still.
    inbox.spool(batches[2:])
    assert inbox.collect(limit=100).events == 12
    assert rows(path, "SELECT seq FROM events WHERE body <> x''") == []
    assert_right(inbox.events(EventFilter(), limit=100))
    assert inbox.backlog().pending == 24


def test_what_is_on_disk_of_a_burst_comes_with_its_bodies_if_it_is_little(inbox, path):
    for first in (0, BURST - 1):
        spool(inbox, numbered(range(first, first + BURST - 1)))
    assert inbox.collect(limit=100).events == BURST - 1
    assert rows(path, "SELECT seq FROM events WHERE body = x''") == []


def test_a_burst_that_cannot_be_synced_is_not_stored_without_its_bodies(inbox, path, monkeypatch):
    def cannot(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        broken.setattr("almahook.inbox.sqlite.spool.sync_data", cannot)
        with pytest.raises(InboxUnavailableError, match="Input/output error"):
            flood(inbox)
    assert rows(path, "SELECT seq FROM events") == []
    assert inbox.collect(limit=100).events == BURST
    assert_right(inbox.events(EventFilter(), limit=100))


def test_tidying_stops_at_the_batch_that_reaches_its_limit(inbox):
    for first in range(0, 60, 20):
        flood(inbox, 20, first)
    assert [inbox.tidy(limit=30) for _ in range(3)] == [40, 20, 0]


def test_where_a_body_is_makes_no_difference_to_who_reads_its_event(inbox, open_it):
    flood(inbox, 20)
    other = open_it()
    seen: list[StoredEvent] = []
    for one in (inbox, other):
        assert_right(one.events(EventFilter(), limit=100))
        assert one.event(7).body == body(6)
    assert other.dispatch(lambda event: seen.append(event) or to("texts")(event), limit=100) == 20
    assert_right(seen)
    leases = take(other)
    assert_right([lease.event for lease in leases])
    other.release(leases)
    tidy_all(other)
    assert_right(inbox.events(EventFilter(), limit=100))
    assert_right([lease.event for lease in take(inbox)])


def test_a_segment_is_kept_as_long_as_a_body_of_it_is_needed(inbox, open_it, path):
    flood(inbox)
    (name,) = segments(path)
    inbox.close()
    other = open_it()
    for _ in range(3):
        other.collect(limit=10)
        assert segments(path) == [name]
    assert tidy_all(other) == BURST
    assert segments(path) == []
    assert_right(other.events(EventFilter(), limit=100))


def test_a_segment_is_deleted_whoever_brought_its_bodies_in(open_it, path):
    writer, first, second = open_it(), open_it(), open_it()
    flood(writer)
    writer.close()
    # It knows by now that nothing more will come.
    first.collect(limit=10)
    second.tidy(limit=100)
    first.tidy(limit=100)
    assert segments(path) == []


def test_what_is_kept_is_not_collected_again_and_does_not_wait(open_it):
    writer, inbox = open_it(), open_it()
    flood(writer)
    writer.close()
    for _ in range(2):
        assert inbox.collect(limit=10).events == 0
    assert inbox.backlog().pending == BURST
    inbox.dispatch(lambda _: [], limit=100)
    assert inbox.backlog().pending == 0


def test_bodies_are_synced_before_their_segment_is_deleted(open_it, monkeypatch):
    writer, inbox = open_it(), open_it()
    flood(writer)
    writer.close()
    done = []
    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: done.append("deleted") or unlink(*_, **__))
    sync = inbox._collector._sync
    monkeypatch.setattr(inbox._collector, "_sync", lambda one: done.append("synced") or sync(one))
    inbox.collect(limit=10)
    assert done == []
    inbox.tidy(limit=100)
    assert done == ["synced", "deleted"]


def test_what_is_purged_leaves_no_body_anywhere(inbox, path):
    flood(inbox)
    inbox.dispatch(to("texts"), limit=100)
    for lease in take(inbox):
        settle(inbox, lease)
    assert inbox.purge(before=LATER, limit=BURST).events == BURST
    inbox.collect(limit=10)
    assert rows(path, "SELECT * FROM bodies") == rows(path, "SELECT * FROM spooled") == []
    assert segments(path) == []
    inbox.close()
    assert b"the body of" not in path.read_bytes()


def test_a_purge_that_finds_nothing_old_leaves_the_bodies_where_they_are(inbox, path):
    flood(inbox)
    inbox.dispatch(lambda _: [], limit=100)
    assert inbox.purge(before=0.0, limit=100).events == 0
    assert len(rows(path, "SELECT * FROM spooled")) == 1


def test_bodies_that_are_lost_are_told_and_hold_nobody_up(open_it, path, caplog):
    inbox = open_it()
    flood(inbox)
    inbox.close()
    (name,) = segments(path)
    path.with_name("a.db-spool").joinpath(name).unlink()
    other = open_it()
    flood(other, BURST, first=100)
    assert other.event(1).body == b""
    assert tidy_all(other) == 2 * BURST
    assert_right(other.events(EventFilter(), limit=BURST))
    assert other.event(1).body == b""
    (record,) = caplog.records
    assert record.message == "spool.bodies_lost"
    assert record.fields == {"file": name, "event": 1, "events": BURST}


def test_several_who_tidy_at_once_bring_each_body_in_once(open_it, path):
    inboxes = [open_it() for _ in range(3)]
    for first in range(0, 400, 20):
        flood(inboxes[0], 20, first)

    def tidy(number: int) -> None:
        while inboxes[number % 3].tidy(limit=20):
            pass

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(tidy, range(6)))
    assert rows(path, "SELECT count(*) FROM bodies") == [(400,)]
    assert_right(inboxes[0].events(EventFilter(), limit=1000))


def test_who_lists_while_others_tidy_never_misses_a_body(open_it):
    receiving, tidying, listing = open_it(), open_it(), open_it()

    def receive() -> None:
        for first in range(0, 600, 20):
            # Who lists may be the one who collects.
            spool(receiving, numbered(range(first, first + 20)))
            receiving.collect(limit=20)
            receiving.purge(before=0.0, limit=1)
            with suppress(InboxUnavailableError):
                tidying.tidy(limit=20)

    with ThreadPoolExecutor(1) as pool:
        done = pool.submit(receive)
        while not done.done():
            assert_right(listing.events(EventFilter(), limit=50))
        done.result()
    tidy_all(tidying)
    assert_right(listing.events(EventFilter(), limit=1000))


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.lists(st.integers(0, 12), min_size=1, max_size=8), max_size=6))
def test_each_body_is_found_whatever_came_twice(tmp_path_factory, batches):
    path = tmp_path_factory.mktemp("inbox") / "a.db"
    with closing(SQLiteInbox(path, burst=1)) as inbox:
        for batch in batches:
            spool(inbox, numbered(batch))
            inbox.collect(limit=100)
        for _ in range(2):
            found = inbox.events(EventFilter(), limit=100)
            assert {int(event.event_id) for event in found} == {one for b in batches for one in b}
            assert_right(found)
            tidy_all(inbox)


def test_events_that_follow_each_other_are_one_stretch():
    receipts = [
        Receipt(seq=seq, duplicate=is_known)
        for seq, is_known in ((5, False), (6, False), (2, True), (7, False), (8, False), (9, False))
    ]
    found = stretches("one", [(17, 5), (900, 1)], receipts)
    assert [(one.first, one.number, one.place, one.nth) for one in found] == [
        (5, 2, 17, 0),
        (7, 2, 17, 3),
        (9, 1, 900, 0),
    ]


@pytest.mark.parametrize("query", ["spooled", "is_needed", "oldest_spooled", "bodies"])
def test_finding_bodies_does_not_read_all_that_there_are(inbox, query):
    names = ("seqs", "segment", "limit")
    text = f"EXPLAIN QUERY PLAN {load_queries()[query]}"
    plan = inbox._db._writer.execute(text, dict.fromkeys(names, "[]")).fetchall()
    scans = [row["detail"] for row in plan if row["detail"].startswith("SCAN")]
    # The oldest are read in their order, up to the limit.
    allowed = {"SCAN json_each VIRTUAL TABLE INDEX 1:", "SCAN CONSTANT ROW"}
    allowed |= {"SCAN spooled"} if query == "oldest_spooled" else set()
    assert set(scans) <= allowed


def test_of_large_bodies_fewer_are_brought_in_at_once(inbox):
    for first in range(0, 30, 10):
        numbers = range(first, first + 10)
        spool(inbox, [new_event(str(one), body=bytes(900_000)) for one in numbers])
        inbox.collect(limit=10)
    assert [inbox.tidy(limit=100) for _ in range(4)] == [10, 10, 10, 0]
