"""A line to the emulator that notes what was asked for, as IAM names it.

The emulator allows everything; what a role has to allow is known by what its function asks for.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

from aws_local.ministack import Ministack

WAIT_S = 30
_PREFIXES = {"DynamoDB": "dynamodb", "AmazonSQS": "sqs", "AmazonSSM": "ssm"}
_S3 = {"GET": "s3:GetObject", "PUT": "s3:PutObject", "DELETE": "s3:DeleteObject"}
# A batch needs the right to what is in it.
_BATCHES = {
    "sqs:SendMessageBatch": "sqs:SendMessage",
    "sqs:DeleteMessageBatch": "sqs:DeleteMessage",
    "sqs:ChangeMessageVisibilityBatch": "sqs:ChangeMessageVisibility",
}
_IN_TRANSACTION = {
    "Put": "dynamodb:PutItem",
    "Update": "dynamodb:UpdateItem",
    "Delete": "dynamodb:DeleteItem",
    "ConditionCheck": "dynamodb:ConditionCheckItem",
}
_UNREPEATED = {"connection", "content-length", "transfer-encoding", "date", "server"}

Right = tuple[str, str]


class Recorder(ThreadingHTTPServer):
    """Passes requests on, and keeps the rights that they need: an action, and on what."""

    daemon_threads = True

    def __init__(self, ministack: Ministack) -> None:
        super().__init__(("127.0.0.1", 0), _Line)
        self.target = urlsplit(ministack.url).netloc
        self.rights: set[Right] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextmanager
def recording(ministack: Ministack) -> Iterator[Recorder]:
    """Listen for the time of a block."""
    recorder = Recorder(ministack)
    thread = threading.Thread(target=recorder.serve_forever, args=[0.05])
    thread.start()
    try:
        yield recorder
    finally:
        recorder.shutdown()
        thread.join(WAIT_S)
        recorder.server_close()


class _Line(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Recorder

    def do_GET(self) -> None:
        self._pass_on()

    def do_PUT(self) -> None:
        self._pass_on()

    def do_POST(self) -> None:
        self._pass_on()

    def do_DELETE(self) -> None:
        self._pass_on()

    def log_message(self, *_: object) -> None:
        """Leave the tests' output alone."""

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.rights |= set(_rights(self.command, self.path, self.headers, body))
        connection = HTTPConnection(self.server.target, timeout=WAIT_S)
        headers = {name: value for name, value in self.headers.items() if name != "Connection"}
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        said = answer.read()
        connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in _UNREPEATED:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


def _rights(method: str, path: str, headers: Mapping[str, str], body: bytes) -> Iterator[Right]:
    target = headers.get("X-Amz-Target", "")
    if "/sts/aws4_request" in headers.get("Authorization", ""):
        # Everybody may ask who he is.
        return
    if not target:
        yield from _s3_rights(method, path, body)
        return
    service, _, operation = target.partition(".")
    asked = json.loads(body)
    action = f"{_PREFIXES.get(service.partition('_')[0], service)}:{operation}"
    if action == "dynamodb:TransactWriteItems":
        for item in asked["TransactItems"]:
            for kind, what in item.items():
                yield _IN_TRANSACTION[kind], what["TableName"]
    else:
        yield _BATCHES.get(action, action), _resource(asked)


def _resource(asked: Mapping[str, Any]) -> str:
    """Return the name of the table, the queue or the secret."""
    if "RequestItems" in asked:
        (table,) = asked["RequestItems"]
        return str(table)
    named = asked.get("QueueUrl") or asked.get("QueueName")
    if named:
        return str(named).rpartition("/")[2]
    return str(asked.get("TableName") or asked.get("SecretId") or asked.get("Name"))


def _s3_rights(method: str, path: str, body: bytes) -> Iterator[Right]:
    bucket, _, key = unquote(urlsplit(path).path).removeprefix("/").partition("/")
    if method == "POST" and "delete" in urlsplit(path).query:
        for found in re.findall(rb"<Key>([^<]+)</Key>", body):
            yield "s3:DeleteObject", f"{bucket}/{_folder(found.decode())}"
    else:
        yield _S3.get(method, f"s3:{method}"), f"{bucket}/{_folder(key)}"


def _folder(key: str) -> str:
    return f"{key.partition('/')[0]}/*"
