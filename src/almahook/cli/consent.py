"""Asking before much is changed at once."""

import sys
from typing import Annotated

import typer

from almahook.errors import ConfigurationError

YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="Do not ask. Needed where there is no terminal.")
]


def require_somebody_to_ask(*, yes: bool) -> None:
    """Refuse to begin without a terminal and without --yes.

    That does not depend on how much there is to do, so a script fails at its first try and not in
    the night when there is something.

    Raises:
        ConfigurationError: Nobody can be asked, and nobody has said yes.
    """
    if not yes and not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise ConfigurationError("There is no terminal to ask on before this is done. Add --yes")


def require_consent(question: str, *, yes: bool) -> None:
    """Ask, unless the answer was given already.

    Raises:
        Exit: The answer is no; the status is 1.
    """
    if yes:
        return
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        typer.echo("Nothing was changed.", err=True)
        raise typer.Exit(1)
