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
    return SQLiteInbox(
        inbox_file(settings),
        rejections_kept=settings.rejections_kept,
        rejection_body_bytes=settings.rejection_body_bytes,
    )


def open_existing_inbox(settings: Settings) -> Inbox:
    """Open an inbox that is there already: who only looks must not make an empty one.

    Raises:
        ConfigurationError: There is none, or the URL names no store of this release.
        InboxUnavailableError: The store cannot be opened.
    """
    file = inbox_file(settings)
    try:
        file.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigurationError(
            f"There is no inbox {file.absolute()}. Nothing has been received there yet, or these "
            "are the settings of another listener. Name its settings: --settings FILE"
        ) from None
    except OSError:
        # It may be there, and opening it says what is wrong.
        pass
    return open_inbox(settings)


def inbox_file(settings: Settings) -> Path:
    """Return the file that the inbox URL names, both ``sqlite:data/a.db`` and ``sqlite:///srv/a.db``.

    Raises:
        ConfigurationError: The URL names no store of this release.
    """
    scheme, separator, rest = settings.inbox.partition(":")
    if scheme != "sqlite" or not separator or not rest:
        raise ConfigurationError(
            f"inbox = {settings.inbox!r} names no store that this release has. "
            'Write inbox = "sqlite:data/almahook.db"'
        )
    return settings.path(rest.removeprefix("//"))
