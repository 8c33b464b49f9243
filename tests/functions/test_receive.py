import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from almahook.app.functions import manifest
from almahook.app.functions.manifest_file import write_manifest
from almahook.config import load_settings
from almahook.errors import ConfigurationError
from almahook.testing.host_contract import HTTPRequest
from almahook.testing.host_contract.given import message, signed
from aws_local.front_doors import http_api
from aws_local.runtime_api import LambdaFunction, lambda_function
from functions.conftest import ENVIRONMENT, RECEIVE, write_function_settings
from functions.loopback import Queue, running_queue

STORED = (200, b'{"status":"stored"}')
AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@pytest.fixture
def queue() -> Iterator[Queue]:
    with running_queue() as running:
        yield running


@pytest.fixture
def make(tmp_path: Path, queue: Queue) -> Iterator[Callable[..., LambdaFunction]]:
    """Make receive functions before the queue."""
    write_function_settings(tmp_path, "inbox")
    with ExitStack() as stack:

        def function(**more: str) -> LambdaFunction:
            own = {"AWS_ENDPOINT_URL": queue.url, "ALMAHOOK_INBOX": "aws:hooks", **AWS}
            given = {**ENVIRONMENT, **own, **more}
            return stack.enter_context(lambda_function(RECEIVE, tmp_path, environment=given))

        yield function


def post(function: LambdaFunction, request: HTTPRequest) -> tuple[int, bytes]:
    response = http_api(function.invoke)(request)
    return response.status, response.body


def log_of(function: LambdaFunction) -> list[dict[str, Any]]:
    lines = function.log.splitlines()
    return [json.loads(line) for line in lines if line.startswith("{")]


def test_one_call_stands_between_an_event_and_its_200(make, queue: Queue) -> None:
    function = make()
    assert post(function, signed(message("1"))) == STORED
    assert queue.calls == ["AmazonSQS.SendMessageBatch"]


def test_a_warm_function_keeps_its_connection(make, queue: Queue) -> None:
    function = make()
    for number in range(3):
        assert post(function, signed(message(str(number)))) == STORED
    assert (len(queue.calls), queue.connections, function.cold_starts) == (3, 1, 1)


@pytest.mark.parametrize(
    "request_",
    [
        HTTPRequest(method="GET", query="challenge=abc"),
        HTTPRequest(body=message("1")),
        signed(message("1"), secret="wrong"),
        signed(b"{}"),
        HTTPRequest(method="GET", path="/healthz"),
    ],
)
def test_what_is_not_taken_in_costs_no_call(make, queue: Queue, request_) -> None:
    post(make(), request_)
    assert queue.calls == []


@pytest.mark.parametrize(
    "answer",
    [
        (500, {"__type": "InternalFailure"}),
        (403, {"__type": "AccessDenied", "message": "not allowed: sqs:SendMessage"}),
        (400, {"__type": "com.amazonaws.sqs#QueueDoesNotExist"}),
        (200, {"Failed": [{"Id": "0", "Code": "InternalError"}]}),
        (200, {}),
        (200, []),
        (200, "text"),
        (0, None),
    ],
)
def test_whatever_goes_wrong_with_the_queue_alma_is_asked_to_come_again(
    make, queue: Queue, answer
) -> None:
    function = make()
    queue.answer = lambda _: answer
    response = http_api(function.invoke)(signed(message("1")))
    assert (response.status, response.headers["retry-after"]) == (503, "60")
    assert {line["event"] for line in log_of(function)} <= {"event.not_stored", "request.failed"}


def test_a_queue_that_is_not_there_is_503_and_costs_no_event_once_it_is(make, queue) -> None:
    function = make(AWS_ENDPOINT_URL="http://127.0.0.1:9")
    assert post(function, signed(message("1")))[0] == 503
    assert function.cold_starts == 1


@pytest.mark.parametrize("secret", ["", "  "])
def test_a_secret_that_cannot_be_had_is_503_and_a_challenge_is_still_answered(make, secret) -> None:
    function = make(SECRET=secret)
    assert post(function, signed(message("1")))[0] == 503
    assert "secret.unreadable" in {line["event"] for line in log_of(function)}
    challenge = HTTPRequest(method="GET", query="challenge=abc")
    assert post(function, challenge) == (200, b'{"challenge":"abc"}')


def test_a_refusal_is_in_the_log_with_its_reason_and_nothing_of_the_message(make) -> None:
    function = make()
    post(function, signed(message("1", more=',"x":"patron 4711"'), secret="wrong"))
    (line,) = log_of(function)
    assert (line["event"], line["level"]) == ("request.refused", "warning")
    assert (line["code"], line["status"]) == ("signature.mismatch", 401)
    assert "4711" not in function.log


def test_a_flood_of_refusals_does_not_flood_the_log(make) -> None:
    function = make()
    for _ in range(100):
        post(function, HTTPRequest(body=b"{}"))
    refused = [line for line in log_of(function) if line["event"] == "request.refused"]
    assert len(refused) < 100


def test_the_manifest_holds_references_and_no_secret(tmp_path: Path) -> None:
    write_function_settings(tmp_path, "inbox")
    text = (tmp_path / manifest.FILE).read_text("utf-8")
    assert "env:SECRET" in text
    assert not [secret for secret in ENVIRONMENT.values() if secret in text]


def test_a_secret_in_a_file_does_not_travel(tmp_path: Path) -> None:
    file = tmp_path / "almahook.toml"
    file.write_text('[profiles.main]\nsecrets = ["file:secret"]\n', "utf-8")
    with pytest.raises(ConfigurationError, match="aws-secretsmanager:NAME"):
        write_manifest(load_settings(file, environment={}))


def test_without_a_manifest_the_error_says_what_to_type(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="almahook aws build"):
        manifest.read_manifest({"LAMBDA_TASK_ROOT": str(tmp_path)})


def test_an_inbox_that_is_not_on_aws_is_503_and_the_log_says_so(make) -> None:
    function = make(ALMAHOOK_INBOX="sqlite:inbox.db")
    assert post(function, signed(message("1")))[0] >= 500
    assert "aws:NAME" in log_of(function)[-1]["reason"]
