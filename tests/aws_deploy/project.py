"""A listener's folder, with all that ``almahook aws init`` writes into it."""

import os
import platform
import subprocess
import sys
from pathlib import Path

from running import COMMAND, Done, environment

ROOT = Path(__file__).parents[2]
SAM = ROOT / ".sam" / "venv"
SECRET = "an invented secret"
PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
ARCHITECTURE = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
FOR_THIS_MACHINE = ("--python", PYTHON, "--architecture", ARCHITECTURE)

_WAIT_S = 500
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
"""Texts somebody about each loan; that of a book without a title is hopeless."""

import greeting
from almahook import Context, GiveUp, LoanEvent


def process(event: LoanEvent, ctx: Context) -> None:
    """Send a text about a loan."""
    if not event.title:
        raise GiveUp("a book without a title")
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


def outbox_of(folder: Path) -> Path:
    """Return where a function on this machine writes the texts of a dry run."""
    return folder / "outbox.jsonl"


def with_outbox_and_short_retention(folder: Path) -> Path:
    """Let the functions write texts where a test can read them, and purge what is a second old."""
    settings = folder / "aws" / "almahook.toml"
    text = settings.read_text()
    assert '"/tmp/outbox.jsonl"' in text
    text = text.replace("/tmp/outbox.jsonl", str(outbox_of(folder)))
    settings.write_text(f"retention_days = 0.00001\n{text}")
    return folder


def aws(*arguments: object, cwd: Path, **variables: str) -> Done:
    """Run a command for AWS, with uv and sam to be found where the set-up has put them."""
    return almahook("aws", *arguments, cwd=cwd, PATH=search_path(), **variables)


def almahook(*arguments: object, cwd: Path, **variables: str) -> Done:
    """Run a command; one that deploys takes its time."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env=environment(PYTHONPATH=str(cwd), SAM_CLI_TELEMETRY="0", **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_WAIT_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def search_path() -> str:
    """Return where commands are looked for: where make test puts its own, and then the usual."""
    assert SAM.is_dir(), f"There is no {SAM}. Type: make .sam/venv/.ready"
    places = [ROOT / ".tools" / "bin", SAM / "bin"]
    return os.pathsep.join([*map(str, places), os.environ["PATH"]])
