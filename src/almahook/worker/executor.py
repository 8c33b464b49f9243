"""Where handlers run: each on threads of its own, so that a stuck one holds up no other."""

import asyncio
import queue
import threading
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

from almahook.worker.jobs import Job


class Executor(Protocol):
    """Runs the jobs of one handler; may be called from any thread."""

    @property
    def stuck(self) -> int:
        """How many threads are occupied by jobs that were abandoned."""

    def submit(self, job: Job) -> None:
        """Run a job as soon as there is room.

        Raises:
            RuntimeError: There is no thread for it, and none can be started.
        """

    def abandon(self, job: Job) -> None:
        """Make room for another job in place of one that does not end."""

    def stop(self) -> None:
        """Take no more jobs; threads that are free end."""


class ThreadExecutor:
    """Runs plain handlers on up to ``size`` threads, started when they are needed.

    Args:
        run: Runs a job; never raises.
    """

    def __init__(self, name: str, size: int, run: Callable[[Job], None]) -> None:
        self._name = name
        self._size = size
        self._run = run
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._running: set[Job] = set()
        self._threads = 0
        self._unfinished = 0
        self._stuck = 0

    @property
    def stuck(self) -> int:
        """How many abandoned threads have still not come back."""
        with self._lock:
            return self._stuck

    def submit(self, job: Job) -> None:
        """Run a job as soon as a thread is free.

        Raises:
            RuntimeError: There is no thread, and none can be started.
        """
        with self._lock:
            self._unfinished += 1
            try:
                self._start_if_needed()
            except RuntimeError:
                # Those that are there will do.
                if not self._threads:
                    self._unfinished -= 1
                    raise
        self._queue.put(job)

    def abandon(self, job: Job) -> None:
        """Leave a job's thread to itself, and start another in its place if there is work."""
        with self._lock:
            if job not in self._running:
                return
            self._running.remove(job)
            self._unfinished -= 1
            self._threads -= 1
            self._stuck += 1
            # If no thread can be started now, the next job tries again.
            with suppress(RuntimeError):
                self._start_if_needed()

    def stop(self) -> None:
        """End the threads that are free."""
        with self._lock:
            for _ in range(self._threads):
                self._queue.put(None)

    def _start_if_needed(self) -> None:
        if self._threads < min(self._size, self._unfinished):
            name = f"almahook-handler-{self._name}"
            threading.Thread(target=self._work, name=name, daemon=True).start()
            self._threads += 1

    def _work(self) -> None:
        while (job := self._queue.get()) is not None:
            with self._lock:
                self._running.add(job)
            self._run(job)
            with self._lock:
                if job not in self._running:
                    # Another thread has taken this one's place.
                    self._stuck -= 1
                    return
                self._running.remove(job)
                self._unfinished -= 1


@dataclass(eq=False, slots=True)
class _Place:
    """An event loop with a thread of its own, and the jobs that have begun on it."""

    runner: asyncio.Runner
    loop: asyncio.AbstractEventLoop
    tasks: dict[Job, asyncio.Task[None]] = field(default_factory=dict)
    is_ending: bool = False

    def run(self) -> None:
        """Serve the loop until it is to end."""
        with self.runner:
            while not self.is_ending:
                # Raised by a task that a handler has started; it ends nothing but that task.
                with suppress(SystemExit, KeyboardInterrupt):
                    self.loop.run_forever()

    def end(self) -> None:
        """End the loop, from its own thread; a second stop would cut its closing short."""
        if not self.is_ending:
            self.is_ending = True
            self.loop.stop()


class LoopExecutor:
    """Runs async handlers as up to ``size`` tasks on an event loop of their own.

    A job that does not end may have blocked the loop. So the loop is left: what has begun there may
    go on if it can, and everything else goes to a new loop.

    Args:
        run: Runs a job; never raises.
    """

    def __init__(
        self, name: str, size: int, run: Callable[[Job], Coroutine[Any, Any, None]]
    ) -> None:
        self._name = name
        self._size = size
        self._run = run
        self._lock = threading.Lock()
        self._waiting: deque[Job] = deque()
        self._placed: dict[Job, _Place] = {}
        self._current: _Place | None = None
        self._left: set[_Place] = set()

    @property
    def stuck(self) -> int:
        """How many loops that were left have still not ended."""
        with self._lock:
            return len(self._left)

    def submit(self, job: Job) -> None:
        """Run a job as soon as there is room.

        Raises:
            RuntimeError: There is no loop, and no thread can be started for one.
        """
        with self._lock:
            self._waiting.append(job)
            self._fill()

    def abandon(self, job: Job) -> None:
        """Cancel a job, and leave the loop that it may have blocked."""
        with self._lock:
            place = self._placed.pop(job, None)
            if place is None:
                return
            self._leave(place)
            place.loop.call_soon_threadsafe(self._cancel, job, place)
            # If no thread can be started now, the next job tries again.
            with suppress(RuntimeError):
                self._fill()

    def stop(self) -> None:
        """Cancel what runs, and end the loops."""
        with self._lock:
            self._waiting.clear()
            if self._current is not None:
                self._leave(self._current)
            for place in self._left:
                # A loop that has just ended by itself is closed.
                with suppress(RuntimeError):
                    place.loop.call_soon_threadsafe(self._cancel_all, place)

    # With the lock held

    def _fill(self) -> None:
        while self._waiting and len(self._placed) < self._size:
            place = self._current = self._current or self._open()
            job = self._waiting.popleft()
            self._placed[job] = place
            place.loop.call_soon_threadsafe(self._begin, job, place)

    def _open(self) -> _Place:
        runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        place = _Place(runner, runner.get_loop())
        name = f"almahook-handler-{self._name}"
        try:
            threading.Thread(target=self._serve, args=(place,), name=name, daemon=True).start()
        except RuntimeError:
            runner.close()
            raise
        return place

    def _leave(self, place: _Place) -> None:
        if place is self._current:
            self._current = None
            self._left.add(place)
        unbegun = [
            job for job, at in self._placed.items() if at is place and job not in place.tasks
        ]
        for job in unbegun:
            del self._placed[job]
        self._waiting.extendleft(reversed(unbegun))

    def _end_if_done(self, place: _Place) -> None:
        if place in self._left and not place.tasks:
            place.end()

    # On the loop's thread

    def _serve(self, place: _Place) -> None:
        place.run()
        with self._lock:
            self._left.discard(place)

    def _begin(self, job: Job, place: _Place) -> None:
        task = place.loop.create_task(self._work(job, place))
        task.add_done_callback(partial(self._ended, job, place))

    async def _work(self, job: Job, place: _Place) -> None:
        task = asyncio.current_task()
        assert task is not None
        with self._lock:
            # It may have gone to another loop before this one came round to it.
            if self._placed.get(job) is not place:
                return
            place.tasks[job] = task
        await self._run(job)

    def _ended(self, job: Job, place: _Place, _task: object) -> None:
        with self._lock:
            place.tasks.pop(job, None)
            if self._placed.get(job) is place:
                del self._placed[job]
            self._end_if_done(place)
            self._fill()

    def _cancel(self, job: Job, place: _Place) -> None:
        with self._lock:
            task = place.tasks.get(job)
            self._end_if_done(place)
        if task is not None:
            task.cancel()

    def _cancel_all(self, place: _Place) -> None:
        with self._lock:
            tasks = list(place.tasks.values())
            self._end_if_done(place)
        for task in tasks:
            task.cancel()
