"""All at once: events are received and handled while a person lists and searches them."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Self

from almahook.inbox import EventFilter
from almahook.inbox.sqlite import SQLiteInbox
from bench.bench import Bench
from bench.engines import ENGINES, mark
from bench.engining import Setting, ready
from bench.figures import percentile
from bench.process import free_port, listens, wait_until
from bench.workloads.ack import require_answered, values
from bench.wrk import load

NAME = "mixed"
CONNECTIONS = 64
_LOOK_EVERY_S = 0.1
_LISTED = 50


def run(bench: Bench) -> None:
    """Measure almahook."""
    for turn in range(bench.scale.rounds):
        bench.attempt(
            NAME,
            "almahook",
            f"{CONNECTIONS} connections",
            turn,
            partial(measure, bench),
        )


def measure(bench: Bench, folder: Path) -> Mapping[str, float]:
    """Load the listener, and look at its events meanwhile."""
    new, port = bench.new(), free_port()
    with (
        ready(ENGINES["almahook"], Setting(at_once=8), folder, BENCH_PORT=port) as made,
        made.working() as worker,
    ):
        wait_until(lambda: listens(port), "listening", of=worker, log=made.log)
        send = partial(load, port, new, connections=CONNECTIONS)
        warm = send(seconds=bench.warm_s)
        made.await_handled(1, worker)
        before, handled = made.usage(worker), mark.count_handled(folder)
        with Person(folder / "inbox.db") as person:
            got = send(seconds=bench.scale.seconds, first=warm.taken)
        used, handled = made.usage(worker), mark.count_handled(folder) - handled
        require_answered(got)
    return {
        **values(got, before, used),
        "handled_per_second": handled / got.seconds,
        "list_ms": percentile(sorted(person.listed), 0.5),
        "search_ms": percentile(sorted(person.searched), 0.5),
    }


class Person:
    """Somebody who lists and searches events again and again."""

    def __init__(self, path: Path) -> None:
        self.listed: list[float] = []
        self.searched: list[float] = []
        self._path = path
        self._leave = threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.set()
        self._thread.join()

    def _look(self) -> None:
        inbox = SQLiteInbox(self._path)
        try:
            while True:
                look(inbox, self.listed, self.searched)
                if self._leave.wait(_LOOK_EVERY_S):
                    return
        finally:
            inbox.close()


def look(inbox: SQLiteInbox, listed: list[float], searched: list[float]) -> None:
    """List the newest events with their runs, and search for one by its id and by its subject."""
    newest: list[str] = []

    def list_newest() -> None:
        events = inbox.events(EventFilter(), limit=_LISTED)
        inbox.runs([event.seq for event in events])
        newest.extend((events[-1].event_id, events[-1].subject) if events else ("", ""))

    def search() -> None:
        inbox.events(EventFilter(event_id=event_id), limit=_LISTED)
        inbox.events(EventFilter(subject=subject), limit=_LISTED)

    listed.append(_timed_ms(list_newest))
    event_id, subject = newest
    # Together: a median over both would not show that one of them is slow.
    searched.append(_timed_ms(search))


def _timed_ms(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return (time.perf_counter() - began) * 1e3
