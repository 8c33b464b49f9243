"""uvicorn's HTTP protocol, with bounds of our own, and a short way for Alma's requests.

uvicorn waits for the end of a head for ever and keeps all of it meanwhile, so that whoever opens
many connections and says nothing could take them all: :class:`PatientProtocol` does not.

:class:`WebhookProtocol` answers the request that Alma sends, a POST of a small body with its length
to a known profile, without an ASGI task. Everything else goes the way of every ASGI request. The
parser, keep-alive, pipelining and shutdown are uvicorn's in both.
"""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from almahook.errors import AlmaHookError, InboxError, SlowBodyError
from almahook.protocol import Accepted, Endpoint, Request, Response, answer, reply
from almahook.protocol.reply import Result
from almahook.receivers.head import Head
from almahook.receivers.reception import Reception, failed, log, not_stored

HEAD_TIMEOUT_S = 10.0
MAX_HEAD_BYTES = 256 * 1024

# What uvicorn buffers before it stops reading.
MAX_SHORT_BODY_BYTES = 64 * 1024

_WEBHOOKS = b"/webhooks/"


class PatientProtocol(HttpToolsProtocol):
    """Closes a connection whose next head does not come to an end."""

    _timer: asyncio.TimerHandle | None = None
    _head_bytes = 0
    _is_in_head = False
    _has_ended = False

    def connection_made(
        self,
        transport: asyncio.Transport,  # type: ignore[override]  # as narrow as uvicorn's own
    ) -> None:
        """Begin to wait for the first head."""
        super().connection_made(transport)
        self._timer = self.loop.call_later(HEAD_TIMEOUT_S, transport.close)

    def data_received(self, data: bytes) -> None:
        """Pass the data on; then see whether it ended a head, as it nearly always does."""
        self._has_ended = False
        super().data_received(data)
        if self._is_answering() or (self._has_ended and not self._is_in_head):
            if self._timer is not None or self._head_bytes:
                self._stop_waiting()
        else:
            self._wait_on(len(data))

    def on_message_begin(self) -> None:
        """Note that a head has begun."""
        self._is_in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that it has ended."""
        self._is_in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that a request has come to its end."""
        self._has_ended = True
        super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no longer."""
        self._stop_waiting()
        super().connection_lost(exc)

    def _is_answering(self) -> bool:
        # At first there is no cycle, whatever its annotation says.
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _wait_on(self, size: int) -> None:
        self._head_bytes += size
        if self._timer is None:
            self._timer = self.loop.call_later(HEAD_TIMEOUT_S, self.transport.close)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.transport.close()

    def _stop_waiting(self) -> None:
        self._head_bytes = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class WebhookProtocol(PatientProtocol):
    """Answers Alma's requests as soon as they are read.

    Args:
        reception: Decides nothing by the protocol's own rules, but keeps and counts.
        body_timeout_s: A body that takes longer is cut off.
        given: What uvicorn gives to every protocol.
    """

    def __init__(self, reception: Reception, *, body_timeout_s: float, **given: Any) -> None:
        super().__init__(**given)
        self._reception = reception
        self._body_timeout_s = body_timeout_s
        self._endpoints = _paths(reception.endpoints)

    def data_received(self, data: bytes) -> None:
        """Pass the data on; a body that has not come with its head is waited for, but not long."""
        super().data_received(data)
        exchange: object = self.cycle
        if isinstance(exchange, Exchange) and exchange.more_body:
            exchange.wait(self._body_timeout_s)

    def on_message_begin(self) -> None:
        """Begin a request without what only ASGI needs."""
        self._is_in_head = True
        self.url = b""
        self.expect_100_continue = False
        self.headers = []

    def on_headers_complete(self) -> None:
        """Take the short way where it leads to the same answer."""
        endpoint = self._endpoints.get(self.url)
        head = None if endpoint is None or self._is_special() else Head.of(self.headers)
        if endpoint is None or head is None or not _is_short(head):
            self._catch_up()
            super().on_headers_complete()
            return
        self._is_in_head = False
        # It has all that uvicorn's protocol asks of a cycle.
        self.cycle = Exchange(self, self._reception, endpoint, head)  # type: ignore[assignment]

    def on_message_complete(self) -> None:
        """Answer, if the request went the short way."""
        exchange: object = self.cycle
        if isinstance(exchange, Exchange) and exchange.more_body:
            self._has_ended = True
            exchange.complete()
        else:
            super().on_message_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a request that did not come to its end."""
        super().connection_lost(exc)
        exchange: object = self.cycle
        if isinstance(exchange, Exchange) and exchange.more_body:
            exchange.give_up()

    def _catch_up(self) -> None:
        """Make up for what was left out when the request began."""
        url, headers, expects = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expects
        # The scope has this very list.
        self.headers += headers

    def _is_special(self) -> bool:
        """Whether something else than a plain POST on a free connection is asked for."""
        parser = self.parser
        return (
            parser.get_method() != b"POST"
            or parser.get_http_version() != "1.1"
            or not parser.should_keep_alive()
            or parser.should_upgrade()
            or self.expect_100_continue
            or self.flow.write_paused
            or self._is_answering()
        )


class Exchange:
    """One request and its answer, in place of uvicorn's cycle."""

    __slots__ = (
        *("body", "disconnected", "keep_alive", "message_event", "more_body", "response_complete"),
        *("_endpoint", "_head", "_protocol", "_reception", "_started", "_timer"),
    )

    def __init__(
        self, protocol: WebhookProtocol, reception: Reception, endpoint: Endpoint, head: Head
    ) -> None:
        # These are what uvicorn's protocol reads and writes.
        self.body = bytearray()
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.keep_alive = True
        self.message_event = self
        self._protocol = protocol
        self._reception = reception
        self._endpoint = endpoint
        self._head = head
        self._timer: asyncio.TimerHandle | None = None
        self._started = 0.0

    def set(self) -> None:
        """Nobody waits for the parts of the body."""

    def wait(self, timeout_s: float) -> None:
        """Wait for the rest of the body so long."""
        if self._timer is None:
            self._timer = self._protocol.loop.call_later(timeout_s, self._cut_off)

    def complete(self) -> None:
        """Decide, and store what is accepted; an error of our own becomes a 503."""
        self._end_body()
        self._started = self._reception.ports.clock()
        try:
            result = self._decide(self._request(bytes(self.body)))
        except Exception as error:  # noqa: BLE001 - the parser would make a 400 of it
            result = failed(error)
        if result is not None:
            self._answer(result)

    def give_up(self) -> None:
        """Forget the request: its sender has hung up."""
        self._end_body()
        log.info("client.gone")

    def _end_body(self) -> None:
        self.more_body = False
        if self._timer is not None:
            self._timer.cancel()

    def _decide(self, request: Request) -> Result | None:
        """Return the result, or None when it is still to come."""
        outcome = answer(request, endpoint=self._endpoint)
        if not isinstance(outcome, Accepted):
            self._reception.note(outcome, request, self._endpoint.profile, self._started)
            return outcome
        try:
            self._reception.ports.store(outcome, self._started, self._stored)
        except InboxError as error:
            return not_stored(error)
        return None

    def _stored(self, result: Result) -> None:
        self._answer(not_stored(result) if isinstance(result, AlmaHookError) else result)

    def _answer(self, result: Result) -> None:
        self._reception.count(result, self._endpoint.profile, self._started)
        self._write(reply(result, mode=self._reception.mode))

    def _cut_off(self) -> None:
        if self.response_complete or self.disconnected:
            return
        self.keep_alive = False
        self._end_body()
        profile = self._endpoint.profile
        announced = self._head.announced
        result = self._reception.turn_away(SlowBodyError(), self._request(b""), profile, announced)
        self._write(reply(result, mode=self._reception.mode))

    def _request(self, body: bytes) -> Request:
        return Request(
            method="POST",
            signature=self._head.signature,
            body=body,
            content_type=self._head.content_type,
        )

    def _write(self, response: Response) -> None:
        if self.disconnected or self._protocol.transport.is_closing():
            return
        self.response_complete = True
        # uvicorn's own headers, which are the date.
        own = self._protocol.server_state.default_headers
        self._protocol.transport.write(_encode(response, own, keep_alive=self.keep_alive))
        if not self.keep_alive:
            self._protocol.transport.close()
        self._protocol.on_response_complete()


def _paths(endpoints: Mapping[str, Endpoint]) -> Mapping[bytes, Endpoint]:
    return {_WEBHOOKS + name.encode("ascii"): one for name, one in endpoints.items()}


def _is_short(head: Head) -> bool:
    return 0 < head.announced <= MAX_SHORT_BODY_BYTES and not head.is_chunked


def _encode(response: Response, own: Sequence[tuple[bytes, bytes]], *, keep_alive: bool) -> bytes:
    headers = tuple(response.headers.items())
    first, rest = _head(response.status, headers, len(response.body), keep_alive)
    lines = [b"%s: %s\r\n" % header for header in own]
    return b"".join([first, *lines, rest, response.body])


@lru_cache(maxsize=256)
def _head(
    status: int, headers: tuple[tuple[str, str], ...], length: int, keep_alive: bool
) -> tuple[bytes, bytes]:
    """Write the status line, and the lines that follow uvicorn's own."""
    first = f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n"
    lines = [f"{name}: {value}" for name, value in headers]
    lines += [f"content-length: {length}"]
    lines += [] if keep_alive else ["connection: close"]
    return first.encode("ascii"), "\r\n".join([*lines, "", ""]).encode("latin-1")
