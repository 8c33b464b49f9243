"""A handler's context whose messages are kept instead of sent."""

from collections.abc import Mapping
from typing import Any

from almahook.handlers import AlmaAPI, Context
from almahook.notify import Message, Notifier
from almahook.testing.alma import AlmaInMemory

_NO_DEADLINE = float("inf")


class StepsInMemory:
    """Keeps the results of ``ctx.once`` for the next attempt."""

    def __init__(self) -> None:
        self._kept: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        """Return what was kept under this name, or None."""
        return self._kept.get(name)

    def save(self, name: str, result: bytes) -> None:
        """Keep a step's result."""
        self._kept[name] = result


class HandlerContext(Context):
    """The context of a handler under test; one run of it, however many attempts.

    Args:
        alma: What the handler reaches as ``ctx.alma``.
        handler: The handler's name.
        profile: The profile that the event came from.
        attempt: The number of the first attempt.
        default_country: Two letters: where phone numbers without ``+`` are.
    """

    def __init__(
        self,
        alma: AlmaAPI,
        *,
        handler: str = "handler",
        profile: str = "main",
        attempt: int = 1,
        default_country: str = "",
    ) -> None:
        # The real notifier, so that a number that is none fails the test as it would fail at work.
        self._dry_run = Notifier(dry_run=True, default_country=default_country)
        self._has_begun = False
        super().__init__(
            handler=handler,
            profile=profile,
            run_id=1,
            attempt=attempt,
            deadline=_NO_DEADLINE,
            steps=StepsInMemory(),
            make_alma=lambda: alma,
            notify=self._dry_run,
        )

    @property
    def sent(self) -> list[Message]:
        """The messages of all attempts, the oldest first."""
        return self._dry_run.outbox.messages

    def begin_attempt(self) -> None:
        """Begin the next attempt of the same run; what ``ctx.once`` has done stays done."""
        if self._has_begun:
            self.attempt += 1
            self._begun.clear()
        self._has_begun = True


def context(
    *,
    users: Mapping[str, Mapping[str, Any]] | None = None,
    records: Mapping[str, Mapping[str, Any]] | None = None,
    alma: AlmaAPI | None = None,
    handler: str = "handler",
    profile: str = "main",
    attempt: int = 1,
    default_country: str = "",
) -> HandlerContext:
    """Make a context for a handler's test.

    Args:
        users: The users of an Alma in memory, by their ids.
        records: Its other records, by their paths; see :class:`AlmaInMemory`.
        alma: Instead of these, an ``AlmaClient`` of the simulator, or any object.
        handler: The handler's name.
        profile: The profile that the event came from.
        attempt: The number of the first attempt.
        default_country: Two letters: where phone numbers without ``+`` are.
    """
    return HandlerContext(
        AlmaInMemory(users, records) if alma is None else alma,
        handler=handler,
        profile=profile,
        attempt=attempt,
        default_country=default_country,
    )
