"""Durable acknowledgement: verify, store, answer 200."""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import count
from pathlib import Path

from bench.bench import Bench
from bench.figures import BenchError
from bench.servers import SERVERS, Server
from bench.serving import Serving, require_right, serving
from bench.spooled import uncounted_bytes
from bench.targets import COMPARED
from bench.usage import Usage
from bench.wrk import Load, load

NAME = "ack"
_OURS = "almahook"


def run(bench: Bench) -> None:
    """Measure all servers in turns."""
    turns = count()
    for _ in range(bench.scale.rounds):
        for connections in bench.scale.connections:
            with_others = connections in bench.scale.every_server_at
            for names in _together(bench.scale.pairs) if with_others else [[_OURS]]:
                turn = next(turns)
                for name in names:
                    _attempt(bench, name, connections, turn)


def _together(pairs: int) -> Iterator[Sequence[str]]:
    """Say which servers stand next to each other."""
    yield [name for name in SERVERS if name not in COMPARED]
    for number in range(pairs):
        # Neither has always the machine that the other has left.
        yield from ([_OURS, peer] if number % 2 == 0 else [peer, _OURS] for peer in COMPARED)


def _attempt(bench: Bench, name: str, connections: int, turn: int) -> None:
    measured = partial(measure, bench, SERVERS[name], connections)
    bench.attempt(NAME, name, f"{connections} connections", turn, measured)


def measure(bench: Bench, server: Server, connections: int, folder: Path) -> Mapping[str, float]:
    """Load one server."""
    new, forged = bench.new(server.sign), bench.forged(server.sign)
    with serving(server, folder) as running:
        stored = require_right(running, new, forged)
        send = partial(load, running.port, new, connections=connections)
        warm = send(seconds=bench.warm_s)
        before = running.rest()
        got = send(seconds=bench.scale.seconds, first=warm.taken)
        used = running.rest()
        require_answered(got)
        if server.stores:
            require_stored(running, stored + warm.accepted + got.accepted, 2 * connections)
            if got.rounds or warm.rounds:
                raise BenchError("there were too few requests: some were sent twice")
    return values(got, before, used, uncounted_bytes(server, new.read(0)))


def require_answered(got: Load) -> None:
    """Refuse figures that errors are part of.

    Raises:
        BenchError: Not all was answered with 200.
    """
    if got.refused or got.broken or not got.answered:
        raise BenchError(
            f"of {got.answered} answers {got.refused} were no 200, and {got.broken} came not at all"
        )


def require_stored(running: Serving, accepted: int, under_way: int) -> None:
    """Compare what was answered 200 with what is stored; some are under way when a load ends.

    Raises:
        BenchError: Something is missing, or was kept twice.
    """
    stored, different = running.stored()
    if stored != different:
        raise BenchError(f"of {stored} stored events {stored - different} were there already")
    if not accepted <= stored <= accepted + under_way:
        raise BenchError(f"{accepted} events were answered 200, and {stored} are stored")


def values(got: Load, before: Usage, after: Usage, uncounted_bytes: int = 0) -> dict[str, float]:
    """Say what a request cost.

    Args:
        uncounted_bytes: What was written for each beside what the processes are known to have.
    """
    written_bytes = (after.written_bytes - before.written_bytes) / got.answered
    return {
        "per_second": got.answered / got.seconds,
        "p50_ms": got.p50_ms,
        "p99_ms": got.p99_ms,
        "p999_ms": got.p999_ms,
        "cpu_us": (after.cpu_s - before.cpu_s) / got.answered * 1e6,
        "written_bytes": written_bytes + uncounted_bytes,
        "resident_mb": after.resident_bytes / 2**20,
        "generator_us": got.generator_cpu_s / got.answered * 1e6,
    }
