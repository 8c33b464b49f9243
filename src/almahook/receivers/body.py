"""Reading a request body from ASGI within its limits of size, time and memory."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from almahook.errors import BodyTooLargeError, MissingBodyError, OverloadedError, SlowBodyError

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# How much of a refused upload is still read, so that its sender gets to see the refusal.
_DRAIN_BYTES = 64 * 1024 * 1024
_DRAIN_S = 5.0


class ClientGoneError(Exception):
    """The client hung up before its request was complete."""


class BodyReader:
    """Reads bodies, and bounds what all of them together hold in memory.

    Args:
        max_bytes: A larger body is refused while it is still arriving.
        timeout_s: A body that takes longer is cut off.
        max_held_bytes: When the bodies in hand hold so much, those that arrive in pieces are put
            off. One that arrived in one piece is small and here already, and is never put off:
            a few slow senders cannot keep everybody else out.
    """

    def __init__(
        self, *, max_bytes: int, timeout_s: float, max_held_bytes: int = 256 * 1024 * 1024
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._max_held_bytes = max_held_bytes
        self._held = 0

    async def read(self, receive: Receive, *, announced: int) -> bytes:
        """Read one body, which counts as held until it is given to ``release``.

        Args:
            receive: Of the ASGI request.
            announced: What the Content-Length header says; 0 when it says nothing.

        Raises:
            BodyTooLargeError: It is larger than the limit, or says that it will be.
            SlowBodyError: It did not arrive in time.
            MissingBodyError: It was announced, and did not arrive.
            OverloadedError: Too much is being read at once.
            ClientGoneError: The client hung up.
        """
        if announced > self._max_bytes:
            raise BodyTooLargeError
        try:
            async with asyncio.timeout(self._timeout_s):
                message = _present(await receive())
                if message.get("more_body", False):
                    return await self._rest(receive, message.get("body", b""))
        except TimeoutError:
            raise SlowBodyError from None
        # Nearly every body arrives in one piece.
        body: bytes = message.get("body", b"")
        self._require_whole(len(body), announced)
        self._held += len(body)
        return body

    def release(self, body: bytes) -> None:
        """Let go of a body that was read."""
        self._held -= len(body)

    async def _rest(self, receive: Receive, start: bytes) -> bytes:
        parts: list[bytes] = []
        size = 0
        part, more = start, True
        try:
            while True:
                parts.append(part)
                size += len(part)
                self._held += len(part)
                self._require_room(size)
                if not more:
                    return b"".join(parts)
                message = _present(await receive())
                part, more = message.get("body", b""), message.get("more_body", False)
        except BaseException:
            self._held -= size
            raise

    def _require_whole(self, size: int, announced: int) -> None:
        if size > self._max_bytes:
            raise BodyTooLargeError
        # Some servers drop the body of a request that asks for another protocol (Upgrade: h2c).
        if announced and not size:
            raise MissingBodyError

    def _require_room(self, size: int) -> None:
        if size > self._max_bytes:
            raise BodyTooLargeError
        if self._held > self._max_held_bytes:
            raise OverloadedError


async def drain(receive: Receive) -> None:
    """Read on and throw away, within bounds, until the upload ends or its sender hangs up."""
    left = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_S):
            while left > 0:
                message = _present(await receive())
                left -= len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except (TimeoutError, ClientGoneError):
        return


def _present(message: Message) -> Message:
    if message["type"] == "http.disconnect":
        raise ClientGoneError
    return message
