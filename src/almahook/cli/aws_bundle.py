"""What is in the zip file of each function."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import requires
from pathlib import Path
from tempfile import TemporaryDirectory

import almahook
from almahook.app.functions import manifest
from almahook.app.functions.manifest_file import write_manifest
from almahook.cli.aws_bytecode import compile_folder
from almahook.cli.aws_folder import aws_settings
from almahook.cli.aws_imports import imported_files
from almahook.cli.aws_options import Shape
from almahook.cli.aws_project import BUILD, SETTINGS, ZIPS
from almahook.cli.aws_target import Target
from almahook.cli.aws_wheels import install_wheels, without_almahook
from almahook.cli.aws_zip import write_zip
from almahook.config import Settings
from almahook.errors import ConfigurationError

# What handlers may use. boto3 is part of AWS's Python.
_EXTRAS = ("alma", "notify", "marc")
_REQUIREMENTS = "requirements.txt"
# Names of places and carriers behind phone numbers: 40 MB, which almahook does not look at.
_UNUSED = ("phonenumbers/geodata", "phonenumbers/carrierdata", "phonenumbers/tzdata")
# Of almahook, what no function uses.
_LEFT_OUT = ("cli", "simulator", "testing", "__pycache__", "*.pyc")
_NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Project:
    """What is built.

    Attributes:
        folder: The folder for AWS.
        settings: Those for AWS.
        requirements: What the handlers import, a line each.
        include: Files and packages of the project that handlers import.
    """

    folder: Path
    shape: Shape
    settings: Settings
    requirements: Sequence[str]
    include: Sequence[Path]


@dataclass(frozen=True, kw_only=True, slots=True)
class Bundle:
    """One zip file.

    Attributes:
        is_compiled: Whether there was a Python of the function's version to compile with.
    """

    file: Path
    size: int
    is_compiled: bool


def load_project(
    folder: Path, shape: Shape, *, requirements: Path | None, include: Sequence[Path]
) -> Project:
    """Read what is to be built.

    Raises:
        ConfigurationError: A file that is named is not there, or the settings are wrong.
        HandlerLoadError: A handler cannot be loaded.
    """
    from almahook.app import load_registry

    settings = aws_settings(folder)
    for path in include:
        if not path.exists():
            raise ConfigurationError(f"There is no {path} to include.")
    # Here it is told at once, and there with the first event.
    load_registry(settings)
    return Project(
        folder=folder,
        shape=shape,
        settings=settings,
        requirements=_read(requirements, folder.parent / _REQUIREMENTS),
        include=include,
    )


def build_bundles(project: Project, target: Target) -> Iterator[Bundle]:
    """Make the zip file of each function."""
    for name in ZIPS[project.shape]:
        with TemporaryDirectory(prefix="almahook-") as place:
            folder = Path(place)
            _FILL[name](project, target, folder)
            is_compiled = compile_folder(folder, target)
            yield _packed(folder, project.folder / BUILD / f"{name}.zip", is_compiled, target)


def _packed(folder: Path, file: Path, is_compiled: bool, target: Target) -> Bundle:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_zip(folder, file, comment=target.label)
    return Bundle(file=file, size=file.stat().st_size, is_compiled=is_compiled)


def _fill_receive(project: Project, _: Target, folder: Path) -> None:
    # It needs the standard library alone.
    for place, file in imported_files("almahook.app.functions.receive").items():
        (folder / place).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / place)
    _put_manifest(project, folder)


def _fill_with_handlers(project: Project, target: Target, folder: Path) -> None:
    wanted = [*_own_requirements(*_EXTRAS), *without_almahook(project.requirements)]
    install_wheels(wanted, into=folder, target=target)
    if not any(line.strip().lower().startswith("phonenumbers") for line in project.requirements):
        for unused in _UNUSED:
            shutil.rmtree(folder / unused, ignore_errors=True)
    source = Path(almahook.__file__).parent
    shutil.copytree(source, folder / source.name, ignore=shutil.ignore_patterns(*_LEFT_OUT))
    handlers = project.settings.path(project.settings.handlers)
    if handlers.is_dir():
        shutil.copytree(handlers, folder / "handlers", ignore=_NOT_COPIED, dirs_exist_ok=True)
    for path in project.include:
        _copy(path, folder / path.name)
    shutil.copyfile(project.folder / SETTINGS, folder / SETTINGS)


def _put_manifest(project: Project, folder: Path) -> None:
    (folder / manifest.FILE).write_bytes(write_manifest(project.settings))


_FILL: dict[str, Callable[[Project, Target, Path], None]] = {
    "receive": _fill_receive,
    "work": _fill_with_handlers,
    "direct": _fill_with_handlers,
}


def _copy(path: Path, to: Path) -> None:
    if path.is_dir():
        shutil.copytree(path, to, ignore=_NOT_COPIED, dirs_exist_ok=True)
    else:
        shutil.copyfile(path, to)


def _own_requirements(*extras: str) -> list[str]:
    """Return what almahook needs, and what some of its extras do."""
    markers = {"", *(f"extra == '{extra}'" for extra in extras)}
    split = (line.partition(";") for line in requires("almahook") or ())
    return [line.strip() for line, _, marker in split if _plain(marker) in markers]


def _plain(marker: str) -> str:
    return marker.strip().replace('"', "'")


def _read(named: Path | None, usual: Path) -> list[str]:
    if named is None and not usual.is_file():
        return []
    file = named or usual
    try:
        return file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} cannot be read: {error}") from None
