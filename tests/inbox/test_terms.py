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
from almahook.inbox.sqlite import SQLiteInbox, id_filter, terms
from almahook.inbox.sqlite.append import append
from almahook.inbox.sqlite.recent import id_term, subject_term
from almahook.inbox.sqlite.sql import load_migrations, load_queries, statements
from almahook.testing.inbox_contract.given import (
    LATER,
    add,
    new_event,
    settle,
    take_one,
    tidy_all,
    to,
)

OpenSQLite = Callable[..., SQLiteInbox]
Key = tuple[str, str]

# Two texts that have one term.
TWINS = ("plumless", "buckeroo")
# Two ids whose terms differ, but have one bit in the filter.
NEIGHBOURS = ("bib-1151817", "bib-2000200")


class PowerCutError(Exception):
    """What ends a transaction before its commit."""


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
    with inbox._db.write(memory=inbox._terms) as connection:
        append(connection, inbox._terms, events)
        raise PowerCutError


def counted(path: Path, query: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(query).fetchone()[0]


def orphans(path: Path) -> int:
    """Count the terms of events that are gone."""
    return counted(
        path, "SELECT count(*) FROM terms WHERE event_seq NOT IN (SELECT seq FROM events)"
    )


def doubled(path: Path) -> int:
    """Count the terms that are in more than one level."""
    return counted(path, "SELECT count(*) - count(DISTINCT term || ' ' || event_seq) FROM terms")


def in_memory(path: Path) -> int:
    """Count the events whose terms are not all in a level."""
    return counted(path, "SELECT count(*) FROM events, levels WHERE level = 0 AND seq > gone")


def bits_kept(path: Path) -> set[int]:
    """Return the bits of the filter that are set."""
    with closing(sqlite3.connect(path)) as connection:
        parts = connection.execute("SELECT part, bits FROM id_filter").fetchall()
    return {
        8 * (2048 * part + place) + bit
        for part, bits in parts
        for place, byte in enumerate(bits)
        for bit in range(8)
        if byte >> bit & 1
    }


def bits_needed(path: Path) -> set[int]:
    """Return the bits of the ids that are behind level 1."""
    query = "SELECT term FROM terms WHERE level > 1 AND term < 0"
    with closing(sqlite3.connect(path)) as connection:
        return {(term + 2**31) // 32 for (term,) in connection.execute(query)}


# Of few ids, so that batches repeat them, and with two that share a term, and two that share a bit.
IDS = st.one_of(st.integers(0, 60).map(str), st.sampled_from([*TWINS, *NEIGHBOURS]))
KEYS = st.tuples(IDS, st.sampled_from(["A", "B"]))
PROCESS = st.integers(0, 2)
APPENDS = st.tuples(
    st.just("append"),
    PROCESS,
    st.lists(KEYS, min_size=1, max_size=12),
    st.sampled_from([True, True, True, False]),
)
STEPS = st.one_of(
    APPENDS,
    APPENDS,
    st.tuples(st.just("tidy"), PROCESS, st.integers(1, 20)),
    st.tuples(st.just("purge"), PROCESS, st.integers(1, 30)),
    st.tuples(st.just("restart"), PROCESS),
)


class Processes:
    """Several processes with one inbox, and what they should find in it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.inboxes = [SQLiteInbox(path) for _ in range(3)]
        self.kept: dict[Key, int] = {}

    def close(self) -> None:
        for inbox in self.inboxes:
            inbox.close()

    def append(self, process: int, batch: list[Key], is_committed: bool) -> None:
        inbox, events = self.inboxes[process], [make(key) for key in batch]
        if not is_committed:
            with pytest.raises(PowerCutError):
                append_and_die(inbox, events)
            return
        for key, receipt in zip(batch, inbox.append(events), strict=True):
            assert receipt.duplicate == (key in self.kept)
            assert receipt.seq == self.kept.setdefault(key, receipt.seq)

    def tidy(self, process: int, limit: int) -> None:
        self.inboxes[process].tidy(limit=limit)

    def purge(self, process: int, limit: int) -> None:
        inbox = self.inboxes[process]
        inbox.dispatch(lambda _: [], limit=1000)
        purged = inbox.purge(before=LATER, limit=limit).events
        oldest = sorted(self.kept, key=lambda key: self.kept[key])[:purged]
        for key in oldest:
            del self.kept[key]

    def restart(self, process: int) -> None:
        self.inboxes[process].close()
        self.inboxes[process] = SQLiteInbox(self.path)

    def require_all_found(self) -> None:
        for inbox in self.inboxes:
            stored = inbox.events(EventFilter(), limit=1000, after=0)
            assert {(event.event_id, event.action): event.seq for event in stored} == self.kept
        for event_id in {event_id for event_id, _ in self.kept}:
            self.require_found({"event_id": event_id}, lambda key, one=event_id: key[0] == one)
        for subject in {event_id[0] for event_id, _ in self.kept}:
            where = {"subject": f"about {subject}"}
            self.require_found(where, lambda key, one=subject: key[0][0] == one)

    def require_found(self, where: dict[str, str], is_meant: Callable[[Key], bool]) -> None:
        expected = sorted(seq for key, seq in self.kept.items() if is_meant(key))
        found = self.inboxes[0].events(EventFilter(**where), limit=1000, after=0)
        assert [event.seq for event in found] == expected


def test_the_twins_of_these_tests_are_twins() -> None:
    assert id_term(TWINS[0]) == id_term(TWINS[1])
    assert subject_term(TWINS[0]) == subject_term(TWINS[1])


def test_the_neighbours_of_these_tests_share_a_bit() -> None:
    one, two = map(id_term, NEIGHBOURS)
    assert one != two
    assert (one + 2**31) // 32 == (two + 2**31) // 32


@pytest.mark.parametrize(
    "next_one", [("purge", 0, 1), ("purge", 1, 1), ("tidy", 0, 1), ("restart", 0)]
)
def test_what_a_transaction_that_failed_had_stored_is_not_remembered(
    tmp_path: Path, next_one: tuple
) -> None:
    with closing(Processes(tmp_path / "inbox.db")) as processes:
        processes.append(0, [("1", "A")], is_committed=False)
        name, *given = next_one
        getattr(processes, name)(*given)
        # It gets the number that the one that failed would have had.
        processes.append(1, [("2", "A")], is_committed=True)
        processes.append(0, [("2", "A")], is_committed=True)
        processes.require_all_found()


@pytest.mark.usefixtures("small_levels")
@settings(max_examples=80, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_each_key_is_kept_once_and_found_whoever_stores_moves_deletes_or_dies(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple]
) -> None:
    path = tmp_path_factory.mktemp("once") / "inbox.db"
    with closing(Processes(path)) as processes:
        for name, *given in steps:
            getattr(processes, name)(*given)
        processes.require_all_found()
        assert orphans(path) == 0
        assert doubled(path) == 0
        assert bits_kept(path) == bits_needed(path)


@pytest.mark.usefixtures("small_levels")
def test_events_are_found_in_whatever_level_they_are(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    fill(inbox, 101, "book")
    assert set(levels(path)) == {1, 2, 3}
    assert in_memory(path) > 0
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
        assert doubled(path) == 0
        moved = 3 * (round_ + 1) - in_memory(path)
        assert levels(path).total() >= 2 * moved


@pytest.mark.usefixtures("small_levels")
@pytest.mark.parametrize("batch", [1, 7, 50])
def test_the_levels_that_move_stay_small(open_inbox: OpenSQLite, path: Path, batch: int) -> None:
    inbox = open_inbox()
    fill(inbox, 400, "book", batch)
    # A level moves on while half as many come again, and the last batch comes after it.
    assert in_memory(path) <= 2 * 4 + batch
    for level in (1, 2):
        assert levels(path)[level] <= 2 * (2 * 4 * 2**level + batch)


@pytest.mark.usefixtures("small_levels")
def test_many_events_about_one_thing_move_in_slices_too(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    for n in range(100):
        inbox.append([new_event(str(n), subject="one thing")])
    assert levels(path)[3] > in_memory(path)
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
def test_an_id_that_another_process_moved_behind_level_1_is_found(open_inbox: OpenSQLite) -> None:
    first, other = open_inbox(), open_inbox()
    fill(first, 1, "book")
    fill(other, 100, "tome")
    tidy_all(other)
    assert first.append([new_event("book-0")])[0].duplicate
    assert first.append([new_event("tome-0")])[0].duplicate


@pytest.mark.usefixtures("small_levels")
def test_an_id_is_found_after_one_with_the_same_bit_was_purged(open_inbox: OpenSQLite) -> None:
    inbox, other = open_inbox(), open_inbox()
    for event_id in NEIGHBOURS:
        other.append([new_event(event_id)])
    fill(inbox, 100, "book")
    inbox.dispatch(lambda _: [], limit=1000)
    assert inbox.purge(before=LATER, limit=1).events == 1
    for process in (inbox, other):
        assert process.append([new_event(NEIGHBOURS[1])])[0].duplicate
    assert not inbox.append([new_event(NEIGHBOURS[0])])[0].duplicate


@pytest.mark.usefixtures("small_levels")
def test_of_what_was_purged_no_term_is_left(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    fill(inbox, 100, "book")
    inbox.dispatch(lambda _: [], limit=1000)
    assert inbox.purge(before=LATER, limit=60).events == 60
    assert orphans(path) == 0
    assert bits_kept(path) == bits_needed(path)
    assert not inbox.append([new_event("book-0")])[0].duplicate
    assert inbox.append([new_event("book-99")])[0].duplicate


@pytest.mark.usefixtures("small_levels")
def test_what_another_process_has_in_memory_and_was_purged_leaves_no_term(
    open_inbox: OpenSQLite, path: Path
) -> None:
    storing, purging = open_inbox(), open_inbox()
    fill(storing, 3, "book", batch=3)
    purging.dispatch(lambda _: [], limit=1000)
    assert purging.purge(before=LATER, limit=2).events == 2
    fill(storing, 100, "tome")
    assert orphans(path) == 0
    assert not storing.append([new_event("book-0")])[0].duplicate
    assert storing.append([new_event("book-2")])[0].duplicate


@pytest.mark.usefixtures("small_levels")
def test_a_purge_amid_a_move_moves_each_term_once(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    fill(inbox, 6, "book", batch=2)
    inbox.dispatch(lambda _: [], limit=1000)
    assert (levels(path).total(), in_memory(path)) == (8, 6)
    assert inbox.purge(before=LATER, limit=5).events == 5
    assert levels(path).total() == 2
    assert inbox.append([new_event("book-5")])[0].duplicate


@pytest.mark.usefixtures("small_levels")
def test_of_a_move_that_was_rolled_back_no_bit_is_left(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    fill(inbox, 100, "book")
    before = bits_kept(path)
    assert before == bits_needed(path) != set()
    with pytest.raises(PowerCutError):
        append_and_die(inbox, [new_event(f"tome-{n}") for n in range(100)])
    assert bits_kept(path) == before
    tidy_all(inbox)
    assert all(inbox.append([new_event(f"book-{n}")])[0].duplicate for n in range(100))


@pytest.mark.usefixtures("small_levels")
def test_what_was_rolled_back_is_not_remembered(open_inbox: OpenSQLite) -> None:
    inbox, other = open_inbox(), open_inbox()
    fill(inbox, 1, "book")
    with pytest.raises(PowerCutError):
        append_and_die(inbox, [new_event("lost"), new_event("lost too")])
    assert inbox.append([new_event("book-0")])[0].duplicate
    assert not other.append([new_event("kept")])[0].duplicate
    assert inbox.append([new_event("kept")])[0].duplicate
    assert not inbox.append([new_event("lost")])[0].duplicate


@pytest.mark.usefixtures("small_levels")
def test_what_is_in_the_table_is_in_memory_no_more(open_inbox: OpenSQLite) -> None:
    inbox = open_inbox()
    fill(inbox, 100, "book")
    keys = [("main", "LOAN", "LOAN_RETURNED", f"book-{n}") for n in range(100)]
    assert 0 < len(inbox._terms._recent.having(keys)) <= 9


@pytest.mark.usefixtures("small_levels")
def test_an_event_about_nothing_has_one_term(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    inbox.append([new_event("a", subject=""), new_event("b", subject="a loan")])
    tidy_all(inbox)
    assert levels(path).total() == 3


@pytest.mark.usefixtures("small_levels")
def test_levels_that_are_filled_in_part_move_on_when_there_is_time(
    open_inbox: OpenSQLite, path: Path
) -> None:
    inbox = open_inbox()
    fill(inbox, 3, "book")
    assert levels(path).total() == 0
    tidy_all(inbox)
    assert in_memory(path) == 0
    assert levels(path) == {2: 6}
    assert found_by(inbox, event_id="book-1") == ["book-1"]
    assert inbox.append([new_event("book-1")])[0].duplicate


@pytest.mark.usefixtures("small_levels")
def test_a_move_that_was_begun_in_a_quiet_moment_waits_for_the_next_one(
    open_inbox: OpenSQLite, path: Path
) -> None:
    inbox = open_inbox()
    fill(inbox, 2, "book", batch=2)
    assert inbox.tidy(limit=1) == 1
    begun = levels(path).total()
    inbox.append([new_event("one more")])
    assert levels(path).total() == begun
    fresh = open_inbox()
    assert all(fresh.append([new_event(f"book-{n}")])[0].duplicate for n in range(2))
    tidy_all(fresh, limit=1)
    assert in_memory(path) == 0
    assert doubled(path) == 0


def test_few_events_are_left_where_they_are(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    fill(inbox, 300, "book", batch=100)
    tidy_all(inbox)
    assert levels(path).total() == 0


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
    # A sixteenth of all, the filter too.
    monkeypatch.setattr(terms, "_FIRST", 1024)
    monkeypatch.setattr(id_filter, "_TERMS_OF_A_BIT", 512)
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
        later = ("terms", "levels", "bodies", "spooled", "segments", "id_filter")
        for name in (*later, *rows, "steps", "rejections", "progress"):
            connection.execute(f"DROP TABLE {name}")
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


def inbox_of_schema_4(path: Path) -> None:
    """Make a database whose newest terms are in a level of their own, some moved on by now."""
    with closing(SQLiteInbox(path)) as inbox:
        fill(inbox, 101, "book")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.create_function("id_term", 1, id_term)
        connection.create_function("subject_term", 1, subject_term)
        connection.execute("""
            INSERT INTO terms SELECT 0, term, seq FROM (
                SELECT id_term(event_id) AS term, seq FROM events
                UNION ALL SELECT subject_term(subject), seq FROM events)
            WHERE (term, seq) NOT IN (SELECT term, event_seq FROM terms)""")
        connection.execute("DROP TABLE id_filter")
        connection.execute("PRAGMA user_version = 4")


@pytest.mark.usefixtures("small_levels")
def test_terms_of_a_level_that_is_no_more_are_found(open_inbox: OpenSQLite, path: Path) -> None:
    inbox_of_schema_4(path)
    assert set(levels(path)) == {0, 1, 2, 3}
    inbox = open_inbox()
    assert set(levels(path)) == {1, 2, 3}
    assert bits_kept(path) == bits_needed(path)
    for n in range(101):
        assert found_by(inbox, event_id=f"book-{n}") == [f"book-{n}"]
        assert found_by(inbox, subject=f"about book-{n}") == [f"book-{n}"]
        assert inbox.append([new_event(f"book-{n}")])[0].duplicate
    fill(inbox, 100, "tome")
    assert doubled(path) == 0
    assert levels(path).total() >= 2 * (201 - in_memory(path))


QUERIES = (
    "candidates",
    "known",
    "slice_end",
    "slice_ids",
    "copy_slice",
    "purge_terms",
    "unused_bits",
    "filter_changes",
)


@pytest.mark.parametrize("query", QUERIES)
def test_no_query_of_terms_reads_them_from_end_to_end(open_inbox: OpenSQLite, query: str) -> None:
    names = ("terms", "older", "rows", "level", "term", "event_seq", "size", "going", "bits")
    asked = {**dict.fromkeys(names, "[]"), "until_term": 0, "until_seq": 0, "read": 0}
    text = f"EXPLAIN QUERY PLAN {load_queries()[query]}"
    plan = [row["detail"] for row in open_inbox()._db._writer.execute(text, asked)]
    assert plan
    whole = ("SCAN terms", "SCAN events", "SCAN id_filter")
    assert [line for line in plan if line.startswith(whole)] == []
