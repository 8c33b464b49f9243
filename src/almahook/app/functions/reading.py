"""Reads a message into the fields of the event that is stored: without the classes for it.

They are msgspec's, which takes as long to load as everything else that is loaded for an event.
"""

from __future__ import annotations

from almahook.protocol.document import read_document
from almahook.protocol.fields import LONGEST_CONTENT_TYPE, digest_id, fields_of
from almahook.protocol.plain_json import decode

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def read(
    body: bytes, *, content_type: str, profile: str, secret_index: int, received_at: float
) -> dict[str, Any]:
    """Return the fields of ``Accepted``.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    document = read_document(body, decode)
    message_id, action, event, institution, time, subject = fields_of(document)
    # As in protocol.answering.
    return {
        "profile": profile,
        "action": action,
        "event": event,
        "event_id": message_id or digest_id(body),
        "institution": institution,
        "time": time,
        "subject": subject,
        "content_type": content_type[:LONGEST_CONTENT_TYPE],
        "body": body,
        "received_at": received_at,
        "secret_index": secret_index,
    }
