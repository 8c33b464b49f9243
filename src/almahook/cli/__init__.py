"""The commands, one module each.

Exit codes: 0 when what was asked for is so, 1 when it is not (a challenge without an answer, an
event that was refused, a finding of the doctor's), 2 when the command or the configuration is
wrong, 130 after Ctrl-C.
"""

import sys

import typer

from almahook.cli.common import report
from almahook.cli.demo import demo
from almahook.cli.serve import serve
from almahook.cli.work import work
from almahook.errors import AlmaHookError

app = typer.Typer(
    name="almahook",
    help="The webhook inbox for Ex Libris Alma.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

for command in (serve, work, demo):
    app.command()(command)


@app.callback(invoke_without_command=True)
def root() -> None:
    """The webhook inbox for Ex Libris Alma."""


def main() -> None:
    """Run the command line; an error says its code and its fix, and becomes the exit status."""
    try:
        app()
    except AlmaHookError as error:
        sys.exit(report(error))
