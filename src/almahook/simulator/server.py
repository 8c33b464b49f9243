"""uvicorn on a thread of its own."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import uvicorn

from almahook.errors import ConfigurationError

# Alma's edge speaks plain ASGI here; the types are ASGI's own.
App = Callable[..., Coroutine[Any, Any, None]]

_BACKLOG = 512
_STOP_TIMEOUT_S = 1


class _Server(uvicorn.Server):
    """Says when it listens, so that nobody has to look again and again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


class ServerThread:
    """Serves an ASGI app until it is stopped.

    Raises:
        ConfigurationError: The address cannot be listened on.
    """

    def __init__(self, app: App, *, host: str, port: int) -> None:
        self._socket = _bind(host, port)
        self.host, self.port = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            app,
            interface="asgi3",
            loop="asyncio",
            proxy_headers=False,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=_STOP_TIMEOUT_S,
        )
        self._server = _Server(config)
        self._thread = threading.Thread(target=self._run, name="alma-api", daemon=True)

    @property
    def url(self) -> str:
        """The address as a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    def start(self) -> None:
        """Return when connections are answered."""
        self._thread.start()
        self._server.listening.wait()

    def stop(self) -> None:
        """Finish what is being answered, and end."""
        if self._thread.ident is None:
            self._socket.close()
            return
        self._server.should_exit = True
        self._thread.join()

    def drop(self, client: tuple[str, int]) -> None:
        """Cut the connection of this client; to be called by the app, while it answers."""
        for connection in self._server.server_state.connections:
            transport = getattr(connection, "transport", None)
            is_it = getattr(connection, "client", None) == client
            if is_it and isinstance(transport, asyncio.WriteTransport):
                transport.abort()

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])


def _bind(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except OSError as error:
        raise ConfigurationError(
            f"Cannot listen on {host}, port {port}: {error.strerror}. Port 0 takes any free one."
        ) from error
