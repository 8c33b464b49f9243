"""What the listener counts, in Prometheus' form; no label ever holds a patron's data."""

from collections.abc import Callable, Iterator
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
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


class Metrics:
    """The counters of one listener.

    Args:
        backlog: Asks the inbox what is not finished, when somebody reads the metrics.
        clock: Seconds since the epoch.
    """

    def __init__(self, *, backlog: Callable[[], Backlog], clock: Callable[[], float]) -> None:
        self._registry = CollectorRegistry()
        self.received = Counter(
            "almahook_events_received_total",
            "Verified events by what became of them: stored, duplicate, handled, failed, unhandled",
            ["profile", "result"],
            registry=self._registry,
        )
        self.refused = Counter(
            "almahook_requests_refused_total",
            "Refused requests by reason",
            ["reason"],
            registry=self._registry,
        )
        self.ack_seconds = Histogram(
            "almahook_ack_seconds",
            "From the end of the request to the answer, for events",
            buckets=_ACK_BUCKETS,
            registry=self._registry,
        )
        self.runs = Counter(
            "almahook_runs_total",
            "Executions of handlers by outcome",
            ["handler", "outcome"],
            registry=self._registry,
        )
        self._registry.register(_BacklogCollector(backlog, clock))

    def count_received(self, profile: str, result: str) -> None:
        """Count an event by what became of it."""
        self.received.labels(profile, result).inc()

    def count_acknowledged(self, profile: str, result: str, seconds: float) -> None:
        """Count an event that was answered, and how long that took."""
        self.count_received(profile, result)
        self.ack_seconds.observe(seconds)

    def count_refused(self, reason: str) -> None:
        """Count a refused request."""
        self.refused.labels(reason).inc()

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
