"""What an accepted message is, and the one decision of every host that has msgspec at hand."""

from typing import TYPE_CHECKING, ClassVar

from almahook.protocol.decision import Challenged, Endpoint, Refused, decide
from almahook.protocol.envelope import Envelope, read_envelope
from almahook.protocol.message import Request
from almahook.protocol.value import Value

if TYPE_CHECKING:
    from almahook.protocol.contract import Reader


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


def accepting() -> "Reader[Accepted]":
    """Return what reads a message for :func:`decide`."""
    return accept


def answer(request: Request, *, endpoint: Endpoint | None) -> Outcome:
    """Decide what a request to a listener URL means; ``endpoint`` is None for an unknown profile.

    Nothing in the body is looked at before its signature is verified.
    """
    return decide(request, endpoint, accepting)
