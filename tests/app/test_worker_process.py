"""The worker process of ``almahook serve``: whatever becomes of it, Alma hears 200."""

import os
import signal
from pathlib import Path

import pytest

from almahook.inbox import AttemptOutcome, EventFilter, Run, RunState
from almahook.inbox.sqlite import SQLiteInbox
from listening import (
    Command,
    Wire,
    command,
    get,
    is_running,
    make_settings,
    message,
    metrics,
    until,
)

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

DUPLICATES = "almahook_events_duplicate_total"

HEAD = """\
import os, re, time
from datetime import timedelta
from pathlib import Path
from almahook import RetryPolicy, on

@on("LOAN", retry=RetryPolicy(first=timedelta(0)))
def process(event):
"""
COUNTS = """
    with open("handled", "a") as file:
        file.write(f"{event.id} {os.getpid()}\\n")
"""
WAITS = """
    Path("begun").touch()
    while not Path("go").exists():
        time.sleep(0.01)
"""
EXITS_ONCE = """
    if not Path("begun").exists():
        Path("begun").touch()
        os._exit(7)
"""
# A search that takes years, within one call that lets no other thread of the process run.
HOGS = """
    Path("begun").touch()
    re.match("(a+)+$", "a" * 64 + "b")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_settings(tmp_path)
    (tmp_path / "handlers").mkdir()
    set_more(tmp_path, "lease_s = 0.5\nworker_poll_s = 0.1")
    return tmp_path


def set_more(folder: Path, lines: str) -> None:
    file = folder / "almahook.toml"
    file.write_text(f"{lines}\n{file.read_text('utf-8')}", "utf-8")


def add_handler(folder: Path, body: str) -> None:
    (folder / "handlers" / "loan.py").write_text(HEAD + body, "utf-8")


def post(serve: Command, *ids: str) -> None:
    with Wire(serve.address()) as wire:
        for event_id in ids:
            wire.post(message(event_id))
            assert wire.status() == 200


def handled(folder: Path) -> dict[str, int]:
    """Return the process that handled each event."""
    file = folder / "handled"
    lines = file.read_text("utf-8").splitlines() if file.exists() else []
    return {event_id: int(pid) for event_id, pid in map(str.split, lines)}


def runs(folder: Path) -> list[Run]:
    inbox = SQLiteInbox(folder / "inbox.db")
    found = inbox.runs([event.seq for event in inbox.events(EventFilter(), limit=1000)])
    inbox.close()
    return found


def outcomes(folder: Path) -> list[AttemptOutcome]:
    inbox = SQLiteInbox(folder / "inbox.db")
    found = [one.outcome for run in runs(folder) for one in inbox.attempts(run.id)]
    inbox.close()
    return found


def test_handlers_run_in_another_process_which_leaves_the_processor_to_the_receiver(folder) -> None:
    add_handler(folder, COUNTS)
    with command(folder, "serve") as serve:
        post(serve, "1")
        until(lambda: handled(folder) == {"1": serve.worker()})
        priorities = [
            os.getpriority(os.PRIO_PROCESS, pid) for pid in (serve.process.pid, serve.worker())
        ]
        assert priorities[0] < priorities[1]
        worker = serve.worker()
        assert serve.end() == 0
        assert not is_running(worker)


def test_a_worker_that_was_killed_is_started_again_and_goes_on(folder) -> None:
    add_handler(folder, COUNTS)
    with command(folder, "serve") as serve:
        post(serve, "1")
        until(lambda: "1" in handled(folder))
        first = serve.worker()
        os.kill(first, signal.SIGKILL)
        serve.wait_for("worker.died status=-9")
        post(serve, "2", "3")
        until(lambda: {"2", "3"} <= set(handled(folder)))
        assert handled(folder)["2"] == serve.worker() != first
        assert serve.end() == 0


def test_a_handler_that_ends_its_process_ends_no_receiver_and_is_tried_again(folder) -> None:
    add_handler(folder, EXITS_ONCE)
    with command(folder, "serve") as serve:
        post(serve, "1")
        serve.wait_for("worker.died status=7")
        post(serve, "2")
        until(lambda: [run.state for run in runs(folder)] == [RunState.SUCCEEDED] * 2)
        assert serve.end() == 0
    assert sorted(outcomes(folder)) == sorted(
        [AttemptOutcome.LOST, AttemptOutcome.SUCCEEDED, AttemptOutcome.SUCCEEDED]
    )


def test_a_handler_that_lets_nothing_else_run_keeps_no_event_from_being_acknowledged(
    folder,
) -> None:
    add_handler(folder, HOGS)
    set_more(folder, "stop_timeout_s = 0.1")
    with command(folder, "serve") as serve:
        post(serve, "1")
        until((folder / "begun").exists)
        post(serve, *map(str, range(2, 100)))
        worker = serve.worker()
        assert get(serve.address(), "/readyz") == (200, b"ready\n")
        # It does not hear that it is to stop, and is not waited for.
        assert serve.end() == 0
        assert not is_running(worker)
    inbox = SQLiteInbox(folder / "inbox.db")
    assert len(inbox.events(EventFilter(), limit=1000)) == 99
    inbox.close()


def test_when_the_receiver_is_killed_its_worker_finishes_what_it_has_begun_and_ends(folder) -> None:
    add_handler(folder, WAITS)
    with command(folder, "serve") as serve:
        post(serve, "1")
        until((folder / "begun").exists)
        worker = serve.worker()
        assert serve.end(signal.SIGKILL) == -signal.SIGKILL
        assert is_running(worker)
        (folder / "go").touch()
        until(lambda: not is_running(worker))
    assert [run.state for run in runs(folder)] == [RunState.SUCCEEDED]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_both_lets_the_handler_finish_and_is_no_death(folder, number) -> None:
    add_handler(folder, WAITS)
    with command(folder, "serve") as serve:
        post(serve, "1")
        until((folder / "begun").exists)
        # As a terminal does, and systemd.
        os.kill(serve.worker(), number)
        serve.process.send_signal(number)
        (folder / "go").touch()
        assert serve.process.wait(30) == 0
        assert "Traceback" not in serve.said()
        assert "worker.died" not in serve.said()
    assert outcomes(folder) == [AttemptOutcome.SUCCEEDED]


def test_what_the_worker_counts_is_in_the_metrics_of_the_receiver(folder) -> None:
    add_handler(folder, "\n    assert event.id != '3'")
    with command(folder, "serve", "--no-worker") as serve:
        post(serve, "1", "2", "1", "3", "2")
        assert metrics(serve.address())[DUPLICATES] == 0
        assert serve.end() == 0
    with command(folder, "serve") as serve:
        good = 'almahook_runs_total{handler="loan",outcome="succeeded"}'
        bad = 'almahook_runs_total{handler="loan",outcome="failed"}'
        until(lambda: metrics(serve.address()).get(good) == 2)
        until(lambda: metrics(serve.address()).get(bad, 0) >= 1)
        assert metrics(serve.address())[DUPLICATES] == 2
        post(serve, "4")
        until(lambda: metrics(serve.address()).get(good) == 3)


def test_a_worker_that_cannot_be_started_again_makes_the_receiver_unready_until_it_can(
    folder,
) -> None:
    add_handler(folder, COUNTS)
    with command(folder, "serve") as serve:
        post(serve, "1")
        until(lambda: "1" in handled(folder))
        (folder / "handlers" / "loan.py").write_text("def process(")
        os.kill(serve.worker(), signal.SIGKILL)
        until(lambda: b"The worker has stopped." in get(serve.address(), "/readyz")[1])
        assert "SyntaxError" in serve.said()
        post(serve, "2")
        add_handler(folder, COUNTS)
        until(lambda: get(serve.address(), "/readyz")[0] == 200)
        until(lambda: "2" in handled(folder))
