"""The worker: one thread that dispatches, leases, hands out and settles, in batches.

Handlers run on threads of their own; this thread alone talks to the inbox about them (steps aside,
which a handler keeps while it runs).
"""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Protocol

from almahook.errors import AlmaHookError, InboxError, InboxUnavailableError
from almahook.handlers import AlmaAPI, Context, Handler, Notify, Registry, handler_to_paste
from almahook.inbox import (
    Assignment,
    Inbox,
    Lease,
    RunState,
    Settlement,
    StoredEvent,
)
from almahook.worker.assign import assign, view
from almahook.worker.decide import Ended, settlement
from almahook.worker.execution import execute, execute_async, lost, timed_out
from almahook.worker.executor import Executor, Job, LoopExecutor, ThreadExecutor
from almahook.worker.steps import LeasedSteps

log = logging.getLogger("almahook.worker")

_DISPATCH_BATCH = 256
_MOST_PREFETCHED = 256
# So many threads of one handler that never came back, and it gets no further runs here.
_MOST_STUCK = 32
# How often another process's writes are looked for; a look costs microseconds.
_LOOK_S = 0.1
# What an async handler gets beyond its time-out before its whole loop counts as blocked.
_GRACE_S = 1.0
_BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)


class Services(Protocol):
    """What handlers call, by profile."""

    def alma(self, profile: str) -> AlmaAPI:
        """Return the REST client of a profile.

        Raises:
            ConfigurationError: The profile has no API key.
        """

    @property
    def notify(self) -> Notify:
        """The notifier."""


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOptions:
    """How the worker works.

    Attributes:
        lease_s: How long a run stays with a worker that is not heard of; renewed meanwhile.
        poll_s: How often due retries and lost leases are looked for.
        dispatching: Whether new events are given to handlers here; in direct mode the request
            that brought an event does so.
    """

    lease_s: float = 30.0
    poll_s: float = 1.0
    dispatching: bool = True


Observer = Callable[[Lease, Settlement], None]


class Worker:
    """Runs the handlers of a registry for the events of an inbox.

    Args:
        observe: Told of every settled run.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        registry: Registry,
        services: Services,
        options: WorkerOptions | None = None,
        observe: Observer | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inbox = inbox
        self._registry = registry
        self._services = services
        self._options = options or WorkerOptions()
        self._observe = observe
        self._clock = clock
        self._executors = {handler.name: self._executor(handler) for handler in registry}
        self._jobs: dict[int, Job] = {}
        self._ended: list[tuple[Job, Ended]] = []
        self._unsettled: list[tuple[Job, Settlement]] = []
        self._waiting: dict[int, Future[Settlement]] = {}
        self._finished: Counter[str] = Counter()
        self._told: set[tuple[str, str]] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._idle = threading.Condition(self._lock)
        self._next_poll = 0.0
        self._next_renewal = 0.0
        self._version = -1
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="almahook-worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """Look for work now: something was stored."""
        self._wake.set()

    @property
    def is_alive(self) -> bool:
        """Whether the worker works."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Take no more runs, let those that have begun finish, and return the rest."""
        self._stopping.set()
        self._wake.set()
        if self._thread.ident is not None:
            self._return_unstarted()
            with self._idle:
                self._idle.wait_for(lambda: not self._jobs, timeout_s)
            self._give_up_unfinished()
            self._thread.join()
            self._tell_stopped()
        for executor in self._executors.values():
            executor.stop()

    def run_now(self, lease: Lease) -> Future[Settlement]:
        """Run a leased run at once; the future is done when its result is on disk."""
        future: Future[Settlement] = Future()
        with self._lock:
            self._waiting[lease.run_id] = future
        self._begin(lease, self._handler(lease), direct=True)
        return future

    # The loop

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._is_done()):
            self._wake.clear()
            try:
                worked = self._step()
                self._failures = 0
            except InboxError as error:
                self._back_off(error)
            else:
                if not worked:
                    self._wait()

    def _is_done(self) -> bool:
        with self._lock:
            return not (self._jobs or self._ended or self._unsettled)

    def _step(self) -> bool:
        """Do what there is to do now; say whether there was anything."""
        self._end_overdue()
        worked = self._settle()
        if self._stopping.is_set():
            return worked
        self._renew()
        self._recover()
        worked |= self._dispatch()
        worked |= self._lease()
        return worked

    def _wait(self) -> None:
        until = self._next_poll
        while not self._wake.is_set() and time.monotonic() < until:
            if self._wake.wait(_LOOK_S) or self._overdue() or self._has_changed():
                return

    def _has_changed(self) -> bool:
        try:
            version = self._inbox.version()
        except InboxError:
            return True
        changed = version != self._version
        self._version = version
        return changed

    def _back_off(self, error: InboxError) -> None:
        log.error(
            "worker.inbox_unavailable",
            extra={"fields": {"reason": error.message, "failures": self._failures + 1}},
        )
        wait_s = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
        self._failures += 1
        if self._stopping.is_set() and self._failures > len(_BACK_OFF_S):
            # The leases run out by themselves, and the runs start again elsewhere.
            self._abandon_all()
            return
        self._stopping.wait(wait_s) or self._wake.wait(0)

    # Dispatch and lease

    def _dispatch(self) -> bool:
        return self._inbox.dispatch(self._match, limit=_DISPATCH_BATCH) > 0

    def _match(self, event: StoredEvent) -> list[Assignment]:
        if not self._options.dispatching:
            return []
        try:
            assigned = assign(self._registry, event)
        except AlmaHookError as error:
            fields = {"event_seq": event.seq, "code": error.code}
            log.error("event.unreadable", extra={"fields": fields})  # noqa: TRY400 - a traceback would add nothing
            return []
        if not assigned:
            self._tell_unhandled(event)
        return assigned

    def _tell_unhandled(self, event: StoredEvent) -> None:
        """Log the handler to write, once for each kind of event."""
        kind = (event.action, event.event)
        if kind in self._told:
            return
        self._told.add(kind)
        fields = {"action": event.action, "event": event.event, "event_seq": event.seq}
        log.warning("event.unhandled\n%s", handler_to_paste(view(event)), extra={"fields": fields})

    def _lease(self) -> bool:
        slots = self._slots()
        if not slots:
            return False
        now = self._clock()
        leases = self._inbox.lease(slots, now=now, until=now + self._options.lease_s)
        for lease in leases:
            self._begin(lease, self._handler(lease))
        return bool(leases)

    def _handler(self, lease: Lease) -> Handler:
        handler = self._registry.get(lease.handler)
        # Only runs of handlers that are loaded here are ever asked for.
        assert handler is not None
        return handler

    def _slots(self) -> dict[str, int]:
        """Say how many runs of each handler to take: the room it has, and more if it is quick."""
        with self._lock:
            held = Counter(job.handler.name for job in self._jobs.values())
            finished, self._finished = self._finished, Counter()
        wanted = {
            handler.name: self._room(handler, finished[handler.name]) - held[handler.name]
            for handler in self._registry
        }
        return {name: free for name, free in wanted.items() if free > 0}

    def _room(self, handler: Handler, finished: int) -> int:
        if self._executors[handler.name].stuck >= _MOST_STUCK:
            return 0
        return min(handler.concurrency + 2 * finished, _MOST_PREFETCHED)

    def _begin(self, lease: Lease, handler: Handler, *, direct: bool = False) -> None:
        profile = lease.event.profile
        context = Context(
            handler=handler.name,
            profile=profile,
            run_id=lease.run_id,
            attempt=lease.attempt,
            deadline=self._clock() + handler.timeout_s,
            steps=LeasedSteps(self._inbox, lease),
            make_alma=lambda: self._services.alma(profile),
            notify=self._services.notify,
        )
        job = Job(lease, handler, context, direct=direct)
        with self._lock:
            self._jobs[lease.run_id] = job
        self._executors[handler.name].submit(job)

    # Running, on the handlers' threads

    def _executor(self, handler: Handler) -> Executor:
        if handler.is_async:
            return LoopExecutor(handler.name, handler.concurrency, self._run_async)
        return ThreadExecutor(handler.name, handler.concurrency, self._run_plain)

    def _run_plain(self, job: Job) -> None:
        if self._starts(job):
            self._end(job, execute(job.handler, view(job.lease.event), job.context, self._clock))

    async def _run_async(self, job: Job) -> None:
        if not self._starts(job):
            return
        ended = lost(job.started_at, job.started_at, "its event loop was stopped")
        try:
            event = view(job.lease.event)
            ended = await execute_async(job.handler, event, job.context, self._clock)
        finally:
            self._end(job, ended)

    def _starts(self, job: Job) -> bool:
        """Begin a job, unless it was taken back while it waited its turn."""
        with self._lock:
            if self._jobs.get(job.lease.run_id) is not job:
                return False
            job.started = time.monotonic()
            job.started_at = self._clock()
            job.context.deadline = job.started_at + job.handler.timeout_s
            return True

    def _end(self, job: Job, ended: Ended) -> None:
        job.context.close()
        with self._idle:
            if self._jobs.get(job.lease.run_id) is job:
                self._ended.append((job, ended))
                self._forget(job)
        self._wake.set()

    def _forget(self, job: Job) -> None:
        del self._jobs[job.lease.run_id]
        self._idle.notify_all()

    # Settling

    def _settle(self) -> bool:
        with self._lock:
            ended, self._ended = self._ended, []
        self._unsettled += [(job, self._decide(job, how)) for job, how in ended]
        if not self._unsettled:
            return False
        taken = self._inbox.settle([settled for _, settled in self._unsettled])
        settled, self._unsettled = self._unsettled, []
        for (job, result), ours in zip(settled, taken, strict=True):
            self._tell_settled(job, result, ours=ours)
        return True

    def _decide(self, job: Job, ended: Ended) -> Settlement:
        policy = job.handler.retry
        return settlement(job.lease, ended, policy=policy, spread=_spread(), direct=job.direct)

    def _tell_settled(self, job: Job, settled: Settlement, *, ours: bool) -> None:
        self._finished[job.handler.name] += 1
        fields = {
            "event_seq": job.lease.event.seq,
            "handler": job.handler.name,
            "attempt": job.lease.attempt,
            "outcome": settled.attempt.outcome.value,
            "state": settled.state.value,
        }
        if not ours:
            log.warning("run.stale_result", extra={"fields": fields})
        elif settled.state is RunState.PARKED:
            log.error("run.parked", extra={"fields": fields})
        elif settled.state is RunState.WAITING:
            log.warning("run.retried", extra={"fields": fields})
        else:
            log.debug("run.finished", extra={"fields": fields})
        if ours and self._observe is not None:
            self._observe(job.lease, settled)
        with self._lock:
            future = self._waiting.pop(job.lease.run_id, None)
        if future is not None:
            future.set_result(settled)

    # Time-outs and leases

    def _overdue(self) -> list[Job]:
        now = time.monotonic()
        with self._lock:
            return [job for job in self._jobs.values() if _is_overdue(job, now)]

    def _end_overdue(self) -> None:
        for job in self._overdue():
            how = timed_out(job.handler, job.context, job.started_at, self._clock())
            self._executors[job.handler.name].abandon(job)
            self._end(job, how)

    def _renew(self) -> None:
        if time.monotonic() < self._next_renewal:
            return
        self._next_renewal = time.monotonic() + self._options.lease_s / 3
        with self._lock:
            held = [job.lease for job in self._jobs.values()]
        if held:
            self._inbox.renew(held, until=self._clock() + self._options.lease_s)

    def _recover(self) -> None:
        """Settle the runs of workers that died, as executions whose end nobody saw."""
        if time.monotonic() < self._next_poll:
            return
        self._next_poll = time.monotonic() + self._options.poll_s
        now = self._clock()
        found = self._inbox.expired(now=now, until=now + self._options.lease_s)
        settled = [
            settlement(
                lease,
                lost(now, now, "the worker that ran it was lost"),
                policy=handler.retry,
                spread=_spread(),
            )
            for lease in found
            if (handler := self._registry.get(lease.handler)) is not None
        ]
        if settled:
            self._inbox.settle(settled)

    # Stopping

    def _return_unstarted(self) -> None:
        with self._idle:
            unstarted = [job for job in self._jobs.values() if job.started is None]
            for job in unstarted:
                self._forget(job)
        if unstarted:
            try:
                self._inbox.release([job.lease for job in unstarted])
            except InboxError as error:
                # The leases run out by themselves.
                fields = {"reason": error.message}
                log.warning("worker.not_released", extra={"fields": fields})

    def _give_up_unfinished(self) -> None:
        with self._lock:
            unfinished = list(self._jobs.values())
        for job in unfinished:
            job.abandoned = True
            self._end(job, lost(job.started_at, self._clock(), "the worker was stopped"))

    def _tell_stopped(self) -> None:
        with self._lock:
            futures = list(self._waiting.values())
            self._waiting.clear()
        for future in futures:
            future.set_exception(InboxUnavailableError("The worker was stopped."))

    def _abandon_all(self) -> None:
        with self._idle:
            self._jobs.clear()
            self._ended.clear()
            self._unsettled.clear()
            self._idle.notify_all()


def _spread() -> float:
    return random.random()  # noqa: S311 - it spreads load, it guards nothing


def _is_overdue(job: Job, now: float) -> bool:
    if job.started is None:
        return False
    limit = job.handler.timeout_s + (_GRACE_S if job.handler.is_async else 0.0)
    return now - job.started > limit
