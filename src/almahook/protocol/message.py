"""One HTTP request and one HTTP response, as every host spells them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from almahook.protocol.value import Value


class Request(Value, frozen=True, kw_only=True):
    """What a host read: the raw query, the exact body bytes, and the two headers that matter.

    Attributes:
        method: As received, for example ``POST``.
        query: The raw query string, still percent-encoded, without its question mark.
        signature: The value of ``X-Exl-Signature``, or None when the header is absent.
        body: The bytes that were signed, undecoded.
        content_type: The sender's claim; it is kept, never believed.
    """

    hidden: ClassVar[frozenset[str]] = frozenset({"body"})

    method: str
    query: str = ""
    signature: str | None = None
    body: bytes = b""
    content_type: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Response:
    """What a host sends back."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
