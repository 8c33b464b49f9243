"""API Gateway's REST API, as far as integrations without proxy go.

It takes integrations as CloudFormation spells them (the property Integration of
AWS::ApiGateway::Method), so that what runs here is what is deployed.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from almahook.testing.host_contract import HTTPRequest, HTTPResponse
from aws_local.runtime_api import Invocation
from aws_local.velocity import Input, render

_JSON = "application/json"
_RESOURCE = re.compile(r"/webhooks/([^/]+)/?")

Invoke = Callable[[bytes], Invocation]


class RestAPI:
    """One resource, ``/webhooks/{profile}``.

    Args:
        methods: The integrations by method.
        invoke: The function behind them.
    """

    def __init__(self, methods: Mapping[str, Mapping[str, Any]], invoke: Invoke) -> None:
        self._methods = methods
        self._invoke = invoke

    def send(self, request: HTTPRequest) -> HTTPResponse:
        """Answer a request."""
        found = _RESOURCE.fullmatch(request.path)
        integration = self._methods.get(request.method)
        if found is None or integration is None:
            return _own(403, "Missing Authentication Token")
        template = _template(integration["RequestTemplates"], request)
        if template is None:
            assert integration["PassthroughBehavior"] in {"NEVER", "WHEN_NO_TEMPLATES"}
            return _own(415, "Unsupported Media Type")
        given = _input(request, profile=found[1])
        event, _ = render(template, given)
        if integration["Type"] == "MOCK":
            return _answer(integration, str(json.loads(event)["statusCode"]), "", given)
        done = self._invoke(event.encode("utf-8"))
        message = done.message if done.error else ""
        output = json.dumps(done.payload, ensure_ascii=False)
        return _answer(integration, message, output, _with_body(given, output))


def _answer(
    integration: Mapping[str, Any], selection: str, output: str, given: Input
) -> HTTPResponse:
    response = _select(integration["IntegrationResponses"], selection)
    if response is None:
        return _own(500, "Internal server error")
    template = response.get("ResponseTemplates", {}).get(_JSON)
    body, status = render(template, given) if template is not None else (output, "")
    headers = {
        name.removeprefix("method.response.header."): value.strip("'")
        for name, value in response.get("ResponseParameters", {}).items()
    }
    return HTTPResponse(
        status=int(status or response["StatusCode"]),
        headers={"Content-Type": _JSON, **headers},
        body=body.encode("utf-8"),
    )


def _select(responses: list[Mapping[str, Any]], selection: str) -> Mapping[str, Any] | None:
    """Choose by pattern; which of several that match is taken is not documented."""
    matching = [
        one
        for one in responses
        if one.get("SelectionPattern") and re.fullmatch(one["SelectionPattern"], selection)
    ]
    assert len(matching) <= 1, f"several patterns match {selection!r}"
    defaults = [one for one in responses if not one.get("SelectionPattern")]
    return next(iter([*matching, *defaults]), None)


def _template(templates: Mapping[str, str], request: HTTPRequest) -> str | None:
    headers = {name.lower(): value for name, value in request.headers}
    kind = headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    return templates.get(kind)


def _input(request: HTTPRequest, *, profile: str) -> Input:
    return Input(
        # Without binaryMediaTypes a body is text.
        request.body.decode("utf-8", "replace"),
        path={"profile": profile},
        query=dict(parse_qsl(request.query, keep_blank_values=True)),
        headers={name: value.strip() for name, value in request.headers},
    )


def _with_body(given: Input, body: str) -> Input:
    params = given.params()
    return Input(body, path=params["path"], query=params["querystring"], headers=params["header"])


def _own(status: int, message: str) -> HTTPResponse:
    body = json.dumps({"message": message}).encode()
    return HTTPResponse(status=status, headers={"Content-Type": _JSON}, body=body)
