"""Payload format 2.0, which HTTP APIs of API Gateway and function URLs share.

https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-payloads

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
    from almahook.receivers.aws_lambda.contract import Event


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
