"""One HTTP request and one HTTP response, as every host spells them."""

from __future__ import annotations

from almahook.protocol.plain import Plain

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# https://developers.exlibrisgroup.com/alma/integrations/webhooks/
SIGNATURE_HEADER = "X-Exl-Signature"

_NONE: Mapping[str, str] = {}


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


class Response(Plain):
    """What a host sends back."""

    __slots__ = ("body", "headers", "status")

    def __init__(
        self, *, status: int, body: bytes = b"", headers: Mapping[str, str] = _NONE
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers
