"""Opening the inbox for a look."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from almahook.config import Settings, load_settings
from almahook.inbox import Inbox


@contextmanager
def open_for_look(file: Path | None) -> Iterator[tuple[Settings, Inbox]]:
    """Open the inbox of a settings file, which must be there already.

    Raises:
        ConfigurationError: The settings are wrong, or there is no inbox.
        InboxUnavailableError: The inbox cannot be opened.
    """
    from almahook.app.stores import open_existing_inbox

    settings = load_settings(file)
    with closing(open_existing_inbox(settings)) as inbox:
        yield settings, inbox
