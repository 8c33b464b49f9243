"""A server that runs, and whether it answers what it should."""

import http.client
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from subprocess import Popen

from bench.figures import BenchError
from bench.message import Requests
from bench.process import ROOT, environment, free_port, listens, process, wait_until
from bench.servers import Server
from bench.service import Service, service
from bench.usage import Usage, tree_usage

_ANSWER_S = 10
# A server rests that takes less than so much of a core.
_IDLE = 0.08
_LOOK_S = 0.25
# One look can find a process that waits for its disk.
_IDLE_LOOKS = 3
_REST_S = 60


@dataclass(frozen=True, kw_only=True)
class Serving:
    """A server that runs.

    Attributes:
        log: What it says.
        began: When it was started, on the monotonic clock.
    """

    server: Server
    port: int
    folder: Path
    log: Path
    began: float
    process: Popen[bytes]
    services: list[Service]

    def usage(self) -> Usage:
        """Return what it and its database have used."""
        return tree_usage([self.process.pid, *(service.pid for service in self.services)])

    def rest(self) -> Usage:
        """Wait until nothing is left to do; return what was used by then, and the memory of before.

        What is only put off has to be paid for, too.
        """
        loaded = used = self.usage()
        until = time.monotonic() + _REST_S
        idle_looks = 0
        while idle_looks < _IDLE_LOOKS and time.monotonic() < until:
            time.sleep(_LOOK_S)
            before, used = used, self.usage()
            is_idle = used.cpu_s - before.cpu_s <= _IDLE * _LOOK_S
            idle_looks = idle_looks + 1 if is_idle else 0
        return replace(used, resident_bytes=loaded.resident_bytes)

    def stored(self) -> tuple[int, int]:
        """Count what it has stored, and how much of it differs."""
        module = import_module(f"bench.servers.{self.server.module}")
        counted: tuple[int, int] = module.stored(
            self.folder, [service.url for service in self.services]
        )
        return counted


@contextmanager
def serving(server: Server, folder: Path, **options: object) -> Iterator[Serving]:
    """Run a server until the block ends.

    Raises:
        BenchError: It is not installed, or does not start.
    """
    _require_installed(server)
    with ExitStack() as stack:
        services = [stack.enter_context(service(name, folder)) for name in server.services]
        urls = {
            f"BENCH_{name.upper()}": running.url
            for name, running in zip(server.services, services, strict=True)
        }
        port, log = free_port(), folder / "server.log"
        command = [sys.executable, "-m", "bench.servers", server.module, str(port), str(folder)]
        env = environment(**urls, **(server.options or {}), **options)
        began = time.monotonic()
        running = stack.enter_context(process(command, log=log, env=env))
        wait_until(lambda: listens(port), "listening", of=running, log=log)
        yield Serving(
            server=server,
            port=port,
            folder=folder,
            log=log,
            began=began,
            process=running,
            services=services,
        )


def _require_installed(server: Server) -> None:
    if server.program and not shutil.which(server.program):
        raise BenchError(f"{server.program} is not installed")
    modules = ROOT / ".bench" / "node" / "node_modules"
    if server.module == "express" and not (modules / "express").is_dir():
        raise BenchError("Express is not installed")


def answer(port: int, request: bytes) -> int:
    """Send one request, and return the status of its response."""
    with socket.create_connection(("127.0.0.1", port), timeout=_ANSWER_S) as connection:
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        response.read()
        return response.status


def require_right(running: Serving, new: Requests, forged: Requests) -> int:
    """Send one request twice and a forged one; return how many events are stored by that.

    Raises:
        BenchError: It answers otherwise than it should, or keeps an event twice.
    """
    signed = new.read(new.count - 1)
    answers = [answer(running.port, signed) for _ in range(2)]
    if answers != [200, 200]:
        raise BenchError(f"a signed request was answered {answers}")
    refused = running.server.refused
    if refused and (status := answer(running.port, forged.read(0))) != refused:
        raise BenchError(f"a forged request was answered {status}, not {refused}")
    if not running.server.stores:
        return 0
    if (stored := running.stored()) != (1, 1):
        raise BenchError(f"one event sent twice and a forged one are stored as {stored[0]}")
    return 1
