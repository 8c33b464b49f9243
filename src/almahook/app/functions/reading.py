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

    from almahook.protocol.message import Request


def read(request: Request, *, profile: str, secret_index: int) -> dict[str, Any]:
    """Return the fields of ``NewEvent`` but the time at which it was received.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    fields: dict[str, Any] = fields_of(read_document(request.body, decode), dict)
    # As in app.new_event.
    event_id = fields.pop("id") or digest_id(request.body)
    return {
        **fields,
        "profile": profile,
        "event_id": event_id,
        "content_type": request.content_type[:LONGEST_CONTENT_TYPE],
        "body": request.body,
        "secret_index": secret_index,
    }
