"""Half of all requests repeat an earlier one: all are answered 200, and each event is kept once."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.bench import Bench
from bench.figures import BenchError
from bench.servers import SERVERS, Server
from bench.serving import serving
from bench.spooled import uncounted_bytes
from bench.workloads.ack import require_answered, values
from bench.wrk import load

NAME = "duplicates"
CONNECTIONS = 64
_SERVERS = ("almahook", "fastapi-sqlite")


def run(bench: Bench) -> None:
    """Measure the servers that store, in turns."""
    for turn in range(bench.scale.rounds):
        for name in _SERVERS:
            server = SERVERS[name]
            condition = f"{CONNECTIONS} connections"
            bench.attempt(NAME, name, condition, turn, partial(measure, bench, server))


def measure(bench: Bench, server: Server, folder: Path) -> Mapping[str, float]:
    """Load one server."""
    requests = bench.half_repeated()
    with serving(server, folder) as running:
        send = partial(load, running.port, requests, connections=CONNECTIONS)
        warm = send(seconds=bench.warm_s)
        before = running.rest()
        got = send(seconds=bench.scale.seconds, first=warm.taken)
        used = running.rest()
        require_answered(got)
        stored, different = running.stored()
    if stored != different:
        raise BenchError(f"of {stored} stored events {stored - different} were there already")
    sent = warm.taken + got.taken
    # Each second one is new; an answer more or less is under way when a load ends.
    if abs(stored - sent / 2) > 2 * CONNECTIONS:
        raise BenchError(f"of {sent} requests, half of them new, {stored} are stored")
    return values(got, before, used, uncounted_bytes(server, requests.read(0)))
