"""Typed views of Alma's messages, one module per action.

A view names the fields that people use and reads them in both generations of Alma's JSON and in
XML. What it does not name is reached with ``event.get("a.b")``, ``event.payload`` and
``event.document``: nothing that Alma sent is dropped.
"""

from almahook.events.bib import BibEvent
from almahook.events.event import Event
from almahook.events.item import ItemEvent
from almahook.events.job_end import TERMINAL_STATUSES, Counter, JobEnd
from almahook.events.loan import LoanEvent
from almahook.events.notification import NotificationEvent
from almahook.events.read import event_of, read_event
from almahook.events.request import RequestEvent
from almahook.events.sample import sample_document, without_nulls
from almahook.events.user import UserEvent, UserRecord

__all__ = [
    "TERMINAL_STATUSES",
    "BibEvent",
    "Counter",
    "Event",
    "ItemEvent",
    "JobEnd",
    "LoanEvent",
    "NotificationEvent",
    "RequestEvent",
    "UserEvent",
    "UserRecord",
    "event_of",
    "read_event",
    "sample_document",
    "without_nulls",
]
