"""HTTP as Alma's sender speaks it: kept-alive connections, and one time limit for all of a call."""

import socket
import ssl
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakSet

# The transport half of httpx2, released with it: the only part where a limit for the whole call
# can be set. Those of httpx2 itself apply to each read, so that a trickle never runs into them.
import httpcore2

Headers = Sequence[tuple[str, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """What came back: a status and a body, or none and the reason in words."""

    status: int | None = None
    body: bytes = field(default=b"", repr=False)
    reason: str = ""


class Wire:
    """Makes HTTP calls from many threads, each within ``timeout_s`` in total."""

    def __init__(self, *, connections: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._backend = _DeadlineBackend()
        self._pool = httpcore2.ConnectionPool(
            max_connections=connections,
            max_keepalive_connections=connections,
            network_backend=self._backend,
        )

    def call(
        self,
        method: str,
        url: str,
        *,
        headers: Headers = (),
        content: bytes | Iterator[bytes] = b"",
    ) -> Heard:
        """Make one call; whatever goes wrong on the way is an answer too, and never raised."""
        try:
            self._backend.start(self._timeout_s)
            response = self._pool.request(method, url, headers=list(headers), content=content)
            return Heard(status=response.status, body=response.content)
        except httpcore2.TimeoutException:
            return Heard(reason=f"no answer within {self._timeout_s:g} s")
        except httpcore2.ConnectError as error:
            return Heard(reason=f"could not connect: {error}")
        except (httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            return Heard(reason=f"the connection broke: {error}")
        except (httpcore2.UnsupportedProtocol, ValueError):
            return Heard(reason="the URL is not one that can be called")

    def close(self) -> None:
        """Cut the calls that are under way, and close every connection."""
        self._backend.cut()

    def release(self) -> None:
        """Close the idle connections, once no thread makes calls any more."""
        self._pool.close()


class _DeadlineBackend(httpcore2.SyncBackend):
    """Gives every read and write what is left of the calling thread's time."""

    def __init__(self) -> None:
        super().__init__()
        self._local = threading.local()
        self._lock = threading.Lock()
        self._open: WeakSet[_DeadlineStream] = WeakSet()
        self._is_cut = False

    def start(self, timeout_s: float) -> None:
        """Give the calling thread so many seconds for its next call."""
        self._local.ends = time.monotonic() + timeout_s

    def left_s(self) -> float:
        left = self._local.ends - time.monotonic()
        if left <= 0 or self._is_cut:
            raise httpcore2.ReadTimeout
        return float(left)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the whole call has one limit
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        stream = super().connect_tcp(host, port, self.left_s(), local_address, socket_options)
        return self.watch(stream)

    def watch(self, stream: httpcore2.NetworkStream) -> httpcore2.NetworkStream:
        watched = _DeadlineStream(stream, self)
        with self._lock:
            self._open.add(watched)
        return watched

    def cut(self) -> None:
        self._is_cut = True
        with self._lock:
            streams = list(self._open)
        for stream in streams:
            # A shutdown wakes the thread that waits on the socket; a close would not.
            with suppress(OSError):
                stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)


class _DeadlineStream(httpcore2.NetworkStream):
    def __init__(self, stream: httpcore2.NetworkStream, backend: _DeadlineBackend) -> None:
        self._stream = stream
        self._backend = backend

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002 - likewise
        return self._stream.read(max_bytes, self._backend.left_s())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002 - likewise
        self._stream.write(buffer, self._backend.left_s())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - likewise
    ) -> httpcore2.NetworkStream:
        left_s = self._backend.left_s()
        return self._backend.watch(self._stream.start_tls(ssl_context, server_hostname, left_s))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
