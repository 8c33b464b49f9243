from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from almahook import Context, Event
from almahook.events import read_event

JOB = {
    "id": "48811093370002319",
    "action": "JOB_END",
    "institution": {"value": "01EXAMPLE_INST", "desc": "Example University"},
    "time": "2024-11-05T07:27:10.961Z",
    "job_instance": {
        "id": "48811093370002319",
        "name": "Export Physical Items [weekly]",
        "progress": 100.3,
        "status": {"value": "COMPLETED_FAILED", "desc": "Completed with Errors"},
        "submitted_by": {"value": "amendez"},
        "counter": [
            {"type": {"value": "label.new.records", "desc": "New Records"}, "value": "66"},
            {"type": {"value": "c.jobs.bibExport.link"}, "value": "BIBLIOGRAPHIC_4881"},
        ],
        "job_info": {"id": "M47", "name": "Export Physical Items", "type": {"value": "MANUAL"}},
    },
}

LOAN = {
    "id": "3195084610515693201",
    "action": "LOAN",
    "event": {"value": "LOAN_RETURNED", "desc": "Loan returned"},
    "institution": {"value": "01EXAMPLE_INST"},
    "time": "2024-11-05T16:20:36.005Z",
    "item_loan": {
        "loan_id": "6910685616953322",
        "library": {"value": "UNIV_LIB", "desc": "Example Main Library"},
        "circ_desk": None,
        "mms_id": "99525303135979361",
        "renewable": False,
        "description": "",
    },
}


class Shelf:
    """Steps in memory; the stores have their own tests."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}

    def load(self, name: str) -> bytes | None:
        return self.kept.get(name)

    def save(self, name: str, result: bytes) -> None:
        self.kept[name] = result


class Outbox:
    """Keeps what would be sent."""

    def __init__(self) -> None:
        self.texts: list[tuple[str, str]] = []

    def sms(self, number: str, text: str) -> None:
        self.texts.append((number, text))

    def mail(self, address: object, text: str, *, subject: str = "") -> None:
        self.texts.append((str(address), text or subject))

    def chat(self, text: str, *, subject: str = "") -> None:
        self.texts.append((subject, text))


def event_of(document: dict[str, Any], *, profile: str = "main") -> Event:
    return read_event(msgspec.json.encode(document), profile=profile)


@pytest.fixture
def make_event() -> Callable[..., Event]:
    return event_of


@pytest.fixture
def job() -> Event:
    return event_of(JOB)


@pytest.fixture
def loan() -> Event:
    return event_of(LOAN)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


@pytest.fixture
def make_context(shelf: Shelf) -> Callable[..., Context]:
    def make(**changes: Any) -> Context:
        given = {
            "handler": "job_end",
            "profile": "main",
            "run_id": 1,
            "attempt": 1,
            "deadline": 0.0,
            "steps": shelf,
            "make_alma": None,
            "notify": Outbox(),
        }
        return Context(**{**given, **changes})

    return make


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "handlers"
    path.mkdir()
    return path


@pytest.fixture
def write(folder: Path) -> Callable[..., Path]:
    """Write handler files: ``write(job_end="def process(event): ...")``; return their folder."""

    def write_files(**files: str) -> Path:
        for stem, code in files.items():
            (folder / f"{stem}.py").write_text(code, encoding="utf-8")
        return folder

    return write_files
