"""The store of events and of what became of them: one contract, several stores."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from almahook.inbox.committer import GroupCommitter
    from almahook.inbox.contract import (
        OPEN_STATES,
        Assignment,
        Attempt,
        AttemptOutcome,
        Backlog,
        Claim,
        Collected,
        EventFilter,
        Inbox,
        Lease,
        Match,
        Purged,
        Receipt,
        Rejection,
        Run,
        RunState,
        Settlement,
    )
    from almahook.inbox.event import NewEvent, StoredEvent

__all__ = [
    "OPEN_STATES",
    "Assignment",
    "Attempt",
    "AttemptOutcome",
    "Backlog",
    "Claim",
    "Collected",
    "EventFilter",
    "GroupCommitter",
    "Inbox",
    "Lease",
    "Match",
    "NewEvent",
    "Purged",
    "Receipt",
    "Rejection",
    "Run",
    "RunState",
    "Settlement",
    "StoredEvent",
]

_MODULES = {"GroupCommitter": "committer", "NewEvent": "event", "StoredEvent": "event"}

# A type checker would take every name for defined if it saw this.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a name when it is first asked for: a function that only spools needs no store."""
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = import_module(f"{__name__}.{_MODULES.get(name, 'contract')}")
        globals()[name] = getattr(module, name)
        return globals()[name]
