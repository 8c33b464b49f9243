"""From an inbox URL to the store."""

from pathlib import Path

from almahook.config import Settings
from almahook.errors import ConfigurationError
from almahook.inbox import Inbox
from almahook.inbox.sqlite import SQLiteInbox


def open_inbox(settings: Settings) -> Inbox:
    """Open the inbox that the settings name.

    Raises:
        ConfigurationError: The URL names no store of this release.
        InboxUnavailableError: The store cannot be opened.
    """
    scheme, separator, rest = settings.inbox.partition(":")
    if scheme != "sqlite" or not separator or not rest:
        raise ConfigurationError(
            f"inbox = {settings.inbox!r} names no store that this release has. "
            'Write inbox = "sqlite:data/almahook.db"'
        )
    return SQLiteInbox(
        settings.path(_file(rest)),
        rejections_kept=settings.rejections_kept,
        rejection_body_bytes=settings.rejection_body_bytes,
    )


def _file(rest: str) -> Path:
    """Read both ``sqlite:data/a.db`` and ``sqlite:///srv/a.db``."""
    return Path(rest.removeprefix("//"))
