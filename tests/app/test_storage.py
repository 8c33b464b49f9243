"""What cannot be stored is Alma's to send again, and nothing else."""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from errno import EIO
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from begun_spool import leave_writing_to_threads
from listening import (
    FORGED,
    WAIT_S,
    Listening,
    Wire,
    command,
    get,
    locked_by_another_process,
    make_settings,
    message,
    metrics,
    until,
)

READY = (200, b"ready\n")


def post_all(listening: Listening, bodies: list[bytes]) -> list[int]:
    """Send all at once."""
    with ThreadPoolExecutor(len(bodies)) as pool:
        return [status for status, _ in pool.map(listening.post, bodies)]


@pytest.fixture
def held(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


class Disk:
    """The disk under the spool, as far as a test holds it or lets it fail.

    Nobody can hold what the kernel writes, so a thread writes.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        leave_writing_to_threads(monkeypatch)

    @contextmanager
    def failing(self) -> Iterator[None]:
        def fail(*_: object) -> int:
            raise OSError(EIO, "Input/output error")

        with self._monkeypatch.context() as broken:
            for call in ("pwritev", "fdatasync"):
                broken.setattr(os, call, fail)
            yield

    @contextmanager
    def held(self) -> Iterator[Event]:
        """Hold it; the event is set once something waits to be written."""
        free, waiting = Event(), Event()
        write, sync = os.pwritev, os.fdatasync

        def wait_to_write(*given: Any) -> int:
            waiting.set()
            free.wait()
            return write(*given)

        def wait_to_sync(fd: int) -> None:
            free.wait()
            sync(fd)

        with self._monkeypatch.context() as slow:
            slow.setattr(os, "pwritev", wait_to_write)
            slow.setattr(os, "fdatasync", wait_to_sync)
            try:
                yield waiting
            finally:
                free.set()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


def test_while_another_process_locks_the_database_events_are_taken_in_all_the_same(
    listen, held
) -> None:
    listening = listen(worker=False)
    bodies = [message(str(number)) for number in range(20)]
    with locked_by_another_process(held):
        assert set(post_all(listening, bodies)) == {200}
        assert listening.get("/readyz") == READY
    assert sorted(listening.bodies()) == sorted(bodies)


def test_while_the_disk_fails_events_have_to_be_sent_again(listen, disk, held) -> None:
    listening = listen(worker=False)
    bodies = [message(str(number)) for number in range(20)]
    with disk.failing():
        with Wire(listening.url) as wire:
            wire.post(message("first"))
            status, headers, body = wire.answer()
        assert (status, headers["retry-after"]) == (503, "60")
        assert b"inbox.unavailable" in body
        assert set(post_all(listening, bodies)) == {503}
        status, body = listening.get("/readyz")
        assert status == 503
        assert str(held).encode() not in body
        assert listening.get("/healthz")[0] == 200
    assert set(post_all(listening, bodies)) == {200}
    assert listening.get("/readyz") == READY
    assert sorted(listening.bodies()) == sorted(bodies)


def test_readiness_is_lost_for_a_moment_only_as_no_event_can_prove_that_the_fault_is_gone(
    listen, disk
) -> None:
    now = [1_700_000_000.0]
    listening = listen(worker=False, clock=lambda: now[0])
    with disk.failing():
        assert listening.post(message("1"))[0] == 503
    assert listening.get("/readyz")[0] == 503
    now[0] += 10
    assert listening.get("/readyz") == READY


def test_a_full_disk_loses_nothing_and_needs_no_restart(tmp_path: Path) -> None:
    make_settings(tmp_path)
    (tmp_path / "handlers").mkdir()
    filler = ',"x":"' + "x" * 50_000 + '"'
    taken: list[str] = []
    refused: list[str] = []
    with command(tmp_path, "serve", "--no-worker") as serve:
        url = serve.address()
        with Wire(url) as wire:
            for number in range(60):
                if number == 30:
                    # No file can grow beyond this, and a message is larger.
                    serve.limit_files_to(20_000)
                wire.post(message(str(number), more=filler))
                status, headers, _ = wire.answer()
                (taken if status == 200 else refused).append(str(number))
                assert status == 200 or (status, headers["retry-after"]) == (503, "60")
            assert (len(taken), len(refused)) == (30, 30)
            assert get(url, "/readyz")[0] == 503
            serve.limit_files_to(-1)
            for number in refused:
                wire.post(message(number, more=filler))
                assert wire.answer()[2] == b'{"status":"stored"}'
            for number in taken:
                wire.post(message(number, more=filler))
                assert wire.answer()[2] == b'{"status":"stored"}'
        assert get(url, "/readyz") == READY
        assert serve.end() == 0
    inbox = SQLiteInbox(tmp_path / "inbox.db")
    assert len(inbox.events(EventFilter(), limit=1000)) == 60
    inbox.close()


def test_when_too_many_wait_to_be_stored_further_ones_are_told_to_wait(listen, disk) -> None:
    listening = listen(worker=False, max_pending_events=3)
    waiting = []
    with disk.held() as writing:
        for number in range(20):
            wire = Wire(listening.url)
            wire.post(message(str(number)))
            waiting.append(wire)
            # The first is with the store before there are others, which then wait behind it.
            assert writing.wait(WAIT_S)
        # Three wait, and the others are turned away at once.
        until(lambda: metrics(listening.url).get(OVERLOADED, 0) == 16)
        status, body = listening.get("/readyz")
        assert (status, b"inbox.overloaded" in body) == (503, True)
    answers = [wire.answer() for wire in waiting]
    for wire in waiting:
        wire.close()
    assert {status for status, _, _ in answers} <= {200, 503}
    stored = [message(str(n)) for n, answer in enumerate(answers) if answer[0] == 200]
    assert sorted(listening.bodies()) == sorted(stored)
    assert listening.post(message("after"))[0] == 200
    assert listening.get("/readyz") == READY


OVERLOADED = 'almahook_events_received_total{profile="main",result="inbox.overloaded"}'
NOT_RECORDED = 'almahook_requests_refused_total{reason="not_recorded"}'


def test_refusals_that_cannot_be_recorded_are_refused_all_the_same(listen, held) -> None:
    listening = listen(worker=False)
    with Wire(listening.url) as wire:
        with locked_by_another_process(held):
            for _ in range(15):
                wire.send(FORGED * 100)
                assert {wire.status() for _ in range(100)} == {401}
            until(lambda: metrics(listening.url).get(NOT_RECORDED, 0) > 0)
        assert metrics(listening.url)[NOT_RECORDED] < 1500
        wire.send(FORGED)
        assert wire.status() == 401
        until(lambda: listening.inbox.rejections(limit=1))
        wire.post(message("1"))
        assert wire.status() == 200


def test_a_flood_of_refusals_keeps_the_newest_and_lets_events_through(listen) -> None:
    listening = listen(worker=False, rejections_kept=50)
    with Wire(listening.url) as flood, Wire(listening.url) as alma:
        for number in range(20):
            flood.send(FORGED * 50)
            alma.post(message(str(number)))
            assert alma.status() == 200
            assert {flood.status() for _ in range(50)} == {401}
    assert len(listening.bodies()) == 20
    assert len(listening.inbox.rejections(limit=1000)) <= 50


def test_who_hangs_up_while_an_event_waits_has_it_stored_and_disturbs_nobody(listen, disk) -> None:
    listening = listen(worker=False)
    with Wire(listening.url) as patient:
        with disk.held():
            with Wire(listening.url) as hasty:
                hasty.post(message("1"))
            patient.post(message("2"))
            assert listening.get("/healthz")[0] == 200
        assert patient.status() == 200
    until(lambda: len(listening.bodies()) == 2)
    assert listening.post(message("1"))[0] == 200
    assert len(listening.bodies()) == 2


def test_after_the_stop_events_have_to_be_sent_again(tmp_path: Path, listen) -> None:
    listening = listen(worker=False)
    listening.listener.stop()
    status, body = listening.post(message("1"))
    assert (status, b"inbox.unavailable" in body) == (503, True)
    assert listening.get("/readyz")[0] == 503
