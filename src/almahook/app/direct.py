"""Direct mode: the handlers run while Alma waits, and their outcome is the answer."""

import asyncio
from collections.abc import Callable, Sequence

from almahook.errors import InboxUnavailableError
from almahook.handlers import Registry
from almahook.inbox import Assignment, Claim, Inbox, Lease, RunState, Settlement, StoredEvent
from almahook.protocol import Failed, Handled, Unhandled
from almahook.worker import Worker, assign, view

_GOOD = {RunState.SUCCEEDED, RunState.SKIPPED}


class DirectDelivery:
    """Runs the handlers of a stored event that have not succeeded yet."""

    def __init__(
        self,
        *,
        inbox: Inbox,
        registry: Registry,
        worker: Worker,
        lease_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._inbox = inbox
        self._registry = registry
        self._worker = worker
        self._lease_s = lease_s
        self._clock = clock

    async def __call__(self, seq: int) -> Handled | Failed | Unhandled:
        """Run them, and say how it went.

        Raises:
            InboxUnavailableError: Another request has the handlers running at this moment.
        """
        now = self._clock()
        claim = await asyncio.to_thread(
            self._inbox.claim, seq, self._match, now=now, until=now + self._lease_s
        )
        leases = await self._of_loaded_handlers(claim.leases)
        running = [asyncio.wrap_future(self._worker.run_now(lease)) for lease in leases]
        settled = await asyncio.gather(*running)
        ended = outcome(claim, settled, gone=len(claim.leases) - len(leases))
        if ended is not None:
            return ended
        return await asyncio.to_thread(without_run, self._inbox, self._registry, seq)

    async def _of_loaded_handlers(self, leases: Sequence[Lease]) -> list[Lease]:
        """Give back the runs of handlers that were loaded when the event first came."""
        loaded = [lease for lease in leases if self._registry.get(lease.handler) is not None]
        if len(loaded) < len(leases):
            gone = [lease for lease in leases if lease not in loaded]
            await asyncio.to_thread(self._inbox.release, gone)
        return loaded

    def _match(self, event: StoredEvent) -> Sequence[Assignment]:
        return assign(self._registry, event)


def outcome(claim: Claim, settled: Sequence[Settlement], *, gone: int) -> Handled | Failed | None:
    """Say how the handlers of an event ended; None when it has none that could run.

    Args:
        claim: What was to be run.
        settled: What became of it.
        gone: How many of its runs are of handlers that were loaded once and are not now.

    Raises:
        InboxUnavailableError: Another request has the handlers running at this moment.
    """
    if claim.busy:
        raise InboxUnavailableError("The handlers of this event are running right now.")
    if claim.runs <= gone:
        return None
    return Handled() if all(one.state in _GOOD for one in settled) else Failed()


def without_run(inbox: Inbox, registry: Registry, seq: int) -> Handled | Unhandled:
    """Answer for an event without a run: a handler may be for it whose filter does not want it."""
    return Handled() if registry.knows(view(inbox.event(seq))) else Unhandled()
