"""What a further receiver has of the process that started it: its end of a socket."""

import itertools
import os
import queue
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress

from almahook.app.receiver_words import (
    Orders,
    Question,
    Word,
    encode_line,
    read_answer,
    read_orders,
)
from almahook.errors import InboxUnavailableError
from almahook.protocol import Response, error_reply
from almahook.receivers.counts import Counts, total

# Counts are told so often at most.
_TELL_EVERY_S = 0.25
# What is stored within so long of a word is told by the next one.
_WORD_EVERY_S = 0.005
_ANSWER_S = 2.0
_LAST_WORDS_S = 1.0


class MainProcess:
    """The further receiver's end.

    All that is said goes through one thread, so that nobody who answers Alma ever waits for the
    other side.

    Args:
        descriptor: The inherited socket.
    """

    def __init__(self, descriptor: int) -> None:
        os.set_inheritable(descriptor, False)
        self._socket = socket.socket(fileno=descriptor)
        self._lines = self._socket.makefile("rb")
        self._closing = threading.Event()
        self._news = threading.Event()
        self._has_stored = threading.Event()
        self._questions: queue.SimpleQueue[Question] = queue.SimpleQueue()
        self._asked: dict[int, Future[Response | None]] = {}
        self._numbers = itertools.count(1)
        self._told: tuple[Counts, bool] | None = None
        self._told_at = 0.0

    def orders(self) -> Orders | None:
        """Wait for what this process is to be; None when the other side is gone."""
        found = self._lines.readline()
        return read_orders(found) if found.endswith(b"\n") else None

    def say_ready(self, counts: Counts, *, is_failing: Callable[[], bool]) -> None:
        """Tell that events are taken in, and from now on what there is to tell."""
        self._counts, self._is_failing = counts, is_failing
        self._send(Word(is_ready=True))
        self._teller = threading.Thread(target=self._tell, name="almahook-words", daemon=True)
        self._teller.start()

    def follow(self, *, end: Callable[[], None]) -> None:
        """Hear the answers, and the end, on a thread of its own."""
        threading.Thread(
            target=self._follow, args=(end,), name="almahook-answers", daemon=True
        ).start()

    def note_stored(self) -> None:
        """Tell that something was stored."""
        self._has_stored.set()
        self._news.set()

    def page(self, path: str) -> Response | None:
        """Ask for a page; it is as good as not there when no answer comes in time."""
        number, answered = next(self._numbers), Future[Response | None]()
        self._asked[number] = answered
        self._questions.put(Question(number, path))
        self._news.set()
        try:
            return answered.result(_ANSWER_S)
        except TimeoutError:
            error = InboxUnavailableError("The main process does not answer.")
            return error_reply(error, status=503)
        finally:
            del self._asked[number]

    def close(self) -> None:
        """Tell the last counts; not for long, as the other side may be stuck."""
        self._closing.set()
        self._news.set()
        self._teller.join(_LAST_WORDS_S)

    def _follow(self, end: Callable[[], None]) -> None:
        with suppress(OSError):
            for found in self._lines:
                answer = read_answer(found)
                if (asked := self._asked.get(answer.number)) is not None:
                    asked.set_result(answer.response())
        end()

    def _tell(self) -> None:
        while not self._closing.is_set():
            self._news.wait(_TELL_EVERY_S)
            self._news.clear()
            self._send(self._word())
            self._closing.wait(_WORD_EVERY_S)
        self._send(self._word(is_last=True))

    def _word(self, *, is_last: bool = False) -> Word:
        """Say what is new."""
        has_stored = self._has_stored.is_set()
        self._has_stored.clear()
        questions = self._new_questions()
        now = time.monotonic()
        # Who asks for the metrics sees what this process has counted.
        if is_last or questions or now - self._told_at >= _TELL_EVERY_S:
            counts, is_failing = total([self._counts]), self._is_failing()
            if (counts, is_failing) != self._told:
                self._told, self._told_at = (counts, is_failing), now
                return Word(
                    has_stored=has_stored,
                    counts=counts,
                    is_failing=is_failing,
                    questions=questions,
                )
        return Word(has_stored=has_stored, questions=questions)

    def _new_questions(self) -> list[Question]:
        return [self._questions.get() for _ in range(self._questions.qsize())]

    def _send(self, word: Word) -> None:
        if word != Word():
            # If the other side is gone, nobody listens any more.
            with suppress(OSError):
                self._socket.sendall(encode_line(word))
