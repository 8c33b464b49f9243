"""A listener without any configuration: it makes its own secret."""

import os
import secrets
from pathlib import Path

from msgspec.structs import replace

from almahook.config import DEFAULT_PROFILE, Secret, Settings
from almahook.errors import ConfigurationError

_FILE = "data/secret"
_OWNER_ONLY = 0o600
_BYTES = 24


def with_own_secret(settings: Settings) -> tuple[Settings, Secret | None]:
    """Give the default profile a secret of its own, unless there is a configuration.

    Returns:
        The settings, and the secret if it was made just now.

    Raises:
        ConfigurationError: The file for the secret cannot be written.
    """
    profile = settings.profiles.get(DEFAULT_PROFILE)
    if settings.file is not None or profile is None or profile.secrets:
        return settings, None
    made = _make(settings.path(_FILE))
    own = replace(profile, secrets=[f"file:{_FILE}"])
    profiles = {**settings.profiles, DEFAULT_PROFILE: own}
    return replace(settings, profiles=profiles), made


def _make(path: Path) -> Secret | None:
    secret = secrets.token_urlsafe(_BYTES)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    except FileExistsError:
        return None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(secret + "\n")
    return Secret(secret)
