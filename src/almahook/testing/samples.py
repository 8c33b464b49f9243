"""Messages as Alma sends them, with the values that a test is about."""

from typing import Any, Literal

import msgspec

from almahook.events import Event, read_event, sample_document, without_nulls
from almahook.protocol import ACTIONS

Generation = Literal["2020", "2024"]

_ENVELOPE_2024 = ("id", "action", "event", "institution", "time")


def sample(
    action: str, *, event: str = "", generation: Generation = "2024", **overrides: Any
) -> bytes:
    """Make the body of a message, in the bytes that Alma would send.

    Args:
        action: For example ``LOAN``; one that Alma does not send makes a message without a payload.
        event: The sub-event, for example ``LOAN_RETURNED``; empty takes the sample's.
        generation: ``2020`` has nulls for what is absent, ``2024`` leaves it out.
        **overrides: Values by their name in the payload (``submitted_by="amendez"``), or by a path
            whose steps are joined by ``__`` or a dot (``item_loan__circ_desk="MAIN"``). A path from
            the top makes what is not there. ``{"value", "desc"}`` is spelled out for you.

    Raises:
        KeyError: The payload has no such name.
    """
    document = _document(action.upper())
    if event:
        document["event"] = {"value": event, "desc": event.replace("_", " ").capitalize()}
    for name, value in overrides.items():
        _override(document, name.replace("__", ".").split("."), value)
    return msgspec.json.encode(document if generation == "2020" else _in_2024(document))


def sample_event(
    action: str,
    *,
    event: str = "",
    generation: Generation = "2024",
    profile: str = "main",
    **overrides: Any,
) -> Event:
    """Make an event as handlers get it; the arguments are those of :func:`sample`.

    Raises:
        KeyError: The payload has no such name.
    """
    body = sample(action, event=event, generation=generation, **overrides)
    return read_event(body, profile=profile)


def _document(action: str) -> dict[str, Any]:
    if action in ACTIONS:
        return sample_document(action)
    institution = {"value": "01EXAMPLE_INST", "desc": "Example University"}
    time = "2024-11-05T16:20:36.005Z"
    return {"id": "1", "action": action, "institution": institution, "time": time}


def _override(document: dict[str, Any], path: list[str], value: Any) -> None:
    *folders, name = path
    kind = ACTIONS.get(document["action"])
    payload = kind.payload if kind else ""
    place = document
    if payload and path[0] not in {*document, payload}:
        place = document[payload]
        _require(place, path, payload)
    for folder in folders:
        if not isinstance(place.get(folder), dict):
            place[folder] = {}
        place = place[folder]
    place[name] = _coded(place.get(name), value)


def _require(payload: dict[str, Any], path: list[str], name: str) -> None:
    place: Any = payload
    for step in path:
        if not isinstance(place, dict) or step not in place:
            wanted = ".".join(path)
            raise KeyError(
                f"The sample's {name} has no {wanted}. To add it, write {name}__{'__'.join(path)}"
            )
        place = place[step]


def _coded(present: Any, value: Any) -> Any:
    """Spell a plain value as Alma does where the sample has ``{"value", "desc"}``."""
    if isinstance(present, dict) and "value" in present and not isinstance(value, dict | None):
        return {"value": value}
    return value


def _in_2024(document: dict[str, Any]) -> dict[str, Any]:
    plain = without_nulls(document)
    ordered = {name: plain[name] for name in _ENVELOPE_2024 if name in plain}
    return {**ordered, **plain}
