"""Listeners that really listen, on a free port of loopback, and raw connections to them."""

import os
import queue
import re
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.client import parse_headers
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import uvicorn

from almahook.app import Listener
from almahook.app.server import Server
from almahook.config import Settings, load_settings
from almahook.handlers import Handler
from almahook.inbox import EventFilter, Run
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


def handler(name: str, action: str, function: Callable[..., Any], **options: Any) -> Handler:
    """Make a handler of all events of an action."""
    takes = lambda event: event.action == action  # noqa: E731 - one line says it
    return Handler(name=name, function=function, takes=takes, **options)


def message(event_id: str, *, action: str = "LOAN", more: str = "") -> bytes:
    return f'{{"id":"{event_id}","action":"{action}"{more}}}'.encode()


def signature(body: bytes, *, secret: str = SECRET) -> str:
    return sign(body, secret=secret.encode())


class Gate:
    """A handler that waits until the test lets it go on, and counts its runs."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.open = threading.Event()
        self.runs = 0

    def __call__(self, *_: object) -> None:
        self.runs += 1
        self.begun.release()
        assert self.open.wait(WAIT_S)


async def call(app: Any, body: bytes) -> int:
    """Send a signed message to an app as a server does; return the status of its answer."""
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(part: Any) -> None:
        sent.append(part)

    headers = [(b"x-exl-signature", signature(body).encode())]
    scope = {"type": "http", "method": "POST", "path": "/webhooks/main"}
    await app({**scope, "query_string": b"", "headers": headers}, receive, send)
    return int(sent[0]["status"])


class Listening:
    """A listener on a port, and what it has stored."""

    def __init__(self, listener: Listener, url: str) -> None:
        self.inbox = listener.inbox
        self.listener = listener
        self.url = url

    def post(self, body: bytes) -> tuple[int, bytes]:
        """Send a signed message; return the status and the body of the answer."""
        with Wire(self.url) as wire:
            wire.post(body)
            status, _, answer = wire.answer()
        return status, answer

    def get(self, path: str) -> tuple[int, bytes]:
        return get(self.url, path)

    def bodies(self) -> list[bytes]:
        """Return the bodies of what is stored, oldest first."""
        events = self.inbox.events(EventFilter(), limit=1000)
        return [event.body for event in reversed(events)]

    def runs(self) -> list[Run]:
        """Return the runs of everything that is stored, oldest first."""
        events = self.inbox.events(EventFilter(), limit=1000)
        return self.inbox.runs([event.seq for event in events])


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


def get(url: str, path: str) -> tuple[int, bytes]:
    with Wire(url) as wire:
        wire.send(head(method="GET", path=path))
        status, _, body = wire.answer()
    return status, body


def metrics(url: str) -> dict[str, float]:
    """Read the metrics: each value by its name and labels as they are written."""
    _, text = get(url, "/metrics")
    lines = [line for line in text.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


class Command:
    """``almahook`` in a process of its own, and what it says."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.output = folder / f"{arguments[0]}.out"
        self.errors = folder / f"{arguments[0]}.err"
        with self.output.open("wb") as output, self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [sys.executable, "-c", "from almahook.cli import main; main()", *arguments],
                cwd=folder,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    def said(self) -> str:
        return self.output.read_text("utf-8") + self.errors.read_text("utf-8")

    def wait_for(self, pattern: str) -> str:
        """Wait until it has said something; return that."""
        found = None

        def is_said() -> bool:
            nonlocal found
            found = re.search(pattern, self.said())
            return found is not None or self.process.poll() is not None

        until(is_said)
        assert found is not None, self.said()
        return str(found[0])

    def address(self) -> str:
        return self.wait_for(r"http://127\.0\.0\.1:\d+")

    def limit_files_to(self, size: int) -> None:
        """Let it write no file beyond a size, as on a disk that is full; -1 for any size."""
        resource.prlimit(self.process.pid, resource.RLIMIT_FSIZE, (size, -1))

    def largest_memory(self) -> int:
        """Return the most memory that it has held at once, in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text("ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) * 1024

    def worker(self) -> int:
        """Wait until its worker has a process; return the id."""
        return worker_of(self.process.pid)

    def kill(self) -> None:
        """End it and its worker, both at once, as a power cut does."""
        kill_both(self.process)

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send it a signal, and return its exit status."""
        self.process.send_signal(number)
        return self.process.wait(WAIT_S)


def worker_of(pid: int) -> int:
    """Wait until an ``almahook serve`` has a worker; return that process's id."""
    return _when_started(pid, "work", 1)[0]


def receivers_of(pid: int, number: int = 1) -> list[int]:
    """Wait until an ``almahook serve`` has so many further receivers; return their ids."""
    return _when_started(pid, "receive", number)


def _when_started(pid: int, command: str, number: int) -> list[int]:
    # The ids are those of the look that was right: at the next, one may have been killed.
    found: list[int] = []

    def are_there() -> bool:
        found[:] = _started_by(pid, command)
        return len(found) == number

    until(are_there)
    return found


def kill_both(serve: "subprocess.Popen[Any]") -> None:
    """End a process and those that it has started, if it has any, as a power cut does."""
    # Stopped, it starts no other in place of one that is killed.
    with suppress(ProcessLookupError):
        os.kill(serve.pid, signal.SIGSTOP)
    others = _started_by(serve.pid, "work", "receive")
    for pid in [*others, serve.pid]:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    serve.wait()
    until(lambda: not any(map(is_running, others)))


def is_running(pid: int) -> bool:
    """Say whether a process has not ended."""
    return state_of(pid) not in {"", "Z"}


def state_of(pid: int) -> str:
    """Return the letter of a process's state; nothing if it is gone."""
    return "".join(_stat(pid)[:1])


def _started_by(pid: int, *commands: str) -> list[int]:
    """Find what an ``almahook serve`` has started beside itself; none where there is no /proc."""
    numbers = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    children = [one for one in numbers if _stat(one)[1:2] == [str(pid)]]
    wanted = {command.encode() for command in commands}
    return [one for one in children if wanted & set(_tied(one))]


def _tied(pid: int) -> list[bytes]:
    words = _read(pid, "cmdline").split(b"\0")
    return words if b"--tether" in words else []


def _stat(pid: int) -> list[str]:
    """Return the state of a process, the id of its parent, and so on; nothing if it is gone."""
    return _read(pid, "stat").decode("utf-8", "replace").rpartition(")")[2].split()


def _read(pid: int, name: str) -> bytes:
    with suppress(OSError):
        return Path(f"/proc/{pid}/{name}").read_bytes()
    return b""


def _environment() -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith("ALMAHOOK_")}
    return {**own, "PYTHONUNBUFFERED": "1"}


@contextmanager
def command(folder: Path, *arguments: str) -> Iterator[Command]:
    """Run a command until the block is left."""
    running = Command(folder, *arguments)
    try:
        yield running
    finally:
        running.kill()


_HOLD = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
connection.execute("ROLLBACK")
connection.close()
"""


@contextmanager
def locked_by_another_process(file: Path) -> Iterator[None]:
    """Hold the write lock of a database while the block runs."""
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD, str(file)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holding:
        assert holding.stdin is not None
        assert holding.stdout is not None
        assert holding.stdout.readline() == b"held\n"
        try:
            yield
        finally:
            holding.stdin.close()
            holding.wait(WAIT_S)


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

    def post(self, body: bytes, *headers: str, **given: str) -> None:
        """Send a signed message whole."""
        self.send(request(body, *headers, **given))

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
    *headers: str,
    body: bytes = b"",
    method: str = "POST",
    path: str = "/webhooks/main",
    secret: str = SECRET,
) -> bytes:
    """Make a head, signed for a body."""
    lines = [
        f"{method} {path} HTTP/1.1",
        "Host: localhost",
        f"{SIGNATURE_HEADER}: {signature(body, secret=secret)}",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


# Signed for an empty body.
FORGED = head("Content-Length: 1") + b"x"


def request(body: bytes, *headers: str, **given: str) -> bytes:
    """Make a request, signed for its body."""
    return head(f"Content-Length: {len(body)}", *headers, body=body, **given) + body


def chunked(*pieces: bytes) -> bytes:
    """Make a body of chunks; without an empty piece it is not at its end."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
