"""``make bench``: measure almahook beside what people use instead, and write docs/performance.md.

Everything that is started is stopped by its process id, also after Ctrl-C. Data lies in .bench,
on the disk of the checkout, so that fsync costs what it costs, and is removed in the end.
"""

import argparse
import fcntl
import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from bench import machine, message, plot
from bench.bench import Bench
from bench.engines import ENGINES
from bench.figures import Figures
from bench.functions import FUNCTIONS
from bench.page import page
from bench.process import ROOT
from bench.scale import SCALES, Scale
from bench.servers import SERVERS
from bench.wrk import is_installed

_WORKLOADS = (
    *("ack", "duplicates", "refusals", "latency"),
    *("handled", "mixed", "growth", "footprint", "cold", "warm"),
)
_PAGE = ROOT / "docs" / "performance.md"
_TITLES = {name: one.title for kind in (FUNCTIONS, ENGINES, SERVERS) for name, one in kind.items()}
_INTERRUPTED = 130
_NOT_ALONE = "**another benchmark ran at the same time: these figures are worth little**"


def main() -> None:
    """Measure, and write what came out."""
    given = _arguments()
    if not is_installed():
        sys.exit("wrk is not installed. On Debian: apt-get install wrk")
    for end in (signal.SIGINT, signal.SIGTERM):
        signal.signal(end, signal.default_int_handler)
    with _alone() as alone, _place() as place:
        conditions = machine.describe(place)
        if not alone:
            conditions.append(_NOT_ALONE)
            print(_NOT_ALONE, file=sys.stderr)
        bench = Bench(scale=_scale(given), place=place, only=given.subjects, size=given.size)
        is_whole = _measure(bench, given.only)
    facts = _facts(given, bench.scale)
    if given.json:
        results = {
            "facts": facts,
            "conditions": conditions,
            "runs": [*map(asdict, bench.runs)],
            "troubles": [*map(asdict, bench.troubles)],
        }
        given.json.write_text(json.dumps(results, indent=1))
    is_usual = not (given.only or given.subjects or given.quick)
    _report(bench, conditions, facts, write=is_whole and (given.write or is_usual))
    if not is_whole:
        sys.exit(_INTERRUPTED)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="one short round, to see it work")
    size.add_argument("--full", action="store_true", help="everything, an hour or more")
    parser.add_argument("--only", nargs="+", choices=_WORKLOADS, default=[], metavar="WORKLOAD")
    parser.add_argument("--subjects", nargs="+", choices=_TITLES, default=[], metavar="SUBJECT")
    parser.add_argument("--rounds", type=int)
    parser.add_argument(
        "--stored", type=int, nargs="+", metavar="N", help="events that are there already"
    )
    parser.add_argument("--size", type=int, default=message.BODY_BYTES, help="bytes of a body")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write each measurement there")
    parser.add_argument("--write", action="store_true", help="write the page for a part, too")
    parser.epilog = f"Workloads: {', '.join(_WORKLOADS)}. Subjects: {', '.join(_TITLES)}."
    return parser.parse_args()


def _scale(given: argparse.Namespace) -> Scale:
    scale = SCALES["quick" if given.quick else "full" if given.full else "usual"]
    chosen = {"rounds": given.rounds, "stored": given.stored and tuple(given.stored)}
    return replace(scale, **{name: value for name, value in chosen.items() if value})


@contextmanager
def _alone() -> Iterator[bool]:
    """Say whether no other benchmark of this checkout runs."""
    parent = ROOT / ".bench"
    parent.mkdir(exist_ok=True)
    with (parent / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


@contextmanager
def _place() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="data-", dir=ROOT / ".bench"))
    # PostgreSQL runs as somebody else, and passes through here.
    place.chmod(0o755)
    try:
        yield place
    finally:
        shutil.rmtree(place, ignore_errors=True)


def _measure(bench: Bench, only: list[str]) -> bool:
    """Run the workloads; say whether all came to their end."""
    try:
        for name in only or _WORKLOADS:
            import_module(f"bench.workloads.{name}").run(bench)
    except KeyboardInterrupt:
        print("\nInterrupted; this is what there is.", file=sys.stderr)
        return False
    return True


def _facts(given: argparse.Namespace, scale: Scale) -> Mapping[str, object]:
    loads = f"{scale.seconds} s under load each"
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "rounds": scale.rounds,
        "size": given.size,
        "scale": f"{'the quick' if given.quick else 'the full' if given.full else 'the usual'} "
        f"run, {loads}",
    }


def _report(
    bench: Bench, conditions: list[str], facts: Mapping[str, object], *, write: bool
) -> None:
    figures = Figures(bench.runs)
    groups = plot.chosen(figures, _TITLES)
    picture = _PAGE.with_suffix(".svg")
    text = page(
        figures,
        bench.troubles,
        titles=_TITLES,
        conditions=conditions,
        facts=facts,
        plot=picture.name if groups and write else "",
    )
    print(text)
    if write:
        _PAGE.write_text(text)
        if groups:
            picture.write_text(plot.svg(groups))
        print(f"Written to {_PAGE.relative_to(ROOT)}", file=sys.stderr)


if __name__ == "__main__":
    main()
