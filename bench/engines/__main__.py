"""``python -m bench.engines MODULE work AT_ONCE KEEP_STEP`` or ``… enqueue COUNT SIZE EVERY_S``."""

import sys
import time
from importlib import import_module
from typing import cast

from bench.engines import EngineModule, Put, mark
from bench.message import Bodies

_BATCH = 250


def enqueue(put: Put, *, count: int, size: int, every_s: float) -> None:
    """Store jobs: as fast as it goes, or one each so many seconds."""
    bodies = Bodies(size)
    if not every_s:
        for first in range(0, count, _BATCH):
            put([bodies.next() for _ in range(min(_BATCH, count - first))])
        return
    due = time.monotonic()
    for _ in range(count):
        time.sleep(max(0.0, due - time.monotonic()))
        job = bodies.next()
        mark.sent(job[0])
        put([job])
        due += every_s


if __name__ == "__main__":
    name, action, *given = sys.argv[1:]
    engine = cast("EngineModule", import_module(f"bench.engines.{name}"))
    if action == "work":
        at_once, keep_step = given
        engine.work(int(at_once), keep_step=keep_step == "True")
    else:
        count, size, every_s = given
        with engine.opened() as put:
            enqueue(put, count=int(count), size=int(size), every_s=float(every_s))
