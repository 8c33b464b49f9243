"""Following what arrives in an inbox, whoever writes it."""

import os
import select
import signal
import sys
import time
from collections import deque
from collections.abc import Iterator

from almahook.cli.standing import Standing, standings
from almahook.inbox import EventFilter, Inbox

_PAGE = 100
# An inbox that nobody has written to is looked at so often; a look costs microseconds.
_LOOK_S = 0.2
# And read even so: somebody may have stored an event and failed to tell that he has.
_LOOK_ANYWAY_S = 5.0
# Where many write at once, an event may turn up so long after one with a higher number. It is
# looked for among so many numbers, so that a flood is not read again and again.
_LATE_S = 10.0
_LATE_AMONG = 1000
_INTERRUPTED = 130


class Ending:
    """Tells when to stop: after SIGINT or SIGTERM, or when nobody reads the output any more.

    A signal is noted and not raised, so that the line in hand is written whole. A second one ends
    the process at once.

    Attributes:
        status: The exit status: 130 after SIGINT, otherwise 0.
    """

    def __init__(self) -> None:
        self.status = 0
        self._is_over = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._note)

    @property
    def is_over(self) -> bool:
        """Whether to stop."""
        return self._is_over

    def wait(self) -> None:
        """Wait a moment, less if nobody reads the output any more."""
        if _wait_for_reader_to_go(_LOOK_S):
            self.hang_up()

    def hang_up(self) -> None:
        """Stop: nobody reads the output any more."""
        self._is_over = True
        # What is left in the buffer would fail once more when the process ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

    def _note(self, number: int, _frame: object) -> None:
        self._is_over = True
        self.status = _INTERRUPTED if number == signal.SIGINT else 0
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, signal.SIG_DFL)


def newest(inbox: Inbox) -> int:
    """Return the number of the newest event; 0 when there is none."""
    found = inbox.events(EventFilter(), limit=1)
    return found[0].seq if found else 0


class Place:
    """How far an inbox has been followed: behind which number to look, and what not to give again.

    Args:
        after: Nothing up to this number is wanted.
    """

    def __init__(self, after: int) -> None:
        self.after = after
        self._given: set[int] = set()
        self._newest: deque[tuple[float, int]] = deque()

    def is_new(self, seq: int) -> bool:
        """Say whether an event has not been given yet."""
        return seq > self.after and seq not in self._given

    def give(self, seq: int) -> None:
        """Note that an event is given."""
        self._given.add(seq)
        if len(self._given) > 2 * _LATE_AMONG:
            self._go_on_behind(seq - _LATE_AMONG)

    def looked(self, newest: int, *, at: float) -> None:
        """Note that all there was at a time has been looked at, and what was the newest then."""
        self._newest.append((at, newest))
        while self._newest[0][0] <= at - _LATE_S:
            self._go_on_behind(self._newest.popleft()[1])
        self._go_on_behind(newest - _LATE_AMONG)

    def _go_on_behind(self, seq: int) -> None:
        self.after = max(self.after, seq)
        self._given = {given for given in self._given if given > self.after}


def follow(inbox: Inbox, where: EventFilter, *, after: int, ending: Ending) -> Iterator[Standing]:
    """Yield the events behind a number, oldest first, and then each that arrives."""
    place, version, look_by = Place(after), -1, 0.0
    while not ending.is_over:
        seen, version = version, inbox.version()
        if seen == version and time.monotonic() < look_by:
            ending.wait()
            continue
        look_by = time.monotonic() + _LOOK_ANYWAY_S
        yield from _read(inbox, where, place, ending)


def _read(inbox: Inbox, where: EventFilter, place: Place, ending: Ending) -> Iterator[Standing]:
    """Yield what is there now and has not been yielded yet."""
    at, last = time.monotonic(), newest(inbox)
    after = place.after
    while page := inbox.events(where, limit=_PAGE, after=after):
        after = page[-1].seq
        new = [event for event in page if place.is_new(event.seq)]
        for standing in standings(inbox, new) if new else ():
            if ending.is_over:
                return
            yield standing
            place.give(standing.event.seq)
    # Also what the filter left out is not looked at again.
    place.looked(last, at=at)


def _wait_for_reader_to_go(timeout_s: float) -> bool:
    """Wait for the other end of the output to be closed; say whether it is."""
    if not hasattr(select, "poll"):
        time.sleep(timeout_s)
        return False
    poller = select.poll()
    poller.register(sys.stdout, 0)
    gone = select.POLLERR | select.POLLHUP
    return any(state & gone for _, state in poller.poll(timeout_s * 1000))
