"""What the listener counts, in Prometheus' form; no label ever holds a patron's data."""

from collections.abc import Callable, Iterable, Iterator
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
from almahook.receivers.counts import ACK_BUCKETS, Counts, total


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

    Args:
        backlog: Asks the inbox what is not finished, when somebody reads the metrics.
        others: Returns what further processes that receive have counted.
        clock: Seconds since the epoch.

    Attributes:
        counts: What this process counts for every request.
    """

    def __init__(
        self,
        *,
        backlog: Callable[[], Backlog],
        others: Callable[[], Iterable[Counts]] = tuple,
        clock: Callable[[], float],
    ) -> None:
        self._registry = CollectorRegistry()
        self._others = others
        self.counts = Counts()
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

    def count_runs(self, handler: str, outcome: str, number: int = 1) -> None:
        """Count executions of a handler that ended so."""
        self.runs.labels(handler, outcome).inc(number)

    def count_duplicates(self, number: int) -> None:
        """Count events that were in the inbox already."""
        self.duplicates.inc(number)

    def collect(self) -> Iterator[Metric]:
        """Say what was counted for every request."""
        counted = total([self.counts, *self._others()])
        received = CounterMetricFamily(
            "almahook_events_received",
            "Verified events by what became of them: stored, handled, failed, unhandled",
            labels=["profile", "result"],
        )
        for profile, results in counted.received.items():
            for result, number in results.items():
                received.add_metric([profile, result], number)
        yield received
        refused = CounterMetricFamily(
            "almahook_requests_refused", "Refused requests by reason", labels=["reason"]
        )
        for reason, number in counted.refused.items():
            refused.add_metric([reason], number)
        yield refused
        bounds = [*map(str, ACK_BUCKETS), "+Inf"]
        yield HistogramMetricFamily(
            "almahook_ack_seconds",
            "From the end of the request to the answer, for events",
            buckets=list(zip(bounds, accumulate(counted.acknowledged), strict=True)),
            sum_value=counted.ack_seconds,
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
