from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from almahook.inbox.sqlite import SQLiteInbox, terms


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inbox.db"


# Whether the bodies of what is collected come with it, or later.
@pytest.fixture(params=[100, 1], ids=["no burst", "burst"])
def open_inbox(path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., SQLiteInbox]]:
    opened = []

    def open_it(**settings: Any) -> SQLiteInbox:
        opened.append(SQLiteInbox(path, **{"burst": request.param, **settings}))
        return opened[-1]

    yield open_it
    for inbox in opened:
        inbox.close()


@pytest.fixture
def small_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few events fill all levels of terms."""
    for name, value in (("_FIRST", 4), ("_TIMES", 2), ("_EVERY", 2), ("_SLICE", 8)):
        monkeypatch.setattr(terms, name, value)
