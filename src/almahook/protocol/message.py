"""One HTTP request and one HTTP response, as every host spells them.

These and all other values that it takes to refuse a request or to answer a challenge are plain
classes, without dataclasses, typing or msgspec: each of these takes a function on AWS about as long
to load as all the rest of a refusal.
"""

from __future__ import annotations

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# https://developers.exlibrisgroup.com/alma/integrations/webhooks/
SIGNATURE_HEADER = "X-Exl-Signature"

JSON_HEADERS = {"content-type": "application/json", "x-content-type-options": "nosniff"}

_NONE: Mapping[str, str] = {}


class Plain:
    """A value whose fields are its slots; nobody changes them, and its repr hides some."""

    __slots__: tuple[str, ...] = ()

    hidden: frozenset[str] = frozenset()

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self.__slots__])

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        return hash(self._values())

    def __repr__(self) -> str:
        names = [name for name in self.__slots__ if name not in self.hidden]
        shown = [f"{name}={getattr(self, name)!r}" for name in names]
        return f"{type(self).__name__}({', '.join(shown)})"


class Request(Plain):
    """What a host read: the raw query, the exact body bytes, and the two headers that matter.

    Attributes:
        method: As received, for example ``POST``.
        query: The raw query string, still percent-encoded, without its question mark.
        signature: The value of ``X-Exl-Signature``, or None when the header is absent.
        body: The bytes that were signed, undecoded.
        content_type: The sender's claim; it is kept, never believed.
    """

    __slots__ = ("body", "content_type", "method", "query", "signature")

    hidden = frozenset({"body"})

    def __init__(
        self,
        *,
        method: str,
        query: str = "",
        signature: str | None = None,
        body: bytes = b"",
        content_type: str = "",
    ) -> None:
        self.method = method
        self.query = query
        self.signature = signature
        self.body = body
        self.content_type = content_type


def signature_bytes(signature: str | None) -> bytes:
    """Return the header's value as bytes, without what is HTTP's; empty when there is none."""
    # Surrounding blanks are HTTP's and not the value's (RFC 9110, 5.5).
    text = "" if signature is None else signature.strip(" \t")
    # Bytes, because text that is not ASCII cannot be compared in constant time.
    return text.encode("utf-8", "surrogatepass")


class Response(Plain):
    """What a host sends back."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, *, status: int, body: bytes = b"", headers: Mapping[str, str] = _NONE
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers
