"""What DynamoDB says when it has too much to do, which the emulator never says.

A server on loopback answers as AWS documents it.
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from almahook.errors import InboxUnavailableError
from almahook.inbox.aws.clients import Clients
from almahook.inbox.aws.table import ConflictError, Put, Table, until_agreed

Answer = tuple[int, Mapping[str, Any]]


class Server:
    """Gives its answers one after the other, the last one for ever, and keeps what was asked."""

    def __init__(self, *answers: Answer) -> None:
        self.asked: list[dict[str, Any]] = []
        self._answers = list(answers)
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                status, said = outer._next()
                body = json.dumps(said).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self.http.serve_forever, args=[0.01])
        self._thread.start()

    def _next(self) -> Answer:
        return self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]

    def close(self) -> None:
        self.http.shutdown()
        self._thread.join()
        self.http.server_close()


@pytest.fixture
def answering(
    monkeypatch: pytest.MonkeyPatch, aws_environment: Mapping[str, str]
) -> Iterator[Callable[..., tuple[Table, Server]]]:
    """Open a table whose service gives these answers."""
    monkeypatch.setattr("almahook.inbox.aws.clients._TRIES", 1)
    opened: list[Server | Clients] = []

    def answer(*answers: Answer) -> tuple[Table, Server]:
        server = Server(*answers)
        url = f"http://127.0.0.1:{server.http.server_port}"
        monkeypatch.setenv("AWS_ENDPOINT_URL", url)
        clients = Clients()
        opened.extend([clients, server])
        return Table(clients.get("dynamodb"), "hooks"), server

    yield answer
    for one in opened:
        one.close()


def error(kind: str, **more: Any) -> Answer:
    return 400, {"__type": f"com.amazonaws.dynamodb.v20120810#{kind}", "Message": "secret", **more}


def cancelled(*codes: str) -> Answer:
    reasons = [{"Code": code, "Message": "secret"} for code in codes]
    return error("TransactionCanceledException", CancellationReasons=reasons)


PUT = Put({"pk": "a", "sk": "b"})


@pytest.mark.parametrize(
    "kind",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
        "AccessDeniedException",
    ],
)
def test_what_the_service_does_not_do_now_is_unavailable_and_named(answering, kind: str) -> None:
    table, _ = answering(error(kind))
    for ask in (
        lambda: table.get(("a", "b")),
        lambda: list(table.query("a")),
        lambda: table.put({"pk": "a", "sk": "b"}),
        lambda: table.put_many([{"pk": "a", "sk": "b"}]),
        lambda: table.transact([PUT]),
        lambda: table.add(("a", "b"), "n", 1),
    ):
        with pytest.raises(InboxUnavailableError, match=kind) as told:
            ask()
        assert "secret" not in str(told.value)


@pytest.mark.parametrize("code", ["ThrottlingError", "ProvisionedThroughputExceeded"])
def test_a_throttled_transaction_is_unavailable(answering, code: str) -> None:
    table, _ = answering(cancelled("None", code, "TransactionConflict"))
    with pytest.raises(InboxUnavailableError, match=code):
        table.transact([PUT, PUT, PUT])


def test_a_transaction_that_met_another_is_tried_again(answering) -> None:
    table, server = answering(cancelled("TransactionConflict"), (200, {}))
    until_agreed(lambda: table.transact([PUT]))
    assert len(server.asked) == 2


def test_a_write_that_met_a_transaction_is_a_conflict(answering) -> None:
    table, _ = answering(error("TransactionConflictException"))
    with pytest.raises(ConflictError):
        table.put({"pk": "a", "sk": "b"})


def test_a_transaction_that_always_meets_others_is_unavailable(
    answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almahook.inbox.aws.table._LONGEST_PAUSE_S", 0.001)
    table, server = answering(cancelled("TransactionConflict"))
    with pytest.raises(InboxUnavailableError):
        until_agreed(lambda: table.transact([PUT]))
    assert len(server.asked) > 10


def test_what_a_batch_leaves_unwritten_is_written_after_it(answering) -> None:
    items = [{"pk": "a", "sk": str(n)} for n in range(30)]
    rest = [{"PutRequest": {"Item": {"pk": {"S": "a"}, "sk": {"S": "7"}}}}]
    table, server = answering((200, {"UnprocessedItems": {"hooks": rest}}), (200, {}))
    table.put_many(items)
    assert [len(asked["RequestItems"]["hooks"]) for asked in server.asked] == [25, 1, 5]
    assert server.asked[1]["RequestItems"]["hooks"] == rest


def test_what_a_batch_leaves_unread_is_read_after_it(answering) -> None:
    def row(name: str) -> dict[str, Any]:
        return {"pk": {"S": "a"}, "sk": {"S": name}}

    left = {"hooks": {"Keys": [row("2")], "ConsistentRead": True}}
    table, server = answering(
        (200, {"Responses": {"hooks": [row("1")]}, "UnprocessedKeys": left}),
        (200, {"Responses": {"hooks": [row("2")]}}),
    )
    assert set(table.get_many([("a", "1"), ("a", "2")])) == {("a", "1"), ("a", "2")}
    assert server.asked[1]["RequestItems"] == left


def test_a_batch_of_which_nothing_is_ever_done_is_unavailable(
    answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("almahook.inbox.aws.table._LONGEST_PAUSE_S", 0.001)
    rest = [{"DeleteRequest": {"Key": {"pk": {"S": "a"}, "sk": {"S": "b"}}}}]
    table, _ = answering((200, {"UnprocessedItems": {"hooks": rest}}))
    with pytest.raises(InboxUnavailableError, match="undone"):
        table.delete_many([("a", "b")])


def test_every_read_is_consistent(answering) -> None:
    table, server = answering((200, {"Items": [], "Responses": {}}))
    table.get(("a", "b"))
    list(table.query("a"))
    list(table.scan("runs", only=["runs"]))
    table.get_many([("a", "b")])
    *single, batch = server.asked
    assert [asked["ConsistentRead"] for asked in single] == [True] * 3
    assert batch["RequestItems"]["hooks"]["ConsistentRead"] is True
