"""What almahook aims at, as ratios of medians in one run."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.figures import Figures, Spread

Pair = tuple[str, str]

_LOADED = "64 connections"
_BUSY = "8 at once"


@dataclass(frozen=True, kw_only=True)
class Target:
    """One aim; it has an ``at_least`` or an ``at_most``."""

    aim: str
    measure: Callable[[Figures], Spread | None]
    at_least: float = 0.0
    at_most: float = 0.0
    unit: str = "times"
    digits: int = 1

    def is_reached(self, found: Spread) -> bool:
        """Whether the median is on the right side."""
        return found.median >= self.at_least if self.at_least else found.median <= self.at_most


def _times(workload: str, over: Pair, under: Pair) -> Callable[[Figures], Spread | None]:
    return lambda figures: figures.of(workload).ratio("per_second", over, under)


def _value(workload: str, value: str, condition: str) -> Callable[[Figures], Spread | None]:
    return lambda figures: figures.of(workload).spread("almahook", condition, value)


def _acks(aim: str, peer: str, at_least: float) -> Target:
    measure = _times("ack", ("almahook", _LOADED), (peer, _LOADED))
    return Target(aim=f"acknowledgements, against {aim}", measure=measure, at_least=at_least)


def _handles(aim: str, peer: str, at_least: float) -> Target:
    measure = _times("handled", ("almahook", _BUSY), (peer, _BUSY))
    return Target(aim=f"handled events, against {aim}", measure=measure, at_least=at_least)


def _grown(figures: Figures) -> Spread | None:
    conditions = figures.of("growth").conditions()
    if len(conditions) < 2:
        return None
    return figures.of("growth").ratio(
        "per_second", ("almahook", conditions[-1]), ("almahook", conditions[0])
    )


TARGETS: Sequence[Target] = (
    _acks("FastAPI + SQLAlchemy + SQLite", "fastapi-sqlite", 25),
    _acks("Debian's `webhook`, waiting for its command", "webhook-waits", 15),
    _acks("Node's bare http + crypto", "node", 1),
    _acks("nginx + njs", "njs", 1),
    Target(
        aim="p99 of an acknowledgement, 64 connections",
        measure=_value("ack", "p99_ms", _LOADED),
        at_most=10,
        unit="ms",
    ),
    Target(
        aim="CPU of a refusal, of an acceptance's",
        measure=_value("refusals", "of_acceptance", _LOADED),
        at_most=0.6,
        digits=2,
    ),
    _handles("huey on SQLite", "huey", 2.5),
    _handles("Celery on Redis", "celery", 8),
    _handles("DBOS on SQLite", "dbos-sqlite", 15),
    Target(
        aim="from the request to the handler, idle, median",
        measure=_value("latency", "p50_ms", "idle"),
        at_most=5,
        unit="ms",
    ),
    Target(
        aim="acknowledgements with the most events stored, of those with the fewest",
        measure=_grown,
        at_least=0.85,
        digits=2,
    ),
    Target(
        aim="memory, receiver and worker",
        measure=_value("footprint", "resident_mb", "idle"),
        at_most=80,
        unit="MB",
    ),
    Target(
        aim="idle CPU",
        measure=_value("footprint", "idle_percent", "idle"),
        at_most=0.5,
        unit="% of a core",
        digits=2,
    ),
    Target(
        aim="from the start to the first 200",
        measure=_value("footprint", "start_s", "idle"),
        at_most=1,
        unit="s",
        digits=2,
    ),
)
