"""``almahook events list``."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.event_options import (
    ActionOption,
    BeforeOption,
    EventOption,
    IdOption,
    LimitOption,
    ProfileOption,
    RevealOption,
    SinceOption,
    StateOption,
    SubjectOption,
    UntilOption,
    event_filter,
)

if TYPE_CHECKING:
    from almahook.cli.standing import Standing
    from almahook.inbox import EventFilter, Inbox

_LIMIT = 50
_PAGE = 100


def list_events(
    *,
    profile: ProfileOption = "",
    action: ActionOption = "",
    event: EventOption = "",
    event_id: IdOption = "",
    subject: SubjectOption = "",
    state: StateOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = _LIMIT,
    before: BeforeOption = None,
    reveal: RevealOption = False,
    as_json: JSONOption = False,
    settings: SettingsOption = None,
) -> None:
    """List events, the newest first."""
    from almahook.cli.entry import event_entry
    from almahook.cli.looking import open_for_look

    where = event_filter(
        profile=profile,
        action=action,
        event=event,
        event_id=event_id,
        subject=subject,
        state=state,
        since=since,
        until=until,
    )
    with open_for_look(settings) as (_, inbox):
        # One more than is shown tells whether there are older ones.
        found = _find(inbox, where, limit=limit + 1, before=before)
        page = found[:limit]
        cursor = page[-1].event.seq if len(found) > limit else None
        if as_json:
            entries = [event_entry(standing, reveal=reveal) for standing in page]
            print_json({"events": entries, "next": cursor})
        else:
            _print(page, cursor, reveal=reveal)
        # So that the database by itself is all that there is, for who makes a copy of it.
        while inbox.tidy(limit=_PAGE):
            pass


def event_name(action: str, event: str) -> str:
    """Name an event as shortly as it can be: ``LOAN_RETURNED`` says that it is a LOAN."""
    if not event:
        return action
    return event if event.startswith(action) else f"{action} {event}"


def _find(
    inbox: "Inbox", where: "EventFilter", *, limit: int, before: int | None
) -> list["Standing"]:
    from almahook.cli.standing import standings

    found: list[Standing] = []
    while len(found) < limit:
        size = min(_PAGE, limit - len(found))
        page = inbox.events(where, limit=size, before=before)
        found += standings(inbox, page)
        if len(page) < size:
            break
        before = page[-1].seq
    return found


def _print(page: Sequence["Standing"], cursor: int | None, *, reveal: bool) -> None:
    from almahook.cli.output import remark
    from almahook.cli.table import Column, print_table

    columns = [
        Column(title="number", is_number=True),
        Column(title="received"),
        Column(title="profile", from_width=120),
        Column(title="event"),
        Column(title="id"),
        Column(title="about", from_width=110),
        Column(title="runs", is_whole=False),
    ]
    if page:
        print_table(columns, [_row(standing, reveal=reveal) for standing in page])
    else:
        remark("There is no such event.")
    if cursor is not None:
        remark(f"There are older ones: add --before {cursor}")


def _row(standing: "Standing", *, reveal: bool) -> tuple[str, ...]:
    from almahook.app.patron import shown_subject
    from almahook.cli.moment import short_time

    event = standing.event
    return (
        str(event.seq),
        short_time(event.received_at, now=time.time()),
        event.profile,
        event_name(event.action, event.event),
        event.event_id,
        shown_subject(event.action, event.subject, reveal=reveal),
        standing.summary,
    )
