"""``almahook events show``."""

from typing import Annotated

import typer

from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.event_options import RevealOption

NumberArgument = Annotated[
    int, typer.Argument(metavar="NUMBER", min=1, help="Its number in the list.")
]
BodyOption = Annotated[
    bool, typer.Option("--body", help="Print the body and nothing else, byte for byte.")
]


def show_event(
    number: NumberArgument,
    *,
    body: BodyOption = False,
    reveal: RevealOption = False,
    as_json: JSONOption = False,
    settings: SettingsOption = None,
) -> None:
    """Show an event: what came, and each execution of its handlers."""
    from almahook.cli.entry import event_entry, run_entry_with_history
    from almahook.cli.event_page import event_page
    from almahook.cli.looking import open_for_look
    from almahook.cli.output import say, write_body
    from almahook.cli.standing import standings

    require_one_form(body=body, as_json=as_json)
    with open_for_look(settings) as (_, inbox):
        event = inbox.event(number)
        (standing,) = standings(inbox, [event])
        attempts = {run.id: inbox.attempts(run.id) for run in standing.runs}
    if body:
        write_body(event.body)
    elif as_json:
        runs = [run_entry_with_history(run, attempts[run.id]) for run in standing.runs]
        print_json({**event_entry(standing, reveal=reveal), "runs": runs})
    else:
        for line in event_page(standing, attempts, reveal=reveal):
            say(line)


def require_one_form(*, body: bool, as_json: bool) -> None:
    """Refuse to print a body within JSON: it would not be its bytes any more.

    Raises:
        BadParameter: Both are asked for.
    """
    if body and as_json:
        raise typer.BadParameter("--body prints the body alone. Leave --json out.")
