"""The store of events and of what became of them: one contract, several stores."""

from almahook.lazy import lazy

# typing has this too, and takes long to load.
TYPE_CHECKING = False
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
        Packed,
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
    "Packed",
    "Purged",
    "Receipt",
    "Rejection",
    "Run",
    "RunState",
    "Settlement",
    "StoredEvent",
]

_MODULES = {
    **dict.fromkeys(__all__, "contract"),
    "GroupCommitter": "committer",
    "NewEvent": "event",
    "StoredEvent": "event",
}

# A function that only spools needs no store.
# A type checker would take every name for defined if it saw this.
if not TYPE_CHECKING:
    __getattr__ = lazy(__name__, _MODULES)
