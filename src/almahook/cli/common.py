"""What the commands share: options, output, errors."""

from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from almahook.errors import AlmaHookError, ConfigurationError, HandlerLoadError

FAILED = 1
WRONG_USE = 2
INTERRUPTED = 130

# Which socket ties a process to the ``almahook serve`` that has started it.
TETHER = "--tether"

SettingsOption = Annotated[
    Path | None,
    typer.Option(
        "--settings", help="The settings file; almahook.toml if none is named.", metavar="FILE"
    ),
]
JSONOption = Annotated[bool, typer.Option("--json", help="Print JSON, for a program.")]


def print_json(value: Any) -> None:
    """Print a value as JSON on one line."""
    typer.echo(msgspec.json.encode(value, enc_hook=str))


def report(error: AlmaHookError) -> int:
    """Tell the person what is wrong, on standard error; return the exit status."""
    typer.secho(f"{error.message}  [{error.code}]", err=True, fg=typer.colors.RED)
    return WRONG_USE if isinstance(error, ConfigurationError | HandlerLoadError) else FAILED
