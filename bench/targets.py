"""What almahook aims at, as ratios of medians in one run."""

from collections.abc import Callable, Mapping, Sequence
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


_PEERS: Mapping[str, tuple[str, float]] = {
    "fastapi-sqlite": ("FastAPI + SQLAlchemy + SQLite", 25),
    "webhook-waits": ("Debian's `webhook`, waiting for its command", 15),
    "node": ("Node's bare http + crypto", 1),
    "njs": ("nginx + njs", 1),
}
COMPARED = tuple(_PEERS)
"""The servers that an aim of acknowledging is about."""


def _acks(peer: str) -> Target:
    aim, at_least = _PEERS[peer]
    measure = _times("ack", ("almahook", _LOADED), (peer, _LOADED))
    return Target(aim=f"acknowledgements, against {aim}", measure=measure, at_least=at_least)


def _handles(aim: str, peer: str, at_least: float) -> Target:
    measure = _times("handled", ("almahook", _BUSY), (peer, _BUSY))
    return Target(aim=f"handled events, against {aim}", measure=measure, at_least=at_least)


def _cold(aim: str, peer: str, case: str, at_most: float) -> Target:
    condition = f"{case}, with .pyc"

    def measure(figures: Figures) -> Spread | None:
        return figures.of("cold").ratio("ms", ("almahook", condition), (peer, condition))

    return Target(
        aim=f"cold start on AWS Lambda, {aim}", measure=measure, at_most=at_most, digits=2
    )


def _warm(aim: str, peer: str, case: str) -> Target:
    def measure(figures: Figures) -> Spread | None:
        return figures.of("warm").ratio("us", ("almahook", case), (peer, case))

    return Target(aim=f"warm function on AWS Lambda, {aim}", measure=measure, at_most=1, digits=2)


def _grown(aim: str, value: str) -> Target:
    def measure(figures: Figures) -> Spread | None:
        conditions = figures.of("growth").conditions()
        if len(conditions) < 2:
            return None
        most, fewest = ("almahook", conditions[-1]), ("almahook", conditions[0])
        return figures.of("growth").ratio(value, most, fewest)

    aim = f"{aim} with the most events stored, of those with the fewest"
    return Target(aim=aim, measure=measure, at_least=0.85, digits=2)


TARGETS: Sequence[Target] = (
    *map(_acks, COMPARED),
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
    _grown("acknowledgements", "per_second"),
    _grown("handled events", "handled_per_second"),
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
    _cold("a challenge, against bare HMAC and JSON", "bare", "challenge", 1.5),
    _cold("a refusal, against bare HMAC and JSON", "bare", "refused", 1.5),
    _cold("an event, against bare HMAC and JSON that sends nothing", "bare", "accepted", 3),
    _cold("an event, against the same with boto3", "boto3", "accepted", 0.33),
    _cold("an event, against Powertools with boto3", "powertools", "accepted", 0.5),
    _cold("an event, against Mangum and FastAPI with boto3", "mangum", "accepted", 0.25),
    _warm("a refusal, against Powertools", "powertools", "refused"),
    _warm("a refusal, against Mangum and FastAPI", "mangum", "refused"),
    _warm("an event, against bare code with boto3", "boto3", "accepted"),
    _warm("an event, against Powertools with boto3", "powertools", "accepted"),
    _warm("an event, against Mangum and FastAPI with boto3", "mangum", "accepted"),
)
