"""What a worker logs: what became of runs, and the handler to write for an event without one."""

import logging
import traceback

from almahook.handlers import handler_to_paste
from almahook.inbox import AttemptOutcome, Lease, RunState, Settlement, StoredEvent
from almahook.worker.assign import view

log = logging.getLogger("almahook.worker")


class Journal:
    """Writes the worker's log."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()

    def unhandled(self, event: StoredEvent) -> None:
        """Show the handler to write, once for each kind of event."""
        kind = (event.action, event.event)
        if kind in self._told:
            return
        self._told.add(kind)
        fields = {"action": event.action, "sub_event": event.event, "event_seq": event.seq}
        log.warning("event.unhandled\n%s", handler_to_paste(view(event)), extra={"fields": fields})

    def unreadable(self, event: StoredEvent, reason: str) -> None:
        """Tell of an event that no handler can be given."""
        log.error("event.unreadable", extra={"fields": {"event_seq": event.seq, "code": reason}})

    def settled(self, lease: Lease, settled: Settlement, *, ours: bool) -> None:
        """Tell what became of a run, by how much it matters."""
        fields = {
            "event_seq": lease.event.seq,
            "handler": lease.handler,
            "attempt": lease.attempt,
            "outcome": settled.attempt.outcome.value,
            "state": settled.state.value,
        }
        if not ours:
            log.warning("run.stale_result", extra={"fields": fields})
        elif settled.state is RunState.PARKED:
            log.error("run.parked", extra={"fields": fields})
        elif settled.attempt.outcome is AttemptOutcome.LOST:
            log.warning("run.lost", extra={"fields": fields})
        elif settled.state is RunState.WAITING:
            log.warning("run.retried", extra={"fields": fields})
        else:
            log.debug("run.finished", extra={"fields": fields})

    def stuck(self, handler: str, threads: int) -> None:
        """Tell of a handler that gets no more runs here, as too many never came back."""
        log.error("handler.stuck", extra={"fields": {"handler": handler, "threads": threads}})

    def unexpected(self, event: str, error: Exception, **fields: object) -> None:
        """Tell of an error that nobody thought of, by its kind and place.

        Its text, and the lines of a traceback, can hold what must not be logged.
        """
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename}:{frame.lineno}"
        log.error(event, extra={"fields": {**fields, "kind": type(error).__name__, "place": place}})

    def unavailable(self, reason: str, failures: int) -> None:
        """Tell that the inbox could not be used."""
        fields = {"reason": reason, "failures": failures}
        log.error("worker.inbox_unavailable", extra={"fields": fields})
