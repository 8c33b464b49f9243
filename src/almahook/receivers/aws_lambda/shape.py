"""How one kind of front door spells an HTTP exchange as an event and an answer."""

from __future__ import annotations

from binascii import a2b_base64

from almahook.errors import UnknownInvocationError
from almahook.protocol.message import Request, Response
from almahook.protocol.signature import SIGNATURE_HEADER

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any, Protocol

    Event = Mapping[str, Any]
    Headers = Iterable[tuple[str, str]]
else:
    Protocol = object


class EventShape(Protocol):
    """One kind of front door; what tells it apart is what AWS documents of its events."""

    name: str

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""

    def path(self, event: Event) -> str:
        """Return the path of the request; empty when the front door does not pass it on."""

    def requests(self, event: Event) -> Sequence[Request]:
        """Return the request; several when the body's bytes are lost, the likeliest first.

        Raises:
            UnknownInvocationError: The event is not as AWS documents it.
        """

    def reply(self, response: Response) -> object:
        """Return what the function returns for a response."""


def make_request(
    *, method: str, query: str, headers: Headers, body: str | None, is_base64: bool
) -> Request:
    """Make the request out of what every front door passes on in one form or another.

    Raises:
        UnknownInvocationError: The body is no base64, though the event says so.
    """
    signature: str | None = None
    content_type = ""
    for name, value in headers:
        known = name.lower()
        if known == _SIGNATURE:
            # Repeated headers are one value joined by commas (RFC 9110, 5.3): malformed here.
            signature = value if signature is None else f"{signature}, {value}"
        elif known == "content-type":
            content_type = value
    return Request(
        method=method,
        query=query,
        signature=signature,
        body=decoded(body) if is_base64 and body else encoded(body or ""),
        content_type=content_type,
    )


_SIGNATURE = SIGNATURE_HEADER.lower()


def encoded(text: str) -> bytes:
    """Return the bytes of a body that was passed on as text."""
    return text.encode("utf-8", "surrogatepass")


def decoded(base64: str) -> bytes:
    """Return the bytes of a body that was passed on in base64.

    Raises:
        UnknownInvocationError: It is no base64.
    """
    try:
        return a2b_base64(base64, strict_mode=True)
    except ValueError:
        raise UnknownInvocationError from None


def pairs_of(
    single: Mapping[str, str] | None, multi: Mapping[str, Sequence[str]] | None
) -> Headers:
    """Return names and values, out of the form that has every value if there is one."""
    if multi:
        return [(name, value) for name, values in multi.items() for value in values]
    return list((single or {}).items())
