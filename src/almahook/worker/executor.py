"""Where handlers run: each on threads of its own, so that a stuck one holds up no other."""

import asyncio
import queue
import threading
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Protocol

from almahook.handlers import Context, Handler
from almahook.inbox import Lease


@dataclass(eq=False, slots=True)
class Job:
    """A leased run on its way through a handler.

    Attributes:
        started: When it began, by the monotonic clock in seconds; None while it waits its turn.
        started_at: The same by the wall clock, seconds since the epoch.
        abandoned: Nobody waits for it any more; what it returns is thrown away.
    """

    lease: Lease
    handler: Handler
    context: Context
    direct: bool = False
    started: float | None = None
    started_at: float = 0.0
    abandoned: bool = False
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Executor(Protocol):
    """Runs the jobs of one handler."""

    @property
    def stuck(self) -> int:
        """How many abandoned jobs have still not come back."""

    def submit(self, job: Job) -> None:
        """Run a job as soon as there is room."""

    def abandon(self, job: Job) -> None:
        """Make room for another job in place of one that does not end."""

    def stop(self) -> None:
        """Take no more jobs; threads that are free end."""


class ThreadExecutor:
    """Runs plain handlers on up to ``size`` threads, started when they are needed."""

    def __init__(self, name: str, size: int, run: Callable[[Job], None]) -> None:
        self._name = name
        self._size = size
        self._run = run
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._unfinished = 0
        self._stuck = 0

    @property
    def stuck(self) -> int:
        """How many abandoned threads have still not come back."""
        return self._stuck

    def submit(self, job: Job) -> None:
        """Run a job as soon as a thread is free."""
        with self._lock:
            self._unfinished += 1
            needed = self._threads < min(self._size, self._unfinished)
            self._threads += needed
        self._queue.put(job)
        if needed:
            self._start()

    def abandon(self, job: Job) -> None:
        """Leave a job's thread to itself and start another in its place."""
        with self._lock:
            job.abandoned = True
            self._unfinished -= 1
            self._stuck += 1
        self._start()

    def stop(self) -> None:
        """End the threads that are free."""
        for _ in range(self._threads):
            self._queue.put(None)

    def _start(self) -> None:
        name = f"almahook-handler-{self._name}"
        threading.Thread(target=self._loop, name=name, daemon=True).start()

    def _loop(self) -> None:
        while (job := self._queue.get()) is not None:
            self._run(job)
            with self._lock:
                if job.abandoned:
                    self._stuck -= 1
                    return
                self._unfinished -= 1


class LoopExecutor:
    """Runs async handlers as up to ``size`` tasks on an event loop of their own."""

    def __init__(
        self, name: str, size: int, run: Callable[[Job], Coroutine[Any, Any, None]]
    ) -> None:
        self._name = name
        self._size = size
        self._run = run
        self._loop: asyncio.AbstractEventLoop | None = None
        self._room = asyncio.Semaphore(size)
        self._left: list[asyncio.AbstractEventLoop] = []

    @property
    def stuck(self) -> int:
        """How many loops that were left behind are still blocked."""
        self._left = [loop for loop in self._left if not loop.is_closed()]
        return len(self._left)

    def submit(self, job: Job) -> None:
        """Run a job as soon as there is room on the loop."""
        if self._loop is None:
            self._start()
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._spawn, job, self._room)

    def abandon(self, job: Job) -> None:
        """Cancel a job; a loop that it blocks is left behind with all that is on it."""
        job.abandoned = True
        loop, self._loop = self._loop, None
        if loop is not None:
            self._left.append(loop)
            loop.call_soon_threadsafe(_cancel_all, loop)

    def stop(self) -> None:
        """Cancel what runs and end the loop."""
        loop, self._loop = self._loop, None
        if loop is not None:
            loop.call_soon_threadsafe(_cancel_all, loop)

    def _start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._room = asyncio.Semaphore(self._size)
        name = f"almahook-handler-{self._name}"
        threading.Thread(target=_run_loop, args=(self._loop,), name=name, daemon=True).start()

    def _spawn(self, job: Job, room: asyncio.Semaphore) -> None:
        job.task = asyncio.get_running_loop().create_task(self._bounded(job, room))

    async def _bounded(self, job: Job, room: asyncio.Semaphore) -> None:
        async with room:
            await self._run(job)


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    ending = asyncio.gather(*tasks, return_exceptions=True)
    ending.add_done_callback(lambda _: loop.stop())
