from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from almahook.app import Listener
from almahook.handlers import Registry
from listening import Listening, make_settings, served


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
