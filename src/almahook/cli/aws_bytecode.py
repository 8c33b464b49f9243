"""Compiles a folder for a function: AWS's folder for it is read-only, so Python cannot do it there.

It halves the time that a function's first call takes.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from almahook.cli.aws_target import Target

_WHERE_IT_RUNS = "/var/task"
_VERSION = "import sys; print('%d.%d' % sys.version_info[:2])"


def compile_folder(folder: Path, target: Target) -> bool:
    """Write ``.pyc`` files beside the sources; say whether there is a Python that can.

    Each Python reads only its own. They are not checked against the sources at every start:
    https://docs.python.org/3/reference/import.html#cached-bytecode-invalidation
    """
    python = _find(target.python)
    if python is None:
        return False
    options = ["-q", "--invalidation-mode", "unchecked-hash"]
    # Errors name the file as it is called where it runs, and never a folder of this machine.
    places = ["-s", str(folder), "-p", _WHERE_IT_RUNS]
    subprocess.run(  # noqa: S603 - a Python, found below
        [python, "-m", "compileall", *options, *places, str(folder)],
        # A file of a package's that is no Python of this version is left as it is.
        check=False,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "PYTHONHASHSEED": "0"},
    )
    return True


def _find(version: str) -> str | None:
    return next((python for python in _choices(version) if _is(python, version)), None)


def _choices(version: str) -> Iterator[str]:
    yield sys.executable
    if found := shutil.which(f"python{version}"):
        yield found
    # pyenv's name on the path leads to the version that is chosen only.
    pyenv = Path(os.environ.get("PYENV_ROOT") or "~/.pyenv").expanduser()
    yield from map(str, pyenv.glob(f"versions/{version}*/bin/python{version}"))
    if uv := shutil.which("uv"):
        done = _said([uv, "python", "find", "--no-project", version])
        yield from done.splitlines()


def _is(python: str, version: str) -> bool:
    # A name on the path may be a shim for a Python that is not installed.
    return _said([python, "-c", _VERSION]).strip() == version


def _said(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - a Python or uv
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
