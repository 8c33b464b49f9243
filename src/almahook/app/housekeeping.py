"""What a listener does by the clock: deleting what its retention says is old."""

import logging
import threading
from collections.abc import Callable

from almahook.errors import InboxError
from almahook.inbox import Inbox, Purged

log = logging.getLogger("almahook.housekeeping")

_DAY_S = 86_400.0
_EVERY_S = 600.0
# A batch holds the write lock for about ten milliseconds, so that receiving goes on in between.
_BATCH = 200


def purge_all(inbox: Inbox, *, before: float, stopping: threading.Event | None = None) -> Purged:
    """Delete everything finished that was received before a time, in small batches."""
    events = rejections = 0
    while stopping is None or not stopping.is_set():
        purged = inbox.purge(before=before, limit=_BATCH)
        events += purged.events
        rejections += purged.rejections
        if not purged.events and not purged.rejections:
            break
    return Purged(events=events, rejections=rejections)


class Housekeeper:
    """Purges every ten minutes, on a thread of its own.

    Args:
        retention_days: What is older is deleted; 0 keeps everything.
    """

    def __init__(self, inbox: Inbox, *, retention_days: float, clock: Callable[[], float]) -> None:
        self._inbox = inbox
        self._retention_s = retention_days * _DAY_S
        self._clock = clock
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="almahook-housekeeper", daemon=True)

    def start(self) -> None:
        """Begin, unless everything is to be kept."""
        if self._retention_s > 0:
            self._thread.start()

    def stop(self) -> None:
        """End after the batch in hand."""
        self._stopping.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._purge()
            self._stopping.wait(_EVERY_S)

    def _purge(self) -> None:
        before = self._clock() - self._retention_s
        try:
            purged = purge_all(self._inbox, before=before, stopping=self._stopping)
        except InboxError as error:
            log.warning("purge.failed", extra={"fields": {"reason": error.message}})
            return
        if purged.events or purged.rejections:
            fields = {"events": purged.events, "rejections": purged.rejections}
            log.info("purge.done", extra={"fields": fields})
