import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from almahook.simulator import Profile, Simulator

SECRET = "clé-secrète"


@dataclass
class Received:
    method: str
    path: str
    headers: list[tuple[str, str]]
    body: bytes
    connection: tuple[str, int]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


@dataclass
class Answer:
    """What the listener does with one call."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    hang: bool = False
    trickle: bool = False


class Listener:
    """Records what arrives and answers from a script; the last answer is repeated."""

    def __init__(self) -> None:
        self.received: list[Received] = []
        self.challenge_answer = "json"
        self.posts: deque[Answer] = deque([Answer()])
        self.closing = threading.Event()
        self._changed = threading.Condition()
        self._server = Server(("127.0.0.1", 0), Handler)
        self._server.listener = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/webhooks/main"

    def script(self, *answers: Answer | int) -> None:
        self.posts = deque(
            answer if isinstance(answer, Answer) else Answer(status=answer) for answer in answers
        )

    def take(self, received: Received) -> Answer:
        with self._changed:
            self.received.append(received)
            self._changed.notify_all()
            if received.method == "GET":
                return self._challenged(received.path)
            return self.posts.popleft() if len(self.posts) > 1 else self.posts[0]

    def wait_for(self, number: int) -> list[Received]:
        with self._changed:
            assert self._changed.wait_for(lambda: len(self.deliveries) >= number, 30)
        return self.deliveries

    @property
    def deliveries(self) -> list[Received]:
        return [received for received in self.received if received.method == "POST"]

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _challenged(self, path: str) -> Answer:
        text = parse_qs(urlsplit(path).query)["challenge"][0]
        body = {
            "json": f'{{"challenge":"{text}"}}',
            "pretty": f'{{\n  "challenge" : "{text}"\n}}',
            "text": text,
            "html": f"<p>{text}</p>",
            "missing": '{"challenge":""}',
        }
        if self.challenge_answer.isdecimal():
            return Answer(status=int(self.challenge_answer), body=text.encode())
        return Answer(body=body[self.challenge_answer].encode())


class Server(ThreadingHTTPServer):
    listener: "Listener"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self) -> None:
        listener = self.server.listener
        if listener.closing.is_set():
            self.close_connection = True
            return
        headers, body = list(self.headers.items()), self._body()
        answer = listener.take(
            Received(self.command, self.path, headers, body, self.client_address)
        )
        if answer.hang:
            listener.closing.wait()
            self.close_connection = True
        elif answer.trickle:
            self._trickle()
        else:
            self._send(answer)

    def _send(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    def _trickle(self) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        with suppress(OSError):
            while not self.server.listener.closing.wait(0.02):
                self.wfile.write(b".")

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture
def alma(listener: Listener) -> Iterator[Simulator]:
    """An Alma whose hour is 20 ms."""
    with Simulator(time_scale=180_000, seed=7) as alma:
        yield alma


@pytest.fixture
def profile(alma: Simulator, listener: Listener) -> Profile:
    profile = alma.add_profile("main", url=listener.url, secret=SECRET)
    assert alma.activate(profile).ok
    return profile


@pytest.fixture
def answer() -> type[Answer]:
    return Answer


@pytest.fixture
def api(alma: Simulator) -> Iterator[httpx2.Client]:
    headers = {"Authorization": f"apikey {alma.api_key}", "Accept": "application/json"}
    base_url = f"{alma.api_url}/almaws/v1"
    with httpx2.Client(base_url=base_url, headers=headers, trust_env=False) as client:
        yield client
