"""Which handlers an event gets: pure."""

from collections.abc import Sequence
from datetime import UTC, datetime

from almahook.errors import NoHandlerError
from almahook.events import Event, event_of, read_event
from almahook.handlers import Handler, Registry
from almahook.inbox import Assignment, StoredEvent
from almahook.protocol import Envelope

_DIGEST = "sha256:"


def view(event: StoredEvent) -> Event:
    """Make the typed event that handlers take; its body is parsed when it is asked for."""
    received_at = datetime.fromtimestamp(event.received_at, tz=UTC)
    if event.event_id.startswith(_DIGEST):
        # What the message itself calls its id is not in the row.
        return read_event(event.body, profile=event.profile, received_at=received_at)
    envelope = Envelope(
        id=event.event_id,
        action=event.action,
        event=event.event,
        institution=event.institution,
        time=event.time,
        subject=event.subject,
    )
    return event_of(envelope, event.body, profile=event.profile, received_at=received_at)


def assign(registry: Registry, event: StoredEvent) -> list[Assignment]:
    """Name the handlers that take an event."""
    if not registry:
        return []
    return [assignment(handler, event) for handler in registry.matching(view(event))]


def assign_named(registry: Registry, names: Sequence[str], event: StoredEvent) -> list[Assignment]:
    """Assign handlers by name, whatever their filters say.

    Raises:
        NoHandlerError: No handler has this name.
    """
    return [assignment(_named(registry, name), event) for name in names]


def _named(registry: Registry, name: str) -> Handler:
    handler = registry.get(name)
    if handler is None:
        known = ", ".join(registry.names) or "none"
        raise NoHandlerError(f"No handler is called {name}. There are: {known}.")
    return handler


def assignment(handler: Handler, event: StoredEvent) -> Assignment:
    """Say how one handler is to run for an event."""
    return Assignment(
        handler=handler.name,
        due_at=event.received_at + (handler.coalesce_s or 0.0),
        lane=_lane(handler, event),
        coalesce=handler.coalesce_s is not None,
    )


def _lane(handler: Handler, event: StoredEvent) -> str:
    """Name the queue of the thing the event is about; events about nothing do not queue."""
    in_order = handler.ordered or handler.coalesce_s is not None
    if not in_order or not event.subject:
        return ""
    return f"{event.profile}/{event.action}/{event.subject}"
