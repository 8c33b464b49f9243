"""From an accepted message to the event that is stored."""

from almahook.inbox.event import NewEvent
from almahook.protocol.accepted import Accepted
from almahook.protocol.fields import LONGEST_CONTENT_TYPE, digest_id


def new_event(accepted: Accepted, *, received_at: float) -> NewEvent:
    """Make the event to store.

    A message without an id is told apart by its body, which a retry repeats byte for byte.
    """
    envelope = accepted.envelope
    return NewEvent(
        profile=accepted.profile,
        action=envelope.action,
        event=envelope.event,
        event_id=envelope.id or digest_id(accepted.body),
        institution=envelope.institution,
        time=envelope.time,
        subject=envelope.subject,
        content_type=accepted.content_type[:LONGEST_CONTENT_TYPE],
        body=accepted.body,
        received_at=received_at,
        secret_index=accepted.secret_index,
    )
