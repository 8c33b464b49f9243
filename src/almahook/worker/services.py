"""What handlers call, as the worker is given it, and the context that hands it to them."""

from typing import Protocol

from almahook.handlers import AlmaAPI, Context, Handler, Notify
from almahook.inbox import Inbox, Lease
from almahook.worker.steps import LeasedSteps


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


class ContextMaker:
    """Makes the context of each execution."""

    def __init__(self, inbox: Inbox, services: Services) -> None:
        self._inbox = inbox
        self._alma = services.alma
        self._notify = services.notify

    def __call__(self, lease: Lease, handler: Handler, *, now: float, timeout_s: float) -> Context:
        """Make the context of one execution, which ends at its time-out."""
        profile = lease.event.profile
        return Context(
            handler=handler.name,
            profile=profile,
            run_id=lease.run_id,
            attempt=lease.attempt,
            deadline=now + timeout_s,
            steps=LeasedSteps(self._inbox, lease, patience_s=timeout_s),
            make_alma=lambda: self._alma(profile),
            notify=self._notify,
        )
