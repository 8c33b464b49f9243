"""A REST API without proxy: a mapping template made the event, and patterns make the status.

An error's message is all that API Gateway matches its patterns with, so that every answer but
success is an error that is raised. A front door of this kind has four statuses: 404, 405 and 413
become 400, which Alma gives up likewise, and 503 becomes 500, after which it likewise tries again.

https://docs.aws.amazon.com/apigateway/latest/developerguide/handle-errors-in-lambda-integration.html
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from almahook.protocol.message import Request, Response
from almahook.receivers.aws_lambda.shape import decoded, encoded

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from almahook.receivers.aws_lambda.contract import Event

_SUCCESS = 200
_UNAUTHORIZED = 401
_SERVER_ERROR = 500


class NotDoneError(Exception):
    """What Alma is answered instead of success; the message is what patterns are matched with."""


class Template:
    """The event that almahook's own mapping template makes, which has the body's exact bytes."""

    name = "rest-template"
    is_exact = True

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""
        return event.get("almahook") == "rest"

    def path(self, event: Event) -> str:
        """Return the path."""
        return f"/webhooks/{event['profile']}"

    def requests(self, event: Event) -> Sequence[Request]:
        """Return the request."""
        request = Request(
            method="POST",
            signature=event["signature"] or None,
            body=decoded(event["raw"]),
            content_type=event["content_type"],
        )
        return [request]

    def reply(self, response: Response) -> object:
        """Return what the function returns for a response.

        Raises:
            NotDoneError: The response is no success.
        """
        if response.status == _SUCCESS:
            return json.loads(response.body)
        raise NotDoneError(_message(response)) from None


class Reference(Template):
    """The event of the walkthrough "Hosting a Webhook Listener in AWS": two fields.

    Its mapping template has parsed the body and written it anew, so that the signed bytes are lost.
    Alma writes compact JSON with all characters as they are, and what was like this before is like
    this again when it is written so; the same with all but ASCII escaped is tried too. A message
    that had blanks, other escapes, ``1.10`` or ``1e3`` in it cannot be verified, and is refused.
    """

    name = "reference"
    is_exact = False

    def matches(self, event: Event) -> bool:
        """Say whether an event has this shape."""
        return event.keys() == {"signature", "body"} and isinstance(event["body"], Mapping)

    def path(self, event: Event) -> str:  # noqa: ARG002 - it has none
        """Return nothing: one API was one listener."""
        return ""

    def requests(self, event: Event) -> Sequence[Request]:
        """Return the request in each spelling that its body may have had."""
        body = event["body"]
        spellings = {_compact(body, to_ascii=False): None, _compact(body, to_ascii=True): None}
        signature = event["signature"]
        return [
            Request(
                method="POST",
                signature=signature if isinstance(signature, str) and signature else None,
                body=encoded(text),
                content_type="application/json",
            )
            for text in spellings
        ]


def _compact(document: object, *, to_ascii: bool) -> str:
    return json.dumps(document, ensure_ascii=to_ascii, separators=(",", ":"))


def _message(response: Response) -> str:
    """Say a response in the words that the patterns of the REST API know."""
    body = response.body.decode("utf-8")
    if response.status == _UNAUTHORIZED:
        return "Signature invalid"
    if response.status >= _SERVER_ERROR:
        return f"Try again: {body}"
    return "Invalid action." if body == '"Invalid action."' else f"Refused: {body}"
