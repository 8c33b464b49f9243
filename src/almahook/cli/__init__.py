"""The commands, one module each.

Exit codes: 0 when what was asked for is so, 1 when it is not (a challenge without an answer, an
event that was refused, a finding of the doctor's), 2 when the command or the configuration is
wrong, 130 after Ctrl-C.
"""

import sys
from typing import Annotated

import typer

from almahook import __version__
from almahook.cli.aws import aws
from almahook.cli.challenge import challenge
from almahook.cli.common import INTERRUPTED, report
from almahook.cli.demo import demo
from almahook.cli.doctor import doctor
from almahook.cli.events import events
from almahook.cli.init import init
from almahook.cli.migrate import migrate
from almahook.cli.purge import purge
from almahook.cli.receive import receive
from almahook.cli.rejections import rejections
from almahook.cli.send import send
from almahook.cli.serve import serve
from almahook.cli.sign import sign
from almahook.cli.simulate import simulate
from almahook.cli.work import work
from almahook.errors import AlmaHookError

app = typer.Typer(
    name="almahook",
    help="The webhook inbox for Ex Libris Alma.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

for command in (init, serve, work, send, challenge, sign, simulate, doctor, migrate, purge, demo):
    app.command()(command)
# Nobody types this one.
app.command(hidden=True)(receive)
app.add_typer(events, name="events")
app.add_typer(rejections, name="rejections")
app.add_typer(aws, name="aws")


def _tell_version(*, is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"almahook {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_tell_version, is_eager=True),
    ] = False,
) -> None:
    """The webhook inbox for Ex Libris Alma."""
    del version


def main() -> None:
    """Run the command line; an error says its code and its fix, and becomes the exit status."""
    try:
        app()
    except AlmaHookError as error:
        sys.exit(report(error))
    except KeyboardInterrupt:
        # Before the command had begun.
        sys.exit(INTERRUPTED)
