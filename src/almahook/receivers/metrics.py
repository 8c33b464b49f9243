"""What the listener counts, in Prometheus' form; no label ever holds a patron's data."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from almahook.errors import InboxError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# Alma hangs up after 5 seconds.
_ACK_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Backlog(Protocol):
    """What is not finished, as the inbox counts it."""

    @property
    def pending(self) -> int:
        """Events that no handler was looked up for yet."""

    @property
    def waiting(self) -> int:
        """Runs that are due now or later."""

    @property
    def running(self) -> int:
        """Runs that a worker holds."""

    @property
    def parked(self) -> int:
        """Runs that wait for a person."""

    @property
    def oldest_at(self) -> float | None:
        """When the oldest unfinished event was received; None when there is none."""


class Metrics(Collector):
    """The counters of one listener.

    What is counted for every request is counted in plain numbers, by the event loop alone: the
    library's own counters cost as much as verifying a signature.

    Args:
        backlog: Asks the inbox what is not finished, when somebody reads the metrics.
        clock: Seconds since the epoch.
    """

    def __init__(self, *, backlog: Callable[[], Backlog], clock: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self._received: dict[tuple[str, str], int] = {}
        self._refused = {"not_recorded": 0}
        self._buckets = [0] * (len(_ACK_BUCKETS) + 1)
        self._ack_seconds = 0.0
        self.runs = Counter(
            "almahook_runs_total",
            "Executions of handlers by outcome",
            ["handler", "outcome"],
            registry=self._registry,
        )
        self.duplicates = Counter(
            "almahook_events_duplicate_total",
            "Events that were in the inbox already, as they were found when they were collected",
            registry=self._registry,
        )
        self._registry.register(_BacklogCollector(backlog, clock))
        self._registry.register(self)

    def count_received(self, profile: str, result: str) -> None:
        """Count an event by what became of it."""
        counted = self._received
        counted[profile, result] = counted.get((profile, result), 0) + 1

    def count_acknowledged(self, profile: str, result: str, seconds: float) -> None:
        """Count an event that was answered, and how long that took."""
        self.count_received(profile, result)
        self._buckets[bisect_left(_ACK_BUCKETS, seconds)] += 1
        self._ack_seconds += seconds

    def count_refused(self, reason: str) -> None:
        """Count a refused request."""
        self._refused[reason] = self._refused.get(reason, 0) + 1

    def count_runs(self, handler: str, outcome: str, number: int = 1) -> None:
        """Count executions of a handler that ended so."""
        self.runs.labels(handler, outcome).inc(number)

    def count_duplicates(self, number: int) -> None:
        """Count events that were in the inbox already."""
        self.duplicates.inc(number)

    def collect(self) -> Iterator[Metric]:
        """Say what was counted for every request."""
        received = CounterMetricFamily(
            "almahook_events_received",
            "Verified events by what became of them: stored, handled, failed, unhandled",
            labels=["profile", "result"],
        )
        for labels, count in list(self._received.items()):
            received.add_metric(labels, count)
        yield received
        refused = CounterMetricFamily(
            "almahook_requests_refused", "Refused requests by reason", labels=["reason"]
        )
        for reason, count in list(self._refused.items()):
            refused.add_metric([reason], count)
        yield refused
        bounds = [*map(str, _ACK_BUCKETS), "+Inf"]
        yield HistogramMetricFamily(
            "almahook_ack_seconds",
            "From the end of the request to the answer, for events",
            buckets=list(zip(bounds, accumulate(self._buckets), strict=True)),
            sum_value=self._ack_seconds,
        )

    def render(self) -> bytes:
        """Write everything in the text format."""
        return generate_latest(self._registry)


class _BacklogCollector(Collector):
    def __init__(self, backlog: Callable[[], Backlog], clock: Callable[[], float]) -> None:
        self._backlog = backlog
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        try:
            backlog = self._backlog()
        except InboxError:
            # The counters are still worth reading while the inbox is away.
            return
        depth = GaugeMetricFamily("almahook_backlog", "What is not finished", labels=["state"])
        for state in ("pending", "waiting", "running", "parked"):
            depth.add_metric([state], getattr(backlog, state))
        yield depth
        age = 0.0 if backlog.oldest_at is None else max(0.0, self._clock() - backlog.oldest_at)
        yield GaugeMetricFamily(
            "almahook_backlog_oldest_seconds", "Age of the oldest unfinished event", value=age
        )
