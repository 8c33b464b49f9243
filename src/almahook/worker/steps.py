"""The steps of a run, as its context sees them."""

from almahook.inbox import Inbox, Lease


class LeasedSteps:
    """Keeps the results of ``ctx.once`` under the lease of the run."""

    def __init__(self, inbox: Inbox, lease: Lease) -> None:
        self._inbox = inbox
        self._lease = lease

    def load(self, name: str) -> bytes | None:
        """Return the kept result of a step, or None."""
        return self._inbox.load_step(self._lease, name)

    def save(self, name: str, result: bytes) -> None:
        """Keep the result of a step.

        Raises:
            StaleLeaseError: Somebody else runs this now.
        """
        self._inbox.save_step(self._lease, name, result)
