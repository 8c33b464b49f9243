"""The sample events that ``almahook send`` sends."""

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from almahook.errors import ConfigurationError
from almahook.events import sample_document
from almahook.protocol import ACTIONS
from almahook.simulator import Messages, to_xml

# Somebody whom the pretend Alma knows with a number for texts, and a job that went well: what a
# person wants to see first. Messages alone vary, as they do in a library.
_USUAL: Mapping[str, Mapping[str, Any]] = {
    "JOB_END": {
        "job_instance.submitted_by": {"value": "amendez", "desc": "Méndez, Ana"},
        "job_instance.status.value": "COMPLETED_SUCCESS",
    }
}
# What Alma's words for it follow from.
_FOLLOWED = {"job_instance.status"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """One message, as it goes out."""

    id: str
    body: bytes = field(repr=False)

    @property
    def content_type(self) -> str:
        """Say what Alma would say."""
        is_xml = self.body.lstrip().startswith(b"<")
        return "application/xml" if is_xml else "application/json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What is to be sent.

    Attributes:
        event: The sub-event; empty takes one of the action's.
        overrides: Values by dotted path.
    """

    action: str
    event: str = ""
    overrides: Mapping[str, Any] = field(default_factory=dict)
    xml: bool = False
    same_id: bool = False


def read_kind(action: str, event: str | None) -> tuple[str, str]:
    """Read an action, or the event that says which action it belongs to: ``LOAN_RETURNED``."""
    name = action.strip().upper()
    for known, kind in ACTIONS.items():
        if name in kind.events and event is None:
            return known, name
    return name, (event or "").strip().upper()


def hint(action: str) -> str:
    """Say what may have been meant by an action that Alma is not known to send."""
    if action in ACTIONS:
        return ""
    names = [*ACTIONS, *(event for kind in ACTIONS.values() for event in kind.events)]
    near = difflib.get_close_matches(action, names, n=1, cutoff=0.7)
    meant = f"Did you mean {near[0]}?" if near else f"It sends: {', '.join(ACTIONS)}."
    return f"Alma is not known to send {action}. {meant}"


def read_overrides(action: str, assignments: Sequence[str]) -> dict[str, Any]:
    """Read ``path=value`` assignments; a path may begin in the payload (``user_id=amendez``).

    Raises:
        ConfigurationError: One is no assignment, or its path leads nowhere.
    """
    overrides = dict(_USUAL.get(action, {}))
    for assignment in assignments:
        path, equals, text = assignment.partition("=")
        if not equals or not path:
            raise ConfigurationError(f"{assignment!r} is no assignment: write --set path=value")
        full, present = _find(action, path)
        value = _value(text, present)
        for name in [one for one in overrides if one == full or one.startswith(f"{full}.")]:
            del overrides[name]
        overrides |= _spelled(full, present, value)
    return overrides


def make_letters(wish: Wish, count: int) -> Iterator[Letter]:
    """Make so many messages, each with its own id, unless it is to be the same message again.

    Raises:
        ConfigurationError: An override's path leads nowhere.
    """
    messages = Messages(None)
    first = _make(messages, wish)
    yield first
    for _ in range(count - 1):
        yield first if wish.same_id else _make(messages, wish)


def _make(messages: Messages, wish: Wish) -> Letter:
    try:
        body = messages.message(wish.action, wish.event or None, overrides=wish.overrides)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"A --set path leads through something that this {wish.action} does not have: {error}"
        ) from None
    return Letter(id=str(json.loads(body)["id"]), body=to_xml(body) if wish.xml else body)


def _find(action: str, path: str) -> tuple[str, Any]:
    """Return the path from the top, and what the sample has there."""
    if action not in ACTIONS:
        return path, None
    payload = ACTIONS[action].payload
    document = sample_document(action)
    steps = path.split(".")
    if steps[0] not in document:
        _require(document[payload], steps[0], action=action, path=f"{payload}.{path}")
        steps = [payload, *steps]
    return ".".join(steps), _at(document, steps)


def _require(payload: Mapping[str, Any], name: str, *, action: str, path: str) -> None:
    if name in payload:
        return
    near = difflib.get_close_matches(name, payload, n=1, cutoff=0.6)
    meant = f" Did you mean {near[0]}?" if near else ""
    raise ConfigurationError(
        f"The sample {action} has no {name}.{meant} To add it, write --set {path}=…"
    )


def _at(document: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        elif isinstance(document, Mapping):
            document = document.get(step)
        else:
            return None
    return document


def _value(text: str, present: Any) -> Any:
    """Read a value: text where the sample has text (ids are), otherwise JSON if it is some."""
    if text == "null":
        return None
    if isinstance(present, str) or (isinstance(present, Mapping) and "value" in present):
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text


def _spelled(path: str, present: Any, value: Any) -> dict[str, Any]:
    """Spell a plain value as Alma does where it has ``{"value", "desc"}``."""
    if not (isinstance(present, Mapping) and "value" in present) or value is None:
        return {path: value}
    coded = {f"{path}.value": value}
    if "desc" in present and path not in _FOLLOWED:
        coded[f"{path}.desc"] = None
    return coded
