"""What differs from one message to the next, as it does in a library: all names are invented."""

import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

# Code table systemJobStatus, the final ones.
JOB_STATUSES: Mapping[str, str] = {
    "COMPLETED_SUCCESS": "Completed Successfully",
    "COMPLETED_FAILED": "Completed with Errors",
    "COMPLETED_WARNING": "Completed with Warnings",
    "COMPLETED_NO_BULKS": "Completed with no bulks",
    "FAILED": "Failed",
    "SKIPPED": "Skipped",
    "SYSTEM_ABORTED": "Aborted by system",
    "USER_ABORTED": "Aborted by user",
    "MANUAL_HANDLING_REQUIRED": "Manual handling required",
}
_STATUS_WEIGHTS = (70, 12, 5, 3, 4, 2, 1, 2, 1)


class Job(NamedTuple):
    """A job that the institution runs."""

    id: str
    name: str
    type: str
    category: str
    counters: Mapping[str, str]


JOBS = (
    Job("M47", "Export Physical Items", "MANUAL", "REPOSITORY", {}),
    Job("M48", "Export Bibliographic Records", "MANUAL", "REPOSITORY", {}),
    Job("M53", "Filter set by indication", "MANUAL", "METADATA_MANAGEMENT", {}),
    Job(
        "S48800410002319",
        "Publishing Platform Job General Publishing",
        "SCHEDULED",
        "PUBLISHING",
        {"c.jobs.publishing.totalRecordsWrittenToFile": "Total records written to file"},
    ),
    Job(
        "S48800420002319",
        "Export to bursar using profile Sémestre d'été",
        "SCHEDULED",
        "FULFILLMENT",
        {"com.exlibris.external.bursar.report.fines_fees_count": "Number of fines and fees"},
    ),
    Job(
        "S48800430002319", "Users SIS Synchronization using profile Campus", "SCHEDULED", "SIS", {}
    ),
    Job("S48800440002319", "Notifications - Send Courtesy Notices", "OTHER", "FULFILLMENT", {}),
)

# As in real bodies: a counter's value is a string, and not always a number.
_TEXT_COUNTERS = (
    ("c.jobs.bibExport.link", "Link to exported records", "BIBLIOGRAPHIC_48811093370002319"),
    ("Publishing error", "", "Failed to parse marc record 991002319: ungültiges Zeichen"),
    ("FTP has failed.", "", "Download zip file for manual FTP."),
)
_SUBMITTERS = (
    ("System", None),
    ("System", None),
    ("API", None),
    ("amendez", "Méndez, Ana"),
    ("amendez", "Méndez, Ana"),
    ("fkowalska", "Kowalska, Łucja"),
    ("clindqvist", "Lindqvist, Åsa"),
)
_TITLES = (
    "Faculty staff laptop",
    "Cien años de lectura : una historia /",
    "Die Straße der Bücher : Übersetzungen aus drei Jahrhunderten /",
    "L'été des bibliothèques /",
    "図書館の歴史",
    "مكتبة المدينة",
    "История каталога : очерки /",
    "Łódź i jej książnice /",
    'The "quiet" room & other stories <revised> /',
    "Emoji in print : 📚 from 1999 to today /",
)
_AUTHORS = ("Ødegård, Bjørn,", "Nguyễn, Thị Hạnh,", "山田, 花子", "Smith-Jones, A. B.,", None)
USERS = ("amendez", "bokafor", "clindqvist", "dnguyen", "esilva", "fkowalska")
_GROUPS = (("faculty", "Faculty"), ("student", "Student"), ("staff", "Staff"), ("alumni", "Alumni"))
_LETTERS = (
    ("FulCancelRequestLetter", "Request Update"),
    ("FulUserBorrowingActivityLetter", "Borrowing Activity"),
    ("FulItemChangeDueDateLetter", "Loan Status Notice"),
    ("FulPlaceOnHoldShelfLetter", "On Hold Shelf"),
)
_REQUEST_TYPES = (
    ("HOLD", "PATRON_PHYSICAL", "Patron physical item request"),
    ("HOLD", "PATRON_PHYSICAL", "Patron physical item request"),
    ("BOOKING", "BOOKING", "Booking request"),
    ("DIGITIZATION", "PATRON_DIGITIZATION", "Patron digitization request"),
    ("MOVE", "MOVE_TEMP", "Move temporarily"),
    ("WORK_ORDER", "Int", "Internal work order"),
)
_REQUEST_STATES = {
    "REQUEST_CREATED": ("NOT_STARTED", "Pickup From Shelf"),
    "REQUEST_PLACED_ON_SHELF": ("ON_HOLD_SHELF", "On Hold Shelf"),
}
_LOAN_STATES = {
    "LOAN_LOST": "LOST",
    "LOAN_CLAIMED_RETURNED": "CLAIMED_RETURN",
    "LOAN_RENEWED": "RENEW",
}
_PROCESSES = (
    ("", None),
    ("LOAN", "Loan"),
    ("HOLDSHELF", "Hold Shelf"),
    ("TRANSIT", "Transit"),
    ("ACQ", "Acquisition"),
    ("MISSING", "Missing"),
)
# One record in so many is of the size that trips body limits.
_BIG_ONE_IN = 25
_BIG_FIELDS = 1200


def date_of(moment: datetime) -> str:
    """Write a date as Alma does, with a zone: ``2020-10-21Z``."""
    return f"{moment:%Y-%m-%d}Z"


def stamp_of(moment: datetime) -> str:
    """Write a moment as Alma does, in UTC with milliseconds: ``2020-08-17T15:03:24.605Z``."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def digits(chance: random.Random, start: str, length: int) -> str:
    """Make an id of so many digits."""
    return start + "".join(chance.choices("0123456789", k=length - len(start)))


def _job_end(document: dict[str, Any], event: str, chance: random.Random, now: datetime) -> None:
    del event
    instance = document["job_instance"]
    # Of JOB_END the envelope's id is the job's process id.
    instance["id"] = document["id"]
    job = chance.choice(JOBS)
    status = chance.choices(list(JOB_STATUSES), _STATUS_WEIGHTS)[0]
    submitter, full_name = chance.choice(_SUBMITTERS)
    start = now - timedelta(seconds=chance.randint(2, 4000))
    instance |= {
        "external_id": instance["id"],
        "name": job.name,
        "submitted_by": {"value": submitter, "desc": full_name},
        "submit_time": stamp_of(start - timedelta(seconds=1)),
        "start_time": stamp_of(start),
        "end_time": stamp_of(now),
        "progress": _progress(status, chance),
        "status": {"value": status, "desc": JOB_STATUSES[status]},
        "status_date": date_of(now),
        "alert": [alert_of(status)],
        "counter": _counters(job, status, chance),
        "job_info": job_info(job),
    }


def _progress(status: str, chance: random.Random) -> float:
    # Seen in real bodies: over 100 at the end of some jobs, and 0 for one that failed.
    return 0 if status == "FAILED" else chance.choice((100, 100, 100.3, 101.3))


def alert_of(status: str) -> dict[str, str]:
    """Say what a job report says first."""
    if status == "COMPLETED_SUCCESS":
        text = "The job completed successfully. For more information view the report details."
        return {"value": "alert_general_success", "desc": text}
    text = (
        "The job completed with errors. For more information view the report details "
        "(or contact Support using the process ID)."
    )
    return {"value": "alert_general_error", "desc": text}


def _counters(job: Job, status: str, chance: random.Random) -> list[dict[str, Any]]:
    named = {
        "label.new.records": "New Records",
        "label.updated.records": "Updated Records",
        "label.deleted.records": "Deleted Records",
        **job.counters,
    }
    counters = [_counter(key, text, str(chance.randint(0, 5000))) for key, text in named.items()]
    if status != "COMPLETED_SUCCESS":
        counters += [_counter(*text) for text in chance.sample(_TEXT_COUNTERS, k=2)]
    return counters


def _counter(key: str, text: str, value: str) -> dict[str, Any]:
    return {"type": {"value": key, "desc": text}, "value": value}


def job_info(job: Job) -> dict[str, Any]:
    """Describe a job as job instances do."""
    return {
        "id": job.id,
        "name": job.name,
        "description": f"{job.name} job",
        "type": {"value": job.type, "desc": job.type.capitalize()},
        "category": {"value": job.category, "desc": job.category.replace("_", " ").title()},
        "link": f"/almaws/v1/conf/jobs/{job.id}",
    }


def _notification(
    document: dict[str, Any], event: str, chance: random.Random, now: datetime
) -> None:
    del event, now
    data = document["notification_data"]
    letter, subject = chance.choice(_LETTERS)
    data["general_data"] = {"letter_name": subject, "letter_type": letter, "subject": subject}
    data["user_request"][0]["request_id"] = digits(chance, "69", 16)


def _user(document: dict[str, Any], event: str, chance: random.Random, now: datetime) -> None:
    changed = document["webhook_user"]
    changed["method"] = event.removeprefix("USER_").removesuffix("D")
    changed["cause"] = chance.choice(("UI", "Alma SIS", "UPDATE_JOB"))
    user = changed["user"]
    user["primary_id"] = chance.choice(USERS)
    group, text = chance.choice(_GROUPS)
    user["user_group"] = {"value": group, "desc": text}
    user["status_date"] = date_of(now)
    if chance.random() < 0.2:  # noqa: PLR2004 - a share of all users
        user["contact_info"] |= {"phone": None}


def _loan(document: dict[str, Any], event: str, chance: random.Random, now: datetime) -> None:
    loan = document["item_loan"]
    loan |= {
        "loan_id": digits(chance, "69", 16),
        "user_id": chance.choice(USERS),
        "item_barcode": digits(chance, "312", 14),
        "mms_id": digits(chance, "99", 17),
        "item_id": digits(chance, "23", 17),
        "title": chance.choice(_TITLES),
        "author": chance.choice(_AUTHORS),
        "loan_date": stamp_of(now - timedelta(days=chance.randint(0, 27))),
        "due_date": f"{now + timedelta(days=28):%Y-%m-%d}T22:00:00Z",
        "process_status": _LOAN_STATES.get(event, "NORMAL"),
    }
    if event == "LOAN_CREATED":
        loan["loan_date"] = stamp_of(now)
    elif event == "LOAN_RETURNED":
        desk = {"value": "DEFAULT_CIRC_DESK", "desc": "Circulation Desk"}
        loan |= {"loan_status": "COMPLETE", "return_date": stamp_of(now)}
        loan |= {"returned_by": {"value": "desk1", "link": None}, "return_circ_desk": desk}
    elif event == "LOAN_RENEWED":
        status = {"value": "RENEWED_SUCCESSFULLY", "desc": "Renewed Successfully"}
        loan |= {"last_renew_date": stamp_of(now), "last_renew_status": status, "renewable": True}


def _request(document: dict[str, Any], event: str, chance: random.Random, now: datetime) -> None:
    request = document["user_request"]
    kind, sub_type, text = chance.choice(_REQUEST_TYPES)
    status, task = _REQUEST_STATES.get(event, ("HISTORY", None))
    request |= {
        "user_primary_id": chance.choice(USERS),
        "request_id": digits(chance, "69", 16),
        "request_type": kind,
        "request_sub_type": {"value": sub_type, "desc": text},
        "mms_id": digits(chance, "99", 15),
        "title": chance.choice(_TITLES),
        "request_status": status,
        "task_name": task,
        "request_date": date_of(now),
        "request_time": stamp_of(now),
        "expiry_date": date_of(now + timedelta(days=10)),
        "barcode": digits(chance, "311", 14),
    }
    if kind in {"MOVE", "WORK_ORDER"}:
        # Staff requests have no user.
        request |= {"user_primary_id": None, "target_destination": {"value": "REPAIR"}}
    elif chance.random() < 0.3:  # noqa: PLR2004 - a share of all requests
        # A request for the title, not for a certain item.
        request |= {"barcode": None, "item_id": None}
    if kind == "BOOKING":
        request |= {
            "booking_start_date": stamp_of(now + timedelta(days=2)),
            "booking_end_date": stamp_of(now + timedelta(days=3)),
        }


def _bib(document: dict[str, Any], event: str, chance: random.Random, now: datetime) -> None:
    bib = document["bib"]
    mms_id = digits(chance, "99", 17)
    title, author = chance.choice(_TITLES), chance.choice(_AUTHORS)
    old_id, old_title, old_author = bib["mms_id"], bib["title"], bib["author"]
    record = bib["anies"][0].replace(old_id, mms_id).replace(old_title, _markup(title))
    record = record.replace(old_author, _markup(author or "Anonymous"))
    if chance.randrange(_BIG_ONE_IN) == 0:
        record = record.replace("</record>", _notes() + "</record>")
    bib |= {
        "mms_id": mms_id,
        "title": title,
        "author": author,
        "anies": [record],
        "holdings": {"value": "", "link": f"/almaws/v1/bibs/{mms_id}/holdings"},
        "last_modified_date": date_of(now),
        "suppress_from_publishing": chance.choice(("false", "false", "false", "true")),
    }
    if event == "BIB_CREATED":
        bib["created_date"] = date_of(now)


def _markup(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _notes() -> str:
    """Make fields that bring a record well over 100 KB, a common default limit of servers."""
    return "".join(
        '<datafield ind1=" " ind2=" " tag="505"><subfield code="a">'
        f"Teil {number} : Kapitel über Bücher, Säle und Leser im Wandel der Zeit</subfield>"
        "</datafield>"
        for number in range(_BIG_FIELDS)
    )


def _item(document: dict[str, Any], event: str, chance: random.Random, now: datetime) -> None:
    item = document["item"]
    item["bib_data"]["title"] = chance.choice(_TITLES)
    data = item["item_data"]
    pid = digits(chance, "23", 17)
    process, text = chance.choice(_PROCESSES)
    in_place = not process
    data |= {
        "pid": pid,
        "barcode": digits(chance, "319", 14),
        "modification_date": date_of(now),
        "process_type": {"value": process, "desc": text},
        "base_status": {
            "value": "1" if in_place else "0",
            "desc": "Item in place" if in_place else "Item not in place",
        },
    }
    if event == "ITEM_CREATED":
        data["creation_date"] = date_of(now)
        # An item that has just been received may have no barcode yet.
        data["barcode"] = chance.choice((data["barcode"], None))
    item["link"] = f"{item['holding_data']['link']}/items/{pid}"


Vary = Callable[[dict[str, Any], str, random.Random, datetime], None]

VARY: Mapping[str, Vary] = {
    "JOB_END": _job_end,
    "NOTIFICATION": _notification,
    "USER": _user,
    "LOAN": _loan,
    "REQUEST": _request,
    "BIB": _bib,
    "ITEM": _item,
}
