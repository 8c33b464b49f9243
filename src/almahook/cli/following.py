"""Following what arrives in an inbox, whoever writes it."""

import os
import select
import signal
import sys
import time
from collections.abc import Generator, Iterator

from almahook.cli.standing import Standing, standings
from almahook.inbox import EventFilter, Inbox

_PAGE = 100
# An inbox that nobody has written to is looked at so often; a look costs microseconds.
_LOOK_S = 0.2
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


def follow(inbox: Inbox, where: EventFilter, *, after: int, ending: Ending) -> Iterator[Standing]:
    """Yield the events behind a number, oldest first, and then each that arrives."""
    version = -1
    while not ending.is_over:
        seen, version = version, inbox.version()
        if seen == version:
            ending.wait()
            continue
        after = yield from _read(inbox, where, after, ending)


def _read(
    inbox: Inbox, where: EventFilter, after: int, ending: Ending
) -> Generator[Standing, None, int]:
    """Yield what is there now; return up to which number everything has been looked at."""
    last = newest(inbox)
    while page := inbox.events(where, limit=_PAGE, after=after):
        for standing in standings(inbox, page):
            if ending.is_over:
                return after
            yield standing
            after = standing.event.seq
    # Also what the filter left out is not looked at again.
    return max(after, last)


def _wait_for_reader_to_go(timeout_s: float) -> bool:
    """Wait for the other end of the output to be closed; say whether it is."""
    if not hasattr(select, "poll"):
        time.sleep(timeout_s)
        return False
    poller = select.poll()
    poller.register(sys.stdout, 0)
    gone = select.POLLERR | select.POLLHUP
    return any(state & gone for _, state in poller.poll(timeout_s * 1000))
