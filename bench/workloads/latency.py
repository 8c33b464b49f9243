"""From the moment a job is sent to the start of its handler, as a sender sees it.

With almahook that is an HTTP request, its verification and its commit too; with the others, which
have no receiver, it is the call that stores a job.
"""

from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from bench.bench import Bench
from bench.engines import ENGINES, Engine, mark
from bench.engining import Ready, Setting, ready
from bench.figures import BenchError, percentile
from bench.process import free_port, listens, process, wait_until

NAME = "latency"
_SETTING = Setting(at_once=8)
_EVERY_S = 0.05
# Under load, so many senders send so many jobs a second together.
_SENDERS = 4
_SEND_S = 60
LOAD_PER_SECOND = 500


def run(bench: Bench) -> None:
    """Measure all engines idle, and almahook under load."""
    for turn in range(bench.scale.rounds):
        for name, engine in ENGINES.items():
            if turn and name != "almahook" and not bench.scale.peers_in_all:
                continue
            bench.attempt(NAME, name, "idle", turn, partial(idle, bench, engine))
        bench.attempt(
            NAME,
            "almahook",
            f"{LOAD_PER_SECOND} events/s",
            turn,
            partial(loaded, bench, ENGINES["almahook"]),
        )


def idle(bench: Bench, engine: Engine, folder: Path) -> Mapping[str, float]:
    """Send one job at a time."""
    return _measure(bench, engine, folder, senders=1, each=bench.scale.probes, every_s=_EVERY_S)


def loaded(bench: Bench, engine: Engine, folder: Path) -> Mapping[str, float]:
    """Send many at a steady rate."""
    each = round(bench.scale.engine_s * LOAD_PER_SECOND / _SENDERS)
    every_s = _SENDERS / LOAD_PER_SECOND
    return _measure(bench, engine, folder, senders=_SENDERS, each=each, every_s=every_s)


def _measure(
    bench: Bench, engine: Engine, folder: Path, *, senders: int, each: int, every_s: float
) -> Mapping[str, float]:
    port = free_port()
    options = {"BENCH_PORT": port} if engine.module == "almahook" else {}
    with ready(engine, _SETTING, folder, **options) as made:
        if not options:
            # Makes the tables.
            made.enqueue(1, bench.size)
        with made.working() as worker:
            if options:
                wait_until(lambda: listens(port), "listening", of=worker, log=made.log)
                made.enqueue(1, bench.size)
            made.await_handled(1, worker)
            _send(made, senders, each, bench.size, every_s)
            made.await_handled(1 + senders * each, worker)
    sent, handled = mark.read(folder, "sent"), mark.read(folder, "handled")
    waits = sorted((handled[event_id] - at) / 1e6 for event_id, at in sent.items())
    return {"p50_ms": percentile(waits, 0.5), "p99_ms": percentile(waits, 0.99)}


def _send(made: Ready, senders: int, each: int, size: int, every_s: float) -> None:
    with ExitStack() as stack:
        started = [
            stack.enter_context(
                process(made.enqueuing(each, size, every_s), log=made.log, env=made.env)
            )
            for _ in range(senders)
        ]
        for sender in started:
            if sender.wait(_SEND_S + 2 * each * every_s):
                raise BenchError("a sender failed")
