"""The webhook inbox for Ex Libris Alma: the names that a handler imports.

A file ``handlers/loan_returned.py`` with a function ``process(event, ctx)`` is a handler.
"""

from importlib import import_module

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

_ROOMS = ("almahook.errors", "almahook.events", "almahook.handlers")

# A type checker would take every name for defined if it saw this.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for.

        A receiver that only stores events imports this package too, and starts a third sooner
        without the handlers' room.
        """
        if name in __all__:
            for room in map(import_module, _ROOMS):
                if name in vars(room):
                    return vars(room)[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
