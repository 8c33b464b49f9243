"""``almahook serve`` and ``almahook work``, as they are run."""

import signal
import stat
from collections import Counter
from pathlib import Path

import pytest

from almahook.inbox import AttemptOutcome, EventFilter, Run, RunState
from almahook.inbox.sqlite import SQLiteInbox
from listening import (
    Wire,
    chunked,
    command,
    get,
    head,
    locked_by_another_process,
    make_settings,
    message,
    until,
)

# Says that it has begun, and ends when the test says so.
WAITING = """\
import time
from datetime import timedelta
from pathlib import Path
from almahook import RetryPolicy, on

@on("LOAN", retry=RetryPolicy(first=timedelta(0)))
def process(event):
    Path("begun").touch()
    while not Path("go").exists():
        time.sleep(0.01)
"""
COUNTING = """\
import os

def process(event):
    with open("handled", "a") as file:
        file.write(f"{event.id} {os.getpid()}\\n")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_settings(tmp_path)
    (tmp_path / "handlers").mkdir()
    return tmp_path


def add_handler(folder: Path, code: str) -> None:
    (folder / "handlers" / "loan.py").write_text(code, "utf-8")


def set_more(folder: Path, line: str) -> None:
    file = folder / "almahook.toml"
    file.write_text(f"{line}\n{file.read_text('utf-8')}", "utf-8")


def runs(folder: Path) -> list[Run]:
    inbox = SQLiteInbox(folder / "inbox.db")
    found = inbox.runs([event.seq for event in inbox.events(EventFilter(), limit=1000)])
    inbox.close()
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_the_handler_finish_and_is_a_success(folder: Path, number: int) -> None:
    add_handler(folder, WAITING)
    with command(folder, "serve") as serve:
        with Wire(serve.address()) as wire:
            wire.post(message("1"))
            assert wire.status() == 200
        until((folder / "begun").exists)
        serve.process.send_signal(number)
        until(lambda: is_gone(serve.address()))
        (folder / "go").touch()
        assert serve.process.wait(30) == 0
    assert [run.state for run in runs(folder)] == [RunState.SUCCEEDED]


def is_gone(url: str) -> bool:
    try:
        Wire(url).close()
    except OSError:
        return True
    return False


def test_a_stop_lets_the_request_that_waits_for_its_handler_be_answered(folder: Path) -> None:
    add_handler(folder, WAITING)
    set_more(folder, 'mode = "direct"')
    with command(folder, "serve") as serve, Wire(serve.address()) as wire:
        wire.post(message("1"))
        until((folder / "begun").exists)
        serve.process.send_signal(signal.SIGTERM)
        until(lambda: is_gone(serve.address()))
        (folder / "go").touch()
        assert wire.answer()[2] == b'"Done"'
        assert serve.process.wait(30) == 0


def test_a_stop_lets_the_request_that_waits_for_the_disk_be_answered(folder: Path) -> None:
    with command(folder, "serve", "--no-worker") as serve, Wire(serve.address()) as wire:
        with locked_by_another_process(folder / "inbox.db"):
            wire.post(message("1"))
            assert get(serve.address(), "/healthz")[0] == 200
            serve.process.send_signal(signal.SIGTERM)
            until(lambda: is_gone(serve.address()))
        assert wire.answer()[2] == b'{"status":"stored"}'
        assert serve.process.wait(30) == 0


def test_a_stop_does_not_wait_for_ever_and_the_run_starts_again(folder: Path) -> None:
    add_handler(folder, WAITING)
    set_more(folder, "stop_timeout_s = 0.2")
    with command(folder, "serve") as serve:
        with Wire(serve.address()) as wire:
            wire.post(message("1"))
            assert wire.status() == 200
        until((folder / "begun").exists)
        assert serve.end() == 0
    (run,) = runs(folder)
    assert run.state is RunState.WAITING
    (folder / "go").touch()
    with command(folder, "work"):
        until(lambda: runs(folder)[0].state is RunState.SUCCEEDED)


def test_one_process_receives_and_another_handles(folder: Path) -> None:
    add_handler(folder, COUNTING)
    with command(folder, "serve", "--no-worker") as serve, command(folder, "work") as work:
        work.wait_for("almahook works")
        with Wire(serve.address()) as wire:
            for number in range(50):
                wire.post(message(str(number)))
                assert wire.status() == 200
        until(lambda: states(folder) == {RunState.SUCCEEDED: 50})
        assert [work.end(), serve.end()] == [0, 0]
        pids = {line.split()[1] for line in handled(folder)}
        assert pids == {str(work.process.pid)}


def states(folder: Path) -> Counter[RunState]:
    return Counter(run.state for run in runs(folder))


def handled(folder: Path) -> list[str]:
    return (folder / "handled").read_text("utf-8").splitlines()


def test_two_workers_on_one_inbox_handle_each_event_once(folder: Path) -> None:
    add_handler(folder, COUNTING)
    with command(folder, "serve") as serve, command(folder, "work") as work:
        work.wait_for("almahook works")
        with Wire(serve.address()) as wire:
            for number in range(300):
                wire.post(message(str(number)))
                assert wire.status() == 200
        until(lambda: states(folder) == {RunState.SUCCEEDED: 300})
    ids = Counter(line.split()[0] for line in handled(folder))
    assert ids == {str(number): 1 for number in range(300)}


def test_an_event_whose_worker_was_killed_is_handled_by_the_next(folder: Path) -> None:
    add_handler(folder, WAITING)
    set_more(folder, "lease_s = 0.3")
    with command(folder, "serve") as serve:
        with Wire(serve.address()) as wire:
            wire.post(message("1"))
            assert wire.status() == 200
        until((folder / "begun").exists)
        serve.kill()
    (folder / "go").touch()
    with command(folder, "work"):
        until(lambda: states(folder) == {RunState.SUCCEEDED: 1})
    inbox = SQLiteInbox(folder / "inbox.db")
    outcomes = [attempt.outcome for attempt in inbox.attempts(runs(folder)[0].id)]
    inbox.close()
    assert outcomes == [AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads /proc")
def test_fifty_megabytes_are_refused_without_being_held(folder: Path) -> None:
    set_more(folder, "max_body_bytes = 1000000")
    megabyte = b"a" * 1_000_000
    with command(folder, "serve") as serve:
        url = serve.address()
        with Wire(url) as wire:
            wire.post(message("warm"))
            assert wire.status() == 200
        before = serve.largest_memory()
        with Wire(url) as wire:
            wire.send(head("Content-Length: 50000000"), *[megabyte] * 50)
            assert wire.status() == 413
        with Wire(url) as wire:
            wire.send(head("Transfer-Encoding: chunked"), *[chunked(megabyte)] * 50, chunked(b""))
            assert wire.status() == 413
        assert serve.largest_memory() - before < 10_000_000
        assert get(url, "/readyz")[0] == 200


def test_without_settings_a_secret_is_made_once_and_shown_once(tmp_path: Path) -> None:
    with command(tmp_path, "serve", "--port", "0") as serve:
        url = serve.address()
        file = tmp_path / "data" / "secret"
        secret = file.read_text("utf-8").strip()
        serve.wait_for(secret)
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert accepted(url, secret)
        assert serve.end() == 0
    with command(tmp_path, "serve", "--port", "0") as serve:
        assert accepted(serve.address(), secret)
        assert serve.end() == 0
        assert secret not in serve.said()
    assert file.read_text("utf-8").strip() == secret


def accepted(url: str, secret: str) -> bool:
    with Wire(url) as wire:
        wire.post(message("1"), secret=secret)
        return wire.status() == 200
