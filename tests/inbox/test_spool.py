"""The files beside the SQLite database: what is read back whatever is left of them."""

import os
import stat
import struct
import subprocess
import sys
from contextlib import contextmanager, suppress
from errno import EOPNOTSUPP
from pathlib import Path
from shutil import rmtree
from zlib import crc32

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from almahook.errors import InboxUnavailableError
from almahook.inbox import Collected, EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from almahook.inbox.sqlite.batches import pack
from almahook.inbox.sqlite.spool import Spool, Waiting
from almahook.testing.inbox_contract.given import new_event
from almahook.testing.inbox_contract.given import spool as spool_into
from begun_spool import BegunSpool, ids

NOTHING = Collected(events=0, duplicates=0)


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "spool"


@contextmanager
def opened(folder, how, monkeypatch):
    if how == "in two calls":
        # As on a system that cannot write and sync at once.
        monkeypatch.setattr("almahook.inbox.sqlite.segment._DSYNC", None)
    spool = BegunSpool(folder) if how == "by the kernel" else Spool(folder)
    yield spool
    spool.close()


@pytest.fixture(params=["in one call", "in two calls"])
def waiting_spool(folder, request, monkeypatch):
    """A spool that is written to while a thread waits."""
    with opened(folder, request.param, monkeypatch) as spool:
        yield spool


@pytest.fixture(params=["in one call", "in two calls", "by the kernel"])
def spool(folder, request, monkeypatch):
    with opened(folder, request.param, monkeypatch) as spool:
        yield spool


def put(spool, events):
    spool.put([pack(events)])


def only_segment(folder) -> Path:
    (path,) = folder.glob("*.segment")
    return path


def test_only_the_owner_may_read_what_is_spooled(spool, folder):
    put(spool, [new_event()])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(only_segment(folder).stat().st_mode) == 0o600


def test_batches_of_one_writer_are_in_one_file_in_order(spool):
    put(spool, [new_event("1"), new_event("2")])
    put(spool, [new_event("3")])
    (name,) = spool.segments()
    assert ids(spool, name) == ["1", "2", "3"]


def test_a_reader_goes_on_where_it_ended(spool):
    put(spool, [new_event("1")])
    (name,) = spool.segments()
    end = spool.read(name, 0, limit=10).end
    put(spool, [new_event("2")])
    assert ids(spool, name, end) == ["2"]
    assert spool.waiting(name, end).events == 1


def test_large_bodies_are_read_a_few_at_a_time(spool):
    put(spool, [new_event("1", body=bytes(9 * 1024 * 1024))])
    put(spool, [new_event("2")])
    (name,) = spool.segments()
    assert len(spool.read(name, 0, limit=100).events) == 1
    assert ids(spool, name) == ["1", "2"]


def test_a_large_segment_is_followed_by_a_new_one(spool):
    body = bytes(9 * 1024 * 1024)
    for number in range(3):
        put(spool, [new_event(str(number), body=body)])
    first, second = spool.segments()
    assert (ids(spool, first), ids(spool, second)) == (["0", "1"], ["2"])


def test_for_the_end_of_a_segment_it_is_looked_from_where_it_was_collected_to(spool, folder):
    for number in range(3):
        put(spool, [new_event(str(number))])
    ((name, size),) = spool.segments().items()
    collected = spool.read(name, 0, limit=2).end
    path = only_segment(folder)
    data = path.read_bytes()
    path.write_bytes(data[:17] + bytes(40) + data[57:])
    afresh = Spool(folder)
    assert afresh.segments({name: collected}) == {name: size}
    assert afresh.segments(passing_over=[name]) == {}
    assert Spool(folder).segments()[name] < collected


def test_a_segment_that_is_written_to_is_not_deleted(spool):
    put(spool, [new_event()])
    ((name, size),) = spool.segments().items()
    assert not spool.retire(name, collected=size)
    spool.end_segment()
    assert spool.retire(name, collected=size)
    assert spool.segments() == {}


def test_a_segment_of_which_something_is_left_is_not_deleted(spool):
    put(spool, [new_event()])
    spool.end_segment()
    (name,) = spool.segments()
    assert not spool.retire(name, collected=0)
    assert ids(spool, name) == ["1"]


def test_a_segment_that_another_has_deleted_holds_nothing(spool, folder):
    put(spool, [new_event()])
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
    put(spool, [new_event()])
    assert only_segment(folder) != taken[0]
    assert ids(spool, only_segment(folder).name) == ["1"]


def test_who_deletes_the_folder_loses_nothing_that_is_stored_afterwards(spool, folder):
    put(spool, [new_event("1")])
    rmtree(folder)
    put(spool, [new_event("2")])
    put(spool, [new_event("3")])
    assert ids(spool, only_segment(folder).name) == ["2", "3"]


def test_after_a_failed_write_the_next_batch_goes_to_another_segment(
    waiting_spool, folder, monkeypatch
):
    put(waiting_spool, [new_event("1")])

    def fails(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        for call in ("pwritev", "fdatasync"):
            broken.setattr(os, call, fails)
        with pytest.raises(InboxUnavailableError, match="No space left"):
            put(waiting_spool, [new_event("lost")])
    put(waiting_spool, [new_event("2")])
    assert [ids(waiting_spool, name) for name in waiting_spool.segments()] == [["1"], ["2"]]


# Room ahead


def made_room(spool, folder) -> Path:
    """Store until zeros are written ahead."""
    number = len(ids(spool, only_segment(folder).name)) if folder.exists() else 0
    while True:
        put(spool, [new_event(str(number), body=bytes(range(256)) * 1024)])
        number += 1
        # Jobs are done in turn: when this one is, so are those before it.
        spool._writer._filler.submit(lambda: None).result()
        path = only_segment(folder)
        if path.stat().st_size > spool.segments()[path.name]:
            return path


def test_a_segment_is_read_as_it_is_described(spool, folder):
    def batch(*events):
        payload = msgspec.msgpack.encode(events)
        checked = struct.pack("<IId", len(payload), len(events), events[0].received_at) + payload
        return struct.pack("<I", crc32(checked)) + checked

    older, newer = new_event("1", received_at=7.0), new_event("2", received_at=8.0)
    first, second = batch(older, newer), batch(new_event("3", received_at=9.0))
    data = b"almahook spool 3\n" + first + b"written:" + second
    folder.mkdir()
    (folder / "1.segment").write_bytes(data)
    assert spool.segments() == {"1.segment": len(data)}
    assert ids(spool, "1.segment") == ["1", "2", "3"]
    assert spool.waiting("1.segment", 0) == Waiting(events=3, oldest_at=7.0)
    assert spool.waiting("1.segment", 17 + len(first)) == Waiting(events=1, oldest_at=9.0)


def test_what_was_written_before_something_else_was_begun_is_known_to_be_on_disk(spool):
    spool.put([pack([new_event("1")]), pack([new_event("2")])])
    (name,) = spool.segments()
    assert spool.read(name, 0, limit=10).on_disk == 0
    spool.put([pack([new_event("3")]), pack([new_event("4")])])
    assert [spool.read(name, 0, limit=limit).on_disk for limit in (1, 2, 3, 4)] == [0, 2, 2, 2]


def test_for_a_few_events_no_room_is_made_ahead(spool, folder):
    for number in range(10):
        put(spool, [new_event(str(number))])
    spool._writer._filler.submit(lambda: None).result()
    (end,) = spool.segments().values()
    assert only_segment(folder).stat().st_size == end


def test_room_is_made_a_megabyte_at_a_time_and_never_over_a_batch(spool, folder):
    path = made_room(spool, folder)
    for number in range(500):
        put(spool, [new_event(f"more {number}", body=b"x" * 7000)])
        assert path.stat().st_size - spool.segments()[path.name] < 2 * 1024 * 1024
    found = ids(spool, path.name)
    assert found[-500:] == [f"more {number}" for number in range(500)]
    assert found[:-500] == [str(number) for number in range(len(found) - 500)]


def test_a_batch_that_is_longer_than_the_room_is_written_whole(spool, folder):
    path = made_room(spool, folder)
    before = ids(spool, path.name)
    put(spool, [new_event("large", body=b"x" * 3 * 1024 * 1024)])
    put(spool, [new_event("small")])
    assert ids(spool, path.name) == [*before, "large", "small"]


def test_a_segment_that_is_ended_is_as_long_as_what_is_in_it(spool, folder):
    path = made_room(spool, folder)
    end = spool.segments()[path.name]
    spool.end_segment()
    spool._writer._filler.submit(lambda: None).result()
    assert path.stat().st_size == end
    assert spool.retire(path.name, collected=end)


def test_room_that_comes_too_late_is_not_made_behind_the_end(spool, folder):
    path = made_room(spool, folder)
    segment = spool._writer._segment
    spool.end_segment()
    size = path.stat().st_size
    spool._writer._make_room(segment)
    assert path.stat().st_size == size


def test_after_it_was_closed_a_spool_stores_without_room(spool, folder):
    made_room(spool, folder)
    spool.close()
    for number in range(20):
        Spool.put(spool, [pack([new_event(str(number), body=b"x" * 50_000)])])
    *_, name = spool.segments()
    assert ids(spool, name) == [str(number) for number in range(20)]
    spool.end_segment()


def test_where_no_room_can_be_made_the_segment_just_grows(waiting_spool, folder, monkeypatch):
    whole = os.pwrite
    tried = []

    def no_space_for_zeros(fd, data, place):
        if not any(data):
            tried.append(place)
            raise OSError(28, "No space left on device")
        return whole(fd, data, place)

    monkeypatch.setattr(os, "pwrite", no_space_for_zeros)
    for number in range(30):
        put(waiting_spool, [new_event(str(number), body=b"x" * 100_000)])
        waiting_spool._writer._filler.submit(lambda: None).result()
    ((name, end),) = waiting_spool.segments().items()
    assert len(tried) == 1
    assert only_segment(folder).stat().st_size == end
    assert ids(waiting_spool, name) == [str(number) for number in range(30)]


def test_a_write_that_is_cut_short_is_gone_on_with(waiting_spool, folder, monkeypatch):
    def one_byte(write):
        return lambda fd, data, *rest: write(
            fd, [b"".join(data)[:1]] if isinstance(data, list) else data[:1], *rest
        )

    for call in ("pwritev", "pwrite"):
        monkeypatch.setattr(os, call, one_byte(getattr(os, call)))
    put(waiting_spool, [new_event("1"), new_event("2")])
    put(waiting_spool, [new_event("3")])
    assert ids(waiting_spool, only_segment(folder).name) == ["1", "2", "3"]


def test_a_kernel_that_cannot_write_and_sync_at_once_does_it_in_two_calls(
    waiting_spool, folder, monkeypatch
):
    def not_known(*_):
        raise OSError(EOPNOTSUPP, "Operation not supported")

    synced = []
    sync = os.fdatasync
    monkeypatch.setattr(os, "pwritev", not_known)
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(fd) or sync(fd))
    put(waiting_spool, [new_event("1")])
    put(waiting_spool, [new_event("2")])
    assert len(synced) == 2
    assert ids(waiting_spool, only_segment(folder).name) == ["1", "2"]


def test_a_failed_batch_within_the_room_is_not_followed_by_another(
    waiting_spool, folder, monkeypatch
):
    path = made_room(waiting_spool, folder)
    before = ids(waiting_spool, path.name)

    def half(write):
        def fails(fd, data, place, *_):
            whole = b"".join(data) if isinstance(data, list) else bytes(data)
            write(fd, whole[: len(whole) // 2], place)
            raise OSError(5, "Input/output error")

        return fails

    def cannot(*_):
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as broken:
        write = os.pwrite
        broken.setattr(os, "pwritev", half(write))
        broken.setattr(os, "pwrite", half(write))
        broken.setattr(os, "ftruncate", cannot)
        with pytest.raises(InboxUnavailableError):
            put(waiting_spool, [new_event("lost", body=b"x" * 5000)])
    put(waiting_spool, [new_event("next")])
    first, second = waiting_spool.segments()
    assert (ids(waiting_spool, first), ids(waiting_spool, second)) == (before, ["next"])


def test_a_folder_that_cannot_be_made_is_an_unavailable_inbox(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InboxUnavailableError, match="file"):
        put(Spool(tmp_path / "file" / "spool"), [new_event()])


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_wherever_a_segment_is_cut_off_the_whole_batches_before_are_read(tmp_path, data):
    spool = Spool(tmp_path / os.urandom(8).hex())
    ends = []
    for number in range(3):
        put(spool, [new_event(str(number), body=b"x" * 50)])
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
        put(spool, [new_event(str(number), body=b"x" * 50)])
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

KILLED = """
import os, signal, sys
from almahook.inbox.sqlite import SQLiteInbox
from almahook.testing.inbox_contract.given import new_event
from almahook.testing.inbox_contract.given import spool as spool_into

inbox = SQLiteInbox(sys.argv[1])
for number in range(int(sys.argv[2])):
    spool_into(inbox, [new_event(str(number), body=b"x" * 50_000)])
inbox._spool._writer._filler.submit(lambda: None).result()
os.kill(os.getpid(), signal.SIGKILL)
"""


def left_by_a_killed_writer(database: Path, events: int) -> Path:
    """Spool events and be killed; the segment still has its zeros."""
    command = [sys.executable, "-c", KILLED, str(database), str(events)]
    assert subprocess.run(command, check=False).returncode == -9
    path = only_segment(database.with_name(f"{database.name}-spool"))
    assert path.read_bytes()[-1000:] == bytes(1000)
    return path


def collect_all(inbox: SQLiteInbox) -> int:
    events = 0
    while (taken := inbox.collect(limit=10)) != NOTHING:
        events += taken.events
    return events


def test_zeros_that_a_killed_writer_left_are_no_damage(tmp_path, caplog):
    path = left_by_a_killed_writer(tmp_path / "a.db", 8)
    inbox = SQLiteInbox(tmp_path / "a.db")
    assert inbox.backlog().pending == 8
    assert collect_all(inbox) == 8
    assert list(path.parent.iterdir()) == []
    assert caplog.records == []
    inbox.close()


def test_a_torn_batch_before_the_zeros_is_set_aside_and_told(tmp_path, caplog):
    path = left_by_a_killed_writer(tmp_path / "a.db", 8)
    inbox = SQLiteInbox(tmp_path / "a.db")
    (end,) = inbox._spool.segments().values()
    with path.open("r+b") as file:
        # The last batch's second half was never written.
        file.seek(end - 25_000)
        file.write(bytes(25_000))
    assert collect_all(inbox) == 7
    (kept,) = path.parent.iterdir()
    assert kept.suffix == ".damaged"
    (record,) = caplog.records
    assert record.message == "spool.damaged"
    assert 20_000 < record.fields["bytes"] < 30_000
    inbox.close()


def test_who_collects_does_not_write_while_nothing_but_room_is_left(tmp_path):
    writer, inbox = SQLiteInbox(tmp_path / "a.db"), SQLiteInbox(tmp_path / "a.db")
    made_room(writer._spool, tmp_path / "a.db-spool")
    collect_all(inbox)
    version = inbox.version()
    with writer._db.write():
        assert inbox.collect(limit=10) == NOTHING
    assert inbox.version() == version
    spool_into(writer, [new_event("news")])
    assert inbox.version() != version
    assert inbox.collect(limit=10).events == 1
    for one in (writer, inbox):
        one.close()


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> bytes:
    path = left_by_a_killed_writer(tmp_path_factory.mktemp("killed") / "a.db", 6)
    return path.read_bytes()


@settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    damage=st.lists(
        st.tuples(st.integers(0, 420_000), st.binary(min_size=1, max_size=40)), max_size=4
    )
)
def test_whatever_is_damaged_before_or_in_the_zeros_no_wrong_event_is_collected(
    tmp_path, killed, damage
):
    database = tmp_path / os.urandom(8).hex() / "a.db"
    inbox = SQLiteInbox(database)
    folder = database.with_name("a.db-spool")
    folder.mkdir()
    data = bytearray(killed)
    for place, junk in damage:
        data[place : place + len(junk)] = junk
    (folder / f"{1:020}-00000000.segment").write_bytes(data)
    count = collect_all(inbox)
    found = sorted(inbox.events(EventFilter(), limit=10), key=lambda one: one.event_id)
    assert [(event.event_id, event.body) for event in found] == [
        (str(number), b"x" * 50_000) for number in range(count)
    ]
    # All of it is taken, or what is left is kept for a person.
    is_whole = data == killed
    assert count == 6 if is_whole else count <= 6
    assert [path.suffix for path in folder.iterdir()] == ([] if is_whole else [".damaged"])
    inbox.close()


def test_the_files_of_a_writer_that_has_closed_are_gone_once_they_are_collected(tmp_path):
    writer, reader = SQLiteInbox(tmp_path / "a.db"), SQLiteInbox(tmp_path / "a.db")
    spool_into(writer, [new_event()])
    writer.close()
    assert reader.collect(limit=10).events == 1
    assert reader.collect(limit=10) == NOTHING
    assert list((tmp_path / "a.db-spool").iterdir()) == []
    reader.close()


def test_a_purge_leaves_nothing_of_what_was_collected_in_the_spool(tmp_path):
    inbox = SQLiteInbox(tmp_path / "a.db")
    spool_into(inbox, [new_event(body=b"a patron's name")])
    inbox.collect(limit=10)
    inbox.dispatch(lambda _: [], limit=10)
    inbox.purge(before=2e9, limit=10)
    inbox.collect(limit=10)
    assert list((tmp_path / "a.db-spool").iterdir()) == []
    spool_into(inbox, [new_event("2")])
    assert inbox.collect(limit=10).events == 1
    inbox.close()


def test_what_was_cut_off_is_set_aside_and_told(tmp_path, caplog):
    writer, reader = SQLiteInbox(tmp_path / "a.db"), SQLiteInbox(tmp_path / "a.db")
    spool_into(writer, [new_event("1")])
    spool_into(writer, [new_event("2")])
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
    spool_into(inbox, [new_event("2")])
    other = SQLiteInbox(tmp_path / "a.db")
    with other._db.write():
        assert [event.event_id for event in inbox.events(EventFilter(), limit=10)] == ["1"]
    assert len(inbox.events(EventFilter(), limit=10)) == 2
    inbox.close()
    other.close()


def test_a_spooled_event_is_seen_without_anybody_collecting(tmp_path):
    inbox = SQLiteInbox(tmp_path / "a.db")
    spool_into(inbox, [new_event()])
    (event,) = inbox.events(EventFilter(), limit=10)
    assert inbox.event(event.seq).event_id == "1"
    inbox.close()


def test_the_version_changes_when_another_has_spooled(tmp_path):
    inbox, other = SQLiteInbox(tmp_path / "a.db"), SQLiteInbox(tmp_path / "a.db")
    before = inbox.version()
    spool_into(other, [new_event()])
    assert inbox.version() != before
    for one in (inbox, other):
        with suppress(InboxUnavailableError):
            one.close()


def test_a_segment_that_is_only_just_begun_is_no_error_to_who_collects(tmp_path):
    inbox = SQLiteInbox(tmp_path / "a.db")
    spool_into(inbox, [new_event()])
    begun = tmp_path / "a.db-spool" / "00000000000000000001-00000000.segment"
    begun.touch()
    assert inbox.collect(limit=10).events == 1
    assert not begun.exists()
    inbox.close()


def test_what_was_collected_is_synced_before_its_segment_is_deleted(tmp_path, monkeypatch):
    inbox = SQLiteInbox(tmp_path / "a.db")
    spool_into(inbox, [new_event()])
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


def test_what_another_stores_between_two_segments_is_not_passed_over(tmp_path, monkeypatch):
    inbox, other = SQLiteInbox(tmp_path / "a.db"), SQLiteInbox(tmp_path / "a.db")
    spool_into(inbox, [new_event("1")])
    spool_into(other, [new_event("3")])
    take = inbox._collector._take

    def take_one(name, limit):
        taken = take(name, limit)
        other.append([new_event("2")])
        return taken

    monkeypatch.setattr(inbox._collector, "_take", take_one)
    assert inbox.collect(limit=10).events == 2
    seen = []
    while inbox.dispatch(lambda event: seen.append(event.event_id) or [], limit=10):
        pass
    assert seen == ["1", "2", "3"]
    for one in (inbox, other):
        one.close()
