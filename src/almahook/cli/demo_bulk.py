"""The bulk part of the demonstration: a busy day of all seven kinds of events."""

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from almahook.cli.demo_count import Book
from almahook.cli.demo_stage import Stage
from almahook.cli.demo_teller import Teller
from almahook.cli.demo_wait import until
from almahook.simulator import Delivery, Profile

# As in a library: most is about loans, and the end of a job is rare.
_MIX = (
    *("LOAN", "ITEM", "REQUEST", "LOAN", "BIB", "LOAN", "ITEM", "REQUEST", "USER", "JOB_END"),
    *("LOAN", "ITEM", "REQUEST", "LOAN", "BIB", "LOAN", "ITEM", "REQUEST", "NOTIFICATION"),
    *("LOAN", "ITEM", "REQUEST", "LOAN", "BIB", "USER"),
)
# These share no factor with the mix or each other, so that every kind comes in every form.
_XML_EVERY = 11
_TWICE_EVERY = 19

_PATIENCE_S = 60.0
_SHARE_S = 0.05


class Letter(NamedTuple):
    """One message to be sent, and to which of Alma's profiles."""

    profile: Profile
    action: str
    body: bytes


def send_bulk(stage: Stage, book: Book, teller: Teller, *, count: int) -> None:
    """Send so many different events as fast as the pretend Alma can, and let all be handled."""
    letters = list(_letters(stage, count))
    _tell(teller, letters)
    _repeat_every(stage, _TWICE_EVERY)
    started = time.monotonic()
    _send(stage, book, teller, letters)
    _repeat_every(stage, 0)
    if _let_handle(stage, teller, count):
        seconds = time.monotonic() - started
        teller.act("inbox", f"nothing is left to be handled, after {seconds:.1f} s")


def is_idle(stage: Stage) -> bool:
    """Say whether everything in the inbox has been handled."""
    return _open(stage) == 0


def _open(stage: Stage) -> int:
    backlog = stage.inbox.backlog()
    return backlog.pending + backlog.waiting + backlog.running


def _letters(stage: Stage, count: int) -> Iterator[Letter]:
    for number in range(count):
        action = _MIX[number % len(_MIX)]
        body = stage.alma.message(action, generation="2024" if number % 2 else "2020")
        profile = stage.main if (number + 1) % _XML_EVERY else stage.xml
        yield Letter(profile, action, body)


def _tell(teller: Teller, letters: list[Letter]) -> None:
    kinds = Counter(letter.action for letter in letters)
    xml = sum(letter.profile.message_type == "XML" for letter in letters)
    teller.act("Alma", "sends " + ", ".join(f"{n:,} {kind}" for kind, n in kinds.most_common()))
    teller.note(
        f"Half are in the older form of Alma's JSON, {xml:,} are XML, "
        f"and every {_TWICE_EVERY}th comes twice at once."
    )


def _send(stage: Stage, book: Book, teller: Teller, letters: list[Letter]) -> None:
    started = time.monotonic()
    with teller.progress("answered", len(letters)) as step:
        sent = [stage.alma.send(letter.profile, letter.body) for letter in letters]
        ends = started + _longest_s(len(letters))
        for done, (delivery, letter) in enumerate(zip(sent, letters, strict=True), start=1):
            _finish(delivery, ends)
            book.good.append((delivery, letter.body))
            step(done)
    taken = sum(delivery.outcome == "delivered" for delivery in sent)
    rate = taken / (time.monotonic() - started)
    teller.act("listener", f"has taken {taken:,} of {len(sent):,}, {rate:,.0f} a second: as fast")
    teller.act("", "as the pretend Alma sends, so this is no benchmark")


def _repeat_every(stage: Stage, number: int) -> None:
    for profile in (stage.main, stage.xml):
        profile.duplicate_every = number


def _finish(delivery: Delivery, ends: float) -> None:
    """Wait for the outcome; what has none in time shows in the counts."""
    for one in (delivery, delivery.duplicate):
        if one is not None:
            with suppress(TimeoutError):
                one.wait(max(0.0, ends - time.monotonic()))


def _longest_s(count: int) -> float:
    return _PATIENCE_S + count * _SHARE_S


def _let_handle(stage: Stage, teller: Teller, count: int) -> bool:
    """Wait until everything has been handled, as long as there is somebody to do it."""
    with teller.progress("handled", count) as step:

        def is_over() -> bool:
            left = _open(stage)
            step(max(0, count - left))
            return left == 0 or stage.listener.has_ended

        until(is_over, timeout_s=_longest_s(count))
    return is_idle(stage)
