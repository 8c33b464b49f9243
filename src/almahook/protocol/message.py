"""One HTTP request and one HTTP response, as every host spells them."""

from collections.abc import Mapping
from typing import NamedTuple

_NONE: Mapping[str, str] = {}


class Request(NamedTuple):
    """What a host read: the raw query, the exact body bytes, and the two headers that matter.

    Attributes:
        method: As received, for example ``POST``.
        query: The raw query string, still percent-encoded, without its question mark.
        signature: The value of ``X-Exl-Signature``, or None when the header is absent.
        body: The bytes that were signed, undecoded.
        content_type: The sender's claim; it is kept, never believed.
    """

    method: str
    query: str = ""
    signature: str | None = None
    body: bytes = b""
    content_type: str = ""

    def __repr__(self) -> str:
        return f"<Request {self.method}, {len(self.body)} bytes>"


class Response(NamedTuple):
    """What a host sends back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = _NONE
