"""Makes the messages that Alma sends: every action and event, in both generations of the JSON."""

import random
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import msgspec

from almahook.events import sample_document, without_nulls
from almahook.protocol import ACTIONS
from almahook.simulator.variety import JOB_STATUSES, VARY, alert_of, digits, stamp_of

Generation = Literal["2020", "2024"]

# The sub-events of each action, with Alma's words for them.
EVENTS: Mapping[str, Mapping[str, str]] = {name: kind.events for name, kind in ACTIONS.items()}

# The older generation carries a slot for each of these in every message.
_SLOTS = ("bib", "holding", "item", "portfolio", "representation")
_ENVELOPE_2020 = ("id", "action", "institution", "time", "event")
_ENVELOPE_2024 = ("id", "action", "event", "institution", "time")
_JOB_KEYS_2024 = (
    "id",
    "name",
    "progress",
    "status",
    "external_id",
    "submitted_by",
    "submit_time",
    "start_time",
    "end_time",
    "status_date",
    "alert",
    "counter",
    "job_info",
    "link",
)
_BIB_EXTRAS_2024 = {
    "suppress_from_metadoor": "false",
    "rank": "0",
    "brief_level": {"value": "10", "desc": "10"},
}

# With a seed the same messages come out each time, so their clock starts at a fixed moment.
_SEEDED_START = datetime(2026, 11, 2, 8, 0, tzinfo=UTC)


class Messages:
    """Makes messages that differ as real ones do; the same seed makes the same messages."""

    def __init__(self, seed: int | None) -> None:
        self._lock = threading.Lock()
        self._chance = random.Random(seed)  # noqa: S311 - variety is not a secret
        self._clock = _seeded_clock(self._chance) if seed is not None else _now

    def message(
        self,
        action: str,
        event: str | None = None,
        *,
        generation: Generation = "2024",
        overrides: Mapping[str, Any] | None = None,
        id: str | None = None,  # noqa: A002 - Alma's word for it
    ) -> bytes:
        """Make one message as the bytes of Alma's wire form: compact JSON, UTF-8.

        Args:
            action: For example ``LOAN``; others than Alma's seven make a minimal message.
            event: The sub-event; None takes one of the action's at random.
            generation: ``2020`` writes nulls, ``2024`` leaves them out.
            overrides: Values by dotted path, for example ``job_instance.status.value``.
            id: The message's id; None makes a new one.

        Raises:
            KeyError: An override's path leads through something that is not there.
        """
        with self._lock:
            document = self._document(action.upper(), event, id)
        for path, value in (overrides or {}).items():
            _put(document, path, value)
        _agree(document, overrides or {})
        return msgspec.json.encode(_SHAPES[generation](document))

    def _document(self, action: str, event: str | None, id_: str | None) -> dict[str, Any]:
        now = self._clock()
        known = EVENTS.get(action, {})
        event = event or (self._chance.choice(list(known)) if known else "")
        document = sample_document(action) if action in ACTIONS else _unknown(action)
        document["id"] = id_ or self._new_id(action)
        document["time"] = stamp_of(now)
        document["event"] = _coded(event, known) if event else None
        if action in VARY:
            VARY[action](document, event, self._chance, now)
        return document

    def _new_id(self, action: str) -> str:
        if action == "JOB_END":
            # The id of the job's process.
            return digits(self._chance, "488", 17)
        # Over 2**53, so that whoever reads it as a number loses digits.
        return str(self._chance.getrandbits(62) + 2**60)


def _now() -> datetime:
    return datetime.now(UTC)


def _seeded_clock(chance: random.Random) -> Callable[[], datetime]:
    now = _SEEDED_START

    def tick() -> datetime:
        nonlocal now
        now += timedelta(milliseconds=chance.randint(1, 3000))
        return now

    return tick


def _coded(event: str, known: Mapping[str, str]) -> dict[str, str]:
    return {"value": event, "desc": known.get(event) or event.replace("_", " ").capitalize()}


def _unknown(action: str) -> dict[str, Any]:
    institution = {"value": "01EXAMPLE_INST", "desc": "Example University"}
    return {"action": action, "institution": institution, action.lower(): {"link": None}}


def _put(document: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    holder: Any = document
    for key in parents:
        holder = holder[int(key)] if isinstance(holder, list) else holder[key]
    if isinstance(holder, list):
        holder[int(last)] = value
    else:
        holder[last] = value


def _agree(document: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    """Let what follows from an override follow, unless it is overridden too."""
    job = document.get("job_instance")
    if not isinstance(job, dict):
        return
    document["id"] = job["id"] = overrides.get("job_instance.id", document["id"])
    if "job_instance.status.value" in overrides:
        _follow_status(job, overrides)
    if "time" in overrides and "job_instance.end_time" not in overrides:
        job["end_time"] = document["time"]


def _follow_status(job: dict[str, Any], overrides: Mapping[str, Any]) -> None:
    status = overrides["job_instance.status.value"]
    following = {
        "job_instance.status.desc": JOB_STATUSES.get(status, status),
        "job_instance.alert": [alert_of(status)],
        "job_instance.progress": 0 if status == "FAILED" else 100,
    }
    for path, value in following.items():
        if path not in overrides:
            _put({"job_instance": job}, path, value)


def _as_2020(document: dict[str, Any]) -> dict[str, Any]:
    payload = {
        key: value
        for key, value in document.items()
        if key not in _ENVELOPE_2020 and (key not in _SLOTS or value is not None)
    }
    if "webhook_user" in payload:
        document = {**document, "event": None}
    if isinstance(job := payload.get("job_instance"), dict):
        # The job's own id was not in the link then.
        job["link"] = f"/almaws/v1/conf/jobs/M0/instances/{job['id']}"
    slots: dict[str, Any] = dict.fromkeys(_SLOTS)
    before = {key: value for key, value in payload.items() if key not in slots}
    envelope = {key: document[key] for key in _ENVELOPE_2020}
    return {**envelope, **before, **slots, **payload}


def _as_2024(document: dict[str, Any]) -> dict[str, Any]:
    if isinstance(job := document.get("job_instance"), dict):
        document["job_instance"] = _job_2024(job)
    if isinstance(bib := document.get("bib"), dict):
        bib.update({key: value for key, value in _BIB_EXTRAS_2024.items() if key not in bib})
    rest = {key: value for key, value in document.items() if key not in _ENVELOPE_2024}
    ordered = {**{key: document[key] for key in _ENVELOPE_2024}, **rest}
    return {key: without_nulls(value) for key, value in ordered.items() if value is not None}


def _job_2024(job: dict[str, Any]) -> dict[str, Any]:
    job = dict(job)
    if isinstance(submitter := job.get("submitted_by"), dict):
        job["submitted_by"] = {key: submitter[key] for key in submitter if key != "desc"}
    if isinstance(info := job.get("job_info"), dict):
        job["link"] = f"/almaws/v1/conf/jobs/{info.get('id')}/instances/{job['id']}"
    ordered = {key: job.pop(key) for key in _JOB_KEYS_2024 if key in job}
    return {**ordered, **job}


_SHAPES: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "2020": _as_2020,
    "2024": _as_2024,
}
