import json
import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from almahook.cli import main
from operating import Project


@dataclass(frozen=True)
class Said:
    """What a command has said, and how it ended."""

    status: int
    raw: bytes
    err: str

    @property
    def out(self) -> str:
        return self.raw.decode("utf-8")

    @property
    def json(self) -> Any:
        return json.loads(self.raw)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Project]:
    """Return the folder of a listener, which is the working directory."""
    monkeypatch.chdir(tmp_path)
    made = Project(tmp_path)
    yield made
    made.inbox.close()


@pytest.fixture
def almahook(
    monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]
) -> Iterator[Callable[..., Said]]:
    """Run a command in this process: ``almahook("events", "list")``."""

    def run(*arguments: object) -> Said:
        monkeypatch.setattr(sys, "argv", ["almahook", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsysbinary.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err.decode("utf-8"))

    root = logging.getLogger()
    before = root.handlers[:]
    yield run
    root.handlers[:] = before
