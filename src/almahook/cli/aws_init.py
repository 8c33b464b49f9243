"""``almahook aws init``: what a listener on AWS needs, written into the project."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from almahook.cli.aws_options import ArchitectureOption, PythonOption
from almahook.cli.common import JSONOption, SettingsOption, print_json
from almahook.cli.page import Page
from almahook.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from almahook.cli.aws_project import Plan
    from almahook.config import Settings

_OVERWRITTEN = "overwritten"
_MADE = "made"
_KEPT = "kept"


@dataclass(frozen=True, slots=True)
class _Written:
    file: Path
    what: str


def init_aws(
    *,
    stack: Annotated[
        str, typer.Option(metavar="NAME", help="What everything on AWS is called.")
    ] = "almahook",
    region: Annotated[
        str,
        typer.Option(
            metavar="REGION",
            help="For example us-east-1; without it, that of your AWS settings.",
            show_default=False,
        ),
    ] = "",
    email: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Who gets the alarms.", show_default=False),
    ] = "",
    python: PythonOption = "3.13",
    architecture: ArchitectureOption = "arm64",
    overwrite: Annotated[
        bool,
        typer.Option(
            "--overwrite",
            help="Write the templates anew; settings and parameters are kept even so.",
        ),
    ] = False,
    settings: SettingsOption = None,
    as_json: JSONOption = False,
) -> None:
    """Write templates for AWS into the folder aws: of SAM for both shapes, of Terraform for one.

    A file that is there already is kept as it is, and named.
    """
    from almahook.cli.aws_project import Plan, secret_commands
    from almahook.cli.aws_target import Target

    target = Target(python=python, architecture=architecture)
    plan = Plan(stack=_require_stack(stack), region=region, email=email, target=target)
    folder, there, written = _write_all(plan, settings, overwrite=overwrite)
    commands = list(secret_commands(there))
    if as_json:
        print_json({"folder": str(folder.absolute()), **_by_what(written), "secrets": commands})
    else:
        _tell(folder, written, commands)


def _require_stack(name: str) -> str:
    """Refuse a name that one of the two stacks cannot have, as their inboxes are named so too."""
    from almahook.cli.aws_project import direct_stack
    from almahook.inbox.aws.resources import NAME

    if not NAME.fullmatch(name) or not NAME.fullmatch(direct_stack(name)):
        raise ConfigurationError(
            f"{name!r} cannot be a stack's name: it has 3 to 25 small letters, figures and "
            "hyphens, a letter first and no hyphen last."
        )
    return name


def _write_all(
    plan: "Plan", settings: Path | None, *, overwrite: bool
) -> "tuple[Path, Settings, list[_Written]]":
    """Write everything; the templates are made of the settings for AWS, as they are by then."""
    from almahook.cli.aws_folder import aws_settings, project_folder
    from almahook.cli.aws_project import FILLED_IN, SETTINGS, inbox_url, project_files
    from almahook.cli.aws_settings import aws_settings_file
    from almahook.config import load_settings

    here = load_settings(settings)
    if here.file is None:
        raise ConfigurationError(
            "There is no almahook.toml here, which this starts from. Type: almahook init"
        )
    folder = project_folder(here)
    text = aws_settings_file(
        here, folder=folder, file=folder / SETTINGS, inbox=inbox_url(plan.stack)
    )
    written = [_write(folder / SETTINGS, text, overwrite=False)]
    there = aws_settings(folder)
    for name, content in project_files(plan, there):
        is_theirs = Path(name).name in FILLED_IN
        written.append(_write(folder / name, content, overwrite=overwrite and not is_theirs))
    return folder, there, written


def _write(file: Path, text: str, *, overwrite: bool) -> _Written:
    from almahook.app.new_file import FOR_ALL, write_new

    if write_new(file, text, mode=FOR_ALL):
        return _Written(file, _MADE)
    if not overwrite or _reads(file, text):
        return _Written(file, _KEPT)
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be written: {error.strerror}") from None
    return _Written(file, _OVERWRITTEN)


def _reads(file: Path, text: str) -> bool:
    try:
        return file.read_bytes() == text.encode("utf-8")
    except OSError:
        return False


def _by_what(written: "Iterable[_Written]") -> dict[str, list[str]]:
    return {
        what: [str(one.file) for one in written if one.what == what]
        for what in (_MADE, _OVERWRITTEN, _KEPT)
    }


def _tell(folder: Path, written: "Iterable[_Written]", commands: list[str]) -> None:
    page = Page()
    for one in written:
        is_kept = one.what == _KEPT
        page.text(f"{one.what}  {one.file}{', which was there already' if is_kept else ''}")
    page.text()
    page.text(
        "Two shapes: queue (HTTP API, SQS, DynamoDB: the one to use) and direct (REST API, as in "
        f"Ex Libris's walkthrough). {folder / 'README.md'} explains both, and what to click in "
        "Alma."
    )
    page.text()
    page.text(
        "Next, once, the secrets. Each webhook secret is a random one; the others are read from "
        "what you paste, ended by Ctrl-D:"
    )
    for command in commands:
        page.copy(command)
    page.text()
    page.text("Then:")
    page.copy(_NEXT)


_NEXT = """\
almahook aws build      # the zip files, with your handlers
almahook aws deploy     # by sam or terraform, whichever is here
almahook aws check      # asks a challenge, and sends a signed test event
"""
