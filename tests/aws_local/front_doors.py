"""AWS's front doors for HTTP, each as the events that it makes and the answers that it takes.

What AWS does with text that is not UTF-8 is not documented; here it is passed on in base64.
"""

import base64
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from almahook.testing.host_contract import HTTPRequest, HTTPResponse, Send
from aws_local.runtime_api import Invocation

Invoke = Callable[[object], Invocation]
Door = Callable[[Invoke], Send]

_ACCOUNT = "000000000000"
_DOMAIN = "abcdefghij.execute-api.us-east-1.amazonaws.com"
_TEXT = ("text/", "application/json", "application/xml", "application/javascript")


def http_api(invoke: Invoke) -> Send:
    """HTTP API, payload format 2.0."""
    return _through(_v2, invoke)


def http_api_with_stage(invoke: Invoke) -> Send:
    """The same with a stage in the path, and bodies in base64."""
    return _through(lambda request: _v2(request, stage="prod", as_base64=True), invoke)


def function_url(invoke: Invoke) -> Send:
    """Function URL."""
    domain = "abcdefghij.lambda-url.us-east-1.on.aws"
    return _through(lambda request: _v2(request, domain=domain), invoke)


def http_api_v1(invoke: Invoke) -> Send:
    """HTTP API, payload format 1.0."""
    return _through(lambda request: {"version": "1.0", **_v1(request)}, invoke)


def rest_proxy(invoke: Invoke) -> Send:
    """REST API with proxy integration."""
    return _through(_v1, invoke)


def rest_proxy_below_a_path(invoke: Invoke) -> Send:
    """The same behind a custom domain with a base path, and bodies in base64."""
    return _through(lambda request: _v1(request, base="/alma", as_base64=True), invoke)


def load_balancer(invoke: Invoke) -> Send:
    """Application Load Balancer."""
    return _through(lambda request: _balanced(request, multi=False), invoke)


def multi_value_load_balancer(invoke: Invoke) -> Send:
    """The same with multi-value headers."""
    return _through(lambda request: _balanced(request, multi=True), invoke)


DOORS: tuple[Door, ...] = (
    http_api,
    http_api_with_stage,
    function_url,
    http_api_v1,
    rest_proxy,
    rest_proxy_below_a_path,
    load_balancer,
    multi_value_load_balancer,
)


def _through(event_of: Callable[[HTTPRequest], Mapping[str, Any]], invoke: Invoke) -> Send:
    def send(request: HTTPRequest) -> HTTPResponse:
        done = invoke(event_of(request))
        if done.error:
            body = json.dumps({"message": "Internal Server Error"}).encode()
            return HTTPResponse(status=502, headers={}, body=body)
        return _response(done.payload, is_head=request.method == "HEAD")

    return send


def _response(payload: Mapping[str, Any], *, is_head: bool) -> HTTPResponse:
    headers = dict(payload.get("headers") or {})
    for name, values in (payload.get("multiValueHeaders") or {}).items():
        (headers[name],) = values
    body = payload["body"]
    given = base64.b64decode(body) if payload.get("isBase64Encoded") else body.encode("utf-8")
    return HTTPResponse(
        status=payload["statusCode"], headers=headers, body=b"" if is_head else given
    )


def _v2(
    request: HTTPRequest, *, domain: str = _DOMAIN, stage: str = "$default", as_base64: bool = False
) -> Mapping[str, Any]:
    path = request.path if stage == "$default" else f"/{stage}{request.path}"
    headers: dict[str, str] = {"host": domain}
    for name, value in _received(request):
        known = headers.get(name.lower())
        headers[name.lower()] = value if known is None else f"{known},{value}"
    parameters = dict(parse_qsl(request.query, keep_blank_values=True))
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        **({"queryStringParameters": parameters} if parameters else {}),
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": domain.partition(".")[0],
            "domainName": domain,
            "domainPrefix": domain.partition(".")[0],
            "http": {
                "method": request.method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": "",
            },
            "requestId": "id",
            "routeKey": "$default",
            "stage": stage,
            "time": "24/Nov/2026:12:00:00 +0000",
            "timeEpoch": 1795608000000,
        },
        **_body(request, as_base64=as_base64, absent=True),
    }


def _v1(request: HTTPRequest, *, base: str = "", as_base64: bool = False) -> Mapping[str, Any]:
    parameters: dict[str, list[str]] = {}
    for name, value in parse_qsl(request.query, keep_blank_values=True):
        parameters.setdefault(name, []).append(value)
    headers = _multi(request)
    return {
        "resource": "/{proxy+}",
        "path": f"{base}{request.path}",
        "httpMethod": request.method,
        "headers": {name: values[-1] for name, values in headers.items()},
        "multiValueHeaders": headers,
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()} or None,
        "multiValueQueryStringParameters": parameters or None,
        "pathParameters": {"proxy": request.path[1:]},
        "stageVariables": None,
        "requestContext": {
            "accountId": _ACCOUNT,
            "apiId": "abcdefghij",
            "httpMethod": request.method,
            "path": f"/prod{request.path}",
            "resourceId": "abc123",
            "resourcePath": "/{proxy+}",
            "stage": "prod",
        },
        **_body(request, as_base64=as_base64),
    }


def _balanced(request: HTTPRequest, *, multi: bool) -> Mapping[str, Any]:
    headers: dict[str, list[str]] = {}
    for name, value in _received(request):
        headers.setdefault(name.lower(), []).append(value)
    parameters: dict[str, list[str]] = {}
    # It does not decode them.
    for pair in filter(None, request.query.split("&")):
        name, _, value = pair.partition("=")
        parameters.setdefault(name, []).append(value)
    arn = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/hooks/49e9d65c45c6791a"
    several = {"multiValueHeaders": headers, "multiValueQueryStringParameters": parameters}
    single = {
        "headers": {name: values[-1] for name, values in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in parameters.items()},
    }
    return {
        "requestContext": {"elb": {"targetGroupArn": arn}},
        "httpMethod": request.method,
        "path": request.path,
        **(several if multi else single),
        **{name: value or "" for name, value in _body(request).items() if name == "body"},
        "isBase64Encoded": _body(request)["isBase64Encoded"],
    }


def _multi(request: HTTPRequest) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in _received(request):
        headers.setdefault(name, []).append(value)
    return headers


def _received(request: HTTPRequest) -> list[tuple[str, str]]:
    # Blanks around a value are no part of it (RFC 9110, 5.5).
    return [(name, value.strip()) for name, value in request.headers]


def _body(
    request: HTTPRequest, *, as_base64: bool = False, absent: bool = False
) -> dict[str, str | bool | None]:
    if not request.body:
        return {"isBase64Encoded": False} if absent else {"body": None, "isBase64Encoded": False}
    kind = {name.lower(): value for name, value in _received(request)}.get("content-type", "")
    if as_base64 or not (kind.startswith(_TEXT) and _is_utf8(request.body)):
        text = base64.b64encode(request.body).decode("ascii")
        return {"body": text, "isBase64Encoded": True}
    return {"body": request.body.decode("utf-8"), "isBase64Encoded": False}


def _is_utf8(body: bytes) -> bool:
    try:
        body.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
