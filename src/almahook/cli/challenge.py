"""``almahook challenge``: asks a listener as Alma's Activate button does."""

from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.common import FAILED, JSONOption, print_json
from almahook.cli.page import Page, State

if TYPE_CHECKING:
    from almahook.cli.challenge_verdict import Verdict


def challenge(
    url: Annotated[str, typer.Argument(help="The listener URL, as it is entered in Alma.")],
    *,
    as_json: JSONOption = False,
) -> None:
    """Ask a listener as Alma's Activate button does, and judge the answer.

    Ends with 0 if Alma would take the answer, and with 1 if it would not.
    """
    from dataclasses import asdict

    from almahook.cli.challenge_verdict import challenge as ask

    verdict = ask(url)
    if as_json:
        print_json({"url": url, **asdict(verdict)})
    else:
        _tell(verdict)
    if not verdict.ok:
        raise typer.Exit(FAILED)


def _tell(verdict: "Verdict") -> None:
    page = Page()
    state: State = "ok" if verdict.as_documented else "warning" if verdict.ok else "problem"
    page.finding(state, verdict.says, fix=verdict.fix)
    if verdict.status is not None:
        page.note(f"HTTP {verdict.status} after {verdict.seconds * 1000:.0f} ms.")
    for note in verdict.notes:
        page.note(note)
