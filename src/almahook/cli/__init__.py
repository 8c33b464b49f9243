"""The commands, one module each."""

import typer

from almahook.cli.demo import demo

app = typer.Typer(no_args_is_help=True)


@app.callback()
def root() -> None:
    """The webhook inbox for Ex Libris Alma."""


app.command()(demo)


def main() -> None:
    """Run the command line."""
    app()
