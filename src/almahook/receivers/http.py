"""uvicorn's HTTP protocol, with bounds of our own, and a short way for Alma's requests.

uvicorn waits for the end of a head for ever and keeps all of it meanwhile, so that whoever opens
many connections and says nothing could take them all: :class:`PatientProtocol` does not.

:class:`WebhookProtocol` answers the request that Alma sends, a POST of a small body with its length
to a known profile, without the parser and without an ASGI task. Everything else goes the way of
every ASGI request. Keep-alive, pipelining and shutdown are uvicorn's in both.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache, partial
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from almahook.errors import AlmaHookError, InboxError, SlowBodyError
from almahook.protocol import Accepted, Endpoint, Refused, Request, Response, answer, reply
from almahook.protocol.reply import Result
from almahook.receivers.glance import Glancer, request_line
from almahook.receivers.head import Head
from almahook.receivers.reception import Reception, failed, log, not_stored

HEAD_TIMEOUT_S = 10.0
MAX_HEAD_BYTES = 256 * 1024
# What is longer does not wait to be read.
_LONGEST_WAITING = 128 * 1024
_REFUSED_TOGETHER_S = 0.005


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


class ShortWay:
    """What the connections of one listener share.

    Args:
        reception: Decides nothing by the protocol's own rules, but keeps and counts.
        body_timeout_s: A body that takes longer is cut off.
    """

    def __init__(self, reception: Reception, *, body_timeout_s: float) -> None:
        self.reception = reception
        self.body_timeout_s = body_timeout_s
        self.glancer = Glancer(_request_lines(reception.endpoints))
        self._last: tuple[Response | None, object, bytes] = (None, None, b"")
        self._waiting: list[WebhookProtocol] = []
        self._refused: list[tuple[Exchange, Refused]] = []

    def let_wait(self, protocol: "WebhookProtocol") -> None:
        """Read what this connection has brought when this round of the loop has brought all."""
        if not self._waiting:
            protocol.loop.call_soon(self._read_all)
        self._waiting.append(protocol)

    def answer_later(self, exchange: "Exchange", refused: Refused) -> None:
        """Answer a refused request together with the others of the next milliseconds.

        Each alone would take the event loop as long as a message that is stored, so that whoever
        sends wrong signatures could take half of it.
        """
        if not self._refused:
            exchange.loop.call_later(_REFUSED_TOGETHER_S, self._answer_refused)
        self._refused.append((exchange, refused))

    def _answer_refused(self) -> None:
        together, self._refused = self._refused, []
        for exchange, refused in together:
            self._do(partial(exchange.answer, refused), exchange.transport)

    def _read_all(self) -> None:
        waiting, self._waiting = self._waiting, []
        for protocol in waiting:
            self._do(protocol.read_waiting, protocol.transport)

    def _do(self, work: Callable[[], None], transport: asyncio.Transport) -> None:
        """Do the work of one connection: what goes wrong there must not stop the others."""
        try:
            work()
        except Exception as error:  # noqa: BLE001 - an event loop, too, ends a connection by it
            failed(error)
            transport.abort()

    def encode(
        self, response: Response, own: Sequence[tuple[bytes, bytes]], *, keep_alive: bool
    ) -> bytes:
        """Write a response as it is sent, with uvicorn's own headers.

        These are the date, and another list each second.
        """
        last, its_own, encoded = self._last
        if response is last and own is its_own and keep_alive:
            return encoded
        encoded = _encode(response, own, keep_alive=keep_alive)
        if keep_alive:
            self._last = (response, own, encoded)
        return encoded


class WebhookProtocol(PatientProtocol):
    """Answers Alma's requests as soon as they are read.

    Args:
        short_way: What all connections share.
        given: What uvicorn gives to every protocol.
    """

    def __init__(self, short_way: "ShortWay", **given: Any) -> None:
        super().__init__(**given)
        self.short_way = short_way
        # Whether the parser is between two requests, so that a request may pass it by.
        self._is_between = True
        self._unfinished: Exchange | None = None
        self._waiting = b""
        self._rests_since = 0.0

    def data_received(self, data: bytes) -> None:
        """Read what has come once all has come that this round of the loop brings.

        A system call between two requests makes reading them take twice as long: it leaves the
        processor's caches full of other things.
        """
        if self._waiting or len(data) > _LONGEST_WAITING:
            # So much is seldom; it is read at once, so that what is kept stays bounded.
            data, self._waiting = self._waiting + data, b""
            self._read(data)
        else:
            self._waiting = data
            self.short_way.let_wait(self)

    def read_waiting(self) -> None:
        """Read what has come in this round."""
        data, self._waiting = self._waiting, b""
        if data and not self.transport.is_closing():
            self._read(data)

    def shutdown(self) -> None:
        """Close the connection, once what has come on it is answered."""
        self.read_waiting()
        super().shutdown()

    def _read(self, data: bytes) -> None:
        """Take the short way with a request that is plain, and give all else to the parser."""
        if self._unfinished is not None:
            data = self._fill(self._unfinished, data)
        elif self._is_between and self._is_free():
            data = self._look_at(data)
        if data:
            super().data_received(data)
            self._is_between = self._has_ended and not self._is_in_head

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a request that did not come to its end."""
        super().connection_lost(exc)
        if self._unfinished is not None:
            self._unfinished.give_up()

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has rested long enough."""
        is_busy = self._waiting or self._is_answering()
        rested_s = 0.0 if is_busy else self.loop.time() - self._rests_since
        left_s = self.timeout_keep_alive - rested_s
        if left_s > 0:
            again = self.timeout_keep_alive_handler
            self.timeout_keep_alive_task = self.loop.call_later(left_s, again)
        else:
            super().timeout_keep_alive_handler()

    def on_short_response(self) -> None:
        """Do what uvicorn does after a response; but set no timer anew for each."""
        self._rests_since = self.loop.time()
        if self.pipeline or self.flow.read_paused or self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1

    def _is_free(self) -> bool:
        return not (self._is_answering() or self.flow.write_paused or self.transport.is_closing())

    def _look_at(self, data: bytes) -> bytes:
        """Take the request that the data begin with, if it is plain; return what is left."""
        seen = self.short_way.glancer.glance(data)
        if seen is None:
            return data
        endpoint, head, body_from = seen
        # What is too large is refused by its head, before its body is sent.
        if head.announced > endpoint.max_body_bytes:
            return data
        if self._timer is not None:
            self._stop_waiting()
        exchange = Exchange(self, endpoint, head)
        # It has all that uvicorn's protocol asks of a cycle.
        self.cycle = exchange  # type: ignore[assignment]
        return self._fill(exchange, data[body_from:])

    def _fill(self, exchange: "Exchange", data: bytes) -> bytes:
        """Give a request its body, or the part that has come; return what is left."""
        missing = exchange.missing
        if len(data) < missing:
            exchange.body += data
            self._unfinished = exchange
            exchange.wait(self.short_way.body_timeout_s)
            return b""
        self._unfinished = None
        exchange.complete(data[:missing])
        return data[missing:]


class _NoEvent:
    def set(self) -> None:
        """Nobody waits for the parts of the body."""


_NOBODY_WAITS = _NoEvent()


class Exchange:
    """One request and its answer, in place of uvicorn's cycle."""

    __slots__ = (
        *("body", "disconnected", "keep_alive", "more_body", "response_complete"),
        *("_endpoint", "_head", "_protocol", "_reception", "_started", "_timer"),
    )

    message_event = _NOBODY_WAITS

    def __init__(self, protocol: WebhookProtocol, endpoint: Endpoint, head: Head) -> None:
        # These, and the one above, are what uvicorn's protocol reads and writes.
        self.body = b""
        self.more_body = True
        self.disconnected = False
        self.response_complete = False
        self.keep_alive = True
        self._protocol = protocol
        self._reception = protocol.short_way.reception
        self._endpoint = endpoint
        self._head = head
        self._timer: asyncio.TimerHandle | None = None
        self._started = 0.0

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where its connection is served."""
        return self._protocol.loop

    @property
    def transport(self) -> asyncio.Transport:
        """What its answer is written to."""
        return self._protocol.transport

    @property
    def missing(self) -> int:
        """How many bytes of the body have not come."""
        return self._head.announced - len(self.body)

    def wait(self, timeout_s: float) -> None:
        """Wait for the rest of the body so long, from the first time on."""
        if self._timer is None:
            self._timer = self._protocol.loop.call_later(timeout_s, self._cut_off)

    def complete(self, rest: bytes) -> None:
        """Decide, and store what is accepted; an error of our own becomes a 503."""
        self._end_body()
        self._started = self._reception.ports.clock()
        try:
            result = self._decide(self._request(self.body + rest))
        except Exception as error:  # noqa: BLE001 - the connection must not end without an answer
            result = failed(error)
        if isinstance(result, Refused):
            self._protocol.short_way.answer_later(self, result)
        elif result is not None:
            self.answer(result)

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
        reception = self._reception
        outcome = answer(request, endpoint=self._endpoint)
        if not isinstance(outcome, Accepted):
            reception.note(outcome, request, self._endpoint.profile, self._started)
            return outcome
        try:
            reception.ports.store(outcome, self._started, self._stored, self._protocol.loop)
        except InboxError as error:
            return not_stored(error)
        return None

    def _stored(self, result: Result) -> None:
        self.answer(not_stored(result) if isinstance(result, AlmaHookError) else result)

    def answer(self, result: Result) -> None:
        """Count the request by its result, and send the response."""
        reception = self._reception
        reception.count(result, self._endpoint.profile, self._started)
        self._write(reply(result, mode=reception.mode))

    def _cut_off(self) -> None:
        if self.response_complete or self.disconnected:
            return
        self.keep_alive = False
        self._end_body()
        profile = self._endpoint.profile
        announced = self._head.announced
        reception = self._reception
        result = reception.turn_away(SlowBodyError(), self._request(b""), profile, announced)
        self._write(reply(result, mode=reception.mode))

    def _request(self, body: bytes) -> Request:
        return Request(
            method="POST",
            signature=self._head.signature,
            body=body,
            content_type=self._head.content_type,
        )

    def _write(self, response: Response) -> None:
        protocol = self._protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        self.response_complete = True
        own = protocol.server_state.default_headers
        encoded = protocol.short_way.encode(response, own, keep_alive=self.keep_alive)
        protocol.transport.write(encoded)
        if not self.keep_alive:
            protocol.transport.close()
        protocol.on_short_response()


def _request_lines(endpoints: Mapping[str, Endpoint]) -> Mapping[bytes, Endpoint]:
    return {request_line(f"/webhooks/{name}"): one for name, one in endpoints.items()}


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
