"""The table of settings, for the documentation, the help and the sample file."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from almahook.config.settings import NotifySettings, ProfileSettings, Table

PREFIX = "ALMAHOOK_"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting.

    Attributes:
        section: ``""``, ``profiles.NAME`` or ``notify``.
        default: As it is written in the file.
        environment: The variable that sets it; empty when none does.
        help: One line.
    """

    section: str
    name: str
    default: str
    environment: str
    help: str


def settings_table() -> list[Setting]:
    """Return every setting, in the order of the file."""
    return [
        *_rows(Table, ""),
        *_rows(ProfileSettings, "profiles.NAME"),
        *_rows(NotifySettings, "notify"),
    ]


def _rows(kind: type[msgspec.Struct], section: str) -> Iterator[Setting]:
    for field in msgspec.structs.fields(kind):
        default = field.default_factory() if field.default is msgspec.NODEFAULT else field.default
        if isinstance(default, dict | msgspec.Struct):
            continue
        yield Setting(
            section=section,
            name=field.name,
            default=msgspec.json.encode(default).decode("utf-8"),
            environment="" if section else f"{PREFIX}{field.name.upper()}",
            help=_description(field.type),
        )


def _description(kind: Any) -> str:
    (description,) = (note.description for note in kind.__metadata__ if note.description)
    return str(description)
