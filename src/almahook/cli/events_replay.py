"""``almahook events replay``."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from almahook.cli.common import FAILED, JSONOption, SettingsOption, print_json
from almahook.cli.consent import YesOption, require_consent, require_somebody_to_ask
from almahook.cli.event_options import (
    ActionOption,
    EventOption,
    IdOption,
    ProfileOption,
    SinceOption,
    SubjectOption,
    UntilOption,
    event_filter,
)
from almahook.cli.output import counted

if TYPE_CHECKING:
    from almahook.handlers import Registry
    from almahook.inbox import EventFilter

NumbersArgument = Annotated[
    list[int] | None, typer.Argument(metavar="NUMBER", min=1, help="Their numbers.")
]
StateOption = Annotated[
    Literal["parked", "unhandled"] | None,
    typer.Option("--state", help="All in this state, instead of numbers."),
]
HandlerOption = Annotated[
    list[str] | None,
    typer.Option("--handler", metavar="NAME", help="This handler only; may be repeated."),
]
FreshOption = Annotated[
    bool | None,
    typer.Option(
        "--fresh/--keep-steps",
        help="Forget, or keep, finished ctx.once steps. Kept, unless the run succeeded.",
        show_default=False,
    ),
]


def replay_events(
    *,
    numbers: NumbersArgument = None,
    state: StateOption = None,
    handler: HandlerOption = None,
    fresh: FreshOption = None,
    profile: ProfileOption = "",
    action: ActionOption = "",
    event: EventOption = "",
    event_id: IdOption = "",
    subject: SubjectOption = "",
    since: SinceOption = None,
    until: UntilOption = None,
    yes: YesOption = False,
    as_json: JSONOption = False,
    settings: SettingsOption = None,
) -> None:
    """Have events handled again: those of some numbers, or all that are parked or unhandled.

    Of an event, what is parked or waits for its next attempt is run again. If
    there is nothing of the kind, every handler that takes it now is run. What
    runs them is almahook serve or almahook work.
    """
    from almahook.app.logs import configure_logs
    from almahook.app.registry import load_registry
    from almahook.app.replay import Wish, find, replay
    from almahook.cli.looking import open_for_look
    from almahook.cli.replay_report import collect, document, has_failed, tell

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
    _require_one_choice(numbers, state, where)
    # Who names numbers has chosen already.
    yes = yes or state is None
    require_somebody_to_ask(yes=yes)
    wish = Wish(handlers=handler or (), state=state, fresh=fresh)
    with open_for_look(settings) as (loaded, inbox):
        configure_logs(form=loaded.log_format, level=loaded.log_level)
        registry = load_registry(loaded)
        _require_handlers(registry, wish.handlers)
        seqs = list(dict.fromkeys(numbers)) if numbers else find(inbox, registry, where, wish)
        if seqs:
            require_consent(f"Replay {counted(len(seqs), f'{state} event')}?", yes=yes)
        results = collect(replay(inbox, registry, seqs, wish, now=time.time()))
    if as_json:
        print_json(document(results))
    else:
        tell(results)
    if has_failed(results):
        raise typer.Exit(FAILED)


def _require_one_choice(
    numbers: Sequence[int] | None, state: str | None, where: "EventFilter"
) -> None:
    if bool(numbers) == bool(state):
        raise typer.BadParameter(
            "Say which events: their numbers, or --state parked, or --state unhandled."
        )
    if numbers and where != event_filter():
        raise typer.BadParameter("Options such as --action choose among those of a --state.")


def _require_handlers(registry: "Registry", names: Sequence[str]) -> None:
    for name in names:
        if registry.get(name) is None:
            known = ", ".join(registry.names) or "none"
            raise typer.BadParameter(f"No handler is called {name}. There are: {known}.")
