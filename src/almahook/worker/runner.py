"""Runs what its caller has claimed, while the caller waits: no loop, no polling, no renewals.

For processes that are frozen between two events, as functions on AWS Lambda are.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from almahook.errors import InboxError
from almahook.handlers import Registry, RetryPolicy
from almahook.inbox import Inbox, Lease, RunState, Settlement
from almahook.worker.decide import Ended
from almahook.worker.execution import lost, not_loaded
from almahook.worker.floor import Floor
from almahook.worker.jobs import Job
from almahook.worker.journal import Journal
from almahook.worker.matcher import Matcher
from almahook.worker.services import ContextMaker, Services
from almahook.worker.settler import Settler

_LOOK_S = 0.1
_TRY_AGAIN_S = 0.25

_Ends = list[tuple[Lease, Settlement]]


class Runner:
    """Runs leased runs at once, and settles each as it ends; used by one thread at a time.

    Args:
        clock: Seconds since the epoch.

    Attributes:
        match: Assigns handlers to an event; for the inbox's ``claim``.
    """

    def __init__(
        self,
        *,
        inbox: Inbox,
        registry: Registry,
        services: Services,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._inbox = inbox
        self._registry = registry
        self._clock = clock
        self._context = ContextMaker(inbox, services)
        self._journal = Journal()
        self._settler = Settler(inbox, self._journal)
        self._floor = Floor(registry, journal=self._journal, clock=clock, on_end=lambda: None)
        self.match = Matcher(registry, self._journal)

    def run(
        self, leases: Sequence[Lease], *, ends: float, settle_by: float, direct: bool = False
    ) -> list[Settlement]:
        """Run them, and return those results that are stored.

        What has not begun by the end is given back. What cannot be settled starts again when its
        lease has run out.

        Args:
            leases: The caller's own.
            ends: When every handler must have ended, by the monotonic clock in seconds.
            settle_by: Until when an inbox that cannot be written is tried again, by the same clock.
            direct: Alma waits for the outcome and is the one who tries again.
        """
        waiting: _Ends = []
        stored: list[Settlement] = []
        for lease in leases:
            waiting += self._begin(lease, ends, direct)
        while self._step(waiting, stored, ends, direct):
            if time.monotonic() >= settle_by:
                self._floor.jobs.take_returned()
                break
        return stored

    def park_lost(self, leases: Sequence[Lease]) -> list[Lease]:
        """Park the runs that were tried often enough, and died each time; return the others.

        Raises:
            InboxError: The inbox cannot be written now.
        """
        ends = [(lease, self._lost(lease)) for lease in leases]
        self._store([(lease, end) for lease, end in ends if end is not None])
        return [lease for lease, end in ends if end is None]

    def _step(self, waiting: _Ends, stored: list[Settlement], ends: float, direct: bool) -> bool:
        """Do what there is to do; say whether something is left, after waiting for it a little."""
        jobs = self._floor.jobs
        if time.monotonic() >= ends:
            jobs.take_back()
        self._floor.end_overdue()
        waiting += [(job.lease, self._decide(job, end, direct)) for job, end in jobs.take_ended()]
        try:
            stored += self._store(waiting)
            waiting.clear()
            self._release()
        except InboxError as error:
            self._journal.unavailable(error.message, 1)
            time.sleep(_TRY_AGAIN_S)
            return True
        jobs.wait_until_one_ends(_LOOK_S)
        return not jobs.is_empty

    def _begin(self, lease: Lease, ends: float, direct: bool) -> _Ends:
        """Begin a run; return its end if it has one at once."""
        handler = self._registry.get(lease.handler)
        now = self._clock()
        if handler is None and direct:
            self._floor.jobs.give_back(lease)
        elif handler is None:
            end = not_loaded(lease.handler, now)
            return [(lease, self._settler.decide(lease, end, RetryPolicy()))]
        else:
            context = self._context(lease, handler, now=now, timeout_s=handler.timeout_s)
            self._floor.begin(Job(lease, handler, context, ends=ends))
        return []

    def _decide(self, job: Job, ended: Ended, direct: bool) -> Settlement:
        return self._settler.decide(job.lease, ended, job.handler.retry, direct=direct)

    def _lost(self, lease: Lease) -> Settlement | None:
        """Decide about the attempt before: had it ended, the policy would have been asked then."""
        handler = self._registry.get(lease.handler)
        if handler is None or lease.attempt == 1:
            return None
        before = replace(lease, attempt=lease.attempt - 1)
        end = self._settler.decide(before, lost(self._clock()), handler.retry)
        return end if end.state is RunState.PARKED else None

    def _store(self, ends: _Ends) -> list[Settlement]:
        if not ends:
            return []
        taken = self._settler.record([end for _, end in ends])
        for (lease, end), ours in zip(ends, taken, strict=True):
            self._settler.tell(lease, end, ours=ours)
        return [end for (_, end), ours in zip(ends, taken, strict=True) if ours]

    def _release(self) -> None:
        if returned := self._floor.jobs.take_returned():
            self._inbox.release(returned)
