"""The embedded inbox: one SQLite file, every acknowledged event synced to disk."""

from almahook.inbox.sqlite.store import SQLiteInbox

__all__ = ["SQLiteInbox"]
