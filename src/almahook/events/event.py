"""A message of any action: what surrounds the payload, and the way to all of it."""

from collections.abc import Mapping
from datetime import datetime
from functools import cached_property
from typing import Any

from almahook.events import value
from almahook.events.view import View
from almahook.protocol import ACTIONS, Envelope, parse_document

_ENVELOPE = {"id", "action", "event", "institution", "time"}


class Event(View):
    """A message that Alma sent.

    Its repr shows no more than the action, the event and the profile: a message can hold a
    patron's whole record.

    Most of what is asked of an event is in its envelope, so the message is only parsed when more is
    asked for.

    Args:
        envelope: What surrounds the payload.
        body: The message.
        profile: The profile that it came from.
        received_at: When it arrived; None where that is not known.

    Attributes:
        id: Alma's id of the message; empty when it has none.
        action: Upper case, for example ``LOAN``.
        event: The sub-event, for example ``LOAN_RETURNED``; empty when there is none.
        institution: The institution's code; empty when absent.
        subject: The id of the thing that it is about, for example the loan's; empty for none.
    """

    def __init__(
        self,
        envelope: Envelope,
        body: bytes,
        *,
        profile: str = "",
        received_at: datetime | None = None,
    ) -> None:
        self.id = envelope.id
        self.action = envelope.action
        self.event = envelope.event
        self.institution = envelope.institution
        self.subject = envelope.subject
        self.profile = profile
        self.received_at = received_at
        self._time = envelope.time
        self._body = body

    @cached_property
    def document(self) -> Mapping[str, Any]:
        """The whole message, in the shape of Alma's JSON."""
        return parse_document(self._body)

    @cached_property
    def payload(self) -> Mapping[str, Any]:  # type: ignore[override]  # read only, as it should be
        """The part that belongs to the action, for example ``item_loan``."""
        return _payload(self.document, self.action)

    @property
    def time(self) -> datetime | None:
        """When it happened, as Alma says; None when it does not."""
        return value.moment(self._time)

    def __repr__(self) -> str:
        names = " ".join(filter(None, (self.action, self.event, self.profile)))
        return f"<{type(self).__name__} {names}>"


def _payload(document: Mapping[str, Any], action: str) -> Mapping[str, Any]:
    """Find the payload; of an action that is not known, it is the part that is not envelope."""
    known = ACTIONS.get(action)
    keys = [known.payload] if known else [name for name in document if name not in _ENVELOPE]
    found = (value.first(document.get(name)) for name in keys)
    return next((part for part in found if isinstance(part, Mapping)), {})
