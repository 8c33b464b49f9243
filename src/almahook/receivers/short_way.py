"""What the connections of one listener share: requests are read, stored and answered in rounds.

A round is what one turn of the event loop brings. A system call, or another thread that is woken
up, leaves the processor's caches full of other things: doing one thing for all requests of a round
takes half as long as doing it between two of them.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache, partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from almahook.errors import AlmaHookError, InboxError, OverloadedError, SlowBodyError
from almahook.protocol import Accepted, Challenged, Endpoint, Refused, Response, answer, reply
from almahook.protocol.reply import Result
from almahook.receivers.exchange import Exchange
from almahook.receivers.glance import Glancer, request_line
from almahook.receivers.reception import Reception, failed, not_stored

if TYPE_CHECKING:
    from almahook.receivers.http import WebhookProtocol

_REFUSED_TOGETHER_S = 0.005


class ShortWay:
    """Decides nothing by itself: the protocol decides, and the reception keeps and counts.

    Args:
        reception: What does not depend on how HTTP is spoken.
        body_timeout_s: A body that takes longer is cut off.
    """

    def __init__(self, reception: Reception, *, body_timeout_s: float) -> None:
        self.body_timeout_s = body_timeout_s
        self.glancer = Glancer(_request_lines(reception.endpoints))
        self._reception = reception
        self._last: tuple[Response | None, object, bytes] = (None, None, b"")
        self._waiting: list[WebhookProtocol] = []
        self._refused: list[tuple[Exchange, Challenged | Refused]] = []

    def let_wait(self, protocol: "WebhookProtocol") -> None:
        """Read what this connection has brought when this round has brought all."""
        if not self._waiting:
            protocol.loop.call_soon(self._end_round)
        self._waiting.append(protocol)

    def take(self, exchanges: Sequence[Exchange]) -> None:
        """Decide what requests mean that have come whole; store what is accepted."""
        now = self._reception.ports.clock()
        accepted: list[Exchange] = []
        messages: list[Accepted] = []
        for exchange in exchanges:
            try:
                outcome = self._decide(exchange, now)
            except Exception as error:  # noqa: BLE001 - no request may stay without an answer
                self._tell([exchange], now, [failed(error)])
                continue
            if isinstance(outcome, Accepted):
                accepted.append(exchange)
                messages.append(outcome)
            else:
                self._answer_later(exchange, outcome)
        if accepted:
            # By then more may have come: each hand-over wakes the writer, who takes Python's lock.
            accepted[0].loop.call_soon(self._store, accepted, messages, now)

    def cut_off(self, exchange: Exchange) -> None:
        """Answer a request whose body did not come in time."""
        reception = self._reception
        request, announced = exchange.request(), exchange.seen.announced
        result = reception.turn_away(SlowBodyError(), request, exchange.profile, announced)
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

    def _decide(self, exchange: Exchange, now: float) -> Accepted | Challenged | Refused:
        request = exchange.request()
        outcome = answer(request, endpoint=exchange.seen.target)
        if not isinstance(outcome, Accepted):
            self._reception.note(outcome, request, exchange.profile, now)
        return outcome

    def _store(
        self, exchanges: Sequence[Exchange], messages: Sequence[Accepted], now: float
    ) -> None:
        """Store messages, and answer as soon as they are."""
        told = partial(self._tell, exchanges, now)
        try:
            taken = self._reception.ports.store(messages, now, told, exchanges[0].loop)
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
        told = [*zip(exchanges, map(_told, results), strict=False)]
        counted = [(exchange.profile, result) for exchange, result in told]
        # Nearly always these are all the same.
        for one in {*counted}:
            profile, result = one
            self._reception.count(result, profile, started, counted.count(one))
        self._answer(told)

    def _answer_later(self, exchange: Exchange, outcome: Challenged | Refused) -> None:
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
            self._reception.count(result, exchange.profile, now)
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


def _told(result: Result) -> Result:
    return not_stored(result) if isinstance(result, AlmaHookError) else result


def _end(protocol: "WebhookProtocol", error: Exception) -> None:
    """End a connection by what went wrong on it, which must not stop the others."""
    failed(error)
    protocol.transport.abort()


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
