"""One listener: everything that its settings describe, started and stopped together."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from almahook.app.aws_secrets import with_aws_secrets
from almahook.app.endpoints import SecretKeeper, make_endpoints
from almahook.app.housekeeping import Housekeeper
from almahook.app.intake import Intake
from almahook.app.stores import open_inbox
from almahook.config import Settings, load_settings
from almahook.errors import InboxError, InboxUnavailableError, OverloadedError
from almahook.receivers.asgi import Receiver, Scope, Send
from almahook.receivers.body import BodyReader, Receive
from almahook.receivers.metrics import Metrics
from almahook.receivers.reception import Ports, Reception

if TYPE_CHECKING:
    from almahook.app.tally import Report
    from almahook.app.worker_process import WorkerProcess
    from almahook.app.worker_threads import WorkerThreads
    from almahook.handlers import Registry

log = logging.getLogger("almahook.app")


class Listener:
    """A listener with its worker.

    It is an ASGI application: give it to uvicorn, or mount it in an app of your own and pass
    ``lifespan`` to that app. Without a lifespan it starts at its first request.

    Args:
        settings: What it is to be.
        registry: The handlers; None loads those that the settings name.
        worker: A process that runs the handlers; None runs them on threads here.
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
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings = with_aws_secrets(settings)
        endpoints = make_endpoints(settings)
        self._secrets = SecretKeeper(endpoints.values(), lifetime_s=settings.secret_lifetime_s)
        self.inbox = open_inbox(settings)
        self.metrics = Metrics(backlog=self.inbox.backlog, clock=clock)
        deliver = None
        self.worker: WorkerProcess | WorkerThreads
        if worker is None:
            self.worker = threads = self._make_threads(registry, clock)
            deliver = threads.delivery() if settings.mode == "direct" else None
        else:
            worker.tell_counts(self._count)
            self.worker = worker
        # In direct mode the worker is who runs the handlers, inside the request.
        self._works = settings.worker or settings.mode == "direct"
        self._housekeeper = Housekeeper(
            self.inbox, retention_days=settings.retention_days, clock=clock
        )
        self._intake = Intake(
            self.inbox,
            deliver=deliver,
            max_pending=settings.max_pending_events,
            refusal_bytes=settings.rejection_body_bytes,
            clock=clock,
            on_stored=self.worker.wake,
            on_not_recorded=partial(self.metrics.count_refused, "not_recorded"),
        )
        self._started = False
        self.reception = Reception(
            endpoints=endpoints,
            ports=Ports(
                take_in=self._intake.take_in,
                store=self._intake.store,
                record=self._intake.record,
                ready=self._require_ready,
                clock=clock,
            ),
            mode=settings.mode,
            metrics=self.metrics if settings.metrics else None,
        )
        reader = BodyReader(max_bytes=settings.max_body_bytes, timeout_s=settings.body_timeout_s)
        self._receiver = Receiver(self.reception, reader=reader)

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

    def stop(self) -> None:
        """Finish what was begun, return the rest, and close the inbox."""
        self._intake.close()
        self._housekeeper.stop()
        self._secrets.stop()
        self.worker.stop(self.settings.stop_timeout_s)
        self.inbox.close()

    @asynccontextmanager
    async def lifespan(self, _app: object = None) -> AsyncIterator[None]:
        """Start and stop with an ASGI app."""
        self.start()
        try:
            yield
        finally:
            await asyncio.to_thread(self.stop)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer as an ASGI application."""
        if scope["type"] == "http":
            # An app that is mounted in another gets no lifespan messages.
            self.start()
            await self._receiver(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._live(receive, send)
        else:
            await send({"type": "websocket.close"})

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        async with self.lifespan():
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})

    def _make_threads(
        self, registry: "Registry | None", clock: Callable[[], float]
    ) -> "WorkerThreads":
        # What handlers need is not loaded where they run elsewhere.
        from almahook.app.worker_threads import WorkerThreads  # noqa: PLC0415

        try:
            return WorkerThreads(
                self.settings,
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
        if self._intake.is_failing:
            raise InboxUnavailableError("The last event could not be stored.")
        if self._intake.is_full:
            raise OverloadedError
        if self._works and self._started and not self.worker.is_alive:
            raise InboxUnavailableError("The worker has stopped.")
