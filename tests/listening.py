"""Listeners that really listen, on a free port of loopback, and raw connections to them."""

import queue
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import parse_headers
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import uvicorn

from almahook.app import Listener
from almahook.app.server import Server
from almahook.config import Settings, load_settings
from almahook.protocol import SIGNATURE_HEADER, sign

WAIT_S = 30.0
SECRET = "clé-secrète"
TOML = """\
host = "127.0.0.1"
port = 0
inbox = "sqlite:inbox.db"
[profiles.main]
secrets = ["file:secret"]
"""


def make_settings(folder: Path, **given: Any) -> Settings:
    """Write a settings file and a secret into a folder, and read them."""
    (folder / "secret").write_text(SECRET, "utf-8")
    file = folder / "almahook.toml"
    file.write_text(TOML, "utf-8")
    return load_settings(file, environment={}, **given)


def message(event_id: str, *, action: str = "LOAN", more: str = "") -> bytes:
    return f'{{"id":"{event_id}","action":"{action}"{more}}}'.encode()


def signature(body: bytes) -> str:
    return sign(body, secret=SECRET.encode())


@contextmanager
def served(listener: Listener) -> Iterator[str]:
    """Serve a listener as ``almahook serve`` does; say where."""
    addresses: queue.SimpleQueue[str] = queue.SimpleQueue()
    with running(Server(listener, on_ready=addresses.put)):
        yield addresses.get(timeout=WAIT_S)


@contextmanager
def mounted(app: Any, *, lifespan: str) -> Iterator[str]:
    """Serve somebody's own app; say where."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, lifespan=lifespan, log_config=None))
        with running(server, sockets=[listening]):
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def running(server: uvicorn.Server, **arguments: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.run, kwargs=arguments)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
        assert not thread.is_alive()


def until(condition: Callable[[], object]) -> None:
    """Wait until something has become true in another thread or process."""
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


class Wire:
    """One connection, on which every byte is the test's own."""

    def __init__(self, url: str) -> None:
        at = urlsplit(url)
        self.socket = socket.create_connection((at.hostname, at.port), timeout=WAIT_S)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, *parts: bytes) -> None:
        for part in parts:
            self.socket.sendall(part)

    def post(self, body: bytes, *headers: str, path: str = "/webhooks/main") -> None:
        """Send a signed message whole."""
        length = f"Content-Length: {len(body)}"
        self.send(head(length, *headers, body=body, path=path) + body)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Read one answer: its status, its headers in lower case, its body."""
        status = int(self._file.readline().split()[1])
        headers = {name.lower(): value for name, value in parse_headers(self._file).items()}
        return status, headers, self._file.read(int(headers.get("content-length", 0)))

    def status(self) -> int:
        return self.answer()[0]

    def is_closed(self) -> bool:
        """Wait until the other side closes; say whether it did without another word."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True


def head(
    *headers: str, body: bytes = b"", method: str = "POST", path: str = "/webhooks/main"
) -> bytes:
    """Make a head, signed for a body."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"{SIGNATURE_HEADER}: {signature(body)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


def chunked(*pieces: bytes) -> bytes:
    """Make a body of chunks; without an empty piece it is not at its end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
