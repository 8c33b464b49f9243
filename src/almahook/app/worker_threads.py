"""The worker as threads of the receiver's own process: mounted in an app, and in direct mode."""

from collections.abc import Callable

from almahook.app.direct import DirectDelivery
from almahook.app.registry import load_registry
from almahook.app.services import AppServices
from almahook.app.workers import BESIDE_RECEIVER_S, worker_options
from almahook.config import Settings
from almahook.handlers import Registry
from almahook.inbox import Collected, Inbox, Lease, Settlement
from almahook.receivers.metrics import Metrics
from almahook.worker import Worker


class WorkerThreads:
    """Runs the handlers on threads, and lets go of what they used at the stop.

    Args:
        registry: The handlers; None loads those that the settings name.
        metrics: Where it counts.
        clock: Seconds since the epoch.

    Raises:
        ConfigurationError: A setting is wrong or a secret cannot be had.
        HandlerLoadError: A handler cannot be loaded.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        inbox: Inbox,
        registry: Registry | None,
        metrics: Metrics,
        clock: Callable[[], float],
    ) -> None:
        self._registry = load_registry(settings) if registry is None else registry
        self._services = AppServices(settings)
        self._inbox = inbox
        self._metrics = metrics
        self._lease_s = settings.lease_s
        self._clock = clock
        self._worker = Worker(
            inbox=inbox,
            registry=self._registry,
            services=self._services,
            options=worker_options(settings, look_s=BESIDE_RECEIVER_S),
            observe=self._count_run,
            on_collected=self._count_collected,
            clock=clock,
        )

    def start(self) -> None:
        """Begin to work."""
        self._worker.start()

    def wake(self) -> None:
        """Look for work: something was stored."""
        self._worker.wake()

    @property
    def handlers(self) -> list[str]:
        """The names of the handlers."""
        return self._registry.names

    @property
    def is_alive(self) -> bool:
        """Whether it works."""
        return self._worker.is_alive

    def stop(self, timeout_s: float = 30.0) -> None:
        """Finish what was begun, and return the rest."""
        self._worker.stop(timeout_s)
        self._services.close()

    def delivery(self) -> DirectDelivery:
        """Return what runs the handlers of one event while Alma waits."""
        return DirectDelivery(
            inbox=self._inbox,
            registry=self._registry,
            worker=self._worker,
            lease_s=self._lease_s,
            clock=self._clock,
        )

    def _count_run(self, lease: Lease, settled: Settlement) -> None:
        self._metrics.count_runs(lease.handler, settled.attempt.outcome.value)

    def _count_collected(self, collected: Collected) -> None:
        self._metrics.count_duplicates(collected.duplicates)
