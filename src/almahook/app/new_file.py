"""Writes a file that is not there yet, whole or not at all."""

import os
from pathlib import Path

from almahook.errors import ConfigurationError

OWNER_ONLY = 0o600
FOR_ALL = 0o644


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
        raise ConfigurationError(f"{path.parent} is in the way: it is not a folder.") from None
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
