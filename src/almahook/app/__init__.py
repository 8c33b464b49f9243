"""The only place that wires things together: settings, inbox, handlers, worker, receiver."""

from almahook.lazy import lazy

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
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

_MODULES = {
    "AppServices": "services",
    "Listener": "listener",
    "LoneWorker": "workers",
    "configure_logs": "logs",
    "load_registry": "registry",
    "open_inbox": "stores",
    "with_own_secret": "first_run",
}

# A command that looks needs no listener.
# A type checker would take every name for defined if it saw this.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _MODULES)
