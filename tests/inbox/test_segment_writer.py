"""Writes that are begun on an event loop, and that the kernel carries out."""

import asyncio
import os
import resource
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import ENOSYS, EPERM
from pathlib import Path

import pytest

from almahook.inbox.sqlite.batches import pack
from almahook.inbox.sqlite.ring import Ring
from almahook.inbox.sqlite.segment import begin
from almahook.inbox.sqlite.spool import Spool
from almahook.testing.inbox_contract.given import new_event
from begun_spool import BegunSpool, ids, require_ring

NEVER: Callable[[bool], None] = pytest.fail


def batch(number: int, size: int = 100) -> list[bytes]:
    return [pack([new_event(str(number), body=b"x" * size)])]


def all_ids(spool: Spool) -> list[str]:
    return [event_id for name in spool.segments() for event_id in ids(spool, name)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def spool(folder: Path) -> Iterator[Spool]:
    require_ring()
    opened = Spool(folder)
    yield opened
    opened.close()


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_once_a_segment_is_open_the_kernel_writes_to_it(folder: Path) -> None:
    spool = BegunSpool(folder)
    for number in range(5):
        spool.put(batch(number))
    assert spool.by_kernel == 4
    assert len(spool.segments()) == 1
    assert all_ids(spool) == ["0", "1", "2", "3", "4"]
    spool.close()


def test_it_is_told_on_the_event_loop_when_it_is_on_disk(spool: Spool) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[tuple[bool, int, list[str]]] = loop.create_future()

        def tell(is_stored: bool) -> None:
            told.set_result((is_stored, threading.get_ident(), all_ids(spool)))

        assert spool.begin(batch(1), loop, tell)
        assert await told == (True, threading.get_ident(), ["0", "1"])

    spool.put(batch(0))
    asyncio.run(check())


def test_while_one_is_on_its_way_no_other_is_begun_and_a_thread_stores_elsewhere(
    spool: Spool,
) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bool] = loop.create_future()
        assert spool.begin(batch(1), loop, told.set_result)
        assert not spool.begin(batch(2), loop, NEVER)
        spool.put(batch(2))
        assert await told

    spool.put(batch(0))
    asyncio.run(check())
    assert len(spool.segments()) == 2
    assert all_ids(spool) == ["0", "1", "2"]


def test_a_second_event_loop_begins_nothing(spool: Spool) -> None:
    async def first() -> None:
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bool] = loop.create_future()
        assert spool.begin(batch(1), loop, told.set_result)
        assert await told

    async def second() -> None:
        assert not spool.begin(batch(2), asyncio.get_running_loop(), NEVER)

    spool.put(batch(0))
    asyncio.run(first())
    asyncio.run(second())


def test_what_the_disk_takes_in_part_is_stored_anew_by_a_thread(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    spool = BegunSpool(folder)
    spool.put(batch(0, 3000))
    (size,) = spool.segments().values()
    with files_no_larger_than(size + 1500):
        spool.put(batch(1, 3000))
    assert spool.by_kernel == 0
    assert [ids(spool, name) for name in spool.segments()] == [["0"], ["1"]]
    # Who cannot be relied on is asked no more.
    spool.put(batch(2))
    assert spool.by_kernel == 0
    assert [record.message for record in caplog.records] == ["spool.left_to_thread"]
    assert all_ids(spool) == ["0", "1", "2"]
    spool.close()


def test_what_goes_to_a_deleted_segment_is_stored_anew(folder: Path) -> None:
    spool = BegunSpool(folder)
    spool.put(batch(0))
    (path,) = folder.iterdir()
    path.unlink()
    spool.put(batch(1))
    assert spool.by_kernel == 0
    spool.put(batch(2))
    assert spool.by_kernel == 1
    assert all_ids(spool) == ["1", "2"]
    spool.close()


@pytest.mark.parametrize("error", [EPERM, ENOSYS])
def test_where_the_system_has_no_such_thing_a_thread_writes(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    asked = []

    def refuse() -> Ring:
        asked.append(error)
        raise OSError(error, os.strerror(error))

    async def check() -> None:
        assert not spool.begin(batch(1), asyncio.get_running_loop(), NEVER)
        assert not spool.begin(batch(1), asyncio.get_running_loop(), NEVER)

    monkeypatch.setattr("almahook.inbox.sqlite.segment_writer.Ring", refuse)
    spool.put(batch(0))
    asyncio.run(check())
    assert asked == [error]
    spool.put(batch(1))
    assert all_ids(spool) == ["0", "1"]


def test_an_event_loop_that_watches_no_descriptors_begins_nothing(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def check() -> None:
        loop = asyncio.get_running_loop()

        def cannot(*_: object) -> None:
            raise NotImplementedError

        monkeypatch.setattr(loop, "add_reader", cannot)
        assert not spool.begin(batch(1), loop, NEVER)

    spool.put(batch(0))
    asyncio.run(check())


@pytest.mark.parametrize("end", ["finish", "end_segment", "close"])
def test_who_finishes_waits_for_what_was_begun(spool: Spool, end: str) -> None:
    async def check() -> None:
        told: list[bool] = []
        assert spool.begin(batch(1), asyncio.get_running_loop(), told.append)
        # The event loop goes round only after this.
        getattr(spool, end)()
        assert told == [True]

    spool.put(batch(0))
    asyncio.run(check())
    assert all_ids(spool) == ["0", "1"]


def test_a_segment_is_ended_after_what_was_begun(spool: Spool) -> None:
    async def check() -> None:
        assert spool.begin(batch(1), asyncio.get_running_loop(), lambda _: None)
        spool.end_segment()

    spool.put(batch(0))
    asyncio.run(check())
    ((name, end),) = spool.segments().items()
    assert spool.retire(name, collected=end)


def test_a_spool_that_is_closed_holds_no_descriptor(folder: Path) -> None:
    def opened() -> int:
        return len([*Path("/proc/self/fd").iterdir()])

    asyncio.run(asyncio.sleep(0))
    before = opened()
    spool = BegunSpool(folder)
    for number in range(3):
        spool.put(batch(number))
    assert spool.by_kernel == 2
    spool.close()
    assert opened() == before


def test_an_event_loop_that_has_closed_does_not_keep_a_spool_from_closing(spool: Spool) -> None:
    told: list[bool] = []

    async def leave() -> None:
        assert spool.begin(batch(1), asyncio.get_running_loop(), told.append)

    spool.put(batch(0))
    asyncio.run(leave())
    spool.close()
    assert told == [True]
    assert all_ids(spool) == ["0", "1"]


def test_many_writes_with_room_ahead_and_several_segments_are_all_there(folder: Path) -> None:
    spool = BegunSpool(folder)
    for number in range(300):
        spool.put(batch(number, 150_000))
    assert spool.by_kernel > 100
    assert all_ids(spool) == [str(number) for number in range(300)]
    spool.close()


def test_no_zeros_go_where_a_batch_is_about_to_be_written(folder: Path) -> None:
    segment = begin(folder)
    first = segment.next_write([bytes(1000)])
    segment.write_out(first)
    second = segment.next_write([bytes(5000)])
    assert segment.begin_room() == second.end > first.end
    assert segment.is_clear_for([])
    assert not segment.is_clear_for([bytes(5001)])
    segment.end_room(1_000_000)
    assert segment.is_clear_for([bytes(900_000)])
    assert segment.is_clear_for([bytes(9_000_000)])
    segment.close()
