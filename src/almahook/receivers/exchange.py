"""One request that takes the short way, and its answer."""

import asyncio
from typing import TYPE_CHECKING

from almahook.protocol import Endpoint, Request, Response
from almahook.receivers.glance import Glance

if TYPE_CHECKING:
    from almahook.receivers.http import WebhookProtocol


class _NoEvent:
    def set(self) -> None:
        """Nobody waits for the parts of the body."""


class Exchange:
    """It stands where uvicorn's protocol has its cycle.

    Args:
        protocol: The connection.
        seen: What its head says.
    """

    # These are what uvicorn's protocol reads and writes.
    message_event = _NoEvent()
    body = b""
    more_body = True
    disconnected = False
    response_complete = False
    keep_alive = True

    _timer: asyncio.TimerHandle | None = None

    def __init__(self, protocol: "WebhookProtocol", seen: Glance[Endpoint]) -> None:
        self.protocol = protocol
        self.seen = seen

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """Where its connection is served."""
        return self.protocol.loop

    @property
    def profile(self) -> str:
        """The profile that it is for."""
        return self.seen.target.profile

    def fill(self, data: bytes) -> bytes | None:
        """Take what the body lacks out of the data; return what is left, None if it lacks more."""
        missing = self.seen.announced - len(self.body)
        if len(data) < missing:
            self.body += data
            return None
        self.body += data[:missing]
        self.more_body = False
        if self._timer is not None:
            self._timer.cancel()
        return data[missing:]

    def wait(self, timeout_s: float) -> None:
        """Wait for the rest of the body so long, from the first time on."""
        if self._timer is None:
            self._timer = self.loop.call_later(timeout_s, self._cut_off)

    def give_up(self) -> None:
        """Wait for nothing more."""
        self.more_body = False
        if self._timer is not None:
            self._timer.cancel()

    def request(self) -> Request:
        """Say what was asked, as every host does, and let go of the body."""
        body, self.body = self.body, b""
        return Request(
            method="POST",
            signature=self.seen.signature,
            body=body,
            content_type=self.seen.content_type,
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
        self.protocol.short_way.cut_off(self)
