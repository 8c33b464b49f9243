"""The standalone server: uvicorn around the listener."""

import asyncio
import gc
import math
import signal
import socket
from collections.abc import Callable, Sequence
from functools import partial
from types import FrameType
from typing import cast

import uvicorn

from almahook.app.receiving import ReceivingApp
from almahook.receivers.http import WebhookProtocol
from almahook.receivers.patient import PatientProtocol
from almahook.receivers.short_way import ShortWay

# Longer than the idle time-out of the usual proxies (60 s), so that they close first and never
# send a request into a connection that is just closing.
_KEEP_ALIVE_S = 75
_BACKLOG = 2048
_COLLECT_AFTER = 50_000
_CONNECTIONS_A_ROUND = 16


class Server(uvicorn.Server):
    """A listener on a port of its own, stopped by SIGINT or SIGTERM.

    Args:
        on_ready: Called with the address once the port is open.
        on_signal: Called when a signal asks it to stop.
        on_stop: Called when it begins to stop.
    """

    def __init__(
        self,
        listener: ReceivingApp,
        *,
        on_ready: Callable[[str], None] | None = None,
        on_signal: Callable[[], None] | None = None,
        on_stop: Callable[[], None] | None = None,
    ) -> None:
        settings = listener.settings
        config = uvicorn.Config(
            listener,
            host=settings.host,
            port=settings.port,
            http=_protocol(listener),
            ws="none",
            lifespan="on",
            # The log is configured once, by the command.
            log_config=None,
            access_log=False,
            server_header=False,
            # Nothing here depends on who the client is.
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            # 0 would cut off what is being answered.
            timeout_graceful_shutdown=math.ceil(settings.stop_timeout_s),
            backlog=_BACKLOG,
        )
        super().__init__(config)
        self._receivers = settings.receivers
        self._on_ready = on_ready
        self._on_signal = on_signal
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in good order."""
        if self._on_signal is not None:
            self._on_signal()
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Open the port, then say where it is."""
        _spare_collector()
        await super().startup(None if sockets is None else self._doubled(sockets))
        if self.started and self._on_ready is not None:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            self._on_ready(f"http://{f'[{host}]' if ':' in host else host}:{port}")

    def _doubled(self, sockets: Sequence[socket.socket]) -> list[socket.socket]:
        """Let the event loop listen to each socket several times.

        uvloop takes one connection from each in a round, and a round under load takes milliseconds:
        of hundreds that come at once the last would wait for seconds. Processes that share a port
        leave each other their part.
        """
        for one in sockets:
            # A double is made to wait as long as its original, and with it every process that
            # listens: of two that see the same connection, one would hang in accept().
            one.setblocking(False)
        doubles = range(1, _CONNECTIONS_A_ROUND // self._receivers)
        return [*sockets, *(one.dup() for one in sockets for _ in doubles)]

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let others know, then close the port and finish what is answered."""
        if self._on_stop is not None:
            self._on_stop()
        await super().shutdown(sockets)


class BackgroundServer(Server):
    """One that Ctrl-C is nothing to: the process that has started it says when to stop."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in good order, unless it is Ctrl-C."""
        if sig != signal.SIGINT:
            super().handle_exit(sig, frame)


def _protocol(listener: ReceivingApp) -> type[asyncio.Protocol]:
    """Choose how HTTP is spoken: in direct mode an answer takes as long as the handlers."""
    if listener.settings.mode == "direct":
        return PatientProtocol
    timeout_s = listener.settings.body_timeout_s
    make = partial(WebhookProtocol, ShortWay(listener.reception, body_timeout_s=timeout_s))
    # uvicorn only calls it.
    return cast("type[asyncio.Protocol]", make)


def _spare_collector() -> None:
    """Let the garbage collector pass over what was loaded, and run less often.

    A message is a tree of dozens of objects that is dropped whole, without a cycle in it.
    https://docs.python.org/3/library/gc.html#gc.freeze
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
