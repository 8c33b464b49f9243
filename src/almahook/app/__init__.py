"""The only place that wires things together: settings, inbox, handlers, worker, receiver."""

from almahook.app.first_run import with_own_secret
from almahook.app.listener import Listener
from almahook.app.logs import configure_logs
from almahook.app.registry import load_registry
from almahook.app.services import AppServices
from almahook.app.stores import open_inbox
from almahook.app.workers import LoneWorker

__all__ = [
    "AppServices",
    "Listener",
    "LoneWorker",
    "configure_logs",
    "load_registry",
    "open_inbox",
    "with_own_secret",
]
