"""A further process that receives: on the port of ``almahook serve``, into the same inbox."""

import time
from collections.abc import Callable

from almahook.app.aws_secrets import with_aws_secrets
from almahook.app.endpoints import SecretKeeper, make_endpoints
from almahook.app.main_process import MainProcess
from almahook.app.receiver_words import Orders
from almahook.app.receiving import ReceivingApp
from almahook.app.stores import open_inbox
from almahook.receivers.counts import Counts


class FurtherReceiver(ReceivingApp):
    """Receives, and leaves everything else to the main process.

    Args:
        main: The process that has started this one.
        orders: What this one is to be.
        clock: Seconds since the epoch.

    Raises:
        ConfigurationError: A secret that AWS keeps cannot be had.
        InboxUnavailableError: The inbox cannot be opened.
    """

    def __init__(
        self, main: MainProcess, orders: Orders, *, clock: Callable[[], float] = time.time
    ) -> None:
        settings = with_aws_secrets(orders.settings())
        endpoints = make_endpoints(settings, known=orders.secrets)
        self._secrets = SecretKeeper(endpoints.values(), lifetime_s=settings.secret_lifetime_s)
        self._main = main
        self._inbox = open_inbox(settings)
        self._counts = Counts()
        self._started = False
        super().__init__(
            settings,
            endpoints=endpoints,
            inbox=self._inbox,
            counts=self._counts,
            deliver=None,
            on_stored=main.note_stored,
            page=main.page,
            clock=clock,
        )

    def start(self) -> None:
        """Begin to tell what happens here."""
        if not self._started:
            self._started = True
            self._secrets.start()
            self._main.say_ready(self._counts, is_failing=lambda: self._intake.is_failing)

    def stop(self) -> None:
        """Store what waits, tell it, and close the inbox."""
        self._intake.close()
        self._secrets.stop()
        self._main.close()
        self._inbox.close()
