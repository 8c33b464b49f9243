"""The standalone server, on the event loop that it runs on."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

import uvloop

from almahook.app import Listener
from almahook.app.server import Server
from almahook.config import Settings
from almahook.handlers import Registry
from listening import make_settings

MANY = 64
ROUNDS = 10


class NeverWaits(socket.socket):
    """What listens for several processes; the flag is not the process's, but the socket's."""

    def settimeout(self, value: float | None) -> None:
        assert value == 0
        super().settimeout(value)

    def setblocking(self, flag: bool) -> None:
        assert not flag
        super().setblocking(flag)


@asynccontextmanager
async def serving(server: Server, listening: socket.socket) -> AsyncIterator[None]:
    """Serve within a block, on the event loop that is there."""
    running = asyncio.create_task(server.serve(sockets=[listening]))
    while not (server.started or running.done()):  # noqa: ASYNC110 - it tells nobody
        await asyncio.sleep(0)
    try:
        yield
    finally:
        server.should_exit = True
        await running


def test_of_many_that_connect_at_once_the_last_does_not_wait_for_a_round_of_the_loop_for_each(
    tmp_path,
):
    async def connected() -> int:
        server = Server(Listener(make_settings(tmp_path), registry=Registry()))
        with (
            socket.create_server(("127.0.0.1", 0), backlog=MANY) as listening,
            ExitStack() as stack,
        ):
            async with serving(server, listening):
                for _ in range(MANY):
                    stack.enter_context(socket.create_connection(listening.getsockname()))
                for _ in range(ROUNDS):
                    await asyncio.sleep(0)
                return len(server.server_state.connections)

    assert uvloop.run(connected()) == MANY


def test_a_receiver_that_starts_lets_no_other_wait_for_a_connection_that_is_gone(tmp_path):
    """``dup`` sets how long the original waits, which is for ever, where another listens."""

    async def serve(settings: Settings, listening: socket.socket) -> None:
        server = Server(Listener(settings, registry=Registry()))
        async with serving(server, listening):
            assert server.started

    settings = make_settings(tmp_path, receivers=2)
    with socket.create_server(("127.0.0.1", 0)) as first:
        first.setblocking(False)
        further = NeverWaits(fileno=first.dup().detach())
        uvloop.run(serve(settings, further))
        assert not os.get_blocking(first.fileno())
