from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from almahook.app import Listener
from almahook.handlers import Handler, Registry
from listening import Gate, Listening, make_settings, served


@pytest.fixture
def listen(tmp_path: Path) -> Iterator[Callable[..., Listening]]:
    """Start a listener with handlers and settings of the test's own."""
    with ExitStack() as stack:

        def start(*handlers: Handler, clock: Any = None, **given: Any) -> Listening:
            more = {} if clock is None else {"clock": clock}
            settings = make_settings(tmp_path, **given)
            listener = Listener(settings, registry=Registry(handlers), **more)
            return Listening(listener, stack.enter_context(served(listener)))

        yield start


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open.set()
