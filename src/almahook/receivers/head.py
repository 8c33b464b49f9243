"""The headers of a request that matter."""

from collections.abc import Iterable
from typing import NamedTuple

from almahook.protocol import SIGNATURE_HEADER

_SIGNATURE = SIGNATURE_HEADER.lower().encode("ascii")

# A longer Content-Length is as good as infinite, and fits no database's integer.
_MOST_DIGITS = 18


class Head(NamedTuple):
    """What the headers say.

    Attributes:
        announced: The Content-Length; 0 when there is none.
        is_chunked: The body comes in pieces of its own, with any length.
    """

    signature: str | None
    content_type: str
    announced: int
    is_chunked: bool

    @classmethod
    def of(cls, headers: Iterable[tuple[bytes, bytes]]) -> "Head":
        """Read headers whose names are in lower case."""
        signature, content_type, announced, is_chunked = None, "", 0, False
        for name, padded in headers:
            # Not every parser strips the blanks behind a value (RFC 9110, 5.5).
            value = padded.strip(b" \t")
            if name == _SIGNATURE:
                given = value.decode("latin-1")
                # Repeated headers are one value joined by commas (RFC 9110, 5.3): malformed here.
                signature = given if signature is None else f"{signature}, {given}"
            elif name == b"content-type":
                content_type = value.decode("latin-1")
            elif name == b"content-length":
                announced = announced_bytes(value.decode("latin-1"))
            elif name == b"transfer-encoding":
                is_chunked = True
        return cls(signature, content_type, announced, is_chunked)


def announced_bytes(content_length: str) -> int:
    """Read a Content-Length header; what is no number says nothing."""
    if not content_length.isdecimal():
        return 0
    return int(content_length) if len(content_length) <= _MOST_DIGITS else 10**_MOST_DIGITS
