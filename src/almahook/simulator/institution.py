"""The invented institution behind the REST API: its users, jobs, bibs and sets, and its limits."""

import threading
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from almahook.events import sample_document
from almahook.simulator.messages import EVENTS
from almahook.simulator.variety import JOBS, job_info

Record = dict[str, Any]

BASE_PATH = "/almaws/v1"

# The code of a limit that is passed, and Alma's text for it.
TOO_FAST = ("PER_SECOND_THRESHOLD", "HTTP requests are more than allowed per second")
USED_UP = ("DAILY_THRESHOLD", "API calls are more than allowed per day")

_ITEMS_OF_A_SERIAL = 25
_MEMBERS_OF_A_SET = 250


class _Person(NamedTuple):
    id: str
    first_name: str
    last_name: str
    # What stands in the user's record; an absent key is absent there too.
    contact: Record | None
    status: str = "ACTIVE"
    language: str = "en"


def _phone(number: str, *, sms: bool = False, kind: str = "mobile") -> Record:
    return {
        "phone_number": number,
        "phone_type": [{"value": kind, "desc": kind.capitalize()}],
        "preferred": not sms,
        "preferred_sms": sms,
        "segment_type": "Internal",
    }


def _email(address: str) -> Record:
    return {
        "email_address": address,
        "description": None,
        "email_type": [{"value": "school", "desc": "School"}],
        "preferred": True,
        "segment_type": "External",
    }


# Every way in which real users lack, or spell, a number for texts. The numbers are reserved for
# fiction.
_PEOPLE = (
    _Person("bokafor", "Bisi", "Okafor", {"phone": [_phone("+1 555 010 0142")]}),
    _Person("clindqvist", "Åsa", "Lindqvist", {"email": [_email("al@example.edu")], "phone": None}),
    _Person("dnguyen", "Hạnh", "Nguyễn", {"email": [_email("hn@example.edu")]}, language="fr"),
    _Person("esilva", "Eva", "Silva", None),
    _Person(
        "fkowalska",
        "Łucja",
        "Kowalska",
        {"phone": [_phone("020 7946 0000", kind="office"), _phone("+44 20 7946 0123", sms=True)]},
    ),
    _Person("gtanaka", "Gen", "Tanaka", {"phone": [_phone("0044 (0)20 7946 0124", sms=True)]}),
    _Person("hmuller", "Hanna", "Müller", {"phone": [_phone("(555) 010-0125", sms=True)]}),
    _Person("iadeyemi", "Ife", "Adeyemi", {"phone": [_phone("1.555.010.0126 x12", sms=True)]}),
    _Person("jrossi", "Jo", "Rossi", {"phone": [_phone("ask at the desk", sms=True)]}),
    _Person("kpatel", "Kiran", "Patel", {"phone": []}),
    _Person("lmoreau", "Lou", "Moreau", {"phone": [_phone("15550100127", sms=True)]}, "INACTIVE"),
    _Person("m/smith@example.edu", "Max", "Smith", {"phone": [_phone("15550100128", sms=True)]}),
)


@dataclass(kw_only=True)
class Limits:
    """How many calls the institution may make.

    Attributes:
        per_second: Of all keys together.
        quota: Calls per day.
        remaining: Calls that are left today; set it to 0 to use them up.
    """

    per_second: int = 25
    quota: int = 100_000
    remaining: int = 100_000
    _calls: deque[float] = field(default_factory=deque, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def count(self) -> tuple[str, str] | None:
        """Count one call; return the code and text of the limit that it passes, if any."""
        with self._lock:
            now = time.monotonic()
            while self._calls and now - self._calls[0] >= 1:
                self._calls.popleft()
            if len(self._calls) >= self.per_second:
                return TOO_FAST
            if self.remaining <= 0:
                return USED_UP
            self._calls.append(now)
            self.remaining -= 1
        return None


@dataclass(kw_only=True)
class Institution:
    """What the REST API answers from; tests may change all of it at any time.

    Attributes:
        users: By primary id.
        loans: By the user's primary id; likewise ``requests``.
        bibs: By MMS id.
        items: By the bib's MMS id.
        jobs: By job id.
        instances: By job id, then by instance id.
        sets: By set id; each with its ``members`` beside the set itself.
        code_tables: By name.
        outcomes: How a job started over the API will end, by job id; else successfully.
    """

    users: dict[str, Record] = field(default_factory=dict)
    loans: dict[str, list[Record]] = field(default_factory=dict)
    requests: dict[str, list[Record]] = field(default_factory=dict)
    bibs: dict[str, Record] = field(default_factory=dict)
    items: dict[str, list[Record]] = field(default_factory=dict)
    jobs: dict[str, Record] = field(default_factory=dict)
    instances: defaultdict[str, dict[str, Record]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    sets: dict[str, Record] = field(default_factory=dict)
    code_tables: dict[str, Record] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)

    def find_user(self, identifier: str) -> Record | None:
        """Find a user by primary id, whatever its case, or by any other identifier."""
        wanted = identifier.casefold()
        for primary_id, user in self.users.items():
            others = {entry["value"] for entry in user.get("user_identifier") or ()}
            if primary_id.casefold() == wanted or identifier in others:
                return user
        return None

    def find_item(self, *, barcode: str) -> Record | None:
        """Find an item by its barcode."""
        for items in self.items.values():
            for item in items:
                if item["item_data"].get("barcode") == barcode:
                    return item
        return None


def example_institution() -> Institution:
    """Make the institution that a new simulator starts with."""
    bib = sample_document("BIB")["bib"]
    item = sample_document("ITEM")["item"]
    serial = item["bib_data"]["mms_id"]
    return Institution(
        users=_users(),
        loans={"amendez": [sample_document("LOAN")["item_loan"]]},
        requests={"amendez": [sample_document("REQUEST")["user_request"]]},
        bibs={bib["mms_id"]: bib, serial: {**bib, **item["bib_data"]}},
        items={serial: [_item(item, number) for number in range(_ITEMS_OF_A_SERIAL)]},
        jobs={job.id: job_info(job) for job in JOBS},
        sets={"6944932170002319": _set("6944932170002319")},
        code_tables={"WebhookEvents": _webhook_events()},
    )


def _users() -> dict[str, Record]:
    ana = sample_document("USER")["webhook_user"]["user"]
    return {"amendez": ana, **{person.id: _user(ana, person) for person in _PEOPLE}}


def _user(ana: Record, person: _Person) -> Record:
    user = {
        **ana,
        "primary_id": person.id,
        "first_name": person.first_name,
        "last_name": person.last_name,
        "full_name": f"{person.first_name} {person.last_name}",
        "pref_first_name": "",
        "pref_last_name": "",
        "pin_number": "",
        "status": {"value": person.status, "desc": person.status.capitalize()},
        "preferred_language": {"value": person.language, "desc": person.language},
        "user_identifier": [],
        "contact_info": person.contact,
    }
    if person.contact is None:
        del user["contact_info"]
    return user


def _item(item: Record, number: int) -> Record:
    pid = str(int(item["item_data"]["pid"]) + number)
    data = {
        **item["item_data"],
        "pid": pid,
        "barcode": str(int(item["item_data"]["barcode"]) + number),
        "description": f"v.{number + 1}",
    }
    link = f"{item['holding_data']['link']}/items/{pid}"
    return {**item, "item_data": data, "link": link}


def _set(set_id: str) -> Record:
    members = [
        {"id": f"99{number:013}2319", "description": f"Ausgewähltes Werk {number + 1}"}
        for number in range(_MEMBERS_OF_A_SET)
    ]
    return {
        "id": set_id,
        "name": "Werke für den Export",
        "type": {"value": "ITEMIZED", "desc": "Itemized"},
        "content": {"value": "BIB_MMS", "desc": "All Titles"},
        "status": {"value": "ACTIVE", "desc": "Active"},
        "members": members,
    }


def _webhook_events() -> Record:
    rows = [
        {"code": code, "description": text, "default": False, "enabled": True}
        for events in EVENTS.values()
        for code, text in events.items()
    ]
    return {"name": "WebhookEvents", "description": "Webhook events", "row": rows}
