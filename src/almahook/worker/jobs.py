"""The runs that a worker has in hand: one book under one lock."""

import math
import threading
import time
from collections import Counter
from concurrent.futures import Future
from dataclasses import dataclass, field

from almahook.handlers import Context, Handler
from almahook.inbox import Lease, Settlement
from almahook.worker.decide import Ended

# What an async handler gets beyond its time-out, to clean up, before it counts as stuck.
_GRACE_S = 1.0


@dataclass(eq=False, slots=True)
class Job:
    """A leased run on its way through a handler.

    Attributes:
        future: Done when the result is on disk; None when nobody waits for it.
        ends: When it must have ended, by the monotonic clock in seconds, whatever its handler may.
        timeout_s: How long it may take; known when it has begun.
        started: When it began, by the monotonic clock in seconds; None while it waits its turn.
        started_at: The same by the wall clock, seconds since the epoch.
    """

    lease: Lease
    handler: Handler
    context: Context
    future: Future[Settlement] | None = field(default=None, repr=False)
    ends: float = math.inf
    timeout_s: float = 0.0
    started: float | None = None
    started_at: float = 0.0

    @property
    def is_direct(self) -> bool:
        """Whether Alma waits for the outcome."""
        return self.future is not None

    def start(self, *, at: float) -> None:
        """Begin, at a time of the wall clock: from now on the time counts."""
        self.started, self.started_at = time.monotonic(), at
        self.timeout_s = min(self.handler.timeout_s, max(0.0, self.ends - self.started))
        self.context.deadline = at + self.timeout_s

    def is_overdue(self, now: float) -> bool:
        """Say whether it runs longer than its handler may; ``now`` is the monotonic clock's."""
        if self.started is None:
            return False
        limit_s = self.timeout_s + (_GRACE_S if self.handler.is_async else 0.0)
        return now - self.started > limit_s


class Jobs:
    """Keeps each job in one place, from whichever thread it is moved.

        add ──▶ open ──begin──▶ open, and running ──end──▶ ended ──▶ settled by the worker
                  └──close──▶ returned ──▶ released by the worker

    A job ends once: whoever comes second, its thread or the time-out, is told so.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._open: dict[Job, None] = {}
        self._ended: list[tuple[Job, Ended]] = []
        self._returned: list[Lease] = []
        self._is_closed = False

    def add(self, job: Job) -> bool:
        """Take a job in hand; once closed, its lease is returned instead, and this is False."""
        with self._lock:
            if self._is_closed:
                self._returned.append(job.lease)
            else:
                self._open[job] = None
            return not self._is_closed

    def begin(self, job: Job, *, at: float) -> bool:
        """Note that a job runs from now on; False when it must not, as it was taken back."""
        with self._lock:
            if job not in self._open:
                return False
            job.start(at=at)
            return True

    def end(self, job: Job, ended: Ended) -> bool:
        """Note how a job ended; False when it had ended before, or was taken back."""
        with self._changed:
            if job not in self._open:
                return False
            del self._open[job]
            self._ended.append((job, ended))
            self._changed.notify_all()
            return True

    def close(self) -> list[Job]:
        """Let nothing more begin, and return the leases of what has not begun; say of which."""
        with self._changed:
            self._is_closed = True
            return self._take_back()

    def take_back(self) -> list[Job]:
        """Return the leases of what has not begun; say of which."""
        with self._changed:
            return self._take_back()

    def _take_back(self) -> list[Job]:
        unstarted = [job for job in self._open if job.started is None]
        for job in unstarted:
            del self._open[job]
            self._returned.append(job.lease)
        self._changed.notify_all()
        return unstarted

    def give_back(self, lease: Lease) -> None:
        """Have a lease released that no job was made of."""
        with self._lock:
            self._returned.append(lease)

    def take_ended(self) -> list[tuple[Job, Ended]]:
        """Hand over what has ended since the last time, to be settled."""
        with self._lock:
            ended, self._ended = self._ended, []
            return ended

    def take_returned(self) -> list[Lease]:
        """Hand over the leases that were returned since the last time, to be released."""
        with self._lock:
            returned, self._returned = self._returned, []
            return returned

    def wait_until_none_is_open(self, timeout_s: float) -> None:
        """Wait until every job has ended or was taken back, but not for ever."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, timeout_s)

    def wait_until_one_ends(self, timeout_s: float) -> None:
        """Wait until a job has ended, but not for ever."""
        with self._changed:
            self._changed.wait_for(lambda: self._ended or not self._open, timeout_s)

    def open_jobs(self) -> list[Job]:
        """Return what waits or runs."""
        with self._lock:
            return list(self._open)

    def overdue(self) -> list[Job]:
        """Return what runs longer than it may."""
        now = time.monotonic()
        return [job for job in self.open_jobs() if job.is_overdue(now)]

    def counts(self) -> Counter[str]:
        """Count what waits or runs, by handler."""
        return Counter(job.handler.name for job in self.open_jobs())

    def leases(self) -> list[Lease]:
        """Return the leases of all that is not handed over yet."""
        with self._lock:
            return [job.lease for job in (*self._open, *(job for job, _ in self._ended))]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to do."""
        with self._lock:
            return not (self._open or self._ended or self._returned)
