"""``almahook demo``: a pretend Alma, the real listener, and everything that happens in between."""

import signal
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

EVENTS = 2000
_INTERRUPTED = 130


def demo(
    *,
    stay: Annotated[
        bool, typer.Option("--stay", help="Keep everything running at the end, until Ctrl-C.")
    ] = False,
    count: Annotated[
        int, typer.Option(min=1, max=100_000, help="How many events the bulk part sends.")
    ] = EVENTS,
    keep: Annotated[
        bool, typer.Option("--keep", help="Do not delete the folder with the inbox and the log.")
    ] = False,
) -> None:
    """Show what almahook does: a pretend Alma and the listener, on this machine only."""
    from rich.console import Console

    # A closed terminal and a polite kill end it as Ctrl-C does: with everything removed.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    console = Console(highlight=False)
    raise typer.Exit(run_demo(stay=stay, count=count, keep=keep, console=console))


def run_demo(*, stay: bool, count: int, console: "Console", keep: bool = False) -> int:
    """Run the demonstration, and say how it went.

    Args:
        stay: Keep Alma and the listener running after the summary, until Ctrl-C.
        count: How many events the bulk part sends.
        console: Where it is shown.
        keep: Do not delete the temporary folder.

    Returns:
        0 if every count is what Alma sent, 1 if one is not, 130 if it was interrupted before the
        summary.

    Raises:
        ConfigurationError: The listener did not start.
    """
    from almahook.cli.demo_play import play

    try:
        return play(stay=stay, count=count, keep=keep, console=console)
    except KeyboardInterrupt:
        console.print("\nStopped. Everything that was started has ended.")
        return _INTERRUPTED


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
