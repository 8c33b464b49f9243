"""What processes have used, from /proc: a process with all its descendants.

https://docs.kernel.org/filesystems/proc.html
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PROC = Path("/proc")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What a tree of processes has used since it started.

    Attributes:
        cpu_s: User and system, of processes that have ended too.
        written_bytes: What they gave to write(), answers over the network included. (The kernel's
            own count of bytes for the disk takes a whole large page for each few bytes rewritten.)
        resident_bytes: Memory at this moment; what processes share is divided among them (PSS).
    """

    cpu_s: float
    written_bytes: int
    resident_bytes: int


@dataclass(frozen=True, kw_only=True)
class Stat:
    """A line of /proc/PID/stat; ``start`` tells a process from a later one of the same id."""

    parent: int
    start: int
    cpu_s: float


def tree_usage(roots: Iterable[int]) -> Usage:
    """Add up what these processes and their descendants have used."""
    tree = family(roots)
    stats = [stat for pid in tree if (stat := _read(pid, "stat"))]
    return Usage(
        cpu_s=sum(parse_stat(stat).cpu_s for stat in stats),
        written_bytes=sum(
            parse_fields(text).get("wchar", 0) for pid in tree if (text := _read(pid, "io"))
        ),
        resident_bytes=sum(
            parse_fields(text).get("Pss", 0) for pid in tree if (text := _read(pid, "smaps_rollup"))
        )
        * 1024,
    )


def family(roots: Iterable[int]) -> list[int]:
    """Return these processes and all their descendants."""
    children = defaultdict(list)
    for entry in _PROC.iterdir():
        if entry.name.isdecimal() and (stat := _read(int(entry.name), "stat")):
            children[parse_stat(stat).parent].append(int(entry.name))
    found = list(roots)
    for pid in found:
        found += children[pid]
    return found


def start_of(pid: int) -> int:
    """Return when a process started; 0 when it is gone."""
    stat = _read(pid, "stat")
    return parse_stat(stat).start if stat else 0


def parse_stat(text: str) -> Stat:
    """Read a line of /proc/PID/stat, whatever the process calls itself."""
    fields = text.rpartition(")")[2].split()
    ticks = sum(map(int, fields[11:15]))
    return Stat(parent=int(fields[1]), start=int(fields[19]), cpu_s=ticks / _TICKS_PER_S)


def parse_fields(text: str) -> dict[str, int]:
    """Read the numbers of /proc/PID/io and /proc/PID/smaps_rollup."""
    fields = (line.split() for line in text.splitlines())
    return {
        name.rstrip(":"): int(value)
        for name, value, *_ in (f for f in fields if len(f) > 1)
        if value.isdecimal()
    }


def _read(pid: int, name: str) -> str:
    # It may have ended, or be somebody else's.
    with suppress(OSError):
        return (_PROC / str(pid) / name).read_text(errors="replace")
    return ""
