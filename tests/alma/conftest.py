import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from almahook.alma import AlmaClient, RateLimiter

KEY = "l7xx0123456789abcdef"


@dataclass(frozen=True)
class Seen:
    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.target).query, keep_blank_values=True))

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Script:
    """What the server answers, one entry per request; the last one repeats."""

    url: str = ""
    entries: list[dict[str, Any]] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    release: threading.Event = field(default_factory=threading.Event)

    def answer(self, body: Any = None, *, status: int = 200, **extra: Any) -> "Script":
        self.entries.append({"body": body, "status": status, **extra})
        return self

    def fault(
        self, code: str, message: str = "", *, status: int = 400, tracking_id: str = "E01-1"
    ) -> "Script":
        error = {"errorCode": code, "errorMessage": message, "trackingId": tracking_id}
        return self.answer({"errorsExist": True, "errorList": {"error": [error]}}, status=status)

    def note(self, seen: Seen) -> dict[str, Any]:
        with self.lock:
            self.seen.append(seen)
            if len(self.entries) > 1:
                return self.entries.pop(0)
            return self.entries[0] if self.entries else {"body": {}, "status": 200}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    script: Script

    def do(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        seen = Seen(self.command, self.path, headers, self.rfile.read(size))
        entry = self.script.note(seen)
        if entry.get("hang"):
            self.script.release.wait(30)
        if entry.get("hang") or entry.get("drop"):
            self.close_connection = True
            return
        body = entry["body"]
        data = (
            body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        )
        self.send_response(entry["status"])
        for name, value in entry.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    block_on_close = True

    def handle_error(self, *_: object) -> None:
        """A client that hung up is what some tests are about."""


def serve() -> tuple[Server, Script]:
    script = Script()
    verbs = {f"do_{verb}": Handler.do for verb in ("GET", "POST", "PUT", "DELETE")}
    handler = type("ScriptedHandler", (Handler,), {"script": script, **verbs})
    server = Server(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}"
    return server, script


@pytest.fixture
def alma() -> Iterator[Script]:
    server, script = serve()
    yield script
    script.release.set()
    server.shutdown()
    server.server_close()


@pytest.fixture
def other_host() -> Iterator[Script]:
    server, script = serve()
    yield script
    server.shutdown()
    server.server_close()


class Time:
    """A clock that only sleep moves."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0
        self.slept: list[float] = []

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def make_client(alma: Script, time: Time) -> Iterator[Callable[..., AlmaClient]]:
    clients = []

    def make(**changes: Any) -> AlmaClient:
        given = {
            "api_key": KEY,
            "base_url": alma.url,
            "limiter": RateLimiter(1e6),
            "sleep": time.sleep,
            "clock": time.clock,
            "random": lambda: 0.5,
        }
        clients.append(AlmaClient(**{**given, **changes}))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def client(make_client: Callable[..., AlmaClient]) -> AlmaClient:
    return make_client()
