import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, suppress
from pathlib import Path

import pytest

from almahook.inbox import EventFilter, Run, RunState
from almahook.inbox.sqlite import SQLiteInbox
from almahook.notify.outbox import Message, read_outbox
from almahook.protocol import SIGNATURE_HEADER, sign
from almahook.testing import sample
from listening import kill_both, worker_of

SECRET = "clé-secrète"
WAIT_S = 60.0

SETTINGS = """
host = "127.0.0.1"
port = 0
inbox = "sqlite:inbox.db"
handlers = "handlers"
lease_s = 1.0
worker_poll_s = 0.1
{more}

[profiles.main]
secrets = ["env:SECRET"]
api_key = "env:API_KEY"
api_url = "{api_url}"

[notify]
default_country = "US"
dry_run = true
outbox = "outbox.jsonl"
"""

# What handlers do is written down in one write each, so that no kill cuts a line in two.
NOTES = """
import os, time, asyncio
from datetime import timedelta
from pathlib import Path
from almahook import Context, RetryPolicy, on

HERE = Path(__file__).parents[1]
SOON = RetryPolicy(attempts=20, first=timedelta(milliseconds=20), longest=timedelta(seconds=1))

def note(text):
    descriptor = os.open(HERE / "notes", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{text}\\n".encode())
    os.close(descriptor)

def may_go():
    return (HERE / "go").exists()
"""


def eventually(is_so: Callable[[], bool]) -> None:
    """Wait for what another process does."""
    ends = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < ends
        time.sleep(0.02)


class Site:
    """A folder with settings, handlers and an inbox, and the processes that work there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self._processes: list[subprocess.Popen[str]] = []
        (folder / "handlers").mkdir()

    def write(self, *, api_url: str = "", more: str = "", **handlers: str) -> None:
        """Write the settings, and handlers by their file's name."""
        settings = SETTINGS.format(api_url=api_url, more=more)
        (self.folder / "almahook.toml").write_text(settings, encoding="utf-8")
        for stem, code in handlers.items():
            (self.folder / "handlers" / f"{stem}.py").write_text(NOTES + code, encoding="utf-8")

    def serve(self, *options: str, api_key: str = "") -> subprocess.Popen[str]:
        """Start ``almahook serve``; return when it listens."""
        process = self._start("serve", *options, api_key=api_key)
        self.url = self._said(process, r"http://127\.0\.0\.1:\d+")
        return process

    def work(self) -> subprocess.Popen[str]:
        """Start ``almahook work``; return when it has begun."""
        process = self._start("work")
        self._said(process, "almahook works")
        return process

    def kill(self, process: subprocess.Popen[str]) -> None:
        """End a process as a power cut does, and its worker at the same time."""
        kill_both(process)
        assert process.returncode == -signal.SIGKILL

    def kill_receiver(self, process: subprocess.Popen[str]) -> None:
        """End an ``almahook serve`` and leave its worker to itself."""
        process.kill()
        assert process.wait(WAIT_S) == -signal.SIGKILL

    def worker(self, process: subprocess.Popen[str]) -> int:
        """Return the id of the worker of an ``almahook serve``."""
        return worker_of(process.pid)

    def let_go(self) -> None:
        """Let the handlers go on that hold."""
        (self.folder / "go").touch()

    @property
    def notes(self) -> list[str]:
        """What handlers have noted."""
        with suppress(FileNotFoundError):
            return (self.folder / "notes").read_text("utf-8").splitlines()
        return []

    @property
    def texts(self) -> list[Message]:
        """What a dry run would have sent."""
        return read_outbox(self.folder / "outbox.jsonl")

    def until_noted(self, *texts: str) -> None:
        """Wait until handlers have noted all of these."""
        eventually(lambda: set(texts) <= set(self.notes))

    def until_handled(self, count: int) -> None:
        """Wait until so many events are stored and nothing of them is left to do."""
        with closing(self.inbox()) as inbox:

            def is_handled() -> bool:
                backlog = inbox.backlog()
                is_idle = not (backlog.pending or backlog.waiting or backlog.running)
                return is_idle and sum(inbox.tally().values()) >= count

            eventually(is_handled)

    def inbox(self) -> SQLiteInbox:
        """Open the inbox beside the processes."""
        return SQLiteInbox(self.folder / "inbox.db")

    def stored(self) -> dict[str, list[Run]]:
        """Return the runs of every event by the event's id; an event kept twice is an error."""
        found: dict[str, list[Run]] = {}
        with closing(self.inbox()) as inbox:
            after = 0
            while page := inbox.events(EventFilter(), limit=1000, after=after):
                ids = {event.seq: event.event_id for event in page}
                assert not set(ids.values()) & set(found)
                assert len(set(ids.values())) == len(page)
                found |= {event_id: [] for event_id in ids.values()}
                for run in inbox.runs(list(ids)):
                    found[ids[run.event_seq]].append(run)
                after = page[-1].seq
        return found

    def close(self) -> None:
        for process in self._processes:
            kill_both(process)
            process.communicate()

    def _start(self, *command: str, api_key: str = "") -> subprocess.Popen[str]:
        own = {key: value for key, value in os.environ.items() if not key.startswith("ALMAHOOK_")}
        with (self.folder / "errors.log").open("ab") as errors:
            process = subprocess.Popen(
                [sys.executable, "-m", "almahook.cli", *command],
                cwd=self.folder,
                env={**own, "SECRET": SECRET, "API_KEY": api_key, "PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._processes.append(process)
        return process

    def _said(self, process: subprocess.Popen[str], pattern: str) -> str:
        assert process.stdout is not None
        for line in process.stdout:
            if found := re.search(pattern, line):
                return found[0]
        raise AssertionError((self.folder / "errors.log").read_text("utf-8", "replace"))

    def assert_each_succeeded(self, ids: Sequence[str]) -> None:
        """Compare what is stored with what was sent: each event with one run, which succeeded."""
        stored = self.stored()
        assert set(stored) == set(ids)
        assert [runs for runs in stored.values() if len(runs) != 1] == []
        assert {runs[0].state for runs in stored.values()} == {RunState.SUCCEEDED}
        assert set(self.notes) == set(ids)


class Alma:
    """Sends signed events over several connections at once, each again until it is answered 200."""

    def __init__(self, site: Site, count: int) -> None:
        self._site = site
        self._queue: asyncio.Queue[str] = asyncio.Queue()
        self._body = sample("LOAN", id="THE-ID")
        self._changed = asyncio.Condition()
        self.listening = asyncio.Event()
        self.listening.set()
        self.ids = [f"event-{number}" for number in range(count)]
        self.acknowledged: list[str] = []
        self.statuses: Counter[int] = Counter()
        for event_id in self.ids:
            self._queue.put_nowait(event_id)

    async def send_all(self, connections: int = 24) -> None:
        """Return when each event was answered 200."""
        lines = [asyncio.create_task(self._line()) for _ in range(connections)]
        async with asyncio.timeout(WAIT_S):
            await self._queue.join()
        for line in lines:
            line.cancel()
        await asyncio.gather(*lines, return_exceptions=True)

    async def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until the answers are as wanted."""
        async with asyncio.timeout(WAIT_S), self._changed:
            await self._changed.wait_for(is_so)

    async def restarted(self, kill: Callable[[], None], start: Callable[[], object]) -> None:
        """Have the listener killed, and started again at another address."""
        self.listening.clear()
        kill()
        await asyncio.to_thread(start)
        self.listening.set()

    async def _line(self) -> None:
        while True:
            await self.listening.wait()
            # Refused, reset or cut off in the middle: Alma will hear from it later.
            with suppress(OSError, asyncio.IncompleteReadError):
                await self._converse()

    async def _converse(self) -> None:
        host, port = self._site.url.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            while True:
                await self._send_one(reader, writer)
        finally:
            writer.transport.abort()

    async def _send_one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        event_id = await self._queue.get()
        status = 0
        try:
            writer.write(self._request(event_id))
            status = await _status(reader)
        finally:
            if status == 200:
                self.acknowledged.append(event_id)
            else:
                self._queue.put_nowait(event_id)
            self._queue.task_done()
        self.statuses[status] += 1
        async with self._changed:
            self._changed.notify_all()

    def _request(self, event_id: str) -> bytes:
        body = self._body.replace(b"THE-ID", event_id.encode())
        head = (
            "POST /webhooks/main HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"{SIGNATURE_HEADER}: {sign(body, secret=SECRET.encode())}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        return head.encode("ascii") + body


async def _status(reader: asyncio.StreamReader) -> int:
    head = await reader.readuntil(b"\r\n\r\n")
    (length,) = re.findall(rb"(?i)\r\ncontent-length: (\d+)", head)
    await reader.readexactly(int(length))
    return int(head[9:12])


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


@pytest.fixture
def make_alma(site: Site) -> Callable[[int], Alma]:
    return lambda count: Alma(site, count)


@pytest.fixture
def wait_for() -> Callable[[Callable[[], bool]], None]:
    return eventually


@pytest.fixture
def thresholds() -> Callable[..., Sequence[int]]:
    """Choose at how many answers something is to happen: anywhere, but in this order."""
    import random

    return lambda number, *, of: sorted(random.sample(range(1, of), number))
