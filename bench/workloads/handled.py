"""Handled events per second: dispatch, lease, run an empty handler, settle, all of it durable.

The jobs are stored before the worker starts. Measured is from the first handler to the last.
"""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.bench import Bench
from bench.engines import ENGINES, Engine, mark
from bench.engining import Ready, Setting, ready
from bench.figures import BenchError
from bench.usage import Usage

NAME = "handled"
# An engine that is stopped before it has noted that a job is done does that job again.
_NOTED_S = 0.5

USUAL = Setting(at_once=8)
SETTINGS = (
    USUAL,
    Setting(at_once=1),
    Setting(at_once=8, keep_step=True),
    Setting(at_once=1, keep_step=True),
)


def run(bench: Bench) -> None:
    """Measure all engines in turns."""
    for turn in range(bench.scale.rounds):
        for setting in SETTINGS:
            for name, engine in ENGINES.items():
                if is_measured(bench, name, engine, setting):
                    bench.attempt(
                        NAME,
                        name,
                        str(setting),
                        turn,
                        partial(measure, bench, engine, setting),
                    )


def is_measured(bench: Bench, name: str, engine: Engine, setting: Setting) -> bool:
    """Whether an engine can do this, and there is time for it."""
    if setting.keep_step and not engine.keeps_steps:
        return False
    return setting == USUAL or name == "almahook" or bench.scale.peers_in_all


def measure(bench: Bench, engine: Engine, setting: Setting, folder: Path) -> Mapping[str, float]:
    """Let one engine work through its jobs."""
    count = round(engine.rate * bench.scale.engine_s)
    with ready(engine, setting, folder) as made:
        # With a first job, the tables are there and everything is compiled.
        _work(made, 1, bench.size, rest_s=_NOTED_S)
        (folder / "handled").unlink()
        got, before, after = _work(made, count, bench.size)
    times = sorted(mark.read(folder, "handled").values())
    if len(times) != count:
        raise BenchError(f"{count} jobs are {len(times)} different ones")
    return {
        "per_second": (count - 1) / (times[-1] - times[0]) * 1e9,
        "cpu_us": (after.cpu_s - before.cpu_s) / got * 1e6,
        "written_bytes": (after.written_bytes - before.written_bytes) / got,
        "resident_mb": after.resident_bytes / 2**20,
    }


def _work(made: Ready, count: int, size: int, *, rest_s: float = 0.0) -> tuple[int, Usage, Usage]:
    """Work through jobs; return how many were handled between two looks at what was used."""
    made.enqueue(count, size)
    with made.working() as worker:
        made.await_handled(1, worker)
        seen, before = mark.count_handled(made.folder), made.usage(worker)
        made.await_handled(count, worker)
        after = made.usage(worker)
        time.sleep(rest_s)
        return max(1, count - seen), before, after
