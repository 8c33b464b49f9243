"""One listener: everything that its settings describe, started and stopped together."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from almahook.app.aws_secrets import with_aws_secrets
from almahook.app.direct import DirectDelivery
from almahook.app.endpoints import SecretKeeper, make_endpoints
from almahook.app.housekeeping import Housekeeper
from almahook.app.intake import Intake
from almahook.app.registry import load_registry
from almahook.app.services import AppServices
from almahook.app.stores import open_inbox
from almahook.app.workers import BESIDE_RECEIVER_S, worker_options
from almahook.config import Settings, load_settings
from almahook.errors import InboxError, InboxUnavailableError, OverloadedError
from almahook.handlers import Registry
from almahook.inbox import Lease, Settlement
from almahook.receivers.asgi import Receiver, Scope, Send
from almahook.receivers.body import BodyReader, Receive
from almahook.receivers.metrics import Metrics
from almahook.receivers.reception import Ports, Reception
from almahook.worker import Worker

log = logging.getLogger("almahook.app")


class Listener:
    """A listener with its worker.

    It is an ASGI application: give it to uvicorn, or mount it in an app of your own and pass
    ``lifespan`` to that app. Without a lifespan it starts at its first request.

    Args:
        settings: What it is to be.
        registry: The handlers; None loads those that the settings name.
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
        registry: Registry | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings = with_aws_secrets(settings)
        self.registry = load_registry(settings) if registry is None else registry
        self._clock = clock
        endpoints = make_endpoints(settings)
        self._secrets = SecretKeeper(endpoints.values(), lifetime_s=settings.secret_lifetime_s)
        self._services = AppServices(settings)
        self.inbox = open_inbox(settings)
        self.metrics = Metrics(backlog=self.inbox.backlog, clock=clock)
        self.worker = Worker(
            inbox=self.inbox,
            registry=self.registry,
            services=self._services,
            options=worker_options(settings, look_s=BESIDE_RECEIVER_S),
            observe=self._count_run,
            clock=clock,
        )
        # In direct mode the worker is who runs the handlers, inside the request.
        self._works = settings.worker or settings.mode == "direct"
        self._housekeeper = Housekeeper(
            self.inbox, retention_days=settings.retention_days, clock=clock
        )
        self._intake = Intake(
            self.inbox,
            deliver=self._direct() if settings.mode == "direct" else None,
            max_pending=settings.max_pending_events,
            refusal_bytes=settings.rejection_body_bytes,
            clock=clock,
            on_stored=self.worker.wake,
            on_not_recorded=self.metrics.refused.labels("not_recorded").inc,
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
        self._services.close()
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

    def _direct(self) -> DirectDelivery:
        return DirectDelivery(
            inbox=self.inbox,
            registry=self.registry,
            worker=self.worker,
            lease_s=self.settings.lease_s,
            clock=self._clock,
        )

    def _count_run(self, lease: Lease, settled: Settlement) -> None:
        self.metrics.runs.labels(lease.handler, settled.attempt.outcome.value).inc()

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
