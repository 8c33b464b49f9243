import json
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

from almahook.aws import Service
from almahook.errors import AWSResponseError, AWSUnreachableError, ConfigurationError
from aws_local.ministack import Ministack

KEYS = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "not-shown"}
HERE = {**KEYS, "AWS_REGION": "eu-central-1"}


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[dict[str, str]]:
    """Serve HTTP on loopback; yield the environment that leads there."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield {**HERE, "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def says(status: int, body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def ask(environment: Mapping[str, str], **settings: float) -> object:
    service = Service("sqs", environment=environment, **settings)
    try:
        return service.call_json("AmazonSQS.SendMessage", "1.0", {"MessageBody": "the body"})
    finally:
        service.close()


def test_an_operation_of_sqs_is_called(ministack: Ministack) -> None:
    service = Service("sqs", environment=ministack.environment)
    made = service.call_json("AmazonSQS.CreateQueue", "1.0", {"QueueName": f"q-{uuid4().hex}"})
    service.close()
    url = made["QueueUrl"]
    assert url in ministack.client("sqs").list_queues()["QueueUrls"]


def test_an_object_is_put_into_s3_and_read_again(ministack: Ministack) -> None:
    bucket = f"b-{uuid4().hex}"
    ministack.client("s3").create_bucket(Bucket=bucket)
    service = Service("s3", environment=ministack.environment)
    service.call("PUT", f"/{bucket}/a b/é", {}, b"\x00\xff")
    assert service.call("GET", f"/{bucket}/a b/é", {}) == b"\x00\xff"
    service.close()


def test_calls_that_follow_each_other_share_a_connection() -> None:
    ports = []

    def answer(handler: BaseHTTPRequestHandler) -> None:
        ports.append(handler.client_address[1])
        says(200, b"{}")(handler)

    with serving(answer) as environment:
        service = Service("sqs", environment=environment)
        for _ in range(3):
            service.call_json("AmazonSQS.SendMessage", "1.0", {})
        service.close()
    assert len(set(ports)) == 1


def test_a_kept_connection_that_was_closed_meanwhile_is_opened_again() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        says(200, b"{}")(handler)
        # As a server does after a while; the client is not told.
        handler.close_connection = True

    with serving(answer) as environment:
        service = Service("sqs", environment=environment)
        assert [service.call_json("AmazonSQS.SendMessage", "1.0", {}) for _ in range(3)] == [{}] * 3
        service.close()


def test_a_service_that_does_not_answer_in_time_is_an_error() -> None:
    released = threading.Event()

    def answer(_: BaseHTTPRequestHandler) -> None:
        released.wait(30)

    with serving(answer) as environment:
        try:
            with pytest.raises(AWSUnreachableError, match="in time"):
                ask(environment, timeout_s=0.05)
        finally:
            released.set()


def test_a_service_that_is_not_there_is_an_error() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(AWSUnreachableError, match="ConnectionRefusedError"):
            ask({**HERE, "AWS_ENDPOINT_URL": url})


def test_a_connection_that_breaks_before_its_first_answer_is_an_error() -> None:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.close_connection = True

    with serving(answer) as environment, pytest.raises(AWSUnreachableError):
        ask(environment)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m"}', "QueueDoesNotExist"),
        (b'{"__type":"AccessDeniedException"}', "AccessDeniedException"),
        (b"<?xml version='1.0'?><Error><Code>NoSuchBucket</Code></Error>", "NoSuchBucket"),
        (b"<html>\xff", ""),
        (b"[]", ""),
        (b"", ""),
    ],
)
def test_an_error_of_the_service_is_told_by_its_code(body: bytes, code: str) -> None:
    with serving(says(400, body)) as environment, pytest.raises(AWSResponseError) as raised:
        ask(environment)
    assert (raised.value.http_status, raised.value.error_code) == (400, code)


def test_an_error_repeats_neither_what_was_sent_nor_what_the_service_wrote() -> None:
    body = json.dumps({"__type": "SignatureDoesNotMatch", "message": "x-amz-security-token:T0KEN"})
    with serving(says(403, body.encode())) as environment, pytest.raises(AWSResponseError) as told:
        ask({**environment, "AWS_SESSION_TOKEN": "T0KEN"})
    for secret in ("T0KEN", "not-shown", "the body"):
        assert secret not in repr(told.value) + str(told.value)


def test_an_answer_that_is_no_json_is_an_error() -> None:
    with serving(says(200, b"<html>")) as environment, pytest.raises(AWSUnreachableError):
        ask(environment)


@pytest.mark.parametrize("missing", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_without_credentials_the_variable_is_named(missing: str) -> None:
    environment = {name: value for name, value in HERE.items() if name != missing}
    with pytest.raises(ConfigurationError, match=missing):
        ask(environment)


def test_without_a_region_the_variable_is_named() -> None:
    with pytest.raises(ConfigurationError, match="AWS_REGION"):
        Service("sqs", environment=KEYS)


@pytest.mark.parametrize(
    ("name", "more", "host"),
    [
        ("sqs", {}, "sqs.eu-central-1.amazonaws.com"),
        ("sqs", {"AWS_REGION": "cn-north-1"}, "sqs.cn-north-1.amazonaws.com.cn"),
        ("sqs", {"AWS_ENDPOINT_URL": "http://all:1"}, "all:1"),
        ("sqs", {"AWS_ENDPOINT_URL": "http://all:1", "AWS_ENDPOINT_URL_SQS": "http://q:2"}, "q:2"),
        ("sqs", {"AWS_ENDPOINT_URL_S3": "http://s:3"}, "sqs.eu-central-1.amazonaws.com"),
        ("secretsmanager", {"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://m:4"}, "m:4"),
        (
            "sqs",
            {"AWS_ENDPOINT_URL": "http://all:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
            "sqs.eu-central-1.amazonaws.com",
        ),
    ],
)
def test_the_environment_says_where_a_service_is(
    name: str, more: dict[str, str], host: str
) -> None:
    assert Service(name, environment={**HERE, **more}).host == host


def test_a_bucket_has_a_host_of_its_own_at_aws_and_none_elsewhere() -> None:
    at_aws = Service("s3", host_prefix="bucket.", environment=HERE)
    elsewhere = Service(
        "s3", host_prefix="bucket.", environment={**HERE, "AWS_ENDPOINT_URL": "http://all:1"}
    )
    assert (at_aws.host, at_aws.is_aws) == ("bucket.s3.eu-central-1.amazonaws.com", True)
    assert (elsewhere.host, elsewhere.is_aws) == ("all:1", False)


def test_the_room_imports_the_standard_library_only() -> None:
    code = (
        "import sys; from almahook import aws; print(*{n.partition('.')[0] for n in sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert (
        loaded & {"msgspec", "botocore", "boto3", "dataclasses", "inspect", "typing_extensions"}
        == set()
    )
