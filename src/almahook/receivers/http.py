"""uvicorn's HTTP protocol, with a short way for Alma's requests.

The request that Alma sends, a POST of a small body with its length to a known profile, is answered
without the parser and without an ASGI task. Everything else goes the way of every ASGI request.
Keep-alive, pipelining and shutdown are uvicorn's in both.
"""

import logging
from typing import Any

from almahook.protocol import Endpoint, Response
from almahook.receivers.exchange import Exchange
from almahook.receivers.patient import PatientProtocol
from almahook.receivers.short_way import ShortWay

# What is longer does not wait to be read.
_LONGEST_WAITING = 128 * 1024

log = logging.getLogger("almahook.receiver")


class WebhookProtocol(PatientProtocol):
    """Reads Alma's requests, and lets them be answered.

    Args:
        short_way: What all connections share.
        given: What uvicorn gives to every protocol.
    """

    def __init__(self, short_way: ShortWay, **given: Any) -> None:
        super().__init__(**given)
        self.short_way = short_way
        # Whether the parser is between two requests, so that a request may pass it by.
        self._is_between = True
        self._unfinished: Exchange | None = None
        self._waiting = b""
        self._rests_since = 0.0

    def data_received(self, data: bytes) -> None:
        """Read what has come once all has come that this round of the loop brings."""
        if self._waiting or len(data) > _LONGEST_WAITING:
            # So much is seldom; it is read at once, so that what is kept stays bounded.
            data, self._waiting = self._waiting + data, b""
            self._take(self._read(data))
        else:
            self._waiting = data
            self.short_way.let_wait(self)

    def read_waiting(self) -> Exchange | None:
        """Read what has come in this round; return the request that has come whole by it."""
        data, self._waiting = self._waiting, b""
        if not data or self.transport.is_closing():
            return None
        whole = self.short_way.glancer.recognise(data) if self._is_free() else None
        return self._read(data) if whole is None else self._begin(*whole)

    def shutdown(self) -> None:
        """Close the connection, once what has come on it is answered."""
        self._take(self.read_waiting())
        super().shutdown()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of a request that did not come to its end."""
        super().connection_lost(exc)
        if self._unfinished is not None:
            self._unfinished.give_up()
            log.info("client.gone")

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

    def send(self, response: Response, *, keep_alive: bool) -> None:
        """Send the response of a request that has taken the short way."""
        own = self.server_state.default_headers
        self.transport.write(self.short_way.encode(response, own, keep_alive=keep_alive))
        if not keep_alive:
            self.transport.close()
        self._rests_since = self.loop.time()
        # What uvicorn does after a response; but no timer is set anew for each.
        if self.pipeline or self.flow.read_paused or self.timeout_keep_alive_task is None:
            self.on_response_complete()
        else:
            self.server_state.total_requests += 1

    def _take(self, exchange: Exchange | None) -> None:
        if exchange is not None:
            self.short_way.take([exchange])

    def _read(self, data: bytes) -> Exchange | None:
        """Take the short way with a request that is plain, and give all else to the parser."""
        exchange = self._unfinished
        if exchange is None:
            seen = self.short_way.glancer.glance(data) if self._is_free() else None
            if seen is None:
                self._parse(data)
                return None
            exchange = self._begin(seen.target, seen.signature, seen.content_type, b"")
            exchange.expect(seen.announced)
            data = data[seen.body_from :]
        left = exchange.fill(data)
        if left is None:
            self._unfinished = exchange
            exchange.wait(self.short_way.body_timeout_s)
            return None
        self._unfinished = None
        if left:
            self._parse(left)
        return exchange

    def _parse(self, data: bytes) -> None:
        super().data_received(data)
        self._is_between = self._has_ended and not self._is_in_head

    def _is_free(self) -> bool:
        """Say whether a request may begin; one that is unfinished waits for its answer too."""
        return self._is_between and not (self._is_answering() or self.flow.write_paused)

    def _begin(
        self, endpoint: Endpoint, signature: bytes, content_type: str, body: bytes
    ) -> Exchange:
        """Begin a request whose head is plain."""
        if self._timer is not None:
            self._stop_waiting()
        exchange = Exchange(self, endpoint, signature, content_type, body)
        # It has all that uvicorn's protocol asks of a cycle.
        self.cycle = exchange  # type: ignore[assignment]
        return exchange
