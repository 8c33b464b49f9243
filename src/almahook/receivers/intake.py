"""From a decision of the protocol to what the inbox stores."""

from hashlib import sha256

from almahook.inbox import NewEvent, Rejection
from almahook.protocol import Accepted, Refused, Request

# The path and the method of a refused request can be anything.
_LONGEST_NAME = 100


def new_event(accepted: Accepted, *, received_at: float) -> NewEvent:
    """Make the event to store.

    A message without an id is told apart by its body, which a retry repeats byte for byte.
    """
    envelope = accepted.envelope
    return NewEvent(
        profile=accepted.profile,
        action=envelope.action,
        event=envelope.event,
        event_id=envelope.id or f"sha256:{sha256(accepted.body).hexdigest()}",
        institution=envelope.institution,
        time=envelope.time,
        subject=envelope.subject,
        content_type=accepted.content_type,
        body=accepted.body,
        received_at=received_at,
        secret_index=accepted.secret_index,
    )


def rejection(
    refused: Refused, request: Request, *, profile: str, size: int, received_at: float
) -> Rejection:
    """Make the record of a refused request."""
    return Rejection(
        at=received_at,
        profile=profile[:_LONGEST_NAME],
        method=request.method[:_LONGEST_NAME],
        code=refused.error.code,
        reason=refused.error.message,
        status=refused.status,
        content_type=request.content_type,
        signature=request.signature or "",
        size=size,
        body=request.body,
    )
