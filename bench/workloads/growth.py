"""Receiving, handling and looking, with ever more events stored already: the cost must not grow."""

import os
import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from almahook.inbox.sqlite import SQLiteInbox
from bench.bench import Bench, say
from bench.engines import ENGINES, mark
from bench.engining import Setting, ready
from bench.figures import percentile
from bench.fill import fill, finish
from bench.servers import SERVERS
from bench.serving import serving
from bench.workloads.ack import require_answered, values
from bench.workloads.mixed import look
from bench.wrk import load

NAME = "growth"
CONNECTIONS = 64
_LOOKS = 20
# A larger inbox is not copied for each turn: what a turn adds to it is little beside what is there.
_COPIED_UP_TO = 100_000


def run(bench: Bench) -> None:
    """Fill an inbox of each size, then measure them in turns."""
    if not bench.wants("almahook"):
        return
    folders: dict[int, Path] = {}
    for size in bench.scale.stored:
        say(f"  {NAME}: storing {size:,} events …\n")
        folders[size] = bench.place / f"stored-{size}"
        folders[size].mkdir()
        fill(folders[size] / "inbox.db", size, bench.size, say)
    # Gigabytes that are still to be written would be written while others are measured.
    os.sync()
    for turn in range(bench.scale.rounds * bench.scale.pairs):
        for size, folder in folders.items():
            bench.attempt(
                NAME,
                "almahook",
                f"{size:,} events",
                turn,
                partial(measure, bench, size, folder),
            )
    for folder in folders.values():
        shutil.rmtree(folder)


def _place(bench: Bench, size: int, filled: Path, fresh: Path) -> Path:
    if size > _COPIED_UP_TO:
        # Those of the turn before are stored there.
        bench.renew()
        # What it did not get to would be done first, and slow the next one down.
        finish(filled / "inbox.db")
        return filled
    shutil.copy(filled / "inbox.db", fresh)
    return fresh


def measure(bench: Bench, size: int, filled: Path, fresh: Path) -> Mapping[str, float]:
    """Receive, then handle what was received, then look at it."""
    folder = _place(bench, size, filled, fresh)
    received = _receive(bench, folder)
    handled_per_second = _handle(bench, folder)
    listed: list[float] = []
    searched: list[float] = []
    inbox = SQLiteInbox(folder / "inbox.db")
    for _ in range(_LOOKS):
        look(inbox, listed, searched)
    inbox.close()
    return {
        **received,
        "handled_per_second": handled_per_second,
        "list_ms": percentile(sorted(listed), 0.5),
        "search_ms": percentile(sorted(searched), 0.5),
    }


def _receive(bench: Bench, folder: Path) -> dict[str, float]:
    with serving(SERVERS["almahook-receiver"], folder) as running:
        send = partial(load, running.port, bench.new(), connections=CONNECTIONS)
        warm = send(seconds=bench.warm_s)
        before = running.usage()
        got = send(seconds=bench.scale.seconds, first=warm.taken)
        used = running.usage()
    require_answered(got)
    return values(got, before, used)


def _handle(bench: Bench, folder: Path) -> float:
    (folder / "handled").unlink(missing_ok=True)
    with ready(ENGINES["almahook"], Setting(at_once=8), folder) as made, made.working() as worker:
        made.await_handled(1, worker)
        time.sleep(bench.warm_s + bench.scale.engine_s)
    times = sorted(mark.read(folder, "handled").values())
    # At first the pages that are looked into come from the disk.
    times = [at for at in times if at - times[0] > bench.warm_s * 1e9]
    return (len(times) - 1) / (times[-1] - times[0]) * 1e9
