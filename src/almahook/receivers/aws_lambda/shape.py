"""Payload format 2.0, of HTTP APIs and function URLs, and what all front doors have in common.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads

An authorizer gets the same with a ``type``; it is no HTTP request that is to be answered.
"""

from __future__ import annotations

from almahook.errors import UnknownInvocationError
from almahook.protocol.message import SIGNATURE_HEADER, Request

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from almahook.protocol.message import Response
    from almahook.receivers.aws_lambda.contract import Event, Headers

_SIGNATURE = SIGNATURE_HEADER.lower()
_CONTENT_TYPE = "content-type"
_WANTED = (_SIGNATURE, _CONTENT_TYPE)


class PayloadV2:
    """HTTP API, payload format 2.0, and function URL."""

    name = "http-api"
    is_exact = True

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""
        return event.get("version") == "2.0" and "routeKey" in event and "type" not in event

    def path(self, event: Event) -> str:
        """Return the path, which has the stage in front unless that is the default one."""
        return str(event["rawPath"])

    def requests(self, event: Event) -> Sequence[Request]:
        """Return the request."""
        given = event.get("headers", {})
        # Names are in lower case, and values of one name joined by commas.
        known = [(name, given[name]) for name in _WANTED if name in given]
        request = make_request(
            method=event["requestContext"]["http"]["method"],
            query=event.get("rawQueryString", ""),
            headers=known if _SIGNATURE in given else given.items(),
            body=event.get("body"),
            is_base64=event.get("isBase64Encoded", False),
        )
        return [request]

    def reply(self, response: Response) -> Mapping[str, Any]:
        """Return what the function returns for a response."""
        return answer_of(response)


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
        elif known == _CONTENT_TYPE:
            content_type = value
    return Request(
        method=method,
        query=query,
        signature=signature,
        body=decoded(body) if is_base64 and body else encoded(body or ""),
        content_type=content_type,
    )


def encoded(text: str) -> bytes:
    """Return the bytes of a body that was passed on as text."""
    return text.encode("utf-8", "surrogatepass")


def decoded(base64: str) -> bytes:
    """Return the bytes of a body that was passed on in base64.

    Raises:
        UnknownInvocationError: It is no base64.
    """
    # Most bodies come as text.
    from binascii import a2b_base64  # noqa: PLC0415

    try:
        return a2b_base64(base64, strict_mode=True)
    except ValueError:
        raise UnknownInvocationError from None


def answer_of(response: Response) -> dict[str, Any]:
    """Return the answer that all proxies understand; our bodies are UTF-8."""
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": response.body.decode("utf-8"),
        "isBase64Encoded": False,
    }
