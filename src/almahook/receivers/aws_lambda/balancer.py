"""An Application Load Balancer with a Lambda function as its target.

Its target group decides whether headers and parameters have one value each or all: each form has
keys of its own, and wants the answer likewise.
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from almahook.receivers.aws_lambda.payload_v1 import pairs_of
from almahook.receivers.aws_lambda.shape import answer_of, make_request

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from almahook.protocol.message import Request, Response
    from almahook.receivers.aws_lambda.contract import Event


class LoadBalancer:
    """One value of each header."""

    name = "load-balancer"
    is_exact = True

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""
        return _is_of_balancer(event) and "headers" in event

    def path(self, event: Event) -> str:
        """Return the path."""
        return str(event["path"])

    def requests(self, event: Event) -> Sequence[Request]:
        """Return the request."""
        parameters = pairs_of(
            event.get("queryStringParameters"), event.get("multiValueQueryStringParameters")
        )
        request = make_request(
            method=event["httpMethod"],
            # It does not decode them.
            query="&".join(f"{name}={value}" for name, value in parameters),
            headers=pairs_of(event.get("headers"), event.get("multiValueHeaders")),
            body=event.get("body"),
            is_base64=event.get("isBase64Encoded", False),
        )
        return [request]

    def reply(self, response: Response) -> Mapping[str, Any]:
        """Return what the function returns for a response."""
        from http import HTTPStatus  # noqa: PLC0415 - no other front door wants the words

        words = HTTPStatus(response.status).phrase
        return {**answer_of(response), "statusDescription": f"{response.status} {words}"}


class MultiValueLoadBalancer(LoadBalancer):
    """All values of each header."""

    name = "load-balancer-multi-value"
    is_exact = True

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""
        return _is_of_balancer(event) and "multiValueHeaders" in event

    def reply(self, response: Response) -> Mapping[str, Any]:
        """Return what the function returns for a response."""
        answer = dict(super().reply(response))
        headers = {name: [value] for name, value in answer.pop("headers").items()}
        return {**answer, "multiValueHeaders": headers}


def _is_of_balancer(event: Event) -> bool:
    context = event.get("requestContext")
    return isinstance(context, Mapping) and "elb" in context
