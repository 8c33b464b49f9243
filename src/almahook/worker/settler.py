"""What becomes of executions: decided, stored and told."""

import random
from collections.abc import Callable, Sequence

from almahook.errors import InboxError
from almahook.handlers import RetryPolicy
from almahook.inbox import Inbox, Lease, Settlement
from almahook.worker.decide import Ended, settlement
from almahook.worker.journal import Journal

Observer = Callable[[Lease, Settlement], None]


class Settler:
    """Settles runs.

    Args:
        observe: Told of every settled run.
    """

    def __init__(self, inbox: Inbox, journal: Journal, observe: Observer | None = None) -> None:
        self._inbox = inbox
        self._journal = journal
        self._observe = observe

    def decide(
        self, lease: Lease, ended: Ended, policy: RetryPolicy, *, direct: bool = False
    ) -> Settlement:
        """Decide what becomes of a run; ``direct`` when Alma is the one who tries again."""
        try:
            return settlement(lease, ended, policy=policy, spread=_spread(), direct=direct)
        except Exception as error:  # noqa: BLE001 - a policy may be a class of the user's own
            self._journal.unexpected("retry.policy_failed", error, handler=lease.handler)
            return settlement(lease, ended, policy=RetryPolicy(), spread=_spread(), direct=direct)

    def record(self, settlements: Sequence[Settlement]) -> list[bool]:
        """Settle all, and if one of them cannot be stored, the others.

        Returns:
            False where the run was no longer ours.

        Raises:
            InboxError: The inbox cannot be written now.
        """
        try:
            return self._inbox.settle(settlements)
        except InboxError:
            raise
        except Exception as error:  # noqa: BLE001 - one result must not hold the others up
            if len(settlements) > 1:
                return [taken for one in settlements for taken in self.record([one])]
            # Its lease runs out, and it starts again.
            self._journal.unexpected("run.not_settled", error, run_id=settlements[0].run_id)
            return [False]

    def tell(self, lease: Lease, settled: Settlement, *, ours: bool) -> None:
        """Log what became of a run, and let the observer know."""
        self._journal.settled(lease, settled, ours=ours)
        if not ours or self._observe is None:
            return
        try:
            self._observe(lease, settled)
        except Exception as error:  # noqa: BLE001 - it is told of what is done already
            self._journal.unexpected("worker.observer_failed", error)


def _spread() -> float:
    return random.random()  # noqa: S311 - it spreads load, it guards nothing
