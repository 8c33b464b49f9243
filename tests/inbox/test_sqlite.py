import json
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from almahook.errors import InboxUnavailableError, SchemaError
from almahook.inbox import EventFilter, Inbox, RunState
from almahook.inbox.sqlite import SQLiteInbox, terms
from almahook.inbox.sqlite.search import find_events
from almahook.inbox.sqlite.sql import load_migrations, load_queries
from almahook.testing.inbox_contract.given import LATER, add, new_event, settle, take_one, tidy_all

OpenSQLite = Callable[..., SQLiteInbox]

OPEN_AND_APPEND = """
import sys
from almahook.inbox.sqlite import SQLiteInbox, terms
from almahook.testing.inbox_contract.given import new_event

sys.stdin.readline()
inbox = SQLiteInbox(sys.argv[1])
inbox.append([new_event(sys.argv[2])])
inbox.close()
"""

FILL_THE_DISK = """
import json, resource, sys
from almahook.errors import InboxUnavailableError
from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox, terms
from almahook.testing.inbox_contract.given import new_event

def limit(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

inbox = SQLiteInbox(sys.argv[1])
acknowledged, refused = [], 0
limit(400_000)
for number in range(30):
    try:
        inbox.append([new_event(str(number), body=bytes(40_000))])
    except InboxUnavailableError:
        refused += 1
    else:
        acknowledged.append(str(number))
limit(resource.RLIM_INFINITY)
inbox.append([new_event("afterwards")])
found = [event.event_id for event in inbox.events(EventFilter(), limit=100, after=0)]
print(json.dumps([acknowledged, refused, found]))
"""


def pragma(inbox: SQLiteInbox, name: str) -> object:
    return inbox._db._writer.execute(f"PRAGMA {name}").fetchone()[0]


def ids(inbox: Inbox) -> list[str]:
    return [event.event_id for event in inbox.events(EventFilter(), limit=1000, after=0)]


def test_only_the_owner_may_read_the_files(open_inbox: OpenSQLite, path: Path) -> None:
    open_inbox().append([new_event()])
    files = list(path.parent.iterdir())
    assert {file.name for file in files} >= {"inbox.db", "inbox.db-wal"}
    assert [file.name for file in files if file.stat().st_mode & 0o077] == []


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    with closing(SQLiteInbox(tmp_path / "data" / "new" / "inbox.db")) as inbox:
        assert inbox.append([new_event()])


def test_every_commit_is_synced(open_inbox: OpenSQLite) -> None:
    inbox = open_inbox()
    full = 2  # https://www.sqlite.org/pragma.html#pragma_synchronous
    assert (pragma(inbox, "journal_mode"), pragma(inbox, "synchronous")) == ("wal", full)


def test_what_is_deleted_is_overwritten(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox()
    add(inbox, new_event(body=b"the name of a patron"))
    settle(inbox, take_one(inbox))
    inbox.purge(before=LATER, limit=10)
    inbox.close()
    assert b"the name of a patron" not in path.read_bytes()


def test_an_empty_file_is_made_into_an_inbox(path: Path, open_inbox: OpenSQLite) -> None:
    path.touch()
    assert open_inbox().append([new_event()])
    assert pragma(open_inbox(), "user_version") == max(load_migrations())


def test_migrations_are_numbered_without_a_gap() -> None:
    assert list(load_migrations()) == list(range(1, len(load_migrations()) + 1))


def test_a_file_of_a_newer_release_is_refused_and_left_alone(
    open_inbox: OpenSQLite, path: Path
) -> None:
    open_inbox().close()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 9999")
    with pytest.raises(SchemaError, match="newer release"):
        open_inbox()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (9999,)


def test_a_file_that_is_no_database_is_refused_and_left_alone(
    open_inbox: OpenSQLite, path: Path
) -> None:
    path.write_bytes(b"a letter to the library\n" * 100)
    with pytest.raises(InboxUnavailableError):
        open_inbox()
    assert path.read_bytes().startswith(b"a letter")


def test_a_path_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InboxUnavailableError):
        SQLiteInbox(tmp_path / "file" / "inbox.db")
    with pytest.raises(InboxUnavailableError):
        SQLiteInbox(tmp_path)


@pytest.mark.parametrize("attempt", range(3))
def test_processes_that_open_a_new_file_at_once_all_succeed(
    open_inbox: OpenSQLite, path: Path, attempt: int
) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", OPEN_AND_APPEND, path, str(number)],
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for number in range(4)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    assert sorted(ids(open_inbox())) == ["0", "1", "2", "3"]


def test_a_file_locked_by_another_process_is_an_error_in_time_and_works_again_afterwards(
    open_inbox: OpenSQLite, path: Path
) -> None:
    inbox = open_inbox(busy_timeout_s=0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(InboxUnavailableError, match="locked"):
            inbox.append([new_event()])
        assert ids(inbox) == []
        other.execute("ROLLBACK")
    assert inbox.append([new_event()])


def test_a_lock_that_is_given_up_in_time_is_waited_for(open_inbox: OpenSQLite) -> None:
    assert pragma(open_inbox(), "busy_timeout") == 2000


def test_who_waits_for_another_thread_is_answered_in_time_too(open_inbox: OpenSQLite) -> None:
    inbox = open_inbox(busy_timeout_s=0.05)
    with inbox._db.write(), ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(inbox.append, [new_event()])
        with pytest.raises(InboxUnavailableError, match="busy"):
            waiting.result(60)
    assert ids(inbox) == []
    assert inbox.append([new_event()])


def test_what_was_waited_for_other_threads_is_not_waited_again_for_other_processes(
    open_inbox: OpenSQLite, path: Path
) -> None:
    an_hour = 3600
    inbox = open_inbox(busy_timeout_s=an_hour)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            inbox._db._begin(waited_s=an_hour)
    assert pragma(inbox, "busy_timeout") == an_hour * 1000


def test_readers_go_on_while_another_process_writes(open_inbox: OpenSQLite, path: Path) -> None:
    inbox = open_inbox(busy_timeout_s=0.05)
    add(inbox, new_event())
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM events")
        assert ids(inbox) == ["1"]
        assert inbox.backlog().waiting == 1


def test_a_full_file_is_an_error_that_leaves_nothing_half_written(open_inbox: OpenSQLite) -> None:
    inbox = open_inbox()
    (kept,) = inbox.append([new_event("kept")])
    pages = pragma(inbox, "page_count")
    pragma(inbox, f"max_page_count = {int(str(pages)) + 3}")
    with pytest.raises(InboxUnavailableError, match="full"):
        inbox.append([new_event("small"), new_event("large", body=bytes(200_000))])
    assert ids(inbox) == ["kept"]
    pragma(inbox, "max_page_count = 1000000")
    (receipt,) = inbox.append([new_event("large", body=bytes(200_000))])
    assert receipt.seq > kept.seq
    assert ids(inbox) == ["kept", "large"]


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="needs a limit on file sizes")
def test_when_no_file_can_grow_nothing_that_was_refused_or_acknowledged_is_mistaken(
    path: Path,
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, path], check=True, capture_output=True, timeout=60
    )
    acknowledged, refused, found = json.loads(done.stdout)
    assert acknowledged
    assert refused
    assert found == [*acknowledged, "afterwards"]


def test_a_store_that_was_closed_is_an_error_and_may_be_closed_again(
    open_inbox: OpenSQLite,
) -> None:
    inbox = open_inbox()
    inbox.close()
    with pytest.raises(InboxUnavailableError):
        inbox.append([new_event()])
    with pytest.raises(InboxUnavailableError):
        inbox.backlog()
    inbox.close()


def test_errors_show_no_body(open_inbox: OpenSQLite) -> None:
    inbox = open_inbox()
    inbox.close()
    with pytest.raises(InboxUnavailableError) as raised:
        inbox.append([new_event(body=b"the name of a patron")])
    assert "patron" not in str(raised.value)
    assert "patron" not in repr(new_event(body=b"the name of a patron"))


@pytest.mark.parametrize("query", ["backlog", "lease", "take_expired", "undispatched"])
def test_what_is_polled_reads_no_table_from_end_to_end(open_inbox: OpenSQLite, query: str) -> None:
    asked = {"handler": "texts", "now": 0, "until": 0, "slots": 1, "limit": 1, "dispatched": 0}
    text = f"EXPLAIN QUERY PLAN {load_queries()[query]}"
    plan = [row["detail"] for row in open_inbox()._db._writer.execute(text, asked)]
    scans = [line for line in plan if line.startswith("SCAN") and "INDEX" not in line]
    assert [line for line in scans if line.split()[1] not in {"progress", "CONSTANT"}] == []


def steps(path: Path, where: EventFilter) -> int:
    """Count what SQLite does, in hundreds of its instructions, to find events."""
    counted = 0

    def count() -> int:
        nonlocal counted
        counted += 1
        return 0

    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        connection.set_progress_handler(count, 100)
        assert len(find_events(connection, where, limit=50, before=None, after=None)) == 1
    return counted


@pytest.mark.parametrize(
    "where",
    [EventFilter(event_id="rare"), EventFilter(subject="rare"), EventFilter(state="parked")],
)
def test_what_is_rare_is_found_without_a_look_at_all_that_is_stored(
    open_inbox: OpenSQLite, path: Path, where: EventFilter, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So many as are looked through are few.
    monkeypatch.setattr(terms, "_FIRST", 4)
    inbox = open_inbox()
    add(inbox, new_event("rare", subject="rare"))
    settle(inbox, take_one(inbox), state=RunState.PARKED)
    looked = []
    for size in (100, 3000):
        inbox.append([new_event(f"{size}-{number}", subject="often") for number in range(size)])
        inbox.dispatch(lambda _: [], limit=size)
        tidy_all(inbox)
        looked.append(steps(path, where))
    assert looked[1] <= looked[0] + 1
