"""What receives, as an ASGI application that starts and stops with its server."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial

from almahook.app.intake import Deliver, Intake
from almahook.config import Settings
from almahook.inbox import Inbox
from almahook.protocol import Endpoint, Response
from almahook.receivers.asgi import Receiver, Scope, Send
from almahook.receivers.body import BodyReader, Receive
from almahook.receivers.counts import Counts
from almahook.receivers.reception import Ports, Reception


class ReceivingApp(ABC):
    """Receives into an inbox.

    Args:
        endpoints: The profiles by name.
        counts: Where it counts.
        deliver: Runs the handlers of a stored event; None in inbox mode.
        on_stored: Told of each stored batch.
        page: Answers ``/readyz`` and ``/metrics``.
        clock: Seconds since the epoch.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        endpoints: Mapping[str, Endpoint],
        inbox: Inbox,
        counts: Counts,
        deliver: Deliver | None,
        on_stored: Callable[[], None],
        page: Callable[[str], Response | None],
        clock: Callable[[], float],
    ) -> None:
        self.settings = settings
        self._intake = Intake(
            inbox,
            deliver=deliver,
            max_pending=settings.max_pending_events,
            refusal_bytes=settings.rejection_body_bytes,
            clock=clock,
            on_stored=on_stored,
            on_not_recorded=partial(counts.count_refused, "not_recorded"),
        )
        self.reception = Reception(
            endpoints=endpoints,
            ports=Ports(
                take_in=self._intake.take_in,
                store=self._intake.store,
                record=self._intake.record,
                page=page,
                clock=clock,
            ),
            mode=settings.mode,
            counts=counts if settings.metrics else None,
        )
        reader = BodyReader(max_bytes=settings.max_body_bytes, timeout_s=settings.body_timeout_s)
        self._receiver = Receiver(self.reception, reader=reader)

    @abstractmethod
    def start(self) -> None:
        """Begin to work."""

    @abstractmethod
    def stop(self) -> None:
        """Finish what was begun, and close the inbox."""

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
