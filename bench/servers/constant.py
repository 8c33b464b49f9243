"""Says 200 to whatever ends a request, verifies and stores nothing: the generator's own limit."""

import asyncio
from pathlib import Path
from typing import cast

import uvloop


class Constant(asyncio.Protocol):
    """Counts the bytes of a request, and answers."""

    _REPLY = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are no subclasses of asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._left = 0

    def data_received(self, data: bytes) -> None:
        if self._left <= 0:
            head, _, body = data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            self._left = length - len(body)
        else:
            self._left -= len(data)
        if self._left <= 0:
            self._transport.write(self._REPLY)


def serve(port: int, _folder: Path) -> None:
    """Run it."""

    async def forever() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(Constant, "127.0.0.1", port)
        await server.serve_forever()

    uvloop.run(forever())
