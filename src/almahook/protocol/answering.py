"""The one decision of every host that has msgspec at hand."""

from almahook.protocol.accepted import Accepted
from almahook.protocol.decision import Challenged, Endpoint, Refused, decide
from almahook.protocol.envelope import read_fields
from almahook.protocol.fields import LONGEST_CONTENT_TYPE, digest_id
from almahook.protocol.message import Request
from almahook.protocol.signature import which_signed

Outcome = Challenged | Accepted | Refused


def answer(request: Request, *, endpoint: Endpoint | None, received_at: float) -> Outcome:
    """Decide what a request to a listener URL means.

    Args:
        request: What was asked.
        endpoint: The profile in the URL; None if there is none of this name.
        received_at: When it came, seconds since the epoch.
    """
    return decide(request, endpoint, received_at=received_at, accept=accept)


def accept(
    body: bytes,
    *,
    signature: bytes,
    content_type: str,
    endpoint: Endpoint,
    received_at: float,
) -> Accepted:
    """Verify a message that was posted, then read it.

    Nothing in the body is looked at before its signature is verified. A message without an id is
    told apart by its body, which a retry repeats byte for byte.

    Raises:
        SignatureError: None of the endpoint's secrets signed it.
        MessageError: The body is not a message; the subclass says why.
    """
    secret_index = which_signed(body, signature, endpoint.secrets)
    message_id, action, event, institution, time, subject = read_fields(body)
    return Accepted(
        profile=endpoint.profile,
        action=action,
        event=event,
        event_id=message_id or digest_id(body),
        institution=institution,
        time=time,
        subject=subject,
        content_type=content_type[:LONGEST_CONTENT_TYPE],
        body=body,
        received_at=received_at,
        secret_index=secret_index,
    )
