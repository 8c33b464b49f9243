from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from almahook import Context, Event
from almahook.errors import AlmaNotFoundError, InvalidNumberError
from almahook.events import read_event
from almahook.handlers import Handler, Registry, load_handlers

EXAMPLES = Path(__file__).parents[2] / "examples" / "handlers"


class Desk:
    """The world that the examples reach: users by id, and what was sent."""

    def __init__(self) -> None:
        self.numbers: dict[str, str] = {"amendez": "+1 555 010 0123"}
        self.sent: list[str] = []
        self.steps: dict[str, bytes] = {}

    def get_user(self, user_id: str) -> Any:
        if user_id not in self.numbers:
            raise AlmaNotFoundError(http_status=400, error_code="401861")
        return SimpleNamespace(primary_id=user_id, sms_number=self.numbers[user_id])

    def sms(self, number: str, text: str) -> None:
        if not number.startswith("+"):
            raise InvalidNumberError
        self.sent.append(text)

    def chat(self, text: str, *, subject: str = "") -> None:
        self.sent.append(text or subject)

    def load(self, name: str) -> bytes | None:
        return self.steps.get(name)

    def save(self, name: str, result: bytes) -> None:
        self.steps[name] = result

    def context(self, handler: Handler, attempt: int) -> Context:
        return Context(
            handler=handler.name,
            profile="main",
            run_id=1,
            attempt=attempt,
            deadline=0.0,
            steps=self,
            make_alma=lambda: self,
            notify=self,
        )


@pytest.fixture
def desk() -> Desk:
    return Desk()


@pytest.fixture
def registry() -> Registry:
    return load_handlers(EXAMPLES)


@pytest.fixture
def event() -> Callable[[dict[str, Any]], Event]:
    return lambda document: read_event(msgspec.json.encode({"id": "7", **document}))


@pytest.fixture
def run(registry: Registry, desk: Desk) -> Callable[..., Any]:
    """Run one example for an event; raises KeyError when the example does not take it."""

    def run_one(name: str, event: Event, *, attempt: int = 1) -> Any:
        handler = {one.name: one for one in registry.matching(event)}[name]
        return handler.function(event, desk.context(handler, attempt))

    return run_one
