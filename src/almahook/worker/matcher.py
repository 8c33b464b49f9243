"""Which handlers an event gets, with a word in the log when it gets none."""

from collections.abc import Sequence

from almahook.errors import AlmaHookError
from almahook.handlers import Registry
from almahook.inbox import Assignment, StoredEvent
from almahook.worker.assign import assign
from almahook.worker.journal import Journal


class Matcher:
    """Assigns handlers to events; never raises."""

    def __init__(self, registry: Registry, journal: Journal) -> None:
        self._registry = registry
        self._journal = journal

    def __call__(self, event: StoredEvent) -> Sequence[Assignment]:
        """Name the handlers that take an event."""
        try:
            assigned = assign(self._registry, event)
            if not assigned:
                self._journal.unhandled(event)
        except Exception as error:  # noqa: BLE001 - one bad event never holds up another
            code = error.code if isinstance(error, AlmaHookError) else type(error).__name__
            self._journal.unreadable(event, code)
            return []
        return assigned
