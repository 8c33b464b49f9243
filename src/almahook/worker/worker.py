"""The worker: one thread that dispatches, leases, hands out and settles, in batches.

Handlers run on threads of their own; this thread alone talks to the inbox about them (steps aside,
which a handler keeps while it runs).
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass

from almahook.errors import InboxError, InboxUnavailableError
from almahook.handlers import Handler, Registry, RetryPolicy
from almahook.inbox import Assignment, Collected, Inbox, Lease, Settlement, StoredEvent
from almahook.worker.decide import Ended
from almahook.worker.execution import lost, stopped
from almahook.worker.floor import Floor
from almahook.worker.jobs import Job
from almahook.worker.journal import Journal
from almahook.worker.matcher import Matcher
from almahook.worker.pace import STEP, Pace
from almahook.worker.services import ContextMaker, Services
from almahook.worker.settler import Observer, Settler
from almahook.worker.tenure import Tenure

_TIDIED_AT_ONCE = 512
_MOST_PREFETCHED = 256
# How often another process's writes are looked for; a look costs microseconds.
_BACK_OFF_S = (0.5, 1.0, 2.0, 5.0)
# How often, and after what waits, a worker that is to stop tries to reach the inbox.
_LAST_TRIES = 5
_LAST_TRY_S = 0.5


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkerOptions:
    """How the worker works.

    Attributes:
        lease_s: How long a run stays with a worker that is not heard of; renewed meanwhile.
        poll_s: How often due retries and lost leases are looked for.
        look_s: How often is looked whether another process has stored something.
        dispatching: Whether new events are given to handlers here; in direct mode the request
            that brought an event does so.
    """

    lease_s: float = 30.0
    poll_s: float = 1.0
    look_s: float = 0.1
    dispatching: bool = True


class Worker:
    """Runs the handlers of a registry for the events of an inbox.

    Args:
        observe: Told of every settled run.
        on_collected: Told of every batch that was collected.
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
        on_collected: Callable[[Collected], None] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inbox = inbox
        self._registry = registry
        self._context = ContextMaker(inbox, services)
        self._options = options or WorkerOptions()
        self._on_collected = on_collected
        self._clock = clock
        self._wake = threading.Event()
        self._journal = Journal()
        self._floor = Floor(registry, journal=self._journal, clock=clock, on_end=self._wake.set)
        self._jobs = self._floor.jobs
        self._matcher = Matcher(registry, self._journal)
        self._settler = Settler(inbox, self._journal, observe)
        self._tenure = Tenure(self._options.lease_s)
        self._unsettled: list[tuple[Job, Settlement]] = []
        self._unreleased: list[Lease] = []
        self._finished: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._next_poll = 0.0
        self._pace = Pace()
        self._version = -1
        self._failures = 0
        self._thread = threading.Thread(target=self._run, name="almahook-worker", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """Look for work: something was stored."""
        now = time.monotonic()
        self._pace.stored(at=now)
        # Within the pause it is taken with what else arrives.
        if now >= self._pace.next_at:
            self._wake.set()

    @property
    def is_alive(self) -> bool:
        """Whether the worker works."""
        return self._thread.is_alive()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Take no more runs, let those that have begun finish, and return the rest."""
        self._stopping.set()
        for job in self._jobs.close():
            _disappoint(job, "The worker is stopping.")
        self._wake.set()
        if self._thread.ident is not None:
            self._jobs.wait_until_none_is_open(timeout_s)
            for job in self._jobs.open_jobs():
                self._floor.end(job, stopped(job, self._clock()))
            self._thread.join()
        self._floor.stop()

    def run_now(self, lease: Lease) -> Future[Settlement]:
        """Run a leased run at once; the future is done when its result is on disk.

        The future's exception is InboxUnavailableError when the run was not executed, or when its
        result could not be stored.
        """
        future: Future[Settlement] = Future()
        # It will be run, so it cannot be cancelled.
        future.set_running_or_notify_cancel()
        handler = self._registry.get(lease.handler)
        if handler is None:
            self._jobs.give_back(lease)
            text = f"The handler {lease.handler} is not loaded."
            future.set_exception(InboxUnavailableError(text))
        else:
            self._begin(lease, handler, future)
        return future

    # The loop

    def _run(self) -> None:
        while not (self._stopping.is_set() and self._is_done()):
            self._wake.clear()
            try:
                worked = self._step() or self._tidy()
            except InboxError as error:
                self._back_off(error.message)
            except Exception as error:  # noqa: BLE001 - the other events want to be handled
                self._journal.unexpected("worker.failed", error)
                self._back_off(type(error).__name__)
            else:
                self._failures = 0
                if not worked:
                    self._wait()

    def _is_done(self) -> bool:
        return self._jobs.is_empty and not (self._unsettled or self._unreleased)

    def _step(self) -> bool:
        """Do what there is to do now; say whether there was anything."""
        self._floor.end_overdue()
        worked = self._settle()
        self._renew()
        self._release()
        if self._stopping.is_set():
            return worked
        self._recover()
        worked |= self._dispatch()
        worked |= self._lease()
        return worked

    def _wait(self) -> None:
        until = self._tenure.renew_from
        if not self._stopping.is_set():
            until = min(until, self._next_poll)
        while (now := time.monotonic()) < until:
            pause_s = min(self._pace.next_at, until) - now
            if self._wake.wait(pause_s if pause_s > 0 else self._options.look_s) or pause_s > 0:
                return
            if self._jobs.overdue() or self._has_changed():
                return

    def _has_changed(self) -> bool:
        try:
            version = self._inbox.version()
        except InboxError:
            return True
        changed = version != self._version
        self._version = version
        return changed

    def _back_off(self, reason: str) -> None:
        self._failures += 1
        self._journal.unavailable(reason, self._failures)
        if not self._stopping.is_set():
            self._stopping.wait(_BACK_OFF_S[min(self._failures, len(_BACK_OFF_S)) - 1])
            return
        time.sleep(_LAST_TRY_S)
        if self._failures >= _LAST_TRIES:
            self._let_go()

    # Dispatch and lease

    def _dispatch(self) -> bool:
        began = time.monotonic()
        if began < self._pace.next_at:
            return False
        collected = self._inbox.collect(limit=STEP)
        self._tell_collected(collected)
        # All that was collected, which is at hand; a batch is collected whole.
        found = self._inbox.dispatch(self._match, limit=max(STEP, collected.events))
        if self._options.dispatching:
            self._pace.dispatched(found, began=began, ended=time.monotonic())
        return bool(found or collected.events or collected.duplicates)

    def _tidy(self) -> bool:
        """Do what can wait, when nothing else is to be done; say whether there was anything."""
        if self._pace.is_burst or self._stopping.is_set():
            return False
        return self._inbox.tidy(limit=_TIDIED_AT_ONCE) > 0

    def _tell_collected(self, collected: Collected) -> None:
        if self._on_collected is None:
            return
        try:
            self._on_collected(collected)
        except Exception as error:  # noqa: BLE001 - it is told of what is done already
            self._journal.unexpected("worker.observer_failed", error)

    def _match(self, event: StoredEvent) -> Sequence[Assignment]:
        return self._matcher(event) if self._options.dispatching else []

    def _lease(self) -> bool:
        slots = self._slots()
        if not slots:
            return False
        now = self._clock()
        leases = self._inbox.lease(slots, now=now, until=now + self._options.lease_s)
        for lease in leases:
            handler = self._registry.get(lease.handler)
            # Only runs of handlers that are loaded here are ever asked for.
            assert handler is not None
            self._begin(lease, handler)
        return bool(leases)

    def _slots(self) -> dict[str, int]:
        """Say how many runs of each handler to take: the room it has, and more if it is quick."""
        held = self._jobs.counts()
        finished, self._finished = self._finished, Counter()
        wanted = {
            handler.name: self._room(handler, finished[handler.name]) - held[handler.name]
            for handler in self._registry
        }
        return {name: free for name, free in wanted.items() if free > 0}

    def _room(self, handler: Handler, finished: int) -> int:
        if self._floor.is_blocked(handler):
            return 0
        # What is leased ahead and dies with the worker counts as tried, so that a handler which is
        # tried once only gets nothing ahead.
        ahead = 2 * finished if handler.retry.attempts > 1 else 0
        return min(handler.concurrency + ahead, _MOST_PREFETCHED)

    def _begin(
        self, lease: Lease, handler: Handler, future: Future[Settlement] | None = None
    ) -> None:
        context = self._context(lease, handler, now=self._clock(), timeout_s=handler.timeout_s)
        job = Job(lease, handler, context, future)
        if not self._floor.begin(job):
            _disappoint(job, "The worker is stopping.")

    # Settling

    def _settle(self) -> bool:
        for job, ended in self._jobs.take_ended():
            self._unsettled.append((job, self._decide(job, ended)))
        if not self._unsettled:
            return False
        taken = self._settler.record([settled for _, settled in self._unsettled])
        done, self._unsettled = self._unsettled, []
        for (job, settled), ours in zip(done, taken, strict=True):
            self._finished[job.handler.name] += 1
            self._settler.tell(job.lease, settled, ours=ours)
            _answer(job, settled, ours=ours)
        return True

    def _decide(self, job: Job, ended: Ended) -> Settlement:
        return self._settler.decide(job.lease, ended, job.handler.retry, direct=job.is_direct)

    # Leases

    def _renew(self) -> None:
        wall, steady = self._clock(), time.monotonic()
        if not self._tenure.is_renewal_due(wall=wall, steady=steady):
            return
        held = [*self._jobs.leases(), *(job.lease for job, _ in self._unsettled)]
        if held:
            self._inbox.renew(held, until=wall + self._options.lease_s)
        self._tenure.renewed(wall=wall, steady=steady)

    def _release(self) -> None:
        self._unreleased += self._jobs.take_returned()
        if self._unreleased:
            self._inbox.release(self._unreleased)
            self._unreleased = []

    def _recover(self) -> None:
        """Settle the runs of workers that died, as executions whose end nobody saw."""
        steady = time.monotonic()
        if steady < self._next_poll:
            return
        self._next_poll = steady + self._options.poll_s
        now = self._clock()
        if not self._tenure.may_recover(wall=now, steady=steady):
            return
        found = self._inbox.expired(now=now, until=now + self._options.lease_s)
        settled = [self._given_up(lease, now) for lease in found]
        if settled:
            recorded = self._settler.record(settled)
            for lease, one, ours in zip(found, settled, recorded, strict=True):
                self._settler.tell(lease, one, ours=ours)

    def _given_up(self, lease: Lease, now: float) -> Settlement:
        handler = self._registry.get(lease.handler)
        # Whoever has the handler decides when it was tried often enough.
        policy = handler.retry if handler else RetryPolicy(attempts=lease.attempt + 1)
        return self._settler.decide(lease, lost(now), policy)

    def _let_go(self) -> None:
        """End without the inbox: the leases run out, and the runs start again elsewhere."""
        unsettled = [job for job, _ in (*self._unsettled, *self._jobs.take_ended())]
        for job in unsettled:
            _disappoint(job, "The result could not be stored.")
        self._unsettled = []
        self._jobs.take_returned()
        self._unreleased = []


def _answer(job: Job, settled: Settlement, *, ours: bool) -> None:
    """Tell who waits for the result; never 4xx or 2xx for what is not on disk."""
    if not ours:
        _disappoint(job, "Somebody else runs the handler now.")
    elif job.future is not None:
        job.future.set_result(settled)


def _disappoint(job: Job, why: str) -> None:
    if job.future is not None:
        job.future.set_exception(InboxUnavailableError(why))
