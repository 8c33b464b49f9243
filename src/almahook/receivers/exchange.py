"""One request that takes the short way, and its answer."""

import asyncio
from typing import TYPE_CHECKING

from almahook.protocol import Endpoint, Request, Response

if TYPE_CHECKING:
    from almahook.receivers.http import WebhookProtocol


class _NoEvent:
    def set(self) -> None:
        """Nobody waits for the parts of the body."""


class Exchange:
    """It stands where uvicorn's protocol has its cycle.

    Args:
        protocol: The connection.
        endpoint: The profile that it is for.
        signature: Empty when there is none.
        content_type: The sender's claim.
        body: As far as it has come.
    """

    # These are what uvicorn's protocol reads and writes.
    message_event = _NoEvent()
    more_body = False
    disconnected = False
    response_complete = False
    keep_alive = True

    _missing = 0
    _timer: asyncio.TimerHandle | None = None

    def __init__(
        self,
        protocol: "WebhookProtocol",
        endpoint: Endpoint,
        signature: bytes,
        content_type: str,
        body: bytes,
    ) -> None:
        self.protocol = protocol
        self.endpoint = endpoint
        self.signature = signature
        self.content_type = content_type
        self.body = body

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where its connection is served."""
        return self.protocol.loop

    def expect(self, missing: int) -> None:
        """Note that the body lacks so many bytes."""
        self._missing = missing

    def wait(self, timeout_s: float) -> None:
        """Wait for them so long, from the first time on."""
        if self._timer is None:
            self._timer = self.loop.call_later(timeout_s, self._cut_off)

    def fill(self, data: bytes) -> bytes | None:
        """Take what the body lacks out of the data; return what is left, None if it lacks more."""
        taken = data[: self._missing]
        self.body += taken
        self._missing -= len(taken)
        if self._missing:
            return None
        self.give_up()
        return data[len(taken) :]

    def give_up(self) -> None:
        """Wait for nothing more."""
        if self._timer is not None:
            self._timer.cancel()

    def request(self) -> Request:
        """Say what was asked, as every host does."""
        return Request(
            method="POST",
            signature=self.signature.decode("ascii") or None,
            body=self.body,
            content_type=self.content_type,
        )

    def send(self, response: Response) -> None:
        """Send the response, unless the sender has hung up."""
        protocol = self.protocol
        if self.disconnected or protocol.transport.is_closing():
            return
        self.response_complete = True
        protocol.send(response, keep_alive=self.keep_alive)

    def _cut_off(self) -> None:
        if self.response_complete or self.disconnected:
            return
        self.keep_alive = False
        self.give_up()
        self.protocol.short_way.cut_off(self, len(self.body) + self._missing)
