"""A listener's folder, with all that ``almahook aws init`` writes into it."""

import os
import platform
import sys
from pathlib import Path

from running import Done, run

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".sam" / "venv"
SECRET = "an invented secret"
API_KEY = "l8xxinvented"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"

_SETTINGS = """\
[profiles.main]
secrets = ["env:ALMAHOOK_SECRET"]
api_key = "env:ALMAHOOK_API_KEY"

[notify]
sms = ["env:SMS_URL"]
default_country = "US"
dry_run = true
"""
_HANDLER = '''\
"""Notes each loan."""

import greeting
from almahook import Context, LoanEvent


def process(event: LoanEvent, ctx: Context) -> None:
    """Send a text about a loan."""
    ctx.notify.sms("+1 555 010 0123", greeting.for_loan(event.title))
'''
_GREETING = """\
def for_loan(title: str) -> str:
    return f"{title} was lent."
"""


def make_project(folder: Path, *, stack: str = "almahook") -> Path:
    """Write settings, a handler and a module of its own, and what AWS needs."""
    (folder / "handlers").mkdir(parents=True)
    (folder / "almahook.toml").write_text(_SETTINGS)
    (folder / "handlers" / "loan.py").write_text(_HANDLER)
    (folder / "greeting.py").write_text(_GREETING)
    done = aws("init", "--stack", stack, *FOR_THIS_MACHINE, cwd=folder)
    assert done.status == 0, done.err
    return folder


FOR_THIS_MACHINE = ("--python", PYTHON, "--architecture", ARCHITECTURE)


def aws(*arguments: object, cwd: Path, **variables: str) -> Done:
    """Run a command for AWS, with uv and sam to be found where the set-up has put them."""
    return run("aws", *arguments, cwd=cwd, env={"PATH": search_path(), **variables})


def search_path() -> str:
    """Return where commands are looked for: where make test puts its own, and then the usual."""
    places = [ROOT / ".tools" / "bin", SAM / "bin"]
    return os.pathsep.join([*map(str, places), os.environ["PATH"]])
