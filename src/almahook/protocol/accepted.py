"""What an accepted message is; read apart, because only who was sent by Alma is worth its cost."""

from typing import ClassVar

from almahook.protocol.answer import Challenged, Refused
from almahook.protocol.envelope import Envelope, read_envelope
from almahook.protocol.message import Request
from almahook.protocol.value import Value


class Accepted(Value, frozen=True, kw_only=True):
    """A verified message, to be stored before anything is answered.

    Attributes:
        secret_index: Which of the endpoint's secrets signed it, counted from 0.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    profile: str
    envelope: Envelope
    secret_index: int
    body: bytes
    content_type: str


Outcome = Challenged | Accepted | Refused


def accept(request: Request, *, profile: str, secret_index: int) -> Accepted:
    """Read the envelope of a message that is verified.

    Raises:
        MessageError: The body is not a message; the subclass says why.
    """
    return Accepted(
        profile=profile,
        envelope=read_envelope(request.body),
        secret_index=secret_index,
        body=request.body,
        content_type=request.content_type,
    )
