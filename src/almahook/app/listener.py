"""One listener: everything that its settings describe, started and stopped together."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from almahook.app.aws_secrets import with_aws_secrets
from almahook.app.endpoints import SecretKeeper, make_endpoints
from almahook.app.housekeeping import Housekeeper
from almahook.app.receiving import ReceivingApp
from almahook.app.stores import open_inbox
from almahook.config import Settings, load_settings
from almahook.errors import InboxError, InboxUnavailableError, OverloadedError
from almahook.receivers.metrics import Metrics
from almahook.receivers.pages import Pages

if TYPE_CHECKING:
    from almahook.app.receiver_processes import ReceiverProcesses
    from almahook.app.tally import Report
    from almahook.app.worker_process import WorkerProcess
    from almahook.app.worker_threads import WorkerThreads
    from almahook.handlers import Registry

log = logging.getLogger("almahook.app")


class Listener(ReceivingApp):
    """A listener with its worker.

    It is an ASGI application: give it to uvicorn, or mount it in an app of your own and pass
    ``lifespan`` to that app. Without a lifespan it starts at its first request.

    Args:
        settings: What it is to be.
        registry: The handlers; None loads those that the settings name.
        worker: A process that runs the handlers; None runs them on threads here.
        receivers: Further processes that receive; None where this one receives alone.
        clock: Seconds since the epoch.

    Raises:
        ConfigurationError: A setting is wrong or a secret cannot be had.
        HandlerLoadError: A handler cannot be loaded.
        InboxUnavailableError: The inbox cannot be opened.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        registry: "Registry | None" = None,
        worker: "WorkerProcess | None" = None,
        receivers: "ReceiverProcesses | None" = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        settings = with_aws_secrets(settings)
        endpoints = make_endpoints(settings)
        self._secrets = SecretKeeper(endpoints.values(), lifetime_s=settings.secret_lifetime_s)
        self._receivers = receivers
        self.inbox = open_inbox(settings)
        others = tuple if receivers is None else receivers.counts
        self.metrics = Metrics(backlog=self.inbox.backlog, others=others, clock=clock)
        self._page = Pages(
            require_ready=self._require_ready,
            render=self.metrics.render if settings.metrics else None,
        )
        deliver = None
        self.worker: WorkerProcess | WorkerThreads
        if worker is None:
            self.worker = threads = self._make_threads(settings, registry, clock)
            deliver = threads.delivery() if settings.mode == "direct" else None
        else:
            worker.tell_counts(self._count)
            self.worker = worker
        # In direct mode the worker is who runs the handlers, inside the request.
        self._works = settings.worker or settings.mode == "direct"
        self._housekeeper = Housekeeper(
            self.inbox, retention_days=settings.retention_days, clock=clock
        )
        self._started = False
        super().__init__(
            settings,
            endpoints=endpoints,
            inbox=self.inbox,
            counts=self.metrics.counts,
            deliver=deliver,
            on_stored=self.worker.wake,
            page=self._page,
            clock=clock,
        )

    @classmethod
    def from_file(cls, path: Path | str | None = None) -> "Listener":
        """Make the listener that a settings file describes."""
        return cls(load_settings(None if path is None else Path(path)))

    def start(self) -> None:
        """Begin to work: events that waited are handled from now on."""
        if self._started:
            return
        self._started = True
        if self._works:
            self.worker.start()
        self._housekeeper.start()
        self._secrets.start()
        if self._receivers is not None:
            self._start(self._receivers)

    def stop(self) -> None:
        """Finish what was begun, return the rest, and close the inbox."""
        self._intake.close()
        self._housekeeper.stop()
        self._secrets.stop()
        if self._receivers is not None:
            self._receivers.stop(self.settings.stop_timeout_s)
        self.worker.stop(self.settings.stop_timeout_s)
        self.inbox.close()

    def _start(self, receivers: "ReceiverProcesses") -> None:
        from almahook.app.receiver_processes import Office  # noqa: PLC0415 - it costs where it is used
        from almahook.app.receiver_words import orders  # noqa: PLC0415

        told = orders(self.settings, self.reception.endpoints, receivers.sockets)
        receivers.start(told, Office(wake=self.worker.wake, page=self._page))

    def _make_threads(
        self, settings: Settings, registry: "Registry | None", clock: Callable[[], float]
    ) -> "WorkerThreads":
        # What handlers need is not loaded where they run elsewhere.
        from almahook.app.worker_threads import WorkerThreads  # noqa: PLC0415

        try:
            return WorkerThreads(
                settings,
                inbox=self.inbox,
                registry=registry,
                metrics=self.metrics,
                clock=clock,
            )
        except BaseException:
            self.inbox.close()
            raise

    def _count(self, report: "Report") -> None:
        for runs in report.runs:
            self.metrics.count_runs(runs.handler, runs.outcome, runs.number)
        self.metrics.count_duplicates(report.duplicates)

    def _require_ready(self) -> None:
        try:
            self.inbox.backlog()
        except InboxError as error:
            # Whoever asks is not known, so what is wrong with which file is for the log.
            log.warning("inbox.not_readable", extra={"fields": {"reason": error.message}})
            raise InboxUnavailableError("The inbox cannot be read.") from error
        others_fail = self._receivers is not None and self._receivers.is_failing
        if self._intake.is_failing or others_fail:
            raise InboxUnavailableError("The last event could not be stored.")
        if self._intake.is_full:
            raise OverloadedError
        if self._works and self._started and not self.worker.is_alive:
            raise InboxUnavailableError("The worker has stopped.")
