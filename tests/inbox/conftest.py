from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from almahook.inbox.sqlite import SQLiteInbox


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


@pytest.fixture
def open_inbox(path: Path) -> Iterator[Callable[..., SQLiteInbox]]:
    opened = []

    def open_it(**settings: Any) -> SQLiteInbox:
        opened.append(SQLiteInbox(path, **settings))
        return opened[-1]

    yield open_it
    for inbox in opened:
        inbox.close()
