"""Wrong signatures, beside right ones at the same server: a refusal must not cost more."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.bench import Bench
from bench.figures import BenchError
from bench.servers import SERVERS, Server
from bench.serving import serving
from bench.workloads.ack import require_answered, values
from bench.wrk import load

NAME = "refusals"
CONNECTIONS = 64
_SERVERS = ("almahook", "fastapi-sqlite")


def run(bench: Bench) -> None:
    """Measure in turns."""
    for turn in range(bench.scale.rounds):
        for name in _SERVERS:
            server = SERVERS[name]
            condition = f"{CONNECTIONS} connections"
            bench.attempt(NAME, name, condition, turn, partial(measure, bench, server))


def measure(bench: Bench, server: Server, folder: Path) -> Mapping[str, float]:
    """Load one server with right requests, then with forged ones."""
    new, forged = bench.new(), bench.forged()
    seconds = bench.scale.seconds
    with serving(server, folder) as running:
        send = partial(load, running.port, connections=CONNECTIONS)
        warm = send(new, seconds=bench.warm_s)
        start = running.rest()
        accepted = send(new, seconds=seconds, first=warm.taken)
        between = running.rest()
        refused = send(forged, seconds=seconds)
        end = running.rest()
        require_answered(accepted)
    if refused.refused != refused.answered or refused.broken:
        raise BenchError(f"of {refused.answered} forged requests {refused.refused} were refused")
    acceptance, refusal = values(accepted, start, between), values(refused, between, end)
    return {
        **refusal,
        "accepted_cpu_us": acceptance["cpu_us"],
        "of_acceptance": refusal["cpu_us"] / acceptance["cpu_us"],
    }
