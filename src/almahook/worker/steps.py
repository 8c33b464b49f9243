"""The steps of a run, as its context sees them."""

import time

from almahook.errors import InboxUnavailableError
from almahook.inbox import Inbox, Lease

_TRY_AGAIN_S = (0.1, 0.5, 1.0)


class LeasedSteps:
    """Keeps the results of ``ctx.once`` under the lease of the run.

    Args:
        patience_s: How long an inbox that cannot be written is tried again: what the step did is
            done, and would be done a second time if that were not kept.
    """

    def __init__(self, inbox: Inbox, lease: Lease, *, patience_s: float) -> None:
        self._inbox = inbox
        self._lease = lease
        self._patience_s = patience_s

    def load(self, name: str) -> bytes | None:
        """Return the kept result of a step, or None."""
        return self._inbox.load_step(self._lease, name)

    def save(self, name: str, result: bytes) -> None:
        """Keep the result of a step.

        Raises:
            StaleLeaseError: Somebody else runs this now.
            InboxUnavailableError: The inbox could not be written for too long.
        """
        ends = time.monotonic() + self._patience_s
        tries = 0
        while True:
            try:
                self._inbox.save_step(self._lease, name, result)
            except InboxUnavailableError:
                if time.monotonic() >= ends:
                    raise
            else:
                return
            time.sleep(_TRY_AGAIN_S[min(tries, len(_TRY_AGAIN_S) - 1)])
            tries += 1
