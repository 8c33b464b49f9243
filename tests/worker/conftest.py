import sqlite3
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from almahook.handlers import Registry, load_handlers
from almahook.inbox import Attempt, Lease, NewEvent, Run, RunState, Settlement
from almahook.inbox.sqlite import SQLiteInbox
from almahook.notify import Notifier
from almahook.protocol import read_envelope
from almahook.testing import sample
from almahook.worker import Worker, WorkerOptions

WAIT_S = 30.0


class Desk:
    """What the handlers of a test and the test itself share: ``from desk import desk``."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._gates: dict[str, threading.Event] = defaultdict(threading.Event)
        self._busy: Counter[str] = Counter()
        self.most: Counter[str] = Counter()
        self.notes: list[str] = []

    def note(self, text: object) -> None:
        """Keep a line, for the test to see."""
        with self._changed:
            self.notes.append(str(text))
            self._changed.notify_all()

    def until(self, is_so: Callable[[list[str]], bool]) -> None:
        """Wait until the notes are as wanted."""
        with self._changed:
            assert self._changed.wait_for(lambda: is_so(self.notes), WAIT_S), self.notes

    def until_noted(self, text: str, times: int = 1) -> None:
        """Wait until a handler has noted this."""
        self.until(lambda notes: notes.count(text) >= times)

    def eventually(self, is_so: Callable[[], bool]) -> None:
        """Wait for something that nobody tells of."""
        ends = time.monotonic() + WAIT_S
        while not is_so():
            assert time.monotonic() < ends
            time.sleep(0.01)

    def wait_at(self, gate: str) -> None:
        """Hold the calling thread until the test opens the gate."""
        self.note(f"at {gate}")
        assert self._gates[gate].wait(WAIT_S)

    def is_open(self, gate: str) -> bool:
        """Say whether the gate was opened, without waiting."""
        return self._gates[gate].is_set()

    def open(self, gate: str) -> None:
        """Let everybody through who waits at the gate, and who comes later."""
        self._gates[gate].set()

    def open_all(self) -> None:
        """Let everybody go, at the test's end."""
        for gate in list(self._gates.values()):
            gate.set()

    @contextmanager
    def busy(self, name: str) -> Iterator[None]:
        """Count how many are inside at once; ``most`` keeps the highest number."""
        with self._changed:
            self._busy[name] += 1
            self.most[name] = max(self.most[name], self._busy[name])
        try:
            yield
        finally:
            with self._changed:
                self._busy[name] -= 1


class Services:
    """No Alma, and a dry run instead of texts."""

    def __init__(self) -> None:
        self.notify = Notifier(dry_run=True)

    def alma(self, profile: str) -> Any:
        raise NotImplementedError(profile)


class Clock:
    """The wall clock, which a test can set."""

    def __init__(self) -> None:
        self.ahead_s = 0.0
        self.reads = 0

    def __call__(self) -> float:
        self.reads += 1
        return time.time() + self.ahead_s


class Watched:
    """An inbox whose calls are counted; a call can be made to fail."""

    def __init__(self, inbox: SQLiteInbox) -> None:
        self._inbox = inbox
        self._changed = threading.Condition()
        self.calls: list[str] = []
        self.errors: dict[str, list[Exception]] = defaultdict(list)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inbox, name)

        def call(*args: Any, **named: Any) -> Any:
            with self._changed:
                self.calls.append(name)
                self._changed.notify_all()
                error = self.errors[name].pop(0) if self.errors[name] else None
            if error is not None:
                raise error
            return method(*args, **named)

        return call

    def next_calls(self, name: str, count: int) -> Counter[str]:
        """Wait for so many further calls of one method, and count all calls meanwhile."""
        with self._changed:
            start = len(self.calls)
            assert self._changed.wait_for(
                lambda: self.calls[start:].count(name) >= count, WAIT_S
            ), self.calls[start:]
            return Counter(self.calls[start:])


class Workshop:
    """An inbox in a file, handlers in a folder, and workers."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "inbox.db"
        self.handlers = folder / "handlers"
        self.handlers.mkdir()
        self._inboxes: list[SQLiteInbox] = []
        self.inbox = self.open_inbox()
        self.clock = Clock()
        self.services = Services()
        self.settled: list[tuple[Lease, Settlement]] = []
        self._changed = threading.Condition()
        self._workers: list[Worker] = []
        self._number = 0

    def open_inbox(self, busy_timeout_s: float = 20.0) -> SQLiteInbox:
        """Open the file once more, as another process would."""
        self._inboxes.append(SQLiteInbox(self.path, busy_timeout_s=busy_timeout_s))
        return self._inboxes[-1]

    def write(self, **files: str) -> None:
        """Write handlers; all of them know the desk, and what handlers import."""
        head = (
            "import asyncio, time\nfrom datetime import timedelta\nfrom desk import desk\n"
            "from almahook import Context, GiveUp, Retry, RetryPolicy, Skip, on\n"
            "SOON = RetryPolicy(attempts=3, first=timedelta(milliseconds=1))\n"
        )
        for stem, code in files.items():
            (self.handlers / f"{stem}.py").write_text(head + code, encoding="utf-8")

    def send(self, action: str = "LOAN", *, count: int = 1, **changes: Any) -> list[int]:
        """Store events as the receiver does; return their numbers."""
        events = [self.event(action, **changes) for _ in range(count)]
        seqs = [receipt.seq for receipt in self.inbox.append(events)]
        for worker in self._workers:
            worker.wake()
        return seqs

    def event(
        self, action: str = "LOAN", *, body: bytes = b"", subject: str | None = None, **changes: Any
    ) -> NewEvent:
        """Make an event with an id of its own."""
        self._number += 1
        time_ = changes.pop("time", "")
        body = body or sample(action, **changes)
        envelope = read_envelope(body)
        return NewEvent(
            profile="main",
            action=envelope.action,
            event=envelope.event,
            event_id=str(self._number),
            institution=envelope.institution,
            time=time_ or envelope.time,
            subject=envelope.subject if subject is None else subject,
            content_type="application/json",
            body=body,
            received_at=self.clock(),
            secret_index=0,
        )

    def load(self) -> Registry:
        """Load the handlers that were written."""
        return load_handlers(self.handlers)

    def worker(
        self, *, inbox: Any = None, observe: Any = None, on_collected: Any = None, **options: Any
    ) -> Worker:
        """Make a worker; it is stopped at the test's end."""
        worker = Worker(
            inbox=inbox or self.inbox,
            registry=self.load(),
            services=self.services,
            options=WorkerOptions(**{"poll_s": 0.05, **options}),
            observe=observe or self._observe,
            on_collected=on_collected,
            clock=self.clock,
        )
        self._workers.append(worker)
        return worker

    def start(self, **options: Any) -> Worker:
        """Start a worker."""
        worker = self.worker(**options)
        worker.start()
        return worker

    def until(self, is_so: Callable[[], bool]) -> None:
        """Wait until something is so that a settled run brings about."""
        with self._changed:
            assert self._changed.wait_for(is_so, WAIT_S), self.settled

    def until_settled(self, seq: int, times: int = 1) -> None:
        """Wait until so many executions of an event's runs are on disk."""
        self.until(lambda: [lease.event.seq for lease, _ in self.settled].count(seq) >= times)

    def until_final(self, *seqs: int) -> list[Run]:
        """Wait until nothing of these events is left to do; return their runs."""
        self.until(lambda: bool(self.runs(*seqs)) and not self._open(*seqs))
        return self.runs(*seqs)

    def runs(self, *seqs: int) -> list[Run]:
        return self.inbox.runs(seqs)

    def run(self, seq: int, handler: str | None = None) -> Run:
        """Return the one run of an event, or that of a handler."""
        (run,) = [run for run in self.runs(seq) if handler in {None, run.handler}]
        return run

    def attempts(self, seq: int) -> list[Attempt]:
        """Return the attempts of an event's one run."""
        return self.inbox.attempts(self.run(seq).id)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the file locked, as a backup in another process might."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    def close(self) -> None:
        for worker in self._workers:
            worker.stop()
        for inbox in self._inboxes:
            inbox.close()

    def _open(self, *seqs: int) -> bool:
        states = {run.state for run in self.runs(*seqs)}
        handled = {run.event_seq for run in self.runs(*seqs)}
        return handled != set(seqs) or bool(states & {RunState.WAITING, RunState.RUNNING})

    def _observe(self, lease: Lease, settled: Settlement) -> None:
        with self._changed:
            self.settled.append((lease, settled))
            self._changed.notify_all()


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    module = ModuleType("desk")
    desk = Desk()
    vars(module)["desk"] = desk
    monkeypatch.setitem(sys.modules, "desk", module)
    yield desk
    desk.open_all()


@pytest.fixture
def shop(tmp_path: Path, desk: Desk) -> Iterator[Workshop]:
    shop = Workshop(tmp_path)
    yield shop
    desk.open_all()
    shop.close()


@pytest.fixture
def watched(shop: Workshop) -> Watched:
    return Watched(shop.inbox)
