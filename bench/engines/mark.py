"""When each job was sent and when its handler began, as lines of one length in a file."""

import os
import time
from collections.abc import Mapping
from functools import cache
from pathlib import Path

FOLDER_VARIABLE = "BENCH_FOLDER"
# An id of 19 digits, a time in nanoseconds, a blank and a line's end.
LINE_BYTES = 19 + 1 + 19 + 1


def handled(event_id: str) -> None:
    """Note that a handler has begun."""
    _note("handled", event_id)


def sent(event_id: str) -> None:
    """Note that a job is about to be sent."""
    _note("sent", event_id)


def count_handled(folder: Path) -> int:
    """Say how many handlers have begun."""
    try:
        return (folder / "handled").stat().st_size // LINE_BYTES
    except FileNotFoundError:
        return 0


def read(folder: Path, name: str) -> Mapping[str, int]:
    """Return the first time of each id, in nanoseconds since the epoch."""
    times: dict[str, int] = {}
    for line in (folder / name).read_text().splitlines():
        event_id, _, at = line.partition(" ")
        times.setdefault(event_id, int(at))
    return times


def _note(name: str, event_id: str) -> None:
    # One write, so that lines of several processes do not mix.
    os.write(_file(name, os.getpid()), f"{event_id} {time.time_ns()}\n".encode("ascii"))


@cache
def _file(name: str, _process: int) -> int:
    path = Path(os.environ[FOLDER_VARIABLE]) / name
    return os.open(path, os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o644)
