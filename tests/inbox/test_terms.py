import random
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from almahook.inbox import EventFilter, Inbox, NewEvent, Receipt
from almahook.inbox.sqlite import SQLiteInbox, terms
from almahook.inbox.sqlite.append import append
from almahook.inbox.sqlite.sql import load_migrations, load_queries, statements
from almahook.testing.inbox_contract.given import LATER, add, new_event, settle, take_one, to

OpenSQLite = Callable[..., SQLiteInbox]
Key = tuple[str, str]

# Two texts that have one term.
TWINS = ("plumless", "buckeroo")


class PowerCutError(Exception):
    """What ends a transaction before its commit."""


@pytest.fixture
def small_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few events fill all levels."""
    for name, value in (("_FIRST", 4), ("_TIMES", 2), ("_EVERY", 2), ("_SLICE", 8)):
        monkeypatch.setattr(terms, name, value)


def fill(inbox: Inbox, count: int, name: str, batch: int = 1) -> None:
    for start in range(0, count, batch):
        numbers = range(start, min(start + batch, count))
        inbox.append([new_event(f"{name}-{n}", subject=f"about {name}-{n}") for n in numbers])


def levels(path: Path) -> Counter[int]:
    """Count the terms in each level."""
    with closing(sqlite3.connect(path)) as connection:
        return Counter(level for (level,) in connection.execute("SELECT level FROM terms"))


def found_by(inbox: Inbox, **where: str) -> list[str]:
    events = inbox.events(EventFilter(**where), limit=1000, after=0)
    return [event.event_id for event in events]


def make(key: Key) -> NewEvent:
    event_id, action = key
    return new_event(event_id, action=action, subject=f"about {event_id[0]}")


def append_and_die(inbox: SQLiteInbox, events: list[NewEvent]) -> None:
    with inbox._db.write() as connection:
        append(connection, events)
        raise PowerCutError


# Of few ids, so that batches repeat them, and with two that share a term.
KEYS = st.tuples(
    st.one_of(st.integers(0, 60).map(str), st.sampled_from(TWINS)), st.sampled_from(["A", "B"])
)
BATCHES = st.lists(
    st.tuples(st.lists(KEYS, min_size=1, max_size=12), st.sampled_from([True, True, True, False])),
    max_size=40,
)


def test_the_twins_of_these_tests_are_twins() -> None:
    assert terms.id_term(TWINS[0]) == terms.id_term(TWINS[1])
    assert terms.subject_term(TWINS[0]) == terms.subject_term(TWINS[1])


@pytest.mark.usefixtures("small_levels")
@settings(max_examples=60, deadline=None)
@given(batches=BATCHES)
def test_each_key_is_kept_once_whatever_moved_or_was_rolled_back_in_between(
    tmp_path_factory: pytest.TempPathFactory, batches: list[tuple[list[Key], bool]]
) -> None:
    kept: dict[Key, int] = {}
    with closing(SQLiteInbox(tmp_path_factory.mktemp("once") / "inbox.db")) as inbox:
        for batch, is_committed in batches:
            events = [make(key) for key in batch]
            if not is_committed:
                with pytest.raises(PowerCutError):
                    append_and_die(inbox, events)
                continue
            for key, receipt in zip(batch, inbox.append(events), strict=True):
                assert receipt.duplicate == (key in kept)
                assert receipt.seq == kept.setdefault(key, receipt.seq)
        stored = inbox.events(EventFilter(), limit=1000, after=0)
        assert {(event.event_id, event.action): event.seq for event in stored} == kept
        for event_id in {event_id for event_id, _ in kept}:
            expected = sorted(seq for key, seq in kept.items() if key[0] == event_id)
            found = inbox.events(EventFilter(event_id=event_id), limit=1000, after=0)
            assert [event.seq for event in found] == expected


@pytest.mark.usefixtures("small_levels")
def test_events_are_found_in_whatever_level_they_are(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    fill(inbox, 101, "book")
    assert set(levels(path)) == {0, 1, 2, 3}
    for n in range(101):
        assert found_by(inbox, event_id=f"book-{n}") == [f"book-{n}"]
        assert found_by(inbox, subject=f"about book-{n}") == [f"book-{n}"]
        (receipt,) = inbox.append([new_event(f"book-{n}")])
        assert receipt == Receipt(seq=n + 1, duplicate=True)


@pytest.mark.usefixtures("small_levels")
def test_no_term_is_lost_or_doubled_while_levels_move(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    for round_ in range(60):
        fill(inbox, 3, f"round {round_}", batch=3)
        assert levels(path).total() == 2 * 3 * (round_ + 1)


@pytest.mark.usefixtures("small_levels")
@pytest.mark.parametrize("batch", [1, 7, 50])
def test_the_levels_that_move_stay_small(open_inbox: OpenSQLite, path: Path, batch: int) -> None:
    inbox = open_inbox()
    fill(inbox, 400, "book", batch)
    # Two terms for each event; a level moves on while as many come again.
    for level in (0, 1, 2):
        assert levels(path)[level] <= 2 * (2 * 4 * 2**level + batch)


@pytest.mark.usefixtures("small_levels")
def test_many_events_about_one_thing_move_in_slices_too(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    for n in range(100):
        inbox.append([new_event(str(n), subject="one thing")])
    assert levels(path)[3] > levels(path)[0]
    assert found_by(inbox, subject="one thing") == [str(n) for n in range(100)]


def test_two_ids_with_one_term_are_two_events(open_inbox: OpenSQLite) -> None:
    inbox = open_inbox()
    one, two = inbox.append([new_event(TWINS[0]), new_event(TWINS[1])])
    assert not one.duplicate
    assert not two.duplicate
    again = inbox.append([new_event(TWINS[1]), new_event(TWINS[0])])
    assert again == [Receipt(seq=two.seq, duplicate=True), Receipt(seq=one.seq, duplicate=True)]
    assert found_by(inbox, event_id=TWINS[1]) == [TWINS[1]]


def test_two_subjects_with_one_term_are_two_things(open_inbox: OpenSQLite) -> None:
    inbox = open_inbox()
    inbox.append([new_event("1", subject=TWINS[0]), new_event("2", subject=TWINS[1])])
    assert found_by(inbox, subject=TWINS[1]) == ["2"]


@pytest.mark.parametrize("subject", TWINS)
def test_an_id_that_is_a_subject_too_is_found_as_either(
    open_inbox: OpenSQLite, subject: str
) -> None:
    inbox = open_inbox()
    inbox.append([new_event(TWINS[0], subject=subject)])
    assert found_by(inbox, subject=subject) == [TWINS[0]]
    assert inbox.append([new_event(TWINS[0])])[0].duplicate


@pytest.mark.usefixtures("small_levels")
def test_of_what_was_purged_no_term_is_left(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    fill(inbox, 100, "book")
    inbox.dispatch(lambda _: [], limit=1000)
    assert inbox.purge(before=LATER, limit=60).events == 60
    assert levels(path).total() == 2 * 40
    assert not inbox.append([new_event("book-0")])[0].duplicate
    assert inbox.append([new_event("book-99")])[0].duplicate


def scatter(inbox: Inbox, count: int, seed: int) -> None:
    """Append events whose ids and subjects come in no order, as Alma's do."""
    chance = random.Random(seed)
    for _ in range(0, count, 500):
        ids = [str(chance.random()) for _ in range(500)]
        inbox.append([new_event(one, subject=one[::-1]) for one in ids])


def pages_written(inbox: SQLiteInbox, path: Path, seed: int) -> float:
    """Count the pages that appending writes to the log, per event."""
    inbox._db._writer.execute("PRAGMA wal_autocheckpoint = 0").fetchall()
    inbox._db._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    scatter(inbox, 8_000, seed)
    return path.with_name(f"{path.name}-wal").stat().st_size / 8192 / 8_000


def test_appending_to_a_larger_inbox_writes_few_more_pages(
    open_inbox: OpenSQLite, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "_FIRST", 1024)
    inbox = open_inbox()
    scatter(inbox, 1_000, seed=1)
    beside_few = pages_written(inbox, path, seed=2)
    scatter(inbox, 40_000, seed=3)
    # With one sorted index of the ids it would be half a page more, and later a page and more.
    assert pages_written(inbox, path, seed=4) < beside_few + 0.1


# The schema before terms, and what it held.


def old_inbox(path: Path) -> None:
    """Make a database as the schema before had it: one event handled, two pending."""
    with closing(SQLiteInbox(path)) as inbox:
        add(inbox, new_event("handled", subject=TWINS[0]))
        settle(inbox, take_one(inbox))
        inbox.append([new_event("pending", subject="a loan"), new_event("none", subject="")])
    migrations = load_migrations()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        rows = {
            name: connection.execute(f"SELECT * FROM {name}").fetchall()
            for name in ("events", "runs", "attempts")
        }
        for name in ("terms", "levels", "bodies", "spooled", *rows, "steps", "rejections"):
            connection.execute(f"DROP TABLE {name}")
        connection.execute("DROP TABLE progress")
        connection.execute("DROP TABLE segments")
        for number in (1, 2):
            for statement in statements(migrations[number]):
                connection.execute(statement)
        for name, values in rows.items():
            places = ", ".join("?" * len(values[0]))
            connection.executemany(f"INSERT INTO {name} VALUES ({places})", values)
        connection.execute("INSERT INTO subjects SELECT subject, seq FROM events WHERE seq = 1")
        connection.execute("UPDATE progress SET dispatched = 1")
        connection.execute("PRAGMA user_version = 2")


def test_what_an_older_release_stored_is_found_and_kept_once(
    open_inbox: OpenSQLite, path: Path
) -> None:
    old_inbox(path)
    inbox = open_inbox()
    assert found_by(inbox, subject=TWINS[0]) == ["handled"]
    assert found_by(inbox, subject="a loan") == ["pending"]
    assert found_by(inbox, event_id="none") == ["none"]
    receipts = inbox.append([new_event("handled"), new_event("none"), new_event("new")])
    assert [receipt.duplicate for receipt in receipts] == [True, True, False]
    assert inbox.dispatch(to("texts"), limit=10) == 3


@pytest.mark.usefixtures("small_levels")
def test_an_inbox_of_an_older_release_moves_its_levels_on(
    open_inbox: OpenSQLite, path: Path
) -> None:
    old_inbox(path)
    inbox = open_inbox()
    before = levels(path)
    assert set(before) == {3}
    fill(inbox, 100, "book")
    assert levels(path)[3] > before[3]
    assert inbox.append([new_event("handled")])[0].duplicate


@pytest.mark.parametrize("query", ["candidates", "known", "slice_end", "copy_slice", "purge_terms"])
def test_no_query_of_terms_reads_them_from_end_to_end(open_inbox: OpenSQLite, query: str) -> None:
    names = ("terms", "rows", "level", "term", "event_seq", "size", "going")
    asked = {**dict.fromkeys(names, "[]"), "until_term": 0, "until_seq": 0}
    text = f"EXPLAIN QUERY PLAN {load_queries()[query]}"
    plan = [row["detail"] for row in open_inbox()._db._writer.execute(text, asked)]
    assert plan
    assert [line for line in plan if line.startswith(("SCAN terms", "SCAN events"))] == []
