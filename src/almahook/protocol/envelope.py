"""The few fields around every message of Alma's, out of JSON or XML.

Two generations of the JSON are in use (explicit nulls, and nulls left out), so absent and null
mean the same here, order means nothing, and what is not known is passed over.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from almahook.protocol import plain_json
from almahook.protocol.document import read_document, require_shallow
from almahook.protocol.fields import fields_of
from almahook.protocol.outline import read_usual
from almahook.protocol.value import Value

if TYPE_CHECKING:
    from almahook.protocol.fields import Fields


class Envelope(Value, frozen=True, kw_only=True):
    """What surrounds every payload.

    An id that is longer than 255 characters or has unprintable ones is known by its SHA-256.

    Attributes:
        id: Alma's id as a string (it exceeds 2**53); empty when the message has none.
        action: Upper case, for example ``JOB_END``; any plain name is legal.
        event: The sub-event, for example ``LOAN_RETURNED``; empty when there is none.
        institution: The institution's code; empty when absent.
        time: As Alma wrote it, for example ``2020-08-17T15:03:24.605Z``; empty when absent.
        subject: The id of the thing the message is about; empty when there is none.
    """

    id: str
    action: str
    event: str = ""
    institution: str = ""
    time: str = ""
    subject: str = ""


def read_envelope(body: bytes) -> Envelope:
    """Read the envelope of a message, JSON or XML.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    return _envelope(read_fields(body))


def envelope_of(document: dict[str, Any]) -> Envelope:
    """Read the envelope out of a parsed message.

    Raises:
        InvalidActionError: The action or the event is missing or no plain name.
    """
    return _envelope(fields_of(document))


def read_fields(body: bytes) -> "Fields":
    """Read the fields of an envelope, without making one.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    return read_usual(body) or fields_of(parse_document(body))


def parse_document(body: bytes) -> dict[str, Any]:
    """Turn the body into one plain mapping of the shape that Alma's JSON has.

    JSON and XML are told apart by their first character: the Content-Type is only a claim.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    return read_document(body, _decode)


def _envelope(fields: "Fields") -> Envelope:
    message_id, action, event, institution, time, subject = fields
    return Envelope(
        id=message_id,
        action=action,
        event=event,
        institution=institution,
        time=time,
        subject=subject,
    )


def _decode(text: bytes) -> Any:
    try:
        document = msgspec.json.decode(text)
    except msgspec.ValidationError:
        # It is JSON, but a number in it is too large for msgspec.
        return plain_json.decode(text)
    require_shallow(document, text)
    return document
