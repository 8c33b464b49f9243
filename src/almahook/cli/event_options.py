"""The options that choose events, the same for every command that has them."""

import time
from typing import Annotated, Literal, get_args

import typer

from almahook.cli.moment import parse_moment
from almahook.errors import ConfigurationError
from almahook.inbox import EventFilter

State = Literal[
    "parked",
    "running",
    "waiting",
    "succeeded",
    "skipped",
    "superseded",
    "cancelled",
    "pending",
    "unhandled",
]

_CHOICE = "Which events"


def moment(text: str) -> float:
    """Read an option that is a time."""
    try:
        return parse_moment(text, now=time.time())
    except ConfigurationError as error:
        raise typer.BadParameter(error.message) from None


ProfileOption = Annotated[
    str, typer.Option("--profile", metavar="NAME", help="Of this profile.", rich_help_panel=_CHOICE)
]
ActionOption = Annotated[
    str,
    typer.Option("--action", metavar="NAME", help="For example LOAN.", rich_help_panel=_CHOICE),
]
EventOption = Annotated[
    str,
    typer.Option(
        "--event", metavar="NAME", help="For example LOAN_RETURNED.", rich_help_panel=_CHOICE
    ),
]
IdOption = Annotated[
    str, typer.Option("--id", metavar="ID", help="Alma's id of it.", rich_help_panel=_CHOICE)
]
SubjectOption = Annotated[
    str,
    typer.Option(
        "--subject",
        metavar="ID",
        help="About this loan, item, record, request, job or user.",
        rich_help_panel=_CHOICE,
    ),
]
StateOption = Annotated[
    State | None,
    typer.Option(
        "--state",
        metavar="STATE",
        help=f"Of which a run is in this state: {', '.join(get_args(State))}.",
        rich_help_panel=_CHOICE,
    ),
]
SinceOption = Annotated[
    float | None,
    typer.Option(
        "--since",
        metavar="TIME",
        parser=moment,
        help="Received then or later: 2h (ago), 2026-11-01, 2026-11-01T08:30.",
        rich_help_panel=_CHOICE,
    ),
]
UntilOption = Annotated[
    float | None,
    typer.Option(
        "--until",
        metavar="TIME",
        parser=moment,
        help="Received before then.",
        rich_help_panel=_CHOICE,
    ),
]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=1000, help="How many at most.")]
BeforeOption = Annotated[
    int | None,
    typer.Option("--before", min=1, metavar="NUMBER", help="Those before this one."),
]
RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Show the ids of readers, which are hidden otherwise.")
]


def event_filter(
    *,
    profile: str = "",
    action: str = "",
    event: str = "",
    event_id: str = "",
    subject: str = "",
    state: str | None = None,
    since: float | None = None,
    until: float | None = None,
) -> EventFilter:
    """Make the filter of the options; Alma's names are in capitals however they are typed."""
    return EventFilter(
        profile=profile,
        action=action.upper(),
        event=event.upper(),
        event_id=event_id,
        subject=subject,
        state=state or "",
        since=since,
        until=until,
    )
