"""The REST API without proxy, end to end.

Signed bytes, the mapping template, the real runtime client, the real handler, the patterns, a
status.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from almahook.app.functions import rest
from almahook.errors import ChallengeMissingError
from almahook.protocol import error_reply, sign
from almahook.testing.host_contract import HTTPRequest, HTTPResponse, Row, Send, rows
from almahook.testing.host_contract.given import SECRET, message, signed, with_signature
from aws_deploy.project import make_project
from aws_deploy.template import load
from aws_local.rest_api import RestAPI
from aws_local.runtime_api import LambdaFunction

DONE = (200, b'"Done"')
INVALID = (400, b'"Invalid action."')
UNSIGNED = (401, b'"Signature invalid"')
FAILED = (500, b'"Handler failed"')
BROKEN = (500, b'{"error":"internal","message":"The function has failed."}')

GOOD = "def process(event):\n    pass\n"
LOAN = signed(message("1"))


@cache
def integrations() -> Mapping[str, Any]:
    """Return those of the template that ``almahook aws init`` writes."""
    with TemporaryDirectory() as folder:
        file = make_project(Path(folder)) / "aws" / "direct" / "template.yaml"
        resources = load(file)["Resources"].values()
    methods = [one["Properties"] for one in resources if one["Type"] == "AWS::ApiGateway::Method"]
    return {method["HttpMethod"]: method["Integration"] for method in methods}


def api(function: LambdaFunction) -> Send:
    return RestAPI(integrations(), function.invoke).send


def said(response: HTTPResponse) -> tuple[int, bytes]:
    return response.status, response.body


# The host contract, as far as a front door of this kind can keep it.

_STATUSES = {404: 400, 413: 400, 503: 500}
_ELSEWHERE = {
    # Recorded on AWS: the service renders an empty body as {}, which nobody signed.
    "a signed message of an empty body is refused": 401,
    # Of a header that is sent twice the mapping template sees one.
    "a message with a signature that is sent twice is refused": 200,
    # Without binaryMediaTypes a body is text, and what these are made into nobody signed.
    "a signed message of invalid UTF-8 is refused": 401,
    "a signed message of Latin-1 is refused": 401,
}


def rest_rows() -> Iterator[Row]:
    """Yield the rows of direct mode that reach the function, with one of its four statuses."""
    for row in rows("direct"):
        headers = {name.lower(): value for name, value in row.request.headers}
        kind = headers.get("content-type", "application/json").partition(";")[0].strip()
        if row.request.method != "POST" or row.name in _ELSEWHERE or kind not in rest.EVENT_TYPES:
            continue
        if row.request.path.startswith("/webhooks/"):
            own = {name: value for name, value in row.headers.items() if name != "retry-after"}
            yield replace(row, status=_STATUSES.get(row.status, row.status), headers=own)


@pytest.mark.parametrize("row", list(rest_rows()), ids=str)
def test_this_row_is_answered_byte_for_byte(row: Row, direct: LambdaFunction) -> None:
    row.check(api(direct))


@pytest.mark.parametrize(("name", "status"), _ELSEWHERE.items())
def test_what_the_service_changes_on_the_way_is_answered_by_what_is_left_of_it(
    name: str, status: int, direct: LambdaFunction
) -> None:
    (row,) = (row for row in rows("direct") if row.name == name)
    assert api(direct)(row.request).status == status


@pytest.mark.parametrize(
    "body",
    [
        b'{"id":"n1","action":"LOAN","x":1.10}',
        b'{"id":"n2","action":"LOAN","x":1e3}',
        b'{"id":"n3","action":"LOAN","x":12345678901234567890}',
        b'{"id":"n4","action":"LOAN","x":"\\u00e9"}',
        b'{"id":"n5","action":"LOAN","x":"a\\/b"}',
        b'{"id":"n6","action":"LOAN"}\n',
        b'{\n  "id" : "n7",\n  "action" : "LOAN"\n}\n',
        '{"id":"n8","action":"LOAN","x":"€ \u2019 —"}'.encode(),
        '{"id":"n9","action":"LOAN","x":"😀 東京"}'.encode(),
        b'{"id":"n10","action":"LOAN","x":"$input.body #set($x = 1) \\\\ \' \\" #end"}',
    ],
)
def test_the_bytes_reach_the_function_whatever_a_parser_would_make_of_them(body, direct) -> None:
    assert said(api(direct)(signed(body))) == DONE


@pytest.mark.parametrize("header", ["X-Exl-Signature", "x-exl-signature", "X-EXL-SIGNATURE"])
def test_the_signature_is_found_whatever_the_case_of_its_header(header, direct) -> None:
    assert said(api(direct)(signed(message(header), header=header))) == DONE


def test_a_signature_in_the_query_counts_for_nothing(direct) -> None:
    body = message("query")
    query = f"X-Exl-Signature={sign(body, secret=SECRET.encode())}"
    assert said(api(direct)(HTTPRequest(query=query, body=body))) == UNSIGNED


@pytest.mark.parametrize("signature", ['a","raw":"e30=', "'", "\\", "$util.base64Encode('x')", "é"])
def test_a_signature_cannot_break_out_of_its_field(signature, direct) -> None:
    assert said(api(direct)(with_signature(message("1"), signature))) == UNSIGNED


def test_an_empty_body_is_refused_whatever_signed_it(direct) -> None:
    for secret_signed in (b"", b"{}"):
        signature = sign(secret_signed, secret=SECRET.encode())
        response = api(direct)(with_signature(b"", signature))
        assert response.status in {400, 401}


@pytest.mark.parametrize("kind", ["text/plain", "text/html", "application/x-www-form-urlencoded"])
def test_what_no_template_is_for_never_reaches_the_function(kind, direct) -> None:
    assert api(direct)(signed(message("1"), content_type=kind)).status == 415


@pytest.mark.parametrize(
    "challenge",
    ['a","x":"y', "0b9d2f0e-6d5c-4d2a", "'", "\\", "\\'", '\\"', "a/b", "</script>", "été €", "\n"],
)
def test_a_challenge_comes_back_as_one_json_string(challenge, direct) -> None:
    from urllib.parse import urlencode

    query = urlencode({"challenge": challenge})
    response = api(direct)(HTTPRequest(method="GET", query=query))
    assert response.status == 200
    assert json.loads(response.body) == {"challenge": challenge}


def test_a_plain_challenge_is_answered_byte_for_byte_as_everywhere(direct) -> None:
    response = api(direct)(HTTPRequest(method="GET", query="challenge=0b9d2f0e-6d5c"))
    assert said(response) == (200, b'{"challenge":"0b9d2f0e-6d5c"}')


def test_a_get_without_a_challenge_is_refused_as_everywhere(direct) -> None:
    response = api(direct)(HTTPRequest(method="GET"))
    assert said(response) == (400, error_reply(ChallengeMissingError()).body)


# What goes wrong, and is never 200.


def test_a_function_that_takes_too_long_is_no_200_and_the_next_message_is_well(make_direct) -> None:
    code = (
        "import os, signal\n"
        "def process(event):\n"
        "    if not os.path.exists('stopped'):\n"
        "        open('stopped', 'w').close()\n"
        "        os.kill(os.getpid(), signal.SIGSTOP)\n"
    )
    function = make_direct({"loan": code}, timeout_s=3)
    send = api(function)
    assert said(send(LOAN)) == BROKEN
    function.timeout_s = 30
    assert said(send(signed(message("2")))) == DONE


def test_a_handler_that_takes_too_long_fails_before_the_function_does(make_direct) -> None:
    code = "import threading\ndef process(event):\n    threading.Event().wait()\n"
    function = make_direct({"loan": code}, timeout_s=2)
    assert said(api(function)(LOAN)) == FAILED
    assert function.cold_starts == 1


@pytest.mark.parametrize("status", [0, 3])
def test_a_handler_that_ends_the_process_is_no_200(make_direct, status) -> None:
    function = make_direct({"loan": f"import os\ndef process(event):\n    os._exit({status})\n"})
    assert said(api(function)(LOAN)) == BROKEN


def test_a_handler_that_exits_fails(make_direct) -> None:
    function = make_direct({"loan": "import sys\ndef process(event):\n    sys.exit(0)\n"})
    assert said(api(function)(LOAN)) == FAILED


@pytest.mark.parametrize(
    "code", ["import no_such_package\n" + GOOD, "def process(event)\n", "raise Exception\n"]
)
def test_a_handler_that_cannot_be_imported_is_neither_200_nor_an_invalid_action(
    make_direct, code
) -> None:
    function = make_direct({"loan": code})
    assert said(api(function)(LOAN)) == BROKEN
    assert "HandlerLoadError" in function.log


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        (GOOD, DONE),
        ("raise LookupError('Invalid action.')", FAILED),
        ("raise LookupError('Signature invalid')", FAILED),
        ("raise LookupError", FAILED),
        ("raise ModuleNotFoundError('no twilio')", FAILED),
        ("return 'Signature invalid'", DONE),
    ],
)
def test_whatever_a_handler_raises_is_500_and_what_it_returns_is_200(
    make_direct, code, answer
) -> None:
    body = code if "def" in code else f"def process(event):\n    {code}\n"
    assert said(api(make_direct({"loan": body}))(LOAN)) == answer


def test_an_action_without_a_handler_is_an_invalid_action(make_direct) -> None:
    assert said(api(make_direct({"item": GOOD}))(LOAN)) == INVALID


def test_a_message_that_comes_again_is_not_handled_again(make_direct) -> None:
    code = "def process(event):\n    open('ran', 'a').write('x')\n"
    function = make_direct({"loan": code + "\n"})
    send = api(function)
    assert [said(send(LOAN)) for _ in range(3)] == [DONE] * 3
    function.recycle()
    assert said(send(LOAN)) == DONE
    assert function.folder.joinpath("ran").read_text() == "x"


def test_neither_the_log_nor_an_error_shows_a_message_or_a_secret(make_direct) -> None:
    code = "def process(event):\n    raise LookupError(event.body.decode())\n"
    function = make_direct({"loan": code})
    body = message("private", more=',"x":"patron 4711"')
    assert said(api(function)(signed(body))) == FAILED
    assert said(api(function)(with_signature(body, "wrong"))) == UNSIGNED
    for private in ("4711", SECRET, sign(body, secret=SECRET.encode())):
        assert private not in function.log


# The event of the walkthrough, for those who migrate.


def outcome(function: LambdaFunction, event: object) -> tuple[object, str]:
    done = function.invoke(event)
    return (None, done.message) if done.error else (done.payload, "")


def two_fields(text: str, *, body: str = "", secret: str = SECRET) -> dict[str, object]:
    """Make the event as its mapping template does: the signed text, parsed."""
    return {
        "signature": sign(text.encode(), secret=secret.encode()),
        "body": json.loads(body or text),
    }


def test_the_event_of_two_fields_is_taken_with_a_warning(make_direct) -> None:
    function = make_direct({"loan": GOOD})
    # One profile, because this event names none.
    settings = function.folder / "almahook.toml"
    text = settings.read_text("utf-8")
    settings.write_text(text.partition("[profiles.patient]")[0], "utf-8")
    good = '{"id":"t1","action":"LOAN","x":{"n":null,"price":100.0,"t":"Été € a/b"}}'
    assert outcome(function, two_fields(good)) == ("Done", "")
    assert '"event": "event.reserialized"' in function.log
    escaped = '{"id":"t2","action":"LOAN","x":"\\u00e9"}'
    assert outcome(function, two_fields(escaped)) == ("Done", "")
    lost = '{"id":"t3","action":"LOAN","price":1.10}'
    for event in (
        two_fields(lost),
        two_fields(good, secret="other"),
        {"signature": "", "body": {}},
    ):
        assert outcome(function, event) == (None, "Signature invalid")
    assert outcome(function, two_fields('{"id":"t4","action":"ITEM"}')) == (None, "Invalid action.")


def test_with_several_profiles_the_event_of_two_fields_says_what_to_do(direct) -> None:
    done = direct.invoke(two_fields('{"id":"t1","action":"LOAN"}'))
    assert done.payload["errorType"] == "UnknownInvocationError"
    assert "almahook aws init" in done.message
