"""From an inbox URL to the store."""

from pathlib import Path
from typing import TYPE_CHECKING

from almahook.config import Settings
from almahook.errors import ConfigurationError
from almahook.inbox import Inbox

if TYPE_CHECKING:
    from almahook.inbox.aws.store import AWSInbox

_SQLITE, _AWS = "sqlite", "aws"


def open_inbox(settings: Settings) -> Inbox:
    """Open the inbox that the settings name.

    Raises:
        ConfigurationError: The URL names no store of this release.
        InboxUnavailableError: The store cannot be opened.
        MissingExtraError: The store needs a package that is not installed.
    """
    if (name := aws_name(settings)) is not None:
        return _open_aws(name, settings)
    # Each store is imported where it is opened: a function on AWS has no use for the other.
    from almahook.inbox.sqlite import SQLiteInbox  # noqa: PLC0415

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
        MissingExtraError: The store needs a package that is not installed.
    """
    if (name := aws_name(settings)) is not None:
        inbox = _open_aws(name, settings)
        inbox.require_table()
        return inbox
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


def aws_name(settings: Settings) -> str | None:
    """Return the name of an inbox on AWS, ``aws:NAME``; None when it is elsewhere."""
    scheme, _, name = settings.inbox.partition(":")
    return name if scheme == _AWS else None


def inbox_file(settings: Settings) -> Path:
    """Return the file that the inbox URL names, both ``sqlite:data/a.db`` and ``sqlite:///srv/a.db``.

    Raises:
        ConfigurationError: The URL names no file.
    """
    scheme, separator, rest = settings.inbox.partition(":")
    if scheme != _SQLITE or not separator or not rest:
        raise ConfigurationError(
            f"inbox = {settings.inbox!r} names no store that this release has. "
            'Write inbox = "sqlite:data/almahook.db", or "aws:NAME" for one on AWS.'
        )
    return settings.path(rest.removeprefix("//"))


def _open_aws(name: str, settings: Settings) -> "AWSInbox":
    from almahook.inbox.aws.store import AWSInbox  # noqa: PLC0415

    return AWSInbox(
        name,
        rejections_kept=settings.rejections_kept,
        rejection_body_bytes=settings.rejection_body_bytes,
    )
