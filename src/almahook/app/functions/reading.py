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
    fields: dict[str, Any] = fields_of(read_document(body, decode), dict)
    # As in protocol.answering.
    event_id = fields.pop("id") or digest_id(body)
    return {
        **fields,
        "profile": profile,
        "event_id": event_id,
        "content_type": content_type[:LONGEST_CONTENT_TYPE],
        "body": body,
        "received_at": received_at,
        "secret_index": secret_index,
    }
