"""The standalone server, on the event loop that it runs on."""

import asyncio
import socket
from contextlib import ExitStack

import uvloop

from almahook.app import Listener
from almahook.app.server import Server
from almahook.handlers import Registry
from listening import make_settings

MANY = 64
ROUNDS = 10


def test_of_many_that_connect_at_once_the_last_does_not_wait_for_a_round_of_the_loop_for_each(
    tmp_path,
):
    async def connected() -> int:
        server = Server(Listener(make_settings(tmp_path), registry=Registry()))
        with (
            socket.create_server(("127.0.0.1", 0), backlog=MANY) as listening,
            ExitStack() as stack,
        ):
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:  # noqa: ASYNC110 - it tells nobody
                await asyncio.sleep(0)
            for _ in range(MANY):
                stack.enter_context(socket.create_connection(listening.getsockname()))
            for _ in range(ROUNDS):
                await asyncio.sleep(0)
            number = len(server.server_state.connections)
            server.should_exit = True
            await serving
        return number

    assert uvloop.run(connected()) == MANY
