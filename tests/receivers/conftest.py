from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from almahook.app import Listener
from almahook.handlers import Registry
from almahook.inbox import EventFilter
from listening import make_settings, served

EVERY = EventFilter()


class Listening:
    """A listener on a port, and what it has stored."""

    def __init__(self, listener: Listener, url: str) -> None:
        self.inbox = listener.inbox
        self.listener = listener
        self.url = url

    def bodies(self) -> list[bytes]:
        events = self.inbox.events(EVERY, limit=1000)
        return [event.body for event in reversed(events)]


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[..., Listening]]:
    """Start listeners with settings of the test's own."""
    with ExitStack() as stack:

        def start(**given: Any) -> Listening:
            listener = Listener(make_settings(tmp_path, **given), registry=Registry())
            return Listening(listener, stack.enter_context(served(listener)))

        yield start


@pytest.fixture
def listening(listen: Callable[..., Listening]) -> Listening:
    return listen(max_body_bytes=1_000_000)
