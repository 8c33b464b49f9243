"""The worker on its own, in a process without a receiver."""

import threading
import time
from collections.abc import Callable

from almahook.app.aws_secrets import with_aws_secrets
from almahook.app.registry import load_registry
from almahook.app.services import AppServices
from almahook.app.stores import open_inbox
from almahook.app.tether import Tether
from almahook.config import Settings
from almahook.worker import Worker, WorkerOptions

# How often is looked for what other processes have stored. A worker beside a receiver is woken by
# it, and others only replay.
_ALONE_S = 0.1
BESIDE_RECEIVER_S = 0.5


def worker_options(settings: Settings, *, look_s: float = _ALONE_S) -> WorkerOptions:
    """Say how a worker of these settings works."""
    return WorkerOptions(
        lease_s=settings.lease_s,
        poll_s=settings.worker_poll_s,
        look_s=look_s,
        dispatching=settings.mode == "inbox",
    )


class LoneWorker:
    """Runs the handlers for events that another process receives.

    Args:
        settings: Those of the listener.
        tether: What ties it to the process that started it; None when a person did.
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
        tether: Tether | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.settings = settings = with_aws_secrets(settings)
        self.registry = load_registry(settings)
        self._tether = tether
        self._services = AppServices(settings)
        self._inbox = open_inbox(settings)
        self._worker = Worker(
            inbox=self._inbox,
            registry=self.registry,
            services=self._services,
            options=worker_options(settings, look_s=BESIDE_RECEIVER_S if tether else _ALONE_S),
            observe=tether.tally.count_run if tether else None,
            on_collected=tether.tally.count_collected if tether else None,
            clock=clock,
        )

    def run(self, stopping: threading.Event) -> None:
        """Work until the event is set, then finish what was begun and return the rest.

        Who is tied to another process begins when that says so, and sets the event itself when
        that is gone.
        """
        if self._tether is None:
            self._worker.start()
        else:
            self._tether.say_ready(self.registry.names)
            self._tether.follow(begin=self._worker.start, wake=self._worker.wake, end=stopping.set)
        try:
            stopping.wait()
        finally:
            self._stop()

    def _stop(self) -> None:
        self._worker.stop(self.settings.stop_timeout_s)
        if self._tether is not None:
            self._tether.close()
        self._services.close()
        self._inbox.close()
