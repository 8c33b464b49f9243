"""``almahook work``: a worker alone, beside a listener that only receives."""

import signal
import threading
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import TETHER, SettingsOption

if TYPE_CHECKING:
    from almahook.app import LoneWorker


def work(
    settings: SettingsOption = None,
    tether: Annotated[int | None, typer.Option(TETHER, hidden=True)] = None,
) -> None:
    """Run the handlers for events that another process receives (serve --no-worker)."""
    from almahook.app.tether import Tether, step_back

    tied = None
    if tether is not None:
        tied = Tether(tether)
        step_back()

    from almahook.app import LoneWorker, configure_logs
    from almahook.config import load_settings

    loaded = load_settings(settings)
    configure_logs(form=loaded.log_format, level=loaded.log_level)
    worker = LoneWorker(loaded, tether=tied)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM) if tied is None else (signal.SIGTERM,):
        # On a thread of its own: a signal's handler runs within the wait, where the event's lock
        # may be held.
        signal.signal(number, lambda *_: threading.Thread(target=stopping.set).start())
    if tied is None:
        _tell(worker)
    worker.run(stopping)


def _tell(worker: "LoneWorker") -> None:
    names = ", ".join(worker.registry.names) or "none"
    inbox = worker.settings.inbox
    typer.echo(f"almahook works. Inbox: {inbox}. Handlers: {names}. Ctrl-C stops it.")
