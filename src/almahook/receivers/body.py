"""Reading a request body from ASGI within its limits of size, time and memory."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from almahook.errors import BodyTooLargeError, OverloadedError, SlowBodyError

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
        max_buffered_bytes: When the bodies being read hold so much, further ones are put off.
    """

    def __init__(
        self, *, max_bytes: int, timeout_s: float, max_buffered_bytes: int = 256 * 1024 * 1024
    ) -> None:
        self._max_bytes = max_bytes
        self._timeout_s = timeout_s
        self._max_buffered_bytes = max_buffered_bytes
        self._buffered = 0

    async def read(self, receive: Receive, *, declared: str) -> bytes:
        """Read one body; ``declared`` is the Content-Length header, empty when absent.

        Raises:
            BodyTooLargeError: It is larger than the limit, or says that it will be.
            SlowBodyError: It did not arrive in time.
            OverloadedError: Too much is being read at once.
            ClientGoneError: The client hung up.
        """
        if declared.isdecimal() and int(declared) > self._max_bytes:
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
        self._check(len(body))
        return body

    async def _rest(self, receive: Receive, start: bytes) -> bytes:
        parts: list[bytes] = []
        size = 0
        part, more = start, True
        try:
            while True:
                parts.append(part)
                size += len(part)
                self._buffered += len(part)
                self._check(size)
                if not more:
                    return b"".join(parts)
                message = _present(await receive())
                part, more = message.get("body", b""), message.get("more_body", False)
        finally:
            self._buffered -= size

    def _check(self, size: int) -> None:
        if size > self._max_bytes:
            raise BodyTooLargeError
        if self._buffered > self._max_buffered_bytes:
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
