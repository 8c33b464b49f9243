"""From the stored bytes to the typed event."""

from collections.abc import Mapping
from datetime import datetime

from almahook.events.bib import BibEvent
from almahook.events.event import Event
from almahook.events.item import ItemEvent
from almahook.events.job_end import JobEnd
from almahook.events.loan import LoanEvent
from almahook.events.notification import NotificationEvent
from almahook.events.request import RequestEvent
from almahook.events.user import UserEvent
from almahook.protocol import Envelope, envelope_of, parse_document

TYPES: Mapping[str, type[Event]] = {
    "BIB": BibEvent,
    "ITEM": ItemEvent,
    "JOB_END": JobEnd,
    "LOAN": LoanEvent,
    "NOTIFICATION": NotificationEvent,
    "REQUEST": RequestEvent,
    "USER": UserEvent,
}


def read_event(body: bytes, *, profile: str = "", received_at: datetime | None = None) -> Event:
    """Read a message, JSON or XML, as the event of its action; an unknown action is a plain Event.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    document = parse_document(body)
    event = event_of(envelope_of(document), body, profile=profile, received_at=received_at)
    # It is parsed already.
    vars(event)["document"] = document
    return event


def event_of(
    envelope: Envelope, body: bytes, *, profile: str = "", received_at: datetime | None = None
) -> Event:
    """Make the event of a message whose envelope was read before.

    The body is parsed when more than the envelope is asked for, and it is then that a body which is
    no message raises MessageError.
    """
    kind = TYPES.get(envelope.action, Event)
    return kind(envelope, body, profile=profile, received_at=received_at)
