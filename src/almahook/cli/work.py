"""``almahook work``: a worker alone, beside a listener that only receives."""

import signal
import threading

import typer

from almahook.cli.common import SettingsOption


def work(settings: SettingsOption = None) -> None:
    """Run the handlers for events that another process receives (serve --no-worker)."""
    from almahook.app import LoneWorker, configure_logs
    from almahook.config import load_settings

    loaded = load_settings(settings)
    configure_logs(form=loaded.log_format, level=loaded.log_level)
    worker = LoneWorker(loaded)
    stopping = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        # On a thread of its own: a signal's handler runs within the wait, where the event's lock
        # may be held.
        signal.signal(number, lambda *_: threading.Thread(target=stopping.set).start())
    names = ", ".join(worker.registry.names) or "none"
    typer.echo(f"almahook works. Inbox: {loaded.inbox}. Handlers: {names}. Ctrl-C stops it.")
    worker.run(stopping)
