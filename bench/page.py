"""The tables of ``docs/performance.md``, from what was measured. Nothing here measures."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.figures import Figures, Spread, Trouble
from bench.targets import TARGETS, Target


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column: a value, and how it is written.

    Attributes:
        is_main: Its spread is shown too.
    """

    title: str
    value: str
    digits: int = 0
    is_main: bool = False


@dataclass(frozen=True, kw_only=True)
class Section:
    """The table of one workload.

    Attributes:
        ratio: The value that almahook's is divided by, if there is a ratio.
    """

    workload: str
    title: str
    about: str
    columns: Sequence[Column]
    ratio: str = ""


_PER_SECOND = Column(title="per second", value="per_second", is_main=True)
_P50 = Column(title="p50 ms", value="p50_ms", digits=1)
_P99 = Column(title="p99 ms", value="p99_ms", digits=1)
_P999 = Column(title="p99.9 ms", value="p999_ms", digits=1)
_CPU = Column(title="CPU µs", value="cpu_us")
_WRITTEN = Column(title="bytes written", value="written_bytes")
_MEMORY = Column(title="MB", value="resident_mb")
_GENERATOR = Column(title="generator's CPU µs", value="generator_us", digits=1)
_HANDLED = Column(title="handled per second", value="handled_per_second", is_main=True)
_LIST = Column(title="list ms", value="list_ms", digits=1)
_SEARCH = Column(title="search ms", value="search_ms", digits=1)

SECTIONS: Sequence[Section] = (
    Section(
        workload="ack",
        title="Acknowledging",
        about=(
            "Each request has an id of its own and its right signature. almahook, and the peers "
            "that store, answer 200 when the event is on disk, and keep each id once; what was "
            "answered is counted against what is stored afterwards. The others only verify. The "
            "last row says how fast the generator can be at all."
        ),
        columns=(_PER_SECOND, _P50, _P99, _P999, _CPU, _WRITTEN, _MEMORY, _GENERATOR),
        ratio="per_second",
    ),
    Section(
        workload="duplicates",
        title="Duplicates",
        about="Half of all requests repeat an earlier one. All get 200; each event is kept once.",
        columns=(_PER_SECOND, _P50, _P99, _CPU, _WRITTEN),
        ratio="per_second",
    ),
    Section(
        workload="refusals",
        title="Refusals",
        about="All requests are signed with another secret. almahook keeps the refused ones too.",
        columns=(
            _PER_SECOND,
            _P99,
            _CPU,
            Column(title="CPU µs, accepted", value="accepted_cpu_us"),
            Column(
                title="a refusal costs of an acceptance",
                value="of_acceptance",
                digits=2,
                is_main=True,
            ),
        ),
    ),
    Section(
        workload="latency",
        title="From the request to the handler",
        about=(
            "From the moment before a job is sent to the start of its handler. With almahook that "
            "is an HTTP request, its verification and its commit too; the others have no receiver, "
            "and it is the call that stores a job."
        ),
        columns=(
            Column(title="p50 ms", value="p50_ms", digits=1, is_main=True),
            Column(title="p99 ms", value="p99_ms", digits=1, is_main=True),
        ),
    ),
    Section(
        workload="handled",
        title="Handling",
        about=(
            "Empty handlers, with 2 KB each to read; what has to survive a crash is on disk before "
            "and after. A kept step is `ctx.once`, and a step of DBOS."
        ),
        columns=(_PER_SECOND, _CPU, _WRITTEN, _MEMORY),
        ratio="per_second",
    ),
    Section(
        workload="mixed",
        title="Everything at once",
        about=(
            "Events are received and handled, while somebody lists the newest and searches by id "
            "and by record ten times a second."
        ),
        columns=(_PER_SECOND, _HANDLED, _P50, _P99, _CPU, _LIST, _SEARCH),
    ),
    Section(
        workload="growth",
        title="With many events stored",
        about="Receiving (`serve --no-worker`), then handling, then looking; 64 connections.",
        columns=(_PER_SECOND, _P99, _CPU, _HANDLED, _LIST, _SEARCH),
    ),
    Section(
        workload="footprint",
        title="Being there",
        about="almahook is receiver and worker, a process each, and one handler is loaded.",
        columns=(
            Column(title="s to the first 200", value="start_s", digits=2, is_main=True),
            Column(title="MB", value="resident_mb", digits=0, is_main=True),
            Column(title="idle, % of a core", value="idle_percent", digits=2, is_main=True),
        ),
    ),
    Section(
        workload="cold",
        title="On AWS Lambda, cold",
        about=(
            "Functions behind an HTTP API: a fresh process each, from its start to its end, the "
            "interpreter included and Lambda's own part left out, with what a zip has in it beside "
            "the standard library. What is accepted is sent to a queue on the loopback, the "
            "connection included, but by the bare function, which sends nothing. The zip that "
            "`almahook aws build` makes has .pyc files."
        ),
        columns=(Column(title="ms", value="ms", digits=1, is_main=True),),
        ratio="ms",
    ),
    Section(
        workload="warm",
        title="On AWS Lambda, warm",
        about="The same functions, one event after the other in one process.",
        columns=(Column(title="µs", value="us", digits=1, is_main=True),),
        ratio="us",
    ),
)

_INTRO = """# How fast it is

Measured by `make bench`, which anybody can run: almahook beside what people use or write instead,
on one machine, in turns, {rounds} rounds, {size:,}-byte bodies. Quoted are medians, with the lowest
and the highest in brackets; ratios are of runs that stood next to each other. Everything is one
process with one worker, over plain HTTP on the loopback, as its own documentation advises.

**{date}**, {scale}:
"""
_NOTES = """
Latencies are wrk's, which corrects them for coordinated omission: what a slow answer held up counts
too. CPU is user and system of the server with its database, per request, until nothing is left to
do. Bytes written are what was given to write() by then, the answers included, and what almahook
gives to io_uring, which Linux does not count for a process: as much as an event has in the spool.
"""
_RUN = """
## Measuring it yourself

```console
$ make bench                                      # some 20 minutes; writes this page
$ make bench ARGS="--only ack --rounds 3 --quick" # a part, printed only
$ make bench ARGS="--stored 10000 5000000"        # beside 5 million: 15 GB, 10 minutes more
$ make bench ARGS=--full                          # an hour or more: up to 5 million stored events
```

On Debian as root it installs the peers that are no Python packages; what is not there is left out.
"""


def page(
    figures: Figures,
    troubles: Sequence[Trouble],
    *,
    titles: Mapping[str, str],
    conditions: Sequence[str],
    facts: Mapping[str, object],
    plot: str = "",
) -> str:
    """Write the whole page."""
    parts = [_INTRO.format(**facts), "\n".join(f"- {line}" for line in conditions), _NOTES]
    if plot:
        parts.append(f"![Events per second]({plot})\n")
    parts.append(targets_table(figures))
    parts += [text for section in SECTIONS if (text := section_text(figures, section, titles))]
    parts += [_missing(troubles), _RUN]
    return "\n".join(part.strip("\n") + "\n" for part in parts if part)


def section_text(figures: Figures, section: Section, titles: Mapping[str, str]) -> str:
    """Write the table of one workload; nothing if it was not measured."""
    measured = figures.of(section.workload)
    if not measured.runs:
        return ""
    alone: list[str] = []
    tables: list[str] = []
    for condition in measured.conditions():
        if _is_compared(measured, condition):
            tables.append(_comparison(measured, section, condition, titles))
        else:
            alone.append(condition)
    if alone:
        tables.append(_ours(measured, section, alone, titles))
    about = textwrap.fill(section.about, 100)
    return "\n\n".join([f"## {section.title}", about, *tables]) + "\n"


def _is_compared(figures: Figures, condition: str) -> bool:
    return any(not subject.startswith("almahook") for subject in figures.subjects(condition))


def _comparison(
    figures: Figures, section: Section, condition: str, titles: Mapping[str, str]
) -> str:
    heads = ["", *(column.title for column in section.columns)]
    subjects = figures.subjects(condition)
    rows = [[titles[name], *_cells(figures, section, name, condition)] for name in subjects]
    if section.ratio and "almahook" in subjects:
        heads.append("almahook is")
        for subject, row in zip(subjects, rows, strict=True):
            row.append(_times(figures, section.ratio, subject, condition))
    return f"### {condition[0].upper()}{condition[1:]}\n\n" + markdown_table(heads, rows)


def _ours(
    figures: Figures, section: Section, conditions: Sequence[str], titles: Mapping[str, str]
) -> str:
    """Write what was measured of almahook alone, whatever the condition."""
    heads = ["", *(column.title for column in section.columns)]
    rows = [
        [f"{titles[name]}, {condition}", *_cells(figures, section, name, condition)]
        for condition in conditions
        for name in figures.subjects(condition)
    ]
    return "### almahook alone\n\n" + markdown_table(heads, rows)


def _cells(figures: Figures, section: Section, subject: str, condition: str) -> list[str]:
    return [_cell(figures, subject, condition, column) for column in section.columns]


def _cell(figures: Figures, subject: str, condition: str, column: Column) -> str:
    found = figures.spread(subject, condition, column.value)
    if found is None:
        return ""
    if column.is_main:
        return with_spread(found, column.digits)
    return f"{found.median:,.{column.digits}f}"


def _times(figures: Figures, value: str, subject: str, condition: str) -> str:
    if subject == "almahook":
        return ""
    found = figures.ratio(value, ("almahook", condition), (subject, condition))
    return f"{with_spread(found, 1 if found.median >= 1 else 2)} times" if found else ""


def with_spread(found: Spread, digits: int) -> str:
    """Write a median, and the lowest and highest if there was more than one."""
    median = f"{found.median:,.{digits}f}"
    if found.count == 1:
        return median
    return f"{median} ({found.lowest:,.{digits}f} to {found.highest:,.{digits}f})"


def targets_table(figures: Figures) -> str:
    """Say which aims are reached."""
    rows = [
        [target.aim, _wanted(target), with_spread(found, target.digits), _verdict(target, found)]
        for target in TARGETS
        if (found := target.measure(figures))
    ]
    if not rows:
        return ""
    heads = ["what is aimed at", "wanted", "measured", ""]
    return "## Aims\n\n" + markdown_table(heads, rows) + "\n"


def _wanted(target: Target) -> str:
    bound = f"{target.at_least:g} or more" if target.at_least else f"{target.at_most:g} or less"
    return f"{bound} {target.unit}".strip()


def _verdict(target: Target, found: Spread) -> str:
    return "reached" if target.is_reached(found) else "**not reached**"


def _missing(troubles: Sequence[Trouble]) -> str:
    if not troubles:
        return ""
    lines = [
        f"- {trouble.workload}, {trouble.subject}, {trouble.condition}: {trouble.reason}"
        for trouble in troubles
    ]
    return "## Not measured\n\n" + "\n".join(lines) + "\n"


def markdown_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table whose first column is text, and the others figures."""
    rule = ["---"] + ["---:"] * (len(heads) - 1)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [heads, rule, *rows])
