"""The only place that wires things together: settings, inbox, handlers, worker, receiver."""

from almahook.app.listener import Listener
from almahook.app.logs import configure_logs
from almahook.app.stores import open_inbox

__all__ = ["Listener", "configure_logs", "open_inbox"]
