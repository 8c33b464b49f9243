"""Listeners that really listen: on a free port of loopback, in a thread or a process."""

import queue
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from almahook.app import Listener
from almahook.app.server import Server

WAIT_S = 30.0


@contextmanager
def served(listener: Listener) -> Iterator[str]:
    """Serve a listener as ``almahook serve`` does; say where."""
    addresses: queue.SimpleQueue[str] = queue.SimpleQueue()
    with running(Server(listener, on_ready=addresses.put)):
        yield addresses.get(timeout=WAIT_S)


@contextmanager
def mounted(app: Any, *, lifespan: str) -> Iterator[str]:
    """Serve somebody's own app; say where."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        server = uvicorn.Server(uvicorn.Config(app, lifespan=lifespan, log_config=None))
        with running(server, sockets=[listening]):
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"


@contextmanager
def running(server: uvicorn.Server, **arguments: Any) -> Iterator[None]:
    thread = threading.Thread(target=server.run, kwargs=arguments)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(WAIT_S)
        assert not thread.is_alive()
