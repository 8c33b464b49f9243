"""A load generator: signed requests with unique ids over keep-alive connections.

Every request is built before the clock starts, so that a round costs the generator one write and
one search for the end of a response. ``python -m bench`` measures it against a server that only
says 200, to show that it is not the bottleneck.
"""

import argparse
import asyncio
import json
import sys
import time
import urllib.parse
from collections import Counter
from dataclasses import dataclass, field
from typing import cast

import uvloop

from almahook.protocol import SIGNATURE_HEADER, sign

_END_OF_HEAD = b"\r\n\r\n"


def make_requests(count: int, *, host: str, path: str, secret: bytes, size: int) -> list[bytes]:
    """Build signed LOAN events of ``size`` bytes, each with its own id."""
    return [_request(event, host, path, secret, size) for event in range(count)]


def _request(number: int, host: str, path: str, secret: bytes, size: int) -> bytes:
    body = _body(f"{time.time_ns()}{number:07d}", size)
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
        f"{SIGNATURE_HEADER}: {sign(body, secret=secret)}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode("ascii") + body


def _body(event_id: str, size: int) -> bytes:
    loan = {
        "loan_id": event_id,
        "user_id": "amendez",
        "due_date": "2026-10-13T19:00:00Z",
        "library": {"value": "UNIV_LIB", "desc": "Example Main Library"},
        "item_barcode": "31251461741838",
    }
    message = {
        "id": event_id,
        "action": "LOAN",
        "event": {"value": "LOAN_RETURNED", "desc": "Loan returned"},
        "institution": {"value": "01EXAMPLE_INST", "desc": "Example University"},
        "time": "2026-10-13T16:20:36.005Z",
        "item_loan": loan,
    }
    bare = len(json.dumps(message, separators=(",", ":")))
    loan["title"] = "x" * max(0, size - bare - len(',"title":""'))
    return json.dumps(message, separators=(",", ":")).encode("utf-8")


@dataclass(slots=True)
class Load:
    """What is left to send, and what came back."""

    requests: list[bytes]
    statuses: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    open: int = 0
    done: asyncio.Event = field(default_factory=asyncio.Event)


class Connection(asyncio.Protocol):
    """Sends a request, waits for its response, sends the next."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._buffer = b""
        self._sent = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._load.open += 1
        self._next()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := _response_end(self._buffer)) is not None:
            self._load.seconds.append(time.perf_counter() - self._sent)
            self._load.statuses[self._buffer[9:12].decode("ascii")] += 1
            self._buffer = self._buffer[end:]
            self._next()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._load.open -= 1
        if not self._load.open:
            self._load.done.set()

    def _next(self) -> None:
        if not self._load.requests:
            self._transport.close()
            return
        self._sent = time.perf_counter()
        self._transport.write(self._load.requests.pop())


def _response_end(buffer: bytes) -> int | None:
    """Find where the first response ends; every server measured here sends Content-Length."""
    head = buffer.find(_END_OF_HEAD)
    if head < 0:
        return None
    at = buffer.lower().find(b"content-length:", 0, head)
    stop = buffer.find(b"\r\n", at, head + 2)
    end = head + len(_END_OF_HEAD) + int(buffer[at + 15 : stop])
    return end if len(buffer) >= end else None


async def run(url: str, requests: list[bytes], connections: int) -> dict[str, object]:
    """Send all requests, and return the figures."""
    parts = urllib.parse.urlsplit(url)
    load = Load(requests)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    await asyncio.gather(
        *(
            loop.create_connection(lambda: Connection(load), parts.hostname, parts.port)
            for _ in range(connections)
        )
    )
    await load.done.wait()
    elapsed = time.perf_counter() - started
    return {
        "seconds": elapsed,
        "per_second": len(load.seconds) / elapsed,
        "statuses": dict(load.statuses),
        **_percentiles(load.seconds),
    }


def _percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    at = {"p50_ms": 0.5, "p99_ms": 0.99, "p999_ms": 0.999}
    last = len(ordered) - 1
    return {name: ordered[int(last * share)] * 1000 for name, share in at.items()}


def main() -> None:
    """Load one URL and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--secret", default="")
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--size", type=int, default=2048)
    given = parser.parse_args()
    parts = urllib.parse.urlsplit(given.url)
    requests = make_requests(
        given.count,
        host=parts.netloc,
        path=parts.path,
        secret=given.secret.encode("utf-8"),
        size=given.size,
    )
    figures = uvloop.run(run(given.url, requests, given.connections))
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()
