"""Reads the settings: file, ``.env``, environment, and what is given explicitly."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from almahook.config.settings import NotifySettings, ProfileSettings, Settings, Table
from almahook.config.table import PREFIX, settings_table
from almahook.errors import ConfigurationError, MissingExtraError

SETTINGS_FILE = "almahook.toml"
DEFAULT_PROFILE = "main"

# The two variables that are enough to run one profile.
_SECRET = f"{PREFIX}SECRET"
_API_KEY = f"{PREFIX}API_KEY"
_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")


def load_settings(
    path: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    **given: Any,
) -> Settings:
    """Load the settings.

    Args:
        path: The settings file; None takes the one that ``ALMAHOOK_SETTINGS`` names, or
            ``almahook.toml`` of the working directory if it is there.
        environment: The environment; None takes the process's.
        **given: Settings that win over everything else; None is as if it were not given.

    Raises:
        ConfigurationError: A file cannot be read, or a setting is unknown or wrong.
    """
    process = os.environ if environment is None else environment
    file = _find(path, process)
    folder = file.parent if file else Path()
    variables = {**_read_dotenv(folder / ".env"), **process}
    document = _read(file) if file else {}
    _require_names(document, file)
    document.setdefault("profiles", _default_profiles(variables))
    document |= _from_environment(variables)
    document |= {name: value for name, value in given.items() if value is not None}
    table = _convert(document, file)
    _require_profile_names(table.profiles)
    _require_one_receiver(table)
    return Settings(
        **{name: getattr(table, name) for name in table.__struct_fields__},
        folder=folder,
        file=file,
        environment=variables,
    )


def _find(path: Path | None, environment: Mapping[str, str]) -> Path | None:
    named = path or (Path(chosen) if (chosen := environment.get(f"{PREFIX}SETTINGS")) else None)
    if named is not None:
        if not named.is_file():
            raise ConfigurationError(f"There is no settings file {named}. Type: almahook init")
        return named.resolve()
    usual = Path(SETTINGS_FILE)
    return usual.resolve() if usual.is_file() else None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{file} is not valid TOML: {error}") from None
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigurationError(f"{file} cannot be read: {reason}") from None


def _read_dotenv(file: Path) -> dict[str, str]:
    if not file.is_file():
        return {}
    try:
        from dotenv import dotenv_values  # noqa: PLC0415 - only where there is such a file
    except ModuleNotFoundError:
        raise MissingExtraError(f"Reading {file}", extra="server") from None
    found = dotenv_values(file, interpolate=False)
    return {name: value for name, value in found.items() if value is not None}


def _default_profiles(variables: Mapping[str, str]) -> dict[str, Any]:
    profile: dict[str, Any] = {}
    if _SECRET in variables:
        profile["secrets"] = [f"env:{_SECRET}"]
    if _API_KEY in variables:
        profile["api_key"] = f"env:{_API_KEY}"
    return {DEFAULT_PROFILE: profile}


def _from_environment(variables: Mapping[str, str]) -> dict[str, str]:
    return {
        setting.name: variables[setting.environment]
        for setting in settings_table()
        if setting.environment in variables
    }


def _require_names(document: Mapping[str, Any], file: Path | None) -> None:
    """Refuse a name that is no setting's: a misspelt limit would not hold."""
    _require_known(document, Table, "", file)
    notify = document.get("notify")
    if isinstance(notify, Mapping):
        _require_known(notify, NotifySettings, "notify.", file)
    profiles = document.get("profiles")
    for name, profile in profiles.items() if isinstance(profiles, Mapping) else ():
        if isinstance(profile, Mapping):
            _require_known(profile, ProfileSettings, f"profiles.{name}.", file)


def _require_known(
    found: Mapping[str, Any], kind: type[msgspec.Struct], prefix: str, file: Path | None
) -> None:
    known = kind.__struct_fields__
    for name in found:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" Did you mean {near[0]}?" if near else f" There are: {', '.join(known)}."
            raise ConfigurationError(f"{file}: there is no setting {prefix}{name}.{meant}")


def _convert(document: Mapping[str, Any], file: Path | None) -> Table:
    try:
        # Not strict: what comes from the environment is text.
        return msgspec.convert(document, Table, strict=False)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at `$.")
        name = place.rstrip("`") or "the settings"
        where = f"{file}, or the environment" if file else "The environment"
        raise ConfigurationError(f"{where}: {name}: {what[:1].lower()}{what[1:]}") from None


def _require_profile_names(profiles: Mapping[str, ProfileSettings]) -> None:
    for name in profiles:
        if not _PROFILE_NAME.fullmatch(name):
            raise ConfigurationError(
                f"The profile {name!r} cannot be a part of a URL. Use letters, figures, - and _."
            )


def _require_one_receiver(table: Table) -> None:
    if table.mode == "direct" and table.receivers > 1:
        raise ConfigurationError(
            f"receivers = {table.receivers} and mode = 'direct' do not go together: in direct mode "
            "the handlers run where the event is received. Set receivers = 1, or mode = 'inbox'."
        )
