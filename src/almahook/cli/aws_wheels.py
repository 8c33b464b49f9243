"""Installs packages into a folder for another machine than this one, out of wheels only."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib.metadata import distributions
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from almahook.cli.aws_target import Target
from almahook.errors import ConfigurationError

_OWN_NAME = re.compile(r"\s*almahook\b(?![-_.])", re.IGNORECASE)
# What is written about an installation, and what only its machine can run.
_NOT_KEPT = ("bin", ".lock", "*.dist-info/RECORD", "*.dist-info/INSTALLER")
_NOT_KEPT_EITHER = ("*.dist-info/REQUESTED", "*.dist-info/direct_url.json", "*.dist-info/uv_*")


def install_wheels(requirements: Sequence[str], *, into: Path, target: Target) -> None:
    """Install packages, each in the version that is installed here if there is one.

    So a function runs with what its handlers were tested with.

    Raises:
        ConfigurationError: Neither uv nor pip is there, or a package has no wheel for the target.
    """
    with TemporaryDirectory(prefix="almahook-") as folder:
        wanted = _write(Path(folder) / "requirements.txt", requirements)
        known = _write(Path(folder) / "constraints.txt", _installed_versions())
        command = _installer(target, into)
        _run([*command, "--constraint", str(known), "-r", str(wanted)])
    for pattern in (*_NOT_KEPT, *_NOT_KEPT_EITHER):
        for found in into.glob(pattern):
            shutil.rmtree(found) if found.is_dir() else found.unlink()


def without_almahook(lines: Iterable[str]) -> list[str]:
    """Leave out almahook itself, which is put in as it is here."""
    return [line for line in lines if not _OWN_NAME.match(line)]


def _write(file: Path, lines: Iterable[str]) -> Path:
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return file


def _installed_versions() -> Iterator[str]:
    for found in distributions():
        name, version = found.metadata["Name"], found.version
        # What was installed from a folder has a version that no index knows.
        if name and "+" not in version and found.read_text("direct_url.json") is None:
            yield f"{name}=={version}"


def _installer(target: Target, into: Path) -> list[str]:
    common = ["--only-binary", ":all:", "--quiet", "--target", str(into)]
    common += ["--python-version", target.python]
    if uv := _uv():
        return [*uv, "pip", "install", *common, "--python-platform", target.newest_platform]
    if find_spec("pip") is None:
        raise ConfigurationError(
            "Neither uv nor pip is here, and one of them gets the packages. Type: python -m "
            "ensurepip, or install uv: https://docs.astral.sh/uv/"
        )
    platforms = [part for name in target.platforms for part in ("--platform", name)]
    pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    return [*pip, *common, "--implementation", "cp", *platforms]


def _uv() -> list[str]:
    if found := shutil.which("uv"):
        return [found]
    return [sys.executable, "-m", "uv"] if find_spec("uv") is not None else []


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - uv or pip, found above
    if done.returncode != 0:
        raise ConfigurationError(
            "The packages for AWS could not be got. "
            f"{Path(command[0]).name} says: {done.stderr.strip()}"
        )
