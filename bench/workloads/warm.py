"""The same functions when they run already: one event after the other in one process."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from bench.bench import Bench
from bench.functions import FUNCTIONS
from bench.lambdas import CASES, Lambdas, lambdas

NAME = "warm"


def run(bench: Bench) -> None:
    """Measure in turns."""
    with lambdas(bench.place, bench.size) as all_of_them:
        for turn in range(bench.scale.rounds):
            for case in CASES:
                for name in FUNCTIONS:
                    measure = partial(
                        _measure, all_of_them, name=name, case=case, calls=bench.scale.warm_calls
                    )
                    bench.attempt(NAME, name, case, turn, measure)


def _measure(
    functions: Lambdas, _folder: Path, *, name: str, case: str, calls: int
) -> Mapping[str, float]:
    _, call_us = functions.run(name, case, calls=calls)
    return {"us": call_us}
