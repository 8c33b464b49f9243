"""``almahook doctor``: what is wrong with a set-up, and what to do about it."""

import logging
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import FAILED, JSONOption, SettingsOption, print_json
from almahook.cli.page import Page
from almahook.errors import AlmaHookError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from almahook.cli.finding import Finding
    from almahook.config import Settings


def doctor(
    *,
    url: Annotated[
        str | None,
        typer.Option(
            "--url",
            metavar="URL",
            help="Where Alma would call; without it public_url, or the listener on this machine.",
            show_default=False,
        ),
    ] = None,
    settings: SettingsOption = None,
    as_json: JSONOption = False,
) -> None:
    """Look whether everything works, and say what to do about what does not.

    Ends with 1 if there is a problem. No event is made and no message is sent; the listener may
    run or not.
    """
    from dataclasses import asdict

    found = []
    with _without_log():
        for finding in _examine(settings, url):
            found.append(finding)
            if not as_json:
                Page().finding(finding.state, finding.text, fix=finding.fix)
    problems = sum(finding.state == "problem" for finding in found)
    warnings = sum(finding.state == "warning" for finding in found)
    if as_json:
        print_json({"ok": not problems, "findings": [asdict(finding) for finding in found]})
    else:
        Page().text()
        Page().text(f"{_count(problems, 'problem')}, {_count(warnings, 'warning')}")
    if problems:
        raise typer.Exit(FAILED)


@contextmanager
def _without_log() -> "Iterator[None]":
    """Log nothing: it would say again what is found here."""
    log = logging.getLogger("almahook")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(before)


def _count(number: int, name: str) -> str:
    return f"{number} {name}{'' if number == 1 else 's'}"


def _examine(path: Path | None, url: str | None) -> "Iterator[Finding]":
    """Look at everything, the causes before their effects."""
    import time

    from almahook.cli.check_alma import check_alma
    from almahook.cli.check_inbox import check_inbox
    from almahook.cli.check_listener import ListenerCheck
    from almahook.cli.check_settings import check_handlers, check_notify, check_settings
    from almahook.cli.finding import problem
    from almahook.cli.lookup import known_settings

    now = time.time()
    try:
        settings = known_settings(path)
    except AlmaHookError as error:
        yield problem("settings", error.message, "almahook serve does not start like this.")
        return
    yield from check_settings(settings)
    yield from check_handlers(settings)
    yield from check_notify(settings)
    listener = ListenerCheck(settings=settings, url=url, now=now)
    yield from listener.run()
    if listener.probes:
        _forget(settings, listener.probes)
    yield from check_inbox(settings, now=now)
    yield from check_alma(settings, now=now)


def _forget(settings: "Settings", sent: int) -> None:
    """Take this check-up's questions out of the refused requests, if the inbox is here."""
    from almahook.app.stores import aws_name, inbox_file, open_existing_inbox
    from almahook.cli.check_inbox import is_current
    from almahook.cli.probe import forget_probes

    try:
        # Opening an older one would change it.
        if aws_name(settings) is not None or is_current(inbox_file(settings)):
            with closing(open_existing_inbox(settings)) as inbox:
                forget_probes(inbox, sent=sent)
    except AlmaHookError:
        # The check of the inbox says why.
        return
