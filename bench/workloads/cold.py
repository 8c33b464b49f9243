"""Functions on AWS Lambda that start for one event: fresh processes, from start to end."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.bench import Bench
from bench.functions import FUNCTIONS
from bench.lambdas import CASES, Lambdas, lambdas

NAME = "cold"


def condition(case: str, *, compiled: bool) -> str:
    """Say what is measured."""
    return f"{case}, {'with' if compiled else 'without'} .pyc"


def run(bench: Bench) -> None:
    """Measure in turns; who sends nothing is the measure for all, and the peers send."""
    with lambdas(bench.place, bench.size) as all_of_them:
        for turn in range(bench.scale.cold_starts):
            for compiled in (True, False):
                for case in CASES:
                    for name in _subjects(case):
                        measure = partial(
                            _measure, all_of_them, name=name, case=case, compiled=compiled
                        )
                        what = condition(case, compiled=compiled)
                        bench.attempt(NAME, name, what, turn, measure)


def _subjects(case: str) -> list[str]:
    return list(FUNCTIONS) if case == "accepted" else ["almahook", "bare"]


def _measure(
    functions: Lambdas, _folder: Path, *, name: str, case: str, compiled: bool
) -> Mapping[str, float]:
    took_ms, _ = functions.run(name, case, compiled=compiled)
    return {"ms": took_ms}
