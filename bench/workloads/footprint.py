"""What it takes to be there: from the start to the first 200, memory, and idle CPU."""

import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from bench.bench import Bench
from bench.engines import ENGINES
from bench.engining import Setting, ready
from bench.message import Requests
from bench.process import free_port, wait_until
from bench.servers import SERVERS, Server
from bench.serving import answer, serving
from bench.usage import Usage

NAME = "footprint"
CONDITION = "idle"
_PEERS = ("fastapi-sqlite", "fastapi-postgres")
_SETTLE_S = 1.0


def run(bench: Bench) -> None:
    """Measure in turns."""
    for turn in range(bench.scale.rounds):
        bench.attempt(NAME, "almahook", CONDITION, turn, partial(listener, bench))
        for name in _PEERS if not turn or bench.scale.peers_in_all else ():
            measure = partial(server, bench, SERVERS[name])
            bench.attempt(NAME, name, CONDITION, turn, measure)


def listener(bench: Bench, folder: Path) -> Mapping[str, float]:
    """Start almahook with a handler and its worker."""
    new, port = bench.new(), free_port()
    with ready(ENGINES["almahook"], Setting(at_once=4), folder, BENCH_PORT=port) as made:
        began = time.monotonic()
        with made.working() as worker:
            wait_until(lambda: _answers(port, new), "answering", of=worker, log=made.log)
            start_s = time.monotonic() - began
            return {"start_s": start_s, **_idle(bench, lambda: made.usage(worker))}


def server(bench: Bench, peer: Server, folder: Path) -> Mapping[str, float]:
    """Start a peer; its database runs already."""
    new = bench.new()
    with serving(peer, folder) as running:
        wait_until(lambda: _answers(running.port, new), "answering", of=running.process)
        start_s = time.monotonic() - running.began
        return {"start_s": start_s, **_idle(bench, running.usage)}


def _answers(port: int, new: Requests) -> bool:
    with suppress(OSError):
        return answer(port, new.read(0)) == 200
    return False


def _idle(bench: Bench, usage: Callable[[], Usage]) -> dict[str, float]:
    time.sleep(_SETTLE_S)
    before = usage()
    time.sleep(bench.scale.idle_s)
    after = usage()
    return {
        "resident_mb": after.resident_bytes / 2**20,
        "idle_percent": (after.cpu_s - before.cpu_s) / bench.scale.idle_s * 100,
    }
