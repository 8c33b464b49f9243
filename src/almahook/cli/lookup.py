"""Which listener, which profile and which secret a command means."""

import sys
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from almahook.errors import ConfigurationError

if TYPE_CHECKING:
    from almahook.config import Settings

SecretOption = Annotated[
    str | None,
    typer.Option(
        "--secret",
        help="The secret itself; other programs on this machine can see it. Without it, the "
        "profile's secret of the settings, or the variable ALMAHOOK_SECRET.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None, typer.Option("--profile", help="The profile of the settings.", metavar="NAME")
]

_WEBHOOKS = "/webhooks/"


def known_settings(path: Path | None) -> "Settings":
    """Load the settings as a listener would have them, and make nothing new."""
    from almahook.app.aws_secrets import with_aws_secrets
    from almahook.app.first_run import with_kept_secret
    from almahook.config import load_settings

    return with_aws_secrets(with_kept_secret(load_settings(path)))


def choose_profile(settings: "Settings", name: str | None, *, url: str | None = None) -> str:
    """Choose a profile: the one that is named, that of the URL, ``main``, or the only one.

    Raises:
        ConfigurationError: There is none of this name, or several to choose from.
    """
    names = list(settings.profiles)
    told = ", ".join(names) or "none"
    if name is not None:
        if name not in names:
            raise ConfigurationError(f"There is no profile {name}. The settings have: {told}.")
        return name
    of_url = profile_of(url) if url else ""
    for candidate in (of_url, "main", names[0] if len(names) == 1 else ""):
        if candidate in names:
            return candidate
    raise ConfigurationError(f"Which profile? Write --profile NAME. The settings have: {told}.")


def profile_of(url: str) -> str:
    """Read the profile's name from a listener URL; empty when it has none."""
    return urlsplit(url).path.rpartition(_WEBHOOKS)[2].strip("/") if _WEBHOOKS in url else ""


def local_url(settings: "Settings") -> str:
    """Return the address where the listener of these settings can be called on this machine.

    Raises:
        ConfigurationError: It takes any free port.
    """
    if settings.port == 0:
        raise ConfigurationError(
            "The settings let the listener take any free port (port = 0), so its address is not "
            "known here. Write the one that almahook serve shows."
        )
    return f"http://{_reachable(settings.host)}:{settings.port}"


def listener_url(settings: "Settings", profile: str) -> str:
    """Return where events of a profile are taken on this machine.

    Raises:
        ConfigurationError: It takes any free port.
    """
    return f"{local_url(settings)}{_WEBHOOKS}{profile}"


def profile_secrets(settings: "Settings", profile: str) -> list[bytes]:
    """Return the secrets of a profile.

    Raises:
        ConfigurationError: It has none, or one cannot be had.
    """
    setting = f"profiles.{profile}.secrets"
    references = settings.profiles[profile].secrets
    if not references:
        raise ConfigurationError(
            f"The profile {profile} has no secret here. Write --secret SECRET, set "
            f"ALMAHOOK_SECRET, or go to the folder of almahook.toml."
        )
    found = settings.secrets(references, setting=setting)
    return [secret.reveal().encode("utf-8") for secret in found]


def read_input(file: Path) -> bytes:
    """Read a file's exact bytes; ``-`` is the standard input.

    Raises:
        ConfigurationError: It cannot be read.
    """
    if str(file) == "-":
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}.") from None


def given_secret(secret: str) -> bytes:
    """Take a secret of the command line as it is.

    Raises:
        ConfigurationError: It is empty.
    """
    if not secret:
        raise ConfigurationError("The secret is empty, and an empty secret is one anybody has.")
    return secret.encode("utf-8", "surrogateescape")


def _reachable(host: str) -> str:
    """Say an address that can be called: 0.0.0.0 is only one to listen on."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if address.is_unspecified:
        return "127.0.0.1" if address.version == 4 else "[::1]"  # noqa: PLR2004 - IPv4
    return host if address.version == 4 else f"[{host}]"  # noqa: PLR2004 - IPv4
