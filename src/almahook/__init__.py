"""The webhook inbox for Ex Libris Alma: the names that a handler imports.

A file ``handlers/loan_returned.py`` with a function ``process(event, ctx)`` is a handler.
"""

from almahook.lazy import lazy

# typing has this too, and takes long to load.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from almahook.errors import AlmaHookError
    from almahook.events import (
        BibEvent,
        Event,
        ItemEvent,
        JobEnd,
        LoanEvent,
        NotificationEvent,
        RequestEvent,
        UserEvent,
    )
    from almahook.handlers import Context, GiveUp, Retry, RetryPolicy, Skip, on

__version__ = "0.1.0"

__all__ = [
    "AlmaHookError",
    "BibEvent",
    "Context",
    "Event",
    "GiveUp",
    "ItemEvent",
    "JobEnd",
    "LoanEvent",
    "NotificationEvent",
    "RequestEvent",
    "Retry",
    "RetryPolicy",
    "Skip",
    "UserEvent",
    "__version__",
    "on",
]

_MODULES = {
    "AlmaHookError": "errors",
    "BibEvent": "events",
    "Context": "handlers",
    "Event": "events",
    "GiveUp": "handlers",
    "ItemEvent": "events",
    "JobEnd": "events",
    "LoanEvent": "events",
    "NotificationEvent": "events",
    "RequestEvent": "events",
    "Retry": "handlers",
    "RetryPolicy": "handlers",
    "Skip": "handlers",
    "UserEvent": "events",
    "on": "handlers",
}

# A receiver that only stores events imports this package too, and starts a third sooner without
# the handlers' room.
# A type checker would take every name for defined if it saw this.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _MODULES)
