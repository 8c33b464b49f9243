"""``almahook init``: the folder of a new project."""

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from almahook.cli.common import JSONOption, print_json
from almahook.cli.page import Page
from almahook.config import SETTINGS_FILE

_PRIVATE = ".env"
_NAME = "ALMAHOOK_SECRET"
_NEVER_COMMITTED = (".env", "data/")
_HAS_SECRET = re.compile(rf"^\s*(?:export\s+)?{_NAME}[ \t]*=[ \t]*\S", re.MULTILINE)


def init(
    folder: Annotated[
        Path, typer.Argument(help="The folder; it is made if it is not there.")
    ] = Path(),
    *,
    country: Annotated[
        str,
        typer.Option(
            metavar="XX",
            help="Where phone numbers without + are, as two letters: US.",
            show_default=False,
        ),
    ] = "",
    as_json: JSONOption = False,
) -> None:
    """Make a project: settings, a handler with its test, and a fresh secret.

    A file that is there already is kept as it is, and named.
    """
    from almahook.notify.number import require_country

    files = dict(_files(require_country(country)))
    made = [name for name, text in files.items() if _write(folder / name, text)]
    kept = [name for name in files if name not in made]
    advice = list(_advice(folder, kept))
    if as_json:
        place = str(folder.absolute())
        print_json({"folder": place, "made": made, "kept": kept, "advice": advice})
    else:
        _tell(folder, made, kept, advice)


def _files(country: str) -> Iterator[tuple[str, str]]:
    from almahook.app.first_run import new_secret
    from almahook.cli.project_settings import settings_file

    environment = _template("almahook.cli._project", "env")
    yield SETTINGS_FILE, settings_file(country=country)
    yield "handlers/job_end.py", _template("almahook.handlers.templates", "job_end.py")
    yield "tests/test_job_end.py", _template("almahook.cli._project", "test_job_end.py")
    yield ".env.example", environment
    yield _PRIVATE, environment.replace(f"{_NAME}=", f"{_NAME}={new_secret()}")
    yield ".gitignore", _template("almahook.cli._project", "gitignore")


def _template(package: str, name: str) -> str:
    return (resources.files(package) / name).read_text(encoding="utf-8")


def _write(file: Path, text: str) -> bool:
    """Write a file unless there is one; say whether it was written.

    Raises:
        ConfigurationError: It cannot be written.
    """
    from almahook.app.new_file import FOR_ALL, OWNER_ONLY, write_new

    return write_new(file, text, mode=OWNER_ONLY if file.name == _PRIVATE else FOR_ALL)


def _advice(folder: Path, kept: list[str]) -> Iterator[str]:
    """Say what a file that was kept must have."""
    if _PRIVATE in kept and not _HAS_SECRET.search(_read(folder / _PRIVATE)):
        yield f"Add a line {_NAME}=… to .env, with a long random text."
    if ".gitignore" in kept:
        lines = _read(folder / ".gitignore").split()
        missing = [name for name in _NEVER_COMMITTED if name not in lines]
        if missing:
            yield f"Add to .gitignore, so that no secret is committed: {' and '.join(missing)}"


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8", "replace")
    except OSError:
        return ""


def _tell(folder: Path, made: list[str], kept: list[str], advice: list[str]) -> None:
    page = Page()
    for name in made:
        page.text(f"made  {folder / name}")
    for name in kept:
        page.text(f"kept  {folder / name}, which was there already")
    for text in advice:
        page.finding("warning", text)
    page.text()
    if SETTINGS_FILE in made:
        page.text(
            "Nothing is sent to anybody yet: texts are written into data/outbox.jsonl until "
            "almahook.toml says otherwise. The secret for Alma is in .env."
        )
        page.text()
    page.text("Next:")
    if folder != Path():
        page.copy(f"cd {folder}")
    page.copy(_NEXT)


_NEXT = """\
almahook serve          # receives, and says what to enter in Alma
almahook send JOB_END   # in another terminal: an event, as Alma sends it
almahook doctor         # what is missing still
"""
