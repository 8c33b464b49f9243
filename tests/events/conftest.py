import json
from collections.abc import Callable
from importlib import resources
from typing import Any

import pytest

from almahook.events import Event, read_event
from almahook.events.view import Field, View

FOLDER = resources.files("almahook.events") / "samples"
SAMPLES = {
    file.name.removesuffix(".json"): file.read_bytes()
    for file in sorted(FOLDER.iterdir(), key=lambda file: file.name)
    if file.name != "signature_vectors.json"
}

Make = Callable[..., Any]


def names_of(kind: type[View]) -> list[str]:
    """The fields and properties that a view declares, also those of the views it is made from."""
    return [
        name
        for ancestor in kind.__mro__
        for name, member in vars(ancestor).items()
        if isinstance(member, Field | property)
    ]


def values_of(view: View) -> dict[str, Any]:
    """Read all that a view declares, and what the views within it declare."""
    return {name: _read(getattr(view, name)) for name in names_of(type(view))}


def _read(value: Any) -> Any:
    return values_of(value) if isinstance(value, View) else value


@pytest.fixture
def make() -> Make:
    """Make an event of an action, out of its payload."""

    def make(key: str, payload: Any, *, action: str, **fields: Any) -> Event:
        document = {"id": "1", "action": action, **fields, key: payload}
        return read_event(json.dumps(document).encode())

    return make
