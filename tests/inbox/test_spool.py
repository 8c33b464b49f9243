"""The files beside the SQLite database: what is read back whatever is left of them."""

import os
import stat
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almahook.errors import InboxUnavailableError
from almahook.inbox import Collected, EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from almahook.inbox.sqlite.spool import Spool
from almahook.testing.inbox_contract.given import new_event

NOTHING = Collected(events=0, duplicates=0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@pytest.fixture
def spool(folder):
    opened = Spool(folder)
    yield opened
    opened.end_segment()


def ids(spool, name, start=0):
    found = []
    while (chunk := spool.read(name, start, limit=100)).events:
        found += [event.event_id for event in chunk.events]
        start = chunk.end
    return found


def only_segment(folder) -> Path:
    (path,) = folder.glob("*.segment")
    return path


def test_only_the_owner_may_read_what_is_spooled(spool, folder):
    spool.put([new_event()])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_segment(folder).stat().st_mode) == 0o600


def test_batches_of_one_writer_are_in_one_file_in_order(spool):
    spool.put([new_event("1"), new_event("2")])
    spool.put([new_event("3")])
    (name,) = spool.segments()
    assert ids(spool, name) == ["1", "2", "3"]


def test_a_reader_goes_on_where_it_ended(spool):
    spool.put([new_event("1")])
    (name,) = spool.segments()
    end = spool.read(name, 0, limit=10).end
    spool.put([new_event("2")])
    assert ids(spool, name, end) == ["2"]
    assert spool.waiting(name, end).events == 1


def test_large_bodies_are_read_a_few_at_a_time(spool):
    spool.put([new_event("1", body=bytes(9 * 1024 * 1024))])
    spool.put([new_event("2")])
    (name,) = spool.segments()
    assert len(spool.read(name, 0, limit=100).events) == 1
    assert ids(spool, name) == ["1", "2"]


def test_a_large_segment_is_followed_by_a_new_one(spool):
    body = bytes(9 * 1024 * 1024)
    for number in range(3):
        spool.put([new_event(str(number), body=body)])
    first, second = spool.segments()
    assert (ids(spool, first), ids(spool, second)) == (["0", "1"], ["2"])


def test_a_segment_that_is_written_to_is_not_deleted(spool):
    spool.put([new_event()])
    ((name, size),) = spool.segments().items()
    assert not spool.retire(name, collected=size)
    spool.end_segment()
    assert spool.retire(name, collected=size)
    assert spool.segments() == {}


def test_a_segment_of_which_something_is_left_is_not_deleted(spool):
    spool.put([new_event()])
    spool.end_segment()
    (name,) = spool.segments()
    assert not spool.retire(name, collected=0)
    assert ids(spool, name) == ["1"]


def test_a_segment_that_another_has_deleted_holds_nothing(spool, folder):
    spool.put([new_event()])
    (name,) = spool.segments()
    only_segment(folder).unlink()
    assert ids(spool, name) == []
    assert spool.waiting(name, 0).events == 0
    assert spool.retire(name, collected=0)


def test_a_new_segment_that_was_deleted_before_it_was_locked_is_made_anew(
    spool, folder, monkeypatch
):
    import fcntl

    lock = fcntl.flock
    taken = []

    def deleted_first(fd, how):
        if not taken:
            taken.append(only_segment(folder))
            taken[0].unlink()
        lock(fd, how)

    monkeypatch.setattr("fcntl.flock", deleted_first)
    spool.put([new_event()])
    assert only_segment(folder) != taken[0]
    assert ids(spool, only_segment(folder).name) == ["1"]


def test_who_deletes_the_folder_loses_nothing_that_is_stored_afterwards(spool, folder):
    spool.put([new_event("1")])
    rmtree(folder)
    spool.put([new_event("2")])
    spool.put([new_event("3")])
    assert ids(spool, only_segment(folder).name) == ["2", "3"]


def test_after_a_failed_write_the_next_batch_goes_to_another_segment(spool, folder, monkeypatch):
    spool.put([new_event("1")])

    def fails(_fd):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", fails)
        with pytest.raises(InboxUnavailableError, match="No space left"):
            spool.put([new_event("lost")])
    spool.put([new_event("2")])
    assert [ids(spool, name) for name in spool.segments()] == [["1"], ["2"]]


def test_a_folder_that_cannot_be_made_is_an_unavailable_inbox(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InboxUnavailableError, match="file"):
        Spool(tmp_path / "file" / "spool").put([new_event()])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_wherever_a_segment_is_cut_off_the_whole_batches_before_are_read(tmp_path, data):
    spool = Spool(tmp_path / os.urandom(8).hex())
    ends = []
    for number in range(3):
        spool.put([new_event(str(number), body=b"x" * 50)])
        ends.append(sum(spool.segments().values()))
    spool.end_segment()
    (name,) = spool.segments()
    cut = data.draw(st.integers(0, ends[-1]))
    os.truncate(spool._folder / name, cut)
    whole = [str(number) for number, end in enumerate(ends) if end <= cut]
    assert ids(spool, name) == whole
    assert spool.waiting(name, 0).events == len(whole)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 900), byte=st.integers(0, 255), zeros=st.integers(0, 64))
def test_whatever_byte_is_wrong_no_wrong_event_is_read(tmp_path, place, byte, zeros):
    spool = Spool(tmp_path / os.urandom(8).hex())
    for number in range(3):
        spool.put([new_event(str(number), body=b"x" * 50)])
    spool.end_segment()
    (name,) = spool.segments()
    path = spool._folder / name
    data = bytearray(path.read_bytes())
    data[place % len(data)] = byte
    path.write_bytes(bytes(data) + bytes(zeros))
    found = spool.read(name, 0, limit=100).events
    assert found == [new_event(str(number), body=b"x" * 50) for number in range(len(found))]
    spool.waiting(name, 0)


# With the database


def test_the_files_of_a_writer_that_has_closed_are_gone_once_they_are_collected(tmp_path):
    writer, reader = SQLiteInbox(tmp_path / "a.db"), SQLiteInbox(tmp_path / "a.db")
    writer.spool([new_event()])
    writer.close()
    assert reader.collect(limit=10).events == 1
    assert reader.collect(limit=10) == NOTHING
    assert list((tmp_path / "a.db-spool").iterdir()) == []
    reader.close()


def test_a_purge_leaves_nothing_of_what_was_collected_in_the_spool(tmp_path):
    inbox = SQLiteInbox(tmp_path / "a.db")
    inbox.spool([new_event(body=b"a patron's name")])
    inbox.collect(limit=10)
    inbox.dispatch(lambda _: [], limit=10)
    inbox.purge(before=2e9, limit=10)
    inbox.collect(limit=10)
    assert list((tmp_path / "a.db-spool").iterdir()) == []
    inbox.spool([new_event("2")])
    assert inbox.collect(limit=10).events == 1
    inbox.close()


def test_what_was_cut_off_is_set_aside_and_told(tmp_path, caplog):
    writer, reader = SQLiteInbox(tmp_path / "a.db"), SQLiteInbox(tmp_path / "a.db")
    writer.spool([new_event("1")])
    writer.spool([new_event("2")])
    writer.close()
    path = only_segment(tmp_path / "a.db-spool")
    os.truncate(path, path.stat().st_size - 1)
    while reader.collect(limit=10) != NOTHING:
        pass
    assert [event.event_id for event in reader.events(EventFilter(), limit=10)] == ["1"]
    (kept,) = (tmp_path / "a.db-spool").iterdir()
    assert kept.suffix == ".damaged"
    assert [record.message for record in caplog.records] == ["spool.damaged"]
    assert reader.backlog().pending == 1
    reader.purge(before=kept.stat().st_mtime + 1, limit=10)
    assert not kept.exists()
    reader.close()


def test_events_can_be_listed_although_nothing_can_be_collected(tmp_path):
    inbox = SQLiteInbox(tmp_path / "a.db", busy_timeout_s=0.05)
    inbox.append([new_event("1")])
    inbox.spool([new_event("2")])
    other = SQLiteInbox(tmp_path / "a.db")
    with other._db.write():
        assert [event.event_id for event in inbox.events(EventFilter(), limit=10)] == ["1"]
    assert len(inbox.events(EventFilter(), limit=10)) == 2
    inbox.close()
    other.close()


def test_a_spooled_event_is_seen_without_anybody_collecting(tmp_path):
    inbox = SQLiteInbox(tmp_path / "a.db")
    inbox.spool([new_event()])
    (event,) = inbox.events(EventFilter(), limit=10)
    assert inbox.event(event.seq).event_id == "1"
    inbox.close()


def test_the_version_changes_when_another_has_spooled(tmp_path):
    inbox, other = SQLiteInbox(tmp_path / "a.db"), SQLiteInbox(tmp_path / "a.db")
    before = inbox.version()
    other.spool([new_event()])
    assert inbox.version() != before
    for one in (inbox, other):
        with suppress(InboxUnavailableError):
            one.close()


def test_a_segment_that_is_only_just_begun_is_no_error_to_who_collects(tmp_path):
    inbox = SQLiteInbox(tmp_path / "a.db")
    inbox.spool([new_event()])
    begun = tmp_path / "a.db-spool" / "00000000000000000001-00000000.segment"
    begun.touch()
    assert inbox.collect(limit=10).events == 1
    assert not begun.exists()
    inbox.close()


def test_what_was_collected_is_synced_before_its_segment_is_deleted(tmp_path, monkeypatch):
    inbox = SQLiteInbox(tmp_path / "a.db")
    inbox.spool([new_event()])
    inbox.purge(before=0.0, limit=1)
    done = []
    unlink = Path.unlink
    monkeypatch.setattr(Path, "unlink", lambda *_, **__: done.append("deleted") or unlink(*_, **__))
    sync = inbox._collector._sync
    monkeypatch.setattr(inbox._collector, "_sync", lambda one: done.append("synced") or sync(one))
    while inbox.collect(limit=10) != NOTHING:
        pass
    assert done == ["synced", "deleted"]
    inbox.close()
