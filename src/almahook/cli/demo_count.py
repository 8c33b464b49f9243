"""Counts what Alma sent and what became of it, each from a source of its own, and compares."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
from prometheus_client.parser import text_string_to_metric_families
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from almahook.cli.demo_stage import Stage
from almahook.cli.demo_wait import until
from almahook.inbox import EventFilter, Inbox, RunState
from almahook.notify import read_outbox
from almahook.simulator import Delivery, Simulator

SENT = "Messages that Alma sent"
STORED = "Stored, each once"
DUPLICATES = "Duplicates absorbed"
REFUSED = "Refused: "
HANDLED = "Handled"
IDLE = "  of these, nothing to do"
UNHANDLED = "Kept, no handler yet"
OPEN = "Left unfinished"
TEXTS = "Texts in the outbox"
COUNTED = "Lines in counts.csv"

# Where each actual number is read; what the listener says of itself is only one of the sources.
_SOURCES = {
    SENT: "/metrics",
    STORED: "inbox.db",
    DUPLICATES: "both",
    REFUSED: "inbox.db",
    HANDLED: "inbox.db",
    IDLE: "inbox.db",
    UNHANDLED: "inbox.db",
    OPEN: "inbox.db",
    TEXTS: "outbox.jsonl",
    COUNTED: "counts.csv",
}

# The listener's reasons in a few words.
REASONS = {
    "signature.mismatch": "wrong signature",
    "signature.missing": "no signature",
    "body.json": "cut off JSON",
    "body.xml_forbidden": "XML with an entity",
    "body.too_large": "too large",
}

_PAGE = 500
_RECORDED_S = 5.0

Counts = Mapping[str, int]


@dataclass(kw_only=True)
class Book:
    """What Alma was told to send.

    Attributes:
        good: Each message, with the JSON that it was made of.
        bad: Each message that must be refused, with the code of the reason.
    """

    good: list[tuple[Delivery, bytes]] = field(default_factory=list)
    bad: list[tuple[Delivery, str]] = field(default_factory=list)

    def deliveries(self) -> Iterator[Delivery]:
        """Go through everything that was sent, the unasked repetitions too."""
        for delivery, _ in [*self.good, *self.bad]:
            yield delivery
            if delivery.duplicate is not None:
                yield delivery.duplicate

    def events(self) -> list[dict[str, Any]]:
        """Return the messages that are to be kept, without repetitions."""
        kept = {
            (delivery.profile.name, delivery.action, delivery.id): body
            for delivery, body in self.good
        }
        return [msgspec.json.decode(body) for body in kept.values()]


def expect(book: Book, alma: Simulator) -> Counts:
    """Count, from what Alma sent and from Alma's users, what must have become of it."""
    events = book.events()
    actions = Counter(event["action"] for event in events)
    texts = sum(_deserves_text(event, alma) for event in events)
    unknown = actions.total() - sum(actions[action] for action in _HANDLED)
    answered = sum(_is_taken(delivery) for delivery in book.deliveries())
    return {
        SENT: sum(len(delivery.attempts) for delivery in book.deliveries()),
        STORED: len(events),
        DUPLICATES: max(0, answered - len(events)),
        **_refusals(code for _, code in book.bad),
        HANDLED: len(events) - unknown,
        IDLE: actions["JOB_END"] - texts,
        UNHANDLED: unknown,
        OPEN: 0,
        TEXTS: texts,
        COUNTED: len(events) - unknown - actions["JOB_END"],
    }


def find(stage: Stage, *, expected: Counts) -> Counts:
    """Count what is there now; the listener, which counts after it answers, is given a moment."""
    until(lambda: sum(_metrics(stage).values()) >= expected[SENT], timeout_s=_RECORDED_S)
    metrics = _metrics(stage)
    stored = _count_events(stage.inbox, EventFilter())
    tally = stage.inbox.tally()
    rejections = stage.inbox.rejections(limit=1000)
    return {
        SENT: sum(metrics.values()),
        STORED: stored,
        # Whoever collects finds them, and this process does too, as it looks into the inbox.
        DUPLICATES: metrics["stored"] - stored,
        **_refusals(rejection.code for rejection in rejections),
        HANDLED: tally.get(RunState.SUCCEEDED, 0) + tally.get(RunState.SKIPPED, 0),
        IDLE: tally.get(RunState.SKIPPED, 0),
        UNHANDLED: _count_events(stage.inbox, EventFilter(state="unhandled")),
        OPEN: sum(
            tally.get(state, 0) for state in (RunState.WAITING, RunState.RUNNING, RunState.PARKED)
        ),
        TEXTS: len(read_outbox(stage.outbox)),
        COUNTED: len(_lines(stage)),
    }


def check(expected: Counts, actual: Counts) -> list[str]:
    """Name the counts that are not what they must be, in words for the person who looks."""
    return [
        f"{name.strip()}: {actual.get(name, 0):,} instead of {expected.get(name, 0):,}"
        for name in {**expected, **actual}
        if actual.get(name, 0) != expected.get(name, 0)
    ]


def summary(expected: Counts, actual: Counts, *, console: Console) -> Table:
    """Draw both beside each other."""
    right, wrong = ("ok", "NO") if console.options.ascii_only else ("✓", "✗")
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("")
    table.add_column("expected", justify="right")
    table.add_column("found", justify="right")
    table.add_column("in", style="dim")
    table.add_column("")
    for name in {**expected, **actual}:
        wanted, got = expected.get(name, 0), actual.get(name, 0)
        mark = f"[green]{right}[/]" if wanted == got else f"[bold red]{wrong}[/]"
        table.add_row(name, f"{wanted:,}", f"{got:,}", _source(name), mark)
    return table


def counted_by_action(stage: Stage) -> Counts:
    """Add up what the handler counts.py has written."""
    return Counter(line.split(",")[1] for line in _lines(stage))


_HANDLED = ("JOB_END", "LOAN", "REQUEST", "ITEM", "BIB", "USER", "NOTIFICATION")


def _deserves_text(event: Mapping[str, Any], alma: Simulator) -> bool:
    if event["action"] != "JOB_END":
        return False
    user = alma.users.get(event["job_instance"]["submitted_by"]["value"])
    phones = ((user or {}).get("contact_info") or {}).get("phone") or []
    return any(phone["preferred_sms"] for phone in phones)


def _is_taken(delivery: Delivery) -> bool:
    return delivery.outcome == "delivered"


def _refusals(codes: Iterator[str]) -> Counts:
    return Counter(f"{REFUSED}{REASONS.get(code, code)}" for code in codes)


def _source(name: str) -> str:
    return _SOURCES[REFUSED if name.startswith(REFUSED) else name]


def _lines(stage: Stage) -> list[str]:
    if not stage.counts.exists():
        return []
    return stage.counts.read_text("utf-8").splitlines()


def _count_events(inbox: Inbox, where: EventFilter) -> int:
    count, after = 0, 0
    while page := inbox.events(where, limit=_PAGE, after=after):
        count += len(page)
        after = page[-1].seq
    return count


def _metrics(stage: Stage) -> Counter[str]:
    """Read how many messages had each result: stored, or the code of a refusal."""
    found: Counter[str] = Counter()
    try:
        text = httpx2.get(f"{stage.listener.url}/metrics").raise_for_status().text
    except httpx2.HTTPError:
        # Then nothing is counted, which shows beside what was expected.
        return found
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name == "almahook_events_received_total":
                found[sample.labels["result"]] += int(sample.value)
            elif sample.name == "almahook_requests_refused_total":
                found[sample.labels["reason"]] += int(sample.value)
    return found
