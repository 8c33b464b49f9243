"""A listener without any configuration: it makes its own secret."""

import secrets
from pathlib import Path

from msgspec.structs import replace

from almahook.app.new_file import OWNER_ONLY, require_place, write_new
from almahook.config import DEFAULT_PROFILE, Secret, Settings

_FILE = "data/secret"

_BYTES = 24


def with_own_secret(settings: Settings) -> tuple[Settings, Secret | None]:
    """Give the default profile a secret of its own, unless there is a configuration.

    Returns:
        The settings, and the secret if it was made just now.

    Raises:
        ConfigurationError: The file for the secret cannot be written.
    """
    if not _is_without_secret(settings):
        return settings, None
    made = _make(settings.path(_FILE))
    return _with_file(settings), made


def require_place_for_secret(settings: Settings) -> None:
    """Look whether the secret of a first run could be kept, before anything else is made.

    Raises:
        ConfigurationError: It could not.
    """
    if _is_without_secret(settings):
        require_place(settings.path(_FILE))


def with_kept_secret(settings: Settings) -> Settings:
    """Give the default profile the secret that a first run made, if there was one."""
    has_one = _is_without_secret(settings) and settings.path(_FILE).is_file()
    return _with_file(settings) if has_one else settings


def new_secret() -> str:
    """Make a secret that nobody guesses, of characters that no form changes."""
    return secrets.token_urlsafe(_BYTES)


def _is_without_secret(settings: Settings) -> bool:
    profile = settings.profiles.get(DEFAULT_PROFILE)
    return settings.file is None and profile is not None and not profile.secrets


def _with_file(settings: Settings) -> Settings:
    own = replace(settings.profiles[DEFAULT_PROFILE], secrets=[f"file:{_FILE}"])
    return replace(settings, profiles={**settings.profiles, DEFAULT_PROFILE: own})


def _make(path: Path) -> Secret | None:
    secret = new_secret()
    return Secret(secret) if write_new(path, secret + "\n", mode=OWNER_ONLY) else None
