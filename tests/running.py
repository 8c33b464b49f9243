"""The command line as processes of their own, and small listeners that answer as a test wants."""

import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

COMMAND = [sys.executable, "-m", "almahook.cli"]
WAIT_S = 60


def environment(**more: str) -> dict[str, str]:
    """Leave out the settings of whoever runs the tests."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("ALMAHOOK_")}
    return {**own, "PYTHONUNBUFFERED": "1", **more}


@dataclass(frozen=True)
class Done:
    status: int
    out: str
    err: str


def run(*arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> Done:
    """Run a command to its end."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(**(env or {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


class Running:
    """A command that runs until it is stopped; what it says on either stream is kept."""

    def __init__(self, *arguments: object, cwd: Path, env: Mapping[str, str] | None = None) -> None:
        self._process = subprocess.Popen(
            [*COMMAND, *map(str, arguments)],
            cwd=cwd,
            env=environment(**(env or {})),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._changed = threading.Condition()
        self._said = ""
        self._has_ended = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def said(self) -> str:
        with self._changed:
            return self._said

    def wait_for(self, pattern: str) -> re.Match[str]:
        """Wait until it has said something of this form."""
        with self._changed:
            self._changed.wait_for(lambda: self._has_ended or self._find(pattern), WAIT_S)
            found = self._find(pattern)
        assert found, self._said
        return found

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ask it to end, and return its status."""
        if self._process.poll() is None:
            self._process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        status = self._process.wait(WAIT_S)
        self._reader.join(WAIT_S)
        return status

    def kill(self) -> None:
        self._process.kill()
        self.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _find(self, pattern: str) -> re.Match[str] | None:
        return re.search(pattern, self._said)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            with self._changed:
                self._said += line
                self._changed.notify_all()
        with self._changed:
            self._has_ended = True
            self._changed.notify_all()


@contextmanager
def running(
    *arguments: object, cwd: Path, env: Mapping[str, str] | None = None
) -> Iterator[Running]:
    """Run a command for the time of a block."""
    process = Running(*arguments, cwd=cwd, env=env)
    try:
        yield process
    finally:
        process.kill()


@contextmanager
def serving(folder: Path, *arguments: object, **env: str) -> Iterator[str]:
    """Run a listener on a free port; give its address."""
    with running("serve", "--port", "0", *arguments, cwd=folder, env=env) as process:
        yield process.wait_for(r"listens on (http://\S+)")[1]


@dataclass(frozen=True)
class Asked:
    """One request, as a listener sees it."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def challenge(self) -> str:
        return parse_qs(urlsplit(self.path).query).get("challenge", [""])[0]


@dataclass(frozen=True)
class Says:
    """One answer; ``hangs`` never gives it, ``trickles`` gives it byte by byte."""

    body: str | bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False
    trickles: bool = False


Answer = Callable[[Asked], Says]


class Stranger:
    """A listener of somebody else's."""

    def __init__(self, answer: Answer, *, tls: ssl.SSLContext | None = None) -> None:
        self.asked: list[Asked] = []
        self.closing = threading.Event()
        self._answer = answer
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.stranger = self
        self._server.tls = tls
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        scheme = "https" if tls else "http"
        self.base = f"{scheme}://127.0.0.1:{self._server.server_port}"
        self.url = f"{self.base}/webhooks/main"

    def take(self, asked: Asked) -> Says:
        self.asked.append(asked)
        return self._answer(asked)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    stranger: Stranger
    tls: ssl.SSLContext | None

    def finish_request(self, request, client_address):
        # Here and not around the listening socket, so that a failed handshake hurts one thread.
        if self.tls is None:
            super().finish_request(request, client_address)
            return
        with self.tls.wrap_socket(request, server_side=True) as wrapped:
            super().finish_request(wrapped, client_address)

    def handle_error(self, request, client_address):
        """Say nothing: many tests break the connection."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def _answer(self) -> None:
        stranger = self.server.stranger
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        says = stranger.take(Asked(self.command, self.path, headers, body))
        if says.hangs:
            stranger.closing.wait()
            return
        content = says.body.encode() if isinstance(says.body, str) else says.body
        self.send_response(says.status)
        self.send_header("Content-Type", says.content_type)
        for name, value in {"Content-Length": str(len(content)), **says.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if says.trickles:
            self._trickle(content)
        else:
            self.wfile.write(content)

    def _trickle(self, content: bytes) -> None:
        with suppress(OSError):
            for byte in content:
                self.wfile.write(bytes([byte]))
                if self.server.stranger.closing.wait(0.02):
                    return

    def log_message(self, *_: object) -> None:
        pass
