"""What the connections of one listener share: requests are read, stored and answered in rounds.

A round is what one turn of the event loop brings, or 32 requests of it. A system call, or another
thread that is woken up, leaves the processor's caches full of other things: doing one thing for all
requests of a round takes half as long as doing it between two of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from almahook.errors import (
    AlmaHookError,
    InboxError,
    OverloadedError,
    RefusalError,
    SlowBodyError,
)
from almahook.protocol import Accepted, Endpoint, Refused, Response, reply
from almahook.protocol.answering import accept
from almahook.protocol.decision import refused
from almahook.protocol.reply import Result
from almahook.receivers.exchange import Exchange
from almahook.receivers.glance import MAX_GLANCE_BODY_BYTES, Glancer, request_line
from almahook.receivers.reception import Reception, failed, not_stored

if TYPE_CHECKING:
    from almahook.receivers.http import WebhookProtocol

# A round ends early: what it has brought is written while the rest of the turn is read.
_LONGEST_ROUND = 32
_REFUSED_TOGETHER_S = 0.005


class ShortWay:
    """Decides nothing by itself: the protocol decides, and the reception keeps and counts.

    Args:
        reception: What does not depend on how HTTP is spoken.
        body_timeout_s: A body that takes longer is cut off.
    """

    def __init__(self, reception: Reception, *, body_timeout_s: float) -> None:
        self.body_timeout_s = body_timeout_s
        self.glancer = _glancer(reception.endpoints)
        self._reception = reception
        self._last: tuple[Response | None, object, bytes] = (None, None, b"")
        self._waiting: list[WebhookProtocol] = []
        self._refused: list[tuple[Exchange, Refused]] = []

    def let_wait(self, protocol: "WebhookProtocol") -> None:
        """Read what this connection has brought when this round ends."""
        if not self._waiting:
            protocol.loop.call_soon(self._end_round)
        self._waiting.append(protocol)
        if len(self._waiting) == _LONGEST_ROUND:
            self._end_round()

    def take(self, exchanges: Sequence[Exchange]) -> None:
        """Decide what requests mean that have come whole; store what is accepted."""
        now = self._reception.ports.clock()
        taken: list[Exchange] = []
        accepted: list[Accepted] = []
        for exchange in exchanges:
            try:
                message = self._accept(exchange, now)
            except Exception as error:  # noqa: BLE001 - no request may stay without an answer
                self._tell([exchange], now, [failed(error)])
                continue
            if message is not None:
                taken.append(exchange)
                accepted.append(message)
        if taken:
            self._store(taken, accepted, now)

    def cut_off(self, exchange: Exchange, announced: int) -> None:
        """Answer a request whose body, of so many bytes, did not come in time."""
        reception = self._reception
        request, profile = exchange.request(), exchange.endpoint.profile
        result = reception.turn_away(SlowBodyError(), request, profile, announced)
        exchange.send(reply(result, mode=reception.mode))

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

    def _end_round(self) -> None:
        waiting, self._waiting = self._waiting, []
        complete: list[Exchange] = []
        for protocol in waiting:
            try:
                exchange = protocol.read_waiting()
            except Exception as error:  # noqa: BLE001 - an event loop, too, ends a connection by it
                _end(protocol, error)
            else:
                if exchange is not None:
                    complete.append(exchange)
        if complete:
            self.take(complete)

    def _accept(self, exchange: Exchange, now: float) -> Accepted | None:
        """Return the message that was posted; None if it is refused."""
        endpoint = exchange.endpoint
        try:
            return accept(
                exchange.body,
                signature=exchange.signature,
                content_type=exchange.content_type,
                endpoint=endpoint,
                received_at=now,
            )
        except RefusalError as error:
            outcome = refused(error, endpoint)
            self._reception.note(outcome, exchange.request(), endpoint.profile, now)
            self._answer_later(exchange, outcome)
            return None
        finally:
            # It lives until the next request of its connection.
            exchange.body = b""

    def _store(
        self, exchanges: Sequence[Exchange], messages: Sequence[Accepted], now: float
    ) -> None:
        """Store messages, and answer as soon as they are."""
        told = partial(self._tell, exchanges, now)
        try:
            taken = self._reception.ports.store(messages, told, exchanges[0].loop)
        except InboxError as error:
            self._tell(exchanges, now, [error] * len(exchanges))
            return
        left = exchanges[taken:]
        if left:
            self._tell(left, now, [OverloadedError()] * len(left))

    def _tell(
        self, exchanges: Sequence[Exchange], started: float, results: Sequence[Result]
    ) -> None:
        """Answer messages by how they were stored; these are the first of the exchanges."""
        results = [not_stored(one) if isinstance(one, AlmaHookError) else one for one in results]
        told = [*zip(exchanges, results, strict=False)]
        counted = [(exchange.endpoint.profile, result) for exchange, result in told]
        # Nearly always these are all the same.
        for one in {*counted}:
            profile, result = one
            self._reception.count(result, profile, started, counted.count(one))
        self._answer(told)

    def _answer_later(self, exchange: Exchange, outcome: Refused) -> None:
        """Answer a refused request together with the others of the next milliseconds.

        Each alone would take the event loop as long as a message that is stored, so that whoever
        sends wrong signatures could take half of it.
        """
        if not self._refused:
            exchange.loop.call_later(_REFUSED_TOGETHER_S, self._answer_refused)
        self._refused.append((exchange, outcome))

    def _answer_refused(self) -> None:
        refused, self._refused = self._refused, []
        now = self._reception.ports.clock()
        for exchange, result in refused:
            self._reception.count(result, exchange.endpoint.profile, now)
        self._answer(refused)

    def _answer(self, results: Iterable[tuple[Exchange, Result]]) -> None:
        last: Result | None = None
        for exchange, result in results:
            if result is not last:
                response, last = reply(result, mode=self._reception.mode), result
            try:
                exchange.send(response)
            except Exception as error:  # noqa: BLE001 - the others wait for their answers
                _end(exchange.protocol, error)


def _end(protocol: "WebhookProtocol", error: Exception) -> None:
    """End a connection by what went wrong on it, which must not stop the others."""
    failed(error)
    protocol.transport.abort()


def _glancer(endpoints: Mapping[str, Endpoint]) -> Glancer[Endpoint]:
    targets = {request_line(f"/webhooks/{name}"): one for name, one in endpoints.items()}
    # What is too large is refused by its head, before its body is sent: the parser's way does that.
    smallest = min((one.max_body_bytes for one in endpoints.values()), default=0)
    return Glancer(targets, max_body_bytes=min(smallest, MAX_GLANCE_BODY_BYTES))


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
