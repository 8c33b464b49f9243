"""``almahook events tail``."""

from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.event_options import (
    ActionOption,
    EventOption,
    IdOption,
    ProfileOption,
    RevealOption,
    SubjectOption,
    event_filter,
)

if TYPE_CHECKING:
    from almahook.cli.standing import Standing

AfterOption = Annotated[
    int | None,
    typer.Option(
        "--after",
        min=0,
        metavar="NUMBER",
        help="Begin behind this one, and not with what arrives from now on.",
    ),
]


def tail_events(
    *,
    profile: ProfileOption = "",
    action: ActionOption = "",
    event: EventOption = "",
    event_id: IdOption = "",
    subject: SubjectOption = "",
    after: AfterOption = None,
    reveal: RevealOption = False,
    as_json: JSONOption = False,
    settings: SettingsOption = None,
) -> None:
    """Print events as they arrive, until Ctrl-C.

    With --json, one object a line. The status is 130 after Ctrl-C, and 0 after
    SIGTERM or when nobody reads the output any more.
    """
    from almahook.cli.following import Ending, follow, newest
    from almahook.cli.looking import open_for_look
    from almahook.cli.output import remark

    where = event_filter(
        profile=profile, action=action, event=event, event_id=event_id, subject=subject
    )
    with open_for_look(settings) as (_, inbox):
        ending = Ending()
        start = newest(inbox) if after is None else after
        remark(f"Waiting for what arrives after event {start}. Ctrl-C ends it.")
        try:
            for standing in follow(inbox, where, after=start, ending=ending):
                _print(standing, reveal=reveal, as_json=as_json)
        except BrokenPipeError:
            ending.hang_up()
    raise typer.Exit(ending.status)


def _print(standing: "Standing", *, reveal: bool, as_json: bool) -> None:
    from almahook.app.patron import shown_subject
    from almahook.cli.entry import event_entry
    from almahook.cli.events_list import event_name
    from almahook.cli.moment import local_time
    from almahook.cli.output import plain, say

    if as_json:
        print_json(event_entry(standing, reveal=reveal))
        return
    event = standing.event
    about = shown_subject(event.action, event.subject, reveal=reveal)
    name = event_name(event.action, event.event)
    say(plain(f"{event.seq:>6}  {local_time(event.received_at)}  {name:<23}  {about}"))
