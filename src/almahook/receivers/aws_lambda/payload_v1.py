"""Format 1.0 of API Gateway's proxy integrations: of HTTP APIs, and the one of REST APIs.

That of REST APIs has no version and is otherwise the same:
https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html

An authorizer gets the same with a ``type``; it is no HTTP request that is to be answered.
"""

from __future__ import annotations

from almahook.receivers.aws_lambda.shape import answer_of, make_request

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from almahook.protocol.message import Request, Response
    from almahook.receivers.aws_lambda.contract import Event, Headers

# RFC 3986, 2.3
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class PayloadV1:
    """HTTP API, payload format 1.0, and REST API with proxy."""

    name = "rest-proxy"
    is_exact = True

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


def pairs_of(
    single: Mapping[str, str] | None, multi: Mapping[str, Sequence[str]] | None
) -> Headers:
    """Return names and values, out of the form that has every value if there is one."""
    if multi:
        return [(name, value) for name, values in multi.items() for value in values]
    return list((single or {}).items())


def _query(parameters: Headers) -> str:
    """Encode again what API Gateway has decoded."""
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in parameters)


def _quoted(text: str) -> str:
    if _UNRESERVED.issuperset(text):
        return text
    from urllib.parse import quote  # noqa: PLC0415 - a plain query needs none of it

    return quote(text, safe="", errors="replace")
