import json
from typing import Any

import pytest

from almahook.errors import UnknownInvocationError
from almahook.protocol import Request, Response
from almahook.receivers.aws_lambda.receiver import shape_of
from almahook.receivers.aws_lambda.shapes import SHAPES
from almahook.testing.host_contract import HTTPRequest
from aws_local.front_doors import (
    DOORS,
    Door,
    function_url,
    http_api,
    http_api_v1,
    http_api_with_stage,
    load_balancer,
    multi_value_load_balancer,
    rest_proxy,
    rest_proxy_below_a_path,
)
from aws_local.runtime_api import Invocation

NAMES = {
    http_api: "http-api",
    http_api_with_stage: "http-api",
    function_url: "http-api",
    http_api_v1: "rest-proxy",
    rest_proxy: "rest-proxy",
    rest_proxy_below_a_path: "rest-proxy",
    load_balancer: "load-balancer",
    multi_value_load_balancer: "load-balancer-multi-value",
}
TEMPLATE = {
    "almahook": "rest",
    "profile": "main",
    "signature": "",
    "content_type": "",
    "raw": "e30=",
}
TWO_FIELDS = {"signature": "x", "body": {"action": "LOAN"}}


def event_of(door: Door, request: HTTPRequest) -> dict[str, Any]:
    """Return the event that a front door makes."""
    made: list[Any] = []

    def invoke(event: object) -> Invocation:
        made.append(event)
        return Invocation({"statusCode": 200, "headers": {}, "body": ""})

    door(invoke)(request)
    return json.loads(json.dumps(made[0]))


def read(event: dict[str, Any]) -> Request:
    (request,) = shape_of(event).requests(event)
    return request


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_each_front_door_is_told_apart(door: Door, method: str) -> None:
    event = event_of(door, HTTPRequest(method=method, query="challenge=a", body=b"{}"))
    assert [shape.name for shape in SHAPES if shape.matches(event)] == [NAMES[door]]


@pytest.mark.parametrize(
    ("event", "name"), [(TEMPLATE, "rest-template"), (TWO_FIELDS, "reference")]
)
def test_the_events_of_mapping_templates_are_told_apart(event, name) -> None:
    assert [shape.name for shape in SHAPES if shape.matches(event)] == [name]


# https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-lambda-authorizer.html
AUTHORIZER_V2 = {
    **event_of(http_api, HTTPRequest()),
    "type": "REQUEST",
    "routeArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/request",
}
# https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-lambda-authorizer-input.html
AUTHORIZER_V1 = {
    **event_of(rest_proxy, HTTPRequest()),
    "type": "REQUEST",
    "methodArn": "arn:aws:execute-api:us-east-1:123456789012:abcdef123/test/GET/request",
}
# https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
QUEUE = {"Records": [{"eventSource": "aws:sqs", "body": "{}", "messageId": "1"}]}
# https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-mapping-template-reference.html
SOCKET = {"requestContext": {"eventType": "MESSAGE", "connectionId": "c", "routeKey": "$default"}}
# https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-events-structure.html
SCHEDULE = {"version": "0", "detail-type": "Scheduled Event", "source": "aws.events", "detail": {}}


@pytest.mark.parametrize(
    "event",
    [
        AUTHORIZER_V1,
        AUTHORIZER_V2,
        QUEUE,
        SOCKET,
        SCHEDULE,
        # The console's own test event.
        {"key1": "value1", "key2": "value2"},
        {"signature": "x", "body": "{}"},
        {"signature": "x", "body": {}, "more": 1},
        {"httpMethod": "POST", "path": "/webhooks/main", "body": "{}"},
        {},
        [],
        None,
        "text",
    ],
)
def test_what_no_front_door_sends_is_refused_and_nothing_of_it_is_repeated(event) -> None:
    with pytest.raises(UnknownInvocationError) as refused:
        shape_of(event)
    assert str(refused.value) == UnknownInvocationError().message


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("body", [b"", b"{}", "Été €".encode(), b"\xff\xfe", b"\x00", b"\r\n"])
def test_the_body_that_is_read_is_the_one_that_was_sent(door: Door, body: bytes) -> None:
    request = HTTPRequest(headers=(("Content-Type", "application/json"),), body=body)
    assert read(event_of(door, request)).body == body


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("name", ["X-Exl-Signature", "x-exl-signature", "X-EXL-SIGNATURE"])
def test_headers_are_found_whatever_their_case(door: Door, name: str) -> None:
    headers = ((name, "signature"), (name.upper().replace("X-EXL-SIGNATURE", "CONTENT-TYPE"), "x"))
    request = read(event_of(door, HTTPRequest(headers=headers)))
    assert (request.signature, request.content_type) == ("signature", "x")


@pytest.mark.parametrize("door", [door for door in DOORS if door is not load_balancer])
def test_a_signature_that_is_sent_twice_is_none_of_the_two(door: Door) -> None:
    headers = (("X-Exl-Signature", "one"), ("X-Exl-Signature", "two"))
    assert read(event_of(door, HTTPRequest(headers=headers))).signature not in {"one", "two", None}


@pytest.mark.parametrize("door", DOORS)
def test_a_body_that_is_no_base64_though_the_event_says_so_is_refused(door: Door) -> None:
    event = event_of(door, HTTPRequest(body=b"{}"))
    with pytest.raises(UnknownInvocationError):
        read({**event, "isBase64Encoded": True, "body": "no base64!"})


def test_a_load_balancer_is_answered_in_the_form_of_its_headers() -> None:
    response = Response(status=503, body=b"{}", headers={"retry-after": "60"})
    single, multi = (
        shape_of(event_of(door, HTTPRequest())).reply(response)
        for door in (load_balancer, multi_value_load_balancer)
    )
    common = {
        "statusCode": 503,
        "statusDescription": "503 Service Unavailable",
        "body": "{}",
        "isBase64Encoded": False,
    }
    assert single == {**common, "headers": {"retry-after": "60"}}
    assert multi == {**common, "multiValueHeaders": {"retry-after": ["60"]}}
