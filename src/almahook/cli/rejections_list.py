"""``almahook rejections list``."""

import time
from typing import TYPE_CHECKING

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.event_options import BeforeOption, LimitOption, ProfileOption

if TYPE_CHECKING:
    from almahook.inbox import Rejection

_LIMIT = 50
_LONGEST_PROFILE = 12


def list_rejections(
    *,
    profile: ProfileOption = "",
    limit: LimitOption = _LIMIT,
    before: BeforeOption = None,
    as_json: JSONOption = False,
    settings: SettingsOption = None,
) -> None:
    """List refused requests, the newest first: what was answered, and why."""
    from almahook.cli.entry import rejection_entry
    from almahook.cli.looking import open_for_look

    with open_for_look(settings) as (_, inbox):
        # One more than is shown tells whether there are older ones.
        found = inbox.rejections(limit=limit + 1, before=before, profile=profile)
    page = found[:limit]
    cursor = page[-1].id if len(found) > limit else None
    if as_json:
        entries = [rejection_entry(rejection) for rejection in page]
        print_json({"rejections": entries, "next": cursor})
    else:
        _print(page, cursor)


def _print(page: list["Rejection"], cursor: int | None) -> None:
    from almahook.cli.output import remark
    from almahook.cli.table import Column, print_table

    columns = [
        Column(title="number", is_number=True),
        Column(title="received"),
        Column(title="status", is_number=True),
        Column(title="profile"),
        Column(title="bytes", is_number=True),
        Column(title="reason", is_whole=False),
    ]
    if page:
        print_table(columns, [_row(rejection) for rejection in page])
        remark(f"What to do about one: almahook rejections show {page[0].id}")
    else:
        remark("Nothing was refused, or it is forgotten already (setting rejections_kept).")
    if cursor is not None:
        remark(f"There are older ones: add --before {cursor}")


def _row(rejection: "Rejection") -> tuple[str, ...]:
    from almahook.cli.moment import short_time

    return (
        str(rejection.id),
        short_time(rejection.at, now=time.time(), seconds=True),
        str(rejection.status),
        _short(rejection.profile),
        f"{rejection.size:,}",
        rejection.reason,
    )


def _short(profile: str) -> str:
    """Cut off what stands where a profile's name should: it can be anything."""
    fits = len(profile) <= _LONGEST_PROFILE
    return profile if fits else profile[: _LONGEST_PROFILE - 1] + "…"
