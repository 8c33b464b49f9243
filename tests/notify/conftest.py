import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest


@dataclass
class Gateway:
    """A service that takes messages over HTTP; ``status`` is what it answers."""

    port: int = 0
    status: int = 200
    paths: list[str] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"json://account:s3cret@127.0.0.1:{self.port}"


class HTTPHandler(BaseHTTPRequestHandler):
    gateway: Gateway

    def take(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.gateway.paths.append(self.path)
        self.gateway.bodies.append(json.loads(body))
        self.send_response(self.gateway.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@dataclass
class MailServer:
    """A mail server that says yes to everything."""

    port: int = 0
    mails: list[tuple[list[str], Message]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"mailto://127.0.0.1:{self.port}?from=library@example.edu"


class SMTPHandler(StreamRequestHandler):
    mail_server: MailServer

    def handle(self) -> None:
        self.say("220 ready")
        to: list[str] = []
        while line := self.rfile.readline().decode("ascii").strip():
            verb = line.split()[0].upper()
            if verb == "RCPT":
                to.append(line.partition("<")[2].partition(">")[0])
            if verb == "DATA":
                self.say("354 go on")
                self.mail_server.mails.append((to, message_from_bytes(self.data())))
            self.say("221 bye" if verb == "QUIT" else "250 ok")

    def data(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) not in {b".\r\n", b""}:
            lines.append(line)
        return b"".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode("ascii"))


def start(server: ThreadingTCPServer) -> int:
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    port: int = server.server_address[1]
    return port


def stop(server: ThreadingTCPServer) -> None:
    server.shutdown()
    server.server_close()


def serve_http() -> tuple[ThreadingHTTPServer, Gateway]:
    gateway = Gateway()
    handler = type("Gateway", (HTTPHandler,), {"gateway": gateway, "do_POST": HTTPHandler.take})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    gateway.port = start(server)
    return server, gateway


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    server, found = serve_http()
    yield found
    stop(server)


@pytest.fixture
def second_gateway() -> Iterator[Gateway]:
    server, found = serve_http()
    yield found
    stop(server)


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    found = MailServer()
    handler = type("Mail", (SMTPHandler,), {"mail_server": found})
    server = ThreadingTCPServer(("127.0.0.1", 0), handler)
    found.port = start(server)
    yield found
    stop(server)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port that nobody listens on while the test runs."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
