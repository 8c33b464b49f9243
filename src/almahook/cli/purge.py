"""``almahook purge``."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.consent import YesOption, require_consent, require_somebody_to_ask
from almahook.cli.event_options import moment
from almahook.cli.moment import local_time, utc_time
from almahook.cli.output import counted, say
from almahook.errors import ConfigurationError

if TYPE_CHECKING:
    from almahook.config import Settings
    from almahook.inbox import EventFilter, Inbox, Purged

_DAY_S = 86_400.0
_PAGE = 200
# Beside these everything is finished.
_UNFINISHED = ("pending", "waiting", "running")

BeforeOption = Annotated[
    float | None,
    typer.Option(
        "--before",
        metavar="TIME",
        parser=moment,
        help="Received before then: 30d (ago), 2026-11-01. Without it, retention_days ago.",
        show_default=False,
    ),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Delete nothing, only count.")]


def purge(
    *,
    before: BeforeOption = None,
    dry_run: DryRunOption = False,
    yes: YesOption = False,
    as_json: JSONOption = False,
    settings: SettingsOption = None,
) -> None:
    """Delete finished events and refused requests that are old, for ever.

    What is pending, waits or runs is kept however old it is.
    """
    from almahook.app.housekeeping import purge_all
    from almahook.cli.looking import open_for_look

    require_somebody_to_ask(yes=yes or dry_run)
    with open_for_look(settings) as (loaded, inbox):
        limit = _limit(before, loaded, now=time.time())
        if not yes and not dry_run:
            found = count_old(inbox, before=limit)
            require_consent(f"Delete for ever: {_amount(found)}?", yes=yes)
        done = count_old(inbox, before=limit) if dry_run else purge_all(inbox, before=limit)
    if as_json:
        counts = {"events": done.events, "rejections": done.rejections}
        print_json({"before": utc_time(limit), "dry_run": dry_run, **counts})
    else:
        verb = "Would delete" if dry_run else "Deleted"
        say(f"{verb} what was received before {local_time(limit)}: {_amount(done)}")


def count_old(inbox: "Inbox", *, before: float) -> "Purged":
    """Count what a purge would delete."""
    from almahook.inbox import EventFilter, Purged

    kept: set[int] = set()
    for state in _UNFINISHED:
        kept.update(_numbers(inbox, EventFilter(state=state, until=before)))
    events = sum(seq not in kept for seq in _numbers(inbox, EventFilter(until=before)))
    rejections = sum(at < before for at in _rejected(inbox))
    return Purged(events=events, rejections=rejections)


def _limit(before: float | None, settings: "Settings", *, now: float) -> float:
    """Say before which time.

    Raises:
        ConfigurationError: The settings keep everything, and nothing else was said.
        BadParameter: The time is still to come, so that it is a slip.
    """
    if before is not None:
        if before > now:
            raise typer.BadParameter(f"{local_time(before)} is still to come.")
        return before
    if not settings.retention_days:
        raise ConfigurationError("retention_days is 0: everything is kept. Add --before 30d")
    return now - settings.retention_days * _DAY_S


def _numbers(inbox: "Inbox", where: "EventFilter") -> Iterator[int]:
    after = 0
    while page := inbox.events(where, limit=_PAGE, after=after):
        yield from (event.seq for event in page)
        after = page[-1].seq


def _rejected(inbox: "Inbox") -> Iterator[float]:
    before = None
    while page := inbox.rejections(limit=_PAGE, before=before):
        yield from (rejection.at for rejection in page)
        before = page[-1].id


def _amount(purged: "Purged") -> str:
    events = counted(purged.events, "event")
    return f"{events}, {counted(purged.rejections, 'refused request')}"
