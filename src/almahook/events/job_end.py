"""JOB_END: a job has finished, well or not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from almahook.events import value
from almahook.events.event import Event
from almahook.events.view import day, moment, number, text, texts

# The code table systemJobStatus.
# https://developers.exlibrisgroup.com/alma/apis/docs/xsd/rest_job_instance.xsd/
TERMINAL_STATUSES = frozenset(
    {
        "COMPLETED_SUCCESS",
        "COMPLETED_WARNING",
        "COMPLETED_FAILED",
        "COMPLETED_NO_BULKS",
        "FAILED",
        "SKIPPED",
        "SYSTEM_ABORTED",
        "USER_ABORTED",
        "MANUAL_HANDLING_REQUIRED",
    }
)
_COMPLETED = "COMPLETED_"
_NOT_PEOPLE = {"", "System", "API", "AlmaAdmin"}


@dataclass(frozen=True, slots=True)
class Counter:
    """One figure of a job's report.

    Attributes:
        type: Its code, for example ``label.new.records``.
        desc: Its name in words; empty when absent.
        value: As Alma wrote it; not every counter is a number.
    """

    type: str
    desc: str
    value: str

    @property
    def number(self) -> int | float | None:
        """The value as a number; None where it is words."""
        return value.number(self.value)


class JobEnd(Event):
    """A job has finished. It comes for every job of the institution, whoever started it."""

    job_id = text("job_info.id", "The job's stable id, for example ``M47`` or ``S6418…``.")
    job_name = text("job_info.name", "The job's name.")
    job_type = text("job_info.type", "``SCHEDULED``, ``MANUAL`` or ``OTHER``.")
    job_category = text("job_info.category", "For example ``PUBLISHING``.")
    job_description = text("job_info.description", "What the job does, in Alma's words.")
    instance_id = text("id", "This execution's id, which names of published files contain.")
    external_id = text("external_id", "The id of the process in Alma's own words.")
    name = text("name", "This execution's name.")
    status = text("status", "For example ``COMPLETED_SUCCESS``.")
    status_text = text("status.desc", "The status in words.")
    status_date = day("status_date", "The day on which it reached this status.")
    submitted_by = text("submitted_by", "The submitter's primary id, ``System`` or ``API``.")
    submitter_name = text("submitted_by.desc", "The submitter's name; not in newer messages.")
    submit_time = moment("submit_time", "When it was submitted.")
    start_time = moment("start_time", "When it began.")
    end_time = moment("end_time", "When it ended.")
    progress = number("progress", "Percent; it can exceed 100, and stay 0 when a job failed.")
    alerts = texts("alert", "The codes of its alerts, for example ``alert_general_success``.")
    actions = texts("action", "The codes of what it did with records; metadata import only.")
    link = text("link", "Its path in Alma's REST API.")

    @property
    def is_terminal(self) -> bool:
        """Whether the status is one that a job ends in."""
        return self.status in TERMINAL_STATUSES

    @property
    def is_completed(self) -> bool:
        """Whether it came to its end: its output is there, though some records may have failed."""
        return self.status.startswith(_COMPLETED)

    @property
    def is_from_person(self) -> bool:
        """Whether a person submitted it, and not Alma itself or an API."""
        return self.submitted_by not in _NOT_PEOPLE

    @property
    def counters(self) -> Sequence[Counter]:
        """Its figures, in Alma's order; one type can come several times."""
        found = value.entries(self.payload.get("counter"))
        return [_counter(one) for one in found if isinstance(one, Mapping)]

    def counter(self, *types: str) -> int | float | None:
        """Add up the figures of one or more types; None when there is none that is a number."""
        numbers = [one.number for one in self.counters if one.type in types]
        found = [figure for figure in numbers if figure is not None]
        return sum(found) if found else None

    def counter_text(self, type: str) -> str:  # noqa: A002 - Alma's word for it
        """Return the value of the first counter of one type as text; empty when there is none."""
        return next((one.value for one in self.counters if one.type == type), "")


def _counter(entry: Mapping[str, Any]) -> Counter:
    return Counter(
        type=value.text(entry.get("type")),
        desc=value.text(value.at(entry, "type.desc")),
        value=value.text(entry.get("value")),
    )
