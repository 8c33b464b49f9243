"""Checks what the settings say: secrets, handlers, accounts."""

import stat
from collections.abc import Iterator
from pathlib import Path

from almahook.app.registry import load_registry
from almahook.app.services import make_notifier
from almahook.cli.finding import Finding, ok, problem, warning
from almahook.config import Reference, Settings
from almahook.errors import AlmaHookError, ConfigurationError
from almahook.handlers import describe

_SHORT = 16
_NOT_MINE = stat.S_IRWXG | stat.S_IRWXO


def check_settings(settings: Settings) -> Iterator[Finding]:
    """Look at the file, at the profiles' secrets, and at who can read them."""
    if settings.file is None:
        yield ok("settings", "There is no settings file, so there is one profile, main.")
    else:
        yield ok("settings", f"The settings are in {settings.file}.")
    for name in settings.profiles:
        yield _secrets(settings, name)
    for path in _private_files(settings):
        yield from _privacy(path)


def check_handlers(settings: Settings) -> Iterator[Finding]:
    """Load the handlers, and say what they take."""
    try:
        registry = load_registry(settings)
    except AlmaHookError as error:
        yield problem("handlers", error.message, "Correct the file; almahook serve stops there.")
        return
    for handler in describe(registry):
        yield ok("handlers", f"The handler {handler.name} takes {handler.takes}.")
    if not len(registry):
        folder = settings.path(settings.handlers)
        yield warning(
            "handlers",
            "There are no handlers: events are stored, and nothing happens with them.",
            f"Put one into {folder}; almahook init writes an example.",
        )


def check_notify(settings: Settings) -> Iterator[Finding]:
    """Look whether messages could be sent; none is."""
    notify = settings.notify
    counts = {"sms": len(notify.sms), "mail": len(notify.mail), "chat": len(notify.chat)}
    told = ", ".join(f"{number} for {kind}" for kind, number in counts.items() if number)
    try:
        make_notifier(settings)
    except ConfigurationError as error:
        yield problem("notify", error.message, "See docs/notify.md.")
        return
    if not notify.default_country and (notify.sms or notify.dry_run):
        yield warning(
            "notify",
            "Phone numbers without + are refused, because their country is not known.",
            'Set default_country under [notify] to your two letters, for example "US".',
        )
    if notify.dry_run:
        yield warning(
            "notify",
            f"Nothing is sent: it is a dry run, written into {settings.path(notify.outbox)}.",
            "When everything is right, set dry_run = false under [notify].",
        )
    elif not told:
        yield warning(
            "notify",
            "There is no account for texts, mails or chat, so ctx.notify fails.",
            "Enter one under [notify] (docs/notify.md), or set dry_run = true.",
        )
    else:
        yield ok("notify", f"The accounts are well-formed: {told}. No message was sent.")


def _secrets(settings: Settings, name: str) -> Finding:
    setting = f"profiles.{name}.secrets"
    references = settings.profiles[name].secrets
    if not references:
        return problem(
            "secret",
            f"The profile {name} has no secret, so it answers 503 to every event.",
            f"Set {setting}, for example to "
            '["env:ALMAHOOK_SECRET"]. Without a settings file, almahook serve makes one.',
        )
    try:
        found = settings.secrets(references, setting=setting)
    except ConfigurationError as error:
        return problem("secret", error.message, "almahook serve does not start without it.")
    if any(len(secret.reveal()) < _SHORT for secret in found):
        return warning(
            "secret",
            f"A secret of the profile {name} is short, so that it could be guessed.",
            f"Enter a random one of at least {_SHORT} characters here and in Alma.",
        )
    number = "a secret" if len(found) == 1 else f"{len(found)} secrets"
    return ok("secret", f"The profile {name} has {number}.")


def _private_files(settings: Settings) -> Iterator[Path]:
    yield settings.path(".env")
    for profile in settings.profiles.values():
        for text in (*profile.secrets, profile.api_key):
            if text.startswith("file:"):
                yield settings.path(Reference.parse(text, setting="A secret").name)


def _privacy(path: Path) -> Iterator[Finding]:
    if path.is_file() and path.stat().st_mode & _NOT_MINE:
        yield warning(
            "privacy",
            f"{path} holds secrets, and others on this machine may read it.",
            f"chmod 600 {path}",
        )
