"""Writes a file that is not there yet, whole or not at all."""

import errno
import os
from pathlib import Path

from almahook.errors import ConfigurationError

OWNER_ONLY = 0o600
FOR_ALL = 0o644


def require_place(path: Path) -> None:
    """Look whether a file could be made in a folder, which need not be there yet.

    Raises:
        ConfigurationError: It could not.
    """
    folder = path.parent
    if folder.exists() and not folder.is_dir():
        raise _in_the_way(folder)
    place = folder if folder.exists() else folder.parent
    if place.is_dir() and not os.access(place, os.W_OK | os.X_OK):
        raise ConfigurationError(f"{path} cannot be written: {os.strerror(errno.EACCES)}")


def write_new(path: Path, text: str, *, mode: int) -> bool:
    """Write a file unless there is one; say whether it was written.

    Raises:
        ConfigurationError: It cannot be written; then it is not there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError:
        if path.parent.is_dir():
            return False
        raise _in_the_way(path.parent) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        # An empty file would be taken for a whole one at every later start.
        path.unlink()
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    return True


def _in_the_way(folder: Path) -> ConfigurationError:
    return ConfigurationError(f"{folder} is in the way: it is not a folder.")
