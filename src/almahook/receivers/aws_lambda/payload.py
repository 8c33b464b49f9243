"""The formats of API Gateway's proxy integrations, and of function URLs.

2.0, of HTTP APIs and function URLs, which share it:
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads

1.0, of HTTP APIs, and the one of REST APIs, which has no version and is otherwise the same:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html

An authorizer gets the same with a ``type``; it is no HTTP request that is to be answered.
"""

from __future__ import annotations

from almahook.receivers.aws_lambda.shape import make_request, pairs_of

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from almahook.protocol.message import Request, Response
    from almahook.receivers.aws_lambda.shape import Event, Headers

# RFC 3986, 2.3
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class PayloadV2:
    """HTTP API, payload format 2.0, and function URL."""

    name = "http-api"

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""
        return event.get("version") == "2.0" and "routeKey" in event and "type" not in event

    def path(self, event: Event) -> str:
        """Return the path, which has the stage in front unless that is the default one."""
        return str(event["rawPath"])

    def requests(self, event: Event) -> Sequence[Request]:
        """Return the request."""
        request = make_request(
            method=event["requestContext"]["http"]["method"],
            query=event.get("rawQueryString", ""),
            # Names are in lower case, and values of one name joined by commas.
            headers=event.get("headers", {}).items(),
            body=event.get("body"),
            is_base64=event.get("isBase64Encoded", False),
        )
        return [request]

    def reply(self, response: Response) -> Mapping[str, Any]:
        """Return what the function returns for a response."""
        return answer_of(response)


class PayloadV1:
    """HTTP API, payload format 1.0, and REST API with proxy."""

    name = "rest-proxy"

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""
        return (
            event.get("version", "1.0") == "1.0"
            and "resource" in event
            and "httpMethod" in event
            and "type" not in event
        )

    def path(self, event: Event) -> str:
        """Return the path; a custom domain's base path, or a stage, may be in front."""
        return str(event["path"])

    def requests(self, event: Event) -> Sequence[Request]:
        """Return the request."""
        request = make_request(
            method=event["httpMethod"],
            query=_query(
                pairs_of(
                    event.get("queryStringParameters"),
                    event.get("multiValueQueryStringParameters"),
                )
            ),
            headers=pairs_of(event.get("headers"), event.get("multiValueHeaders")),
            body=event.get("body"),
            is_base64=event.get("isBase64Encoded", False),
        )
        return [request]

    def reply(self, response: Response) -> Mapping[str, Any]:
        """Return what the function returns for a response."""
        return answer_of(response)


def answer_of(response: Response) -> dict[str, Any]:
    """Return the answer that all proxies understand; our bodies are UTF-8."""
    return {
        "statusCode": response.status,
        "headers": dict(response.headers),
        "body": response.body.decode("utf-8"),
        "isBase64Encoded": False,
    }


def _query(parameters: Headers) -> str:
    """Encode again what API Gateway has decoded."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in parameters)


def _quoted(text: str) -> str:
    if _UNRESERVED.issuperset(text):
        return text
    from urllib.parse import quote  # noqa: PLC0415 - a plain challenge is answered without it

    return quote(text, safe="", errors="replace")
