"""Further processes that receive, beside the one that starts them and on the same port."""

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from almahook.app.kept_process import Child, KeptProcess
from almahook.app.receiver_words import Orders, Question, answer, encode_line, read_word
from almahook.protocol import Response
from almahook.receivers.counts import Counts, total

log = logging.getLogger("almahook.app")


@dataclass(frozen=True, kw_only=True, slots=True)
class Office:
    """What the main process does for the others.

    Attributes:
        wake: Told when one of them has stored something.
        page: Answers ``/readyz`` and ``/metrics``, in its time; None when there is no such page.
    """

    wake: Callable[[], None]
    page: Callable[[str], Response | None]


class ReceiverProcess(KeptProcess):
    """One further process that receives.

    Args:
        command: What starts it; the number of its end of a socket is added.
        orders: What it is to be.
        office: What is done for it.

    Attributes:
        is_failing: Whether its last event could not be stored.
    """

    def __init__(self, command: Sequence[str], *, orders: Orders, office: Office) -> None:
        self._orders = encode_line(orders)
        self._office = office
        self._desk = ThreadPoolExecutor(1, thread_name_prefix="almahook-receiver-desk")
        self._was_ready = False
        # By those that have died, and by the one that lives.
        self._counted = (Counts(), Counts())
        self.is_failing = False
        super().__init__("receiver", command, share=orders.sockets)

    def counts(self) -> Counts:
        """Return what was counted here."""
        return total(self._counted)

    def stop(self, timeout_s: float = 30.0) -> None:
        """Let it finish what has begun, and wait for its end."""
        super().stop(timeout_s)
        self._desk.shutdown(wait=False, cancel_futures=True)

    def _greet(self, child: Child) -> None:
        self._counted, self.is_failing = (self.counts(), Counts()), False
        child.tell(self._orders)

    def _hear(self, child: Child, line: bytes) -> None:
        word = read_word(line)
        if word.is_ready:
            self._was_ready = True
            self._note_ready()
            log.info("receiver.ready", extra={"fields": {"pid": child.process.pid}})
        if word.has_stored:
            self._office.wake()
        if word.counts is not None:
            self._counted = (self._counted[0], word.counts)
            self.is_failing = word.is_failing
        for question in word.questions:
            # Not here: the inbox may take its time, and the next word can be to wake the worker.
            self._desk.submit(self._answer, child, question)

    def _answer(self, child: Child, question: Question) -> None:
        child.tell(encode_line(answer(question.number, self._office.page(question.path))))

    @property
    def _is_listening(self) -> bool:
        return self._was_ready


class ReceiverProcesses:
    """All further processes that receive.

    Args:
        command: What starts one; the number of its end of a socket is added.
        number: How many.
        sockets: The descriptors of the sockets that listen.
    """

    def __init__(self, command: Sequence[str], *, number: int, sockets: Sequence[int]) -> None:
        self._command = command
        self._number = number
        self.sockets = sockets
        self._all: list[ReceiverProcess] = []

    def start(self, orders: Orders, office: Office) -> None:
        """Start them."""
        for _ in range(self._number):
            self._all.append(ReceiverProcess(self._command, orders=orders, office=office))

    def counts(self) -> Iterator[Counts]:
        """Return what each has counted."""
        return (one.counts() for one in self._all)

    @property
    def is_failing(self) -> bool:
        """Whether the last event of one of them could not be stored."""
        return any(one.is_failing for one in self._all)

    def expect_end(self) -> None:
        """Start none in the place of one that ends: a signal may have gone to all."""
        for one in self._all:
            one.expect_end()

    def hang_up(self) -> None:
        """Let them finish what they answer and end, without waiting for that."""
        for one in self._all:
            one.hang_up()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Let them finish what they answer, and wait for their end."""
        self.hang_up()
        ends = time.monotonic() + timeout_s
        for one in self._all:
            one.stop(max(0.0, ends - time.monotonic()))
