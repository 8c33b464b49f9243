"""How a REST API turns HTTP into the direct function's event, and its outcome into a status.

Both methods are integrations without proxy: API Gateway uses mapping templates, which are the
``.vtl`` files beside this, and patterns that it matches with the message of the function's error.

    GET   Mock: challenge in the query ▶ 200, otherwise ▶ 400
    POST  direct function:  returns "Done"           ▶ 200
                            raises Signature invalid ▶ 401
                            raises Invalid action.   ▶ 400
                            raises Refused: …        ▶ 400
                            anything else            ▶ 500

Anything else is a handler that failed, but also a time-out, a crash and a module that cannot be
imported, of which the function says nothing. All that comes to the default response, and so does
success, which has no message to match: hence the default is 500, and its template makes 200 of
nothing but the text that the function returns when all went well.

https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-override-request-response-parameters.html
"""

from collections.abc import Mapping
from importlib import resources
from typing import Any

# What Alma sends; with any other type API Gateway answers 415 by itself.
EVENT_TYPES = ("application/json", "application/xml", "text/xml")
STATUSES = ("200", "400", "401", "500")

UNSIGNED_PATTERN = "^Signature invalid$"
REFUSED_PATTERN = "^(Invalid action[.]|Refused: .*)$"

_JSON = "application/json"
_HEADERS = {"method.response.header.X-Content-Type-Options": "'nosniff'"}


def template(name: str) -> str:
    """Return a mapping template by the name of its file, without the ending."""
    file = resources.files("almahook.app.functions.templates") / f"{name}.vtl"
    return file.read_text(encoding="utf-8")


def challenge_integration() -> Mapping[str, Any]:
    """Return the integration of GET, as CloudFormation spells it."""
    return {
        "Type": "MOCK",
        "PassthroughBehavior": "WHEN_NO_TEMPLATES",
        "RequestTemplates": {_JSON: template("challenge-request")},
        "IntegrationResponses": [
            _response("400", "challenge-missing"),
            _response("200", "challenge-response", pattern="200"),
        ],
    }


def event_integration(uri: Any) -> Mapping[str, Any]:
    """Return the integration of POST, as CloudFormation spells it.

    Args:
        uri: Of the direct function: a text, or a function of CloudFormation's that makes it.
    """
    return {
        "Type": "AWS",
        "IntegrationHttpMethod": "POST",
        "Uri": uri,
        # A body without a template would reach the function as it is, and pass for an event.
        "PassthroughBehavior": "NEVER",
        "RequestTemplates": dict.fromkeys(EVENT_TYPES, template("event-request")),
        "IntegrationResponses": [
            _response("500", "outcome-response"),
            _response("401", "unsigned-response", pattern=UNSIGNED_PATTERN),
            _response("400", "refused-response", pattern=REFUSED_PATTERN),
        ],
    }


def method_responses() -> list[Mapping[str, Any]]:
    """Return what either method may answer, as CloudFormation spells it."""
    headers = dict.fromkeys(_HEADERS, False)
    return [{"StatusCode": status, "ResponseParameters": headers} for status in STATUSES]


def _response(status: str, name: str, *, pattern: str = "") -> Mapping[str, Any]:
    selection = {"SelectionPattern": pattern} if pattern else {}
    return {
        "StatusCode": status,
        **selection,
        "ResponseTemplates": {_JSON: template(name)},
        "ResponseParameters": _HEADERS,
    }
